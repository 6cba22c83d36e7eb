"""eventfs of Linux 7.3.

Source: fs/tracefs/event_inode.c, fs/tracefs/inode.c, 7.3.

What changed since 6.12: the rcu_head lies over the list of a removed directory's children, and
whoever walks that list asks for each child whether the directory has been removed; children are
published with a barrier; remounting holds eventfs_mutex and an SRCU section; a removal knows the
next child before it removes one; lockdown is tested before anything is locked; names that are
not there leave no dentry behind; a listing that stops before its end gives -EINVAL, which whoever
reads sees if it has been given nothing.
Left out: DCACHE_PERSISTENT of the dentry of `events`: its mark is the reference that creation
keeps, which the C takes once more and drops again (d_make_persistent(), d_make_discardable());
guard() and scoped_guard(), which are lock() and unlock().
"""

from __future__ import annotations

from dataclasses import replace

from lockwright.core.world import World
from lockwright.kernel.barrier import smp_rmb, smp_wmb
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from model.eventfs.linux_6_12 import Eventfs612
from model.eventfs.refcounted import EventfsInode, WarnOn
from model.vfs.err import EINVAL, is_null
from model.vfs.objects import Dentry


class EventfsLatest(Eventfs612):
    """The statics of event_inode.c, and its functions, as released.

    Mended since 6.12: `rechecks_parent`, a listing asks for each child whether the directory has
    been removed; `remount_locks`, remounting takes eventfs_mutex and is an SRCU reader;
    `deletes_misses`, a dentry that leads to no eventfs_inode goes with its last reference.
    """

    def __init__(
        self,
        world: World,
        *,
        list_add_rcu: bool = True,
        overlays_list: bool = False,
        walks_safely: bool = True,
        lockdown_first: bool = True,
        rechecks_parent: bool = True,
        remount_locks: bool = True,
        deletes_misses: bool = True,
        **switches: bool,
    ) -> None:
        super().__init__(
            world,
            list_add_rcu=list_add_rcu,
            overlays_list=overlays_list,
            walks_safely=walks_safely,
            lockdown_first=lockdown_first,
            **switches,
        )
        self.rechecks_parent = rechecks_parent
        self.remount_locks = remount_locks
        self.stopped = -EINVAL
        if deletes_misses:
            self.dentry_operations = replace(self.dentry_operations, d_delete=tracefs_d_delete)

    async def free_ei(self, ei: EventfsInode) -> None:
        """It leaves the tree, or never came there: mark it, and drop its first reference.

        The barrier is for goes_on(): with the reference goes the list of children.
        """
        if is_null(ei):
            return
        if ei.children.peek():
            await WarnOn(self.world, "!list_empty(&ei->children)")
        await WRITE_ONCE(ei, "is_freed", True)
        await smp_wmb()
        await self.put_ei(ei)

    async def goes_on(self, ei: EventfsInode) -> bool:
        """May a child that was just read be used?  Not if the directory has been removed: then
        the list may be in use for something else, and the child be no child.

        Whoever lists has the directory open, and so has a reference that keeps the list as it is:
        no execution needs the test, but it ends a listing of a removed directory at once.
        """
        if not self.rechecks_parent:
            return True
        await smp_rmb()
        return not await READ_ONCE(ei, "is_freed")

    async def eventfs_remount_lock(self) -> object:
        """Nobody sets attributes or removes directories meanwhile, and what is removed stays."""
        if not self.remount_locks:
            return None
        await self.mutex.lock()
        return await self.srcu.read_lock()

    async def eventfs_remount_unlock(self, section: object) -> None:
        """The end of that."""
        if section is not None:
            await self.srcu.read_unlock(section)
            await self.mutex.unlock()


def tracefs_d_delete(dentry: Dentry) -> bool:
    """Nothing of eventfs hangs on it: it goes with its last reference."""
    return is_null(dentry.d_fsdata)
