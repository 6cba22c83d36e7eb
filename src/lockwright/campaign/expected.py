"""What is expected of a campaign's items, and whether it came; the exit status of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lockwright.campaign.plan import Expectation
from lockwright.campaign.record import DONE, FAILED, GivenUp, Record
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.columns import counted

FINE, BROKEN, OPEN, ERROR = 0, 1, 3, 4
"""The exit statuses of a campaign that has not been interrupted."""
WORST_FIRST = (ERROR, BROKEN, OPEN, FINE)


def unmet(expected: Sequence[Expectation], result: Result) -> list[str]:
    """A sentence for each thing that is not as expected; none if all is."""
    return list(dict.fromkeys(said for each in expected for said in _unmet(each, result)))


def _unmet(expected: Expectation, result: Result) -> Iterator[str]:
    if expected.verdict is not None and expected.verdict != result.verdict:
        yield f"expected the verdict {expected.verdict}, got {result.verdict}"
    if expected.executions is not None and expected.executions != result.executions:
        yield f"expected {counted(expected.executions, 'execution')}, got {result.executions}"
    if expected.complete is not None and expected.complete != result.complete:
        words = ("an exploration that is not complete", "a complete exploration")
        got = ("one that is not", "a complete one")
        yield f"expected {words[expected.complete]}, got {got[result.complete]}"
    if expected.findings is not None:
        kinds = sorted({finding.kind for finding in result.findings})
        if kinds != sorted(expected.findings):
            yield f"expected {_findings(sorted(expected.findings))}, got {_findings(kinds)}"
    if expected.outcomes is not None:
        for text in expected.outcomes:
            if text not in result.outcomes:
                yield f"expected the outcome {text!r}, which never came"
        for text in sorted(result.outcomes):
            if text not in expected.outcomes:
                yield f"the outcome {text!r} came, which is not expected"


def _findings(kinds: Sequence[str]) -> str:
    if not kinds:
        return "no finding"
    return f"{'the finding' if len(kinds) == 1 else 'findings'} {'; '.join(kinds)}"


def unexpected(expected: Sequence[Expectation], findings: Iterable[Finding]) -> list[Finding]:
    """The findings that nobody has said there would be.

    An expectation that names findings allows their kinds; one that says `violated` and names none,
    all of them.
    """
    named = [each.findings for each in expected if each.findings is not None]
    if named:
        allowed = {kind for kinds in named for kind in kinds}
        return [finding for finding in findings if finding.kind not in allowed]
    if any(each.verdict == Verdict.VIOLATED for each in expected):
        return []
    return list(findings)


def status_of(records: Iterable[Record], given_up: Sequence[GivenUp]) -> int:
    """What a campaign's exit status is.

    4 if an item failed or pieces were given up; 1 if something is not as expected, or there is a
    finding that nobody expected; 3 if nothing is broken and not all was explored; 0 else.
    """
    statuses = [status(record) for record in records]
    if given_up:
        statuses.append(ERROR)
    return min(statuses, key=WORST_FIRST.index, default=FINE)


def status(record: Record) -> int:
    """The same of one item.

    Of one that is not done, only findings count.  One that is as expected is fine, but for an
    exhaustive search that was stopped, of which nobody has said that it would be.
    """
    expected, result = record.item.expected, record.result
    if record.phase == FAILED:
        return ERROR
    if result is not None and unexpected(expected, result.findings):
        return BROKEN
    if record.phase != DONE or result is None:
        return OPEN
    if unmet(expected, result):
        return BROKEN
    if result.complete:
        return FINE
    # to draw schedules is never to be complete: who expects something of it expects no more
    drawn = bool(expected) and not record.item.exhaustive
    return FINE if drawn or _says_how_far(expected) else OPEN


def fine(record: Record) -> bool:
    """Is there nothing to say against the item?"""
    return status(record) == FINE


def _says_how_far(expected: Sequence[Expectation]) -> bool:
    """Does somebody expect it to end as it does, be it complete or not?"""
    return any(each.verdict is not None or each.complete is not None for each in expected)
