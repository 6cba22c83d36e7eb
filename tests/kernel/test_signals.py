"""Waits that a signal ends: mutexes, rt_mutexes, rw_semaphores, semaphores."""

from collections.abc import Awaitable, Callable

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.lockassert import user_return
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rtmutex import RtMutex
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.signal import EINTR, Signals
from tests.kernel.searching import Setup, alone, does, results, search, waiting

Lock = Mutex | RtMutex | RwSem | Semaphore
Take = Callable[[], Awaitable[object]]

# kind of lock, the plain way in, the way out, the interruptible way in, must the signal be fatal?
CALLS = [
    (Mutex, "lock", "unlock", "lock_interruptible", False),
    (Mutex, "lock", "unlock", "lock_killable", True),
    (RtMutex, "lock", "unlock", "lock_interruptible", False),
    (RtMutex, "lock", "unlock", "lock_killable", True),
    (RwSem, "down_write", "up_write", "down_read_interruptible", False),
    (RwSem, "down_write", "up_write", "down_read_killable", True),
    (RwSem, "down_write", "up_write", "down_write_killable", True),
    (Semaphore, "down", "up", "down_interruptible", False),
    (Semaphore, "down", "up", "down_killable", True),
]
NAMES = [f"{cls.__name__}.{call}" for cls, _, _, call, _ in CALLS]

Call = tuple[type[Lock], str, str, str, bool]


def release_of(lock: Lock, call: str, leave: str) -> Awaitable[object]:
    """The end of what `call` began."""
    name = "up_read" if "read" in call else leave
    done: Awaitable[object] = getattr(lock, name)()
    return done


def holder_and_waiter(given: Call, *, fatal: bool, signals: bool = True) -> Setup:
    """One task holds the lock for ever; the other waits for it, and is signalled."""
    cls, enter, leave, call, _ = given

    def setup(world: World) -> None:
        told = Signals(world) if signals else None
        lock = cls(world, "&lock")

        async def holder() -> None:
            await getattr(lock, enter)()

        async def waiter() -> object:
            result = await getattr(lock, call)()
            if result == 0:
                await release_of(lock, call, leave)
            return result

        holds = world.spawn(holder(), "holder")
        task = world.spawn(waiter(), "waiter")
        if told is not None:
            world.spawn(does(told.kill(task, fatal=fatal)), "killer")
        assert holds.pending is not None

    return setup


def outcomes(setup: Setup) -> set[object]:
    """What the waiter gets, None where it waits for ever."""
    return {run.world.tasks[1].result for run in search(setup)}


@pytest.mark.parametrize("given", CALLS, ids=NAMES)
def test_a_signal_ends_the_wait_and_nothing_else_does(given: Call) -> None:
    # it comes first and gets the lock, or it finds the lock held and is interrupted in the end
    assert outcomes(holder_and_waiter(given, fatal=True)) == {0, -EINTR}


@pytest.mark.parametrize("given", CALLS, ids=NAMES)
def test_only_a_fatal_signal_ends_a_killable_wait(given: Call) -> None:
    expected = {0, None} if given[-1] else {0, -EINTR}
    assert outcomes(holder_and_waiter(given, fatal=False)) == expected


@pytest.mark.parametrize("given", CALLS, ids=NAMES)
def test_in_a_world_without_signals_it_waits_as_any_other(given: Call) -> None:
    assert outcomes(holder_and_waiter(given, fatal=True, signals=False)) == {0, None}


@pytest.mark.parametrize("given", CALLS, ids=NAMES)
def test_whoever_waits_gets_the_lock_when_it_is_released(given: Call) -> None:
    cls, enter, leave, call, _ = given

    def setup(world: World) -> None:
        Signals(world)
        lock = cls(world, "&lock")

        async def waiter() -> object:
            result = await getattr(lock, call)()
            await release_of(lock, call, leave)
            return result

        world.spawn(does(getattr(lock, enter)(), getattr(lock, leave)()), "holder")
        world.spawn(waiter(), "waiter")

    runs = search(setup)
    assert waiting(runs) == set()
    assert {run.world.tasks[1].result for run in runs} == {0}


@pytest.mark.parametrize("given", CALLS, ids=NAMES)
def test_the_lock_is_free_after_an_interrupted_wait(given: Call) -> None:
    """Whoever gave up is on no queue, and holds nothing."""
    cls, enter, leave, call, _ = given

    def setup(world: World) -> None:
        signals = Signals(world)
        lock = cls(world, "&lock")

        async def waiter() -> object:
            result = await getattr(lock, call)()
            if result == 0:
                await release_of(lock, call, leave)
            return result

        async def rest(task: Task) -> None:
            await getattr(lock, enter)()
            await signals.kill(task, fatal=True)
            await getattr(lock, leave)()
            await getattr(lock, enter)()
            await getattr(lock, leave)()

        task = world.spawn(waiter(), "waiter")
        world.spawn(rest(task), "holder")

    runs = search(setup)
    assert waiting(runs) == set()
    assert {run.world.tasks[0].result for run in runs} == {0, -EINTR}


