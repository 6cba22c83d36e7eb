"""Modes and owners in the reference-counted designs: what a user sets, and what is inherited.

Source: fs/tracefs/event_inode.c, 6.8.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.core.world import World
from model.eventfs.refcounted import (
    EVENTFS_SAVE_GID,
    EVENTFS_SAVE_UID,
    EVENTFS_TOPLEVEL,
    Attr,
    EntryAttrs,
    EventfsInode,
    ei_of,
    give_attr,
    private_ei,
    update_attr,
)
from model.eventfs.references import References
from model.tracefs.inode import get_tracefs
from model.vfs.attr import Relaxed, simple_setattr
from model.vfs.err import ENODEV, ENOMEM, is_null
from model.vfs.objects import Dentry, Inode, SuperBlock
from model.vfs.reclaim import GFP_NOFS, kmalloc_reclaim

if TYPE_CHECKING:
    from model.vfs.attr import Iattr


class Attributes(References):
    """What of event_inode.c is about modes and owners.

    Before it was merged: with `em_in_find_events` the walk to the events directory takes the
    mutex, which lookup holds already.
    """

    def __init__(self, world: World, *, em_in_find_events: bool = False, **switches: bool) -> None:
        super().__init__(world, **switches)
        self.em_in_find_events = em_in_find_events

    async def eventfs_set_attr(self, dentry: Dentry, iattr: Iattr) -> int:
        """chmod, chown.  The caller holds the inode's i_rwsem."""
        await self.mutex.lock()
        error = await self._set_attr(dentry, iattr)
        await self.mutex.unlock()
        return error

    async def _set_attr(self, dentry: Dentry, iattr: Iattr) -> int:
        ei = ei_of(dentry)
        if ei.is_freed:
            return -ENODEV
        inode = dentry.d_inode
        if not inode.i_dir and is_null(ei.entry_attrs):
            attrs: EntryAttrs = await kmalloc_reclaim(
                self.world,
                lambda: EntryAttrs(self.world, ei.name),
                "entry_attrs",
                sb=dentry.d_sb,
                gfp=GFP_NOFS,
            )
            if is_null(attrs):
                return -ENOMEM
            attrs.attrs = (Attr(),) * ei.nr_entries
            ei.entry_attrs = attrs
        error = await simple_setattr(dentry, iattr)
        if error < 0:
            return error
        if inode.i_dir:
            self.set_dir_attr(ei, iattr)
        else:
            names = [entry.name for entry in ei.entries]
            attrs = ei.entry_attrs
            attrs.attrs = tuple(
                update_attr(attr, iattr) if name == dentry.d_name else attr
                for name, attr in zip(names, attrs.attrs, strict=True)
            )
        return error

    def set_dir_attr(self, ei: EventfsInode, iattr: Iattr) -> None:
        """Of the events directory only that it was changed: it is the default of all below it."""
        if ei.is_events:
            changed = update_attr(Attr(), iattr).mode & (EVENTFS_SAVE_UID | EVENTFS_SAVE_GID)
            ei.attr = ei.attr._replace(mode=ei.attr.mode | changed)
        else:
            ei.attr = update_attr(ei.attr, iattr)

    async def eventfs_find_events(self, dentry: Dentry) -> EventfsInode | None:
        """The events directory above; None if something on the way is being removed.

        Needs no lock: nothing is renamed, and dentries hold what they point to.
        """
        while True:
            dentry = dentry.d_parent
            ei = ei_of(dentry)
            if self.em_in_find_events:
                await self.mutex.lock()
            if ei.is_freed:
                return self.events_freed()
            if self.em_in_find_events:
                await self.mutex.unlock()
            if ei.is_events:
                break
        update = partial(self.update_events_attr, ei, dentry.d_sb)
        await Relaxed("update_top_events_attr", dentry.d_inode, update)
        return ei

    def events_freed(self) -> EventfsInode | None:
        """What the walk gives if it meets a directory that is being removed."""
        return None

    def update_events_attr(self, ei: EventfsInode, sb: SuperBlock) -> None:
        """The top instance's events directory has the owner of the root.

        Within a step.  Nothing guards the root's owner, nor, where a stat() comes here, `attr`:
        plain accesses in the C.  C: update_top_events_attr().
        """
        if ei.attr.mode & EVENTFS_TOPLEVEL:
            root = sb.s_root.d_inode
            self.change_attr(ei, Attr(ei.attr.mode, root.i_uid, root.i_gid))

    def change_attr(self, ei: EventfsInode, attr: Attr) -> None:
        """The C writes also what is there already."""
        if ei.attr != attr:
            ei.attr = attr

    def set_top_events_ownership(self, inode: Inode) -> None:
        """An events directory has the owner that its parent has now, where no user has set one.

        Within a step of whoever asks, maybe in RCU-walk; no lock guards what it reads and writes.
        """
        ei = private_ei(get_tracefs(inode))
        if ei is None or not self.follows_owner(ei):
            return
        self.update_events_attr(ei, inode.i_sb)
        mode, uid, gid = ei.attr
        if not mode & EVENTFS_SAVE_UID and inode.i_uid != uid:
            inode.i_uid = uid
        if not mode & EVENTFS_SAVE_GID and inode.i_gid != gid:
            inode.i_gid = gid

    def follows_owner(self, ei: EventfsInode) -> bool:
        """Is it an events directory that does not keep its first owner?"""
        return ei.is_events and bool(ei.attr.mode & EVENTFS_TOPLEVEL)

    async def eventfs_get_attr(self, dentry: Dentry) -> None:
        """stat() of a directory."""
        inode = dentry.d_inode
        ei = private_ei(get_tracefs(inode))
        if ei is not None and ei.is_events:
            update = partial(self.set_top_events_ownership, inode)
            await Relaxed("eventfs_get_attr", inode, update)

    async def update_inode_attr(
        self, dentry: Dentry, inode: Inode, attr: Attr | None, mode: int
    ) -> None:
        """Mode and owner of an inode that is being made."""
        events = await self.eventfs_find_events(dentry)
        if events is not None:
            give_attr(inode, mode, attr, events.attr)
