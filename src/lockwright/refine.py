"""A finding made fit to be read: the shortest schedule, and the nearest run that passes."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.nearest import Nearest
from lockwright.core.race import RaceReport
from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.explore.attempt import Finish, Key
from lockwright.explore.livelock import LASTING
from lockwright.explore.nearest import nearest_pass
from lockwright.explore.run import MakeWorld, Run
from lockwright.explore.shrink import shrink
from lockwright.judge import Judge, merged
from lockwright.scenario import Scenario


class Refinery:
    """Tries executions of one scenario, each under rules that have seen no other."""

    def __init__(self, scenario: Scenario, rules: Sequence[str]) -> None:
        self.scenario = scenario
        self.rules = rules

    def shrunk(self, finding: Finding, budget: int) -> Finding:
        """The finding as the shortest schedule shows it; the same if no single execution does."""
        if finding.kind in LASTING:
            return finding
        found = shrink(
            self._fresh, _key(finding), finding.schedule, budget, ordered=_ordered(finding)
        )
        best = found.finding
        if best is None:
            return finding
        best.executions = finding.executions
        best.schedule = found.schedule
        best.preemptions = found.preemptions
        best.minimal = found.minimal
        return best

    def nearest(self, finding: Finding, budget: int) -> Nearest | None:
        """The run that passes beside the finding's schedule, if one execution shows the finding."""
        if finding.kind in LASTING:
            return None
        return nearest_pass(
            self._fresh, _key(finding), finding.schedule, budget, ordered=_ordered(finding)
        )

    def _fresh(self) -> tuple[MakeWorld, Finish]:
        scenario = self.scenario
        nothing = Result(scenario.name, scenario.title, {}, "replay")
        judge = Judge(scenario, self.rules, nothing)

        def make(names: Names) -> World:
            world = World(names)
            judge.begin(world)
            scenario.set_up(world)
            return world

        def finish(run: Run) -> Sequence[Finding]:
            if not run.world.enabled():
                run.world.acc = []  # what the rules read belongs to no step
                judge.finish(run.world)
            return [*merged(run.world.findings), *judge.races_of(run)]

        return make, finish


def _key(finding: Finding) -> Key:
    return finding.kind, finding.signature


def _ordered(finding: Finding) -> bool:
    """The lock validator learns from acquires in their order, whatever they lock."""
    return finding.report is not None and not isinstance(finding.report, RaceReport)
