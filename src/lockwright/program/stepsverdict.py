"""What comes of a program of steps: the validator's report, and whether it really happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lockwright.check.deadlock import DEADLOCK
from lockwright.core.finding import Finding
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.core.result import Progress, Result, Verdict
from lockwright.options import OPERATION, Options
from lockwright.program.concurrent import Attempted, Unfit, attempts
from lockwright.program.entry import OK, Entry, compare, signature_of
from lockwright.program.program import Program
from lockwright.program.selftest import COMM, SelfTest
from lockwright.report.columns import counted
from lockwright.report.kernel import format_report
from lockwright.session import Session
from lockwright.settle import proves

IDENT = "lockwright #1 Not tainted"
EXECUTIONS = 1000
"""So many of each attempt, if the command line does not say; then as many at random."""
SessionOf = Callable[[Program, Options], Session]


class _Enough(Exception):  # it ends an exploration that has found what it was for
    pass


@dataclass(slots=True)
class Settled:
    """What is known of a prediction: `tried` has what was explored for it, as JSON, `proof` is the
    deadlock that confirms it."""

    reality: str
    because: str
    tried: list[dict[str, Any]] = field(default_factory=list)
    proof: Finding | None = None


def judge_selftest(test: SelfTest, options: Options, session_of: SessionOf) -> Entry:
    """Play the steps, and try out what the validator predicts of them."""
    played = test.play()
    report = played.report
    kernel = test.play(kernel_search=True).report
    lockdep = proof = None
    if report is not None:
        settled = settle_steps(test, signature_of(report), options, session_of)
        proof = settled.proof
        lockdep = {
            "kind": report.kind,
            "task": COMM,
            "handler": None,
            "step": played.step,
            "text": format_report(report, ident=IDENT),
            "reality": settled.reality,
            "because": settled.because,
            "proof": None if proof is None else proof.token,
            "tried": settled.tried,
            "token": None,
        }
    broken = report is not None or bool(played.failed)
    data: dict[str, Any] = {
        "name": test.document.name,
        "file": test.document.place.file,
        "verdict": (Verdict.VIOLATED if broken else Verdict.VERIFIED).value,
        "exhaustive": True,
        "complete": 1,
        "deadlocked": 0,
        "sleep_set_blocked": 0,
        "outcomes": [],
        "deadlocks": [],
        "lockdep": lockdep,
        "kernel": OK if kernel is None else kernel.kind,
        "findings": [
            {"kind": "check failed", "message": text, "token": None} for text in played.failed
        ],
    }
    if played.remarks:
        data["remarks"] = list(played.remarks)
    entry = Entry(test.document, data, [] if proof is None else [proof])
    compare(test.expected, entry)
    return entry


def settle_steps(
    test: SelfTest, cycle: Sequence[str], options: Options, session_of: SessionOf
) -> Settled:
    """Does it happen that the validator predicts of these lock classes?"""
    if not cycle:
        return Settled(CONFIRMED, "it has happened")
    settled = Settled(REFUTED, "")
    try:
        for attempt in attempts(test, cycle):
            _try(settled, attempt, cycle, (options, session_of))
            if settled.proof is not None:
                return settled
    except Unfit as unfit:
        return Settled(OPEN, f"not tried: {unfit}")
    said = [
        f"{each['what']} ({counted(each['executions'], 'execution')})" for each in settled.tried
    ]
    settled.because = f"nothing deadlocks on it: tried {'; '.join(said)}"
    if any(each["outcome"] == OPEN for each in settled.tried):
        settled.reality = OPEN
        settled.because += ", not all to the end"
    return settled


def _try(
    settled: Settled, attempt: Attempted, cycle: Sequence[str], how: tuple[Options, SessionOf]
) -> None:
    options, session_of = how
    most = options.executions or EXECUTIONS
    by_all = replace(options, strategy="dpor", granularity=OPERATION, executions=most, slow=())
    executions = 0
    for each in (by_all, replace(by_all, strategy="random")):
        result, proof = _explored(session_of(attempt.program, each), cycle)
        executions += result.executions
        if proof is not None or result.complete:
            break
    outcome = CONFIRMED if proof is not None else REFUTED if result.complete else OPEN
    settled.tried.append(
        {
            "what": attempt.what,
            "program": attempt.program.document.data,
            "executions": executions,
            "outcome": outcome,
        }
    )
    if proof is not None:
        settled.proof, settled.reality = proof, CONFIRMED
        settled.because = f"it happens, with {attempt.what}: {proof.message}"


def _explored(session: Session, cycle: Sequence[str]) -> tuple[Result, Finding | None]:
    """Explore until the deadlock is found that was predicted of these classes."""
    known = 0

    def progress(told: Progress) -> None:
        nonlocal known
        if told.findings > known:
            known = told.findings
            if _proof(session.judge.all_findings().values(), cycle):
                raise _Enough

    try:
        result = session.explore(progress)
    except _Enough:
        result = session.interrupted()
    return result, _proof(result.findings, cycle)


def _proof(findings: Iterable[Finding], cycle: Sequence[str]) -> Finding | None:
    return next((f for f in findings if f.kind == DEADLOCK and proves(cycle, f)), None)
