"""Explore a trio program, and replay one of its executions."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Protocol, TypeVarTuple

import trio

from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.explore.estimate import estimated
from lockwright.options import check_name
from lockwright.schedule.pct import Pct
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Misfit
from lockwright.schedule.steady import Steady
from lockwright.schedule.strategies import sampler
from lockwright.testing import profiles
from lockwright.testing.trio.every import EveryOrder
from lockwright.testing.trio.execution import CLOCKS, IDLE, Execution, Program, run
from lockwright.testing.trio.naming import name_of, version_of
from lockwright.testing.trio.recorder import ENDLESS, Recorder
from lockwright.testing.trio.shrinking import ATTEMPTS, Shrinker
from lockwright.token import Token, parse_token

Ts = TypeVarTuple("Ts")

EVERY, REPLAYED = "every", "replay"
RANDOM = (RandomWalk.name, Pct.name, Pos.name)
STRATEGIES = (*RANDOM, EVERY)
SAMPLED = 40
"""A random strategy gets one execution in so many of those that the profile allows: dev has 500."""
STEPS_MAX = 2_000
STEPS_LIMIT = 10_000
"""A schedule has at most twice as many steps, and no token more than 20,000."""
CHECKPOINT = "checkpoint"
OPTIONS = (
    "strategy", "seed", "depth", "bound", "clock", "executions", "seconds", "steps_max",
    "keep_going", "attempts",
)  # fmt: skip
"""What `check` can be told by name."""
ASSUMPTIONS = {
    "idle": "time passes only when no task can run; clock='free' lets it pass at any step",
    "free": "time passes at any step, to the next deadline",
}


class Picking(Protocol):
    """A strategy: executions, and whose step is next in each."""

    def begin(self) -> bool:
        """Is there another execution?"""
        ...

    def pick(self, enabled: list[Task]) -> Task:
        """Whose step is next?"""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far an exploration goes, and what it does with what it finds."""

    executions: int
    seconds: float
    keep_going: bool
    attempts: int


def check(
    program: Callable[[*Ts], Awaitable[object]],
    *args: *Ts,
    strategy: str = RandomWalk.name,
    seed: int = 0,
    depth: int = 3,
    bound: int | None = None,
    clock: str = IDLE,
    executions: int | None = None,
    seconds: float | None = None,
    steps_max: int = STEPS_MAX,
    keep_going: bool = False,
    attempts: int = ATTEMPTS,
) -> Result:
    """Run `program(*args)` in trio again and again, its tasks resumed in another order each time.

    `strategy` is "random", "pct" (for bugs of `depth`), "pos", or "every", which tries all orders,
    or those with at most `bound` preemptions.  With `clock` "idle" time passes when no task can
    run, with "free" it may pass at any step.  `executions` and `seconds` bound the search; what is
    not given goes by the profile (`profiles.py`).  The search ends with the first finding unless
    it is to `keep_going`; each is shrunk with at most `attempts` more executions.

    Raises UsageError for what cannot be explored, NondeterminismError for a program that does not
    do the same when its tasks go in the same order.
    """
    check_name("strategy", strategy, STRATEGIES)
    profile = profiles.current()
    share = profile.executions if strategy == EVERY else profile.executions // SAMPLED
    bounds = Bounds(
        share if executions is None else executions,
        (profile.seconds or float("inf")) if seconds is None else seconds,
        keep_going,
        attempts,
    )
    _check_bounds(bounds, bound if strategy == EVERY else None)
    if bound is not None and strategy != EVERY:
        raise UsageError(f"a bound on preemptions is for the strategy {EVERY!r}, not {strategy!r}")
    search = Search(_program(program, args, clock, steps_max), strategy, seed, bounds)
    try:
        search.go(_picking(strategy, seed, bounds.executions, depth, bound))
    except KeyboardInterrupt as interrupt:
        if search.findings:
            interrupt.add_note(search.so_far())
        raise
    return search.result


def replay(
    program: Callable[[*Ts], Awaitable[object]],
    token: str,
    *args: *Ts,
    force: bool = False,
) -> Result:
    """Run `program(*args)` once, along the schedule of a token that `check` gave.

    Raises UsageError if the token is another program's, or the program has changed since it was
    made; with `force` it is tried as long as its choices fit.
    """
    return replayed(program, args, parse_token(token), force=force)[0]


