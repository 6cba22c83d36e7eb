"""Explores a program that was made from a report, until it deadlocks or a bound is reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lockwright.check.deadlock import FOR_EVER
from lockwright.core.errors import LockwrightError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Progress, Result
from lockwright.options import OPERATION, Options
from lockwright.program.command import read_program
from lockwright.program.document import Document
from lockwright.program.program import Program
from lockwright.session import Session

DEADLOCK, NONE, OPEN, UNABLE = "deadlock", "no deadlock", "not explored to the end", "not explored"
RULES = ("deadlock",)
MANY, SEVERAL = 7, 5
GUESSES = 1000


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of exploring: the verdict, after how many executions, the interleaving that
    deadlocks with its token, and for UNABLE the reason."""

    verdict: str
    executions: int = 0
    events: tuple[Event, ...] = ()
    token: str = ""
    reason: str = ""


class _EnoughError(Exception):
    """A deadlock was found."""


def try_out(document: Document, executions: int, seconds: float) -> Trial:
    """Explore a program within bounds, and stop at the first deadlock."""
    try:
        program = read_program(document)
        if not isinstance(program, Program):
            return Trial(UNABLE, reason=str(program))
        options = Options(
            granularity=OPERATION,
            rules=RULES,
            executions=executions,
            seconds=seconds,
            version=document.digest,
        )
        guesses = _guesses(document, options)
        for guess in guesses:
            trial = _guessed(program, guess)
            if trial.verdict == DEADLOCK:
                return trial
        left = replace(options, seconds=seconds / 2) if guesses else options
        return _explored(Session(program.scenario(), left))
    except LockwrightError as error:
        return Trial(UNABLE, reason=" ".join(str(error).split()))


def _guesses(document: Document, options: Options) -> list[Options]:
    """Of a program with many threads: searches that may find a deadlock soon, if there is one."""
    data = document.data
    threads = data["threads"]
    guesses = []
    options = replace(options, seconds=(options.seconds or 1.0) / 4, executions=GUESSES)
    if len(threads) >= MANY and not data.get("work") and not data.get("irq"):
        # each thread has taken its first lock, and nobody the second
        steps = [(at, 0) for at, each in enumerate(threads.values()) if _holds_first(each)]
        guesses.append(replace(options, prefix=tuple(steps)))
    if len(threads) >= SEVERAL:
        guesses.append(replace(options, strategy="random"))
    return guesses


def _holds_first(steps: list[list[Value]]) -> bool:
    """Does a thread take a lock, and then want another one?"""
    return len(steps) > 2 and steps[0][0] not in ("wait", "flush")


def _guessed(program: Program, options: Options) -> Trial:
    try:
        return _explored(Session(program.scenario(), options))
    except LockwrightError:  # a beginning that this program does not have
        return Trial(OPEN)


def _explored(session: Session) -> Trial:
    def findings() -> Iterable[Finding]:
        return session.judge.all_findings().values()

    def enough(progress: Progress) -> None:
        if progress.findings and any(found.kind in FOR_EVER for found in findings()):
            raise _EnoughError

    try:
        result: Result = session.explore(enough)
    except _EnoughError:
        result = session.interrupted()
    found = [finding for finding in result.findings if finding.kind in FOR_EVER]
    if found:
        return Trial(DEADLOCK, result.executions, found[0].events, found[0].token)
    return Trial(NONE if result.exhausted else OPEN, result.executions)
