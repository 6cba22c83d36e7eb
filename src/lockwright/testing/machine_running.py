"""Runs the examples of a concurrent machine, and says what one of them breaks.

For each example several schedules are tried: the one that was drawn; random ones; and if few calls
are made at the same time, those with the fewest preemptions, in order.  All that depends on the
example and the profile alone, so that an example fails again whenever it is run again, and for a
small program it does not depend on luck: while Hypothesis makes a failing program smaller, that
search tells it which of the smaller ones still fail.

Each execution is judged by rules that have seen no other, so that one schedule shows what is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import note, target

from lockwright.calls import Program, comms, is_program, parse_program
from lockwright.core.errors import LockwrightError, ModelError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import schedule_text
from lockwright.covering import Covering
from lockwright.options import Options
from lockwright.project import Project, load_project
from lockwright.refine import Refinery
from lockwright.scenario import Scenario
from lockwright.schedule.pct import Pct
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from lockwright.session import Session
from lockwright.testing.failure import REPLAY, Failure, failure
from lockwright.testing.machine_drawing import Example, program_text
from lockwright.testing.profiles import Profile
from lockwright.testing.schedules import Detours, Ran, Trials
from lockwright.token import parse_token

if TYPE_CHECKING:
    from lockwright.testing.machine import ConcurrentStateMachine

Known = dict[str, Finding | None]
"""What the search for few preemptions came to, by the scenario's name."""
SMALL = 4
"""The search for few preemptions is made for programs whose tasks have at most so many calls."""
SYSTEMATIC = 32
"""It has so many executions for each schedule of the profile."""
ATTEMPTS = 1_000
"""So many executions go into a shorter schedule for what is shown in the end."""
PYTEST_REPLAY = "pytest --lockwright-replay"
"""What replays a machine that is no part of the project."""


class Broken(Failure):
    """A concurrent machine broke a rule; there is a subclass for each kind of finding, so that
    Hypothesis tells them apart.

    `replay` is the command that takes its token.
    """

    replay = ""


@cache
def broken(kind: str) -> type[Broken]:
    """The exception for one kind of findings."""
    name = "".join(word.capitalize() for word in kind.replace("-", " ").split())
    return type(name, (Broken,), {"__module__": __name__, "__doc__": f"What is found: {kind}."})


def run_example(
    machine: type[ConcurrentStateMachine],
    example: Example,
    profile: Profile,
    known: Known,
    *,
    final: bool,
) -> None:
    """Raise `Broken` if a schedule of the example breaks a rule.

    `known` is kept for the other examples of the machine.  `final` tells that this is what people
    see: the schedule is shrunk, and all is said about it.
    """
    __tracebackhide__ = True
    trial = _Trial.of(machine, example, example.places())
    if trial is None:
        return
    try:
        finding = trial.search(profile, known)
        if (covering := trial.trials.covering) is not None:
            target(covering.coverage.score(), label="coverage")
    except ModelError:
        alone = _Trial.of(machine, example, example.sequential())
        finding = None if trial.trials.ready or alone is None else alone.search(profile, known)
        if finding is None and machine.only is not None and not trial.trials.ready:
            return  # what a call before the tasks breaks is not looked for
        if alone is None or finding is None:
            trial.tell(final=final)
            raise
        trial = alone  # a call before the tasks breaks a rule by itself
    except Exception as error:
        trial.tell(final=final)
        if final:
            error.add_note(trial.so_far())
        raise
    if finding is not None:
        trial.tell(final=final)
        if not final:
            raise broken(finding.kind)(finding.message)
        raise told(machine, trial.scenario, finding)


