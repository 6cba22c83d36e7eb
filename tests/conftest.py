"""Which tests are slow: measured, not guessed."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

SLOW = (
    "tests/check/test_datarace.py::test_one_execution_of_each_class*",
    "tests/check/test_races_interrupts.py::test_random_programs_have_the_races*",
    "tests/conformance/test_outcomes.py::test_all_results*remove-*",
    "tests/explore/test_bounded.py::test_it_takes_each_schedule_within_the_bound*[[][123]]",
    "tests/explore/test_contended_programs.py::test_dpor_explores_every_trace*[[][123]]",
    "tests/explore/test_estimate.py::test_published_programs*[[]lockinc(8)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]lastzero(12)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]readers(14)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]fib_bench(4)]",
    "tests/explore/test_lasso.py::test_states_and_interleavings_end_alike[[][1-9]*",
    "tests/explore/test_memory.py::test_an_exploration_with_its_rules*",
    "tests/explore/test_nearest.py::test_a_passing_run_is_found_if_there_is_one",
    "tests/explore/test_published_counts.py::test_each_trace*[[]lastzero(12)]",
    "tests/explore/test_published_counts.py::test_each_trace*[[]readers(14)]",
    "tests/explore/test_published_counts.py::test_each_trace*[[]lockinc(8)]",
    "tests/explore/test_random_programs.py::test_dpor_is_exact*[[][6-9]]",
    "tests/explore/test_random_programs.py::test_dpor_is_exact*[[][12][0-9]]",
    "tests/explore/test_random_programs.py::test_the_random_programs_are_worth_it",
    "tests/explore/test_random_programs.py::test_the_rules_find_the_same*[[][1-9]*",
    "tests/explore/test_section_granularity.py::test_all_granularities_agree_on_random*",
    "tests/explore/test_shrink.py::test_a_finding_ends_with_the_least_cost*",
    "tests/kernel/test_dependence.py::test_dpor_finds_each_trace_of_a_random*",
    "tests/kernel/test_litmus.py::*exponential_bug(1)-*",
    "tests/kernel/test_lock_dependence.py::test_dpor_finds_each_trace_of_a_random*",
    "tests/kernel/test_map_dependence.py::test_dpor_finds_each_trace_and*",
    "tests/scenarios/test_eventfs_v3.py::test_a_listing_misses_a_file*",
    "tests/scenarios/test_eventfs_v3.py::test_closing_a_directory_puts*",
    "tests/scenarios/test_eventfs_v4.py::test_a_directory_is_found_after_its_removal*",
    "tests/model/test_tracing_explored.py::test_of_two_who_make_an_instance*",
)
"""Patterns of the tests that take more than some three seconds, and whose like runs without them:
other seeds of a random test, larger programs of a table."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before tests are chosen by their marks."""
    for item in items:
        if any(fnmatchcase(item.nodeid, pattern) for pattern in SLOW):
            item.add_marker(pytest.mark.slow)
