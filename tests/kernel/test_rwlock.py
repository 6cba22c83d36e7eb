"""rwlock_t: who waits for whom, with a queue and without."""

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.kernel.context import sleepable
from lockwright.kernel.rwlock import RwLock
from tests.kernel.searching import Setup, alone, does, kinds, messages, search, waiting


def nested_reader_and_writer(
    *, recursive: bool = False, queued: bool = True, context: Context = Context.PROCESS
) -> Setup:
    def setup(world: World) -> None:
        lock = RwLock(world, "&lock", queued=queued)
        world.spawn(
            does(
                lock.read_lock(recursive=recursive),
                lock.read_lock(recursive=recursive),
                lock.read_unlock(),
                lock.read_unlock(),
            ),
            "reader",
            context=context,
        )
        world.spawn(does(lock.write_lock(), lock.write_unlock()), "writer")

    return setup


def test_a_fair_reader_that_reads_again_waits_for_ever_behind_a_queued_writer() -> None:
    assert waiting(search(nested_reader_and_writer())) == {
        ("read_lock(&lock)", "write_lock(&lock)")
    }


def test_a_recursive_reader_does_not() -> None:
    assert waiting(search(nested_reader_and_writer(recursive=True))) == set()


def test_nor_one_in_interrupt_context() -> None:
    assert waiting(search(nested_reader_and_writer(context=Context.HARDIRQ))) == set()
    assert waiting(search(nested_reader_and_writer(context=Context.SOFTIRQ))) == set()


def test_nor_any_reader_of_a_lock_without_a_queue() -> None:
    runs = search(nested_reader_and_writer(queued=False))
    assert waiting(runs) == set()
    # The writer goes before the reader or after it: its acquire fits nowhere else.
    assert len(runs) == 2


def test_a_recursive_reader_still_waits_for_the_writer_who_holds_it() -> None:
    world = World()
    lock = RwLock(world, "&lock")
    writer = world.spawn(does(lock.write_lock(), lock.write_unlock()), "w1")
    second = world.spawn(does(lock.write_lock(), lock.write_unlock()), "w2")
    reader = world.spawn(does(lock.read_lock(recursive=True)), "reader")
    for task in (writer, second, reader):
        world.step(task)
    assert world.enabled() == [writer]
    world.step(writer)
    # It came last and is let in first.
    assert world.enabled() == [reader]
    assert lock.holders() == [reader.index]


def test_trylocks() -> None:
    def setup(world: World) -> None:
        lock = RwLock(world, "&lock")
        world.spawn(
            does(
                lock.read_trylock(),
                lock.read_trylock(),
                lock.write_trylock(),
                lock.read_unlock(),
                lock.read_unlock(),
                lock.write_trylock(),
                lock.read_trylock(),
                lock.write_unlock(),
            ),
            "task",
        )

    (task,) = alone(setup).world.tasks
    assert task.result == (True, True, False, None, None, True, False, None)
    assert task.atomic == 0


def test_a_reader_may_try_past_a_queued_writer() -> None:
    world = World()
    lock = RwLock(world, "&lock")
    reader = world.spawn(does(lock.read_lock(), lock.read_unlock()), "reader")
    writer = world.spawn(does(lock.write_lock()), "writer")
    other = world.spawn(does(lock.read_trylock(), lock.read_unlock()), "other")
    for task in (reader, writer, other):
        world.step(task)
    assert lock.holders() == [reader.index, other.index]
    world.step(reader)
    assert writer not in world.enabled()
    world.step(other)
    assert other.result == (True, None)
    assert world.enabled() == [writer]


@pytest.mark.parametrize("queued", [True, False])
@pytest.mark.parametrize("kind", ["read", "write"])
def test_holding_it_forbids_sleeping(kind: str, queued: bool) -> None:
    def setup(world: World) -> None:
        lock = RwLock(world, "&lock", queued=queued)
        take: Operation = getattr(lock, f"{kind}_lock")()
        release: Operation = getattr(lock, f"{kind}_unlock")()
        world.spawn(does(take, sleepable("f"), release, sleepable("g")), "task")

    run = alone(setup)
    assert kinds([run]) == {"sleeping in atomic context"}
    assert messages([run]) == {"sleeping function f() called in atomic context (atomic depth 1)"}


@pytest.mark.parametrize("kind", ["read", "write"])
def test_releasing_what_is_not_held_is_found(kind: str) -> None:
    def setup(world: World) -> None:
        release: Operation = getattr(RwLock(world, "&lock"), f"{kind}_unlock")()
        world.spawn(does(release), "task")

    assert messages([alone(setup)]) == {f"task releases &lock, which it does not hold for {kind}"}


def test_what_the_validator_is_told() -> None:
    told: list[tuple[str, int, bool]] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append((use.function, use.read, use.trylock))

    world = World()
    world.on_acquire = (acquired,)
    fair, plain = RwLock(world, "&fair"), RwLock(world, "&plain", queued=False)
    world.spawn(
        does(
            fair.read_lock(),
            fair.read_lock(recursive=True),
            fair.read_trylock(),
            plain.read_lock(),
            plain.read_unlock(),
            plain.write_lock(),
        ),
        "task",
    )
    while enabled := world.enabled():
        world.step(enabled[0])
    assert told == [
        ("read_lock", 1, False),
        ("read_lock", 2, False),
        ("read_trylock", 1, True),
        ("read_lock", 2, False),
        ("write_lock", 0, False),
    ]


def test_a_blocked_task_says_what_it_attempts() -> None:
    for queued, read in ((True, 1), (False, 2)):
        world = World()
        lock = RwLock(world, "&lock", queued=queued)
        writer = world.spawn(does(lock.write_lock()), "writer")
        reader = world.spawn(does(lock.read_lock()), "reader")
        other = world.spawn(does(lock.write_lock()), "other")
        for task in (writer, reader, other) if queued else (writer,):
            world.step(task)
        attempts = [task.pending.attempt(task) for task in world.blocked()]  # type: ignore[union-attr]  # blocked tasks wait in one
        assert [use.read for use in attempts] == [read, 0]
