"""A finding as text: what broke, whether it really happens, the interleaving, the replay line."""

from __future__ import annotations

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.report.columns import WIDTH, columns, counted
from lockwright.report.lines import folded, replay_line
from lockwright.report.nearest import nearest_text

__all__ = [
    "PROOF",
    "broken_text",
    "events_text",
    "finding_text",
    "folded",
    "headline",
    "price_text",
    "reality_lines",
    "repeated_text",
    "replay_line",
    "replays",
]

PROOF = "; replay "
"""What stands in `Finding.because` before the token of the deadlock that was predicted."""


def finding_text(finding: Finding, width: int = WIDTH, *, shown: int = 0) -> str:
    """The whole report of a finding.  A kernel-style report is printed as it is.

    `shown` is the number of the finding that has printed this interleaving before, or 0.
    """
    parts = [broken_text(finding, width)]
    if finding.reality:
        parts.append("\n".join(reality_lines(finding, width)))
    if shown:
        parts.append(f"interleaving: as in finding {shown}")
    elif finding.events:
        parts.append(columns(finding.events, width))
    if finding.preemptions >= 0:
        parts.append("\n".join(folded(price_text(finding), width)))
    proof = _proof(finding)
    parts += [replay_line(token, said) for said, token in replays(finding) if token != proof]
    if beside := nearest_text(finding, width):
        parts.append(beside)
    return "\n\n".join(parts)


def price_text(finding: Finding) -> str:
    """How many preemptions the schedule has, and whether fewer would do."""
    count = finding.preemptions
    if not count:
        return "no preemption: each task runs until it waits or ends"
    known = "no schedule shows it with fewer" if finding.minimal else "fewer may do"
    return f"{counted(count, 'preemption')}; {known}"


def headline(finding: Finding) -> str:
    """`kind: message`; many messages begin with their kind."""
    if finding.message.startswith(finding.kind):
        return finding.message
    return f"{finding.kind}: {finding.message}"


def broken_text(finding: Finding, width: int = WIDTH) -> str:
    """What broke: the report as the kernel prints it, or the message and what there is to say."""
    if finding.text:
        return finding.text.strip("\n")
    lines = folded(headline(finding), width)
    if finding.lines:
        lines += [part for line in finding.lines for part in folded(line, width)]
    elif finding.chain:
        lines += [part for frame in finding.chain for part in folded(f"  {frame}", width)]
    return "\n".join(lines)


def reality_lines(finding: Finding, width: int = WIDTH) -> list[str]:
    """Whether a predicted deadlock happens, and why; the proof's token stays in one piece."""
    lines = folded(f"{finding.reality}: {finding.because.partition(PROOF)[0]}", width)
    proof = _proof(finding)
    return lines + [replay_line(token, said) for said, token in replays(finding) if token == proof]


def replays(finding: Finding) -> list[tuple[str, str]]:
    """What can be replayed, and its token: the deadlock that proves the finding, the run itself."""
    proof = _proof(finding)
    said = []
    if proof:
        said.append(("the deadlock" if proof != finding.token else "replay", proof))
    if finding.token and finding.token != proof:
        said.append(("this run" if proof else "replay", finding.token))
    return said


def _proof(finding: Finding) -> str:
    """The token of the deadlock that confirms a prediction, or nothing."""
    return finding.because.partition(PROOF)[2]


def repeated_text(finding: Finding, scenario: str, width: int = WIDTH) -> str:
    """One that was printed in full at another scenario."""
    here = f"; here {finding.reality}" if finding.reality else ""
    said = f"{headline(finding)}: as in {scenario}{here}"
    token = [replay_line(finding.token)] if finding.token else []
    return "\n".join([*folded(said, width), *token])


def events_text(events: tuple[Event, ...], width: int = WIDTH) -> str:
    """The interleaving, or that there was no step."""
    return columns(events, width) or "no step was taken"
