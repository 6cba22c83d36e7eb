"""eventfs of Linux 6.8-rc1: listing without dentries; what has no owner of its own has the root's.

Source: fs/tracefs/event_inode.c, 6.8-rc1 (493ec81a8fb8, 8186fff7ab64 and what followed).

A directory that is opened pins nothing any more.  eventfs_iterate() walks the entries and the
children itself, by position, and numbers are the same for all files and for all directories.
The rest is that of 6.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from model.eventfs.linux_6_7 import Eventfs67
from model.eventfs.refcounted import (
    EVENTFS_FILE_INODE_INO,
    EVENTFS_SAVE_GID,
    EVENTFS_SAVE_UID,
    EVENTFS_TOPLEVEL,
    Attr,
)
from model.tracefs.inode import TRACEFS_EVENT_INODE, get_tracefs
from model.vfs.dcache import dput
from model.vfs.err import EINVAL, is_null
from model.vfs.objects import (
    Dentry,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    Section,
    SuperBlock,
)
from model.vfs.readdir import DT_DIR, DT_REG, DirContext, dir_emit_dots

if TYPE_CHECKING:
    from lockwright.core.world import World
    from model.eventfs.directory import EventfsInode
    from model.tracefs.entry import EntryFile

EVENTFS_DIR_INODE_INO = 0x134B2F5
"""The inode number of every directory."""


class Eventfs68rc1(Eventfs67):
    """The statics of event_inode.c, and its functions.

    As of rc1.  Switches:
    `iterate_creates`: as first merged, listing makes the dentries, to know their inode numbers.
    `counts_every_entry`: the position moves over entries that are not there, too.
    `gives_back_position`: the position of a child that did not fit is given back.
    `own_dir_ino`: each directory has a number of its own (rc2).
    """

    def __init__(
        self,
        world: World,
        *,
        iterate_creates: bool = False,
        counts_every_entry: bool = True,
        gives_back_position: bool = True,
        own_dir_ino: bool = False,
        **switches: bool,
    ) -> None:
        self.iterate_creates = iterate_creates
        self.counts_every_entry = counts_every_entry
        self.gives_back_position = gives_back_position
        self.own_dir_ino = own_dir_ino
        super().__init__(world, **switches)

    def make_operations(self) -> None:
        """The tables of functions."""
        super().make_operations()
        self.dir_inode_operations = InodeOperations(
            lookup=self.eventfs_root_lookup,
            setattr=self.eventfs_set_attr,
            getattr=self.eventfs_get_attr,
            permission=self.eventfs_permission,
        )
        self.file_operations = FileOperations(iterate_shared=self.eventfs_iterate)

    # Creating dentries: a lookup gets a reference, too, and puts it.

    async def _locked(self, parent: Dentry, *, lookup: bool) -> bool:
        return False

    async def create_file_dentry(
        self, ei: EventfsInode, idx: int, parent: Dentry, found: EntryFile, *, lookup: bool
    ) -> Dentry:
        """The dentry of a file, with a reference, or NULL."""
        dentry = await super().create_file_dentry(ei, idx, parent, found, lookup=False)
        if lookup:
            await dput(dentry)
        return dentry

    async def create_dir_dentry(
        self, pei: EventfsInode, ei: EventfsInode, parent: Dentry, *, lookup: bool
    ) -> Dentry:
        """The dentry of a directory, with a reference, or NULL."""
        dentry = await super().create_dir_dentry(pei, ei, parent, lookup=False)
        if lookup:
            await dput(dentry)
        return dentry

    async def give_number(self, inode: Inode, ei: EventfsInode | None) -> None:
        """One for all files, one for all directories."""
        if ei is None:
            inode.i_ino = EVENTFS_FILE_INODE_INO
        else:
            inode.i_ino = await self.eventfs_dir_ino(ei, inode.i_sb)

    async def eventfs_dir_ino(self, ei: EventfsInode, sb: SuperBlock) -> int:
        """The number of a directory.

        In rc2 it is drawn when somebody asks first, without a lock, plainly in the C.
        """
        if not self.own_dir_ino:
            return EVENTFS_DIR_INODE_INO
        ino: int = await READ_ONCE(ei, "ino")
        if not ino:
            ino = sb.next_ino()
            await WRITE_ONCE(ei, "ino", ino)
        return ino

    # Listing.

    async def eventfs_iterate(self, file: File, ctx: DirContext) -> int:
        """List the entries and then the children, from the position on.  1 at the end.

        The caller holds the directory's i_rwsem shared.
        """
        if not await dir_emit_dots(file, ctx):
            return 0
        ti = get_tracefs(file.f_inode)
        if not ti.flags & TRACEFS_EVENT_INODE:
            return -EINVAL
        idx = await self.srcu.read_lock()
        await self.mutex.lock()
        ei: EventfsInode | None = ti.private  # type: ignore[assignment]  # of a directory
        if ei is not None and ei.is_freed:
            ei = None
        await self.mutex.unlock()
        ret = -EINVAL
        if ei is not None:
            skip = ctx.pos - 2
            ret = int(
                await self._iterate_entries(ei, skip, file, ctx)
                and await self._iterate_children(ei, skip, file, ctx)
            )
        await self.srcu.read_unlock(idx)
        return ret

    async def _iterate_entries(
        self, ei: EventfsInode, skip: int, file: File, ctx: DirContext
    ) -> bool:
        """False if the buffer is full, or the directory removed."""
        for nth in range(skip, len(ei.entries)):
            entry = ei.entries[nth]
            await self.mutex.lock()
            if ei.is_freed:
                await self.mutex.unlock()
                return False
            found = await entry.callback(entry.name, ei.data)
            await self.mutex.unlock()
            if found is None:
                ctx.pos += self.counts_every_entry
                continue
            ino = EVENTFS_FILE_INODE_INO
            if self.iterate_creates:
                dentry = await self.create_file_dentry(ei, nth, file.f_dentry, found, lookup=False)
                if is_null(dentry):
                    return False
                ino = await self._ino_of(dentry)
            if not await ctx.emit(entry.name, ino, DT_REG):
                return False
            ctx.pos += 1
        return True

    async def _iterate_children(
        self, ei: EventfsInode, skip: int, file: File, ctx: DirContext
    ) -> bool:
        """False if the buffer is full.  is_freed is read without the mutex, plainly in the C."""
        skip -= min(skip, len(ei.entries))
        child: EventfsInode | None = await ei.children.first_srcu(self.srcu.read_lock_held())
        while child is not None:
            if skip > 0:
                skip -= 1
            elif await READ_ONCE(child, "is_freed"):
                ctx.pos += 1
            elif not await self._emit_child(ei, child, file, ctx):
                return False
            child = await ei.children.next(child)
        return True

    async def _emit_child(
        self, ei: EventfsInode, child: EventfsInode, file: File, ctx: DirContext
    ) -> bool:
        ctx.pos += 1
        if self.iterate_creates:
            dentry = await self.create_dir_dentry(ei, child, file.f_dentry, lookup=False)
            if is_null(dentry):
                return False
            ino = await self._ino_of(dentry)
        else:
            ino = await self.eventfs_dir_ino(child, file.f_inode.i_sb)
        if await ctx.emit(child.name, ino, DT_DIR):
            return True
        if self.gives_back_position:
            ctx.pos -= 1
        return False

    async def _ino_of(self, dentry: Dentry) -> int:
        """The number of a dentry's inode; puts the dentry."""
        ino = dentry.d_inode.i_ino
        await dput(dentry)
        return ino

    # Owners: by default that of the root of tracefs, or of the instance.

    def events_attr(self, above: Inode, *, is_top: bool) -> Attr:
        """The owner of the directory `events`; of the top one that it is the root's."""
        return Attr(EVENTFS_TOPLEVEL if is_top else 0, above.i_uid, above.i_gid)

    def update_top_events_attr(self, ei: EventfsInode, sb: SuperBlock) -> None:
        """Fetch the root's owner.  Without a lock, plainly in the C; within a step."""
        if ei.attr.mode & EVENTFS_TOPLEVEL:
            root = sb.s_root.d_inode
            ei.attr = Attr(ei.attr.mode, root.i_uid, root.i_gid)

    async def eventfs_find_events(self, dentry: Dentry) -> EventfsInode | None:
        """The directory `events` above, with its owner brought up to date."""
        ei = await super().eventfs_find_events(dentry)
        if ei is not None:
            found = ei
            await Section(
                "update_top_events_attr",
                found.name,
                lambda task: self.update_top_events_attr(found, dentry.d_sb),
            )
        return ei

    def eventfs_permission(self, inode: Inode) -> None:
        """The top `events` has the owner that the root has now, unless somebody has set it.

        Within a step.  C: eventfs_permission(), set_top_events_ownership().
        """
        ei: EventfsInode | None = get_tracefs(inode).private  # type: ignore[assignment]  # a directory's
        if ei is None or not ei.is_events or not ei.attr.mode & EVENTFS_TOPLEVEL:
            return
        self.update_top_events_attr(ei, inode.i_sb)
        if not ei.attr.mode & EVENTFS_SAVE_UID:
            inode.i_uid = ei.attr.uid
        if not ei.attr.mode & EVENTFS_SAVE_GID:
            inode.i_gid = ei.attr.gid

    async def eventfs_get_attr(self, dentry: Dentry) -> None:
        """The same for stat()."""
        inode = dentry.d_inode
        await Section("eventfs_get_attr", dentry, lambda task: self.eventfs_permission(inode))

    async def set_gid(self, parent: Dentry, gid: int) -> None:
        """Nothing: all take it from the root."""
