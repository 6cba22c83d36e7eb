"""One execution: run the program once, and say what came of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from unittest import SkipTest

import trio
from trio.testing import MockClock

from lockwright.core.errors import UsageError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.schedule import Choice, switches
from lockwright.core.task import frame_of
from lockwright.testing.trio.driver import Driver, GaveUp, Picks, give_up
from lockwright.testing.trio.places import raised_at, source_line
from lockwright.testing.trio.recorder import DEADLOCK, ENDLESS, Recorder

EXCEPTION = "exception"
IDLE, FREE = CLOCKS = ("idle", "free")
OUTCOME_MAX = 200
ADDRESS = re.compile(r" at 0x[0-9a-f]+")

AsyncFunction = Callable[..., Awaitable[Value]]


@dataclass(frozen=True, slots=True)
class Program:
    """What is run, each time anew, and how.

    With `clock` "idle" time passes when nothing else can run, with "free" at any step.
    """

    function: AsyncFunction
    args: tuple[Value, ...]
    clock: str
    steps_max: int


@dataclass(slots=True)
class Execution:
    """`outcome` is what the program returned, as text; `stuck` says that nothing could run any
    more.  `findings`, `events`, `marks` and `difference` are there if it was recorded; `failed`
    says, recorded or not, what there is to find."""

    schedule: tuple[Choice, ...]
    preemptions: int
    stuck: bool
    cut: bool
    failed: str
    outcome: str = ""
    findings: list[Finding] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    marks: str = ""
    difference: str = ""

    @property
    def cost(self) -> tuple[int, int, int]:
        """Fewer preemptions, then switches, then steps."""
        return self.preemptions, switches(task for task, _ in self.schedule), len(self.schedule)


def run(program: Program, picks: Picks, recorder: Recorder | None = None) -> Execution:
    """Run the program once, its steps picked by a strategy.

    Raises what the strategy raises, UsageError for a program or a trio that cannot be driven, and
    KeyboardInterrupt, SystemExit and a test's skip, which are no findings.
    """
    clock = MockClock(autojump_threshold=0)
    driver = Driver(picks, clock, program.steps_max, free=program.clock == FREE, watcher=recorder)
    returned: Value = None
    raised: BaseException | None = None
    with recorder.wakeups.watched() if recorder is not None else nullcontext():
        try:
            returned = trio.run(program.function, *program.args, clock=clock, instruments=[driver])
        except BaseException as error:
            raised = error
    leaves = [] if raised is None else list(_leaves(raised))
    for leaf in leaves:
        if isinstance(leaf, KeyboardInterrupt):
            raise leaf  # it wakes tasks that cannot run: whatever else there is comes of that
    if isinstance(raised, trio.TrioInternalError) and isinstance(raised.__cause__, GaveUp):
        give_up(driver)
        leaves = []
    if driver.error is not None:
        raise driver.error
    if not driver.stands:
        if raised is not None and not isinstance(raised, Exception):
            raise raised
        raise UsageError(f"the program cannot be run: {raised}") from raised
    return _told(driver, recorder, returned, leaves)


def _told(
    driver: Driver, recorder: Recorder | None, returned: Value, leaves: list[BaseException]
) -> Execution:
    over = DEADLOCK if driver.stuck else ENDLESS if driver.endless else ""
    if over:
        leaves = []  # what it says when it is cancelled is no part of the execution
    for leaf in leaves:
        if not _is_finding(leaf):
            raise leaf
    failed = over or (_message(leaves[0])[0] if leaves else "")
    execution = Execution(
        tuple(driver.schedule), driver.preemptions, driver.stuck, driver.cut, failed
    )
    if not execution.failed and returned is not None:
        execution.outcome = _lasting(repr(returned))[:OUTCOME_MAX]
    if recorder is not None:
        execution.findings = [*recorder.findings, *_distinct(leaves)]
        execution.events = recorder.events
        execution.marks = "".join(recorder.marks)
        execution.difference = recorder.difference
    return execution


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that a group holds, at any depth, and those of tasks of the system."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif isinstance(error, trio.TrioInternalError) and error.__cause__ is not None:
        yield from _leaves(error.__cause__)
    else:
        yield error


def _is_finding(error: BaseException) -> bool:
    """Not so what is meant for whoever runs the test: it is to end, or to be skipped."""
    if isinstance(error, SystemExit | GeneratorExit | SkipTest):
        return False
    of_pytest = any(base.__module__ == "_pytest.outcomes" for base in type(error).__mro__)
    return not of_pytest or type(error).__name__ == "Failed"


def _lasting(text: str) -> str:
    """The text without addresses, which are others in another process."""
    return ADDRESS.sub("", text)


def _distinct(leaves: list[BaseException]) -> list[Finding]:
    findings: dict[str, Finding] = {}
    for leaf in leaves:
        finding = _exception(leaf)
        findings.setdefault(finding.signature, finding)
    return list(findings.values())


def _message(error: BaseException) -> list[str]:
    """What an exception is and says, line by line."""
    name = type(error).__name__
    first, *more = _lasting(str(error)).splitlines() or [""]
    return [f"{name}: {first}" if first else name, *more]


def _exception(error: BaseException) -> Finding:
    """What the program raised, and from where."""
    name = type(error).__name__
    message, *more = _message(error)
    at = raised_at(error.__traceback__)
    chain: tuple[Frame, ...] = tuple(frame_of(frame, line) for frame, line in reversed(at))
    place = f"{chain[0].function}+{chain[0].offset}" if chain else "outside the program"
    lines = [f"  {line}" for line in more] + [source_line(frame, line) for frame, line in at]
    return Finding(EXCEPTION, message, f"{name} {place}", -1, "", chain, tuple(lines), fatal=False)
