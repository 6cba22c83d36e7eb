"""Completions."""

from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, messages, results, search, waiting


def test_a_waiter_goes_on_after_complete() -> None:
    def setup(world: World) -> None:
        done = Completion(world, "&done")
        world.spawn(does(done.wait_for_completion()), "waiter")
        world.spawn(does(done.complete()), "worker")

    runs = search(setup)
    assert len(runs) == 1
    assert waiting(runs) == set()


def test_one_complete_serves_one_waiter_any_one() -> None:
    def setup(world: World) -> None:
        done = Completion(world, "&done")
        world.spawn(does(done.wait_for_completion()), "w1")
        world.spawn(does(done.wait_for_completion()), "w2")
        world.spawn(does(done.complete()), "worker")

    runs = search(setup)
    assert len(runs) == 2
    assert waiting(runs) == {("wait_for_completion(&done)",)}
    assert {task.comm for run in runs for task in run.world.blocked()} == {"w1", "w2"}


def test_complete_all_serves_everybody_until_reinit() -> None:
    def setup(world: World) -> None:
        done = Completion(world, "&done")
        world.spawn(
            does(
                done.complete_all(),
                done.complete(),
                done.wait_for_completion(),
                done.try_wait_for_completion(),
                done.completion_done(),
                done.reinit_completion(),
                done.completion_done(),
                done.try_wait_for_completion(),
                done.wait_for_completion(),
            ),
            "task",
        )

    run = alone(setup)
    assert waiting([run]) == {("wait_for_completion(&done)",)}
    assert len(run.schedule) == 8


def test_a_try_takes_what_is_there() -> None:
    def setup(world: World) -> None:
        done = Completion(world, "&done")
        world.spawn(does(done.try_wait_for_completion(), done.try_wait_for_completion()), "try")
        world.spawn(does(done.complete()), "worker")

    # The completion comes before, between or after the attempts.
    assert results(search(setup)) == {
        ((True, False), (None,)),
        ((False, True), (None,)),
        ((False, False), (None,)),
    }


def test_waiting_under_a_spinlock_is_found() -> None:
    def setup(world: World) -> None:
        done, lock = Completion(world, "&done"), SpinLock(world, "&lock")
        world.spawn(
            does(done.complete(), lock.lock(), done.wait_for_completion(), lock.unlock()), "task"
        )

    assert messages([alone(setup)]) == {
        "sleeping function wait_for_completion() called in atomic context (atomic depth 1)"
    }
