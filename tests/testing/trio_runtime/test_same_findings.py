"""What trio finds is what the machine's own search finds, and replays in the machine."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import switches
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.project import Project, load_project
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore
from lockwright.token import parse_token
from lockwright.trio_runtime import run
from tests.explore import interrupt_programs
from tests.explore.searching import brute_force
from tests.explore.small_programs import final_state, random_program
from tests.test_house import ROOT

INTERLEAVINGS_MAX = 60
ENOUGH = 250
"""Executions in which all that a program of so few interleavings can do is seen, for the seeds
below."""


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(ROOT)


def small_scenario(seed: int) -> Scenario | None:
    """A random program as a scenario; None if it has too many interleavings."""
    program = random_program(seed)
    if brute_force(program.make(Names()), final_state, INTERLEAVINGS_MAX) is None:
        return None
    name = f"random/program:{seed}"
    return Scenario(name, program.build, outcome=lambda world: repr(final_state(world)))


def kinds(result: Result) -> set[str]:
    return {finding.kind for finding in result.findings}


def ends(result: Result) -> tuple[set[str], bool]:
    """Final states, and whether some execution ended with a task that waits for ever."""
    return set(result.outcomes), result.deadlocked > 0


def check_replays(scenario: Scenario, finding: Finding) -> None:
    """The machine takes the token's schedule step for step, and comes to the same finding."""
    token = parse_token(finding.token)
    assert token.schedule == finding.schedule
    session = Session(scenario.with_parameters(dict(token.parameters)), Options())
    record, found = session.run_once(token.schedule, token.marks)
    assert (record.misfit, record.difference) == ("", "")
    assert record.fits == len(token.schedule)
    # the lock validator knows what came before; one execution may be too little for its report
    again = {(other.kind, other.signature) for other in found}
    learned = finding.report is not None and "lock" in finding.kind
    assert learned or (finding.kind, finding.signature) in again, (finding.kind, again)


def compared(seeds: range) -> int:
    """How many random programs were compared; each is the same on trio."""
    count = 0
    for seed in seeds:
        scenario = small_scenario(seed)
        if scenario is None:
            continue
        count += 1
        expected = explore(scenario, Options(strategy="dfs", events=False))
        result = run(scenario, seed=seed, executions=ENOUGH)
        assert kinds(result) == kinds(expected), seed
        assert ends(result) == ends(expected), seed
        for finding in result.findings:
            check_replays(scenario, finding)
    return count


def test_small_random_programs_end_as_in_brute_force() -> None:
    assert compared(range(13)) >= 4


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(1, 8))
def test_more_small_random_programs_end_as_in_brute_force(chunk: int) -> None:
    assert compared(range(52 * chunk, 52 * chunk + 52)) >= 15


def interrupts_compared(seeds: range) -> tuple[int, int]:
    """How many random programs with interrupts ended only as they can, and how many in all the
    ways."""
    count = same = 0
    for seed in seeds:
        program = interrupt_programs.random_program(Random(seed), anywhere=0.3)
        scenario = Scenario(
            f"random/interrupts:{seed}",
            program.build,
            outcome=lambda world: repr(interrupt_programs.outcome(world)),
        )
        expected = explore(scenario, Options(executions=300, events=False))
        if not expected.complete:
            continue
        count += 1
        result = run(scenario, seed=seed, executions=100)
        assert kinds(result) <= kinds(expected), seed
        assert set(result.outcomes) <= set(expected.outcomes), seed
        assert expected.deadlocked or not result.deadlocked, seed
        for finding in result.findings:
            check_replays(scenario, finding)
        same += ends(result) == ends(expected) and kinds(result) == kinds(expected)
    return count, same


def test_interrupts_come_on_trio_as_in_the_machine() -> None:
    assert interrupts_compared(range(4, 8)) == (4, 4)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(1, 5))
def test_more_interrupts_come_on_trio_as_in_the_machine(chunk: int) -> None:
    count, same = interrupts_compared(range(50 * chunk, 50 * chunk + 50))
    assert count >= 30
    assert same >= 0.8 * count


