"""What came of one program, and whether that is what its file expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lockwright.core.finding import Finding
from lockwright.core.prediction import CONFIRMED
from lockwright.core.result import Verdict
from lockwright.lockdep import Report
from lockwright.program.document import Document, shown
from lockwright.program.program import Expected
from lockwright.report.findings import PROOF

OK = "ok"
ANY_REPORT = "report"
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
"""The validator's reports that are told as such."""
NOT_SUPPORTED = "not supported"
ERROR = "error"
BOUNDED = (Verdict.STOPPED.value, Verdict.WITHIN_BOUND.value)


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

    @property
    def stopped(self) -> bool:
        """Did a bound come before the end?"""
        return self.data["verdict"] in BOUNDED


def reality_of(finding: Finding) -> dict[str, Any]:
    """Whether what is predicted happens: what stands of it in the JSON.

    What is not predicted has happened.  `proof` replays the deadlock that confirms a prediction.
    """
    because, _, proof = finding.because.partition(PROOF)
    return {
        "reality": finding.reality or CONFIRMED,
        "because": because or "it has happened",
        "proof": proof or (None if finding.reality else finding.token),
    }


def lockdep_data(finding: Finding, threads: Sequence[str]) -> dict[str, Any]:
    """The validator's report in the JSON; `threads` are those of the program."""
    thread = finding.chain[0].function if finding.chain else finding.comm
    thread = thread.removeprefix("task ")
    return {
        "kind": finding.kind,
        "task": finding.comm,
        "handler": thread if thread != finding.comm and thread in threads else None,
        "step": finding.chain[0].offset if finding.chain else None,
        "text": finding.text,
        **reality_of(finding),
        "token": finding.token,
    }


def signature_of(report: Report) -> tuple[str, ...]:
    """The lock classes of a predicted deadlock; empty if the report predicts none."""
    return tuple(getattr(report, "cycle", ()))


def compare(expected: Expected, entry: Entry) -> None:
    """Hold the result against what the file says."""
    data, mismatches = entry.data, entry.mismatches
    lockdep = data["lockdep"]
    got = lockdep["kind"] if lockdep else OK
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
    data["expected"] = "not said" if not said else "mismatch" if mismatches else OK
    data["mismatches"] = list(mismatches)


def _fits(expected: str, got: str) -> bool:
    if expected == ANY_REPORT:
        return got != OK
    return got in IRQ_REPORTS if expected == ANY_IRQ_REPORT else got == expected
