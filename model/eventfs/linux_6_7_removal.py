"""Removal in eventfs of Linux 6.7, and what is left to do when dentries die.

Source: fs/tracefs/event_inode.c, 6.7, and the first form of it (5790b1fb3d67).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.slab import kfree
from model.eventfs.directory import LEVEL_MAX, EventfsInode, HookedDentry, Statics, hooked
from model.vfs.dcache import d_invalidate, dget, dput, get
from model.vfs.err import is_null
from model.vfs.libfs import simple_recursive_removal
from model.vfs.objects import Dentry, Section

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.llist import LList
    from lockwright.kernel.workqueue import Work, WorkQueue

CHILD_ALONE = "a child has a dentry, and the directory has none"


class Removal(Statics):
    """Removal.

    As released.  Switches:
    `own_freed_bit`: is_freed is a bit of its own; without, it lies over the rcu_head, whose link
    is what it reads then: NULL for the last callback that is queued.
    `ei_waits_for_dentry`: an ei that has a dentry is freed with that, not after the grace period.
    `recursive_removal`: simple_recursive_removal() unhashes what is removed.
    `hooks_dentries`: as first merged, removal takes the dentries off their ei, links them through
    d_fsdata, and invalidates one by one; the ei is freed after the grace period.
    """

    own_freed_bit: bool
    ei_waits_for_dentry: bool
    recursive_removal: bool
    hooks_dentries: bool
    free_list: LList[EventfsInode]
    system_unbound_wq: WorkQueue
    eventfs_work: Work

    async def free_ei(self, ei: EventfsInode) -> None:
        """Free an ei with what belongs to it."""
        if not is_null(ei.entry_attrs):
            await kfree(ei.entry_attrs)
        await kfree(ei)

    async def eventfs_set_ei_status_free(self, dentry: Dentry) -> None:
        """A dentry dies: its ei forgets it, or goes as well.  C: tracefs_dentry_iput()."""
        await self.mutex.lock()
        ei = dentry.d_fsdata
        if self.hooks_dentries and await self.warn_on(
            isinstance(ei, HookedDentry), "d_fsdata has bit 0 set"
        ):
            ei = None  # type: ignore[assignment]  # out
        if isinstance(ei, EventfsInode):
            await self._forget(ei, dentry)
        await self.mutex.unlock()

    async def _forget(self, ei: EventfsInode, dentry: Dentry) -> None:
        """The caller holds the mutex."""
        if ei.dentry is not dentry:
            slot = next((slot for slot in ei.d_children if slot.get() is dentry), None)
            if slot is None:
                await self.warn_on(True, "a dentry that its ei does not know")
                return
            slot.put(None)
        elif ei.is_freed and not self.hooks_dentries:
            await self.free_ei(ei)
        else:
            ei.dentry = None  # type: ignore[assignment]  # NULL
        dentry.d_fsdata = None  # type: ignore[assignment]  # NULL

    async def eventfs_workfn(self) -> None:
        """Drop the references that removal took for this; the last one of ei->dentry frees the ei.

        Reads ei->dentry and ei->d_children without the mutex.
        """
        for ei in await self.free_list.del_all():
            for nth in range(len(ei.entries)):
                slot = ei.d_children[nth]
                if await READ_ONCE(slot) is not None:
                    await dput(await READ_ONCE(slot))
            dentry: Dentry = await READ_ONCE(ei, "dentry")
            if not await self.warn_on(is_null(dentry), "an ei without a dentry on the free list"):
                await dput(dentry)

    async def free_rcu_ei(self, ei: EventfsInode) -> None:
        """The SRCU callback: it may not sleep, and so leaves dput() to a work item.

        Reads ei->dentry and ei->d_children without the mutex.
        """
        if self.hooks_dentries:
            await self.free_ei(ei)
            return
        if self.ei_waits_for_dentry and not is_null(await READ_ONCE(ei, "dentry")):
            if await self.free_list.add(ei):
                await self.system_unbound_wq.queue_work(self.eventfs_work)
            return
        for slot in ei.d_children if self.ei_waits_for_dentry else ():
            await self.warn_on(
                await READ_ONCE(slot) is not None, "a freed ei without dentry has files"
            )
        await self.free_ei(ei)

    async def unhook_dentry(self, dentry: Dentry | None) -> None:
        """Take the reference that simple_recursive_removal() drops, and the work item's.

        One step for both: after the first nobody can kill the dentry, and numbers add up.
        """
        if dentry is None:
            return
        taken = 2 if self.ei_waits_for_dentry else 1

        def take(task: Task) -> None:
            for _ in range(taken):
                get(dentry)

        await Section("dget", dentry, take)

    async def eventfs_remove_rec(self, ei: EventfsInode, level: int) -> None:
        """Mark and unlink an ei and what is below it, children first.  The caller holds the mutex.

        With a mark on it nobody makes dentries for it any more.
        """
        if is_null(ei):
            return
        if await self.warn_on(level > LEVEL_MAX, "level > 3"):
            return
        for child in ei.children.entries():
            await self.warn_on(not is_null(child.dentry) and is_null(ei.dentry), CHILD_ALONE)
            await self.eventfs_remove_rec(child, level + 1)
        ei.is_freed = True
        for slot in ei.d_children:
            if slot.get() is not None:
                await self.warn_on(is_null(ei.dentry), CHILD_ALONE)
                await self.unhook_dentry(slot.get())
        await self.unhook_dentry(ei.dentry)
        if not is_null(ei.head):
            await ei.head.del_rcu(ei)
        await self.srcu.call_srcu(partial(self.free_rcu_ei, ei), "free_rcu_ei")

    async def eventfs_remove_dir(self, ei: EventfsInode) -> None:
        """Remove a directory with all that is in it."""
        if is_null(ei):
            return
        if self.hooks_dentries:
            await self.remove_by_hooks(ei)
            return
        await self.mutex.lock()
        dentry = ei.dentry
        await self.eventfs_remove_rec(ei, 0)
        await self.mutex.unlock()
        if not is_null(dentry) and self.recursive_removal:
            await simple_recursive_removal(dentry)

    async def eventfs_remove_events_dir(self, ei: EventfsInode) -> None:
        """Remove the directory `events`, and drop the reference that its creation took."""
        dentry = await READ_ONCE(ei, "dentry")
        await self.eventfs_remove_dir(ei)
        await dput(dentry)

    # As first merged.

    async def _unlink_rec(self, ei: EventfsInode, gone: list[EventfsInode], level: int) -> None:
        """Move an ei and what is below it to a list, which marks it.  The caller holds the mutex.

        C: eventfs_remove_rec(), 5790b1fb3d67.
        """
        if level > LEVEL_MAX:
            return
        for child in ei.children.entries():
            await self._unlink_rec(child, gone, level + 1)
        if not is_null(ei.head):
            await ei.head.del_rcu(ei)
        ei.is_freed = True
        gone.append(ei)

    async def _hook(self, dentry: Dentry | None, head: Dentry | None) -> Dentry | None:
        """Put a dentry, with a reference, at the head of the list.  The caller holds the mutex.

        C: unhook_dentry(), 5790b1fb3d67.
        """
        if dentry is None:
            return head
        await dget(dentry)
        dentry.d_fsdata = hooked(head)
        return dentry

    async def remove_by_hooks(self, ei: EventfsInode) -> None:
        """C: eventfs_remove_dir(), 5790b1fb3d67.

        Without `own_freed_bit` the callbacks of one removal are a list on its own, as if nobody
        else had queued any: each mark but the last reads as set.
        """
        gone: list[EventfsInode] = []
        head: Dentry | None = None
        await self.mutex.lock()
        await self._unlink_rec(ei, gone, 0)
        for nth, each in enumerate(gone):
            for slot in each.d_children:
                head = await self._hook(slot.get(), head)
                slot.put(None)
            head = await self._hook(each.dentry, head)
            each.dentry = None  # type: ignore[assignment]  # NULL
            if not self.own_freed_bit and nth == len(gone) - 1:
                each.is_freed = False
            await self.srcu.call_srcu(partial(self.free_rcu_ei, each), "free_rcu_ei")
        await self.mutex.unlock()
        while head is not None:
            head = await self._invalidate(head)

    async def _invalidate(self, dentry: Dentry) -> Dentry | None:
        """Take a dentry off the list of hooked ones; the next one.

        d_count() is read without d_lock, plainly in the C.
        """
        link: object = dentry.d_fsdata
        assert isinstance(link, HookedDentry), "removal alone has hooked it"
        dentry.d_fsdata = None  # type: ignore[assignment]  # NULL
        await d_invalidate(dentry)
        await self.mutex.lock()
        count: int = await READ_ONCE(dentry, "d_count")
        await self.warn_on(count < 1, "a hooked dentry without a reference")
        await self.mutex.unlock()
        await dput(dentry)
        return link.before
