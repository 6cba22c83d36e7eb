"""How eventfs of Linux 6.7 makes dentries and inodes of what it knows.

Source: fs/tracefs/event_inode.c, 6.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.eventfs.directory import EventfsInode
from model.eventfs.linux_6_7_attr import Ownership, Saved
from model.tracefs.inode import (
    TRACEFS_EVENT_INODE,
    eventfs_failed_creating,
    eventfs_start_creating,
    get_tracefs,
    tracefs_get_inode,
)
from model.vfs.attr import inc_nlink
from model.vfs.dcache import d_instantiate, d_invalidate, dget, dput
from model.vfs.err import IS_ERR, IS_ERR_OR_NULL, is_null
from model.vfs.libfs import fsnotify
from model.vfs.objects import (
    S_IFDIR,
    S_IFREG,
    Dentry,
    FileOperations,
    Inode,
    InodeOperations,
)

if TYPE_CHECKING:
    from model.tracefs.entry import EntryFile, EventfsEntry

S_IFMT = 0o170000
DIR_MODE = S_IFDIR | 0o755
NO_DENTRY: Dentry = None  # type: ignore[assignment]  # NULL


class Creation(Ownership):
    """Creating dentries.

    As released.  Switches:
    `callback_under_mutex`: callbacks run with the mutex held, if the ei is not freed.
    `locks_whole_open`: whoever opens a directory holds its i_rwsem already.
    `drops_unused`: a dentry that was made for a freed ei is invalidated and put by its maker.
    `freed_has_no_dentry`: that a freed ei has no dentry is taken for granted.
    """

    callback_under_mutex: bool
    locks_whole_open: bool
    drops_unused: bool
    freed_has_no_dentry: bool
    dir_inode_operations: InodeOperations
    file_inode_operations: InodeOperations
    file_operations: FileOperations

    async def call(self, ei: EventfsInode, entry: EventfsEntry) -> EntryFile | None:
        """Ask whether a file is there.  A freed ei may have lost its data: nobody asks then."""
        if not self.callback_under_mutex:
            return await entry.callback(entry.name, ei.data)
        await self.mutex.lock()
        found = None if ei.is_freed else await entry.callback(entry.name, ei.data)
        await self.mutex.unlock()
        return found

    async def create_file(
        self, name: str, saved: Saved | None, parent: Dentry, found: EntryFile
    ) -> Dentry:
        """Make dentry and inode of a file; the dentry comes with a reference.

        The caller holds parent's i_rwsem.
        """
        mode = found.mode
        if not mode & S_IFMT:
            mode |= S_IFREG
        if await self.warn_on(mode & S_IFMT != S_IFREG, "a file that is not regular"):
            return NO_DENTRY
        dentry = await eventfs_start_creating(parent.d_sb, name, parent)
        if IS_ERR(dentry):
            return dentry
        inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
        if is_null(inode):
            return await eventfs_failed_creating(dentry)
        await self.update_inode_attr(dentry, inode, mode, saved)
        inode.i_op = self.file_inode_operations
        inode.i_fop = found.fops
        inode.i_private = found.data
        get_tracefs(inode).flags |= TRACEFS_EVENT_INODE
        await self.give_number(inode, None)
        await d_instantiate(dentry, inode)
        fsnotify(dentry, "create")
        return dentry

    async def give_number(self, inode: Inode, ei: EventfsInode | None) -> None:
        """The inode number of a directory, or of a file, which has no ei: any new one."""

    async def create_dir(self, ei: EventfsInode, parent: Dentry) -> Dentry:
        """Make dentry and inode of a directory; the dentry comes with a reference.

        The caller holds parent's i_rwsem.  That the inode leads to the ei, the caller sees to,
        when the dentry is visible already.
        """
        dentry = await eventfs_start_creating(parent.d_sb, ei.name, parent)
        if IS_ERR(dentry):
            return dentry
        inode = await tracefs_get_inode(dentry.d_sb, dentry.path)
        if is_null(inode):
            return await eventfs_failed_creating(dentry)
        await self.update_inode_attr(dentry, inode, DIR_MODE, (ei, None))
        inode.i_dir = True
        inode.i_op = self.dir_inode_operations
        inode.i_fop = self.file_operations
        get_tracefs(inode).flags |= TRACEFS_EVENT_INODE
        inode.i_nlink = 2
        await self.give_number(inode, ei)
        await d_instantiate(dentry, inode)
        await inc_nlink(dentry.d_parent.d_inode)
        fsnotify(dentry, "mkdir")
        return dentry

    async def _locked(self, parent: Dentry, *, lookup: bool) -> bool:
        """Lock the parent for a dentry of an open, if the open has not; was it?"""
        if lookup or self.locks_whole_open:
            return False
        await parent.d_inode.i_rwsem.down_write()
        return True

    async def create_file_dentry(
        self, ei: EventfsInode, idx: int, parent: Dentry, found: EntryFile, *, lookup: bool
    ) -> Dentry:
        """The dentry of a file: the one that is there, or a new one; NULL if the ei is freed.

        Only without `lookup` it comes with a reference.
        """
        saved: Saved | None = None
        await self.mutex.lock()
        if ei.is_freed:
            await self.mutex.unlock()
            return NO_DENTRY
        known = ei.d_children[idx].get()
        if known is not None:
            if not lookup:
                await dget(known)
            await self.mutex.unlock()
            return known
        if not is_null(ei.entry_attrs):
            saved = (ei.entry_attrs, idx)
        await self.mutex.unlock()
        locked = await self._locked(parent, lookup=lookup)
        dentry = await self.create_file(ei.entries[idx].name, saved, parent, found)
        if locked:
            await parent.d_inode.i_rwsem.up_write()
        await self.mutex.lock()
        known = ei.d_children[idx].get()
        if IS_ERR_OR_NULL(dentry):
            return await self._what_is_there(ei, known, lookup=lookup)
        if known is None and not ei.is_freed:
            ei.d_children[idx].put(dentry)
            dentry.d_fsdata = ei
            return await self._made(dentry, lookup=lookup)
        return await self._too_late(ei, dentry)

    async def create_dir_dentry(
        self, pei: EventfsInode, ei: EventfsInode, parent: Dentry, *, lookup: bool
    ) -> Dentry:
        """The same for a directory `ei` in the directory `pei`."""
        await self.mutex.lock()
        if pei.is_freed or ei.is_freed:
            await self.mutex.unlock()
            return NO_DENTRY
        known = ei.dentry
        if not is_null(known):
            if not lookup:
                await dget(known)
            await self.mutex.unlock()
            return known
        await self.mutex.unlock()
        locked = await self._locked(parent, lookup=lookup)
        dentry = await self.create_dir(ei, parent)
        if locked:
            await parent.d_inode.i_rwsem.up_write()
        await self.mutex.lock()
        known = ei.dentry
        if IS_ERR_OR_NULL(dentry):
            return await self._what_is_there(ei, known, lookup=lookup)
        if is_null(known) and not ei.is_freed:
            ei.dentry = dentry
            self.eventfs_post_create_dir(ei)
            dentry.d_fsdata = ei
            return await self._made(dentry, lookup=lookup)
        return await self._too_late(ei, dentry)

    def eventfs_post_create_dir(self, ei: EventfsInode) -> None:
        """Tell the children who their parent is, and the inode.  The caller holds the mutex."""
        for child in ei.children.entries():
            child.d_parent = ei.dentry
        get_tracefs(ei.dentry.d_inode).private = ei

    async def _what_is_there(
        self, ei: EventfsInode, known: Dentry | None, *, lookup: bool
    ) -> Dentry:
        """Creating failed, perhaps because somebody else was first: what there is now.

        The caller holds the mutex, which this ends.  C: in both functions.
        """
        if self.freed_has_no_dentry:
            await self.warn_on(known is not None and ei.is_freed, "a freed ei with a dentry")
        elif ei.is_freed:
            known = None
        if known is not None and not lookup:
            await dget(known)
        await self.mutex.unlock()
        return known if known is not None else NO_DENTRY

    async def _made(self, dentry: Dentry, *, lookup: bool) -> Dentry:
        """The new dentry is known to its ei.  The caller holds the mutex, which this ends."""
        await self.mutex.unlock()
        if lookup:
            await dput(dentry)
        return dentry

    async def _too_late(self, ei: EventfsInode, dentry: Dentry) -> Dentry:
        """The new dentry is not wanted any more.  The caller holds the mutex, which this ends.

        What becomes of it is left to the removal.
        """
        await self.warn_on(not ei.is_freed, "two dentries of one name")
        await self.mutex.unlock()
        if self.drops_unused:
            await d_invalidate(dentry)
            await dput(dentry)
        return NO_DENTRY
