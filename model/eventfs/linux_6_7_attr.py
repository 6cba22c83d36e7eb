"""Modes and owners in eventfs of Linux 6.7.

Source: fs/tracefs/event_inode.c and inode.c, 6.7.

An inode is made when somebody looks, so what chmod and chown said is kept with the ei; what
nobody has set comes from the directory `events`, and that has it from its parent when it is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE
from model.eventfs.directory import LEVEL_MAX, EventfsInode, Statics
from model.eventfs.refcounted import (
    EVENTFS_SAVE_GID,
    EVENTFS_SAVE_UID,
    Attr,
    EntryAttrs,
    give_attr,
    update_attr,
)
from model.tracefs.inode import TRACEFS_EVENT_INODE, get_tracefs
from model.vfs.err import ENODEV, ENOMEM, follow, is_null
from model.vfs.libfs import simple_setattr
from model.vfs.objects import Dentry, Inode, Section, SuperBlock
from model.vfs.reclaim import GFP_KERNEL, GFP_NOFS, kmalloc_reclaim

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from model.vfs.attr import Iattr


def fsdata(dentry: Dentry) -> EventfsInode:
    """The ei that a dentry points to."""
    return dentry.d_fsdata  # type: ignore[return-value]  # what eventfs puts there


Saved = tuple[EventfsInode, None] | tuple[EntryAttrs, int]
"""Where the attributes are that somebody has set: a directory's, or a file's by its index."""


async def read_saved(saved: Saved | None) -> Attr | None:
    """What they are now; None if nobody has set any."""
    if saved is None:
        return None
    where, idx = saved
    if idx is None:
        attr: Attr = await READ_ONCE(where, "attr")
        return attr
    attrs: tuple[Attr, ...] = await READ_ONCE(where, "attrs")
    return attrs[idx]


class Ownership(Statics):
    """Attributes.

    As released.  Switches:
    `allocates_nofs`: allocating with the mutex held does not enter the file system.
    `inherits_owner`: an inode has the owner of the directory `events`, not root.
    `skips_cursors`: a new gid is not given to dentries that have no inode.
    """

    allocates_nofs: bool
    inherits_owner: bool
    skips_cursors: bool

    async def eventfs_set_attr(self, dentry: Dentry, iattr: Iattr) -> int:
        """chmod, chown.  The caller holds the inode's i_rwsem."""
        await self.mutex.lock()
        ret = await self._set_attr(fsdata(dentry), dentry, iattr)
        await self.mutex.unlock()
        return ret

    async def _set_attr(self, ei: EventfsInode, dentry: Dentry, iattr: Iattr) -> int:
        if ei.is_freed:
            return -ENODEV
        inode = dentry.d_inode
        if not inode.i_dir and is_null(ei.entry_attrs):
            attrs = await self._alloc_entry_attrs(ei, dentry.d_sb)
            if is_null(attrs):
                return -ENOMEM
            ei.entry_attrs = attrs
        ret = await simple_setattr(dentry, iattr)
        if ret < 0:
            return ret
        if inode.i_dir:
            self.set_dir_attr(ei, iattr)
        else:
            saved = ei.entry_attrs
            saved.attrs = tuple(
                update_attr(attr, iattr) if entry.name == dentry.d_name else attr
                for entry, attr in zip(ei.entries, saved.attrs, strict=True)
            )
        return ret

    async def _alloc_entry_attrs(self, ei: EventfsInode, sb: SuperBlock) -> EntryAttrs:
        def make() -> EntryAttrs:
            attrs = EntryAttrs(self.world, ei.name)
            attrs.attrs = (Attr(),) * len(ei.entries)
            return attrs

        gfp = GFP_NOFS if self.allocates_nofs else GFP_KERNEL
        attrs: EntryAttrs = await kmalloc_reclaim(self.world, make, "entry_attrs", sb=sb, gfp=gfp)
        return attrs

    def set_dir_attr(self, ei: EventfsInode, iattr: Iattr) -> None:
        """Keep a directory's attributes; of `events` only that they were set: it has the defaults
        of all that is below."""
        if not ei.is_events:
            ei.attr = update_attr(ei.attr, iattr)
            return
        mode, uid, gid = ei.attr
        if iattr.uid is not None:
            mode |= EVENTFS_SAVE_UID
        if iattr.gid is not None:
            mode |= EVENTFS_SAVE_GID
        ei.attr = Attr(mode, uid, gid)

    async def eventfs_find_events(self, dentry: Dentry) -> EventfsInode | None:
        """The directory `events` above; NULL if something on the way is being removed."""
        await self.mutex.lock()
        found: EventfsInode | None = None
        while found is None:
            ei = fsdata(dentry.d_parent)
            if ei.is_freed:
                break
            dentry = ei.dentry
            found = ei if ei.is_events else None
        await self.mutex.unlock()
        return found

    async def update_inode_attr(
        self, dentry: Dentry, inode: Inode, mode: int, saved: Saved | None
    ) -> None:
        """Mode and owner of an inode that is being made.

        What is saved, and the defaults, are read without the mutex, plainly in the C.
        """
        if not self.inherits_owner:
            give_attr(inode, mode, await read_saved(saved), Attr())
            return
        events = await self.eventfs_find_events(dentry)
        if events is not None:
            default: Attr = await READ_ONCE(events, "attr")
            give_attr(inode, mode, await read_saved(saved), default)

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """New mount options, which the root has already.  The caller holds s_umount.

        A new gid goes to everything, a new uid to the root alone.
        """
        if gid is not None:
            await self.set_gid(sb.s_root, gid)
        return 0

    async def set_gid(self, parent: Dentry, gid: int) -> None:
        """Give a gid to all inodes below that there are, and to what eventfs keeps for others.

        One step: the C goes from directory to directory under their d_lock, hand over hand.
        """

        def walk(task: Task) -> None:
            pending = [parent]
            while pending:
                dentry = pending.pop()
                if self.skips_cursors and is_null(dentry.d_inode):
                    continue
                inode = follow(dentry.d_inode)
                inode.i_gid = gid
                if get_tracefs(inode).flags & TRACEFS_EVENT_INODE:
                    update_gid(fsdata(dentry), gid, 0)
                pending.extend(reversed(dentry.d_children))

        await Section("set_gid", parent, walk)


def update_gid(ei: EventfsInode, gid: int, level: int) -> None:
    """Keep a gid as the one of all that is below.  Within a step, and a section of eventfs_srcu.

    C: eventfs_update_gid(), update_gid().
    """
    if level > LEVEL_MAX:
        return
    mode, uid, _ = ei.attr
    ei.attr = Attr(mode, uid, gid)
    attrs = ei.entry_attrs
    if not is_null(attrs):
        attrs.attrs = tuple(Attr(attr.mode, attr.uid, gid) for attr in attrs.attrs)
    for child in ei.children.entries():
        update_gid(child, gid, level + 1)
