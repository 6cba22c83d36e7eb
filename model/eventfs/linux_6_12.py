"""eventfs of Linux 6.12 (6.11 to 6.16): readers and the freeing side agree, up to one union.

Source: fs/tracefs/event_inode.c, fs/tracefs/inode.c, 6.12.

What changed since 6.9: a removed directory stays in memory for SRCU readers, and keeps the link
they follow; creating below a removed directory says so; remounting goes through the tree from
the events directory, and changes inodes, too; the owner of new inodes is that of the events
directory as it was remembered, of which chown() of `events` itself changes nothing.
The rcu_head still lies over the link that readers follow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockwright.core.world import World
from lockwright.kernel.slab import kmalloc
from model.eventfs.linux_6_9 import Eventfs69
from model.eventfs.refcounted import (
    Attr,
    EventfsInode,
    EventfsRootInode,
    ei_of,
    give_attr,
    update_attr,
)
from model.vfs.objects import Dentry, Inode

if TYPE_CHECKING:
    from model.vfs.attr import Iattr


class Eventfs612(Eventfs69):
    """The statics of event_inode.c, and its functions, as released."""

    def __init__(
        self,
        world: World,
        *,
        clears_flag_at_drop: bool = True,
        own_rcu_head: bool = False,
        frees_by_srcu: bool = True,
        list_del_rcu: bool = True,
        returns_ebusy: bool = True,
        passes_null_on: bool = False,
        avoids_file_ino: bool = True,
        remount_writes_inodes: bool = True,
        remount_recurses: bool = True,
        **switches: bool,
    ) -> None:
        super().__init__(
            world,
            clears_flag_at_drop=clears_flag_at_drop,
            own_rcu_head=own_rcu_head,
            frees_by_srcu=frees_by_srcu,
            list_del_rcu=list_del_rcu,
            returns_ebusy=returns_ebusy,
            passes_null_on=passes_null_on,
            avoids_file_ino=avoids_file_ino,
            remount_writes_inodes=remount_writes_inodes,
            remount_recurses=remount_recurses,
            **switches,
        )
        self.dir_inode_operations = replace(
            self.dir_inode_operations, getattr=None, permission=None
        )

    async def alloc_rei(self, name: str, parent: Inode) -> EventfsRootInode:
        """The memory of an events directory's eventfs_inode, which knows no parent any more."""
        rei: EventfsRootInode = await kmalloc(
            self.world, lambda: EventfsRootInode(self.world, name), "eventfs_root_inode"
        )
        return rei

    def set_dir_attr(self, ei: EventfsInode, iattr: Iattr) -> None:
        """Of the events directory nothing is remembered: its inode stays as long as it does."""
        if not ei.is_events:
            ei.attr = update_attr(ei.attr, iattr)

    async def update_inode_attr(
        self, dentry: Dentry, inode: Inode, attr: Attr | None, mode: int
    ) -> None:
        """Mode and owner of an inode that is being made; the walk up to the events directory.

        C: eventfs_get_inode(), which asks of no directory whether it is being removed.
        """
        while True:
            dentry = dentry.d_parent
            ei = ei_of(dentry)
            if ei.is_events:
                break
        give_attr(inode, mode, attr, ei.attr)
