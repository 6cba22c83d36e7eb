"""A failing run beside one that passes: whole texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.nearest import Nearest
from lockwright.report.findings import finding_text, price_text
from lockwright.report.nearest import ROWS_MAX, nearest_text
from tests.report.golden_files import assert_golden
from tests.report.test_columns import ABBA, Said, events_of

GOOD: list[Said] = [
    (0, "one", "mutex_lock(A)"),
    (0, "one", "mutex_lock(B)"),
    (0, "one", "mutex_unlock(B)"),
    (1, "two", "mutex_lock(B)"),
    (0, "one", "mutex_unlock(A)"),
    (1, "two", "mutex_lock(A)"),
]

NEAREST = Nearest(
    1,
    tuple((task, 0) for task, _, _ in GOOD),
    (),
    2,
    exhausted=False,
    token="lw1~demo/abba:two~~v~2x0~c",
    events=tuple(events_of(*GOOD)),
)


def deadlock(nearest: Nearest | None = NEAREST, preemptions: int = -1) -> Finding:
    return Finding(
        "deadlock",
        "2 tasks wait for ever: one in mutex_lock(B); two in mutex_lock(A)",
        "s",
        0,
        "one",
        schedule=((0, 0), (1, 0)),
        token="lw1~demo/abba:two~~v~0.1~c",
        events=tuple(ABBA),
        preemptions=preemptions,
        nearest=nearest,
    )


def test_a_deadlock_beside_the_run_that_passes() -> None:
    text = finding_text(replace(deadlock(preemptions=1), minimal=True))
    assert_golden("nearest_deadlock.txt", text + "\n")


def test_what_follows_is_cut_after_some_rows() -> None:
    said = [(task, f"t{task}", f"mutex_lock({n})") for n in range(20) for task in (0, 1)]
    events = tuple(events_of(*said))
    longer = tuple(events_of((1, "t1", "schedule()"), *said))
    finding = replace(deadlock(replace(NEAREST, step=0, events=longer)), events=events)
    text = nearest_text(finding)
    assert text.count("... 30 steps more") == 1
    assert text.count("... 31 steps more") == 1
    assert text.count("mutex_lock(") == 2 * ROWS_MAX - 1 + 1  # and the choice is named above
    assert max(map(len, text.splitlines()[:-1])) <= 80


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_text_keeps_to_its_width(width: int) -> None:
    nearest = replace(NEAREST, still=("possible circular locking dependency detected",))
    lines = nearest_text(deadlock(nearest), width).splitlines()
    assert max(len(line) for line in lines if "lockwright replay" not in line) <= width


def test_what_it_still_predicts_is_said() -> None:
    text = nearest_text(deadlock(replace(NEAREST, still=("possible recursive locking",))))
    assert "(it still shows: possible recursive locking)" in text.replace("\n  ", " ")


def test_a_run_that_ends_where_the_other_goes_on_is_said_to_end() -> None:
    nearest = replace(NEAREST, step=2)
    first = nearest_text(deadlock(nearest)).split("\n\n")[0]
    assert first == (
        "the nearest run that passes differs first in step 2: one in mutex_unlock(B), not\n"
        "  the end"
    )


def test_without_events_the_step_is_said_alone() -> None:
    nearest = replace(NEAREST, events=(), token="")
    assert nearest_text(deadlock(nearest)) == "the nearest run that passes differs first in step 1"


def test_that_nothing_passes_is_told_from_that_nothing_was_found() -> None:
    none = Nearest(-1, (), (), 17, exhausted=True)
    assert nearest_text(deadlock(none)) == (
        "no run passes: every schedule of the scenario breaks something"
    )
    assert nearest_text(deadlock(replace(none, exhausted=False))) == (
        "no run that passes was found in 17 executions"
    )
    assert nearest_text(deadlock(None)) == ""


def test_the_number_of_preemptions_is_said_with_what_is_known_of_it() -> None:
    assert price_text(deadlock(preemptions=0)) == (
        "no preemption: each task runs until it waits or ends"
    )
    assert price_text(deadlock(preemptions=2)) == "2 preemptions; fewer may do"
    known = replace(deadlock(preemptions=1), minimal=True)
    assert price_text(known) == "1 preemption; no schedule shows it with fewer"
    assert "preemption" not in finding_text(deadlock(None))


def test_the_json_of_a_finding_has_it_and_reads_back() -> None:
    finding = replace(deadlock(preemptions=1), minimal=True)
    data = finding.as_json()
    assert (data["preemptions"], data["minimal"]) == (1, True)
    assert data["nearest"]["schedule"] == "3x0.1.0.1"
    assert Finding.from_json(data) == finding


def test_the_json_of_before_there_was_such_a_thing_is_read() -> None:
    data = deadlock().as_json()
    for name in ("preemptions", "minimal", "nearest"):
        del data[name]
    assert Finding.from_json(data) == replace(deadlock(None), preemptions=-1)


def test_the_choice_is_named_by_the_heads_of_its_own_run() -> None:
    event = Event(1, 3, "one", "softirq", "spin_lock", "spin_lock(x)", "", ())
    nearest = replace(NEAREST, events=(*NEAREST.events[:1], event))
    lines = nearest_text(deadlock(nearest)).splitlines()
    assert lines[0].endswith(" in step 1: one:3 (softirq) in")
    assert "step  one:0  one:3 (softirq)" in lines
