"""Memory reclaim, as far as locks have to do with it: who may be sent to free memory.

An allocation that may reclaim can run the file systems' shrinkers in the allocating task, under
whatever locks it holds; and kswapd runs them beside it.  The lock validator sees that through the
map `fs_reclaim`: reclaim holds it, and every allocation that could reclaim takes and drops it.

    await might_alloc(GFP_KERNEL)
    flags = await memalloc_nofs_save(); ...; await memalloc_nofs_restore(flags)

What a shrinker does is told with `Reclaim(world, budget).register(shrink)`: `budget` is how many
allocations in an execution find memory short, and then run all shrinkers before they go on; the
explorer tries each.  Without a budget none does, and only the validator hears of it.  Every
scenario's parameter `reclaim` gives a budget from outside, and its parameter `shrinkers` a kswapd.

Source: mm/page_alloc.c (fs_reclaim_acquire(), __perform_reclaim()), include/linux/sched/mm.h,
include/linux/gfp_types.h, mm/vmscan.c (balance_pgdat()), mm/mmu_notifier.c, mm/memory.c.
Left out: zones, watermarks, and page cache: what is short here is memory.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location, Value
from lockwright.core.lockuse import EXCLUSIVE, READER, LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.task import Task
from lockwright.kernel.context import might_sleep

if TYPE_CHECKING:
    from lockwright.core.world import World
    from lockwright.kernel.lockuse import Lock

HIGH = 0x20
IO = 0x40
FS = 0x80
DIRECT_RECLAIM = 0x400
KSWAPD_RECLAIM = 0x800
NOLOCKDEP = 0x8000000
"""Bits of a gfp_t: __GFP_HIGH and so on."""

GFP_ATOMIC = HIGH | KSWAPD_RECLAIM
GFP_NOWAIT = KSWAPD_RECLAIM
GFP_NOIO = DIRECT_RECLAIM | KSWAPD_RECLAIM
GFP_NOFS = GFP_NOIO | IO
GFP_KERNEL = GFP_NOFS | FS

PF_MEMALLOC = 1
PF_MEMALLOC_NOFS = 2
PF_MEMALLOC_NOIO = 4
"""Flags of a task: it may not reclaim at all, not by way of file systems, not by I/O."""

FLAGS = "memalloc flags"
KSWAPD = "kswapd0"
"""The task that reclaims beside all others."""

FS_RECLAIM = LockKey("fs_reclaim", "", 0, 0)
FS_RECLAIM_MAP = 0xFFFFFFFF82000400
MMU_NOTIFIER = LockKey("mmu_notifier_invalidate_range_start", "", 0, 0)
MMU_NOTIFIER_MAP = 0xFFFFFFFF82000500

_FS_RECLAIM_USE = LockUse(FS_RECLAIM, 0, FS_RECLAIM_MAP, EXCLUSIVE, False, "fs_reclaim_acquire")
_MMU_NOTIFIER_USE = LockUse(
    MMU_NOTIFIER, 0, MMU_NOTIFIER_MAP, EXCLUSIVE, False, "fs_reclaim_acquire"
)

Shrinker = Callable[[], Coroutine[Any, Any, Any]]


# What an allocation tells


def current_gfp_context(task: Task, gfp: int) -> int:
    """The flags that are left of `gfp` within the task's scopes."""
    flags: int = task.local.get(FLAGS, 0)
    if flags & PF_MEMALLOC_NOIO:
        gfp &= ~(IO | FS)
    if flags & PF_MEMALLOC_NOFS:
        gfp &= ~FS
    return gfp


def may_reclaim(task: Task, gfp: int) -> bool:
    """Could this allocation enter reclaim?  C: __need_reclaim(), but for __GFP_NOLOCKDEP."""
    flags: int = task.local.get(FLAGS, 0)
    return bool(gfp & DIRECT_RECLAIM) and not flags & PF_MEMALLOC


def tell_acquire(task: Task, gfp: int) -> None:
    """Tell the validator that the task enters reclaim.  C: fs_reclaim_acquire()."""
    world = task.world
    gfp = current_gfp_context(task, gfp)
    if gfp & NOLOCKDEP or not may_reclaim(task, gfp):
        return
    acquired, released = world.on_acquire, world.on_release
    if gfp & FS:
        for hear in acquired:
            hear(task, _FS_RECLAIM_USE)
    for hear in acquired:
        hear(task, _MMU_NOTIFIER_USE)
    for hear_release in released:
        hear_release(task, MMU_NOTIFIER_MAP)