def test_a_reader_behind_a_writer_who_gives_up_gets_in() -> None:
    world = World()
    signals = Signals(world)
    sem = RwSem(world, "&sem")
    reader = world.spawn(does(sem.down_read()), "reader")
    writer = world.spawn(does(sem.down_write_killable()), "writer")
    second = world.spawn(does(sem.down_read()), "second")
    killer = world.spawn(does(signals.kill(writer, fatal=True)), "killer")
    for task in (reader, writer, second):
        world.step(task)
    assert second not in world.enabled()
    world.step(killer)
    world.step(writer)
    assert writer.result == (-EINTR,)
    assert second in world.enabled()
    assert sem.holders() == [reader.index, second.index]


def test_a_grant_that_comes_before_the_signal_counts() -> None:
    world = World()
    signals = Signals(world)
    sem = RwSem(world, "&sem")
    holder = world.spawn(does(sem.down_write(), sem.up_write()), "holder")
    waiter = world.spawn(does(sem.down_read_interruptible()), "waiter")
    killer = world.spawn(does(signals.kill(waiter)), "killer")
    for task in (holder, waiter, holder, killer, waiter):
        world.step(task)
    assert waiter.result == (0,)
    assert sem.holders() == [waiter.index]


def test_whoever_was_interrupted_is_woken_by_no_release() -> None:
    world = World()
    signals = Signals(world)
    mutex = Mutex(world, "&mutex")
    holder = world.spawn(does(mutex.lock(), mutex.unlock()), "holder")
    waiter = world.spawn(does(mutex.lock_killable()), "waiter")
    killer = world.spawn(does(signals.kill(waiter, fatal=True)), "killer")
    for task in (holder, waiter, killer, waiter, waiter):
        world.step(task)
    assert (waiter.result, mutex.sleepers, signals.sleepers) == ((-EINTR,), [], {})
    assert world.step(holder) == [mutex.writing, holder.done.writing]


def test_the_validator_is_told_of_an_interrupted_acquire_and_of_its_end() -> None:
    told: list[str] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append(f"{task.comm} {use.function}")

    def released(task: Task, instance: int) -> None:
        told.append(f"{task.comm} releases")

    world = World()
    world.on_acquire, world.on_release = (acquired,), (released,)
    signals = Signals(world)
    mutex = Mutex(world, "&mutex")
    holder = world.spawn(does(mutex.lock()), "holder")
    waiter = world.spawn(does(mutex.lock_interruptible_nested(1)), "waiter")
    killer = world.spawn(does(signals.kill(waiter)), "killer")
    for task in (holder, waiter, killer, waiter, waiter):
        world.step(task)
    assert waiter.result == (-EINTR,)
    assert told == [
        "holder mutex_lock",
        "waiter mutex_lock_interruptible_nested",
        "waiter releases",
    ]


def test_a_signal_is_pending_until_the_return_to_user_space_and_a_fatal_one_for_ever() -> None:
    def setup(fatal: bool) -> Setup:
        def build(world: World) -> None:
            signals = Signals(world)

            async def task() -> tuple[object, ...]:
                before = await signals.signal_pending()
                await user_return()
                after = await signals.signal_pending()
                return before, after, await signals.fatal_signal_pending()

            signals.put(world.spawn(task(), "task"), 2 if fatal else 1)

        return build

    assert results([alone(setup(fatal=False))]) == {((True, False, False),)}
    assert results([alone(setup(fatal=True))]) == {((True, True, True),)}


def test_a_timeout_may_come_before_the_semaphore_or_not() -> None:
    def setup(world: World) -> None:
        semaphore = Semaphore(world, "&sem", 0)
        world.spawn(does(semaphore.down_timeout()), "waiter")
        world.spawn(does(semaphore.up()), "other")

    runs = search(setup)
    assert waiting(runs) == set()
    assert {run.world.tasks[0].result for run in runs} == {(0,), (-62,)}
    # up first; queued, up, taken; queued, timed out, up: three orders
    assert len(runs) == 3


def test_without_an_up_a_timeout_is_all_there_is() -> None:
    def setup(world: World) -> None:
        world.spawn(does(Semaphore(world, "&sem", 0).down_timeout()), "waiter")

    assert results([alone(setup)]) == {((-62,),)}
