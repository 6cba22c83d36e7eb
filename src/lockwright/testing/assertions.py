"""What a test asks of a Result: that it is verified, its outcomes, its findings.

Each raises `Failure`, an AssertionError, that shows what broke and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.columns import WIDTH, counted
from lockwright.report.extent import how_far
from lockwright.report.findings import broken_text, folded, headline
from lockwright.testing.failure import REPLAY, Failure, failure

ACCEPT = (
    "What to do: explore further (more executions or seconds, a larger profile); or make the "
    "scenario smaller; or ask for less: assert_no_findings() wants no more than that nothing broke "
    "in what was explored."
)


def assert_no_findings(result: Result, *, replay: str = REPLAY) -> None:
    """Nothing broke in what was explored, however little that was."""
    __tracebackhide__ = True
    if result.findings:
        raise failure(result, replay=replay)


def assert_verified(
    result: Result, *, within_bound: bool = False, said: Sequence[str] = (), replay: str = REPLAY
) -> None:
    """Nothing broke, and every interleaving was explored.

    With `within_bound` it is enough that the search came to the end of its bound: all schedules of
    at most so many preemptions (strategy bounded).  A search that was stopped, as a random one
    always is, never verifies.  `said` are sentences for whoever reads that it was stopped.
    """
    __tracebackhide__ = True
    assert_no_findings(result, replay=replay)
    if result.complete or (within_bound and result.verdict is Verdict.WITHIN_BOUND):
        return
    raise _unfinished(result, "not verified", said)


def assert_outcomes(
    result: Result,
    expected: Iterable[str] | Mapping[str, int],
    *,
    within_bound: bool = False,
    said: Sequence[str] = (),
) -> None:
    """The final states are exactly these, and no interleaving was left out that could have more.

    With a mapping, each comes of exactly so many executions, too.  Findings are not looked at.
    """
    __tracebackhide__ = True
    if isinstance(expected, str):
        raise UsageError(f"expected a set of outcomes, as {{{expected!r}}}, not one text")
    counts = dict(expected) if isinstance(expected, Mapping) else None
    wanted = set(expected)
    got = set(result.outcomes)
    if wanted != got or (counts is not None and counts != result.outcomes):
        raise Failure(*_other_outcomes(result, wanted, counts), result=result)
    if result.complete or (within_bound and result.verdict is Verdict.WITHIN_BOUND):
        return
    raise _unfinished(result, "these outcomes, but maybe not all", said)


def assert_finds(result: Result, kind: str, *, says: str = "") -> Finding:
    """There is a finding of this kind whose report, or message, matches the regular expression.

    Returns the first.
    """
    __tracebackhide__ = True
    try:
        pattern = re.compile(says, re.MULTILINE)
    except re.error as error:
        raise UsageError(f"says={says!r} is no regular expression: {error}") from None
    of_kind = [finding for finding in result.findings if finding.kind == kind]
    for finding in of_kind:
        if any(pattern.search(text) for text in _texts(finding)):
            return finding
    raise Failure(*_not_found(result, kind, says, of_kind), result=result)


def _texts(finding: Finding) -> tuple[str, ...]:
    return finding.message, headline(finding), "\n".join(finding.lines), finding.text


def _unfinished(result: Result, what: str, said: Sequence[str]) -> Failure:
    """The failure of a search that was stopped: how far it came, and what to do."""
    summary = f"{result.scenario}: {what}: {result.verdict.value}: {how_far(result)}"
    sentences = [summary, *said]
    if result.verdict is Verdict.WITHIN_BOUND:
        sentences.append("assert_verified(within_bound=True) accepts the bound.")
    sentences.append(ACCEPT)
    text = "\n".join(line for sentence in sentences for line in folded(sentence, WIDTH))
    return Failure(text, summary, result=result)


def _other_outcomes(
    result: Result, wanted: set[str], counts: dict[str, int] | None
) -> tuple[str, str]:
    """The text and the summary of outcomes that differ."""
    lines = [f"{result.scenario}: other outcomes than expected"]
    lines += [
        f"  expected, and in no execution: {text}" for text in sorted(wanted - set(result.outcomes))
    ]
    lines += [
        f"  not expected, in {counted(count, 'execution')}: {text}"
        for text, count in sorted(result.outcomes.items())
        if text not in wanted
    ]
    lines += [
        f"  expected in {counted(count, 'execution')}, in {result.outcomes[text]}: {text}"
        for text, count in sorted((counts or {}).items())
        if text in result.outcomes and result.outcomes[text] != count
    ]
    if not result.outcomes:
        lines.append("  (no execution had an outcome: has the scenario one, and do its tasks end?)")
    return "\n".join(lines), lines[0]


def _not_found(result: Result, kind: str, says: str, of_kind: list[Finding]) -> tuple[str, str]:
    """The text and the summary of a finding that is not there."""
    summary = f"{result.scenario}: no finding of kind {kind!r}"
    if of_kind:
        summary += f" says {says!r}"
    kinds = list(dict.fromkeys(finding.kind for finding in result.findings))
    close = get_close_matches(kind, kinds, n=1) if not of_kind else []
    lines = [summary, f"{result.verdict.value}: {_explored(result)}"]
    if close:
        lines.append(f"did you mean {close[0]!r}?")
    lines += [f"found: {headline(finding)}" for finding in result.findings if not of_kind]
    for finding in of_kind:
        lines += ["", f"found: {finding.kind}", broken_text(finding, WIDTH)]
    return "\n".join(lines), summary


def _explored(result: Result) -> str:
    return counted(result.executions, "execution") if result.complete else how_far(result)