def tell_release(task: Task, gfp: int) -> None:
    """Tell the validator that the task leaves reclaim.  C: fs_reclaim_release()."""
    gfp = current_gfp_context(task, gfp)
    if gfp & FS and not gfp & NOLOCKDEP and may_reclaim(task, gfp):
        for hear in task.world.on_release:
            hear(task, FS_RECLAIM_MAP)


def tell_alloc(task: Task, gfp: int, what: str) -> None:
    """What every allocation does first, within its step.  C: might_alloc()."""
    if gfp & DIRECT_RECLAIM:
        if task.world.on_acquire:
            tell_acquire(task, gfp)
            tell_release(task, gfp)
        if task.atomic:
            might_sleep(task, what)


class _Switch(Operation):
    """An operation that concerns nobody but the task, and perhaps the validator."""

    __slots__ = ("does", "kind")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, does: Callable[[Task], object]) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.does = does

    def run(self, task: Task, touched: list[int]) -> Value:
        return self.does(task)

    def describe(self) -> str:
        return f"{self.kind}()"


def fs_reclaim_acquire(gfp: int) -> Operation:
    """The task begins to reclaim for an allocation with these flags."""
    return _Switch("fs_reclaim_acquire", lambda task: tell_acquire(task, gfp))


def fs_reclaim_release(gfp: int) -> Operation:
    """The task has reclaimed."""
    return _Switch("fs_reclaim_release", lambda task: tell_release(task, gfp))


def might_alloc(gfp: int) -> Coroutine[Any, Any, None]:
    """`await might_alloc(gfp)`: something may be allocated here, with these flags: does what comes
    before any allocation, and if memory is short reclaims."""
    return _might_alloc(gfp)


async def _might_alloc(gfp: int) -> None:
    tasks: list[Task] = []

    def check(task: Task) -> None:
        tasks.append(task)
        tell_alloc(task, gfp, "might_alloc")

    await _Switch("might_alloc", check)
    task = tasks[0]
    reclaim: Reclaim | None = task.world.reclaim
    if reclaim is not None and reclaim.armed:
        await reclaim._when_short(task, gfp)


# Scopes


def _save(flag: int) -> Callable[[Task], int]:
    def switch(task: Task) -> int:
        flags: int = task.local.get(FLAGS, 0)
        task.local[FLAGS] = flags | flag
        return flags & flag

    return switch


def _restore(flag: int, before: int) -> Callable[[Task], None]:
    def switch(task: Task) -> None:
        task.local[FLAGS] = task.local.get(FLAGS, 0) & ~flag | before

    return switch


def memalloc_nofs_save() -> Operation:
    """`flags = await memalloc_nofs_save()`: what the task allocates from here on is GFP_NOFS."""
    return _Switch("memalloc_nofs_save", _save(PF_MEMALLOC_NOFS))


def memalloc_nofs_restore(flags: int) -> Operation:
    """End of the scope that gave `flags`."""
    return _Switch("memalloc_nofs_restore", _restore(PF_MEMALLOC_NOFS, flags))


def memalloc_noio_save() -> Operation:
    """`flags = await memalloc_noio_save()`: what the task allocates from here on is GFP_NOIO."""
    return _Switch("memalloc_noio_save", _save(PF_MEMALLOC_NOIO))


def memalloc_noio_restore(flags: int) -> Operation:
    """End of the scope that gave `flags`."""
    return _Switch("memalloc_noio_restore", _restore(PF_MEMALLOC_NOIO, flags))


def memalloc_noreclaim_save() -> Operation:
    """`flags = await memalloc_noreclaim_save()`: no allocation of the task reclaims."""
    return _Switch("memalloc_noreclaim_save", _save(PF_MEMALLOC))


def memalloc_noreclaim_restore(flags: int) -> Operation:
    """End of the scope that gave `flags`."""
    return _Switch("memalloc_noreclaim_restore", _restore(PF_MEMALLOC, flags))


# User memory


