"""Each recorded bug is found where it was, and gone where it is mended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lockwright.core.errors import UsageError
from reports.corpus import (
    BASELINE,
    SECONDS,
    modelled,
    not_modelled,
    still_there,
    without_seconds,
)
from stress.corpus import ENTRIES
from stress.corpus.a import TITLES
from stress.corpus.entry import (
    FOUND,
    GONE,
    NOT_FOUND,
    STILL_THERE,
    At,
    Entry,
    StillThere,
    run,
    run_after,
    run_before,
)
from stress.corpus.f import TITLES as REMOTE

BUGS = Path(__file__).parent.parent / "data" / "eventfs_bugs.json"
IDS = [bug["id"] for bug in json.loads(BUGS.read_text(encoding="utf-8"))["bugs"]]
MODELLED_MIN = 60
QUICK_S = 1.0
"""An entry that took less than this when the table was made has a test of its own; the others are
left to the slow test of the whole table (`tests/reports/test_corpus.py`)."""


def recorded_seconds(entry: Entry) -> float:
    """How long an entry takes, by the committed table."""
    for line in BASELINE.read_text(encoding="utf-8").splitlines():
        cells = line.strip("| ").split(" | ")
        if cells[0] == entry.id and cells[2:3] == [entry.before.arguments]:
            return float(cells[SECONDS])
    return QUICK_S


def quick() -> list[Entry]:
    return [entry for entry in modelled() if recorded_seconds(entry) < QUICK_S]


def named(entry: object) -> str:
    assert isinstance(entry, Entry)
    return f"{entry.id}-{entry.before.name}"


def test_every_recorded_bug_is_there() -> None:
    assert sorted({entry.id for entry in ENTRIES} - {*TITLES, *REMOTE}) == sorted(IDS)


def test_every_bug_that_only_the_models_show_has_a_title_and_a_place_in_the_source() -> None:
    assert {entry.id for entry in ENTRIES} - {*IDS, *REMOTE} == set(TITLES)
    assert [bug for bug, title in TITLES.items() if not re.search(r": \w+\(\)", title)] == []


def test_the_entries_are_in_the_order_of_their_ids() -> None:
    assert [entry.id for entry in ENTRIES] == sorted(entry.id for entry in ENTRIES)


def test_most_bugs_have_a_scenario_and_the_others_a_reason() -> None:
    with_scenario = {entry.id for entry in modelled()}
    assert len(with_scenario) >= MODELLED_MIN
    assert [entry.id for entry in not_modelled() if entry.id in with_scenario] == []
    assert [entry.id for entry in not_modelled() if len(entry.reason.split()) < 8] == []


def test_no_entry_stands_twice() -> None:
    keys = [(each.id, each.kind, each.says, each.before, each.after) for each in modelled()]
    assert len(keys) == len(set(keys))


def test_before_and_after_are_not_the_same() -> None:
    assert [entry.id for entry in modelled() if entry.before == entry.after] == []


@pytest.mark.parametrize("entry", quick(), ids=named)
def test_it_is_found_before_and_gone_after(entry: Entry) -> None:
    outcome = run(entry)
    assert (outcome.before.verdict, outcome.after.verdict) == (FOUND, GONE)


@pytest.mark.parametrize("bug", still_there(), ids=lambda bug: f"{bug.id}-{bug.at.name}")
def test_what_nobody_has_mended_is_found_where_it_is(bug: StillThere) -> None:
    assert run_before(bug).verdict == FOUND


def test_what_nobody_has_mended_is_in_the_newest_design_and_in_no_other_table() -> None:
    newest = {bug.id for bug in still_there() if bug.at.design == "eventfs/latest"}
    assert newest == {bug.id for bug in still_there()}
    assert [entry.id for entry in modelled() if entry.id in newest] == []


def test_what_nobody_has_mended_stands_below_the_table() -> None:
    _, _, below = BASELINE.read_text(encoding="utf-8").partition("## Still there")
    for bug in still_there():
        assert f"| {bug.at.arguments} | found: {bug.kind} |" in below


def test_the_table_has_a_line_for_each_entry() -> None:
    lines = without_seconds(BASELINE.read_text(encoding="utf-8"))
    for entry in modelled():
        own = [line for line in lines if line.startswith(f"{entry.id} |")]
        assert any(f"| {entry.before.arguments} |" in line for line in own), entry.id


# What the judging itself makes of bugs that are not found, or not gone.

DEADLOCK = Entry(
    id="E00",
    kind="deadlock",
    says="eventfs_mutex",
    before=At("eventfs/v4:open_vs_lookup"),
    after=At("eventfs/v4:stat_alone"),
)


def replaced(**given: object) -> Entry:
    fields = {name: getattr(DEADLOCK, name) for name in Entry.__dataclass_fields__}
    return Entry(**{**fields, **given})


def test_a_bug_that_is_there_is_found_with_its_schedule() -> None:
    judged = run_before(DEADLOCK)
    assert judged.verdict == FOUND
    assert judged.finding is not None
    assert judged.finding.kind == "deadlock"
    assert judged.finding.token.startswith("lw1~eventfs/v4:open_vs_lookup~")


def test_a_bug_that_is_not_there_is_not_found() -> None:
    assert run_before(replaced(before=DEADLOCK.after)).verdict == NOT_FOUND


def test_a_bug_that_says_something_else_is_not_found() -> None:
    judged = run_before(replaced(says="no such lock"))
    assert judged.verdict == NOT_FOUND
    assert "deadlock" in judged.others


def test_a_bug_that_is_mended_is_gone() -> None:
    assert run_after(DEADLOCK).verdict == GONE


def test_a_bug_that_is_not_mended_is_still_there() -> None:
    assert run_after(replaced(after=DEADLOCK.before)).verdict == STILL_THERE


def test_a_scenario_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="no scenario 'eventfs/v4:nothing'"):
        run_before(replaced(before=At("eventfs/v4:nothing")))


def test_a_parameter_that_does_not_exist_is_named() -> None:
    with pytest.raises(UsageError, match="has no parameter 'nothing'"):
        run_before(replaced(before=At("eventfs/v4:stat_alone", nothing=True)))
