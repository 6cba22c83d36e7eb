"""One user after the other: a world in which calls are made one at a time, each to its end.

    with Sitting(CALLS) as sitting:
        assert sitting.call("insert", "a") == 0
        assert sitting.call("insert", "a") == -EEXIST

A sitting is one execution of a world made of a vocabulary (`calls.py`), and all rules listen to
it; what one of them says fails the call that broke it.  What calls leave for later (work items,
callbacks of grace periods) is done when nothing else can go on, or sooner: at once with
`background=True`, or when `rest` is called.  At its end everything is done that is left to do, and
the promises of the vocabulary are asked.

The calls are those of a program of one task, so that a failure has its name and its schedule, and
the line that replays it.  Rules about several executions (data races, goals) are for exploration.

Used by state machines (`hypothesis.stateful`) whose rules make one call each and compare what it
gives with what a simpler model gives; but it needs nothing of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import ClassVar

from lockwright.calls import Argument, Call, Calls, Program, comms
from lockwright.check.held import HeldLocks
from lockwright.core.errors import UsageError
from lockwright.core.event import value_text
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.result import Result
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import Run, endless
from lockwright.judge import Judge
from lockwright.options import RULES
from lockwright.project import load_project
from lockwright.report.findings import finding_text
from lockwright.scenario import OnGround, Scenario
from lockwright.session import Options, Session

ALONE = tuple(rule for rule in RULES if rule not in ("data-race", "goals"))
"""The rules that judge one execution by itself."""
SHOWN_MAX = 60
"""So much of what a call gave is shown."""


class _Next(Operation):
    """The user thinks: what comes next is not known yet.  No step of the program."""

    __slots__ = ("sitting",)

    blocking: ClassVar[bool] = True
    kind = "next"

    def __init__(self, sitting: Sitting) -> None:
        self.sitting = sitting

    def enabled(self) -> bool:
        return False  # the sitting lets the user go on, and nobody else

    def run(self, task: Task, touched: list[int]) -> None:
        """Touches nothing."""

    def describe(self) -> str:
        return "the next call"


class SittingFailed(AssertionError):
    """A call, or what was left at the end, broke a rule or an expectation.

    `findings` is what rules said, empty where an expectation failed; `calls` has each call with
    what it gave; `token` replays them, empty if that does not show the failure again.
    """

    def __init__(self, sitting: Sitting, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.message = message
        self.findings = tuple(findings)
        self.calls = tuple(sitting.done)
        self.program = sitting.program
        self._scenario = sitting.scenario
        self._schedule = tuple(sitting.schedule)

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Kind and signature of each finding; none for an expectation."""
        return tuple((finding.kind, finding.signature) for finding in self.findings)

    @cached_property
    def replayed(self) -> tuple[Finding, ...]:
        """The findings as replaying the program shows them, with token and interleaving."""
        session = self._session()
        record, found = session.run_once(self._schedule)
        if record.misfit:
            return ()
        return tuple(one for one in found if (one.kind, one.signature) in self.kinds)

    @cached_property
    def token(self) -> str:
        """What `lockwright replay` takes."""
        if self.findings:
            return self.replayed[0].token if self.replayed else ""
        session = self._session()
        record, _ = session.run_once(self._schedule)
        return "" if record.misfit else str(session.token(self._schedule, record.marks))

    def _session(self) -> Session:
        assert self.program is not None, "what failed was a call"
        made = self._scenario.calls.scenario(self.program)
        given = {key: value_text(value) for key, value in self._scenario.given.items()}
        return Session(made.with_parameters(given), Options(strategy="replay", version=_version()))

    def __str__(self) -> str:
        """The calls, then each finding with its replay line."""
        if self.program is None:
            return self.message
        parts = ["\n".join(["calls:", *(f"  {call}" for call in self.calls)])]
        if self.replayed:
            parts += [finding_text(finding) for finding in self.replayed]
        else:
            parts.append(self.message)
            parts += [f"replay: lockwright replay '{self.token}'"] if self.token else []
        return "\n\n".join(parts)


def _version() -> str:
    """The version of the model of the project that tests run in; empty where there is none."""
    try:
        return load_project(Path.cwd()).version
    except UsageError:
        return ""


class Ground:
    """A scenario of a vocabulary's ground, without any task."""

    def __init__(self, calls: Calls, given: Mapping[str, str]) -> None:
        self.calls = calls
        self.at: Value = None
        self._ground = OnGround(calls.ground, lambda at: None)
        self.scenario = Scenario(
            f"{calls.design}:sitting",
            self._build,
            "one call after the other",
            calls.release,
            calls.at_end,
            dict(calls.parameters),
        ).with_parameters(given)

    def _build(self, world: World, **parameters: Value) -> None:
        self.at = self._ground.prepare(world, **parameters)

    @property
    def given(self) -> Mapping[str, Value]:
        """The parameters that differ from the vocabulary's own."""
        return self.scenario.given


