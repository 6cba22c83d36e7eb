"""eventfs of Linux 6.9: entries have a release callback, and remounting reaches what users set.

Source: fs/tracefs/event_inode.c, fs/tracefs/inode.c, 6.9.

What changed since 6.8: an eventfs_root_inode for the directories `events`; all that an
eventfs_inode owns is freed after the grace period, when each entry has had its release callback;
remounting walks all inodes of tracefs, in an RCU section, and forgets what users have set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.slab import kmalloc
from model.eventfs.linux_6_8 import Eventfs68
from model.eventfs.refcounted import (
    EVENTFS_FILE_INODE_INO,
    EVENTFS_SAVE_GID,
    EVENTFS_SAVE_UID,
    LEVEL_MAX,
    Attr,
    EventfsInode,
    EventfsRootInode,
    EventfsRootInode69,
    SmallEventfsInode,
    WarnOn,
    reset_attrs,
    update_attr,
    use,
)
from model.eventfs.remount import (
    TracefsInodes,
    clear_event_inode,
    clear_set_flags,
    update_inode,
)
from model.tracefs.inode import InodeMemory
from model.vfs.err import follow, is_null
from model.vfs.objects import Dentry, Inode, SuperBlock, SuperOperations

if TYPE_CHECKING:
    from model.vfs.attr import Iattr


class Eventfs69(Eventfs68):
    """The statics of event_inode.c, and its functions.

    As released, and mended since: with `clears_flag_at_drop` an inode loses its event flag with
    its last reference; without, at d_iput(), which then is all that d_iput() does: the reference
    that the dentry had on its inode is never dropped.  `own_rcu_head`, which shares its place
    with the VFS inode; that shows with `randomized_layout`, which has a list head there.
    `passes_null_on`, the walk to the events directory goes on
    with NULL where a directory is being removed; `avoids_file_ino`, no directory draws the number
    of the files; `remount_writes_inodes`, remounting changes inodes too, not only what is
    remembered; `remount_recurses`, it goes from the events directory through the tree, instead of
    from inode to inode.
    Never otherwise: `cleans_up`, what could not be created has no release callbacks called.
    """

    def __init__(
        self,
        world: World,
        *,
        clears_flag_at_drop: bool = False,
        own_rcu_head: bool = True,
        randomized_layout: bool = False,
        passes_null_on: bool = True,
        avoids_file_ino: bool = False,
        remount_writes_inodes: bool = False,
        remount_recurses: bool = False,
        cleans_up: bool = True,
        frees_content_early: bool = False,
        **switches: bool,
    ) -> None:
        super().__init__(world, frees_content_early=frees_content_early, **switches)
        self.passes_null_on = passes_null_on
        self.avoids_file_ino = avoids_file_ino
        self.remount_writes_inodes = remount_writes_inodes
        self.remount_recurses = remount_recurses
        self.cleans_up = cleans_up
        self.tracefs_inodes = TracefsInodes(world)
        self.clears_flag_at_drop = clears_flag_at_drop
        self.memory = InodeMemory(world, own_rcu_head=own_rcu_head) if randomized_layout else None
        self.super_operations = SuperOperations(
            alloc_inode=self.tracefs_alloc_inode, drop_inode=self.tracefs_drop_inode
        )
        if self.memory is not None:
            self.super_operations = replace(
                self.super_operations, destroy_inode=self.memory.give_back
            )
        if not clears_flag_at_drop:
            self.dentry_operations = replace(self.dentry_operations, d_iput=self.tracefs_d_iput)

    # References.

    async def release_ei(self, ei: EventfsInode) -> None:
        """The last reference is gone: tell each entry, and free it when the readers are done."""
        for entry in ei.entries[: ei.nr_entries]:
            if entry.release is not None:
                await entry.release(entry.name, ei.data)
        await super().release_ei(ei)

    async def cleanup_ei(self, ei: EventfsInode) -> None:
        """It could not be created: its entries must not be released, they were never taken."""
        if not is_null(ei):
            if self.cleans_up:
                ei.nr_entries = 0
            await self.free_ei(ei)

    async def alloc_ei(self, name: str) -> EventfsInode:
        """An eventfs_inode with a copy of its name; NULL without memory."""
        ei: EventfsInode = await kmalloc(
            self.world, lambda: SmallEventfsInode(self.world, name), "eventfs_inode"
        )
        return await self.init_ei(ei, name) if not is_null(ei) else ei

    async def alloc_root_ei(self, name: str, parent: Dentry) -> EventfsInode:
        """That of an events directory."""
        rei = await self.alloc_rei(name, parent.d_inode)
        if is_null(rei):
            return rei
        rei.is_events = True
        rei.attr = Attr(0, parent.d_inode.i_uid, parent.d_inode.i_gid)
        return await self.init_ei(rei, name)

    async def alloc_rei(self, name: str, parent: Inode) -> EventfsRootInode:
        """Its memory; it knows where its owner comes from."""
        rei: EventfsRootInode69 = await kmalloc(
            self.world, lambda: EventfsRootInode69(self.world, name), "eventfs_root_inode"
        )
        if not is_null(rei):
            rei.parent_inode = parent
        return rei

    # Inodes.

    async def tracefs_alloc_inode(self, inode: Inode) -> None:
        """Its memory, and its place among all."""
        await self.tracefs_inodes.add(inode)
        if self.memory is not None:
            await self.memory.alloc(inode)

    async def tracefs_d_iput(self, dentry: Dentry, inode: Inode) -> None:
        """A dentry lets go of its inode, in which a remount may not find the ei any more.

        Who has a d_iput() has to call iput() there: the C does not, and no inode is ever freed.
        """
        await clear_event_inode(inode, "tracefs_d_iput")

    async def tracefs_drop_inode(self, inode: Inode) -> None:
        """Nobody has the inode any more; generic_delete_inode() without `clears_flag_at_drop`."""
        if self.clears_flag_at_drop:
            await clear_event_inode(inode)
        if self.memory is not None:
            self.memory.leave_lru(inode)

    # Attributes.

    def set_dir_attr(self, ei: EventfsInode, iattr: Iattr) -> None:
        """The events directory is like the others."""
        ei.attr = update_attr(ei.attr, iattr)

    def events_freed(self) -> EventfsInode | None:
        """C: eventfs_find_events(), whose loop ends there, and update_events_attr()."""
        if self.passes_null_on:
            follow(None)
        return None

    def update_events_attr(self, ei: EventfsInode, sb: SuperBlock) -> None:
        """The events directory has the owner of its parent, where no user has set one.

        Within a step, as in 6.8.  C: update_events_attr().
        """
        assert isinstance(ei, EventfsRootInode69), "the walk ends at an events directory"
        mode, uid, gid = ei.attr
        parent = ei.parent_inode
        uid = uid if mode & EVENTFS_SAVE_UID else parent.i_uid
        gid = gid if mode & EVENTFS_SAVE_GID else parent.i_gid
        self.change_attr(ei, Attr(mode, uid, gid))

    def follows_owner(self, ei: EventfsInode) -> bool:
        """Is it an events directory?"""
        return ei.is_events

    def draw_ino(self, sb: SuperBlock) -> int:
        """A new number."""
        ino = sb.next_ino()
        if self.avoids_file_ino and ino == EVENTFS_FILE_INODE_INO:
            ino = sb.next_ino()
        return ino

    # Remounting.

    async def remount(
        self,
        sb: SuperBlock,
        *,
        uid: int | None = None,
        gid: int | None = None,
        mode: int | None = None,
    ) -> int:
        """Forget the owners and groups that users have set.  The caller holds s_umount, and has
        changed the root.  C: tracefs_apply_options()."""
        if uid is None and gid is None:
            return 0
        section = await self.eventfs_remount_lock()
        await self.rcu.rcu_read_lock()
        for ti in await self.tracefs_inodes.all(sb):
            if not self.clears_flag_at_drop:
                await clear_set_flags(ti)
            ei = await update_inode(ti, uid=uid, gid=gid, writes=self.remount_writes_inodes)
            if ei is not None:
                await self.eventfs_remount(ei, uid, gid)
        await self.rcu.rcu_read_unlock()
        await self.eventfs_remount_unlock(section)
        return 0

    async def eventfs_remount_lock(self) -> object:
        """6.9 takes no lock of eventfs."""
        return None

    async def eventfs_remount_unlock(self, section: object) -> None:
        """The end of that."""

    async def eventfs_remount(self, ei: EventfsInode, uid: int | None, gid: int | None) -> None:
        """An inode in use leads to this ei: forget what users have set for it and its files.

        With `remount_recurses` only an events directory is meant, and all that is below it.
        The C has no lock against who sets attributes or removes directories.
        """
        if not self.remount_recurses:
            reset_attrs(ei, uid, gid)
        elif ei.is_events and not await READ_ONCE(ei, "is_freed"):
            await self.eventfs_set_attrs(ei, uid, gid, 0)

    async def eventfs_set_attrs(
        self, ei: EventfsInode, uid: int | None, gid: int | None, level: int
    ) -> None:
        """Forget what users have set in a directory and in all that are below."""
        if level > LEVEL_MAX:
            await WarnOn(self.world, "level > 3")
            return
        child: EventfsInode | None = await ei.children.first()
        while child is not None:
            await self.eventfs_set_attrs(use(child), uid, gid, level + 1)
            child = await ei.children.next(child)
        reset_attrs(ei, uid, gid)
