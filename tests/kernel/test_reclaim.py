"""Reclaim: what allocations tell of locks, and what they may run."""

from collections.abc import Awaitable

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.reclaim import (
    GFP_ATOMIC,
    GFP_KERNEL,
    GFP_NOFS,
    GFP_NOIO,
    GFP_NOWAIT,
    NOLOCKDEP,
    Reclaim,
    fs_reclaim_acquire,
    fs_reclaim_release,
    memalloc_nofs_restore,
    memalloc_nofs_save,
    memalloc_noio_restore,
    memalloc_noio_save,
    memalloc_noreclaim_restore,
    memalloc_noreclaim_save,
    might_alloc,
    might_fault,
)
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Slab, kfree, kmalloc
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import Setup, alone, does, messages, search, waiting

FS, NOTIFIER = "fs_reclaim", "mmu_notifier_invalidate_range_start"
WHOLE = [f"+{FS}", f"+{NOTIFIER}", f"-{NOTIFIER}", f"-{FS}"]
PART = [f"+{NOTIFIER}", f"-{NOTIFIER}"]


class Thing(Slab):
    """Something to allocate."""

    size = 0x40


def told(*operations: Awaitable[object]) -> list[str]:
    """What one task tells the validator of maps."""
    events: list[str] = []
    names: dict[int, str] = {}

    def acquired(task: Task, use: LockUse) -> None:
        names[use.instance] = use.key.name
        assert (use.key.wait_outer, use.key.wait_inner) == (0, 0)
        events.append(f"+{use.key.name}")

    world = World()
    world.on_acquire = (acquired,)
    world.on_release = (lambda task, address: events.append(f"-{names[address]}"),)
    world.spawn(does(*operations), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    return events


@pytest.mark.parametrize(
    ("gfp", "expected"),
    [
        (GFP_KERNEL, WHOLE),
        (GFP_NOFS, PART),
        (GFP_NOIO, PART),
        (GFP_ATOMIC, []),
        (GFP_NOWAIT, []),
        (GFP_KERNEL | NOLOCKDEP, []),
    ],
)
def test_what_an_allocation_tells(gfp: int, expected: list[str]) -> None:
    assert told(might_alloc(gfp)) == expected


def test_reclaim_holds_the_map_from_acquire_to_release() -> None:
    begin, end = fs_reclaim_acquire(GFP_KERNEL), fs_reclaim_release(GFP_KERNEL)
    assert told(begin, might_alloc(GFP_NOFS), end) == [f"+{FS}", *PART, *PART, f"-{FS}"]


@pytest.mark.parametrize(
    ("save", "restore", "inside"),
    [
        (memalloc_nofs_save, memalloc_nofs_restore, PART),
        (memalloc_noio_save, memalloc_noio_restore, PART),
        (memalloc_noreclaim_save, memalloc_noreclaim_restore, []),
    ],
)
def test_a_scope_changes_what_is_allocated_in_it(
    save: object, restore: object, inside: list[str]
) -> None:
    assert callable(save)
    assert callable(restore)
    assert told(save(), might_alloc(GFP_KERNEL), restore(0), might_alloc(GFP_KERNEL)) == [
        *inside,
        *WHOLE,
    ]


def test_an_inner_scope_leaves_the_outer_one_as_it_was() -> None:
    events: list[int] = []
    world = World()

    async def task() -> None:
        outer = await memalloc_nofs_save()
        inner = await memalloc_nofs_save()
        await memalloc_nofs_restore(inner)
        await might_alloc(GFP_KERNEL)
        await memalloc_nofs_restore(outer)
        events.append(-1)
        await might_alloc(GFP_KERNEL)

    world.on_acquire = (lambda task, use: events.append(len(use.key.name)),)
    world.spawn(task(), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert events == [len(NOTIFIER), -1, len(FS), len(NOTIFIER)]


def test_kmalloc_tells_as_might_alloc_does() -> None:
    world = World()
    events: list[str] = []
    world.on_acquire = (lambda task, use: events.append(use.key.name),)

    async def task() -> None:
        for given in ({}, {"gfp": GFP_NOFS}, {"atomic": True}, {"gfp": GFP_ATOMIC}):
            events.append("kmalloc")
            await kmalloc(world, lambda: Thing(world, "t"), "thing", **given)

    world.spawn(task(), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert events == ["kmalloc", FS, NOTIFIER, "kmalloc", NOTIFIER, "kmalloc", "kmalloc"]


@pytest.mark.parametrize("what", ["might_alloc", "kmalloc", "might_fault"])
def test_an_allocation_that_reclaims_may_sleep(what: str) -> None:
    def setup(world: World) -> None:
        async def task() -> None:
            await preempt_disable()
            if what == "kmalloc":
                await kmalloc(world, lambda: Thing(world, "t"), "thing", gfp=GFP_NOIO)
            elif what == "might_alloc":
                await might_alloc(GFP_NOIO)
            else:
                await might_fault(RwSem(world, "&mm->mmap_lock"))
            await might_alloc(GFP_ATOMIC)

        world.spawn(task(), "task")

    assert messages([alone(setup)]) == {
        f"sleeping function {what}() called in atomic context (atomic depth 1)"
    }


def test_might_fault_reads_the_address_space() -> None:
    uses: list[LockUse] = []
    released: list[int] = []
    world = World()
    lock = RwSem(world, "&mm->mmap_lock")
    world.on_acquire = (lambda task, use: uses.append(use),)
    world.on_release = (lambda task, address: released.append(address),)
    world.step(world.spawn(does(might_fault(lock)), "task"))
    assert [(use.function, use.key.name, use.read) for use in uses] == [
        ("might_fault", "&mm->mmap_lock", 1)
    ]
    assert released == [lock.address]
    assert lock.holders() == []


def shrinking(budget: int, gfp: int) -> Setup:
    """Allocates under a mutex that the shrinker takes."""

    def setup(world: World) -> None:
        mutex, reclaim = Mutex(world, "eventfs_mutex"), Reclaim(world, budget)
        world.state = []

        async def shrink() -> None:
            world.state.append(world.creator)
            await mutex.lock()
            await mutex.unlock()

        async def allocates() -> None:
            await mutex.lock()
            await kmalloc(world, lambda: Thing(world, "t"), "thing", gfp=gfp)
            await mutex.unlock()

        reclaim.register(shrink)
        world.spawn(allocates(), "task")

    return setup


@pytest.mark.parametrize(
    ("budget", "gfp", "deadlock"),
    [
        (1, GFP_KERNEL, {("mutex_lock(eventfs_mutex)",)}),
        (0, GFP_KERNEL, set()),
        (1, GFP_NOFS, set()),
        (1, GFP_NOWAIT, set()),
    ],
)
def test_an_allocation_may_run_the_shrinkers_under_the_locks_of_the_task(
    budget: int, gfp: int, deadlock: set[tuple[str, ...]]
) -> None:
    runs = search(shrinking(budget, gfp))
    assert waiting(runs) == deadlock
    assert bool([run for run in runs if run.world.state]) == bool(deadlock)


def test_the_budget_is_for_a_whole_execution_and_each_allocation_may_use_it() -> None:
    """Three allocations, one of which may find memory short: none, or one of the three."""

    def setup(world: World) -> None:
        reclaim = Reclaim(world, 1)
        world.state = []
        at = [0]

        async def shrink() -> None:
            world.state.append(at[0])

        async def task() -> None:
            for nth in range(3):
                at[0] = nth
                await kmalloc(world, lambda: Thing(world, "t"), "thing")

        reclaim.register(shrink)
        world.spawn(task(), "task")

    assert sorted(run.world.state for run in search(setup)) == [[], [0], [1], [2]]


def test_a_shrinker_does_not_reclaim_again() -> None:
    def setup(world: World) -> None:
        reclaim = Reclaim(world, 2)
        world.state = []

        async def shrink() -> None:
            world.state.append("shrink")
            await kmalloc(world, lambda: Thing(world, "t"), "thing")

        async def task() -> None:
            await kmalloc(world, lambda: Thing(world, "t"), "thing")

        reclaim.register(shrink)
        world.spawn(task(), "task")

    assert sorted(run.world.state for run in search(setup)) == [[], ["shrink"]]


def test_the_call_chain_of_a_shrinker_leads_to_the_allocation() -> None:
    chains: list[list[str]] = []

    def setup(world: World) -> None:
        reclaim, mutex = Reclaim(world, 1), Mutex(world, "m")

        async def dcache_shrink() -> None:
            await mutex.lock()
            chains.append([frame.function for frame in holder(world).call_chain()])

        async def allocates() -> None:
            await kmalloc(world, lambda: Thing(world, "t"), "thing")

        reclaim.register(dcache_shrink)
        world.on_acquire = (
            lambda task, use: chains.append([frame.function for frame in task.call_chain()]),
        )
        world.spawn(allocates(), "task")

    def holder(world: World) -> Task:
        return world.tasks[0]

    search(setup)
    expected = [
        "dcache_shrink",
        "shrink_slab",
        "try_to_free_pages",
        "alloc_pages_slowpath",
        "allocates",
    ]
    assert expected in chains


def test_kswapd_holds_the_map_and_allocates_without_it() -> None:
    events: list[str] = []

    world = World()
    reclaim = Reclaim(world)

    async def shrink() -> None:
        await might_alloc(GFP_KERNEL)
        events.append("shrink")

    reclaim.register(shrink)
    world.on_acquire = (lambda task, use: events.append(f"+{use.key.name}"),)
    world.on_release = (lambda task, address: events.append("-"),)
    world.spawn(reclaim.balance_pgdat(), "kswapd0")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert events == [f"+{FS}", "shrink", "-"]


class Locked(Slab):
    """An object with locks in it, and one that belongs to somebody else in a field."""

    size = 0x80

    def __init__(self, world: World) -> None:
        super().__init__(world, "locked")
        self.lock = SpinLock(world, "&locked->lock")


class Child(Locked):
    """With one more, in a slot."""

    __slots__ = ("mutex",)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.mutex = Mutex(world, "&child->mutex")


def test_what_is_told_of_memory_that_is_freed() -> None:
    told: list[tuple[str, int, int, tuple[int, ...]]] = []
    world = World()
    child, plain = Child(world), Thing(world, "plain")
    world.on_free = (lambda task, low, high, locks: told.append((task.comm, low, high, locks)),)
    world.spawn(does(kfree(child), kfree(plain)), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert told == [
        ("task", child.address, child.address + 0x80, (child.lock.address, child.mutex.address)),
        ("task", plain.address, plain.address + 0x40, ()),
    ]
