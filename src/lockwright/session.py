"""One exploration from end to end: scenario, rules, search, findings, verdict.

`explore` is the one entry point; the command line and the tests call it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from lockwright.check.deadlock import Deadlock
from lockwright.check.held import HeldLocks
from lockwright.check.leak import Leak
from lockwright.check.promises import Promises
from lockwright.check.rule import Rule
from lockwright.check.sections import Sections
from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.core.event import Event, value_text
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.result import Progress, Result, Verdict
from lockwright.core.schedule import Choice, schedule_text, switches
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.record import Record, record
from lockwright.explore.rehearsal import rehearse
from lockwright.explore.run import MakeWorld, Run
from lockwright.lockorder import LockOrder
from lockwright.report.columns import counted
from lockwright.report.findings import PROOF
from lockwright.report.place import place_of
from lockwright.scenario import Scenario
from lockwright.schedule.pct import Pct
from lockwright.schedule.random_walk import RandomWalk
from lockwright.token import Token

STRATEGIES = ("dpor", "dfs", "random", "pct")
EXHAUSTIVE = ("dpor", "dfs")
RULES = ("deadlock", "lock-order", "sections", "leak", "promises")
BAD_UNLOCK = "bad unlock balance"


@dataclass(frozen=True, slots=True)
class Options:
    """How to explore.  `executions` and `seconds` bound the search; None means no bound, which a
    random strategy does not accept for executions."""

    strategy: str = "dpor"
    seed: int = 0
    executions: int | None = None
    seconds: float | None = None
    rules: tuple[str, ...] = RULES
    depth: int = 3
    version: str = ""
    events: bool = True


OnProgress = Callable[[Progress], None]


def explore(
    scenario: Scenario, options: Options | None = None, progress: OnProgress | None = None
) -> Result:
    """Explore a scenario and judge it.

    Raises UsageError for an unknown strategy or rule, NondeterminismError and ModelError for a
    model that cannot be judged.
    """
    return Session(scenario, options or Options()).explore(progress)


class Session:
    """One scenario with its rules.  Invariant: `findings` is in the order of first sight.

    `world` is the one that is running, None while it is set up; `run` is the last that ended.
    """

    def __init__(self, scenario: Scenario, options: Options) -> None:
        for name in options.rules:
            if name not in RULES:
                raise UsageError(f"unknown rule {name!r}; there are: {', '.join(RULES)}")
        self.scenario = scenario
        self.options = options
        self.held = HeldLocks()
        self.order = LockOrder(scenario.release)
        made: dict[str, Rule] = {
            "deadlock": Deadlock(self.held),
            "lock-order": self.order,
            "sections": Sections(),
            "leak": Leak(),
            "promises": Promises(scenario.at_end),
        }
        self.rules = [self.held, *(made[name] for name in RULES if name in options.rules)]
        self.findings: dict[tuple[str, str], Finding] = {}
        self.world: World | None = None
        self.run: Run | None = None
        self.result = Result(
            scenario.name,
            scenario.title,
            dict(scenario.parameters),
            options.strategy,
            model_version=options.version,
        )

    def make(self, names: Names) -> World:
        """A fresh world with all listeners, ready to run."""
        self.world = None
        world = World(names)
        for rule in self.rules:
            rule.begin(world)
        self.scenario.set_up(world)
        self.world = world
        return world

    def _bare(self, names: Names) -> World:
        """A fresh world that no rule listens to."""
        world = World(names)
        self.scenario.set_up(world)
        return world

    def explore(self, progress: OnProgress | None = None) -> Result:
        """Run the search to its end or its bound.  Raises UsageError for a scenario whose functions
        cannot be called."""
        check_functions(self.scenario)
        result, options = self.result, self.options
        deadline = None if options.seconds is None else monotonic() + options.seconds
        complete = options.strategy in EXHAUSTIVE
        for run in search(self.make, options):
            # one more than allowed tells that there was more to explore
            if result.executions == options.executions:
                complete = False
                break
            self._judge(run)
            if result.executions == 1:
                rehearse(self._bare, run.schedule, run.touched)
            if progress is not None:
                progress(Progress(result.executions, result.steps, len(self.findings)))
            if deadline is not None and monotonic() >= deadline:
                complete = False
                break
        result.complete = complete
        self._conclude()
        return result

    def interrupted(self) -> Result:
        """What was found so far, when `explore` was left by an exception."""
        self.result.complete = False
        self._conclude()
        return self.result

    def _judge(self, run: Run) -> None:
        self.run = run
        result, world = self.result, run.world
        world.acc = []  # what the rules read belongs to no step
        result.executions += 1
        result.steps += len(run.schedule)
        result.steps_longest = max(result.steps_longest, len(run.schedule))
        if run.sleeping:
            result.sleep_set_blocked += 1
            world.close()
            return
        if world.blocked():
            result.deadlocked += 1
        elif self.scenario.outcome is not None and not world.oopsed:
            outcome = self.scenario.outcome(world)
            result.outcomes[outcome] = result.outcomes.get(outcome, 0) + 1
        for rule in self.rules:
            rule.finish(world)
        for first, second, location in () if world.oopsed else run.plain_races:
            _report_race(world, run, (first, second), world.names.fields[location])
        for finding in merged(world.findings):
            self._keep(finding, run.schedule)
        world.close()

    def _keep(self, finding: Finding, schedule: Sequence[Choice]) -> None:
        """Keep the finding with the fewest switches between tasks, then the fewest steps."""
        key = (finding.kind, finding.signature)
        known = self.findings.get(key)
        if known is None:
            finding.schedule = tuple(schedule)
            self.findings[key] = finding
            return
        known.executions += 1
        if _cost(schedule) < _cost(known.schedule):
            finding.executions = known.executions
            finding.report = finding.report or known.report  # the validator gives each one once
            finding.schedule = tuple(schedule)
            self.findings[key] = finding

    def _conclude(self) -> None:
        result = self.result
        result.findings = list(self.findings.values())
        result.lock_graph = self.order.graph()
        if self.options.strategy not in EXHAUSTIVE:
            result.seed = self.options.seed
        if result.findings:
            result.verdict = Verdict.VIOLATED
        elif result.complete:
            result.verdict = Verdict.VERIFIED
        else:
            result.verdict = Verdict.STOPPED
        result.assumptions = _assumptions(result)
        for finding in result.findings:
            self._explain(finding)
        settle(result)

    def _explain(self, finding: Finding) -> None:
        """Replay the finding to get its interleaving, and print its report."""
        if self.options.events:
            finding.events = tuple(self._events_of(finding))
        finding.token = str(self.token(finding.schedule))
        finding.text = self.order.text(finding)

    def token(self, schedule: Sequence[Choice]) -> Token:
        """The token that replays a schedule of this scenario."""
        parameters = tuple((k, value_text(v)) for k, v in self.scenario.parameters.items())
        return Token(self.scenario.name, parameters, self.options.version, tuple(schedule))

    def replay(self, schedule: Sequence[Choice]) -> list[Event]:
        """The events of one execution along a schedule.  Raises UsageError if it does not fit."""
        done = record(self._plain, schedule)
        if done.misfit:
            raise UsageError(done.misfit)
        return done.events

    def run_once(self, schedule: Sequence[Choice]) -> tuple[Record, list[Finding]]:
        """One execution along a schedule under the rules, and what it breaks."""
        check_functions(self.scenario)
        done = record(self.make, schedule, self._finish)
        findings = merged(done.world.findings) if done.world is not None else []
        for finding in findings:
            finding.schedule = tuple(schedule)
            finding.token = str(self.token(schedule))
            finding.text = self.order.text(finding)
            finding.events = tuple(done.events)
        return done, findings

    def _finish(self, world: World) -> None:
        for rule in self.rules:
            rule.finish(world)

    def _plain(self, names: Names) -> World:
        """A fresh world that no rule listens to."""
        self.world = None
        world = World(names)
        self.scenario.set_up(world)
        self.world = world
        return world

    def _events_of(self, finding: Finding) -> list[Event]:
        """The events that led to a finding.  Raises NondeterminismError if they do not again."""
        schedule = finding.schedule
        done = record(self._plain, schedule)
        if done.world is not None and done.world.steps > len(schedule):
            taken = done.world.steps
            done.misfit = f"it has {counted(len(schedule), 'step')}, and {taken} were taken"
        if done.misfit:
            raise NondeterminismError(
                f"the model is not deterministic: schedule {schedule_text(schedule)} gave "
                f"{finding.kind}, and cannot be followed again: {done.misfit}"
            )
        return done.events


def search(make: MakeWorld, options: Options) -> Iterator[Run]:
    """The runs of a strategy.  Raises UsageError for an unknown one or a missing bound."""
    strategy = options.strategy
    if strategy == "dpor":
        return iter(Dpor(make))
    if strategy == "dfs":
        return plain_search(make)
    if strategy not in STRATEGIES:
        raise UsageError(f"unknown strategy {strategy!r}; there are: {', '.join(STRATEGIES)}")
    if options.executions is None:
        raise UsageError(f"strategy {strategy} never ends by itself: say how many executions")
    if strategy == "random":
        return guided_search(make, RandomWalk(options.seed, options.executions))
    return guided_search(make, Pct(options.seed, options.executions, depth=options.depth))


def settle(result: Result) -> None:
    """Say of each predicted deadlock whether some schedule of the scenario really deadlocks.

    A lock-order cycle is confirmed by a deadlock in which each of its classes is held by one
    blocked task and waited for by another; refuted if every trace was explored without one.
    """
    deadlocks = [finding for finding in result.findings if finding.kind == "deadlock"]
    for finding in result.findings:
        if finding.report is None or not finding.classes:
            continue
        wanted = set(finding.classes)
        proof = next((found for found in deadlocks if wanted <= set(found.classes)), None)
        if proof is not None:
            finding.reality = "confirmed"
            finding.because = f"it happens: {proof.message}{PROOF}{proof.token}"
        elif result.complete:
            finding.reality = "refuted"
            traces = f"none of its {result.executions} traces deadlocks"
            if result.executions == 1:
                traces = "its one trace does not deadlock"
            finding.because = f"within this scenario: {traces} on it"
        else:
            finding.reality = "open"
            finding.because = (
                f"{counted(result.executions, 'execution')} did not deadlock on it, and not all "
                "were explored"
            )


def check_functions(scenario: Scenario) -> None:
    """Raise UsageError if one of the scenario's functions cannot be called as it will be."""
    build = scenario.build
    if inspect.iscoroutinefunction(build):
        raise UsageError(f"{_described('function', build)} is async: it is called, not awaited")
    _check_call("function", build, "the world and its parameters by name", scenario.parameters)
    if not isinstance(scenario.at_end, (tuple, list)):
        raise UsageError(f"at_end is a tuple of functions, not a {type(scenario.at_end).__name__}")
    for check in scenario.at_end:
        _check_call("check at the end", check, "the world", {})
    if scenario.outcome is not None:
        _check_call("outcome", scenario.outcome, "the world", {})


