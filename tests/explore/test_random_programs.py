"""DPOR against brute force, on random programs that use everything.

For each program: the same traces, each once, none blocked by its sleep set, and the same final
states, deadlocks and findings.
"""

from __future__ import annotations

import pytest

from lockwright.core.location import Names
from lockwright.core.task import Task
from lockwright.program.machine import Add
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from tests.explore import small_programs
from tests.explore.searching import brute_force, difference
from tests.explore.small_programs import THEMES, Program, final_state, random_program

PROGRAMS = 100
CHUNKS = 26
INTERLEAVINGS_MAX = 800
SKIPPED_MAX = 18  # at least 2,132 programs are compared


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_dpor_is_exact_on_random_programs(chunk: int) -> None:
    wrong, skipped = [], 0
    for seed in range(chunk * PROGRAMS, (chunk + 1) * PROGRAMS):
        program, names = random_program(seed), Names()
        found = difference(program.make(names), final_state, names, INTERLEAVINGS_MAX)
        if found is None:
            skipped += 1
        elif found:
            wrong.append((seed, program, found))
    assert wrong == []
    assert skipped <= SKIPPED_MAX


def findings(program: Program, strategy: str) -> set[tuple[str, tuple[str, ...]]]:
    """Kind and lock classes, or signature, of each finding.

    A cycle begins with the lock that was taken last, which is another one in another order.
    """
    scenario = Scenario("random/program:one", program.build)
    result = explore(scenario, Options(strategy=strategy, events=False))
    return {
        (finding.kind, tuple(sorted(finding.classes)) or (finding.signature,))
        for finding in result.findings
    }


@pytest.mark.parametrize("chunk", range(4))
def test_the_rules_find_the_same_as_in_brute_force(chunk: int) -> None:
    compared = 0
    for seed in range(50_000 + 60 * chunk, 50_060 + 60 * chunk):
        program = random_program(seed)
        if brute_force(program.make(Names()), final_state, 500) is None:
            continue
        compared += 1
        assert findings(program, "dpor") == findings(program, "dfs"), program
    assert compared >= 40


def test_the_random_programs_are_worth_it() -> None:
    # Every theme has programs that deadlock or end in several ways, and most are reduced.
    several = dict.fromkeys(THEMES, 0)
    blocked = smaller = 0
    for seed in range(260):
        seen = brute_force(random_program(seed).make(Names()), final_state, INTERLEAVINGS_MAX)
        if seen is None:
            continue
        several[sorted(THEMES)[seed % len(THEMES)]] += len(seen.states) > 1
        blocked += any(state[2] for state in seen.states)
        smaller += len(set(seen.keys)) < len(seen.keys)
    assert min(several.values()) >= 5, several
    assert blocked >= 50
    assert smaller >= 150


class Untold(Add):
    """An addition that says it only reads."""

    __slots__ = ()

    def run(self, task: Task, touched: list[int]) -> int:
        touched.append(self.loc.reading)
        old: int = self.loc.value
        self.loc.value = old + self.by
        return old


def test_a_write_that_is_not_told_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_programs, "Add", Untold)
    program, names = Program([[("add", 0)], [("add", 0)]], [[]]), Names()
    found = difference(program.make(names), final_state, names, INTERLEAVINGS_MAX)
    assert found is not None
    assert "final states of one of them only" in found
