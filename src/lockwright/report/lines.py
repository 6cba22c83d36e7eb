"""Lines of a report: cut at spaces, and the one that is never cut."""

from __future__ import annotations

import textwrap

from lockwright.report.columns import WIDTH


def replay_line(token: str, label: str = "replay") -> str:
    """The command that makes the execution happen again; never wrapped."""
    return f"{label}: lockwright replay '{token}'"


def folded(line: str, width: int = WIDTH) -> list[str]:
    """A line cut at spaces, what follows indented two more than its beginning."""
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.wrap(
        line, width, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    ) or [""]
