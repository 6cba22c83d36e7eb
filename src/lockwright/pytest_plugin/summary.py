"""The last section of a run: findings and tokens, what was replayed, where the report is."""

from __future__ import annotations

import pytest

from lockwright.pytest_plugin.attributes import FINDINGS, GATHERING, REPLAYED


def summarize(terminal: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the section, if there is something in it; by test, whatever worker ran which."""
    lines = []
    reports = [report for group in terminal.stats.values() for report in group]
    for report in sorted(
        (each for each in reports if hasattr(each, FINDINGS)), key=lambda each: each.nodeid
    ):
        lines.append(report.nodeid)
        for message, token in getattr(report, FINDINGS):
            lines.append(f"  {message}")
            if token:
                lines.append(f"    {token}")
    for report in terminal.getreports("passed"):
        for text in getattr(report, REPLAYED, ()):
            lines += [report.nodeid, "", *text.split("\n"), ""]
    gathering = config.pluginmanager.get_plugin(GATHERING)
    if gathering is not None:
        lines.append(gathering.said)
    if lines:
        terminal.section("lockwright")
        for line in lines:
            terminal.line(line)
