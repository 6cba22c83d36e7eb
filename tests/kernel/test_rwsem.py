"""rw_semaphore: fair, first come, first served."""

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search, waiting


def test_two_writers_exclude_each_other() -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        inside: list[int] = []

        async def writer() -> bool:
            await sem.down_write()
            inside.append(1)
            alone_inside = len(inside) == 1
            await sem.up_write()
            inside.pop()
            return alone_inside

        for name in ("w1", "w2"):
            world.spawn(writer(), name)

    runs = search(setup)
    assert results(runs) == {(True, True)}
    # One goes first (2 ways).  The other's attempt comes before the release, and then it has a
    # third step, or after it.
    assert len(runs) == 4


def test_readers_share() -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        inside = [0]

        async def reader() -> int:
            await sem.down_read()
            inside[0] += 1
            most = inside[0]
            await sem.up_read()
            inside[0] -= 1
            return most

        for name in ("r1", "r2"):
            world.spawn(reader(), name)

    runs = search(setup)
    # No step waits: C(4, 2) interleavings.
    assert len(runs) == 6
    assert results(runs) == {(1, 1), (1, 2), (2, 1)}


def recursive_reader_with(writer_queues: bool) -> Setup:
    """eventfs v3: an opener reads the semaphore twice; a writer comes in between."""

    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")

        async def opener() -> None:
            await sem.down_read()
            await sem.down_read()
            await sem.up_read()
            await sem.up_read()

        async def remover() -> None:
            if writer_queues:
                await sem.down_write()
            else:
                while not await sem.down_write_trylock():
                    await sem.poll(10)
            await sem.up_write()

        world.spawn(opener(), "opener")
        world.spawn(remover(), "remover")

    return setup


def test_a_reader_that_reads_again_waits_for_ever_behind_a_queued_writer() -> None:
    runs = search(recursive_reader_with(writer_queues=True))
    assert waiting(runs) == {("down_read(&sem)", "down_write(&sem)")}


def test_a_writer_that_polls_never_blocks_a_reader() -> None:
    runs = search(recursive_reader_with(writer_queues=False))
    assert waiting(runs) == set()
    assert results(runs) == {(None, None)}


def third_party(writer_queues: bool) -> Setup:
    """The cycle of eventfs v3 through a second lock: it needs a third task."""

    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        inode = Mutex(world, "&inode")

        async def opener() -> None:
            await does(sem.down_read(), inode.lock(), inode.unlock(), sem.up_read())

        async def lookup() -> None:
            await does(inode.lock(), sem.down_read(), sem.up_read(), inode.unlock())

        async def remover() -> None:
            if writer_queues:
                await sem.down_write()
            else:
                while not await sem.down_write_trylock():
                    await sem.poll(10)
            await sem.up_write()

        world.spawn(opener(), "opener")
        world.spawn(lookup(), "lookup")
        world.spawn(remover(), "remover")

    return setup


def test_two_readers_in_opposite_lock_order_deadlock_through_a_queued_writer() -> None:
    runs = search(third_party(writer_queues=True))
    assert waiting(runs) == {("mutex_lock(&inode)", "down_read(&sem)", "down_write(&sem)")}


def test_and_do_not_when_the_writer_polls() -> None:
    assert waiting(search(third_party(writer_queues=False))) == set()


def test_a_poll_that_nobody_answers_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")

        async def forgetful() -> None:
            await sem.down_read()

        async def remover() -> None:
            while not await sem.down_write_trylock():
                await sem.poll(10)

        world.spawn(forgetful(), "forgetful")
        world.spawn(remover(), "remover")

    runs = search(setup)
    assert ("msleep(10) until down_write_trylock(&sem) can succeed",) in waiting(runs)


