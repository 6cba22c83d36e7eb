"""The table of verdicts."""

from __future__ import annotations

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.table import Row, row_of, table
from tests.report.golden_files import assert_golden

CYCLE = "possible circular locking dependency"
ROWS = [
    Row("eventfs/v3:open_vs_lookup", "violated", (f"{CYCLE}, confirmed", "deadlock"), 417, 12),
    Row("eventfs/v3:open_vs_remove_of_the_parent", "verified", (), 1_234_567, 0),
    Row("eventfs/v4:lookup", "stopped", (), 1000, 0),
]


def test_the_table_fits_eighty_columns() -> None:
    text = table(ROWS)
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("table.txt", text + "\n")


def test_time_and_rate_are_for_wide_terminals() -> None:
    assert "per second" not in table(ROWS)
    assert "per second" not in table(ROWS, 80, live=True)
    assert "per second" in table(ROWS, 120, live=True)


def test_colour_is_there_only_when_asked_for() -> None:
    assert "\x1b[" not in table(ROWS)
    assert "\x1b[1;31mviolated" in table(ROWS, colour=True)


def test_markup_in_a_name_is_text() -> None:
    assert "x[red]:y" in table([Row("x[red]:y", "verified")])


def test_findings_are_counted_by_kind_and_reality() -> None:
    result = Result("d:c", "", {}, "dpor", Verdict.VIOLATED)
    result.findings = [
        Finding(CYCLE, "m", "1", 0, "t", reality="refuted"),
        Finding("leak", "m", "2", 0, "t"),
        Finding(CYCLE, "m", "3", 0, "t", reality="refuted"),
    ]
    assert row_of(result).findings == ("leak", f"2 x {CYCLE}, refuted")
