"""Runs a program, and says what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lockwright.check.deadlock import FOR_EVER
from lockwright.core.errors import ModelError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.prediction import CONFIRMED, REFUTED
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.task import Task
from lockwright.kernel.storebuffer import SC
from lockwright.options import OPERATION, Options
from lockwright.program.classic import Classic, kernel_verdict
from lockwright.program.compiler import FILE
from lockwright.program.document import Document
from lockwright.program.entry import (
    ERROR,
    KINDS,
    NOT_SUPPORTED,
    OK,
    Entry,
    compare,
    lockdep_data,
    reality_of,
)
from lockwright.program.program import Expected, Program
from lockwright.program.selftest import SelfTest
from lockwright.program.stepsverdict import judge_selftest
from lockwright.report.columns import counted
from lockwright.report.extent import how_far
from lockwright.session import Session
from lockwright.settle import is_predicted, needs_interrupts, settle_again

RULES = ("deadlock", "lock-order", "sections")
BY_OPERATION = Options(granularity=OPERATION)
EXACT = BY_OPERATION.strategy
WAIT_INSTEAD = {
    "tasks": 'wait for the value with ["await", var, op, expr] instead',
    "threads": "wait with lock, wait, join or flush instead",
}


def judge(
    program: Program | SelfTest | str, document: Document, options: Options = BY_OPERATION
) -> Entry:
    """Run a program to the end, or say why it cannot be judged."""
    if isinstance(program, str):
        return _unjudged(document, NOT_SUPPORTED, program)
    try:
        if isinstance(program, SelfTest):
            return judge_selftest(program, options, session_of)
        return _judge_program(program, options)
    except ModelError as error:
        return _unjudged(document, ERROR, str(error))


def _unjudged(document: Document, verdict: str, reason: str) -> Entry:
    file = document.place.file
    data = {"name": document.name, "file": file, "verdict": verdict, "reason": reason}
    return Entry(document, data)


class ProgramSession(Session):
    """The exploration of a program, whose interrupts come where it says and nowhere else."""

    def _interrupt(self) -> None:
        result = self.result
        left = [each for each in result.findings if needs_interrupts(each)]
        _settle_here([finding for finding in left if finding.reality != CONFIRMED], result)


def _settle_here(findings: Sequence[Finding], result: Result) -> None:
    """Say of predictions whether they come true in this program."""
    settle_again(findings, result)
    for finding in findings:
        if finding.reality == REFUTED:
            traces = counted(result.executions, "trace")
            finding.because = f"within this program: it has {traces}, and none deadlocks on it"


def session_of(program: Program, options: Options = BY_OPERATION) -> Session:
    """The exploration of a program."""
    rules = [rule for rule in RULES if rule in options.rules]
    options = replace(options, rules=tuple(rules), version=program.document.digest)
    return ProgramSession(program.scenario(), options)


FAULTS = (ModelError, UnboundLocalError, ValueError)
"""What the run of a program can end with; explained() tells them apart."""


def explained(program: Program, session: Session, error: Exception) -> Exception:
    """An error at run time, with the program's name and, where there is one, its step."""
    place = program.document.place
    if isinstance(error, ValueError):
        if "integer string conversion" not in str(error):
            return error
        digits = sys.get_int_max_str_digits()
        return ModelError(f"{place}: it computes a number of more than {digits} digits")
    world = session.world
    if world is not None and world.steps > STEPS_MAX and isinstance(world.creator, Task):
        return _endless(program, world.creator)
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == FILE and isinstance(error, UnboundLocalError):
            task = code.co_name.removeprefix("task ")
            step = traceback.tb_lineno - code.co_firstlineno
            place = place.at(task, step, program.steps_of(task)[step])
            return ModelError(f"{place}: it reads a register that is not set yet")
        traceback = traceback.tb_next
    return ModelError(f"{place}: {error}")


def _endless(program: Program, task: Task) -> ModelError:
    """The error of a program with a task that goes round for ever."""
    document = program.document
    return ModelError(
        f"{document.place.at(task.comm)}: it still runs after {STEPS_MAX} steps, now in "
        f"{task.pending.describe() if task.pending else 'its end'}: a loop that polls "
        f"need not end under every schedule; {WAIT_INSTEAD[document.form]}"
    )


