"""The table of the recorded bugs: its forms, and that it is as the committed one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reports.corpus import (
    BASELINE,
    HEADS,
    NOT_MODELLED_HEADS,
    STILL_THERE_HEADS,
    Kept,
    Row,
    as_json,
    conclusion,
    explored,
    explored_still_there,
    markdown,
    modelled,
    printed,
    reasons,
    rows_in,
    without_seconds,
)

ROW = Row(
    bug="E03",
    title="eventfs_mutex held while taking i_rwsem",
    design="eventfs/v4",
    before="eventfs/v4:open_vs_lookup",
    verdict_before="found: deadlock",
    executions_before=13,
    else_before=("broken promise",),
    after="eventfs/linux_6_6:open_vs_lookup --param mended=true",
    verdict_after="gone",
    executions_after=1594,
    else_after=(),
    seconds=1.25,
    message="2 tasks wait for ever",
    note="",
    holds=True,
)


KEPT = Kept(
    bug="A10",
    title="mkdir says -EINVAL",
    where="eventfs/latest:attempt_mkdir",
    verdict="found: broken promise",
    executions=1018,
    message="make_instance foo gives -22",
    note="as ever",
    holds=True,
)


def test_a_bug_that_is_still_there_says_where() -> None:
    assert KEPT.cells() == (
        "A10",
        "mkdir says -EINVAL (as ever)",
        "eventfs/latest:attempt_mkdir",
        "found: broken promise",
        "1,018",
    )
    assert replace(KEPT, note="").cells()[1] == "mkdir says -EINVAL"


def test_a_row_says_what_was_found_and_that_it_is_gone() -> None:
    assert ROW.cells() == (
        "E03",
        "eventfs_mutex held while taking i_rwsem",
        "eventfs/v4:open_vs_lookup",
        "found: deadlock",
        "13",
        "eventfs/linux_6_6:open_vs_lookup --param mended=true",
        "gone",
        "1,594",
        "1.2",
    )


def test_a_row_says_what_else_is_found_where_the_bug_is_mended() -> None:
    assert replace(ROW, else_after=("leak",)).cells()[6] == "gone; there is: leak"


def test_a_row_says_what_stands_for_what() -> None:
    assert replace(ROW, note="in 6.6").cells()[1].endswith("(in 6.6)")


def test_tables_that_differ_in_seconds_only_are_the_same() -> None:
    slower = markdown([replace(ROW, seconds=99.0)])
    assert slower != markdown([ROW])
    assert without_seconds(slower) == without_seconds(markdown([ROW]))


def test_tables_that_differ_in_anything_else_are_not() -> None:
    for other in (replace(ROW, executions_after=1595), replace(ROW, verdict_after="still there")):
        assert without_seconds(markdown([other])) != without_seconds(markdown([ROW]))


def test_a_cell_with_a_bar_is_one_cell() -> None:
    lines = without_seconds(markdown([replace(ROW, title="one | two")]))
    assert sum("one \\| two" in line for line in lines) == 1


def test_the_committed_form_is_read_back() -> None:
    barred = replace(ROW, title="one | two \\| three")
    text = markdown([ROW, barred], [KEPT])
    assert rows_in(text, HEADS) == [ROW.cells(), barred.cells()]
    assert rows_in(text, STILL_THERE_HEADS) == [KEPT.cells()]
    assert rows_in(text, NOT_MODELLED_HEADS) == reasons()
    assert rows_in("no table", HEADS) == []


def test_the_table_for_people_has_the_cells() -> None:
    console = Console(file=io.StringIO(), width=250)
    printed([ROW], console)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "found: deadlock" in said
    assert conclusion([ROW]) in said


def test_what_is_still_there_stands_below_the_table_in_each_form() -> None:
    line = "| A10 | mkdir says -EINVAL (as ever) | eventfs/latest:attempt_mkdir | found: broken"
    _, _, below = markdown([ROW], [KEPT]).partition("## Still there")
    assert line in below
    console = Console(file=io.StringIO(), width=250)
    printed([ROW], console, [KEPT])
    assert isinstance(console.file, io.StringIO)
    assert "eventfs/latest:attempt_mkdir" in console.file.getvalue()
    assert as_json([ROW], [KEPT])["still_there"][0]["where"] == KEPT.where


def test_a_bug_that_should_be_there_and_is_not_found_is_counted_as_broken() -> None:
    assert "1 found and still there, 0 not" in conclusion([ROW], [KEPT])
    assert "0 found and still there, 1 not" in conclusion([ROW], [replace(KEPT, holds=False)])


def test_the_json_form_has_a_version_and_the_rows() -> None:
    made = json.loads(json.dumps(as_json([ROW])))
    assert made["version"] == 1
    assert made["entries"][0]["before"] == ROW.before
    assert made["entries"][0]["executions_after"] == 1594


def test_a_bug_is_counted_as_gone_only_if_all_its_entries_are() -> None:
    assert "1 bugs found and gone, 0 found and still there, 0 not" in conclusion([ROW])
    broken = conclusion([ROW, replace(ROW, holds=False)])
    assert "0 bugs found and gone, 0 found and still there, 1 not" in broken


def test_the_readme_links_the_table() -> None:
    readme = Path(__file__).parent.parent.parent / "README.md"
    assert "reports/baselines/corpus.md" in readme.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_whole_table_is_the_committed_one() -> None:
    rows = list(explored(2))
    assert len(rows) == len(modelled())
    committed = BASELINE.read_text(encoding="utf-8")
    made = markdown(rows, explored_still_there())
    assert without_seconds(made) == without_seconds(committed)
