"""What the lock validator makes of maps: RCU, SRCU, works, reclaim, wound/wait mutexes."""

from collections.abc import Callable

import pytest

from lockwright.core.finding import Finding
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rcupointer import rcu_dereference
from lockwright.kernel.reclaim import (
    GFP_KERNEL,
    GFP_NOFS,
    NOLOCKDEP,
    Reclaim,
    might_alloc,
    might_fault,
)
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import (
    Work,
    WorkQueue,
    cancel_work_sync,
    flush_work,
    flush_workqueue,
)
from lockwright.kernel.ww_mutex import (
    WwAcquireCtx,
    WwClass,
    WwMutex,
    ww_acquire_done,
    ww_acquire_fini,
    ww_acquire_init,
    ww_mutex_lock,
    ww_mutex_trylock,
    ww_mutex_unlock,
)
from lockwright.scenario import scenario
from lockwright.session import Options, explore
from tests.kernel.searching import does

CIRCULAR = "possible circular locking dependency"
RECURSIVE = "possible recursive locking"
CONTEXT = "Invalid wait context"
LEAKED = "workqueue leaked atomic, lock or RCU"
SUSPICIOUS = "suspicious RCU usage"
SLEEPING = "sleeping in atomic context"


def findings(
    build: Callable[[World], None], release: str = "6.19.0", *, once: bool = True
) -> dict[str, Finding]:
    """The findings of a world, by kind; with `once` no kind may come twice."""

    @scenario("test/maps:world", release=release)
    def world(world: World) -> None:
        """A world of maps."""
        build(world)

    found = explore(world, Options(events=False)).findings
    kinds = [finding.kind for finding in found]
    assert not once or len(kinds) == len(set(kinds)), [finding.message for finding in found]
    return {finding.kind: finding for finding in found}


def held(finding: Finding) -> list[str]:
    """The classes that a report says are held."""
    return [lock.lock.name for lock in finding.report.held]


def in_turn(world: World, *bodies: Callable[[], object]) -> None:
    """Several tasks, each of which waits for the one before."""
    done = [None] * 0

    async def run() -> None:
        for body in bodies:
            await body()  # type: ignore[misc]  # coroutines
            done.append(None)

    world.spawn(run(), "task")


def test_a_mutex_in_an_rcu_reader_waits_too_long() -> None:
    def build(world: World) -> None:
        rcu, mutex = Rcu(world), Mutex(world, "m")
        world.spawn(
            does(rcu.rcu_read_lock(), mutex.lock(), mutex.unlock(), rcu.rcu_read_unlock()), "task"
        )

    found = findings(build)
    assert set(found) == {CONTEXT, SLEEPING}
    assert held(found[CONTEXT]) == ["rcu_read_lock"]
    assert "(rcu_read_lock){....}-{1:3}" in found[CONTEXT].text
    assert "RCU nest depth: 1, expected: 0" in found[SLEEPING].text
    assert "preempt_count: 0, expected: 0" in found[SLEEPING].text
    assert "(rcu_read_lock){....}-{1:2}" in findings(build, "6.5.0")[CONTEXT].text


@pytest.mark.parametrize(("flavour", "refused"), [("", False), ("_bh", False), ("_sched", True)])
def test_a_spinlock_may_be_taken_in_a_reader_but_not_where_even_realtime_spins(
    flavour: str, refused: bool
) -> None:
    def build(world: World) -> None:
        rcu, lock = Rcu(world), SpinLock(world, "s")
        begin, end = (getattr(rcu, f"rcu_read_{call}lock{flavour}")() for call in ("", "un"))
        world.spawn(does(begin, lock.lock(), lock.unlock(), end), "task")

    assert set(findings(build)) == ({CONTEXT} if refused else set())


def test_readers_of_rcus_maps_give_no_order() -> None:
    def build(world: World) -> None:
        rcu, lock = Rcu(world), SpinLock(world, "s")

        async def one() -> None:
            await rcu.rcu_read_lock()
            await lock.lock()
            await lock.unlock()
            await rcu.rcu_read_unlock()

        async def other() -> None:
            await lock.lock()
            await rcu.rcu_read_lock()
            await rcu.rcu_read_unlock()
            await lock.unlock()

        in_turn(world, one, other)

    assert findings(build) == {}


def test_the_report_of_a_pointer_that_nobody_protects() -> None:
    class Shelf(Slab):
        item: Field[int] = Field(0)

    def build(world: World) -> None:
        shelf, mutex = Shelf(world, "shelf"), Mutex(world, "m")

        async def reader() -> None:
            await mutex.lock()
            await rcu_dereference(shelf, "item")
            await mutex.unlock()

        world.spawn(reader(), "task")

    found = findings(build)
    assert set(found) == {SUSPICIOUS}
    text = found[SUSPICIOUS].text
    assert "suspicious rcu_dereference_check() usage!" in text
    assert "kernel/test_map_reports.py:" in text
    assert held(found[SUSPICIOUS]) == ["m"]


