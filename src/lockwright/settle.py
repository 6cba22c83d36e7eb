"""What may be said at the end: the verdict, what it assumes, and which predictions come true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED
from lockwright.core.result import Result, Verdict
from lockwright.kernel.reclaim import FS_RECLAIM, MMU_NOTIFIER
from lockwright.kernel.storebuffer import ASSUMED, SC
from lockwright.lockdep.reports import InconsistentReport, IrqInversionReport, IrqOrderReport
from lockwright.options import SECTION
from lockwright.report.columns import counted
from lockwright.report.extent import how_far
from lockwright.report.findings import PROOF
from lockwright.scenario import ANYWHERE, INTERRUPTS, MEMORY, RECLAIM

BY_INTERRUPT = (InconsistentReport.kind, IrqOrderReport.kind, IrqInversionReport.kind)
BY_RECLAIM = (FS_RECLAIM.name, MMU_NOTIFIER.name)
"""Kinds of predictions, and classes, that say how the predicted comes about."""
WITHOUT = {
    INTERRUPTS: "interrupts came on CPUs of their own alone",
    RECLAIM: "no allocation found memory short",
}
WITH = {
    INTERRUPTS: "interrupts coming anywhere",
    RECLAIM: "an allocation finding memory short",
}
"""What an exploration is, by the parameter that it does not have, or has."""
VERSIONED = re.compile(r"#[0-9]+(?=/[0-9]+$|$)")


def verdict(result: Result) -> Verdict:
    """The verdict on what was explored; a budget that ran out never turns into a pass.

    A search that ended within its bound, and left out what lies beyond it, is not complete; nor is
    one with a data race that it predicts and cannot show.
    """
    if result.findings:
        return Verdict.VIOLATED
    if result.complete:
        return Verdict.VERIFIED
    within = result.exhausted and not result.unshown
    return Verdict.WITHIN_BOUND if within else Verdict.STOPPED


def assumptions(result: Result, *, racing: bool = True) -> list[str]:
    """What a green result does not show; `racing` tells that data races were looked for."""
    memory = str(result.parameters.get(MEMORY, SC))
    plain = "only operations are scheduling points"
    if memory != SC:
        plain += "; no plain accesses race: that is judged under sequential consistency alone"
    elif not racing:
        plain += "; no plain accesses race: that was not judged"
    else:
        plain += ": plain accesses need none where nothing races"
    said = ["the scenario's tasks and objects, no others", ASSUMED[memory], plain]
    if result.granularity == SECTION:
        said.append(_sections(result))
    if not result.complete:
        said.insert(0, how_far(result))
    return said


def _sections(result: Result) -> str:
    said = (
        "a critical section that cannot block inside is one step, and the order of two that touch "
        "nothing in common is left open"
    )
    if not result.unfused:
        return said
    apart = ", ".join(f"{name} ({why})" for name, why in result.unfused.items())
    return f"{said}; operation by operation: {apart}"


def settle(result: Result) -> None:
    """Say of each predicted deadlock whether some schedule of the scenario really deadlocks.

    A lock-order cycle is confirmed by a deadlock in which each of its classes is held by one
    blocked task and waited for by another, or only held by one that waits for a later one;
    refuted if every trace was explored without one.  A deadlock by way of an interrupt is not
    refuted while interrupts ran on CPUs of their own alone, nor one by way of reclaim while nobody
    reclaimed.
    """
    for finding in result.findings:
        if is_predicted(finding):
            _settle(finding, result, "within this scenario")
            lacking = missing(finding, result.parameters, result.lock_graph)
            if lacking and finding.reality == REFUTED:
                finding.reality = OPEN
                finding.because = WITHOUT[next(iter(lacking))]


def settle_again(
    findings: Sequence[Finding], again: Result, shrunk: Iterable[str] | None = None
) -> None:
    """Say so of findings by another exploration of their scenario, with more parameters: with
    interrupts anywhere, if it does not say which; `shrunk` is what shrinkers took in it."""
    given = [said for name, said in WITH.items() if name in again.parameters]
    within = ", ".join(("within this scenario", *(given or [WITH[INTERRUPTS]])))
    for finding in findings:
        _settle(finding, again, within)
        untaken = not_shrunk(finding.classes, shrunk)
        if untaken and finding.reality == REFUTED:
            finding.because = f"within this scenario: {untaken}"


class Predicted(Protocol):
    """A finding of the lock validator, or a prediction."""

    @property
    def kind(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...]: ...


def missing(
    predicted: Predicted, parameters: Mapping[str, Value], graph: Iterable[dict[str, Value]]
) -> dict[str, str]:
    """What a scenario with these parameters has to be given before the predicted can happen;
    `graph` is the lock graph that it was predicted of."""
    needed = {INTERRUPTS: ANYWHERE} if predicted.kind in BY_INTERRUPT else {}
    maps = [name for name in predicted.classes if unversioned(name) in BY_RECLAIM]
    if maps and any(_is_map(edge, name) for edge in graph for name in maps):
        needed[RECLAIM] = "1"
    return {name: value for name, value in needed.items() if name not in parameters}


def _is_map(edge: dict[str, Value], name: str) -> bool:
    """Is this class, in an edge of a lock graph, one that nobody waits for?"""
    ends = zip((edge["held"], edge["new"]), edge["classes"], strict=True)
    return any(end == name and not any(cls["wait"]) for end, cls in ends)


def not_shrunk(cycle: Sequence[str], shrunk: Iterable[str] | None) -> str:
    """Says that shrinkers never take what the cycle has after fs_reclaim; empty if they do, or it
    has nothing there.  `shrunk` is what they took, None if nobody looked."""
    names = [unversioned(name) for name in cycle]
    if shrunk is None or FS_RECLAIM.name not in names or len(names) < 2:
        return ""
    taken = {unversioned(name) for name in shrunk}
    wanted = names[(names.index(FS_RECLAIM.name) + 1) % len(names)]
    return "" if wanted in taken else f"no shrinker of this world takes {wanted}"


def _settle(finding: Finding, result: Result, within: str) -> None:
    deadlocks = (found for found in result.findings if found.kind == "deadlock")
    proof = next((found for found in deadlocks if proves(finding.classes, found)), None)
    if proof is not None:
        finding.reality = CONFIRMED
        finding.because = f"it happens: {proof.message}{PROOF}{proof.token}"
    elif result.complete:
        finding.reality = REFUTED
        traces = f"none of its {result.executions} traces deadlocks"
        if result.executions == 1:
            traces = "its one trace does not deadlock"
        finding.because = f"{within}: {traces} on it"
    else:
        finding.reality = OPEN
        finding.because = (
            f"{counted(result.executions, 'execution')} did not deadlock on it, and not all "
            "were explored"
        )


def needs_interrupts(finding: Finding) -> bool:
    """Is it predicted of a task and a handler that interrupts it?"""
    return is_predicted(finding) and finding.kind in BY_INTERRUPT


def is_predicted(finding: Finding) -> bool:
    """Does it say that a deadlock is possible, and not that something has happened?"""
    return finding.report is not None and bool(finding.classes)


def proves(classes: Sequence[str], deadlock: Finding) -> bool:
    """Is this the deadlock that was predicted of these classes?"""
    wanted = [unversioned(name) for name in classes]
    waits = [tuple(map(unversioned, names)) for names in deadlock.waits]
    return set(wanted) <= set(map(unversioned, deadlock.classes)) or goes_round(wanted, waits)


def unversioned(name: str) -> str:
    """A class without the number that tells keys of one name apart: tasks do not tell that."""
    return VERSIONED.sub("", name)


def goes_round(cycle: Sequence[str], waits: Sequence[Sequence[str]]) -> bool:
    """Do blocked tasks close a cycle of lock classes, each of them a part of it?

    A task's part are classes in a row that it holds, up to the one that it waits for; `waits` has
    of each task what it holds, and last what it waits for.
    """
    size = len(cycle)
    rings = [*cycle, *cycle, *cycle]
    for start in range(size):
        reached = {start}
        for at in range(start, start + size):
            if at not in reached:
                continue
            for *held, wanted in waits:
                end = at
                while end < start + size and rings[end] in held:
                    end += 1
                    if rings[end] == wanted:
                        reached.add(end)
        if start + size in reached:
            return True
    return False
