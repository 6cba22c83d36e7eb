"""Work queues."""

import pytest

from lockwright.core.irqs import IRQ_EVENTS
from lockwright.core.operation import Operation
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable, sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.workqueue import (
    Work,
    WorkQueue,
    cancel_work,
    cancel_work_sync,
    destroy_workqueue,
    drain_workqueue,
    flush_work,
    flush_workqueue,
)
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search, waiting


def counting(world: World) -> tuple[WorkQueue, Work, Variable]:
    """A queue and a work that adds one to a variable, in two steps."""
    runs = Variable(world, 0, "runs")

    async def count() -> None:
        seen: int = await READ_ONCE(runs)
        await WRITE_ONCE(runs, seen + 1)

    return WorkQueue(world, "events"), Work(world, "&count_work", count), runs


def test_a_work_that_is_pending_is_not_queued_again() -> None:
    def setup(world: World) -> None:
        queue, work, runs = counting(world)
        world.state = runs
        world.spawn(does(queue.queue_work(work), queue.queue_work(work)), "task")

    runs = search(setup)
    # The second call finds it pending, or running, or done: queued again it runs again, and
    # since it never runs twice at the same time, no count is lost.
    assert {(run.world.tasks[0].result, run.world.state.value) for run in runs} == {
        ((True, False), 1),
        ((True, True), 2),
    }


def test_a_worker_is_named_and_has_its_context() -> None:
    world = World()
    queue, work, _ = counting(world)
    world.step(world.spawn(does(queue.queue_work(work)), "task"))
    worker = world.tasks[1]
    assert worker.comm == f"kworker/u8:{worker.name.label}"
    assert worker.context is Context.WORKQUEUE
    assert worker.local["workqueue"] == "events count"
    assert work.holders() == queue.holders() == [worker.index]


def test_a_work_may_queue_itself_and_never_runs_twice_at_once() -> None:
    def setup(world: World) -> None:
        queue = WorkQueue(world, "events")
        running: list[int] = []
        times = [0]

        async def function() -> None:
            running.append(1)
            assert len(running) == 1
            times[0] += 1
            if times[0] < 3:
                await queue.queue_work(work)
            await sleepable("function")
            running.pop()

        work = Work(world, "&work", function)
        world.state = times
        world.spawn(does(queue.queue_work(work)), "task")

    runs = search(setup)
    assert {run.world.state[0] for run in runs} == {3}
    assert waiting(runs) == set()


def after_queueing(operation: str) -> Setup:
    def setup(world: World) -> None:
        queue, work, runs = counting(world)
        operations = {
            "flush_work": flush_work(work),
            "flush_workqueue": flush_workqueue(queue),
            "cancel_work_sync": cancel_work_sync(work),
            "cancel_work": cancel_work(work),
        }
        world.spawn(does(queue.queue_work(work), operations[operation], READ_ONCE(runs)), "task")

    return setup


@pytest.mark.parametrize(
    ("operation", "outcomes"),
    [
        ("flush_work", {(True, True, 1)}),
        ("flush_workqueue", {(True, None, 1)}),
        # Cancelled before it ran, or waited for.
        ("cancel_work_sync", {(True, True, 0), (True, False, 1)}),
        # This one does not wait, so the work may still be about to count.
        ("cancel_work", {(True, True, 0), (True, False, 0), (True, False, 1)}),
    ],
)
def test_waiting_for_a_work(operation: str, outcomes: set[tuple[object, ...]]) -> None:
    runs = search(after_queueing(operation))
    assert {run.world.tasks[0].result for run in runs} == outcomes
    assert waiting(runs) == set()


def test_there_is_nothing_to_wait_for_before_the_first_time() -> None:
    def setup(world: World) -> None:
        queue, work, _ = counting(world)
        world.spawn(
            does(
                flush_work(work), cancel_work_sync(work), cancel_work(work), flush_workqueue(queue)
            ),
            "task",
        )

    assert results(search(setup)) == {((False, False, False, None),)}


def test_a_work_that_queues_itself_is_stopped_by_cancel_work_sync() -> None:
    def setup(world: World) -> None:
        queue = WorkQueue(world, "events")
        stopped = Variable(world, 0, "stopped")
        times = [0]

        async def function() -> None:
            times[0] += 1
            assert not await READ_ONCE(stopped)
            if times[0] < 3:
                await queue.queue_work(work)

        work = Work(world, "&work", function)
        world.spawn(
            does(queue.queue_work(work), cancel_work_sync(work), WRITE_ONCE(stopped, 1)), "task"
        )

    assert waiting(search(setup)) == set()


def test_a_cancelled_work_can_be_queued_again() -> None:
    def setup(world: World) -> None:
        queue, work, runs = counting(world)
        world.spawn(
            does(
                queue.queue_work(work),
                cancel_work_sync(work),
                queue.queue_work(work),
                flush_work(work),
                READ_ONCE(runs),
            ),
            "task",
        )

    assert {run.world.tasks[0].result for run in search(setup)} == {
        (True, True, True, True, 1),
        (True, False, True, True, 2),
    }