@pytest.mark.parametrize("same", [True, False])
def test_synchronize_srcu_in_a_reader_of_the_same_domain_is_recursive(same: bool) -> None:
    def build(world: World) -> None:
        srcu, other = Srcu(world, "srcu"), Srcu(world, "other")

        async def task() -> None:
            idx = await srcu.read_lock()
            await (srcu if same else other).synchronize_srcu()
            await srcu.read_unlock(idx)

        world.spawn(task(), "task")

    found = findings(build)
    assert set(found) == ({RECURSIVE, SUSPICIOUS, "deadlock"} if same else set())


@pytest.mark.parametrize(
    ("reads", "predicted"), [("read_lock", True), ("read_lock_fast", False), ("down_read", False)]
)
def test_a_mutex_around_synchronize_srcu_that_a_reader_takes_is_a_cycle(
    reads: str, predicted: bool
) -> None:
    """Fast readers give the validator no order: it is blind there, and the deadlock real."""

    def build(world: World) -> None:
        srcu, mutex = Srcu(world, "srcu"), Mutex(world, "m")

        async def reader() -> None:
            idx = await getattr(srcu, reads)()
            await mutex.lock()
            await mutex.unlock()
            end = reads.replace("read_lock", "read_unlock").replace("down", "up")
            await getattr(srcu, end)(idx)

        world.spawn(reader(), "reader")
        world.spawn(does(mutex.lock(), srcu.synchronize_srcu(), mutex.unlock()), "updater")

    found = findings(build)
    assert set(found) == ({CIRCULAR, "deadlock"} if predicted else {"deadlock"})
    if predicted:
        assert found[CIRCULAR].reality == "confirmed"


def flushing(how: str, *, takes: bool = True, ordered: bool = False) -> Callable[[World], None]:
    """A mutex is held around waiting for a work that takes it."""

    def build(world: World) -> None:
        mutex = Mutex(world, "m")

        async def work_function() -> None:
            if takes:
                await mutex.lock()
                await mutex.unlock()

        queue = WorkQueue(world, "q", ordered=ordered)
        work = Work(world, "&work", work_function)
        calls = {"work": flush_work(work), "queue": flush_workqueue(queue)}
        wait = calls.get(how) or cancel_work_sync(work)
        world.spawn(does(queue.queue_work(work), mutex.lock(), wait, mutex.unlock()), "task")

    return build


@pytest.mark.parametrize("how", ["work", "queue", "cancel"])
def test_waiting_for_a_work_under_a_lock_that_it_takes_is_a_cycle(how: str) -> None:
    found = findings(flushing(how))
    assert set(found) == {CIRCULAR, "deadlock"}
    first = "(wq_completion)q" if how == "queue" else "(work_completion)(&work)"
    assert first in found[CIRCULAR].classes
    assert findings(flushing(how, takes=False)) == {}


@pytest.mark.parametrize(("ordered", "expected"), [(True, {RECURSIVE, "deadlock"}), (False, set())])
def test_a_work_may_not_flush_another_one_of_its_ordered_queue(
    ordered: bool, expected: set[str]
) -> None:
    """The other one, queued behind it, cannot begin before it ends."""

    def build(world: World) -> None:
        queue = WorkQueue(world, "q", ordered=ordered)

        async def waits() -> None:
            await flush_work(other)

        async def nothing() -> None:
            """Done at once."""

        first, other = Work(world, "&first", waits), Work(world, "&other", nothing)
        world.spawn(does(queue.queue_work(first), queue.queue_work(other)), "task")

    assert set(findings(build)) == expected


@pytest.mark.parametrize(
    ("leaves", "how"),
    [
        ("mutex", "with a lock held"),
        ("spinlock", "at atomic depth 1"),
        ("rcu", "in an RCU read section"),
        ("srcu", "with a lock held"),
        ("preempt", "at atomic depth 1"),
    ],
)
def test_what_a_work_leaks_is_told_once(leaves: str, how: str) -> None:
    def build(world: World) -> None:
        begins = {
            "mutex": Mutex(world, "m").lock,
            "spinlock": SpinLock(world, "s").lock,
            "rcu": Rcu(world).rcu_read_lock,
            "srcu": Srcu(world, "srcu").read_lock,
            "preempt": preempt_disable,
        }

        async def leaks() -> None:
            await begins[leaves]()

        queue = WorkQueue(world, "q")
        world.spawn(does(queue.queue_work(Work(world, "&work", leaks))), "task")

    found = findings(build)
    assert set(found) == {LEAKED}
    assert found[LEAKED].message == f"leaks() leaves kworker/u8:0.0 {how}"
    assert "BUG: workqueue leaked atomic, lock or RCU: kworker/u8:0.0[" in found[LEAKED].text
    assert "leaks" in found[LEAKED].text
    names = {"mutex": "m", "spinlock": "s", "rcu": "rcu_read_lock", "srcu": "srcu"}
    assert held(found[LEAKED]) == ([names[leaves]] if leaves in names else [])


