"""Searches that begin in the middle of an execution, against brute force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.explore.below import After, Below
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run, trace_key
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Replay
from tests.explore.making import making
from tests.explore.small_programs import final_state, random_program

SEEDS = range(300, 335)
PLAIN_MAX = 300

Schedules = list[list[Choice]]


def programs() -> Iterator[tuple[MakeWorld, Names, Schedules, list[Choice]]]:
    """Small programs, with all schedules, and beginnings of some of them."""
    for seed in SEEDS:
        names = Names()
        make = random_program(seed).make(names)
        schedules = [list(run.schedule) for run in islice(plain_search(make), PLAIN_MAX + 1)]
        if len(schedules) > PLAIN_MAX:
            continue
        for at in (0, len(schedules) // 2, len(schedules) - 1):
            schedule = schedules[at]
            yield make, names, schedules, schedule[: len(schedule) // 2]
            yield make, names, schedules, schedule


def below(search: str, make: MakeWorld, names: Names, prefix: list[Choice]) -> Below:
    after = After(make, prefix)
    searches: dict[str, Iterable[Run]] = {
        "plain": plain_search(after),
        "random": guided_search(after, RandomWalk(1, 20)),
    }
    if search in searches:
        return Below(after, searches[search])
    dpor = Dpor(after, granularity=search)
    dpor.names = names
    return Below(after, dpor)


def test_plain_search_takes_every_schedule_that_begins_so_and_no_other() -> None:
    compared = 0
    for make, names, schedules, prefix in programs():
        wanted = [each for each in schedules if each[: len(prefix)] == prefix]
        found = [list(run.schedule) for run in below("plain", make, names, prefix)]
        assert sorted(found) == sorted(wanted)
        compared += 1 < len(wanted) < len(schedules)
    assert compared > 20


@pytest.mark.parametrize("granularity", ["operation", "section"])
def test_dpor_reaches_every_state_that_can_follow(granularity: str) -> None:
    for make, names, _, prefix in programs():
        wanted = {final_state(run.world) for run in below("plain", make, names, prefix)}
        found = [final_state(run.world) for run in below(granularity, make, names, prefix)]
        assert set(found) == wanted


def test_dpor_takes_each_trace_that_can_follow_once() -> None:
    for make, names, _, prefix in programs():
        wanted = {trace_key(run) for run in below("plain", make, names, prefix)}
        found = [trace_key(run) for run in below("operation", make, names, prefix)]
        assert len(found) == len(set(found))
        assert set(found) == wanted


def test_a_random_walk_takes_schedules_that_begin_so() -> None:
    for make, names, schedules, prefix in programs():
        runs = [list(run.schedule) for run in below("random", make, names, prefix)]
        assert len(runs) == 20
        for schedule in runs:
            assert schedule in schedules
            assert schedule[: len(prefix)] == prefix


@pytest.mark.parametrize("search", ["plain", "operation", "section", "random"])
def test_a_run_is_whole_and_can_be_taken_again(search: str) -> None:
    for make, names, _, prefix in programs():
        for run in islice(below(search, make, names, prefix), 10):
            assert run.shared <= len(run.log)
            (again,) = guided_search(make, Replay(run.schedule))
            assert (again.touched, again.numbers) == (run.touched, run.numbers)
            assert final_state(again.world) == final_state(run.world)


def test_what_a_run_shares_with_the_one_before_it_does_share() -> None:
    for make, names, _, prefix in programs():
        before: list[int] = []
        for at, run in enumerate(below("operation", make, names, prefix)):
            assert run.keys[: run.shared] == before[: run.shared]
            assert not at or run.shared >= len(prefix)
            before = list(run.keys)


def test_what_the_search_offers_is_offered() -> None:
    make = making(random_program(300).build)
    after = After(make, [(0, 0)])
    searching = Below(after, Dpor(after))
    next(iter(searching))
    assert searching.granularity == "operation"
    assert searching.branching()
    with pytest.raises(AttributeError, match="no attribute 'unheard_of'"):
        _ = searching.unheard_of


def test_a_prefix_that_cannot_be_taken_is_refused() -> None:
    make = making(random_program(300).build)
    for prefix in ([(7, 0)], [(0, 0)] * 50, [(0, 3)]):
        with pytest.raises(UsageError, match="the schedule does not fit the model: its step "):
            next(iter(Below(after := After(make, prefix), plain_search(after))))