def test_flushing_under_a_lock_that_the_work_takes_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        mutex = Mutex(world, "&mutex")

        async def function() -> None:
            await mutex.lock()
            await mutex.unlock()

        queue, work = WorkQueue(world, "events"), Work(world, "&work", function)
        world.spawn(
            does(queue.queue_work(work), mutex.lock(), flush_work(work), mutex.unlock()), "task"
        )

    assert waiting(search(setup)) == {("flush_work(&work)", "mutex_lock(&mutex)")}


def test_a_work_that_flushes_itself_or_its_queue_waits_for_ever() -> None:
    def setup(world: World) -> None:
        async def one() -> None:
            await flush_work(first)

        async def two() -> None:
            await flush_workqueue(queue)

        queue = WorkQueue(world, "events")
        first, second = Work(world, "&one", one), Work(world, "&two", two)
        world.spawn(does(queue.queue_work(first)), "task1")
        world.spawn(does(queue.queue_work(second)), "task2")

    runs = search(setup)
    assert all("flush_work(&one)" in wait for wait in waiting(runs))
    assert all(any("flush_workqueue" in line for line in wait) for wait in waiting(runs))
    assert all(run.world.blocked() for run in runs)


@pytest.mark.parametrize("ordered", [True, False])
def test_an_ordered_queue_runs_one_work_at_a_time_in_order(ordered: bool) -> None:
    def setup(world: World) -> None:
        queue = WorkQueue(world, "ordered", ordered=ordered)
        log = Variable(world, "", "log")

        def appending(text: str) -> Work:
            async def function() -> None:
                for letter in text:
                    seen: str = await READ_ONCE(log)
                    await WRITE_ONCE(log, seen + letter)

            return Work(world, f"&{text}", function)

        world.state = log
        works = [appending("a"), appending("b")]
        world.spawn(does(*(queue.queue_work(work) for work in works)), "task")

    logs = {run.world.state.value for run in search(setup)}
    assert logs == ({"ab"} if ordered else {"ab", "ba", "a", "b"})


@pytest.mark.parametrize("call", ["flush_work", "cancel_work_sync", "flush_workqueue"])
def test_waiting_for_a_work_under_a_spinlock_is_found(call: str) -> None:
    def setup(world: World) -> None:
        queue, work, _ = counting(world)
        lock = SpinLock(world, "&lock")
        operations: dict[str, Operation] = {
            "flush_work": flush_work(work),
            "cancel_work_sync": cancel_work_sync(work),
            "flush_workqueue": flush_workqueue(queue),
        }
        world.spawn(does(lock.lock(), operations[call], lock.unlock()), "task")

    runs = search(setup)
    assert messages(runs) == {
        f"sleeping function {call}() called in atomic context (atomic depth 1)"
    }


def test_queueing_and_cancelling_do_not_sleep_and_a_work_may() -> None:
    def setup(world: World) -> None:
        async def function() -> None:
            await sleepable("function")

        queue, work = WorkQueue(world, "events"), Work(world, "&work", function)
        lock = SpinLock(world, "&lock")
        world.spawn(
            does(lock.lock(), queue.queue_work(work), cancel_work(work), lock.unlock()), "task"
        )

    assert kinds(search(setup)) == set()


def test_what_the_validator_is_told() -> None:
    told: list[tuple[str, str]] = []
    world = World()
    queue, work, _ = counting(world)
    ordered = WorkQueue(world, "one", ordered=True)
    names = {lock.address: lock.cls.name for lock in (queue, work, ordered)}

    def released(task: Task, address: int) -> None:
        told.append(("release", names[address]))

    world.on_acquire = (lambda task, use: told.append((use.function, use.key.name)),)
    world.on_release = (released,)
    world.spawn(
        does(
            queue.queue_work(work),
            flush_work(work),
            ordered.queue_work(work),
            flush_work(work),
            flush_workqueue(queue),
        ),
        "task",
    )
    while enabled := world.enabled():
        world.step(enabled[-1])
    wq, expr, one = "(wq_completion)events", "(work_completion)(&count_work)", "(wq_completion)one"
    flush = [("flush_work", expr), ("release", expr)]
    assert told == [
        ("process_one_work", wq),
        ("process_one_work", expr),
        ("release", expr),
        ("release", wq),
        *flush,
        ("process_one_work", one),
        ("process_one_work", expr),
        ("release", expr),
        ("release", one),
        *flush,
        ("flush_work", one),
        ("release", one),
        ("flush_workqueue", wq),
        ("release", wq),
    ]


def told_of_a_flush(queue: WorkQueue, work: Work, flush: Operation) -> list[str]:
    """What the flushing task tells of maps and of bottom halves."""
    told: list[str] = []
    world = queue.world
    task = world.spawn(does(queue.queue_work(work), flush), "task")

    def hear(who: Task, what: str) -> None:
        if who is task:
            told.append(what)

    world.on_acquire = (lambda who, use: hear(who, use.key.name),)
    world.on_irq = (lambda who, event: hear(who, IRQ_EVENTS[event]),)
    while enabled := world.enabled():
        world.step(enabled[0])
    return told


