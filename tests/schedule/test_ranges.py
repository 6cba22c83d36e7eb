"""Execution i of a random strategy is the same whoever runs it, and in whatever range."""

from __future__ import annotations

from collections import Counter

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld
from lockwright.schedule.mix import Mix, turn_of
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.pct import Pct
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Replay
from lockwright.schedule.strategies import MIX, SAMPLERS, mix, mix_text, parse_mix, sampler
from tests.explore.making import making
from tests.explore.small_programs import random_program
from tests.schedule.sampling import Schedule, program, schedules

RUNS = 40
MIXED = "mix"
NAMES = (*SAMPLERS, MIXED)
PROGRAMS = range(0, 120, 3)


def oracle_of(name: str, seed: int, executions: int, first: int = 0) -> Oracle:
    """A random strategy, or all of them."""
    if name == MIXED:
        return mix((("surw", 2), ("pct", 1), ("random", 1)), seed, executions, first=first)
    return sampler(name, seed, executions, first=first)


def taken(make: MakeWorld, name: str, executions: int, first: int = 0) -> list[Schedule]:
    """The schedules of a range."""
    return schedules(make, oracle_of(name, 7, executions, first))


@pytest.mark.parametrize("name", NAMES)
def test_any_range_of_executions_is_a_part_of_the_whole(name: str) -> None:
    several = 0
    for number in PROGRAMS:
        make = making(random_program(number).build)
        whole = taken(make, name, RUNS)
        several += len(set(whole)) > 3
        assert len(whole) == RUNS
        for first, executions in ((0, 3), (1, 5), (3, 20), (7, 1), (9, 31), (25, 15), (39, 1)):
            part = taken(make, name, executions, first)
            assert part == whole[first : first + executions], (number, first, executions)
    assert several > len(PROGRAMS) / 2


@pytest.mark.parametrize("name", NAMES)
def test_workers_that_share_a_search_run_it_once(name: str) -> None:
    make = making(random_program(7).build)
    shares = [(0, 11), (11, 2), (13, 0), (13, 27)]
    together = [run for first, many in shares for run in taken(make, name, many, first)]
    assert together == taken(make, name, RUNS)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    make = making(random_program(300).build)
    assert schedules(make, oracle_of(name, 8, RUNS)) != schedules(make, oracle_of(name, 7, RUNS))


@pytest.mark.parametrize(
    ("name", "unseen"),
    [("random", 0), ("pos", 0), ("pct", 8), ("urw", 4), ("surw", 4), ("coverage", 20)],
)
def test_what_only_measures_is_run_bare_and_not_seen(name: str, unseen: int) -> None:
    assert made_for(oracle_of(name, 7, 5, 20)) == Counter({"own": 5, "bare": unseen})


@pytest.mark.parametrize("name", ["pct", "urw", "surw"])
def test_a_range_of_measuring_executions_needs_no_others(name: str) -> None:
    assert made_for(oracle_of(name, 7, 2, 2)) == Counter({"own": 2})


def made_for(oracle: Oracle) -> Counter[str]:
    """How many worlds of which kind an oracle needs."""
    base = making(random_program(300).build)
    made: Counter[str] = Counter()

    def counting(kind: str) -> MakeWorld:
        def make(names: Names) -> World:
            made[kind] += 1
            return base(names)

        return make

    runs = list(guided_search(counting("own"), oracle, counting("bare")))
    assert len(runs) == made["own"]
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_range_of_nothing_runs_nothing(name: str) -> None:
    def make(names: Names) -> World:
        raise AssertionError("nothing is to be run")

    assert list(guided_search(make, oracle_of(name, 7, 0, 20))) == []


def test_a_replay_is_of_no_range() -> None:
    make = making(random_program(300).build)
    (run,) = guided_search(make, RandomWalk(1, 1))
    assert schedules(make, Replay(run.schedule)) == [tuple(run.schedule)]


def test_a_range_before_the_first_execution_is_refused() -> None:
    with pytest.raises(UsageError, match="strategy random: executions -1 to 3 are no range"):
        RandomWalk(1, 5, first=-1)
    with pytest.raises(UsageError, match="strategy pct: executions 0 to -3 are no range"):
        Pct(1, -2)


# The mix


def test_a_turn_has_each_part_as_often_as_its_share() -> None:
    assert turn_of([1, 1, 1]) == [0, 1, 2]
    assert turn_of([2, 1]) == [0, 1, 0]
    assert turn_of([3, 1]) == [0, 0, 1, 0]
    assert turn_of([1]) == [0]


def test_a_mix_takes_the_next_execution_of_each_part_in_turn() -> None:
    make = making(random_program(6).build)
    parts = {name: iter(schedules(make, oracle_of(name, 7, RUNS))) for name in ("surw", "pct")}
    mixed = schedules(make, mix((("surw", 2), ("pct", 1)), 7, 30))
    turn = ("surw", "pct", "surw")
    assert mixed == [next(parts[turn[at % 3]]) for at in range(30)]


def test_the_mix_that_nobody_said_more_about_has_all() -> None:
    make = program(lambda shared: shared.alone(2), lambda shared: shared.write("b", 2))
    names = []
    oracle = mix(MIX, 7, 10)
    for _ in guided_search(make, oracle):
        names.append(oracle.sampler.name)
    assert names == ["random", "pct", "pos", "urw", "surw"] * 2


def test_the_depth_is_for_pct() -> None:
    oracle = mix((("pos", 1), ("pct", 1)), 7, 10, depth=5)
    assert [part.depth for part in oracle.samplers if isinstance(part, Pct)] == [5]
    pct = sampler("pct", 7, 10, depth=4)
    assert isinstance(pct, Pct)
    assert pct.depth == 4


@pytest.mark.parametrize("text", ["random", "random,pct:2", "surw:3,pos,urw:1000"])
def test_a_mix_reads_what_it_writes(text: str) -> None:
    assert mix_text(parse_mix(text)) == text


def test_spaces_and_a_share_of_one_make_no_difference() -> None:
    assert parse_mix(" random , pct:1") == (("random", 1), ("pct", 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("randm", "unknown random strategy 'randm'; did you mean random\\? there are: random, pct"),
        ("dpor,pct", "unknown random strategy 'dpor'; "),
        ("", "unknown random strategy ''; there are: "),
        ("pct,", "unknown random strategy ''; there are: "),
        ("pct:", "malformed mix: 'pct:' is not of the form NAME or NAME:SHARE, the share a number"),
        ("pct:-1", "malformed mix: 'pct:-1' is not"),
        ("pct:1.5", "malformed mix: 'pct:1.5' is not"),
        ("pct:99999", "malformed mix: 'pct:99999' is not"),
        ("pct:0", "a mix with 0 parts of pct: expected 1 or more"),
        ("pct:1001", "malformed mix: 'pct:1001' is not"),
        ("pct,urw,pct", "a mix names pct twice: give it a share instead, say pct:2"),
    ],
)
def test_what_is_no_mix_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_mix(text)


def test_a_mix_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="a mix of no strategies: name some, say random,pct:2"):
        Mix((), lambda name, executions, first: RandomWalk(1, executions, first=first), 5)


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown random strategy 'uniform'; there are: random, "):
        sampler("uniform", 1, 5)