SOME = (
    "eventfs/v3:open_vs_lookup",
    "eventfs/v3:open_vs_remove",
    "eventfs/v3:lookup_vs_remove",
    "eventfs/v4:open_vs_read",
    "eventfs/v4:lookup_vs_create",
    "eventfs/linux_6_6:close_vs_remove",
    "eventfs/linux_6_6:open_vs_prune",
)
DESIGNS = ("eventfs/v3", "eventfs/v4", "eventfs/linux_6_6")


def check_scenario(scenario: Scenario, expected: Result, executions: int) -> None:
    assert expected.complete
    result = run(scenario, executions=executions)
    assert result.verdict is (Verdict.VIOLATED if result.findings else Verdict.STOPPED)
    assert kinds(result) <= kinds(expected), scenario.name
    assert set(result.outcomes) <= set(expected.outcomes), scenario.name
    assert expected.deadlocked or not result.deadlocked, scenario.name
    for finding in result.findings:
        check_replays(scenario, finding)


@pytest.mark.parametrize("name", SOME)
def test_a_design_breaks_on_trio_only_as_it_can(project: Project, name: str) -> None:
    scenario = project.scenario(name)
    check_scenario(scenario, explore(scenario, Options(events=False)), executions=20)


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_a_whole_design_breaks_on_trio_only_as_it_can(project: Project, design: str) -> None:
    done = 0
    for scenario in project.select([design]):
        expected = explore(scenario, Options(executions=400, events=False))
        if expected.complete:
            done += 1
            check_scenario(scenario, expected, executions=20)
    assert done >= 40


def test_the_bug_of_the_mail_thread_is_found(project: Project) -> None:
    # eventfs as first sent: dcache_dir_open_wrapper() takes i_rwsem under eventfs_rwsem, a lookup
    # takes them the other way round; and who lists and who looks up both make the dentry
    result = run(project.scenario("eventfs/v3:open_vs_lookup"), seed=1, executions=40)
    assert "possible circular locking dependency" in kinds(result)


def test_all_that_a_small_scenario_breaks_is_found(project: Project) -> None:
    scenario = project.scenario("eventfs/v3:open_vs_remove")
    result = run(scenario, executions=150)
    assert kinds(result) == kinds(explore(scenario, Options(events=False)))


class Toss(Operation):
    """An operation with three outcomes."""

    __slots__ = ()

    chooses = True

    def options(self) -> int:
        return 3

    def run(self, task: Task, touched: list[int]) -> int:
        return task.world.choice


def test_each_outcome_of_a_step_is_drawn() -> None:
    def build(world: World) -> None:
        async def toss() -> object:
            return await Toss()

        world.spawn(toss(), "toss")

    scenario = Scenario("test/toss:one", build, outcome=lambda world: str(world.tasks[0].result))
    outcomes = run(scenario, executions=300).outcomes
    assert set(outcomes) == set(explore(scenario).outcomes) == {"0", "1", "2"}
    assert min(outcomes.values()) > 60


def test_a_finding_is_shrunk_if_that_is_asked_for(project: Project) -> None:
    scenario = project.scenario("eventfs/v3:open_vs_remove")
    found = run(scenario, executions=40)
    shrunk = run(scenario, executions=40, attempts=30)
    assert kinds(found) == kinds(shrunk)
    turns = {finding.kind: switches(t for t, _ in finding.schedule) for finding in found.findings}
    oopses = [finding for finding in shrunk.findings if finding.fatal]
    assert oopses
    for finding in oopses:
        assert 0 <= finding.preemptions <= turns[finding.kind]
        check_replays(scenario, finding)


@pytest.mark.parametrize("memory", ["tso", "pso"])
def test_stores_are_late_on_trio_too(memory: str) -> None:
    def build(world: World) -> None:
        x, y = Variable(world, 0, "x"), Variable(world, 0, "y")

        async def side(mine: Variable, other: Variable) -> object:
            await WRITE_ONCE(mine, 1)
            return await READ_ONCE(other)

        world.spawn(side(x, y), "one")
        world.spawn(side(y, x), "two")

    def outcome(world: World) -> str:
        return str([task.result for task in world.tasks[:2]])

    plain = replace(Scenario("test/litmus:sb", build), outcome=outcome)
    late = plain.with_parameters({"memory": memory})
    assert "[0, 0]" not in run(plain, executions=200).outcomes
    result = run(late, executions=200)
    assert set(result.outcomes) == set(explore(late).outcomes) >= {"[0, 0]"}
