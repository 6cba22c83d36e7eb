"""Executions on trio, one after the other, under the rules.

What judges them is a `Session`, as for every other search; only who is next is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Protocol

import trio
import trio.abc
import trio.testing

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.result import Progress, Result
from lockwright.core.world import World
from lockwright.explore.rehearsal import rehearse
from lockwright.explore.run import Run
from lockwright.options import RULES, Options
from lockwright.refine import Refinery
from lockwright.report.lines import replay_line
from lockwright.scenario import SIGNALS, Scenario
from lockwright.searches import RANGE
from lockwright.session import NEAREST, OnProgress, Session
from lockwright.signatures import check_functions
from lockwright.trio_runtime.pacing import Draws
from lockwright.trio_runtime.stage import Audience, Stage

STRATEGY = "trio"
"""What the results call the strategy."""
EXECUTIONS_DEFAULT = 1000
CLOCK_PACE = 1.0
"""The mean pause on a clock that nobody waits for, in its seconds."""


class Watcher(Audience, Protocol):
    """Who looks on."""

    def begins(self, world: World) -> None:
        """An execution is about to begin; `on_step` of its world may be listened to."""

    def ends(self, world: World) -> None:
        """It has ended, and was not judged yet."""


class Performance:
    """Executions of one scenario, to be played on whatever trio loop runs.

    `pace` is the mean pause of a task before each of its steps, in seconds of the loop's clock;
    0: each pause is a few checkpoints, and takes no time.  `timeouts` says for some tasks, by
    comm, after how much time of that clock the trio task that plays it is cancelled, which sends
    the task a signal; `math.inf` leaves that to `cancel`.  `options` has the rest, as for an
    exploration: `executions` (1,000 if `seconds`, of real time, is None as well), `rules`, `seed`,
    `attempts`.  Execution n draws from the seed and n alone.

    Raises UsageError for what cannot be played.
    """

    def __init__(
        self,
        scenario: Scenario,
        options: Options | None = None,
        *,
        pace: float = 0.0,
        timeouts: Mapping[str, float] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        options = options or Options()
        check_pace(pace)
        self.timeouts = dict(timeouts or {})
        for comm, seconds in self.timeouts.items():
            if not seconds >= 0:
                raise UsageError(f"a timeout of {seconds} s for {comm}: expected 0 or more")
        if self.timeouts:
            if SIGNALS in scenario.parameters:
                raise UsageError(f"{scenario.name}: its signals come by themselves; no timeouts")
            scenario = scenario.with_parameters({SIGNALS: "+".join(self.timeouts)})
        check_functions(scenario)
        self.session = Session(scenario, trio_options(options))
        self.pace = pace
        self.watcher = watcher
        self.stage: Stage | None = None
        self.names = Names()
        self.number = 0

    async def perform(self, progress: OnProgress | None = None) -> Result:
        """Play on to the bound; `progress` is told after each execution.

        It can be cancelled: then `result()` says what came of the executions that ended.  What a
        model raises is raised, with a note that says how to replay it.
        """
        options, told = self.session.options, Progress()
        most = math.inf if options.executions is None else options.executions
        deadline = math.inf if options.seconds is None else monotonic() + options.seconds
        while self.number < most and monotonic() < deadline:
            if not await self._play(lambda: monotonic() >= deadline):
                break
            if progress is not None:
                result = self.session.result
                told.executions, told.steps = result.executions, result.steps
                told.findings = len(self.session.judge.findings)
                progress(told)
            await trio.lowlevel.checkpoint()
        return self.result()

    def cancel(self, comm: str) -> None:
        """Cancel the trio task that plays a task now: the task is sent a signal.  Raises
        UsageError for a task that `timeouts` does not name, or if nothing is played."""
        if self.stage is None:
            raise UsageError(f"nothing is played that task {comm!r} could be cancelled in")
        self.stage.cancel(comm)

    def result(self) -> Result:
        """What came of the executions that ended.  Not while `perform` runs."""
        session, options = self.session, self.session.options
        attempts = options.attempts
        refinery = Refinery(session.scenario, options.rules)
        for key, finding in session.judge.all_findings().items() if attempts else ():
            if key not in session.refined:
                found = refinery.shrunk(finding, attempts)
                found.nearest = refinery.nearest(found, max(attempts // NEAREST, 1))
                session.refined[key] = found
        return session.interrupted()

    async def _play(self, stop: Callable[[], bool]) -> bool:
        """One execution, judged; False if it was given up."""
        session, watcher, number = self.session, self.watcher, self.number
        self.number += 1
        world = session.make(self.names)
        run = session.run = Run(world)
        run.begins = not number % RANGE
        if watcher is not None:
            watcher.begins(world)
        draws = Draws(session.options.seed, number)
        self.stage = Stage(
            run, draws, self.pace, timeouts=self.timeouts, audience=watcher, stop=stop
        )
        try:
            await self.stage.play()
            if self.stage.given_up:
                return False
            if watcher is not None:
                watcher.ends(world)
            session.judge.judge(run)
        except (Exception, SystemExit) as error:
            if world.steps or run.keys:
                error.add_note(replay_line(str(session.token(run.schedule))))
            raise
        finally:
            self.stage = None
        if session.result.executions == 1:
            rehearse(self._bare, run)
        return True

    def _bare(self, names: Names) -> World:
        """A world that no rule listens to."""
        world = World(names)
        self.session.scenario.set_up(world)
        return world


def trio_options(options: Options) -> Options:
    """Options as a session needs them whose executions are played."""
    executions = options.executions
    if executions is None and options.seconds is None:
        executions = EXECUTIONS_DEFAULT
    return replace(options, strategy=STRATEGY, executions=executions)


def check_pace(pace: float) -> None:
    """Raise UsageError for what is no pace."""
    if not 0 <= pace < math.inf:
        raise UsageError(f"a pace of {pace} s: expected 0 or more")


def run(
    scenario: Scenario,
    *,
    seed: int = 0,
    executions: int | None = None,
    seconds: float | None = None,
    rules: Sequence[str] = RULES,
    attempts: int = 0,
    version: str = "",
    pace: float | None = None,
    clock: trio.abc.Clock | None = None,
    timeouts: Mapping[str, float] | None = None,
    watcher: Watcher | None = None,
    progress: OnProgress | None = None,
) -> Result:
    """Play executions of a scenario on a trio loop of their own, and judge them.

    With neither `pace` nor `clock` the clock is a MockClock that jumps: then the result depends on
    the seed alone.  With a pace it is trio's own clock, which says what happens when; with a clock
    it is that one, and the pace a second if not given.  The rest is as for `Performance`.

    Raises UsageError for what cannot be played, what a model raises, and RuntimeError inside of
    a trio loop: there, await `Performance.perform`.
    """
    options = Options(
        seed=seed,
        executions=executions,
        seconds=seconds,
        rules=tuple(rules),
        attempts=attempts,
        version=version,
    )
    clock, pace = timing(clock, pace)
    performance = Performance(scenario, options, pace=pace, timeouts=timeouts, watcher=watcher)
    return start(performance, clock, progress)


def timing(clock: trio.abc.Clock | None, pace: float | None) -> tuple[trio.abc.Clock | None, float]:
    """The clock and the pace to use; None is trio's own clock."""
    if clock is None and pace is None:
        clock = trio.testing.MockClock(autojump_threshold=0)
    return clock, CLOCK_PACE if pace is None else pace


def start(
    performance: Performance,
    clock: trio.abc.Clock | None = None,
    progress: OnProgress | None = None,
) -> Result:
    """Play it on a loop of its own; Ctrl-C leaves it with a plain KeyboardInterrupt."""
    try:
        return trio.run(performance.perform, progress, clock=clock)
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is not None:
            raise KeyboardInterrupt from None
        raise