class Sitting:
    """One user's calls, one after the other, in a world of their own.

    `parameters` are the scenario's, as text.  `done` says what was called and what it gave,
    `schedule` every step so far, as the program's scenario has it.
    Raises UsageError for an unknown parameter or rule.
    Invariant: between two calls the user waits in `_Next`, or has not begun, or is dead.
    """

    def __init__(
        self,
        calls: Calls,
        parameters: Mapping[str, str] | None = None,
        *,
        rules: Sequence[str] = ALONE,
    ) -> None:
        self.scenario = Ground(calls, parameters or {})
        self.made: list[Call] = []
        self.done: list[str] = []
        self.over = False
        scenario = self.scenario.scenario
        result = Result(scenario.name, scenario.title, dict(scenario.parameters), "sitting")
        self._judge = Judge(scenario, rules, result)
        self.world = World()
        self._held = HeldLocks()
        self._judge.listen(self._held)
        self._judge.begin(self.world)
        scenario.set_up(self.world)
        self._run = Run(self.world)
        self._user: Task | None = None
        self._wanted: Call | None = None
        self._gave: Value = None

    @property
    def at(self) -> Value:
        """What the ground made."""
        return self.scenario.at

    @property
    def program(self) -> Program | None:
        """What was called so far; None before the first call."""
        return Program((tuple(self.made),)) if self.made else None

    @property
    def schedule(self) -> list[Choice]:
        """The steps so far: (task, value chosen)."""
        return self._run.schedule

    def call(self, name: str, *arguments: Argument, background: bool = False) -> Value:
        """Make a call; what it gives when it has come to its end.

        With `background` everything is done afterwards that was put off.  Raises SittingFailed if
        a rule is broken by then, or if the call never ends; UsageError for an unknown call.
        """
        if self.over:
            raise UsageError(f"{name} is called when the sitting is over")
        self._wanted = call = Call(name, arguments)
        program = Program(((call,),))
        self.scenario.calls.check(program)  # results are given as they are, and by no number
        self.made.append(call)
        if self._user is None:
            self._user = self.world.spawn(self._calls(), next(comms(program)))
        else:
            # what the user does until the next operation belongs to no step of the program
            self.world.step(self._user)
        self._settle(call)
        self.done.append(f"{_text(call)} -> {_shown(self._gave)}")
        if self._held.of(self._user):
            self._end()  # no call returns to its user with a lock: the end of the task tells
        self._check()
        if background:
            self.rest()
        return self._gave

    def rest(self, steps: int | None = None) -> int:
        """Let what was put off be done, so many steps of it or all; gives how many there were."""
        taken = 0
        while taken != steps and self._step():
            taken += 1
            self._check()
        return taken

    def expect(self, met: Value, message: str) -> None:
        """Fail with the calls so far, and the line that replays them, unless `met`."""
        if not met:
            self.fail(message)

    def fail(self, message: str) -> None:
        """Raise SittingFailed."""
        self._end()
        raise SittingFailed(self, message, ())

    def finish(self) -> None:
        """Do all that is left to do, and let the rules and the promises judge; once."""
        if self.over:
            return
        self.rest()
        self._end()
        self._judge.judge(self._run)
        found = list(self._judge.findings.values())
        if found:
            raise SittingFailed(self, _said(found), found)

    def _end(self) -> None:
        """The user goes home."""
        self.over = True
        self._wanted = None
        if self._idle:
            assert self._user is not None
            self.world.step(self._user)

    @property
    def _idle(self) -> bool:
        return self._user is not None and isinstance(self._user.pending, _Next)

    async def _calls(self) -> None:
        while (call := self._wanted) is not None:
            function = self.scenario.calls.functions[call.name]
            self._gave = await function(self.at, *call.arguments)
            await _Next(self)

    def _settle(self, call: Call) -> None:
        """Run the call to its end: the user while he can, others where he waits for them."""
        user = self._user
        assert user is not None
        while user.pending is not None and not self._idle:
            op = user.pending
            if not self._step(user if not op.blocking or op.enabled() else None):
                break
        if self._idle:
            return
        self.done.append(f"{_text(call)} does not come to its end")
        self.over = True
        self._judge.judge(self._run)
        found = list(self._judge.findings.values())
        raise SittingFailed(self, _said(found) or f"{_text(call)} never ends", found)

    def _step(self, task: Task | None = None) -> bool:
        """One step: of the task, or of the first that can go on; False if there is none."""
        if task is None:
            enabled = self.world.enabled()
            if not enabled:
                return False
            task = enabled[0]
        self._run.take(task, 0)
        if len(self._run.log) > STEPS_MAX:
            raise endless(task)
        return True

    def _check(self) -> None:
        """Has a rule been broken?"""
        if self.world.findings:
            self._end()
            found = list(self.world.findings)
            raise SittingFailed(self, _said(found), found)

    def __enter__(self) -> Sitting:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.world.close()


def _text(call: Call) -> str:
    return " ".join((call.name, *(_argument_text(argument) for argument in call.arguments)))


def _argument_text(argument: Argument) -> str:
    if isinstance(argument, str):
        return _short(argument) if argument else "''"
    return "null" if argument is None else str(argument)


def _shown(value: Value) -> str:
    return _short(repr(value))


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}..."


def _said(found: Sequence[Finding]) -> str:
    return "\n".join(f"{finding.kind}: {finding.message}" for finding in found)


__all__ = ["ALONE", "Sitting", "SittingFailed"]