@pytest.mark.parametrize(
    ("given", "also_the_queue"),
    [
        ({}, False),
        ({"max_active": 16}, False),
        ({"ordered": True}, True),
        ({"max_active": 1}, True),
        ({"mem_reclaim": True}, True),
    ],
)
@pytest.mark.parametrize("cancels", [False, True])
def test_flush_work_touches_the_map_of_a_queue_that_runs_one_at_a_time(
    given: dict[str, int], also_the_queue: bool, cancels: bool
) -> None:
    world = World()
    _, work, _ = counting(world)
    queue = WorkQueue(world, "q", **given)  # type: ignore[arg-type]  # the keywords above
    flush = cancel_work_sync(work) if cancels else flush_work(work)
    expected = ["(work_completion)(&count_work)"]
    if also_the_queue and not cancels:
        expected.append("(wq_completion)q")
    assert told_of_a_flush(queue, work, flush) == expected


def test_a_queue_of_softirqs_is_flushed_with_bottom_halves_off_and_runs_in_softirq() -> None:
    world = World()
    _, work, _ = counting(world)
    queue = WorkQueue(world, "bh", bh=True)
    off = ["softirqs off", "(work_completion)(&count_work)", "softirqs on"]
    assert told_of_a_flush(queue, work, flush_work(work)) == off
    (worker,) = queue.runs
    assert (worker.comm, worker.context) == ("softirq:count", Context.SOFTIRQ)
    assert world.findings == []


@pytest.mark.parametrize(("bh", "found"), [(True, set()), (False, {"sleeping in atomic context"})])
def test_cancelling_a_work_of_softirqs_may_spin(bh: bool, found: set[str]) -> None:
    def setup(world: World) -> None:
        _, work, _ = counting(world)
        queue = WorkQueue(world, "q", bh=bh)
        world.spawn(does(queue.queue_work(work), preempt_disable(), cancel_work_sync(work)), "task")

    assert kinds(search(setup)) == found


@pytest.mark.parametrize(
    ("leaves", "found"),
    [
        ("preemption off", "leak() leaves kworker/u8:0.0 at atomic depth 1"),
        ("a section open", "leak() leaves kworker/u8:0.0 in an RCU read section"),
        ("all in order", None),
    ],
)
@pytest.mark.parametrize("bh", [False, True])
def test_a_work_that_leaves_its_worker_in_a_section_is_found(
    leaves: str, found: str | None, bh: bool
) -> None:
    """A softirq has preemption off anyway; the kernel looks at workers that are tasks only."""

    def setup(world: World) -> None:
        rcu = Rcu(world)

        async def leak() -> None:
            if leaves == "preemption off":
                await preempt_disable()
            await rcu.rcu_read_lock()
            if leaves != "a section open":
                await rcu.rcu_read_unlock()

        queue = WorkQueue(world, "events", bh=bh)
        world.spawn(does(queue.queue_work(Work(world, "&work", leak))), "task")

    run = alone(setup)
    if bh and found is not None:
        found = None if "atomic" in found else found.replace("kworker/u8:0.0", "softirq:leak")
    assert messages([run]) == ({found} if found else set())
    assert kinds([run]) <= {"workqueue leaked atomic, lock or RCU"}


def test_draining_waits_for_works_that_queue_more_works() -> None:
    def setup(world: World) -> None:
        queue = WorkQueue(world, "events")
        runs = Variable(world, 0, "runs")

        async def function() -> None:
            seen: int = await READ_ONCE(runs)
            await WRITE_ONCE(runs, seen + 1)
            if seen < 2:
                assert await queue.queue_work(work)

        work = Work(world, "&work", function)

        async def task() -> int:
            await queue.queue_work(work)
            await drain_workqueue(queue)
            seen: int = await READ_ONCE(runs)
            return seen

        world.spawn(task(), "task")

    runs = search(setup)
    assert results(runs) == {(3, None, None, None)}
    assert kinds(runs) == set()


@pytest.mark.parametrize("how", ["drain", "destroy"])
def test_others_may_not_queue_while_a_queue_is_drained(how: str) -> None:
    """Nor ever after it was destroyed; the one who comes in time is waited for."""

    def setup(world: World) -> None:
        queue, work, runs = counting(world)

        async def drains() -> int:
            await (drain_workqueue(queue) if how == "drain" else destroy_workqueue(queue))
            seen: int = await READ_ONCE(runs)
            return seen

        world.spawn(drains(), "drainer")
        world.spawn(does(queue.queue_work(work)), "late")

    outcomes = {
        (run.world.tasks[0].result, run.world.tasks[1].result, bool(run.world.findings))
        for run in search(setup)
    }
    in_time, refused = (1, (True,), False), (0, (False,), True)
    after = {(0, (True,), False), (1, (True,), False)} if how == "drain" else set()
    assert outcomes == {in_time, refused} | after


def test_who_queues_on_a_drained_queue_is_told_so() -> None:
    def setup(world: World) -> None:
        queue, work, _ = counting(world)

        async def task() -> None:
            await destroy_workqueue(queue)
            await queue.queue_work(work)

        world.spawn(task(), "task")

    assert messages([alone(setup)]) == {"task queues &count_work on events, which is being drained"}
