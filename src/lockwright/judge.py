"""What the rules say of each execution, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.check.datarace import DataRaces
from lockwright.check.deadlock import Deadlock
from lockwright.check.goals import Goals
from lockwright.check.held import HeldLocks
from lockwright.check.leak import Leak
from lockwright.check.linearizability import Linearizability
from lockwright.check.promises import Promises
from lockwright.check.rule import Rule
from lockwright.check.sections import Sections
from lockwright.core.coverage import Coverage
from lockwright.core.finding import Finding
from lockwright.core.location import Names, Value
from lockwright.core.result import Result
from lockwright.core.schedule import Choice, switches
from lockwright.core.world import World
from lockwright.covering import Covering
from lockwright.explore.lasso import LIVENESS, unfinished
from lockwright.explore.run import Run
from lockwright.lockdep import Report
from lockwright.lockorder import LockOrder
from lockwright.options import RULES
from lockwright.scenario import Scenario

BAD_UNLOCK = "bad unlock balance"


Lesson = tuple[tuple[Choice, ...], bool]
"""An execution that taught the lock validator something: its schedule, and whether it was judged
at its end."""


class Judge:
    """The rules of one exploration; counts its executions in `result`.

    A search that begins anew is judged anew, by rules that know of nothing.  What was found before
    is real all the same: it is kept, and counts if it is not found again.
    Invariant: `findings` is in the order of first sight.  `lessons` lists, for each beginning, the
    executions that taught the lock validator something, in order: told of these alone, another
    validator knows the same.  `learned_at` has the numbers of these executions since the last
    beginning, `seen_at` those of the executions in which each finding was first seen.  `covering`
    is there if somebody asked what is covered.
    """

    def __init__(
        self,
        scenario: Scenario,
        rules: Sequence[str],
        result: Result,
        *,
        coverage: bool = False,
    ) -> None:
        self.scenario = scenario
        self.coverage = coverage
        self.names = tuple(rules)
        self.result = result
        self.earlier: dict[tuple[str, str], Finding] = {}
        self.lessons: list[list[Lesson]] = []
        self.reports: list[Report] = []
        self.races: DataRaces | None = None
        self.findings: dict[tuple[str, str], Finding] = {}
        self.listening: list[Rule] = []
        self._begin()

    def listen(self, rule: Rule) -> None:
        """Let one more rule, which judges nothing, hear all executions of whatever beginning."""
        self.listening.append(rule)
        self.rules.append(rule)

    def _begin(self) -> None:
        scenario = self.scenario
        self.order = LockOrder(scenario.release)
        self.goals = Goals(scenario.sometimes if "goals" in self.names else ())
        held = HeldLocks()
        made: dict[str, Rule] = {
            "deadlock": Deadlock(held),
            "lock-order": self.order,
            "sections": Sections(),
            "leak": Leak(),
            "promises": Promises(scenario.at_end),
            "linearizability": Linearizability(),
            "goals": self.goals,
        }
        names = [name for name in RULES if name in self.names]
        self.rules = [held, *(made[name] for name in names if name in made), *self.listening]
        if "data-race" in self.names:
            self.races = DataRaces(self._bare)
        self.covering = Covering() if self.coverage else None
        self.findings = {}
        self.lessons.append([])
        self.learnt = 0
        self.heard = 0
        self.seen_at: dict[tuple[str, str], int] = {}
        self.learned_at: list[int] = []

    def _bare(self, names: Names) -> World:
        """A world that nobody listens to."""
        world = World(names)
        self.scenario.set_up(world)
        return world

    def begin_again(self) -> None:
        """The search begins anew."""
        # what was given up half way may have given a report, which belongs to no finding
        self.reports = [*self.reports, *self.order.validator.reports[: self.heard]]
        self.earlier = self.all_findings()
        self.result.forget()
        self._begin()

    def world(self, names: Names) -> World:
        """A fresh world for an execution that will be judged."""
        return World(names) if self.covering is None else self.covering.world(names)

    def never(self) -> list[Finding]:
        """The goals that no execution of a complete exploration reached."""
        return self.goals.never(self.result.executions) if self.result.complete else []

    def all_findings(self) -> dict[tuple[str, str], Finding]:
        """What was found, and after it what only the search before it began anew has found."""
        return {
            **self.findings,
            **{k: v for k, v in self.earlier.items() if k not in self.findings},
        }

    def all_reports(self) -> list[Report]:
        """The validator's reports, from all beginnings."""
        return [*self.reports, *self.order.validator.reports]

    def begin(self, world: World) -> None:
        """A world is about to be set up: let the rules ask for its events."""
        for rule in self.rules:
            rule.begin(world)

    def finish(self, world: World) -> None:
        """An execution has ended."""
        for rule in self.rules:
            rule.finish(world)

    def judge(self, run: Run) -> None:
        """Count an execution, and keep what it breaks."""
        result, world = self.result, run.world
        world.acc = []  # what the rules read belongs to no step
        result.executions += 1
        result.steps += len(run.schedule)
        result.steps_longest = max(result.steps_longest, len(run.schedule))
        races = self.races_of(run)
        if self.covering is not None:
            self.covering.judge(run)
        if run.sleeping:
            result.sleep_set_blocked += 1
            ended = False
        elif ended := result.strategy != LIVENESS or not unfinished(run):
            self._judge(run, races)
        else:
            self._left(run, races)
        self.learned(run.schedule, ended=ended)
        world.close()

    def learned(self, schedule: Sequence[Choice], *, ended: bool) -> None:
        """An execution was run under the rules: keep it if it taught the validator something."""
        if self.order.validator.learnt != self.learnt:
            self.learnt = self.order.validator.learnt
            self.lessons[-1].append((tuple(schedule), ended))
            self.learned_at.append(self.result.executions)
        self.heard = len(self.order.validator.reports)

    def _left(self, run: Run, races: Sequence[Finding]) -> None:
        """Of an execution that was left before its end counts what was seen on the way."""
        self.goals.finish(run.world)
        if self.goals.shorter:
            self.goals.keep(run.schedule)
        for finding in (*merged(run.world.findings), *races):
            self._keep(finding, finding.schedule or run.schedule)

    def races_of(self, run: Run) -> list[Finding]:
        """The data races of an execution; of each, also of those that are not judged further."""
        if self.races is None:
            return []
        if run.begins:
            self.races.begin_piece()
        return self.races.judge(run)

    def export_races(self) -> dict[str, Value] | None:
        """What was learnt of data races, as JSON; None if they are not judged."""
        return None if self.races is None else self.races.export()

    def export_coverage(self) -> dict[str, Value] | None:
        """What was covered, as JSON; None if nobody asked."""
        return None if self.covering is None else self.covering.export()

    def covered(self) -> Coverage | None:
        """What was covered, with the lock orders; None if nobody asked."""
        if self.covering is None:
            return None
        coverage = self.covering.coverage
        coverage.lock_orders = dict.fromkeys(self.order.edges())
        return coverage

    def unshown(self) -> list[str]:
        """The places of data races that are predicted, and that no schedule was found for."""
        return [] if self.races is None else self.races.unshown

    def _judge(self, run: Run, races: Sequence[Finding]) -> None:
        result, world = self.result, run.world
        if world.blocked():
            result.deadlocked += 1
        elif self.scenario.outcome is not None and not world.oopsed:
            outcome = self.scenario.outcome(world)
            result.outcomes[outcome] = result.outcomes.get(outcome, 0) + 1
        self.finish(world)
        if self.goals.shorter:
            self.goals.keep(run.schedule)
        for finding in (*merged(world.findings), *races):
            self._keep(finding, finding.schedule or run.schedule)

    def _keep(self, finding: Finding, schedule: Sequence[Choice]) -> None:
        """Keep the finding with the fewest switches between tasks, then the fewest steps."""
        key = (finding.kind, finding.signature)
        known = self.findings.get(key)
        if known is None:
            self.seen_at[key] = self.result.executions
            finding.schedule = tuple(schedule)
            self.findings[key] = finding
            return
        known.executions += 1
        if cost(schedule) < cost(known.schedule):
            finding.executions = known.executions
            finding.report = finding.report or known.report  # the validator gives each one once
            finding.schedule = tuple(schedule)
            self.findings[key] = finding


def merged(findings: Sequence[Finding]) -> list[Finding]:
    """An unlock of what is not held is one finding: the oops, with the validator's report."""
    left = list(findings)
    for oops in findings:
        if oops.kind != BAD_UNLOCK or not oops.fatal:
            continue
        for other in findings:
            same = (other.kind, other.task, other.step) == (oops.kind, oops.task, oops.step)
            if same and other.report is not None and not other.fatal:
                oops.report = other.report
                left.remove(other)
    return left


def cost(schedule: Sequence[Choice]) -> tuple[int, int]:
    """What makes one schedule better than another: fewer switches, then fewer steps."""
    return switches(task for task, _ in schedule), len(schedule)
