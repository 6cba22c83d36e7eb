"""A test that fails because of an exploration: what it says, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.core.schedule import Choice
from lockwright.report.columns import WIDTH, columns, counted
from lockwright.report.findings import broken_text, headline

REPLAY = "lockwright replay"
"""The command that makes an execution happen again, where the project has the scenario."""


class Failure(AssertionError):
    """A test fails: `str` of it is all that there is to show, `summary` one line.

    `result` is what was explored, None if that is not known; `findings` are those that the text
    tells of.
    """

    def __init__(
        self,
        text: str,
        summary: str = "",
        *,
        result: Result | None = None,
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(text)
        self.text = text
        self.summary = summary or text.partition("\n")[0]
        self.result = result
        self.findings = tuple(findings)

    def __reduce__(self) -> tuple[object, ...]:
        # an exception is copied by its arguments, of which ours has more than str() shows
        return _again, (self.text, self.summary, self.result, self.findings)


def _again(
    text: str, summary: str, result: Result | None, findings: tuple[Finding, ...]
) -> Failure:
    return Failure(text, summary, result=result, findings=findings)


def failure_text(
    result: Result,
    findings: Sequence[Finding] | None = None,
    width: int = WIDTH,
    *,
    replay: str = REPLAY,
) -> str:
    """Of each finding its report, its interleaving in columns, and the line that replays it.

    All findings of the result, if it is not said which.  `replay` is the command before the token.
    """
    findings = result.findings if findings is None else findings
    many, parts = len(findings) > 1, []
    printed: dict[tuple[Choice, ...], int] = {}
    for at, finding in enumerate(findings, 1):
        if many:
            parts.append(f"finding {at} of {len(findings)}: {finding.kind}")
        shown = printed.setdefault(finding.schedule, at)
        parts.append(
            finding_failure(finding, width, replay=replay, shown=shown if shown < at else 0)
        )
    return "\n\n".join(parts)


def finding_failure(
    finding: Finding, width: int = WIDTH, *, replay: str = REPLAY, shown: int = 0
) -> str:
    """One finding; `shown` is the number of the one that has shown this interleaving, or 0."""
    parts = [broken_text(finding, width)]
    if finding.events:
        parts.append(
            f"interleaving: as in finding {shown}" if shown else columns(finding.events, width)
        )
    if finding.token:
        parts.append(f"replay: {replay} '{finding.token}'")
    return "\n\n".join(parts)


def summary_of(result: Result, findings: Sequence[Finding]) -> str:
    """One line: where, what, and how much more."""
    if not findings:
        return f"{result.scenario}: {result.verdict.value}"
    more = f" (and {counted(len(findings) - 1, 'more finding')})" if len(findings) > 1 else ""
    return f"{result.scenario}: {headline(findings[0])}{more}"


def failure(
    result: Result,
    findings: Sequence[Finding] | None = None,
    width: int = WIDTH,
    *,
    replay: str = REPLAY,
) -> Failure:
    """The exception that tells of a result's findings."""
    findings = result.findings if findings is None else findings
    text = failure_text(result, findings, width, replay=replay)
    return Failure(text, summary_of(result, findings), result=result, findings=findings)