def test_the_queue_is_served_in_order_and_readers_before_a_writer_together() -> None:
    world = World()
    sem = RwSem(world, "&sem")
    tasks = {
        "w0": world.spawn(does(sem.down_write(), sem.up_write()), "w0"),
        "r1": world.spawn(does(sem.down_read(), sem.up_read()), "r1"),
        "r2": world.spawn(does(sem.down_read(), sem.up_read()), "r2"),
        "w3": world.spawn(does(sem.down_write(), sem.up_write()), "w3"),
        "r4": world.spawn(does(sem.down_read(), sem.up_read()), "r4"),
    }
    for name in ("w0", "r1", "r2", "w3", "r4"):
        world.step(tasks[name])
    assert [task.comm for task in world.enabled()] == ["w0"]
    world.step(tasks["w0"])
    assert [task.comm for task in world.enabled()] == ["r1", "r2"]
    assert sem.holders() == [tasks["r1"].index, tasks["r2"].index]
    for name in ("r1", "r2"):
        world.step(tasks[name])
        world.step(tasks[name])
    assert [task.comm for task in world.enabled()] == ["w3"]
    assert sem.acquisitions == 4


def test_trylocks_fail_where_they_would_have_to_wait() -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        world.spawn(
            does(
                sem.down_read(),
                sem.down_read_trylock(),
                sem.down_write_trylock(),
                sem.up_read(),
                sem.up_read(),
                sem.down_write_trylock(),
                sem.down_read_trylock(),
                sem.downgrade_write(),
                sem.down_read_trylock(),
            ),
            "task",
        )

    run = alone(setup)
    assert run.world.tasks[0].result == (None, True, False, None, None, True, False, None, True)
    # A failed attempt only reads.
    assert [codes[0] & 1 for codes in run.touched[1:3]] == [1, 0]


def test_a_downgrade_lets_the_waiting_readers_in() -> None:
    world = World()
    sem = RwSem(world, "&sem")
    writer = world.spawn(does(sem.down_write(), sem.downgrade_write()), "writer")
    reader = world.spawn(does(sem.down_read()), "reader")
    for task in (writer, reader):
        world.step(task)
    assert world.enabled() == [writer]
    world.step(writer)
    assert sem.holders() == [writer.index, reader.index]
    assert world.enabled() == [reader]


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("up_read", "task releases &sem, which it does not hold for read"),
        ("up_write", "task releases &sem, which it does not hold for write"),
        ("downgrade_write", "task downgrades &sem, which it does not hold for write"),
    ],
)
def test_releasing_what_is_not_held_is_found(release: str, message: str) -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        operation: Operation = getattr(sem, release)()
        world.spawn(does(operation), "task")

    run = alone(setup)
    assert kinds([run]) == {"bad unlock balance"}
    assert messages([run]) == {message}


@pytest.mark.parametrize("call", ["down_read", "down_write", "msleep"])
def test_sleeping_under_a_spinlock_is_found(call: str) -> None:
    def setup(world: World) -> None:
        sem = RwSem(world, "&sem")
        lock = SpinLock(world, "&lock")
        operation: Operation = sem.poll(10) if call == "msleep" else getattr(sem, call)()
        world.spawn(does(lock.lock(), operation, lock.unlock()), "task")

    # msleep() does not look whether it may: schedule() complains
    said = (
        f"{call}() gives the CPU away" if call == "msleep" else f"sleeping function {call}() called"
    )
    assert messages([alone(setup)]) == {f"{said} in atomic context (atomic depth 1)"}


def test_the_validator_is_told_when_the_lock_is_got_and_asked_while_it_is_not() -> None:
    told: list[tuple[str, str, int, int]] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append((task.comm, use.function, use.read, use.subclass))

    world = World()
    world.on_acquire = (acquired,)
    sem = RwSem(world, "&sem")
    writer = world.spawn(does(sem.down_write_nested(1), sem.up_write()), "writer")
    reader = world.spawn(does(sem.down_read_nested(2)), "reader")
    world.step(writer)
    world.step(reader)
    assert told == [("writer", "down_write_nested", 0, 1)]
    (blocked,) = world.blocked()
    attempt = getattr(blocked.pending, "attempt", None)
    assert attempt is not None
    assert attempt(blocked).read == 1
    world.step(writer)
    world.step(reader)
    assert told == [("writer", "down_write_nested", 0, 1), ("reader", "down_read_nested", 1, 2)]