def replayed(
    program: Callable[..., Awaitable[object]],
    args: tuple[Value, ...],
    wanted: Token,
    *,
    force: bool,
) -> tuple[Result, tuple[Event, ...]]:
    """The result of one execution along a token's schedule, and its steps."""
    clock, steps_max = _parameters(wanted)
    made = _program(program, args, clock, steps_max)
    name, version = name_of(made.function), version_of(made.function)
    if wanted.scenario != name:
        raise UsageError(f"token of another program\nexpected: {name}\n     got: {wanted.scenario}")
    if wanted.version != version and not force:
        raise UsageError(
            f"token of another version of {name}: it was made with {wanted.version}, the source "
            f"here is {version}; run check again, or try force=True"
        )
    search = Search(made, REPLAYED, None, Bounds(1, float("inf"), True, 0))
    recorder = Recorder(wanted.marks)
    try:
        execution = run(made, Fixed(wanted.schedule), recorder)
    except Misfit as misfit:
        raise UsageError(
            "\n".join(filter(None, (_misfit(name, misfit), recorder.difference)))
        ) from None
    if execution.difference and not force:
        raise UsageError(f"{name}: the token does not fit: {execution.difference}")
    search.count(execution)
    for finding in execution.findings:
        search.keep(finding, execution)
    search.finish(Fixed(()))
    return search.result, tuple(execution.events)


def _misfit(name: str, misfit: Misfit) -> str:
    return (
        f"{name}: the token does not fit the program: step {misfit.step} is for task "
        f"{misfit.task}, which cannot run there"
    )


class Fixed(Steady):
    """One execution along a schedule; where it ends, the task that ran goes on."""

    def __init__(self, schedule: tuple[Choice, ...]) -> None:
        super().__init__()
        self.schedule = schedule
        self.at = -1

    def pick(self, enabled: list[Task]) -> Task:
        self.at += 1
        if self.at >= len(self.schedule):
            return super().pick(enabled)
        self.last = wanted = self.schedule[self.at][0]
        for task in enabled:
            if task.index == wanted:
                return task
        raise Misfit(self.at, wanted)


class Search:
    """One exploration.  Invariant: `findings` has the cheapest execution of each finding so far."""

    def __init__(self, program: Program, strategy: str, seed: int | None, bounds: Bounds) -> None:
        self.program = program
        self.bounds = bounds
        self.findings: dict[tuple[str, str], tuple[Finding, Execution]] = {}
        self.cut = False
        self.exhausted = False
        self.result = Result(
            name_of(program.function),
            (inspect.getdoc(program.function) or "").partition("\n")[0],
            _differing(program),
            strategy,
            granularity=CHECKPOINT,
            seed=seed if strategy in RANDOM else None,
            model_version=version_of(program.function),
        )
        self.result.assumptions = [ASSUMPTIONS[program.clock]]

    def go(self, picking: Picking) -> None:
        """All executions that the bounds allow."""
        until = monotonic() + self.bounds.seconds
        while self.result.executions < self.bounds.executions and monotonic() < until:
            if not picking.begin():
                self.exhausted = True
                break
            execution = run(self.program, picking)
            self.count(execution)
            if execution.failed:
                self._told(execution)
                if not self.bounds.keep_going:
                    break
        self.finish(picking)

    def count(self, execution: Execution) -> None:
        """One more."""
        result = self.result
        result.executions += 1
        result.steps += len(execution.schedule)
        result.steps_longest = max(result.steps_longest, len(execution.schedule))
        result.deadlocked += execution.stuck
        self.cut = self.cut or execution.cut
        if execution.outcome:
            count = result.outcomes.get(execution.outcome, 0)
            result.outcomes[execution.outcome] = count + 1

    def _told(self, execution: Execution) -> None:
        """Run it again and write it down; a finding has to be there again."""
        try:
            again = run(self.program, Fixed(execution.schedule), Recorder())
        except Misfit as misfit:
            raise _otherwise(execution, f"step {misfit.step} was not possible") from None
        if not again.failed:
            raise _otherwise(execution, "nothing was found")
        for finding in again.findings:
            self.keep(finding, again)

    def keep(self, finding: Finding, execution: Execution) -> None:
        """One more execution that shows the finding."""
        key = (finding.kind, finding.signature)
        known = self.findings.get(key)
        if known is not None:
            finding.executions = known[0].executions + 1
            if known[1].cost <= execution.cost:
                known[0].executions = finding.executions
                return
        self.findings[key] = (finding, execution)

    def finish(self, picking: Picking) -> None:
        """Shrink what was found, and say how far the search came."""
        result = self.result
        for finding, execution in self.findings.values():
            result.findings.append(self._finished(finding, execution))
        if isinstance(picking, EveryOrder):
            result.exhausted = self.exhausted and not self.cut
            result.complete = result.exhausted and not picking.pruned
            result.bound = picking.bound
            if not self.exhausted and picking.path:
                result.estimated = estimated(result.executions, picking.branching())
        if result.findings:
            result.verdict = Verdict.VIOLATED
        elif result.complete:
            result.verdict = Verdict.VERIFIED
        elif result.exhausted:
            result.verdict = Verdict.WITHIN_BOUND

    def so_far(self) -> str:
        """What was found before the search was interrupted, as it was found."""
        self.bounds = replace(self.bounds, attempts=0)
        found = [self._finished(*pair) for pair in self.findings.values()]
        lines = [f"  {finding.message}\n  replay: {finding.token}" for finding in found]
        return "\n".join(
            [
                f"{self.result.scenario}: interrupted; executions done: {self.result.executions}",
                *lines,
            ]
        )

    def _finished(self, finding: Finding, execution: Execution) -> Finding:
        if self.bounds.attempts and finding.kind != ENDLESS:
            shrinker = Shrinker(self.program, finding, execution, self.bounds.attempts)
            execution = shrinker.shrunk()
            found = next(
                other
                for other in execution.findings
                if (other.kind, other.signature) == (finding.kind, finding.signature)
            )
            found.executions, finding = finding.executions, found
            finding.minimal = shrinker.minimal
            finding.preemptions = execution.preemptions
        schedule = execution.schedule[: self.program.steps_max]
        finding.schedule = schedule
        finding.events = tuple(execution.events)
        finding.token = str(
            Token(
                self.result.scenario,
                tuple(sorted((key, str(value)) for key, value in self.result.parameters.items())),
                self.result.model_version,
                schedule,
                execution.marks[: len(schedule)],
            )
        )
        return finding