def _check_call(
    what: str, function: Callable[..., object], given: str, named: Mapping[str, object]
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # not callable, or not Python's: calling it will tell
        return
    try:
        signature.bind(None, **named)
    except TypeError as error:
        raise UsageError(
            f"{_described(what, function)} cannot be called with {given}: {error}"
        ) from None


def _described(what: str, function: Callable[..., object]) -> str:
    name = getattr(function, "__qualname__", type(function).__name__)
    place = place_of(function)
    return f"its {what} {name}()" + (f" ({place})" if place else "")


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


def _report_race(world: World, run: Run, steps: tuple[int, int], field_name: str) -> None:
    """A conflict of plain accesses that nothing orders.

    Only operations are scheduling points, so an exploration with such a race may have missed
    something, and must not pass.
    """
    first, second = (world.tasks[run.schedule[step][0]] for step in steps)
    world.report(
        Finding(
            "data race",
            f"{field_name}: plain accesses of {first.comm} and {second.comm} with nothing to order "
            "them; take a lock, or mark them READ_ONCE() and WRITE_ONCE()",
            f"{field_name} between {' and '.join(sorted((first.comm, second.comm)))}",
            second.index,
            second.comm,
            lines=(f"after step {steps[0]} of {first.comm} and step {steps[1]} of {second.comm}",),
            fatal=False,
            step=steps[1],
        )
    )


def _assumptions(result: Result) -> list[str]:
    said = [
        "the scenario's tasks and objects, no others",
        "sequential consistency: no store is delayed",
        "plain accesses of a field do not race; only operations are scheduling points",
    ]
    if not result.complete:
        said.insert(0, f"{counted(result.executions, 'execution')}, not all interleavings")
    return said


def _cost(schedule: Sequence[Choice]) -> tuple[int, int]:
    return switches(task for task, _ in schedule), len(schedule)