class _Trial:
    """A program of an example, and its schedules."""

    def __init__(
        self, machine: type[ConcurrentStateMachine], program: Program, example: Example
    ) -> None:
        self.scenario = machine.calls.scenario(program).with_parameters(machine.given)
        self.only = machine.only
        self.trials = Trials(self.scenario, machine.checks)
        self.trials.covering = Covering() if machine.steered else None
        self.program = program
        self.example = example
        self.text = ""

    @classmethod
    def of(
        cls, machine: type[ConcurrentStateMachine], example: Example, places: list[list[int]]
    ) -> _Trial | None:
        """With the calls at these places; None if there are none."""
        program = example.program(places)
        if program is None:
            return None
        made = cls(machine, program, example)
        made.text = program_text(example, places, comms(program))
        return made

    def tell(self, *, final: bool) -> None:
        """Print the program with the failure."""
        if final:
            note(self.text)

    def so_far(self) -> str:
        """Which execution it was in which the model failed."""
        run = self.trials.run
        schedule = schedule_text(run.schedule) if run is not None else ""
        return f"lockwright: in {self.scenario.name}, after the schedule {schedule or '(none)'}"

    def search(self, profile: Profile, known: Known) -> Finding | None:
        """What the first schedule that breaks a rule breaks."""
        drawn = Detours(self.example.schedule)
        ran = self.trials.under(drawn)
        for each in chain([ran], self._random(profile, len(ran.schedule)) if drawn.places else ()):
            if found := self.wanted(each):
                return first(found)
        if not drawn.places or sum(map(len, self.program.tasks)) > SMALL:
            return None
        if self.scenario.name not in known or self.trials.covering is not None:
            known[self.scenario.name] = self._systematic(SYSTEMATIC * profile.schedules)
        return known[self.scenario.name]

    def _random(self, profile: Profile, steps: int) -> Iterator[Ran]:
        """Executions of random strategies; one that is drawn has so many steps."""
        seed = self.example.seed
        for nth in range(profile.schedules - 1):
            kind, number = nth % 3, nth // 3
            if kind == 0:
                yield self.trials.under(Pos(seed, 1, first=number))
            elif kind == 1:
                yield self.trials.under(Pct(seed, 1, first=number, horizon=steps))
            else:
                yield self.trials.under(RandomWalk(seed, 1, first=number))

    def _systematic(self, count: int) -> Finding | None:
        """What breaks in those of the fewest preemptions, which depend on the program alone."""
        for ran in self.trials.systematic(count):
            if found := self.wanted(ran):
                return first(found)
        return None

    def wanted(self, ran: Ran) -> list[Finding]:
        """What an execution broke, and is looked for."""
        return ran.findings if self.only is None else [*filter(self.only, ran.findings)]


def first(findings: list[Finding]) -> Finding:
    """The one that an execution is said to break: the one a task died of, or came to rest by."""
    return next((finding for finding in findings if finding.fatal), findings[0])


def told(machine: type[ConcurrentStateMachine], scenario: Scenario, finding: Finding) -> Broken:
    """The failure as people see it: report, columns, and the line that replays it."""
    project = _project()
    version = project.version if project is not None else ""
    shrunk = Refinery(scenario, machine.checks).shrunk(finding, ATTEMPTS)
    session = Session(scenario, Options(rules=machine.checks, version=version))
    _, findings = session.run_once(shrunk.schedule)
    key = (finding.kind, finding.signature)
    shown = next((each for each in findings if (each.kind, each.signature) == key), shrunk)
    shown.preemptions, shown.minimal = shrunk.preemptions, shrunk.minimal
    if not replayable(scenario):
        shown.token = ""
    return _failed(machine, scenario, shown, version)


def replay_token(machine: type[ConcurrentStateMachine], text: str) -> None:
    """Run what a token says; see `ConcurrentStateMachine.replay`."""
    __tracebackhide__ = True
    token = parse_token(text)
    calls, design = machine.calls, token.scenario.partition(":")[0]
    if design != calls.design:
        raise UsageError(f"a token of {design}: expected one of {calls.design}")
    scenario = calls.scenario(token.scenario.partition(":")[2])
    scenario = scenario.with_parameters(dict(token.parameters))
    session = Session(scenario, Options(rules=machine.checks, version=token.version))
    record, findings = session.run_once(token.schedule, token.marks)
    if record.misfit:
        raise UsageError("\n".join(filter(None, (record.misfit, record.difference))))
    if findings:
        raise _failed(machine, scenario, first(findings), token.version)


def _failed(
    machine: type[ConcurrentStateMachine], scenario: Scenario, finding: Finding, version: str
) -> Broken:
    project = _project()
    ours = project is not None and project.calls.get(machine.calls.design) is machine.calls
    result = Result(
        scenario.name, scenario.title, dict(scenario.parameters), "hypothesis", Verdict.VIOLATED,
        executions=1, findings=[finding], model_version=version,
    )  # fmt: skip
    replay = REPLAY if ours else PYTEST_REPLAY
    said = failure(result, [finding], replay=replay)
    error = broken(finding.kind)(said.text, said.summary, result=result, findings=[finding])
    error.replay = replay
    return error


def replayable(scenario: Scenario) -> bool:
    """Can its name, and so a token, say all arguments of its calls?"""
    try:
        return is_program(scenario.case) and str(parse_program(scenario.case)) == scenario.case
    except LockwrightError:
        return False


def _project() -> Project | None:
    """The one that tests run in, if they run in one."""
    return _project_at(Path.cwd())


@cache
def _project_at(root: Path) -> Project | None:
    try:
        return load_project(root)
    except LockwrightError:
        return None
