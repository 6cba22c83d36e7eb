"""One exploration from end to end: scenario, rules, search, findings, verdict.

`explore` is the one entry point; the command line and the tests call it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic

from lockwright.check.datarace import look_again
from lockwright.check.deadlock import FOR_EVER
from lockwright.check.lostwakeup import Chronicle
from lockwright.check.reclaimed import Reclaimed
from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.core.event import Event, value_text
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.prediction import CONFIRMED
from lockwright.core.race import RaceReport
from lockwright.core.result import Progress, Result
from lockwright.core.schedule import Choice, schedule_text
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.lasso import LIVENESS, lasso_at
from lockwright.explore.record import Record, record
from lockwright.explore.rehearsal import rehearse
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import Run
from lockwright.filming import Film
from lockwright.judge import Judge, merged
from lockwright.kernel.storebuffer import SC
from lockwright.options import GRANULARITIES, OPERATION, RULES, Options, check_options
from lockwright.parallel import Crew, check_jobs, explore_batches, explore_ranges
from lockwright.refine import Refinery
from lockwright.report.columns import counted
from lockwright.scenario import Scenario
from lockwright.schedule.replay import Replay
from lockwright.searches import (
    EXHAUSTIVE,
    STRATEGIES,
    Sampling,
    Search,
    State,
    Worlds,
    describe,
    estimate_of,
    search,
)
from lockwright.settle import assumptions, is_predicted, missing, settle, settle_again, verdict
from lockwright.signatures import check_functions
from lockwright.token import Token

__all__ = [
    "EXHAUSTIVE",
    "GRANULARITIES",
    "RULES",
    "STRATEGIES",
    "Options",
    "Session",
    "explore",
    "search",
    "settle",
]

OnProgress = Callable[[Progress], None]

AGAIN = 10_000
"""At most so many executions with interrupts coming anywhere or memory being short, for what is
predicted of that."""
NEAREST = 4
"""One part in so many of the attempts at a finding is spent on the run that passes beside it."""


def explore(
    scenario: Scenario, options: Options | None = None, progress: OnProgress | None = None
) -> Result:
    """Explore a scenario and judge it.

    Raises UsageError for an unknown strategy or rule, NondeterminismError and ModelError for a
    model that cannot be judged.
    """
    return Session(scenario, options or Options()).explore(progress)


class Session:
    """One scenario with its rules and its search.

    `world` is the one that is running, None while it is set up; `run` is the last that ended.
    Invariant: while `settled`, the search rests, and all runs that it gave were judged, so that
    what there is to save (`checkpoint.py`) is whole; `ahead` counts those that it gave and nobody
    will judge.
    """

    def __init__(self, scenario: Scenario, options: Options) -> None:
        check_options(options)
        check_jobs(options)
        if scenario.memory != SC:
            # while a store is delayed, a section is not over where its unlock stands
            options = replace(options, granularity=OPERATION)
        self.scenario = scenario
        self.options = options
        self.result = Result(
            scenario.name,
            scenario.title,
            dict(scenario.parameters),
            options.strategy,
            model_version=options.version,
        )
        self.judge = Judge(scenario, options.rules, self.result, coverage=options.coverage)
        self.world: World | None = None
        self.run: Run | None = None
        self.search: Search | None = None
        self.refined: dict[tuple[str, str], Finding] = {}
        self.settled = True
        self.ahead = 0

    def make(self, names: Names) -> World:
        """A fresh world with all listeners, ready to run."""
        return self._made(self.judge.world(names), self.judge.begin)

    def _plain(self, names: Names) -> World:
        """A fresh world that no rule listens to."""
        return self._made(World(names))

    def _made(self, world: World, listen: Callable[[World], None] | None = None) -> World:
        self.world = None
        if listen is not None:
            listen(world)
        self.scenario.set_up(world)
        self.world = world
        return world

    def _bare(self, names: Names) -> World:
        """The same, but not the world that is asked about when the model fails."""
        world = World(names)
        self.scenario.set_up(world)
        return world

    def begin(self, state: State | None = None) -> None:
        """Make the search, with a state one that goes on there.  Raises what `search` does, and
        UsageError for a scenario whose functions cannot be called."""
        check_functions(self.scenario)
        worlds = Worlds(self.make, self._bare, self.judge.begin_again)
        self.search = search(worlds, self.options, state)

    def explore(self, progress: OnProgress | None = None) -> Result:
        """Run the search to its end or its bound, and judge it; `progress` as `advance` has it."""
        self.advance(progress)
        return self.conclude()

    def advance(self, progress: OnProgress | None = None) -> bool:
        """Run the search on to its end or its bound: did it come to its end?

        `progress` is told after each execution.  Whatever that raises ends the search between two
        executions, and it can be gone on with.
        """
        if self.search is None:
            self.begin()
        ended = self._explore(progress)
        self.result.exhausted = ended and self.options.strategy in EXHAUSTIVE
        return ended

    def conclude(self) -> Result:
        """What there is to say of the executions so far, the findings' schedules refined."""
        self._refine()
        result = self._concluded()
        if "deadlock" in self.options.rules:
            self._interrupt()
        return result

    def _interrupt(self) -> None:
        """Deadlocks by way of an interrupt or of reclaim that are predicted, and did not happen:
        explore again, with interrupts coming anywhere, or memory being short."""
        scenario, options = self.scenario, self.options
        left: dict[tuple[tuple[str, str], ...], list[Finding]] = {}
        for finding in self.result.findings:
            lacking = missing(finding, scenario.parameters, self.result.lock_graph)
            if lacking and is_predicted(finding) and finding.reality != CONFIRMED:
                left.setdefault(tuple(lacking.items()), []).append(finding)
        for given, findings in left.items():
            session = Session(
                scenario.with_parameters(dict(given)),
                Options(
                    executions=min(options.executions or AGAIN, AGAIN),
                    seconds=options.seconds,
                    rules=("deadlock",),
                    version=options.version,
                    granularity=options.granularity,
                ),
            )
            reclaimed = Reclaimed()
            session.judge.listen(reclaimed)
            settle_again(findings, session.explore(), reclaimed.classes)

    def _refine(self) -> None:
        """Shrink the findings' schedules, and lay the nearest runs that pass beside them."""
        attempts = self.options.attempts
        refinery = Refinery(self.scenario, self.options.rules)
        for key, finding in self.judge.all_findings().items() if attempts else ():
            found = refinery.shrunk(finding, attempts)
            found.nearest = refinery.nearest(found, max(attempts // NEAREST, 1))
            self.refined[key] = found

    def _explore(self, progress: OnProgress | None) -> bool:
        """Judge each run; False if a bound came first."""
        assert self.search is not None
        result, options, told = self.result, self.options, Progress(estimate=self.estimate)
        deadline = None if options.seconds is None else monotonic() + options.seconds
        if options.jobs > 1 and not self._explore_together(progress, told, deadline):
            return False
        self.settled = False
        for run in self.search:
            if options.executions is not None and result.executions >= options.executions:
                self.ahead = 1  # one more than allowed tells that there was more to explore
                return False
            self.run = run
            self.judge.judge(run)
            if result.executions == 1 and options.strategy != LIVENESS:  # that replays all the time
                rehearse(self._bare, run)
            self.settled = True
            if progress is not None:
                told.executions, told.steps = result.executions, result.steps
                told.findings = len(self.judge.findings)
                progress(told)
            if deadline is not None and monotonic() >= deadline:
                return False
            self.settled = False
        self.settled = True
        return True

    def _explore_together(
        self, progress: OnProgress | None, told: Progress, deadline: float | None
    ) -> bool:
        """Let several processes explore, as far as they can; False if the time ran out."""
        crew = Crew(self.scenario, self.options)
        pieces: Iterator[None] = iter(())
        if isinstance(self.search, Rounds):
            pieces = explore_batches(crew, self.search, self.make, self.judge)
        elif isinstance(self.search, Sampling):
            pieces = explore_ranges(crew, self.search, self.make, self.judge)
        try:
            (first,) = guided_search(self._bare, Replay(()))
            rehearse(self._bare, first)
        except Exception:  # whatever it is, the search that follows raises it too
            return True
        with crew:
            for _ in pieces:
                if progress is not None:
                    told.executions, told.steps = self.result.executions, self.result.steps
                    told.findings = len(self.judge.findings)
                    progress(told)
                if deadline is not None and monotonic() >= deadline:
                    return False
        return True

    def interrupted(self) -> Result:
        """What was found so far, when `explore` was left by an exception."""
        return self._concluded()

    def estimate(self) -> int | None:
        """How many executions there will be in all, if that can be told."""
        if self.search is None or not (self.settled or self.ahead):
            return None
        return estimate_of(self.search, self.result.executions + self.ahead)

    def _concluded(self) -> Result:
        result = self.result
        found = list({**self.judge.all_findings(), **self.refined}.values())
        result.lock_graph = self.judge.order.graph()
        if self.options.strategy not in EXHAUSTIVE:
            result.seed = self.options.seed
        elif not result.exhausted:
            result.estimated = self.estimate()
        if self.search is not None:
            describe(self.search, self.options, result)
        result.coverage = self.judge.covered()
        result.unshown = self.judge.unshown()
        result.complete = result.complete and not result.unshown
        # what begins with a prefix is no complete exploration
        result.findings = found if self.options.prefix else [*found, *self.judge.never()]
        result.goals = list(self.judge.goals.reached.values())
        result.verdict = verdict(result)
        result.assumptions = assumptions(result, racing=self.judge.races is not None)
        searching = getattr(self.search, "searching", self.search)
        result.assumptions[:0] = getattr(searching, "remarks", list)()
        if prefix := self.options.prefix:
            begun = counted(len(prefix), "step")
            result.assumptions.insert(0, f"only what can follow the first {begun} of the schedule")
        for finding in found:
            self._explain(finding)
        for goal in result.goals:
            goal.token = str(self.token(goal.schedule)) if goal.executions else ""
        settle(result)
        return result

    def _explain(self, finding: Finding) -> None:
        """Replay the finding to get its interleaving, and print its report."""
        nearest = finding.nearest
        if finding.kind == RaceReport.kind:
            look_again(self._bare, finding)
        if not self.options.events:
            finding.token = str(self.token(finding.schedule))
        else:
            done = self._followed(finding.kind, finding.schedule, stop=finding.preemptions >= 0)
            finding.events = tuple(done.events)
            finding.timeline = done.timeline
            finding.token = str(self.token(finding.schedule, done.marks))
            if finding.kind in FOR_EVER:
                said = self._changes(finding.schedule)
                finding.lines += tuple(line for line in said if line not in finding.lines)
        if self.options.events and nearest is not None and nearest.schedule:
            done = self._followed("no finding", nearest.schedule)
            token = str(self.token(nearest.schedule, done.marks))
            finding.nearest = replace(nearest, events=tuple(done.events), token=token)
        finding.text = self.judge.order.text(finding)

    def token(self, schedule: Sequence[Choice], marks: str = "") -> Token:
        """The token that replays a schedule of this scenario; `marks` as `record` gives them."""
        parameters = tuple((k, value_text(v)) for k, v in self.scenario.given.items())
        return Token(self.scenario.name, parameters, self.options.version, tuple(schedule), marks)

    def replay(self, schedule: Sequence[Choice]) -> list[Event]:
        """The events of one execution along a schedule.  Raises UsageError if it does not fit."""
        done = record(self._plain, schedule)
        if done.misfit:
            raise UsageError(done.misfit)
        return done.events

    def run_once(self, schedule: Sequence[Choice], marks: str = "") -> tuple[Record, list[Finding]]:
        """One execution along a schedule under the rules, and what it breaks.

        It ends with the schedule if something was broken by then.  `marks` are a token's.
        """
        check_functions(self.scenario)
        done = record(
            self.make, schedule, self.judge.finish, marks=marks, stop=self._over, film=self._film()
        )
        findings = merged(done.world.findings) if done.world is not None else []
        if done.run is not None:
            findings += self.judge.races_of(done.run)
        for finding in findings:
            finding.schedule = tuple(schedule)
            finding.token = str(self.token(schedule, done.marks))
            finding.text = self.judge.order.text(finding)
            finding.events = tuple(done.events)
            finding.timeline = done.timeline
        return done, findings

    def _film(self) -> Film:
        return Film(self.judge.order.validator.class_name)

    def _over(self, run: Run) -> bool:
        """Is the end of a token's schedule all there is to see?"""
        if run.world.findings or self.judge.races_of(run):
            return True
        lasting = lasso_at(self._bare, run.schedule)
        if lasting is not None:
            run.world.report(lasting)
        return lasting is not None

    def _changes(self, schedule: Sequence[Choice]) -> list[str]:
        """Who last changed what sleepers wait for."""
        chronicle = Chronicle()

        def make(names: Names) -> World:
            world = self._bare(names)
            chronicle.begin(world)
            return world

        record(make, schedule, chronicle.finish)
        return chronicle.said

    def _followed(self, gave: str, schedule: Sequence[Choice], *, stop: bool = False) -> Record:
        """What happened along a schedule; `stop` tells that it may end before the execution does.
        Raises NondeterminismError if it does not happen again."""
        done = record(self._plain, schedule, stop=_always if stop else None, film=self._film())
        if done.world is not None and done.world.steps > len(schedule):
            taken = done.world.steps
            done.misfit = f"it has {counted(len(schedule), 'step')}, and {taken} were taken"
        if done.misfit:
            raise NondeterminismError(
                f"the model is not deterministic: schedule {schedule_text(schedule)} gave "
                f"{gave}, and cannot be followed again: {done.misfit}"
            )
        return done


def _always(run: Run) -> bool:
    return True
