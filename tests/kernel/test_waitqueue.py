"""Wait queues and condition variables."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event, wait_event_exclusive
from tests.kernel.searching import alone, does, kinds, messages, results, search, waiting


def test_wait_event_loses_no_wakeup() -> None:
    def setup(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")

        async def waiter() -> int:
            await wait_event(queue, lambda: READ_ONCE(ready))
            value: int = await READ_ONCE(ready)
            return value

        world.spawn(waiter(), "waiter")
        world.spawn(does(WRITE_ONCE(ready, 1), queue.wake_up()), "waker")

    runs = search(setup)
    assert waiting(runs) == set()
    assert {run.world.tasks[0].result for run in runs} == {1}


def test_looking_before_preparing_loses_a_wakeup() -> None:
    def setup(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")

        async def waiter() -> None:
            if not await READ_ONCE(ready):
                await queue.prepare_to_wait()
                await queue.schedule()
                await queue.finish_wait()

        world.spawn(waiter(), "waiter")
        world.spawn(does(WRITE_ONCE(ready, 1), queue.wake_up()), "waker")

    assert waiting(search(setup)) == {("schedule() on &wq",)}


def test_waking_before_the_condition_holds_loses_a_wakeup() -> None:
    def setup(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        world.spawn(wait_event(queue, lambda: READ_ONCE(ready)), "waiter")
        world.spawn(does(queue.wake_up(), WRITE_ONCE(ready, 1)), "waker")

    assert waiting(search(setup)) == {("schedule() on &wq",)}


def asleep(wake: str) -> tuple[list[str], int]:
    """Who sleeps after the wakeup, when all slept before; and how many were woken."""
    world = World()
    queue, never = WaitQueue(world, "&wq"), Variable(world, 0, "never")
    for name, wait in (
        ("e1", wait_event_exclusive),
        ("e2", wait_event_exclusive),
        ("all", wait_event),
    ):
        task = world.spawn(wait(queue, lambda: READ_ONCE(never)), name)
        for _ in range(3):
            world.step(task)
    operation: Operation = getattr(queue, wake)()
    waker = world.spawn(does(operation), "waker")
    world.step(waker)
    return [task.comm for task in world.blocked()], waker.result[0]


def test_a_wakeup_wakes_all_that_are_not_exclusive_and_the_oldest_exclusive_one() -> None:
    assert asleep("wake_up") == (["e2"], 2)
    assert asleep("wake_up_all") == ([], 3)
    assert asleep("waitqueue_active") == (["e1", "e2", "all"], True)


def test_an_exclusive_sleeper_can_be_left_behind() -> None:
    def setup(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        for name in ("e1", "e2"):
            world.spawn(wait_event_exclusive(queue, lambda: READ_ONCE(ready)), name)
        world.spawn(does(WRITE_ONCE(ready, 1), queue.wake_up()), "waker")

    assert waiting(search(setup)) == {("schedule() on &wq",)}


def test_finish_wait_takes_the_task_off_the_queue() -> None:
    def setup(world: World) -> None:
        queue = WaitQueue(world, "&wq")
        world.spawn(
            does(
                queue.prepare_to_wait(),
                queue.prepare_to_wait(),
                queue.waitqueue_active(),
                queue.finish_wait(),
                queue.finish_wait(),
                queue.waitqueue_active(),
                queue.wake_up(),
            ),
            "task",
        )

    assert alone(setup).world.tasks[0].result == (None, None, True, None, None, False, 0)


def test_a_task_that_has_not_prepared_to_wait_is_not_put_to_sleep() -> None:
    def setup(world: World) -> None:
        queue = WaitQueue(world, "&wq")
        world.spawn(does(queue.finish_wait(), queue.schedule()), "task")

    assert waiting([alone(setup)]) == set()


@pytest.mark.parametrize("wait", [wait_event, wait_event_exclusive])
def test_waiting_under_a_spinlock_is_found_even_when_the_condition_holds(wait: object) -> None:
    def setup(world: World) -> None:
        queue, lock = WaitQueue(world, "&wq"), SpinLock(world, "&lock")
        ready = Variable(world, 1, "ready")

        async def waiter() -> None:
            assert callable(wait)
            await lock.lock()
            await wait(queue, lambda: READ_ONCE(ready))
            await lock.unlock()

        world.spawn(waiter(), "waiter")

    assert kinds([alone(setup)]) == {"sleeping in atomic context"}


def test_schedule_under_a_spinlock_is_found() -> None:
    def setup(world: World) -> None:
        queue, lock = WaitQueue(world, "&wq"), SpinLock(world, "&lock")

        async def waiter() -> None:
            await queue.prepare_to_wait()
            await lock.lock()
            await queue.wake_up()
            await queue.schedule()

        world.spawn(waiter(), "waiter")

    assert messages([alone(setup)]) == {
        "schedule() gives the CPU away in atomic context (atomic depth 1)"
    }


def test_a_signal_before_the_wait_is_lost() -> None:
    def setup(world: World) -> None:
        cond, mutex = CondVar(world, "cond"), Mutex(world, "m")
        world.spawn(does(mutex.lock(), cond.wait(mutex), mutex.unlock()), "waiter")
        world.spawn(does(cond.signal()), "signaller")

    runs = search(setup)
    # Lost if it comes before the wait: first of all, or between lock and wait.
    assert waiting(runs) == {("cond_wait(cond, m)",)}
    assert results(runs) == {((None, None, None), (None,))}
    assert len([run for run in runs if run.world.blocked()]) == 2


def test_a_signal_wakes_any_one_waiter() -> None:
    def setup(world: World) -> None:
        cond, mutex = CondVar(world, "cond"), Mutex(world, "m")
        for name in ("w1", "w2"):
            world.spawn(does(mutex.lock(), cond.wait(mutex), mutex.unlock()), name)

        async def signaller() -> int:
            await mutex.lock()
            waiters = len(cond.waiters)
            await cond.signal()
            await mutex.unlock()
            return waiters

        world.spawn(signaller(), "signaller")

    both = [run for run in search(setup) if run.world.tasks[2].result == 2]
    left = {(run.world.tasks[0].ended, run.world.tasks[1].ended) for run in both}
    assert left == {(True, False), (False, True)}


def test_a_broadcast_wakes_all_and_they_take_the_mutex_in_any_order() -> None:
    def setup(world: World) -> None:
        cond, mutex = CondVar(world, "cond"), Mutex(world, "m")
        order: list[str] = []

        async def waiter(name: str) -> str:
            await mutex.lock()
            await cond.wait(mutex)
            order.append(name)
            await mutex.unlock()
            return "".join(order[:2])

        for name in ("a", "b"):
            world.spawn(waiter(name), name)
        world.spawn(does(cond.broadcast()), "caster")

    ended = [run for run in search(setup) if not run.world.blocked()]
    assert results(ended) == {("a", "ab", (None,)), ("ba", "b", (None,))}


def test_waiting_without_the_mutex_is_found() -> None:
    def setup(world: World) -> None:
        cond, mutex = CondVar(world, "cond"), Mutex(world, "m")
        world.spawn(does(cond.wait(mutex)), "task")

    assert messages([alone(setup)]) == {"task waits on cond without holding m"}


def test_cond_wait_under_a_spinlock_is_found() -> None:
    def setup(world: World) -> None:
        cond, mutex, lock = CondVar(world, "c"), Mutex(world, "m"), SpinLock(world, "&lock")
        world.spawn(does(mutex.lock(), lock.lock(), cond.wait(mutex)), "task")

    assert messages([alone(setup)]) == {
        "sleeping function cond_wait() called in atomic context (atomic depth 1)"
    }
