"""Store buffers under the kernel's primitives: what is a barrier, what is not, and who sees what.

The usual shape is store buffering: each of two tasks stores to a variable of its own and then
loads the other's.  Both loads give 0 if and only if both stores were late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.operation import Operation, Touch
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import Run, trace_key
from lockwright.kernel.barrier import (
    smp_mb,
    smp_mb__after_atomic,
    smp_mb__after_spinlock,
    smp_mb__after_unlock_lock,
    smp_mb__before_atomic,
    smp_rmb,
    smp_store_mb,
    smp_wmb,
)
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import preempt_disable, sleepable
from lockwright.kernel.graceperiod import open_sections
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import (
    READ_ONCE,
    WRITE_ONCE,
    Variable,
    atomic_add,
    cmpxchg,
    rcu_assign_pointer,
    rcu_dereference,
    smp_load_acquire,
    smp_store_release,
    wait_until,
    xchg,
)
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.refcount import Refcount, refcount_inc, refcount_read
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.storebuffer import use_memory
from lockwright.kernel.waitqueue import WaitQueue, wait_event
from lockwright.kernel.workqueue import Work, WorkQueue, flush_work
from lockwright.report.columns import columns
from lockwright.scenario import Scenario, scenario
from lockwright.session import Options, Session, explore
from tests.kernel.searching import does
from tests.kernel.weak import ALL, WEAK, Setup, making, outcomes, results, traces

Between = Callable[[World], list[Callable[[], Awaitable[object]]]]
"""What a task does between its store and its load; called for each task once."""


class Page(Slab):
    """Two plain fields."""

    cache = "page"
    a: Field[int] = Field(0)
    b: Field[int] = Field(0)


def store_buffering(between: Between) -> Setup:
    def setup(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")
        for name, mine, other in (("one", x, y), ("two", y, x)):
            world.spawn(body(mine, other, between(world)), name)

    async def body(
        mine: Variable, other: Variable, middle: list[Callable[[], Awaitable[object]]]
    ) -> object:
        await WRITE_ONCE(mine, 1)
        for make in middle:
            await make()
        return await READ_ONCE(other)

    return setup


def lock_and_unlock(make: Callable[[World], SpinLock | Mutex]) -> Between:
    def between(world: World) -> list[Callable[[], Awaitable[object]]]:
        lock = make(world)
        return [lock.lock, lock.unlock]

    return between


def is_late(between: Between, memory: str) -> bool:
    """Can both stores be late?"""
    found = outcomes(store_buffering(between), memory)
    assert found >= {(1, 0), (0, 1), (1, 1)}
    return (0, 0) in found


def always(*makes: Callable[[], Awaitable[object]]) -> Between:
    return lambda world: list(makes)


@pytest.mark.parametrize(
    ("between", "late"),
    [
        pytest.param(always(), WEAK, id="nothing"),
        pytest.param(always(smp_wmb), WEAK, id="smp_wmb"),
        pytest.param(always(smp_rmb), WEAK, id="smp_rmb"),
        pytest.param(always(preempt_disable), WEAK, id="preempt_disable"),
        pytest.param(always(smp_mb), (), id="smp_mb"),
        pytest.param(always(smp_wmb, smp_mb), (), id="smp_wmb and smp_mb"),
        pytest.param(always(smp_mb__before_atomic), (), id="smp_mb__before_atomic"),
        pytest.param(always(smp_mb__after_atomic), (), id="smp_mb__after_atomic"),
        pytest.param(always(smp_mb__after_spinlock), (), id="smp_mb__after_spinlock"),
        pytest.param(always(smp_mb__after_unlock_lock), (), id="smp_mb__after_unlock_lock"),
    ],
)
def test_only_full_barriers_keep_a_load_behind_a_store(
    between: Between, late: tuple[str, ...]
) -> None:
    assert [memory for memory in ALL if is_late(between, memory)] == list(late)


def own(make: Callable[[World], list[Callable[[], Awaitable[object]]]]) -> Between:
    return make


def _mutex(world: World) -> list[Callable[[], Awaitable[object]]]:
    lock = Mutex(world, "&m")
    return [lock.lock, lock.unlock]


def _rwsem(world: World) -> list[Callable[[], Awaitable[object]]]:
    lock = RwSem(world, "&rwsem")
    return [lock.down_read, lock.up_read]


def _srcu(world: World) -> list[Callable[[], Awaitable[object]]]:
    domain = Srcu(world, "&srcu")

    async def section() -> None:
        await domain.read_unlock(await domain.read_lock())

    return [section]


def _xchg(world: World) -> list[Callable[[], Awaitable[object]]]:
    page = Page(world, "own")
    return [lambda: xchg(page, "a", 1)]


def _failing_cmpxchg(world: World) -> list[Callable[[], Awaitable[object]]]:
    page = Page(world, "own")
    return [lambda: cmpxchg(page, "a", 7, 1)]


def _atomic_add(world: World) -> list[Callable[[], Awaitable[object]]]:
    page = Page(world, "own")
    return [lambda: atomic_add(page, "a", 1)]


def _refcount_inc(world: World) -> list[Callable[[], Awaitable[object]]]:
    ref = Refcount(world, 1, "own")
    return [lambda: refcount_inc(ref)]


def _refcount_read(world: World) -> list[Callable[[], Awaitable[object]]]:
    ref = Refcount(world, 1, "own")
    return [lambda: refcount_read(ref)]


def _rcu(world: World) -> list[Callable[[], Awaitable[object]]]:
    rcu = Rcu(world)
    return [rcu.rcu_read_lock, rcu.rcu_read_unlock]


def _complete(world: World) -> list[Callable[[], Awaitable[object]]]:
    completion = Completion(world, "own")
    return [completion.complete]


@pytest.mark.parametrize(
    ("between", "late"),
    [
        (_mutex, ()),
        (_rwsem, ()),
        (_srcu, ()),
        (_xchg, ()),
        (_failing_cmpxchg, ()),
        (_atomic_add, ()),
        (_refcount_inc, ()),
        (_complete, ()),
        (_refcount_read, WEAK),
        (_rcu, WEAK),
    ],
)
def test_read_modify_writes_and_sleeping_locks_are_full_barriers_and_rcu_readers_are_not(
    between: Between, late: tuple[str, ...]
) -> None:
    assert [memory for memory in ALL if is_late(between, memory)] == list(late)


def locked(make: Callable[[World, str], tuple[Operation, Operation]]) -> Setup:
    """Store buffering with each store inside a section of the task's own lock."""

    def setup(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")
        for name, mine, other in (("one", x, y), ("two", y, x)):
            world.spawn(body(mine, other, make(world, name)), name)

    async def body(mine: Variable, other: Variable, lock: tuple[Operation, Operation]) -> object:
        await lock[0]
        await WRITE_ONCE(mine, 1)
        await lock[1]
        return await READ_ONCE(other)

    return setup


def _spin(world: World, name: str) -> tuple[Operation, Operation]:
    lock = SpinLock(world, name)
    return lock.lock(), lock.unlock()


def _irqsave(world: World, name: str) -> tuple[Operation, Operation]:
    lock = SpinLock(world, name)
    return lock.lock_irqsave(), lock.unlock_irqrestore()


def _writer(world: World, name: str) -> tuple[Operation, Operation]:
    lock = RwLock(world, name)
    return lock.write_lock(), lock.write_unlock()


def _reader(world: World, name: str) -> tuple[Operation, Operation]:
    lock = RwLock(world, name)
    return lock.read_lock(), lock.read_unlock()


def _mutex_pair(world: World, name: str) -> tuple[Operation, Operation]:
    lock = Mutex(world, name)
    return lock.lock(), lock.unlock()


@pytest.mark.parametrize(
    ("lock", "late"),
    [
        (_spin, WEAK),
        (_irqsave, WEAK),
        (_writer, WEAK),
        (_reader, ()),
        (_mutex_pair, ()),
    ],
)
def test_a_load_can_overtake_the_unlock_of_a_spinlock(
    lock: Callable[[World, str], tuple[Operation, Operation]], late: tuple[str, ...]
) -> None:
    found = [memory for memory in ALL if (0, 0) in outcomes(locked(lock), memory)]
    assert found == list(late)


def message_passing(
    store: Callable[[Variable, int], Operation],
    load: Callable[[Variable], Operation] = READ_ONCE,
    between: Callable[[], Operation] | None = None,
) -> Setup:
    """The second task's results are the flag, and then the data."""

    def setup(world: World) -> None:
        data, flag = Variable(world, 0, "data"), Variable(world, 0, "flag")
        world.spawn(writer(data, flag), "writer")
        world.spawn(reader(data, flag), "reader")

    async def writer(data: Variable, flag: Variable) -> None:
        await WRITE_ONCE(data, 1)
        if between is not None:
            await between()
        await store(flag, 1)

    async def reader(data: Variable, flag: Variable) -> tuple[object, object]:
        return await load(flag), await READ_ONCE(data)

    return setup


STALE = (None, (1, 0))


@pytest.mark.parametrize(
    ("setup", "late"),
    [
        pytest.param(message_passing(WRITE_ONCE), ("pso",), id="nothing"),
        pytest.param(message_passing(WRITE_ONCE, smp_load_acquire), ("pso",), id="acquire"),
        pytest.param(message_passing(smp_store_release), (), id="release"),
        pytest.param(message_passing(WRITE_ONCE, between=smp_wmb), (), id="smp_wmb"),
        pytest.param(message_passing(WRITE_ONCE, between=smp_mb), (), id="smp_mb"),
        pytest.param(message_passing(WRITE_ONCE, between=smp_rmb), ("pso",), id="smp_rmb"),
    ],
)
def test_stores_overtake_each_other_only_under_pso_and_not_past_a_release_or_smp_wmb(
    setup: Setup, late: tuple[str, ...]
) -> None:
    assert [memory for memory in ALL if STALE in outcomes(setup, memory)] == list(late)


def test_a_store_behind_a_release_can_overtake_it() -> None:
    def setup(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")
        world.spawn(writer(x, y), "writer")
        world.spawn(reader(x, y), "reader")

    async def writer(x: Variable, y: Variable) -> None:
        await smp_store_release(x, 1)
        await WRITE_ONCE(y, 1)

    async def reader(x: Variable, y: Variable) -> tuple[object, object]:
        return await READ_ONCE(y), await READ_ONCE(x)

    assert STALE not in outcomes(setup, "tso")
    assert STALE in outcomes(setup, "pso")


def test_smp_store_mb_is_a_store_and_a_barrier() -> None:
    def setup(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")
        world.spawn(body(x, y), "one")
        world.spawn(body(y, x), "two")

    async def body(mine: Variable, other: Variable) -> object:
        await smp_store_mb(mine, 1)
        return await READ_ONCE(other)

    for memory in ALL:
        assert outcomes(setup, memory) == {(1, 0), (0, 1), (1, 1)}


# Who sees what


@pytest.mark.parametrize("memory", ALL)
def test_a_task_sees_its_own_store_at_once_and_later_ones_of_others_in_order(memory: str) -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")
        world.spawn(body(x), "one")
        world.spawn(store(x), "two")

    async def body(x: Variable) -> tuple[object, object]:
        await WRITE_ONCE(x, 1)
        return await READ_ONCE(x), await READ_ONCE(x)

    async def store(x: Variable) -> None:
        await WRITE_ONCE(x, 2)

    # never (2, 1): what has been overwritten does not come back; never 0
    assert outcomes(setup, memory) == {((1, 1), None), ((1, 2), None), ((2, 2), None)}


@pytest.mark.parametrize("memory", ALL)
def test_a_wait_is_satisfied_by_an_own_store_or_by_what_came_over_it(memory: str) -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")
        world.spawn(body(x), "one")
        world.spawn(store(x), "two")

    async def body(x: Variable) -> object:
        await WRITE_ONCE(x, 1)
        return await wait_until(x, lambda value: value > 0)

    async def store(x: Variable) -> None:
        await WRITE_ONCE(x, 2)

    assert outcomes(setup, memory) == {(1, None), (2, None)}


@pytest.mark.parametrize("memory", ALL)
def test_a_wait_that_an_own_store_does_not_satisfy_waits_for_a_later_one(memory: str) -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")
        world.spawn(body(x), "one")
        world.spawn(store(x), "two")

    async def body(x: Variable) -> object:
        await WRITE_ONCE(x, 1)
        return await wait_until(x, lambda value: value == 2)

    async def store(x: Variable) -> None:
        await WRITE_ONCE(x, 2)

    runs = traces(setup, memory)
    # the other store comes first, and waiting is in vain; or last
    assert len(runs) == 2
    assert sum(bool(run.world.blocked()) for run in runs) == 1
    assert results(runs) == {(2, None)}


@pytest.mark.parametrize("memory", WEAK)
def test_the_read_modify_write_of_another_comes_over_an_own_store(memory: str) -> None:
    def setup(world: World) -> None:
        page = Page(world, "p")
        world.spawn(body(page), "one")
        world.spawn(add(page), "two")

    async def body(page: Page) -> object:
        await WRITE_ONCE(page, "a", 10)
        return await READ_ONCE(page, "a")

    async def add(page: Page) -> object:
        return await atomic_add(page, "a", 1)

    assert outcomes(setup, memory) == {(10, 0), (10, 10), (11, 10)}


class Assign(Touch):
    """An operation of a model's own, which says nothing of store buffers."""

    kind = "assign"

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.writing)
        self.loc.value = 7


class Double(Assign):
    """One that waits for a value."""

    kind = "double"
    blocking = True

    def ready(self, value: object) -> bool:
        return value == 1


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("made", [Assign, Double])
def test_an_operation_of_a_models_own_acts_on_memory_and_is_seen_over_an_own_store(
    made: type[Touch], memory: str
) -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")
        world.spawn(body(x), "one")
        world.spawn(assign(x), "two")

    async def body(x: Variable) -> object:
        await WRITE_ONCE(x, 1)
        return await READ_ONCE(x)

    async def assign(x: Variable) -> None:
        await made(x)

    runs = traces(setup, memory)
    assert results(runs) == {(1, None), (7, None)}
    # before the store, between it and the load, after both; the one that waits is never first
    assert len(runs) == (3 if made is Assign else 2)


class Reset(Operation):
    """One that writes a field, and does not say so."""

    kind = "reset"

    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, task: Task, touched: list[int]) -> None:
        self.page.a = 7


@pytest.mark.parametrize("memory", ALL)
def test_a_field_that_an_operation_of_a_models_own_writes_is_seen_over_an_own_store(
    memory: str,
) -> None:
    def setup(world: World) -> None:
        page = Page(world, "p")
        world.spawn(body(page), "one")
        world.spawn(reset(page), "two")

    async def body(page: Page) -> object:
        await WRITE_ONCE(page, "a", 1)
        return await READ_ONCE(page, "a")

    async def reset(page: Page) -> None:
        await Reset(page)

    assert results(plain_search(making(setup, memory))) == {(1, None), (7, None)}


@pytest.mark.parametrize("memory", WEAK)
def test_what_waits_for_an_empty_buffer_waits_in_a_step_of_its_own_and_once(memory: str) -> None:
    def setup(world: World) -> None:
        page = Page(world, "p")
        world.spawn(body(page), "one")

    async def body(page: Page) -> None:
        await WRITE_ONCE(page, "a", 1)
        await xchg(page, "b", 1)
        await WRITE_ONCE(page, "a", 2)
        await smp_mb()
        await xchg(page, "b", 2)

    (run,) = traces(setup, memory)
    kinds = [operation.kind for _, operation, *_ in run.log]
    once = ["WRITE_ONCE", "flush"]
    assert kinds == [*once, "drain", "xchg", *once, "smp_mb", "xchg"]


@pytest.mark.parametrize("memory", ALL)
def test_a_task_sees_its_own_read_modify_write_of_what_it_has_stored_to(memory: str) -> None:
    def setup(world: World) -> None:
        world.spawn(body(Page(world, "p")), "one")

    async def body(page: Page) -> tuple[object, object, int]:
        await WRITE_ONCE(page, "a", 1)
        old = await xchg(page, "a", 2)
        return old, await READ_ONCE(page, "a"), page.a

    assert outcomes(setup, memory) == {((1, 2, 2),)}


@pytest.mark.parametrize("memory", ALL)
def test_plain_code_sees_the_marked_store_of_its_own_task(memory: str) -> None:
    def setup(world: World) -> None:
        page = Page(world, "p")
        world.spawn(body(page), "one")

    async def body(page: Page) -> tuple[int, int]:
        await WRITE_ONCE(page, "a", 1)
        seen = page.a
        page.a = seen + 1
        return seen, page.a

    runs = traces(setup, memory)
    assert len(runs) == 1
    assert results(runs) == {((1, 2),)}
    assert runs[0].world.objects[0].peek("a") == 2


@pytest.mark.parametrize("memory", ALL)
def test_a_plain_load_of_what_the_task_has_stored_to_does_not_depend_on_its_own_flush(
    memory: str,
) -> None:
    def setup(world: World) -> None:
        world.spawn(body(Page(world, "p")), "one")

    async def body(page: Page) -> int:
        await WRITE_ONCE(page, "a", 1)
        await preempt_disable()
        return page.a

    (run,) = traces(setup, memory)  # in either order it is the same trace
    assert results([run]) == {(1,)}


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("busy", [False, True])
def test_a_plain_store_of_another_that_is_ordered_is_seen_over_an_own_store(
    memory: str, *, busy: bool
) -> None:
    def setup(world: World) -> None:
        page, flags = Page(world, "p"), Page(world, "flags")
        world.spawn(first(page, flags), "first")
        world.spawn(second(page, flags), "second")

    async def first(page: Page, flags: Page) -> object:
        await WRITE_ONCE(page, "a", 1)
        await smp_store_release(flags, "a", 1)
        return await READ_ONCE(page, "a") if await smp_load_acquire(flags, "b") else None

    async def second(page: Page, flags: Page) -> None:
        if busy:
            await WRITE_ONCE(page, "b", 1)
        if await smp_load_acquire(flags, "a"):
            page.a = 2
            await smp_store_release(flags, "b", 1)

    assert outcomes(setup, memory) == {(None, None), (2, None)}


@pytest.mark.parametrize("memory", ALL)
def test_a_plain_store_lands_after_the_marked_one_before_it_and_before_the_release_after_it(
    memory: str,
) -> None:
    def setup(world: World) -> None:
        page = Page(world, "p")
        world.spawn(writer(page), "writer")
        world.spawn(reader(page), "reader")

    async def writer(page: Page) -> None:
        await WRITE_ONCE(page, "a", 1)
        page.a = 2
        await smp_store_release(page, "b", 1)

    async def reader(page: Page) -> object:
        return page.a if await smp_load_acquire(page, "b") else None

    found = traces(setup, memory)
    assert results(found) == {(None, None), (None, 2)}
    assert all(run.world.objects[0].peek("a") == 2 for run in found)


@pytest.mark.parametrize("memory", ALL)
def test_what_is_published_with_rcu_assign_pointer_is_complete(memory: str) -> None:
    def setup(world: World) -> None:
        page, root = Page(world, "new"), Page(world, "root")
        world.spawn(writer(page, root), "writer")
        world.spawn(reader(root), "reader")

    async def writer(page: Page, root: Page) -> None:
        await preempt_disable()
        page.a = 1
        await WRITE_ONCE(page, "b", 1)
        await rcu_assign_pointer(root, "a", page)

    async def reader(root: Page) -> object:
        page = await rcu_dereference(root, "a")
        if not page:
            return None
        return page.a, await READ_ONCE(page, "b")

    assert outcomes(setup, memory) == {(None, None), (None, (1, 1))}


@pytest.mark.parametrize("memory", ALL)
def test_a_new_task_sees_what_its_creator_stored(memory: str) -> None:
    def setup(world: World) -> None:
        world.spawn(parent(world, Variable(world, 0, "x"), Variable(world, 0, "r")), "parent")

    async def parent(world: World, x: Variable, r: Variable) -> object:
        await WRITE_ONCE(x, 1)
        world.spawn(child(x, r), "child")
        return await wait_until(r, lambda value: value > 0)

    async def child(x: Variable, r: Variable) -> None:
        await WRITE_ONCE(r, 1 + await READ_ONCE(x))

    assert outcomes(setup, memory) == {(2, None)}


@pytest.mark.parametrize("memory", ALL)
def test_a_work_item_sees_what_was_stored_before_it_was_queued(memory: str) -> None:
    def setup(world: World) -> None:
        x, seen = Variable(world, 0, "x"), Variable(world, -1, "seen")

        async def function() -> None:
            await WRITE_ONCE(seen, await READ_ONCE(x))

        work = Work(world, "work", function)
        world.spawn(queue(WorkQueue(world, "wq"), work, x), "queue")
        world.state = seen

    async def queue(queue: WorkQueue, work: Work, x: Variable) -> None:
        await WRITE_ONCE(x, 1)
        await queue.queue_work(work)

    assert {run.world.state.value for run in traces(setup, memory)} == {1}


@pytest.mark.parametrize("memory", ALL)
def test_flush_work_waits_until_the_stores_of_the_work_item_have_landed(memory: str) -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")

        async def function() -> None:
            await WRITE_ONCE(x, 1)

        work = Work(world, "work", function)
        world.spawn(queue(WorkQueue(world, "wq"), work, x), "queue")

    async def queue(queue: WorkQueue, work: Work, x: Variable) -> object:
        await queue.queue_work(work)
        await flush_work(work)
        return await READ_ONCE(x)

    assert {found[0] for found in outcomes(setup, memory)} == {1}


@pytest.mark.parametrize("memory", ALL)
def test_a_grace_period_waits_until_the_stores_of_its_readers_have_landed(memory: str) -> None:
    def setup(world: World) -> None:
        rcu, x, began = Rcu(world), Variable(world, 0, "x"), Variable(world, 0, "began")
        world.spawn(reader(rcu, x, began), "reader")
        world.spawn(updater(rcu, x, began), "updater")

    async def reader(rcu: Rcu, x: Variable, began: Variable) -> None:
        await rcu.rcu_read_lock()
        await WRITE_ONCE(began, 1)
        await WRITE_ONCE(x, 1)
        await rcu.rcu_read_unlock()

    async def updater(rcu: Rcu, x: Variable, began: Variable) -> tuple[object, object]:
        seen = await READ_ONCE(began)
        await rcu.synchronize_rcu()
        return seen, await READ_ONCE(x)

    found = outcomes(setup, memory)
    assert (None, (1, 1)) in found
    assert (None, (1, 0)) not in found


@pytest.mark.parametrize(("barrier", "late"), [(None, WEAK), (smp_mb, ())])
def test_a_wakeup_is_lost_if_the_waker_looks_for_sleepers_before_its_store_has_landed(
    barrier: Callable[[], Operation] | None, late: tuple[str, ...]
) -> None:
    def setup(world: World) -> None:
        queue, done = WaitQueue(world, "wq"), Variable(world, 0, "done")
        world.spawn(sleeper(queue, done), "sleeper")
        world.spawn(waker(queue, done), "waker")

    async def sleeper(queue: WaitQueue, done: Variable) -> None:
        await wait_event(queue, lambda: READ_ONCE(done))

    async def waker(queue: WaitQueue, done: Variable) -> None:
        await WRITE_ONCE(done, 1)
        if barrier is not None:
            await barrier()
        if await queue.waitqueue_active():
            await queue.wake_up()

    lost = [m for m in ALL if any(run.world.blocked() for run in traces(setup, m))]
    assert lost == list(late)


# Objects that end


def handed_over(store: Callable[..., Operation]) -> Setup:
    """One task stores to an object and says that it is done with it, another then frees it."""

    def setup(world: World) -> None:
        page, done = Page(world, "p"), Variable(world, 0, "done")
        world.spawn(user(page, done), "user")
        world.spawn(free(page, done), "free")

    async def user(page: Page, done: Variable) -> None:
        await WRITE_ONCE(page, "a", 1)
        await store(done, 1)

    async def free(page: Page, done: Variable) -> None:
        await wait_until(done, bool)
        await kfree(page)

    return setup


@pytest.mark.parametrize(("store", "broken"), [(WRITE_ONCE, ("pso",)), (smp_store_release, ())])
def test_a_store_that_lands_in_a_freed_object_is_a_use_after_free(
    store: Callable[..., Operation], broken: tuple[str, ...]
) -> None:
    found = {
        memory: {
            finding.message
            for run in traces(handed_over(store), memory)
            for finding in run.world.findings
        }
        for memory in ALL
    }
    assert [memory for memory in ALL if found[memory]] == list(broken)
    for memory in broken:
        assert found[memory] == {"use-after-free: use of page p->a, freed by free in free()"}


@pytest.mark.parametrize("memory", ALL)
def test_a_task_can_free_what_it_has_just_stored_to(memory: str) -> None:
    def setup(world: World) -> None:
        world.spawn(body(Page(world, "p")), "one")

    async def body(page: Page) -> None:
        await WRITE_ONCE(page, "a", 1)
        await kfree(page)

    (run,) = traces(setup, memory)
    assert not run.world.findings


@pytest.mark.parametrize("memory", ALL)
def test_a_task_that_has_stored_to_an_object_cannot_load_from_it_when_it_is_freed(
    memory: str,
) -> None:
    def setup(world: World) -> None:
        page, done = Page(world, "p"), Variable(world, 0, "done")
        world.spawn(body(page, done), "one")
        world.spawn(free(page, done), "two")

    async def body(page: Page, done: Variable) -> object:
        await WRITE_ONCE(page, "a", 1)
        await smp_store_release(done, 1)
        return await READ_ONCE(page, "a")

    async def free(page: Page, done: Variable) -> None:
        await wait_until(done, bool)
        await kfree(page)

    runs = traces(setup, memory)
    assert results(runs) == {(1, None), (None, None)}
    assert {(each.kind, each.comm) for run in runs for each in run.world.findings} == {
        ("use-after-free", "one")
    }


@pytest.mark.parametrize("memory", ALL)
def test_the_late_release_of_a_writer_lets_in_who_waits(memory: str) -> None:
    def setup(world: World) -> None:
        lock = RwLock(world, "&lock")
        world.spawn(does(lock.write_lock(), lock.write_unlock()), "writer")
        world.spawn(does(lock.write_lock(), lock.write_unlock()), "other")
        world.spawn(does(lock.read_lock(), lock.read_unlock()), "reader")

    runs = traces(setup, memory)
    assert len(runs) >= 6  # the orders in which they come
    assert not any(run.world.blocked() for run in runs)


@pytest.mark.parametrize("memory", WEAK)
def test_a_lock_that_is_released_twice_is_found_whether_or_not_the_first_release_has_landed(
    memory: str,
) -> None:
    def setup(world: World) -> None:
        world.spawn(body(SpinLock(world, "&lock")), "one")

    async def body(lock: SpinLock) -> None:
        await lock.lock()
        await lock.unlock()
        await lock.unlock()

    def found(runs: Iterable[Run]) -> set[tuple[str, str]]:
        return {(each.kind, each.comm) for run in runs for each in run.world.findings}

    make = making(setup, memory)
    both = {("bad unlock balance", "one"), ("bad unlock balance", "flush of one")}
    assert found(plain_search(make)) == both
    assert found(Dpor(make)) == both


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("lock", [_spin, _irqsave, _writer])
def test_a_task_can_sleep_when_it_has_released_a_lock_though_the_release_is_late(
    lock: Callable[[World, str], tuple[Operation, Operation]], memory: str
) -> None:
    def setup(world: World) -> None:
        world.spawn(does(*lock(world, "&lock"), sleepable("schedule")), "one")

    for run in traces(setup, memory):
        task = run.world.tasks[0]
        assert not run.world.findings
        assert (task.atomic, task.irqs_off) == (0, 0)


@pytest.mark.parametrize("memory", ALL)
def test_of_nested_read_sections_the_outermost_counts(memory: str) -> None:
    def setup(world: World) -> None:
        rcu = Rcu(world)
        nested = [rcu.rcu_read_lock() for _ in range(2)]
        nested += [rcu.rcu_read_unlock() for _ in range(2)]
        world.spawn(does(*nested, rcu.synchronize_rcu()), "one")

    for run in traces(setup, memory):
        task = run.world.tasks[0]
        assert not run.world.findings
        assert not run.world.blocked()
        assert (open_sections(task), task.atomic) == ([], 0)


# The searches, and what is shown


def small(world: World) -> None:
    """A lock whose release is late, a field, an own view, a read-modify-write."""
    page, lock = Page(world, "p"), SpinLock(world, "&lock")
    world.spawn(_taker(page, lock), "taker")
    world.spawn(_other(page, lock), "other")


async def _taker(page: Page, lock: SpinLock) -> object:
    await WRITE_ONCE(page, "a", 1)
    seen, got = await READ_ONCE(page, "a"), await lock.trylock()
    if got:
        await lock.unlock()
    return seen, got


async def _other(page: Page, lock: SpinLock) -> object:
    await lock.lock()
    await lock.unlock()
    return await xchg(page, "a", 2)


@pytest.mark.parametrize("memory", ALL)
def test_plain_search_and_dpor_have_the_same_traces(memory: str) -> None:
    make = making(small, memory)
    every = [(trace_key(run), *results([run])) for run in plain_search(make)]
    reduced = [(trace_key(run), *results([run])) for run in Dpor(make)]

    assert len(set(reduced)) == len(reduced)
    assert set(reduced) == set(every)


@pytest.mark.parametrize("memory", WEAK)
def test_every_execution_ends_with_empty_buffers(memory: str) -> None:
    for run in Dpor(making(small, memory)):
        assert all(task.ended for task in run.world.tasks)


def two(world: World) -> None:
    """Store buffering, for reports."""
    x, y = Variable(world, 0, "x"), Variable(world, 0, "y")
    world.spawn(_store_and_load(x, y), "one")
    world.spawn(_store_and_load(y, x), "two")


async def _store_and_load(mine: Variable, other: Variable) -> object:
    await WRITE_ONCE(mine, 1)
    await WRITE_ONCE(mine, 2)
    return await READ_ONCE(other)


def test_the_flushes_of_a_task_are_one_column() -> None:
    session = Session(Scenario("t/two:sb", two).with_parameters({"memory": "tso"}), Options())
    text = columns(session.replay([(0, 0)] * 3 + [(2, 0), (3, 0)] + [(1, 0)] * 3), 120)
    head = text.splitlines()[0].split()
    assert head == ["step", "one", "two", "flush", "of", "one", "flush", "of", "two"]
    assert text.count("flush WRITE_ONCE(x, ") == 2
    assert text.count("flush WRITE_ONCE(y, ") == 2


def test_flushes_are_told_apart_where_tasks_share_a_name() -> None:
    def setup(world: World) -> None:
        x = Variable(world, 0, "x")
        for value in (1, 2):
            world.spawn(store(x, value), "cat")

    async def store(x: Variable, value: int) -> None:
        await WRITE_ONCE(x, value)

    names = {task.comm for run in traces(setup, "tso") for task in run.world.tasks}
    assert names == {"cat", "flush of cat:0", "flush of cat:1"}


def test_a_result_says_which_memory_it_assumes_and_goes_by_operations() -> None:
    made = Scenario("t/two:sb", two)
    usual = explore(made)
    late = explore(made.with_parameters({"memory": "tso"}))

    assert "sequential consistency: no store is delayed" in usual.assumptions
    assert usual.parameters == {}
    assert late.parameters == {"memory": "tso"}
    assert late.granularity == "operation"
    assert any(line.startswith("total store order: ") for line in late.assumptions)
    assert "sequential consistency: no store is delayed" not in late.assumptions


def test_a_token_carries_the_memory() -> None:
    made = Scenario("t/two:sb", two).with_parameters({"memory": "pso"})
    token = Session(made, Options()).token([(0, 0)])
    assert token.parameters == (("memory", "pso"),)
    again = Scenario("t/two:sb", two).with_parameters(dict(token.parameters))
    assert again.memory == "pso"
    assert again.with_parameters({"memory": "sc"}).parameters == {}


def test_a_deadlock_lists_no_flush() -> None:
    def setup(world: World) -> None:
        a, b = SpinLock(world, "&a"), SpinLock(world, "&b")
        world.spawn(take(a, b), "ab")
        world.spawn(take(b, a), "ba")

    async def take(first: SpinLock, second: SpinLock) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    result = explore(Scenario("t/abba:spin", setup).with_parameters({"memory": "tso"}))
    deadlocks = [finding for finding in result.findings if finding.kind == "deadlock"]
    assert [finding.message for finding in deadlocks] == [
        "2 tasks wait for ever: ab in spin_lock(&b); ba in spin_lock(&a)"
    ]


def test_without_a_memory_model_nothing_stands_between_a_task_and_its_operations() -> None:
    for world in (World(), World()):
        use_memory(world, "sc")
        assert world.memory is None
        two(world)
        assert [type(task.pending).__name__ for task in world.tasks] == ["VariableWrite"] * 2


def test_an_unknown_memory_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown memory 'arm'; there are: sc, tso, pso"):
        use_memory(World(), "arm")
    with pytest.raises(UsageError, match="unknown memory 'arm'"):
        Scenario("t/two:sb", two).with_parameters({"memory": "arm"})


def test_a_scenario_cannot_have_a_parameter_of_that_name() -> None:
    with pytest.raises(UsageError, match="'memory' is a parameter that every scenario has"):
        scenario("t/mine:memory", memory=4)
