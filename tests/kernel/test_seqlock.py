"""Sequence counters: a reader sees one state or looks again."""

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable, preempt_enable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.seqlock import SeqCount, SeqLock
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search, waiting


def reader_and_writer(*, retry: bool) -> Setup:
    def setup(world: World) -> None:
        lock = SeqLock(world, "rename_lock")
        first, second = Variable(world, 0, "first"), Variable(world, 0, "second")

        async def reader() -> tuple[int, int]:
            while True:
                seq = await lock.read_seqbegin()
                seen = (await READ_ONCE(first), await READ_ONCE(second))
                if not retry or not await lock.read_seqretry(seq):
                    return seen

        async def writer() -> None:
            await lock.write_seqlock()
            await WRITE_ONCE(first, 1)
            await WRITE_ONCE(second, 1)
            await lock.write_sequnlock()

        world.spawn(reader(), "reader")
        world.spawn(writer(), "writer")

    return setup


def test_a_reader_that_looks_again_sees_all_of_a_write_or_nothing() -> None:
    assert {result[0] for result in results(search(reader_and_writer(retry=True)))} == {
        (0, 0),
        (1, 1),
    }


def test_a_reader_that_does_not_can_see_half_of_it() -> None:
    seen = {result[0] for result in results(search(reader_and_writer(retry=False)))}
    # having begun before the write section, it reads first before or after, and second before
    # or after: all but (1, 0) comes to be in order; that too, between the two writes
    assert seen == {(0, 0), (1, 1), (0, 1), (1, 0)}


def test_a_reader_waits_for_a_writer_who_never_ends() -> None:
    def setup(world: World) -> None:
        lock = SeqLock(world, "rename_lock")
        world.spawn(does(lock.read_seqbegin()), "reader")

        async def writer() -> None:
            await lock.write_seqlock()

        world.spawn(writer(), "writer")

    assert waiting(search(setup)) == {("read_seqbegin(rename_lock.seqcount)",)}


def test_what_the_validator_is_told() -> None:
    told: list[tuple[str, str, int, int]] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append((use.key.name, use.function, use.read, use.key.wait_inner))

    def released(task: Task, instance: int) -> None:
        told.append(("", "release", 0, 0))

    world = World()
    world.on_acquire, world.on_release = (acquired,), (released,)
    lock = SeqLock(world, "&fs->seq")

    async def task() -> None:
        await lock.write_seqlock_irqsave()
        await lock.write_sequnlock_irqrestore()
        await lock.read_seqbegin()
        await lock.seqcount.raw_read_seqcount()

    running = world.spawn(task(), "task")
    while world.enabled():
        world.step(running)
    assert told == [
        ("&(&fs->seq)->lock", "spin_lock_irqsave", 0, 3),
        ("&____s->seqcount", "write_seqcount_begin", 0, 0),
        ("", "release", 0, 0),
        ("", "release", 0, 0),
        ("&____s->seqcount", "read_seqbegin", 2, 0),
        ("", "release", 0, 0),
    ]


@pytest.mark.parametrize("form", ["", "_irqsave", "_irq", "_bh"])
def test_a_write_section_leaves_the_task_as_it_was(form: str) -> None:
    def setup(world: World) -> None:
        lock = SeqLock(world, "seq")
        end = "_irqrestore" if form == "_irqsave" else form

        async def task() -> None:
            await getattr(lock, f"write_seqlock{form}")()
            await getattr(lock, f"write_sequnlock{end}")()

        world.spawn(task(), "task")

    run = alone(setup)
    (task,) = run.world.tasks
    assert (task.atomic, task.irqs_off, task.bhs_off) == (0, 0, 0)
    assert kinds([run]) == set()


def test_a_reader_may_keep_writers_out_after_it_has_failed_once() -> None:
    def setup(world: World) -> None:
        lock = SeqLock(world, "rename_lock")

        async def reader() -> int:
            seq, looks = 0, 0
            while True:
                looks += 1
                seq = await lock.read_seqbegin_or_lock(seq)
                if not await lock.need_seqretry(seq):
                    break
                seq = 1
            await lock.done_seqretry(seq)
            return looks

        async def writer() -> None:
            await lock.write_seqlock()
            await lock.write_sequnlock()

        world.spawn(reader(), "reader")
        world.spawn(writer(), "writer")
        world.spawn(writer(), "writer")

    runs = search(setup)
    assert waiting(runs) == set()
    # two writers could make it look three times; it looks twice at most
    assert {run.world.tasks[0].result for run in runs} == {1, 2}


def test_a_write_section_without_its_lock_is_found() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&lock")
        count = SeqCount(world, "&seq", lock=lock)
        world.spawn(does(count.write_seqcount_begin(), count.write_seqcount_end()), "task")

    assert messages([alone(setup)]) == {
        "lockdep_assert_held(&lock): task in write_seqcount_begin()"
    }


def test_a_counter_without_a_lock_wants_preemption_off() -> None:
    def build(*, off: bool) -> Setup:
        def setup(world: World) -> None:
            count = SeqCount(world, "&seq")
            section = (count.write_seqcount_begin(), count.write_seqcount_end())
            steps = (preempt_disable(), *section, preempt_enable()) if off else section
            world.spawn(does(*steps), "task")

        return setup

    assert kinds([alone(build(off=True))]) == set()
    assert messages([alone(build(off=False))]) == {
        "lockdep_assert_preemption_disabled(): task in write_seqcount_begin()"
    }


def test_a_counter_under_a_mutex_disables_preemption_itself() -> None:
    world = World()
    mutex = Mutex(world, "&mutex")
    count = SeqCount(world, "&seq", lock=mutex)
    task = world.spawn(
        does(mutex.lock(), count.write_seqcount_begin(), count.write_seqcount_end()), "task"
    )
    depths = []
    while world.enabled():
        world.step(task)
        depths.append(task.atomic)
    assert depths == [0, 1, 0]


def test_ending_a_section_that_nobody_is_in_is_found() -> None:
    def setup(world: World) -> None:
        world.spawn(does(SeqCount(world, "&seq").write_seqcount_end()), "task")

    assert messages([alone(setup)]) == {
        "task ends the write section of &seq, which it does not hold"
    }


def test_invalidating_makes_a_reader_look_again() -> None:
    def setup(world: World) -> None:
        count = SeqCount(world, "&seq")

        async def task() -> tuple[bool, bool]:
            seq = await count.read_seqcount_begin()
            before = await count.read_seqcount_retry(seq)
            await count.write_seqcount_invalidate()
            return before, await count.read_seqcount_retry(seq)

        world.spawn(task(), "task")

    assert results([alone(setup)]) == {((False, True),)}
