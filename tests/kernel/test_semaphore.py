"""The counting semaphore: FIFO, without an owner, unknown to lockdep."""

import pytest

from lockwright.core.world import World
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, kinds, results, search, waiting


@pytest.mark.parametrize(("count", "deadlocks"), [(1, True), (2, False)])
def test_as_many_come_in_as_it_counts(count: int, deadlocks: bool) -> None:
    def setup(world: World) -> None:
        semaphore = Semaphore(world, "&sem", count)
        for name in ("a", "b"):
            world.spawn(does(semaphore.down()), name)

    assert bool(waiting(search(setup))) == deadlocks


def test_it_is_handed_to_whoever_waits_longest() -> None:
    world = World()
    semaphore = Semaphore(world, "&sem")
    first = world.spawn(does(semaphore.down(), semaphore.up()), "first")
    second = world.spawn(does(semaphore.down()), "second")
    third = world.spawn(does(semaphore.down()), "third")
    for task in (first, second, third, first):
        world.step(task)
    assert world.enabled() == [second]
    assert semaphore.value == 0


def test_a_newcomer_does_not_overtake_whom_it_was_handed_to() -> None:
    def setup(world: World) -> None:
        semaphore = Semaphore(world, "&sem", 0)
        world.spawn(does(semaphore.down()), "waiter")
        world.spawn(does(semaphore.up(), semaphore.down_trylock()), "other")

    # queued first: handed over, the trylock fails; else the trylock may win, and the waiter waits
    got = {run.world.tasks[1].result for run in search(setup)}
    assert got == {(None, True), (None, False)}
    assert waiting(search(setup)) == {("down(&sem)",)}


def test_anybody_may_release_it() -> None:
    def setup(world: World) -> None:
        semaphore = Semaphore(world, "&sem", 0)
        world.spawn(does(semaphore.down()), "waiter")
        world.spawn(does(semaphore.up()), "other")

    runs = search(setup)
    assert waiting(runs) == set()
    assert kinds(runs) == set()
    assert len(runs) == 2


def test_a_trylock_gives_false_when_it_has_got_it() -> None:
    def setup(world: World) -> None:
        semaphore = Semaphore(world, "&sem")
        world.spawn(does(semaphore.down_trylock(), semaphore.down_trylock()), "task")

    run = alone(setup)
    assert results([run]) == {((False, True),)}
    assert run.touched[1][0] & 1 == 0  # a failed one only reads


def test_waiting_for_it_under_a_spinlock_is_found() -> None:
    def setup(world: World) -> None:
        semaphore, lock = Semaphore(world, "&sem", 0), SpinLock(world, "&lock")
        world.spawn(does(lock.lock(), semaphore.down(), lock.unlock()), "task")

    assert kinds([alone(setup)]) == {"sleeping in atomic context", "scheduling while atomic"}


def test_lockdep_knows_nothing_of_it() -> None:
    world = World()
    world.on_acquire = (lambda task, use: pytest.fail("told of a semaphore"),)
    semaphore = Semaphore(world, "&sem")
    task = world.spawn(does(semaphore.down(), semaphore.up()), "task")
    world.step(task)
    world.step(task)
    assert task.ended