def _otherwise(execution: Execution, what: str) -> NondeterminismError:
    return NondeterminismError(
        f"the program does not do the same along the same schedule: it ended with\n  "
        f"{execution.failed}\nand when it was run so again, {what}; does it keep something from "
        "one run to the next, or draw random numbers?"
    )


def _picking(strategy: str, seed: int, executions: int, depth: int, bound: int | None) -> Picking:
    if strategy == EVERY:
        return EveryOrder(bound)
    return sampler(strategy, seed, executions, depth=depth)


def _check_bounds(bounds: Bounds, bound: int | None) -> None:
    if bounds.executions < 1 or bounds.seconds <= 0 or bounds.attempts < 0:
        raise UsageError(
            f"{bounds.executions} executions, {bounds.seconds} seconds and {bounds.attempts} "
            "attempts: expected at least 1 execution, more than 0 seconds, and no fewer than 0 "
            "attempts"
        )
    if bound is not None and bound < 0:
        raise UsageError(f"a bound of {bound} preemptions: expected 0 or more")


def _program(program: Value, args: tuple[Value, ...], clock: str, steps_max: int) -> Program:
    if inspect.iscoroutine(program):
        program.close()
    if not callable(program):
        raise UsageError(
            f"expected an async function, got {type(program).__name__}: give the function and its "
            "arguments, check(main, 1), not what it returns, check(main(1))"
        )
    if _in_a_run():
        raise UsageError(
            "a trio program cannot be explored from within a trio run, which the run of the "
            "program would be inside of: call it from an ordinary function"
        )
    check_name("clock", clock, CLOCKS)
    if not 0 < steps_max <= STEPS_LIMIT:
        raise UsageError(f"steps_max={steps_max}: expected 1 to {STEPS_LIMIT}")
    return Program(program, args, clock, steps_max)


def _in_a_run() -> bool:
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def _parameters(token: Token) -> tuple[str, int]:
    """The clock and the longest execution that a token was made with."""
    given = dict(token.parameters)
    steps_max = given.pop("steps_max", str(STEPS_MAX))
    clock = given.pop("clock", IDLE)
    if given or not steps_max.isdecimal():
        raise UsageError(f"a token of no trio program: {dict(token.parameters)}")
    return clock, int(steps_max)


def _differing(program: Program) -> dict[str, Value]:
    default = replace(program, clock=IDLE, steps_max=STEPS_MAX)
    return {
        name: getattr(program, name)
        for name in ("clock", "steps_max")
        if getattr(program, name) != getattr(default, name)
    }
