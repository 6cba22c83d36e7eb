"""The strategy that is steered by what was covered."""

from __future__ import annotations

from statistics import median

import pytest

from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld
from lockwright.schedule.coverage import PIECE, Coverage, Site
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from lockwright.searches import RANGE
from tests.schedule.sampling import Shared, program, schedules, tasks_of, told

BEHIND = 12


async def early(at: Shared) -> None:
    """Writes x at once."""
    await at.write("e", 1)


async def late(at: Shared) -> None:
    """Writes x after steps that touch nothing of others."""
    await at.alone(BEHIND)
    await at.write("l", 1)


RACE = program(early, late)


def first_of(oracle: Oracle, make: MakeWorld, wanted: str) -> int:
    """The number of the first execution that told this, from 1; one more than all if none did."""
    number = 0
    for number, run in enumerate(guided_search(make, oracle), 1):
        if told(run) == wanted:
            return number
    return number + 1


def test_an_order_that_was_not_seen_is_tried_next() -> None:
    # To see l before e a walk has to choose the late task thirteen times: once in 2 ** 13.
    steered = [first_of(Coverage(seed, 40), RACE, "le") for seed in range(31)]
    walked = [first_of(RandomWalk(seed, 40), RACE, "le") for seed in range(31)]
    assert median(steered) <= 4
    assert max(steered) <= 40
    assert min(walked) == 41


async def thrice(at: Shared) -> None:
    """Takes the lock three times."""
    for _ in range(3):
        await at.lock.lock()
        await at.lock.unlock()


def test_of_a_lock_the_acquires_are_ordered() -> None:
    # who has the lock keeps the other one waiting: 20 orders of three acquires and three
    make = program(thrice, thrice)
    seen = {tasks_of(run)[::2] for run in guided_search(make, Coverage(1, 200))}
    assert len(seen) >= 10


def test_only_what_can_be_turned_round_is_an_order() -> None:
    oracle = Coverage(1, 20)
    assert len(list(guided_search(program(thrice, thrice), oracle))) == 20
    assert {site.kind for order in oracle.seen for site in order} == {"mutex_lock"}
    assert {(one.task, other.task) for one, other in oracle.seen} == {(0, 1), (1, 0)}


def test_what_was_not_seen_is_drawn_more_often_and_less_so_the_more_often_it_was_tried() -> None:
    a, b, c, d = (Site(task, 1, kind) for kind in ("read", "write") for task in (0, 1))
    oracle = Coverage(1, 1)
    oracle.seen = {(a, b): 5, (b, a): 5, (c, d): 5, (d, c): 5, (a, d): 5, (c, b): 1}
    oracle.tried = {(d, a): 9}
    fresh = [(d, a), (b, c)]
    drawn = [oracle._drawn(fresh) for _ in range(600)]
    # half of the draws are of the two, ten to one; the others of six pairs, in either direction
    assert 250 < drawn.count((b, c)) < 370
    assert 30 < drawn.count((d, a)) < 120


def test_what_was_seen_the_other_way_round_too_is_not_new() -> None:
    a, b, c, d = (Site(task, 1, kind) for kind in ("read", "write") for task in (0, 1))
    oracle = Coverage(1, 1)
    oracle.seen = {(a, b): 5, (b, a): 5, (c, d): 5}
    for _ in range(300):
        oracle.started()
    assert oracle.tried[d, c] > 2 * oracle.tried[a, b]


def test_what_was_learnt_is_forgotten_after_a_piece() -> None:
    whole = schedules(RACE, Coverage(3, 2 * PIECE + 20))
    for first, many in ((0, 10), (PIECE - 5, 10), (PIECE, 7), (PIECE + 3, 4), (2 * PIECE + 9, 11)):
        assert schedules(RACE, Coverage(3, many, first=first)) == whole[first : first + many]
    other = schedules(RACE, Coverage(3, PIECE, first=PIECE))
    assert other == whole[PIECE : 2 * PIECE]
    assert other != whole[:PIECE]


def test_a_range_runs_what_comes_before_it_in_its_piece_and_nothing_else() -> None:
    oracle = Coverage(1, 4, first=PIECE + 6)
    owned = []
    while oracle.begin():
        owned.append((oracle.at, oracle.owned))
    assert owned == [(PIECE + at, at >= 6) for at in range(10)]
    assert not Coverage(1, 0, first=PIECE + 6).begin()


def test_a_piece_is_a_piece_of_every_search() -> None:
    assert RANGE % PIECE == 0


@pytest.mark.parametrize("make", [RACE, program(thrice, thrice, early)])
def test_it_depends_on_the_seed_and_goes_on_without_an_order_that_cannot_be(
    make: MakeWorld,
) -> None:
    first = schedules(make, Coverage(7, 60))
    assert schedules(make, Coverage(7, 60)) == first
    assert schedules(make, Coverage(8, 60)) != first
    assert all(not run.world.enabled() for run in guided_search(make, Coverage(7, 60)))


def test_it_spreads_over_orders_better_than_what_it_is_made_of() -> None:
    def reached(oracle: Oracle) -> int:
        return len({told(run) for run in guided_search(ROWS, oracle)})

    steered = median(reached(Coverage(seed, 60)) for seed in range(15))
    plain = median(reached(Pos(seed, 60)) for seed in range(15))
    assert steered > plain


async def row(at: Shared) -> None:
    """Four writes after some steps alone."""
    await at.alone(6)
    await at.write("r", 4)


async def five(at: Shared) -> None:
    """Four writes at once."""
    await at.write("f", 4)


ROWS = program(row, five)