def reclaiming(gfp: int, budget: int = 0) -> Callable[[World], None]:
    """A mutex is held around an allocation, and taken by a shrinker that kswapd runs."""

    def build(world: World) -> None:
        reclaim, mutex = Reclaim(world, budget), Mutex(world, "m")

        async def shrink() -> None:
            await mutex.lock()
            await mutex.unlock()

        async def allocates() -> None:
            await mutex.lock()
            await might_alloc(gfp)
            await mutex.unlock()

        reclaim.register(shrink)
        world.spawn(allocates(), "task")
        world.spawn(reclaim.balance_pgdat(), "kswapd0")

    return build


def test_an_allocation_under_a_lock_that_a_shrinker_takes_is_a_cycle() -> None:
    found = findings(reclaiming(GFP_KERNEL))
    assert set(found) == {CIRCULAR}
    assert set(found[CIRCULAR].classes) == {"fs_reclaim", "m"}
    assert findings(reclaiming(GFP_NOFS)) == {}
    assert findings(reclaiming(GFP_KERNEL | NOLOCKDEP)) == {}


def test_might_fault_under_a_lock_that_is_taken_under_mmap_lock_is_a_cycle() -> None:
    def build(world: World) -> None:
        mutex, mmap_lock = Mutex(world, "m"), RwSem(world, "&mm->mmap_lock")

        async def copies() -> None:
            await mutex.lock()
            await might_fault(mmap_lock)
            await mutex.unlock()

        async def maps() -> None:
            await mmap_lock.down_write()
            await mutex.lock()
            await mutex.unlock()
            await mmap_lock.up_write()

        in_turn(world, copies, maps)

    assert set(findings(build)) == {CIRCULAR}


def test_freeing_memory_with_a_held_lock_in_it_is_found() -> None:
    class Locked(Slab):
        """Has a lock."""

        def __init__(self, world: World) -> None:
            super().__init__(world, "locked")
            self.lock = SpinLock(world, "&locked->lock")

    def build(world: World) -> None:
        one, other = Locked(world), Locked(world)
        world.spawn(does(one.lock.lock(), kfree(other), kfree(one), one.lock.unlock()), "task")

    found = findings(build)
    assert set(found) == {"held lock freed"}
    assert held(found["held lock freed"]) == ["&locked->lock"]


def ww(*calls: str) -> set[str]:
    """The kinds of findings of one task that makes these calls."""

    def build(world: World) -> None:
        cls = WwClass(world, "ww")
        a, b, spin = WwMutex(cls, "a"), WwMutex(cls, "b"), SpinLock(world, "s")
        ctx, other = WwAcquireCtx(cls, "ctx"), WwAcquireCtx(cls, "other")
        names = {
            "init": lambda: ww_acquire_init(ctx, cls),
            "init other": lambda: ww_acquire_init(other, cls),
            "done": lambda: ww_acquire_done(ctx),
            "fini": lambda: ww_acquire_fini(ctx),
            "a": lambda: ww_mutex_lock(a, ctx),
            "b": lambda: ww_mutex_lock(b, ctx),
            "plain a": lambda: ww_mutex_lock(a),
            "plain b": lambda: ww_mutex_lock(b),
            "try a": lambda: ww_mutex_trylock(a),
            "try b": lambda: ww_mutex_trylock(b),
            "-a": lambda: ww_mutex_unlock(a),
            "-b": lambda: ww_mutex_unlock(b),
            "spin": spin.lock,
            "-spin": spin.unlock,
        }

        async def task() -> None:
            for call in calls:
                await names[call]()

        world.spawn(task(), "task")

    return set(findings(build, once=False))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (("init", "a", "b", "done", "-b", "-a", "fini"), set()),
        (("init", "init other"), {RECURSIVE}),
        (("plain a", "plain b", "-b", "-a"), {RECURSIVE}),
        (("try a", "plain b", "-b", "-a"), {RECURSIVE}),
        (("plain a", "try b", "-b", "-a"), set()),
        (("try a", "try b", "-b", "-a"), set()),
        (("init", "a", "try b", "-b", "-a", "fini"), set()),
        (("init", "a", "plain b", "-b", "-a", "fini"), {RECURSIVE}),
        (("try a", "init", "fini", "-a"), {RECURSIVE}),
        (("spin", "plain a", "-a", "-spin"), {CONTEXT, SLEEPING}),
        (("init", "a", "spin", "-spin", "-a", "fini"), set()),
        (("plain a", "-a", "-a"), {"bad unlock balance"}),
        (("init", "done", "fini", "fini"), {"bad unlock balance"}),
    ],
)
def test_what_the_validator_says_of_wound_wait_mutexes(
    calls: tuple[str, ...], expected: set[str]
) -> None:
    """The kernel's own self-tests have these, with the same verdicts."""
    left = {"lock held at task exit"}
    assert ww(*calls) - left == expected
