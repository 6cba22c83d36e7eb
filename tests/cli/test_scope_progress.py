"""How far a scope is: what the meter says."""

from __future__ import annotations

import math

import pytest

from lockwright.commands.scopemeter import scope_text, seconds_left
from lockwright.scope import ScopeProgress

SIZES = (2, 10, 40)


def progress(*done: int) -> ScopeProgress:
    return ScopeProgress(SIZES, list(done), executions=77, findings=1)


def test_the_meter_says_how_many_programs_are_done_and_how_long_it_may_go_on() -> None:
    assert scope_text(progress(2, 3, 0), 90.0) == (
        "5 of 52 programs, 77 executions, about 2 minutes left, 1 finding"
    )
    assert scope_text(progress(2, 3, 0)) == "5 of 52 programs, 77 executions, 1 finding"


@pytest.mark.parametrize(
    ("done", "fresh", "spent", "left"),
    [
        # nothing was done yet: nobody knows
        ((0, 0, 0), (0, 0, 0), (0.0, 0.0, 0.0), math.inf),
        # one second each, and no growth known
        ((1, 0, 0), (1, 0, 0), (1.0, 0.0, 0.0), 1 + 10 + 40),
        # four seconds each after one: the next take sixteen
        ((2, 5, 0), (2, 5, 0), (2.0, 20.0, 0.0), 5 * 4 + 40 * 16),
        # faster than those before: the next take as long
        ((2, 5, 0), (2, 5, 0), (4.0, 5.0, 0.0), 5 * 1 + 40 * 1),
        # a hundred times as long is not believed
        ((2, 5, 0), (2, 5, 0), (2.0, 500.0, 0.0), 5 * 100 + 40 * 1000),
        # what was kept took no time, and tells none
        ((2, 8, 0), (0, 3, 0), (0.0, 6.0, 0.0), 2 * 2 + 40 * 2),
        ((2, 10, 40), (2, 10, 40), (1.0, 1.0, 1.0), 0),
    ],
)
def test_the_time_left_is_that_of_programs_of_the_same_size(
    done: tuple[int, ...], fresh: tuple[int, ...], spent: tuple[float, ...], left: float
) -> None:
    assert seconds_left(progress(*done), fresh, spent) == left
