"""POS spreads over partial orders as its paper says, which can be derived by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from tests.schedule.sampling import Shared, frequencies, limit, program, tasks_of, told

RUNS = 4000


def deviates(seen: Counter[object], expected: dict[object, float]) -> bool:
    """Does it differ from the expected shares?  By chance once in a thousand times."""
    assert sum(expected.values()) == pytest.approx(1)
    chi_square = sum((seen[key] - RUNS * p) ** 2 / (RUNS * p) for key, p in expected.items())
    return set(seen) > set(expected) or chi_square > limit(len(expected))


async def _late(shared: Shared) -> None:
    await shared.alone(5)
    await shared.write("a", 1)


def test_what_comes_before_a_race_hardly_tells_who_wins_it() -> None:
    # b's write keeps its priority until something races with it, and a comes first if all its six
    # events have higher ones: 1/7.  A walk has to choose a six times: 1/64.
    make = program(_late, lambda shared: shared.write("b", 1))
    expected: dict[object, float] = {"ab": 1 / 7, "ba": 6 / 7}
    oracles: list[Oracle] = [Pos(2, RUNS), RandomWalk(2, RUNS)]
    by_pos, by_walk = (frequencies(make, oracle, told) for oracle in oracles)
    assert not deviates(by_pos, expected)
    assert deviates(by_walk, expected)
    assert not deviates(by_walk, {"ab": 1 / 64, "ba": 63 / 64})


async def _twice(shared: Shared) -> None:
    await READ_ONCE(shared.x)
    await READ_ONCE(shared.x)


def test_an_event_that_races_draws_anew() -> None:
    # Two writes each.  What has run and what races with it draw anew, so that each choice is even:
    # 1/2, 1/2, and 1/2 again if both have one left.
    make = program(lambda shared: shared.write("a", 2), lambda shared: shared.write("b", 2))
    expected: dict[object, float] = {
        "0011": 1 / 4,
        "0101": 1 / 8,
        "0110": 1 / 8,
        "1100": 1 / 4,
        "1010": 1 / 8,
        "1001": 1 / 8,
    }
    assert not deviates(frequencies(make, Pos(3, RUNS), tasks_of), expected)


def test_an_event_that_does_not_race_keeps_its_priority() -> None:
    # Two reads each.  The first of 0 is above the first of 1: 1/2.  That one keeps its priority,
    # the lesser of two, so that the second of 0 is above it with 2/3.  If it is not, it is the
    # least of three, and the second of 1 is above it with 3/4.
    make = program(_twice, _twice)
    expected: dict[object, float] = {
        "0011": 1 / 3,
        "0101": 1 / 24,
        "0110": 1 / 8,
        "1100": 1 / 3,
        "1010": 1 / 24,
        "1001": 1 / 8,
    }
    assert not deviates(frequencies(make, Pos(4, RUNS), tasks_of), expected)


async def _locks(shared: Shared, who: str) -> None:
    mutex: Mutex = shared.lock
    await mutex.lock()
    shared.seen.append(who)
    await shared.alone(3)
    await mutex.unlock()


def test_two_acquires_of_one_lock_race() -> None:
    # Three tasks want one lock, and hold it long.  Who gets it next is an even choice each time,
    # because the winner's acquire races with the others'.  All six orders: 1/6.
    make = program(*(lambda shared, who=who: _locks(shared, who) for who in "abc"))
    seen = frequencies(make, Pos(5, RUNS), told)
    expected: dict[object, float] = dict.fromkeys(("abc", "acb", "bac", "bca", "cab", "cba"), 1 / 6)
    assert not deviates(seen, expected)
