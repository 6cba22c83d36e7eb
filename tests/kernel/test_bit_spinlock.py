"""Bit spinlocks: exclusion without a map."""

import pytest

from lockwright.core.world import World
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.context import sleepable
from tests.kernel.searching import alone, does, kinds, messages, results, search, waiting


def test_two_holders_exclude_each_other() -> None:
    def setup(world: World) -> None:
        bit = BitSpinLock(world, "&b->first")
        for name in ("a", "b"):
            world.spawn(does(bit.lock(), bit.unlock()), name)

    runs = search(setup)
    assert len(runs) == 2
    assert all(task.atomic == 0 for run in runs for task in run.world.tasks)


def test_taking_it_twice_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        bit = BitSpinLock(world, "&b->first")
        world.spawn(does(bit.lock(), bit.lock()), "task")

    assert waiting(search(setup)) == {("bit_spin_lock(&b->first)",)}


def test_a_trylock_fails_on_a_set_bit() -> None:
    def setup(world: World) -> None:
        bit = BitSpinLock(world, "bit")
        world.spawn(
            does(bit.is_locked(), bit.trylock(), bit.trylock(), bit.is_locked(), bit.unlock()), "a"
        )

    assert results([alone(setup)]) == {((False, True, False, True, None),)}


def test_nobody_sleeps_with_it() -> None:
    def setup(world: World) -> None:
        bit = BitSpinLock(world, "bit")
        world.spawn(does(bit.lock(), sleepable("f"), bit.unlock(), sleepable("g")), "task")

    assert messages([alone(setup)]) == {
        "sleeping function f() called in atomic context (atomic depth 1)"
    }


def test_clearing_a_bit_that_is_clear_is_found() -> None:
    def setup(world: World) -> None:
        world.spawn(does(BitSpinLock(world, "bit").unlock()), "task")

    assert messages([alone(setup)]) == {"task releases bit, which nobody holds"}


def test_another_task_may_clear_it() -> None:
    def setup(world: World) -> None:
        bit = BitSpinLock(world, "bit")

        async def first() -> None:
            await bit.lock()
            world.spawn(does(bit.unlock()), "second")

        world.spawn(first(), "first")

    assert "bad unlock balance" not in kinds([alone(setup)])


def test_lockdep_knows_nothing_of_it() -> None:
    world = World()
    world.on_acquire = (lambda task, use: pytest.fail("told of a bit"),)
    task = world.spawn(does(BitSpinLock(world, "bit").lock()), "task")
    world.step(task)
    assert task.ended
