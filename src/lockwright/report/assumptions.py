"""What was assumed where nothing broke, as lines: what all say once, then what only some say."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.result import Result
from lockwright.report.columns import WIDTH
from lockwright.report.lines import folded


def shared(results: Sequence[Result]) -> list[str]:
    """What all results without a finding assume."""
    green = [result for result in results if not result.findings]
    first = green[0].assumptions if green else ()
    return [said for said in first if all(said in result.assumptions for result in green)]


def assumption_lines(results: Sequence[Result], width: int = WIDTH) -> list[str]:
    """A heading and a list; nothing if something broke everywhere."""
    green = [result for result in results if not result.findings]
    if not green:
        return []
    by_all = shared(results)
    own = [
        f"{result.scenario}: {said}"
        for result in green
        for said in result.assumptions
        if said not in by_all
    ]
    lines = ["Where nothing broke, this was assumed:"]
    for said in (*by_all, *own):
        lines += folded(f"- {said}", width)
    return lines
