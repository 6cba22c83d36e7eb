"""What may be said at the end: the verdict, what it assumes, and which predictions come true."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.result import Result, Verdict
from lockwright.kernel.storebuffer import ASSUMED, SC
from lockwright.options import SECTION
from lockwright.report.columns import counted
from lockwright.report.extent import how_far
from lockwright.report.findings import PROOF
from lockwright.scenario import MEMORY


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
    refuted if every trace was explored without one.
    """
    deadlocks = [finding for finding in result.findings if finding.kind == "deadlock"]
    for finding in result.findings:
        if finding.report is None or not finding.classes:
            continue
        wanted = set(finding.classes)
        proof = next(
            (
                found
                for found in deadlocks
                if wanted <= set(found.classes) or goes_round(finding.classes, found.waits)
            ),
            None,
        )
        if proof is not None:
            finding.reality = "confirmed"
            finding.because = f"it happens: {proof.message}{PROOF}{proof.token}"
        elif result.complete:
            finding.reality = "refuted"
            traces = f"none of its {result.executions} traces deadlocks"
            if result.executions == 1:
                traces = "its one trace does not deadlock"
            finding.because = f"within this scenario: {traces} on it"
        else:
            finding.reality = "open"
            finding.because = (
                f"{counted(result.executions, 'execution')} did not deadlock on it, and not all "
                "were explored"
            )


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
