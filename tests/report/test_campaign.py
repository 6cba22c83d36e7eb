"""A campaign's answers as text."""

from __future__ import annotations

from dataclasses import replace

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.campaign import (
    DONE,
    ERROR,
    GOING,
    PLACES_MAX,
    Answers,
    ArmLine,
    FoundLine,
    GivenUpLine,
    ItemLine,
    assumed,
    ending_text,
    found_text,
    items_table,
    many,
    standing_text,
    summary_text,
)
from tests.report.golden_files import assert_golden

LEAK = Finding(
    "leak", "nobody frees the box", "box", 0, "one", token="lw1~demo/d:c~~0~0~1", executions=7
)
SCENARIO = "eventfs/v3:open_vs_lookup"


def result(*findings: Finding, verdict: Verdict = Verdict.VERIFIED) -> Result:
    """A result of so many findings."""
    made = Result(SCENARIO, "", {}, "dpor", verdict, executions=417)
    made.complete = verdict is Verdict.VERIFIED
    made.findings = list(findings)
    made.assumptions = ["sequential consistency: no store is delayed"]
    return made


ITEMS = (
    ItemLine(f"{SCENARIO} dpor", DONE, 417, 1, None, result(LEAK, verdict=Verdict.VIOLATED)),
    ItemLine(
        f"{SCENARIO} files=2 dpor",
        DONE,
        12,
        0,
        None,
        result(),
        unmet=("expected 13 executions, got 12",),
    ),
    ItemLine(f"{SCENARIO} files=3 dpor", DONE, 12, 0, None, result(), fine=True),
    ItemLine("bad/raises:two dpor", ERROR, 3, failure="ValueError: no (bad.py, line 3)"),
    ItemLine(
        "eventfs/v4:lookup random+pct+corpus",
        GOING,
        2_048,
        1,
        34,
        arms=(
            ArmLine("random:0", 1536, 12, 3),
            ArmLine("pct:0", 512, 2, 1),
            ArmLine("corpus:0", 0, 0, 0),
        ),
    ),
    ItemLine("eventfs/v4:remove dpor"),
)
FOUND = FoundLine(
    "leak box", LEAK, 9, ((f"{SCENARIO} dpor", 7), ("eventfs/v4:lookup random+pct+corpus", 2))
)
GIVEN_UP = GivenUpLine("eventfs/v4:lookup random+pct+corpus", "range", ("SIGKILL",) * 3)
ANSWERS = Answers("nightly", "coverage", "0", "0", ITEMS, (FOUND,), (GIVEN_UP,), 1)


def whole(answers: Answers, width: int) -> str:
    """All of it."""
    parts = [
        *(found_text(found, width) for found in answers.found),
        summary_text(answers, width),
        items_table(answers.items, width),
        ending_text(answers, width),
    ]
    return "\n\n".join(parts) + "\n"


def test_the_answers_are_golden() -> None:
    assert_golden("campaign.txt", whole(ANSWERS, 80))


def test_nothing_but_the_replay_line_is_wider_than_asked_for() -> None:
    for width in (60, 80, 100):
        lines = whole(ANSWERS, width).splitlines()
        assert max(len(line) for line in lines if "lockwright replay" not in line) <= width


def test_numbers_have_commas_and_one_has_no_s() -> None:
    assert many(1, "execution") == "1 execution"
    assert many(1_234_567, "execution") == "1,234,567 executions"
    assert many(0, "finding") == "0 findings"


def test_what_is_left_is_counted() -> None:
    assert standing_text(ITEMS) == "3 of 6 items done, 1 failed, 1 going on, 1 not begun"
    assert standing_text(ITEMS[:1]) == "1 of 1 item done"


def test_coverage_has_a_column_where_somebody_asked_for_it() -> None:
    assert "covered" in items_table(ITEMS)
    assert "covered" not in items_table(ITEMS[:4])


def test_a_finding_of_many_items_names_the_first_ones() -> None:
    items = tuple((f"demo/d:case_{number} dpor", 1) for number in range(PLACES_MAX + 3))
    said = found_text(replace(FOUND, items=items))
    assert f"demo/d:case_{PLACES_MAX - 1} dpor: 1\n" in said
    assert f"demo/d:case_{PLACES_MAX} dpor" not in said
    assert said.endswith("  and 3 items more")
    assert "more" not in found_text(replace(FOUND, items=items[:PLACES_MAX]))


def test_only_what_found_nothing_has_assumed_something() -> None:
    other = result()
    other.assumptions = [*other.assumptions, "interrupts come where they are said to"]
    found = result(LEAK)
    found.assumptions = ["nothing of the kind"]
    common = "sequential consistency: no store is delayed"
    own = "interrupts come where they are said to"
    assert assumed([result(), found, other]) == [common, f"{own} ({SCENARIO})"]
    elsewhere = replace(other, scenario="demo/d:c")
    assert assumed([result(), other, elsewhere]) == [common, f"{own} (2 items of 3)"]
    assert assumed([found]) == []


def test_colour_is_there_only_when_asked_for() -> None:
    assert "\x1b" not in items_table(ITEMS)
    assert "\x1b[1;31merror\x1b[0m" in items_table(ITEMS, colour=True)
