"""The references on eventfs_inodes, and their end: 6.8 and later.

Source: fs/tracefs/event_inode.c, fs/tracefs/inode.c, 6.8; what changed since are switches.
"""

from __future__ import annotations

from functools import partial

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.slab import kfree, kmalloc
from lockwright.kernel.srcu import Srcu
from model.eventfs.refcounted import EventfsInode, EventfsName
from model.vfs.err import is_null
from model.vfs.objects import Dentry, DentryOperations

NO_EI: EventfsInode = None  # type: ignore[assignment]  # NULL


class References:
    """Who holds an eventfs_inode, and what happens when nobody does any more.

    Before 6.8 was complete: `revalidates` off leaves out d_revalidate().
    As released, and mended since: `frees_content_early`, the name and the attributes go before
    the grace period; `frees_by_srcu`, whose readers the freeing waits for; `overlays_list`,
    whether the rcu_head lies over the link that readers follow, or over the children.
    """

    def __init__(
        self,
        world: World,
        *,
        revalidates: bool = True,
        frees_content_early: bool = True,
        frees_by_srcu: bool = False,
        overlays_list: bool = True,
    ) -> None:
        self.world = world
        self.mutex = Mutex(world, "eventfs_mutex")
        self.srcu = Srcu(world, "eventfs_srcu")
        self.rcu = Rcu(world)
        self.frees_content_early = frees_content_early
        self.frees_by_srcu = frees_by_srcu
        self.overlays_list = overlays_list
        self.dentry_operations = DentryOperations(
            d_revalidate=self.tracefs_d_revalidate if revalidates else None,
            d_revalidate_rcu=self.revalidate if revalidates else None,
            d_release=self.tracefs_d_release,
        )

    async def alloc_ei(self, name: str) -> EventfsInode:
        """An eventfs_inode with a copy of its name; NULL without memory."""
        ei: EventfsInode = await kmalloc(
            self.world, lambda: EventfsInode(self.world, name), "eventfs_inode"
        )
        return await self.init_ei(ei, name) if not is_null(ei) else ei

    async def init_ei(self, ei: EventfsInode, name: str) -> EventfsInode:
        """Give it its name; NULL, and nothing left, without memory."""
        copy: EventfsName = await kmalloc(
            self.world, lambda: EventfsName(self.world, name), "eventfs_inode->name"
        )
        if is_null(copy):
            await kfree(ei)
            return NO_EI
        copy.text = name
        ei.d_name = copy
        return ei

    async def release_ei(self, ei: EventfsInode) -> None:
        """The last reference is gone: free it, when the readers are done."""
        if self.frees_content_early:
            await self.free_content(ei)
        await self.free_later(ei)

    async def free_later(self, ei: EventfsInode) -> None:
        """C: kfree_rcu(), call_rcu() or call_srcu().

        Queueing writes into the rcu_head, and so over what shares its memory; that is a step of
        its own here.  6.8 frees by kfree_rcu(), which is a callback that does no more than that,
        and which writes there when it has no page to note the object in.
        """
        if not self.overlays_list:
            await ei.children.reuse()
        elif not is_null(ei.head):
            await ei.head.overwrite(ei)
        free = partial(self.free_ei_rcu, ei)
        if self.frees_by_srcu:
            await self.srcu.call_srcu(free, "free_ei_rcu")
        else:
            await self.rcu.call_rcu(free, "free_ei_rcu")

    async def free_ei_rcu(self, ei: EventfsInode) -> None:
        """Nobody can see it any more."""
        if not self.frees_content_early:
            await self.free_content(ei)
        await kfree(ei)

    async def free_content(self, ei: EventfsInode) -> None:
        """What it owns."""
        if not is_null(ei.entry_attrs):
            await kfree(ei.entry_attrs)
        await kfree(ei.d_name)

    async def put_ei(self, ei: EventfsInode) -> None:
        """Drop a reference."""
        if not is_null(ei):
            await ei.kref.put(partial(self.release_ei, ei))

    async def free_ei(self, ei: EventfsInode) -> None:
        """It leaves the tree, or never came there: mark it, and drop its first reference.

        A plain store in the C, whose readers without the mutex know what they do.
        """
        if not is_null(ei):
            await WRITE_ONCE(ei, "is_freed", True)
            await self.put_ei(ei)

    async def cleanup_ei(self, ei: EventfsInode) -> None:
        """It could not be created.  6.8 has no release callbacks, and no function for this."""
        await self.free_ei(ei)

    async def get_ei(self, ei: EventfsInode) -> EventfsInode:
        """Take a reference."""
        await ei.kref.get()
        return ei

    def revalidate(self, dentry: Dentry) -> int:
        """tracefs_d_revalidate() in RCU-walk: it runs within the walk's step."""
        ei = dentry.d_fsdata
        return 0 if isinstance(ei, EventfsInode) and ei.is_freed else 1

    async def tracefs_d_revalidate(self, dentry: Dentry) -> int:
        """0 if the directory has been removed.

        Takes no lock, since RCU-walk may not: an open that comes right after this finds what is
        no more.  A plain read in the C.
        """
        ei = dentry.d_fsdata
        if isinstance(ei, EventfsInode) and await READ_ONCE(ei, "is_freed"):
            return 0
        return 1

    async def tracefs_d_release(self, dentry: Dentry) -> None:
        """A dentry goes, and with it its reference.  C: also eventfs_d_release()."""
        ei = dentry.d_fsdata
        if isinstance(ei, EventfsInode):
            await self.put_ei(ei)
