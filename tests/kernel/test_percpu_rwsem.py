"""percpu_rw_semaphore: readers, a writer, and handing it from task to task."""

import pytest

from lockwright.core.lockuse import LockUse
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.percpu_rwsem import PercpuRwSem
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, kinds, messages, results, search, waiting


def test_a_reader_that_reads_again_waits_for_ever_behind_a_writer() -> None:
    def setup(world: World) -> None:
        sem = PercpuRwSem(world, "cpu_hotplug_lock")
        world.spawn(
            does(
                sem.percpu_down_read(),
                sem.percpu_down_read(),
                sem.percpu_up_read(),
                sem.percpu_up_read(),
            ),
            "reader",
        )
        world.spawn(does(sem.percpu_down_write(), sem.percpu_up_write()), "writer")

    assert waiting(search(setup)) == {
        ("percpu_down_read(cpu_hotplug_lock)", "percpu_down_write(cpu_hotplug_lock)")
    }


def test_what_the_validator_is_told() -> None:
    told: list[tuple[str, int, bool, int]] = []

    def acquired(task: Task, use: LockUse) -> None:
        told.append((use.function, use.read, use.trylock, use.key.wait_inner))

    world = World()
    world.on_acquire = (acquired,)
    sem = PercpuRwSem(world, "sb_writers")
    task = world.spawn(
        does(
            sem.percpu_down_read(),
            sem.percpu_up_read(),
            sem.percpu_down_read_trylock(),
            sem.percpu_up_read(),
            sem.percpu_down_write(),
        ),
        "task",
    )
    while world.enabled():
        world.step(task)
    assert told == [
        ("percpu_down_read", 1, False, 0),
        ("percpu_down_read_trylock", 1, True, 0),
        ("percpu_down_write", 0, False, 0),
    ]


def test_a_trylock_fails_while_a_writer_is_in_and_the_questions_say_who_is() -> None:
    def setup(world: World) -> None:
        sem = PercpuRwSem(world, "sem")
        world.spawn(
            does(
                sem.percpu_down_write(),
                sem.percpu_is_write_locked(),
                sem.percpu_is_read_locked(),
                sem.percpu_down_read_trylock(),
                sem.percpu_up_write(),
                sem.percpu_down_read_trylock(),
                sem.percpu_is_write_locked(),
                sem.percpu_is_read_locked(),
            ),
            "task",
        )

    assert results([alone(setup)]) == {
        ((None, True, False, False, None, True, False, True),),
    }


@pytest.mark.parametrize("read", [True, False])
def test_another_task_may_release_what_was_left_to_it(read: bool) -> None:
    kind = "read" if read else "write"

    def setup(world: World) -> None:
        sem = PercpuRwSem(world, "sb_writers")
        down, up = getattr(sem, f"percpu_down_{kind}"), getattr(sem, f"percpu_up_{kind}")

        async def freeze() -> None:
            await down()
            await sem.percpu_rwsem_release(read=read)
            world.spawn(does(sem.percpu_rwsem_acquire(read=read), up()), "thaw")

        world.spawn(freeze(), "freeze")

    run = alone(setup)
    assert kinds([run]) == set()
    assert all(task.ended for task in run.world.tasks)


def test_releasing_what_another_task_holds_is_found() -> None:
    def setup(world: World) -> None:
        sem = PercpuRwSem(world, "sem")
        world.spawn(does(sem.percpu_rwsem_acquire()), "task")

    assert messages([alone(setup)]) == {"task takes over sem, which it does not hold for write"}


def test_it_sleeps() -> None:
    def setup(world: World) -> None:
        sem, lock = PercpuRwSem(world, "sem"), SpinLock(world, "&lock")
        world.spawn(
            does(lock.lock(), sem.percpu_down_read(), sem.percpu_up_read(), lock.unlock()), "task"
        )

    assert kinds([alone(setup)]) == {"sleeping in atomic context"}
