"""The checker of trace-event JSON finds what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.report.trace_events import complaints

GOOD: list[dict[str, Any]] = [
    {"ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": {"name": "tasks"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 2, "args": {"name": "one"}},
    {"ph": "M", "name": "thread_name", "pid": 1, "tid": 3, "args": {"name": "two"}},
    {"ph": "X", "name": "f", "cat": "c", "pid": 1, "tid": 2, "ts": 0, "dur": 10},
    {"ph": "X", "name": "g", "cat": "c", "pid": 1, "tid": 2, "ts": 0, "dur": 5},
    {"ph": "b", "name": "life", "cat": "o", "id": "0x1", "pid": 1, "tid": 1, "ts": 1},
    {"ph": "s", "name": "wakes", "cat": "flow", "id": 1, "pid": 1, "tid": 2, "ts": 3},
    {"ph": "n", "name": "life", "cat": "o", "id": "0x1", "pid": 1, "tid": 1, "ts": 3},
    {"ph": "C", "name": "count", "pid": 1, "tid": 1, "ts": 3, "args": {"value": 1.5}},
    {"ph": "e", "name": "life", "cat": "o", "id": "0x1", "pid": 1, "tid": 1, "ts": 4},
    {"ph": "X", "name": "h", "cat": "c", "pid": 1, "tid": 3, "ts": 5, "dur": 5},
    {"ph": "f", "name": "wakes", "cat": "flow", "id": 1, "pid": 1, "tid": 3, "ts": 6, "bp": "e"},
    {"ph": "i", "name": "found", "pid": 1, "tid": 3, "ts": 7, "s": "g"},
]
M, ONE, TWO, F, G, B, S, N, C, E, H, FLOW, MOMENT = range(len(GOOD))


def trace(events: list[dict[str, Any]], **more: object) -> str:
    return json.dumps({"displayTimeUnit": "ms", **more, "traceEvents": events})


def test_a_good_trace_has_no_complaints() -> None:
    assert complaints(trace(GOOD)) == []


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (F, {"ph": "Q"}, "event 3 has no known phase"),
        (F, {"dur": None}, "dur is no duration"),
        (F, {"dur": -1}, "dur is no duration"),
        (F, {"ts": "0"}, "ts is no time"),
        (F, {"ts": -1}, "ts is no time"),
        (F, {"ts": True}, "ts is no time"),
        (F, {"name": ""}, "its name is no text"),
        (F, {"name": 7}, "its name is no text"),
        (F, {"cat": 7}, "cat is no text"),
        (F, {"args": []}, "args is no object"),
        (F, {"pid": 0}, "pid is no positive number of 32 bits"),
        (F, {"tid": 2**32}, "tid is no positive number of 32 bits"),
        (F, {"name": "a\x1b[31m"}, "text that does not print at /traceEvents/3/name"),
        (F, {"args": {"a\n": 1}}, "key that does not print at /traceEvents/3/args"),
        (F, {"dur": 4}, "g at 0 overlaps f"),
        (MOMENT, {"s": "x"}, "s is none of g, p, t"),
        (FLOW, {"bp": "s"}, "bp is not e"),
        (FLOW, {"id": "1"}, "the id of an arrow is no number"),
        (FLOW, {"id": 2}, "arrow ('flow', 2, 'wakes'): f after nothing"),
        (FLOW, {"name": "wake"}, "arrow ('flow', 1, 'wakes') has no finish"),
        (FLOW, {"tid": 2}, None),
        (S, {"tid": 3}, "arrow ('flow', 1, 'wakes'): s at 3 is in no slice"),
        (B, {"id": 1}, "the id of an async slice is no text"),
        (E, {"id": "0x2"}, "has not begun"),
        (N, {"name": "lives"}, "has not begun"),
        (N, {"cat": "p"}, "has not begun"),
        (C, {"args": {"value": "1"}}, "a counter is no number"),
        (C, {"args": {}}, "a counter is no number"),
        (ONE, {"name": "thread"}, "metadata thread is not known"),
        (ONE, {"args": {"name": 1}}, "metadata thread_name is not known or has no name"),
        (ONE, {"tid": 3}, "is told 2 times"),
        (TWO, {"tid": 4}, "thread 3 of 1 has no name"),
        (M, {"pid": 2, "tid": 2}, "process 1 has no name"),
        (H, {"ts": 3}, "events are not in order of time"),
    ],
)
def test_what_is_wrong_with_an_event_is_said(
    number: int, change: dict[str, Any], said: str | None
) -> None:
    events = [dict(event) for event in GOOD]
    events[number] |= change
    found = complaints(trace(events))
    if said is None:
        # the last slice of that thread is over: an importer would still bind the arrow to it
        said = "arrow ('flow', 1, 'wakes'): f at 6 is in no slice"
    assert any(said in line for line in found), found


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_each_event_needs_what_its_phase_needs(number: int) -> None:
    optional = {"args", "s"} - ({"s"} if number == MOMENT else set())
    if number in (M, ONE, TWO, C):
        optional -= {"args"}
    for key in GOOD[number]:
        if key in optional:
            continue
        events = [dict(event) for event in GOOD]
        del events[number][key]
        assert complaints(trace(events)), key


@pytest.mark.parametrize("number", [M, ONE, B, E, S, FLOW])
def test_an_event_that_another_needs_is_missed(number: int) -> None:
    assert complaints(trace([*GOOD[:number], *GOOD[number + 1 :]]))


def test_an_outer_slice_comes_before_the_inner_one() -> None:
    events = list(GOOD)
    events[F], events[G] = events[G], events[F]
    assert complaints(trace(events)) == ["f at 0 overlaps g"]


def test_metadata_comes_first() -> None:
    assert "metadata comes late" in complaints(trace([*GOOD[1:], GOOD[0]]))


def test_a_thread_number_is_that_of_no_process() -> None:
    events = [{**event, "tid": 1} if event.get("tid") == 3 else event for event in GOOD]
    assert "thread number 1 is used twice" in complaints(trace(events))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"displayTimeUnit":"ns","traceEvents":[]}', "displayTimeUnit is not ms"),
        ('{"traceEvents":[],"displayTimeUnit":"ms"}', "traceEvents is not last"),
        (trace([], samples=1), "unknown key samples"),
        ('{"displayTimeUnit":"ms","traceEvents":[{"ts":NaN}]}', "not JSON: NaN is no JSON number"),
        ('{"a":1,"a":2,"traceEvents":[]}', "not JSON: double key a"),
        ("{", "not JSON: Expecting property name"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(text: str, said: str) -> None:
    assert any(line.startswith(said) for line in complaints(text))
