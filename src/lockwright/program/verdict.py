"""Runs a program, and says what came of it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from typing import Any

from lockwright.check.deadlock import FOR_EVER
from lockwright.core.errors import ModelError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.task import Task
from lockwright.kernel.storebuffer import SC
from lockwright.options import OPERATION, Options
from lockwright.program.compiler import FILE
from lockwright.program.document import Document, shown
from lockwright.program.program import Expected, Program
from lockwright.program.selftest import COMM, SelfTest
from lockwright.report.splat import format_report
from lockwright.session import Session

RULES = ("deadlock", "lock-order", "sections")
BY_OPERATION = Options(granularity=OPERATION)
IDENT = "lockwright #1 Not tainted"
ANY_IRQ_REPORT = "one of the irq order reports"
IRQ_REPORTS = (
    "inconsistent lock state",
    "irq-safe -> irq-unsafe lock order",
    "possible irq lock inversion",
)
KINDS = (
    "API state warning (DEBUG_LOCKS_WARN_ON)",
    "Invalid wait context",
    "Nested lock was not taken",
    "bad unlock balance",
    "held lock freed",
    "possible circular locking dependency",
    "possible recursive locking",
    *IRQ_REPORTS,
)
NOT_SUPPORTED = "not supported"
ERROR = "error"
WAIT_INSTEAD = {
    "tasks": 'wait for the value with ["await", var, op, expr] instead',
    "threads": "wait with lock, wait, join or flush instead",
}


@dataclass(slots=True)
class Entry:
    """What came of one program: `data` is its object in the JSON, without what is not known.

    `deadlocks`, `lockdep` and `others` are the findings behind it, with their interleavings;
    `mismatches` say where the result is not what the file expects.
    """

    document: Document
    data: dict[str, Any]
    deadlocks: list[Finding] = field(default_factory=list)
    lockdep: Finding | None = None
    others: list[Finding] = field(default_factory=list)
    mismatches: list[str] = field(default_factory=list)

    @property
    def broken(self) -> bool:
        """Is a rule broken, or an expectation not met?"""
        return self.data["verdict"] == Verdict.VIOLATED.value or bool(self.mismatches)

    @property
    def failed(self) -> bool:
        """Could the program not be judged?"""
        return bool(self.data["verdict"] == ERROR)


def judge(
    program: Program | SelfTest | str, document: Document, options: Options = BY_OPERATION
) -> Entry:
    """Run a program to the end, or say why it cannot be judged."""
    if isinstance(program, str):
        return _unjudged(document, NOT_SUPPORTED, program)
    if isinstance(program, SelfTest):
        return _judge_selftest(program)
    try:
        return _judge_program(program, options)
    except ModelError as error:
        return _unjudged(document, ERROR, str(error))


def _unjudged(document: Document, verdict: str, reason: str) -> Entry:
    file = document.place.file
    data = {"name": document.name, "file": file, "verdict": verdict, "reason": reason}
    return Entry(document, data)


def session_of(program: Program, options: Options = BY_OPERATION) -> Session:
    """The exploration of a program."""
    options = replace(options, rules=RULES, version=program.document.digest)
    return Session(program.scenario(), options)


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
    if reports:
        entry.lockdep = reports[0]
    said = {finding.kind for finding in reports}
    entry.others = [
        f for f in findings if f not in entry.deadlocks and f not in reports and f.kind not in said
    ]
    entry.others += reports[1:]
    entry.data = _data(program, result, entry)
    expected = program.expected
    if options.granularity != OPERATION:
        expected = replace(expected, counts={})  # they are defined by operations
    _compare(expected, entry)
    return entry


def _data(program: Program, result: Result, entry: Entry) -> dict[str, Any]:
    broken = entry.deadlocks or entry.lockdep or entry.others
    verdict = Verdict.VIOLATED if broken else Verdict.VERIFIED
    return {
        "name": program.name,
        "file": program.document.place.file,
        **({} if program.memory == SC else {"memory": program.memory}),
        "verdict": verdict.value,
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
        "lockdep": _lockdep(entry.lockdep),
        "findings": [
            {"kind": finding.kind, "message": finding.message, "token": finding.token}
            for finding in entry.others
        ],
    }


def waiting(events: tuple[Event, ...]) -> dict[str, str]:
    """The tasks that wait for ever, and the operations they wait in."""
    found: dict[str, str] = {}
    for event in events:
        if event.kind == "blocked" and event.step < 0:
            name = event.comm if event.comm not in found else f"{event.comm}:{event.task}"
            found[name] = event.text
    return found


def _lockdep(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return {
        "kind": finding.kind,
        "task": finding.comm,
        "step": finding.chain[0].offset if finding.chain else None,
        "text": finding.text,
        "reality": finding.reality or "confirmed",  # not predicted: it has happened
        "token": finding.token,
    }


def _judge_selftest(test: SelfTest) -> Entry:
    told = test.play()
    lockdep = None
    if told is not None:
        report, step = told
        lockdep = {
            "kind": report.kind,
            "task": COMM,
            "step": step,
            "text": format_report(report, ident=IDENT),
            "reality": "open",
            "token": None,
        }
    verdict = Verdict.VIOLATED if told is not None else Verdict.VERIFIED
    data: dict[str, Any] = {
        "name": test.document.name,
        "file": test.document.place.file,
        "verdict": verdict.value,
        "complete": 1,
        "deadlocked": 0,
        "sleep_set_blocked": 0,
        "outcomes": [],
        "deadlocks": [],
        "lockdep": lockdep,
        "findings": [],
    }
    entry = Entry(test.document, data)
    _compare(test.expected, entry)
    return entry


def _compare(expected: Expected, entry: Entry) -> None:
    """Hold the result against what the file says."""
    data, mismatches = entry.data, entry.mismatches
    lockdep = data["lockdep"]
    got = lockdep["kind"] if lockdep else "ok"
    for name, count in expected.counts.items():
        if data[name] != count:
            mismatches.append(f"{name}: expected {count}, got {data[name]}")
    if expected.deadlock is not None and expected.deadlock != bool(data["deadlocks"]):
        mismatches.append(
            f"deadlock: expected {shown(expected.deadlock)}, got {shown(not expected.deadlock)}"
        )
    if expected.lockdep is not None and not _fits(expected.lockdep, got):
        mismatches.append(f"lockdep: expected {expected.lockdep}, got {got}")
    elif expected.step is not None and lockdep and lockdep["step"] != expected.step:
        mismatches.append(f"lockdep at step: expected {expected.step}, got {lockdep['step']}")
    said = expected.counts or expected.deadlock is not None or expected.lockdep is not None
    data["expected"] = "not said" if not said else "mismatch" if mismatches else "ok"
    data["mismatches"] = list(mismatches)


def _fits(expected: str, got: str) -> bool:
    if expected == "report":
        return got != "ok"
    return got in IRQ_REPORTS if expected == ANY_IRQ_REPORT else got == expected
