"""The search by states against plain search, on random programs that use everything."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from lockwright.core.location import Names
from lockwright.core.snapshot import Snapshots
from lockwright.core.world import World
from lockwright.explore.lasso import LassoSearch, unfinished
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld
from tests.explore.small_programs import final_state, random_program

PROGRAMS = 52
INTERLEAVINGS_MAX = 500

Ends = tuple[set[Any], set[Any]]
"""The final states without their findings, and all findings: a state that can be come to with a
warning and without is one state."""


def add(ends: Ends, world: World, *, ended: bool) -> None:
    variables, results, blocked, findings, done = final_state(world)
    if ended:
        ends[0].add((variables, results, blocked, done))
    ends[1].update(findings)


def by_brute_force(make: MakeWorld) -> tuple[Ends, int] | None:
    ends: Ends = (set(), set())
    count = 0
    for run in plain_search(make):
        count += 1
        if count > INTERLEAVINGS_MAX:
            return None
        add(ends, run.world, ended=True)
        run.world.close()
    return ends, count


def by_states(make: MakeWorld) -> tuple[Ends, LassoSearch]:
    ends: Ends = (set(), set())
    search = LassoSearch(make)
    for run in search:
        add(ends, run.world, ended=not unfinished(run))
        run.world.close()
    return ends, search


@pytest.mark.parametrize("chunk", range(5))
def test_states_and_interleavings_end_alike(chunk: int) -> None:
    compared = 0
    for seed in range(chunk * PROGRAMS, (chunk + 1) * PROGRAMS):
        program = random_program(seed)
        plain = by_brute_force(program.make(Names()))
        if plain is None:
            continue
        compared += 1
        ends, search = by_states(program.make(Names()))
        assert search.stopped == "", program
        assert ends == plain[0], program
    assert compared >= 35


def test_it_is_the_same_again() -> None:
    def runs() -> list[tuple[Any, bool]]:
        search = LassoSearch(random_program(4).make(Names()))
        return [(tuple(run.schedule), run.world.oopsed) for run in search]

    assert runs() == runs()
    assert len(runs()) > 1


def test_a_state_has_one_future() -> None:
    """Whatever way led to a state: the same tasks can go on, and lead to the same states."""
    checked = merged = 0
    for seed in range(26):
        program = random_program(seed)
        snapshots = Snapshots()
        futures: dict[bytes, dict[int, bytes]] = {}
        for run in islice(plain_search(program.make(Names())), 60):
            run.world.close()
            world = program.make(Names())(Names())
            key = snapshots.take(world)
            for index, value in run.schedule:
                merged += key in futures
                able = sorted(task.index for task in world.enabled())
                known = futures.setdefault(key, dict.fromkeys(able, b""))
                assert sorted(known) == able, program
                op = world.tasks[index].pending
                world.step(world.tasks[index], value)
                key = snapshots.take(world)
                if op is not None and not op.chooses:
                    assert known[index] in (b"", key), program
                    known[index] = key
                    checked += 1
            world.close()
    assert checked > 3000
    assert merged > 2500
