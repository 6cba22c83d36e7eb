"""Schedules that are followed as far as they go, and what comes after them."""

from __future__ import annotations

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, Variable
from lockwright.schedule.oracle import Oracle, Ranged
from lockwright.schedule.pct import Pct
from lockwright.schedule.prefixed import Prefixed
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.steady import Steady
from lockwright.schedule.wishes import Wishes
from tests.explore.making import making


def readers(*steps: int) -> MakeWorld:
    """Tasks that take so many steps."""

    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def reader(count: int) -> None:
            for _ in range(count):
                await READ_ONCE(x)

        for number, count in enumerate(steps):
            world.spawn(reader(count), f"r{number}")

    return making(build)


def locked(world: World) -> None:
    """Two tasks with three steps each under one mutex."""
    lock, x = Mutex(world, "m"), Variable(world, 0, "x")

    async def worker() -> None:
        await lock.lock()
        await READ_ONCE(x)
        await lock.unlock()

    world.spawn(worker(), "one")
    world.spawn(worker(), "two")


def tasks(make: MakeWorld, oracle: Oracle) -> list[list[int]]:
    return [[task for task, _ in run.schedule] for run in guided_search(make, oracle)]


def wished(*indexes: int) -> list[Choice]:
    return [(index, 0) for index in indexes]


def test_a_task_goes_on_until_it_ends_or_waits() -> None:
    assert tasks(readers(2, 3), Steady()) == [[0, 0, 1, 1, 1]]
    assert tasks(readers(2, 3), Steady(1)) == [[1, 1, 1, 0, 0]]
    # one holds the mutex, so that two cannot go on
    assert tasks(making(locked), Prefixed(wished(0), Steady(1))) == [[0, 0, 0, 1, 1, 1]]


def test_wishes_are_granted_in_their_order() -> None:
    assert tasks(readers(2, 3), Wishes(wished(1, 0, 1, 0, 1))) == [[1, 0, 1, 0, 1]]


def test_without_a_wish_the_last_task_goes_on() -> None:
    assert tasks(readers(2, 3, 1), Wishes(wished(2, 1))) == [[2, 1, 1, 1, 0, 0]]


def test_a_wish_that_must_wait_is_granted_as_soon_as_it_can_be() -> None:
    assert tasks(making(locked), Wishes(wished(0, 1, 1, 0, 0))) == [[0, 0, 0, 1, 1, 1]]


def test_wishes_of_tasks_that_are_not_there_are_passed_over() -> None:
    assert tasks(readers(1, 1), Wishes(wished(9, 1, 1, 1, 9))) == [[1, 0]]


def test_a_prefix_comes_before_every_execution_of_another_strategy() -> None:
    prefix = wished(1, 0, 1)
    runs = tasks(readers(3, 3), Prefixed(prefix, RandomWalk(1, 30)))
    assert len(runs) == 30
    assert {tuple(run[:3]) for run in runs} == {(1, 0, 1)}
    # what is left are 2 and 1 steps, in 3 orders
    assert {tuple(run[3:]) for run in runs} == {(0, 0, 1), (0, 1, 0), (1, 0, 0)}


def test_a_prefix_keeps_the_range_of_the_strategy() -> None:
    whole = tasks(readers(3, 3), Prefixed(wished(1), Pct(3, 12)))
    parts = [
        tasks(readers(3, 3), Prefixed(wished(1), Pct(3, count, first=first)))
        for first, count in ((0, 5), (5, 7))
    ]
    assert len(whole) == 12
    assert parts[0] + parts[1] == whole
    assert isinstance(Prefixed([], Pct(3, 12)), Ranged)


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ([(0, 0), (2, 0)], "step 1 is for task 2, which cannot run there"),
        ([(0, 0)] * 3, "step 2 is for task 0, which cannot run there"),
    ],
)
def test_a_prefix_that_cannot_be_followed_is_refused(prefix: list[Choice], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tasks(readers(2, 2), Prefixed(prefix, Steady()))
