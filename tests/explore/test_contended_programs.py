"""DPOR against every trace, on programs of three to five tasks that want the same few things.

Here the reference looks at every prefix of every trace once, so that programs can be compared that
have far too many interleavings for plain search.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, permutations
from types import FunctionType
from typing import Any

import pytest

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore import rounds
from lockwright.explore.dpor import Dpor
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import MakeWorld, Run
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from tests.explore.contended_programs import ContendedProgram, contended_program
from tests.explore.every_trace import Events, compare, every_trace, interleaved
from tests.explore.searching import Search, judged
from tests.explore.section_programs import Unfiltered, final_state

PREFIXES_MAX = 400
MORE_PREFIXES_MAX = 2500
CHUNK = 60
MOST = 2000

WRITERS = ContendedProgram(
    (
        [("in", "rd", [("in", "r2", [])])],
        [("in", "r2", [("in", "rd", [])])],
        [("keep", "wr")],
        [("keep", "w2")],
    )
)
"""The program of `test_races_again.py`."""

OPEN_NODE = ContendedProgram(
    (
        [("spawn", 0), ("read", "x")],
        [("in", "rd", [])],
        [("write", "x", 1)],
        [("read", "x")],
        [("read", "x")],
    ),
    ([("in", "rd", [])],),
)
"""The first read sleeps where the two readers of the semaphore race, and the write that wakes it
comes later: that a step of a sequence is a branch already does not say that all which begins with
it will be explored below, for something sleeps there."""


def differs(program: ContendedProgram, most: int) -> list[str] | None:
    """How DPOR differs from every trace."""
    names = Names()
    return compare(program.make(names), names, final_state, most)


def assert_every_trace(seeds: range, most: int, compared_min: int) -> None:
    wrong, compared = [], 0
    for seed in seeds:
        program = contended_program(seed)
        found = differs(program, most)
        compared += found is not None
        if found:
            wrong.append((seed, program, found))
    assert wrong == []
    assert compared >= compared_min


@pytest.mark.parametrize("chunk", range(4))
def test_dpor_explores_every_trace_of_contended_programs(chunk: int) -> None:
    assert_every_trace(range(chunk * CHUNK, (chunk + 1) * CHUNK), PREFIXES_MAX, 20)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_dpor_explores_every_trace_of_thousands_of_contended_programs(chunk: int) -> None:
    assert_every_trace(range(1000 + 150 * chunk, 1150 + 150 * chunk), MORE_PREFIXES_MAX, 80)


@pytest.mark.parametrize("order", list(permutations(range(4)))[::4], ids=str)
def test_queued_writers_between_two_readers_in_every_order(order: tuple[int, ...]) -> None:
    names = Names()
    program = replace(WRITERS, order=order)
    assert differs(program, 10_000) == []
    assert len(every_trace(program.make(names), names, final_state, Events(), 10_000) or ()) == 185


@pytest.mark.parametrize("first", range(5))
def test_what_sleeps_below_a_branch_is_woken_by_what_is_inserted_there(first: int) -> None:
    # the write stands somewhere among three reads; two sections of readers order in 6 ways
    names = Names()
    order = (*range(first, 5), *range(first))
    program = replace(OPEN_NODE, order=order)
    assert differs(program, 10_000) == []
    assert len(every_trace(program.make(names), names, final_state, Events(), 10_000) or ()) == 48


def test_the_reference_has_the_traces_of_plain_search_and_one_state_for_each() -> None:
    compared = 0
    for seed in range(60):
        program, names, events = contended_program(seed), Names(), Events()
        make = program.make(names)
        plain = interleaved(make, names, final_state, events, 300)
        if plain is None:
            continue
        found = every_trace(make, names, final_state, events, 5_000)
        assert found is not None
        assert {trace: {state} for trace, state in found.items()} == plain, program
        compared += 1
    assert compared >= 10


@pytest.mark.skipif(
    not isinstance(Dpor._plan, FunctionType), reason="a compiled method cannot be replaced"
)
@pytest.mark.parametrize("program", [WRITERS, OPEN_NODE], ids=["writers", "open node"])
def test_reversing_a_race_once_only_is_not_enough(
    program: ContendedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Dpor._plan

    def forgetful(self: Dpor, run: Run) -> None:
        self.races = []
        plan(self, run)

    monkeypatch.setattr(Dpor, "_plan", forgetful)
    orders = permutations(range(len(program.tasks)))
    lost = [differs(replace(program, order=order), 10_000) for order in islice(orders, 8)]
    assert any("missing" in line for found in lost for line in found or ())


def seen(search: Search, program: ContendedProgram, *, racing: bool = False) -> Any:  # noqa: ANN401
    """What a search sees under the rules; None if it is too much."""
    return judged(search, program.build, final_state, MOST, world_of=Unfiltered, racing=racing)


def by_section(make: MakeWorld) -> Dpor:
    return Dpor(make, granularity="section")


def in_rounds(make: MakeWorld) -> Rounds:
    return Rounds(make, granularity="section")


def assert_sections_agree(seeds: range, compared_min: int) -> None:
    wrong, compared = [], 0
    for seed in seeds:
        program = contended_program(seed)
        if differs(program, PREFIXES_MAX) is None:
            continue
        kept = seen(Dpor, program)
        for search in (by_section, in_rounds):
            other = seen(search, program)
            assert kept is not None
            assert other is not None
            if found := kept.difference(other):
                wrong.append((seed, search.__name__, program, found))
        compared += 1
    assert wrong == []
    assert compared >= compared_min


def test_sections_see_what_operations_see_under_contention() -> None:
    assert_sections_agree(range(300, 360), 20)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_sections_see_what_operations_see_under_much_contention(chunk: int) -> None:
    assert_sections_agree(range(5000 + 100 * chunk, 5100 + 100 * chunk), 30)


def assert_parts_agree(seeds: range, compared_min: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "FIRST", 2)
    monkeypatch.setattr(rounds, "MOST", 8)
    wrong, compared = [], 0
    for seed in seeds:
        program, names = contended_program(seed), Names()
        found = compare(program.make(names), names, final_state, PREFIXES_MAX, Rounds)
        compared += found is not None
        if found:
            wrong.append((seed, program, found))
    assert wrong == []
    assert compared >= compared_min


def test_a_search_in_many_parts_explores_every_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_parts_agree(range(400, 480), 25, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_searches_in_many_parts_explore_every_trace(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_parts_agree(range(7000 + 150 * chunk, 7150 + 150 * chunk), 50, monkeypatch)


@pytest.mark.parametrize("program", [WRITERS, OPEN_NODE], ids=["writers", "open node"])
def test_two_processes_explore_as_many_executions_as_there_are_traces(
    program: ContendedProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "FIRST", 4)
    names = Names()
    expected = every_trace(program.make(names), names, stuck, Events(), 10_000)
    assert expected is not None
    options = Options(granularity="operation", rules=("deadlock",), events=False, jobs=2)
    result = explore(Scenario("test/contended:one", program.build), options)
    assert (result.complete, result.executions) == (True, len(expected))
    assert result.deadlocked == sum(bool(waiting) for waiting in expected.values())


def stuck(world: World) -> tuple[str, ...]:
    return tuple(task.comm for task in world.blocked())
