"""Schedules and their text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.schedule import STEPS_MAX, parse_schedule, schedule_text, switches

choices = st.tuples(st.integers(0, 12), st.integers(0, 3))
runs = st.tuples(choices, st.integers(1, 40)).map(lambda run: [run[0]] * run[1])
schedules_of = st.lists(runs, max_size=12).map(lambda parts: [c for part in parts for c in part])


@settings(deadline=None, derandomize=True)
@given(schedule=schedules_of)
def test_a_schedule_is_what_its_text_says(schedule: list[tuple[int, int]]) -> None:
    assert parse_schedule(schedule_text(schedule)) == schedule


@settings(deadline=None, derandomize=True)
@given(schedule=schedules_of)
def test_a_text_is_the_only_one_of_its_schedule(schedule: list[tuple[int, int]]) -> None:
    text = schedule_text(schedule)
    assert schedule_text(parse_schedule(text)) == text


def test_runs_of_steps_are_counted_and_values_follow_a_slash() -> None:
    assert schedule_text([(0, 0), (0, 0), (1, 0), (2, 3)]) == "2x0.1.2/3"
    assert schedule_text([]) == ""


@pytest.mark.parametrize(
    "text",
    ["a", "0.", ".0", "0..1", "-1", "1x", "x1", "2x0x1", "1/", "/1", "0/1/2", "0 .1", "\u0661"],
)
def test_a_malformed_schedule_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"malformed schedule: '.*' is not of the form TASK"):
        parse_schedule(text)


@pytest.mark.parametrize("text", ["0x1", f"{STEPS_MAX + 1}x0", f"{STEPS_MAX}x0.1"])
def test_an_impossible_count_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="has an impossible count"):
        parse_schedule(text)


def test_switches_counts_how_often_a_schedule_goes_to_another_task() -> None:
    assert switches([]) == 0
    assert switches([3, 3, 3]) == 0
    assert switches([0, 1, 1, 0]) == 2
