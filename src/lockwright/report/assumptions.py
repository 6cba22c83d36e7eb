"""What was assumed where nothing broke, as lines: what all say once, then what only some say."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.result import Result
from lockwright.report.columns import WIDTH
from lockwright.report.lines import folded


def assumption_lines(results: Sequence[Result], width: int = WIDTH) -> list[str]:
    """A heading and a list; nothing if something broke everywhere."""
    green = [result for result in results if not result.findings]
    if not green:
        return []
    shared = [said for said in green[0].assumptions if all(said in r.assumptions for r in green)]
    own = [
        f"{result.scenario}: {said}"
        for result in green
        for said in result.assumptions
        if said not in shared
    ]
    lines = ["Where nothing broke, this was assumed:"]
    for said in (*shared, *own):
        lines += folded(f"- {said}", width)
    return lines