def _judge_program(program: Program, options: Options) -> Entry:
    session = session_of(program, options)
    try:
        result = session.explore()
    except FAULTS as error:
        raise explained(program, session, error) from error
    findings = [finding for finding in result.findings if program.is_judged(finding.kind)]
    entry = Entry(program.document, {}, [f for f in findings if f.kind in FOR_EVER])
    reports = [f for f in findings if f.report is not None and f.kind in KINDS]
    kernel = kernel_verdict(program, reports)
    if reports:
        entry.lockdep = _told_alone(program, options, kernel, reports)
        if entry.lockdep not in reports and is_predicted(entry.lockdep):
            _settle_here([entry.lockdep], result)
    said = {finding.kind for finding in reports}
    entry.others = [
        f for f in findings if f not in entry.deadlocks and f not in reports and f.kind not in said
    ]
    entry.others += [each for each in reports if not _is_same(each, entry.lockdep)]
    entry.data = _data(program, result, entry, kernel.kind)
    expected = _comparable(program.expected, options, result, entry)
    compare(expected, entry)
    return entry


def _told_alone(
    program: Program, options: Options, kernel: Classic, reports: Sequence[Finding]
) -> Finding:
    """The report that comes first: one that its execution gives by itself, if there is one.

    The validator learns over all executions, so that the one in which it reports need not do."""
    if kernel.kind == OK:
        return reports[0]
    if kernel.finding is not None:
        return reports[kernel.finding]
    _, findings = session_of(program, options).run_once(kernel.schedule)
    return next((each for each in findings if each.kind == kernel.kind), reports[0])


def _is_same(finding: Finding, other: Finding | None) -> bool:
    return other is not None and (finding.kind, finding.signature) == (other.kind, other.signature)


def _comparable(expected: Expected, options: Options, result: Result, entry: Entry) -> Expected:
    """What is expected of such an exploration: of what was not looked for, or perhaps not found,
    nothing is."""
    if options.granularity != OPERATION or not result.complete:
        expected = replace(expected, counts={})  # they are defined by all traces, by operations
    if "deadlock" not in options.rules or not (result.complete or entry.deadlocks):
        expected = replace(expected, deadlock=None)
    if "lock-order" not in options.rules or not (result.complete or entry.lockdep):
        expected = replace(expected, lockdep=None)
    return expected


def _verdict(result: Result, entry: Entry) -> Verdict:
    if entry.deadlocks or entry.lockdep or entry.others:
        return Verdict.VIOLATED
    if result.complete:
        return Verdict.VERIFIED
    return Verdict.WITHIN_BOUND if result.exhausted else Verdict.STOPPED


def _data(program: Program, result: Result, entry: Entry, kernel: str) -> dict[str, Any]:
    by = {} if result.strategy == EXACT else {"strategy": result.strategy}
    return {
        "name": program.name,
        "file": program.document.place.file,
        **({} if program.memory == SC else {"memory": program.memory}),
        **by,
        "verdict": _verdict(result, entry).value,
        "exhaustive": result.complete,
        **({} if result.complete else {"explored": how_far(result)}),
        "complete": result.executions - result.deadlocked - result.sleep_set_blocked,
        "deadlocked": result.deadlocked,
        "sleep_set_blocked": result.sleep_set_blocked,
        "outcomes": [
            {"values": json.loads(text), "count": count} for text, count in result.outcomes.items()
        ],
        "deadlocks": [
            {"tasks": waiting(finding.events), "token": finding.token}
            for finding in entry.deadlocks
        ],
        "lockdep": _lockdep(program, entry.lockdep),
        "kernel": kernel,
        "findings": [
            {
                "kind": finding.kind,
                "message": finding.message,
                **reality_of(finding),
                "token": finding.token,
            }
            for finding in entry.others
        ],
    }


def _lockdep(program: Program, finding: Finding | None) -> dict[str, Any] | None:
    threads: Sequence[str] = [thread.name for thread in program.threads]
    return None if finding is None else lockdep_data(finding, threads)


def waiting(events: tuple[Event, ...]) -> dict[str, str]:
    """The tasks that wait for ever, and the operations they wait in."""
    found: dict[str, str] = {}
    for event in events:
        if event.kind == "blocked" and event.step < 0:
            name = event.comm if event.comm not in found else f"{event.comm}:{event.task}"
            found[name] = event.text
    return found
