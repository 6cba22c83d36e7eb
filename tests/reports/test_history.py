"""The picture of the history: counted from the verdicts, and as the committed one."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from reports.history import BASELINE, Row, markdown, picture, rows_of, rules_of
from reports.verdicts import baseline
from stress.scenarios.designs import DESIGNS

VERDICTS = {
    "eventfs/v4:one": {
        "verdict": "violated",
        "complete": True,
        "findings": [["leak", "", "a"], ["leak", "", "b"], ["deadlock", "", "c"]],
    },
    "eventfs/v4:two": {"verdict": "verified", "complete": True, "findings": []},
    "eventfs/v3:one": {"verdict": "stopped", "complete": False, "findings": []},
    "mine/abba:one": {"verdict": "violated", "complete": True, "findings": [["other", "", "d"]]},
}


def test_a_cell_counts_scenarios_and_not_findings() -> None:
    assert rows_of(VERDICTS)[1] == Row("eventfs/v4", 2, 1, 0, {"deadlock": 1, "leak": 1})


def test_the_rows_are_the_designs_in_their_historical_order() -> None:
    assert [row.design for row in rows_of(VERDICTS)] == ["eventfs/v3", "eventfs/v4"]


def test_the_columns_are_the_rules_that_a_design_breaks() -> None:
    assert rules_of(rows_of(VERDICTS)) == ["deadlock", "leak"]


def test_what_was_not_explored_to_the_end_is_said() -> None:
    rows = rows_of(VERDICTS)
    assert "eventfs/v3: 1 not explored to the end (500 executions)." in markdown(rows)
    assert "eventfs/v4: " not in markdown(rows)


def test_the_picture_has_a_box_for_each_cell_and_a_count_where_a_rule_is_broken() -> None:
    root = ET.fromstring(picture(rows_of(VERDICTS)))
    boxes = [node for node in root if node.tag.endswith("rect")]
    assert len(boxes) == 4
    assert [box.get("fill") for box in boxes] == ["#eeeeee", "#eeeeee", "#c0392b", "#c0392b"]
    titles = [title.text for box in boxes for title in box]
    assert titles[2] == "eventfs/v4, deadlock: 1 of 2 scenarios"


def test_the_picture_is_the_same_for_the_same_rows() -> None:
    assert picture(rows_of(VERDICTS)) == picture(rows_of(dict(reversed(VERDICTS.items()))))


def test_every_design_has_a_row() -> None:
    assert [row.design for row in rows_of(baseline())] == list(DESIGNS)


def test_the_committed_table_says_what_the_committed_verdicts_say() -> None:
    assert BASELINE.read_text(encoding="utf-8") == markdown(rows_of(baseline()))


def test_the_readme_links_the_table() -> None:
    readme = Path(__file__).parent.parent.parent / "README.md"
    assert "reports/baselines/history.md" in readme.read_text(encoding="utf-8")
