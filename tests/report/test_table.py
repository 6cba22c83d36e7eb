"""The table of verdicts."""

from __future__ import annotations

import re

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.table import Row, legend, row_of, table
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


def test_times_give_way_to_names() -> None:
    name = "eventfs/v3:writer_starves_queued"
    row = Row(name, "violated", (), 417, 12, 3.0)
    narrow = table([row], 80, live=True)
    assert f"\n{name}  violated" in narrow
    assert "seconds" not in narrow
    assert "per second" in table([row], 100, live=True)
    assert "per second" in table([Row("a/b:c", "verified")], 80, live=True)


def test_a_name_without_room_has_lines_of_its_own() -> None:
    name = "eventfs/v3:writer_starves_queued"
    lines = table([Row(name, "violated", (), 417, 12)], 40, colour=True).splitlines()
    assert lines[2] == name
    assert lines[3].split() == ["\x1b[1;31mviolated\x1b[0m", "417"]
    assert max(map(len, table([Row(name, "violated", (), 417, 12)], 40).splitlines())) <= 40


def violated(*findings: Finding, complete: bool = False, executions: int = 1) -> Result:
    result = Result("d:c", "", {}, "dpor", Verdict.VIOLATED, complete=complete)
    result.findings, result.executions = list(findings), executions
    return result


def test_a_violated_run_that_is_not_complete_says_so_below() -> None:
    text = table([row_of(violated(Finding("leak", "m", "2", 0, "t")))])
    assert text.splitlines()[-3:] == [
        "    leak",
        "    not complete: 1 execution, not all interleavings; other findings may be",
        "    missing",
    ]
    assert row_of(violated(complete=True)).incomplete == ""


def test_the_legend_explains_the_words_that_occur() -> None:
    predicted = [
        Finding(CYCLE, "m", word, 0, "t", reality=word) for word in ("open", "refuted", "confirmed")
    ]
    assert legend([violated(Finding("leak", "m", "2", 0, "t"))]) == ""
    assert legend([violated(predicted[0])]).startswith("open: ")
    words = [part.partition(":")[0] for part in legend([violated(*predicted)]).split("; ")]
    assert words == ["confirmed", "refuted", "open"]