def might_fault(mmap_lock: Lock) -> Operation:
    """User memory is touched here: a page fault sleeps, and reads the address space.

    C: __might_fault(), might_sleep() and might_lock_read(&current->mm->mmap_lock).
    """

    def check(task: Task) -> None:
        if task.atomic:
            might_sleep(task, "might_fault")
        world = task.world
        if world.on_acquire:
            mmap_lock.taken(task, "might_fault", read=READER)
            for hear in world.on_release:
                hear(task, mmap_lock.address)

    return _Switch("might_fault", check)


# Reclaim that happens


class Reclaim:
    """The shrinkers of a world, and how often an allocation may still find memory short.

    One for each world, which knows it from then on; a budget that one before it had counts, too.
    """

    __slots__ = ("armed", "left", "shrinkers")

    def __init__(self, world: World, budget: int = 0) -> None:
        if world.reclaim is not None:
            budget = max(budget, world.reclaim.left.value)
        self.left = Location(world, budget, "memory pressure")
        self.armed = budget > 0
        self.shrinkers: list[Shrinker] = []
        world.reclaim = self

    def register(self, shrink: Shrinker) -> None:
        """Add a shrinker: whoever reclaims awaits `shrink()` of each, in order of registration.

        C: shrinker_register().
        """
        self.shrinkers.append(shrink)

    async def shrink_slab(self) -> None:
        """Run all shrinkers."""
        for shrink in self.shrinkers:
            await shrink()

    async def _when_short(self, task: Task, gfp: int) -> None:
        """Reclaim, if that is allowed and memory is short."""
        gfp = current_gfp_context(task, gfp)
        if may_reclaim(task, gfp) and await _MemoryShort(self.left):
            await self.try_to_free_pages(gfp)

    async def try_to_free_pages(self, gfp: int) -> None:
        """Direct reclaim; a shrinker may not enter file systems without __GFP_FS, and the model's
        are of file systems.  C: __perform_reclaim()."""
        await fs_reclaim_acquire(gfp)
        flags = await memalloc_noreclaim_save()
        if gfp & FS:
            await self.shrink_slab()
        await memalloc_noreclaim_restore(flags)
        await fs_reclaim_release(gfp)

    async def balance_pgdat(self) -> None:
        """One round of kswapd, which is a task of its own: `world.spawn(r.balance_pgdat(), ...)`.

        C: balance_pgdat(), kswapd().
        """
        await kswapd_acquire()
        await self.shrink_slab()
        await kswapd_release()


async def kswapd(reclaim: Reclaim, passes: int) -> None:
    """So many rounds of kswapd.  C: kswapd()."""
    for _ in range(passes):
        await reclaim.balance_pgdat()


def kswapd_acquire() -> Operation:
    """kswapd begins to reclaim: the map as for direct reclaim, and it allocates without.

    C: __fs_reclaim_acquire().
    """

    def begin(task: Task) -> None:
        task.local[FLAGS] = task.local.get(FLAGS, 0) | PF_MEMALLOC
        for hear in task.world.on_acquire:
            hear(task, _FS_RECLAIM_USE)

    return _Switch("__fs_reclaim_acquire", begin)


def kswapd_release() -> Operation:
    """kswapd has reclaimed.  C: __fs_reclaim_release()."""

    def end(task: Task) -> None:
        task.local[FLAGS] &= ~PF_MEMALLOC
        for hear in task.world.on_release:
            hear(task, FS_RECLAIM_MAP)

    return _Switch("__fs_reclaim_release", end)


class _MemoryShort(Operation):
    """Does the allocation find memory short?  The explorer says, as often as the budget allows."""

    __slots__ = ("left",)

    kind = "memory_pressure"
    chooses = True
    orders = RELAXED
    buffering = IGNORES

    def __init__(self, left: Location) -> None:
        self.left = left

    def options(self) -> int:
        return 2 if self.left.value > 0 else 1

    def announce(self, choice: int) -> list[int]:
        return [self.left.writing if choice else self.left.reading]

    def run(self, task: Task, touched: list[int]) -> bool:
        left = self.left
        touched.append(left.reading)
        if not left.world.choice:
            return False
        touched.append(left.writing)
        left.value -= 1
        return True

    def describe(self) -> str:
        return self.kind


async def alloc_pages_slowpath(world: World, allocate: Operation, gfp: int) -> Value:
    """An allocation that may have to reclaim first.  C: __alloc_pages_slowpath()."""
    reclaim: Reclaim = world.reclaim
    task = world.creator
    if isinstance(task, Task):
        await reclaim._when_short(task, gfp)
    return await allocate
