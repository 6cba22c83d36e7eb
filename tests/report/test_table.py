"""The table of verdicts."""

from __future__ import annotations

import re

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.table import Row, row_of, table
from tests.report.golden_files import assert_golden

CYCLE = "possible circular locking dependency"
ROWS = [
    Row("eventfs/v3:open_vs_lookup", "violated", (f"{CYCLE} (confirmed)", "deadlock"), 417, 12),
    Row("eventfs/v3:open_vs_remove_of_the_parent", "verified", (), 1_234_567, 0),
    Row("eventfs/v4:lookup", "stopped", (), 1000, 0),
]


def test_the_table_fits_eighty_columns() -> None:
    text = table(ROWS)
    assert max(map(len, text.splitlines())) <= 80
    assert_golden("table.txt", text + "\n")


def test_time_is_for_terminals() -> None:
    assert "seconds" not in table(ROWS)
    assert "seconds" in table(ROWS, 120, live=True)


def test_colour_is_there_only_when_asked_for() -> None:
    plain = table(ROWS)
    assert "\x1b" not in plain
    coloured = table(ROWS, colour=True)
    assert "\x1b[1;31mviolated\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_name_that_is_too_long_is_cut_and_keeps_its_row() -> None:
    name = "eventfs/linux_6_12:" + "remove_of_the_parent_" * 3
    above, last = table([Row(name, "verified")]).splitlines()[2:]
    assert above + last.split()[0] == name
    assert last.split()[1:] == ["verified", "0", "0"]


def test_findings_are_counted_by_kind_and_reality() -> None:
    result = Result("d:c", "", {}, "dpor", Verdict.VIOLATED)
    result.findings = [
        Finding(CYCLE, "m", "1", 0, "t", reality="refuted"),
        Finding("leak", "m", "2", 0, "t"),
        Finding(CYCLE, "m", "3", 0, "t", reality="refuted"),
    ]
    assert row_of(result).findings == ("leak", f"2 x {CYCLE} (refuted)")
