"""Which tests are slow: measured, not guessed."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

SLOW = (
    "tests/check/test_datarace.py::test_one_execution_of_each_class*",
    "tests/check/test_liveness.py::test_a_poll_can_last*[[][12]]",
    "tests/check/test_races_interrupts.py::test_random_programs_have_the_races*",
    "tests/cli/test_resume.py::test_a_search_that_came_to_its_bound*[[]bounded]",
    "tests/cli/test_resume.py::test_a_search_that_came_to_its_bound*[[]mix]",
    "tests/cli/test_resume.py::test_a_search_that_came_to_its_bound*[[]pct]",
    "tests/cli/test_resume.py::test_a_search_that_came_to_its_bound*[[]urw]",
    "tests/cli/test_resume.py::test_a_search_that_is_killed_at_any_moment*[[]1]",
    "tests/conformance/test_outcomes.py::test_all_results*remove-*",
    "tests/explore/test_bounded.py::test_it_takes_each_schedule_within_the_bound*[[][123]]",
    "tests/explore/test_contended_programs.py::test_dpor_explores_every_trace*[[][123]]",
    "tests/explore/test_contended_programs.py::test_sections_see*",
    "tests/explore/test_contended_programs.py::test_the_reference_has*",
    "tests/explore/test_estimate.py::test_published_programs*[[]fib_bench(4)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]lastzero(10)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]lastzero(12)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]lockinc(8)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]readers(12)]",
    "tests/explore/test_estimate.py::test_published_programs*[[]readers(14)]",
    "tests/explore/test_interrupts.py::test_every_search_sees*[[]3]",
    "tests/explore/test_lasso.py::test_a_state_has_one_future",
    "tests/explore/test_lasso.py::test_states_and_interleavings_end_alike[[][1-9]*",
    "tests/explore/test_memory.py::test_a_search_does_not_grow*",
    "tests/explore/test_memory.py::test_an_exploration_with_its_rules*",
    "tests/explore/test_nearest.py::test_a_budget_is_kept*",
    "tests/explore/test_nearest.py::test_a_passing_run_is_found_if_there_is_one",
    "tests/explore/test_nearest.py::test_it_is_mostly_as_near*",
    "tests/explore/test_nearest.py::test_it_passes_and_differs_first*",
    "tests/explore/test_published_counts.py::test_each_trace*[[]lastzero(12)]",
    "tests/explore/test_published_counts.py::test_each_trace*[[]lockinc(8)]",
    "tests/explore/test_published_counts.py::test_each_trace*[[]readers(14)]",
    "tests/explore/test_random_programs.py::test_dpor_is_exact*[[][1-5]]",
    "tests/explore/test_random_programs.py::test_dpor_is_exact*[[][12][0-9]]",
    "tests/explore/test_random_programs.py::test_dpor_is_exact*[[][6-9]]",
    "tests/explore/test_random_programs.py::test_the_random_programs_are_worth_it",
    "tests/explore/test_random_programs.py::test_the_rules_find_the_same*[[][1-9]*",
    "tests/explore/test_section_granularity.py::test_all_granularities_agree_on_random*",
    "tests/explore/test_shrink.py::test_a_finding_ends_with_the_least_cost*",
    "tests/explore/test_shrink.py::test_with_enough_executions*",
    "tests/explore/test_strategies.py::test_what_a_random_strategy*[[]pct]",
    "tests/explore/test_strategies.py::test_what_a_random_strategy*[[]pos]",
    "tests/explore/test_strategies.py::test_what_a_random_strategy*[[]random]",
    "tests/kernel/test_dependence.py::test_dpor_finds_each_trace_of_a_random*",
    "tests/kernel/test_litmus.py::*exponential_bug(1)-*",
    "tests/kernel/test_lock_dependence.py::test_dpor_finds_each_trace_of_a_random*",
    "tests/kernel/test_map_dependence.py::test_dpor_finds_each_trace_and*",
    "tests/model/test_kernfs.py::test_without_it*[[]an operation that begins*",
    "tests/model/test_tracing_explored.py::test_of_two_who_make_an_instance*",
    "tests/program/test_concurrent.py::test_every_proof_replays",
    "tests/report/read/test_fuzzed_reports.py::test_the_time_grows*[[]chain entries]",
    "tests/report/read/test_fuzzed_reports.py::test_the_time_grows*[[]headlines]",
    "tests/report/read/test_fuzzed_reports.py::test_the_time_grows*[[]sentences cut]",
    "tests/report/read/test_fuzzed_reports.py::test_the_time_grows*[[]short lines in reports]",
    "tests/scenarios/test_eventfs_v3.py::test_a_listing_misses_a_file*",
    "tests/scenarios/test_eventfs_v3.py::test_chance_finds_nothing*[[]eventfs/v3:list_vs_remove]",
    "tests/scenarios/test_eventfs_v3.py::test_chance_finds_nothing*[[]eventfs/v4:list_vs_lookup]",
    "tests/scenarios/test_eventfs_v3.py::test_closing_a_directory_puts*",
    "tests/scenarios/test_eventfs_v4.py::test_a_directory_is_found_after_its_removal*",
    "tests/scenarios/test_kernfs.py::test_kernfs_keeps_its_promise[[]remove_vs_remove]",
    "tests/scenarios/test_linux_6_6.py::test_an_instance_goes_with*",
    "tests/scenarios/test_linux_6_7.py::test_a_directory_can_be_opened_before*",
    "tests/scenarios/test_linux_6_7.py::test_tasks_that_meet*[[]lookup_held_vs_remove]",
    "tests/scenarios/test_shrunk.py::*[[]eventfs/v3:lookup_vs_deep_lookup]",
    "tests/scenarios/test_shrunk.py::*[[]eventfs/v3:open_vs_open]",
    "tests/scenarios/test_tracefs_pinned.py::test_a_file_that_no_event_owns*",
    "tests/schedule/test_uniform.py::test_every_order_of_the_selected*[[]a writer that is made*",
    "tests/schedule/test_uniform.py::test_every_order_of_the_selected*[[]writes among much else]",
    "tests/test_checkpoint.py::test_the_result_is_that*[[][4-9]-*",
    "tests/test_checkpoint_interrupts.py::test_lines_that_come_on_several_tasks[[]*-coverage]",
    "tests/test_checkpoint_interrupts.py::test_lines_that_come_on_several_tasks[[]*-dpor]",
    "tests/test_predict.py::test_the_splat_of_the_mails*[[]polls]",
)
"""Patterns of the tests that take more than some three seconds, and whose like runs without them:
other seeds of a random test, larger programs of a table."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before tests are chosen by their marks."""
    for item in items:
        if any(fnmatchcase(item.nodeid, pattern) for pattern in SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A process that has nothing left takes tests of another: the slow ones stand together."""
    from xdist.scheduler import WorkStealingScheduling  # noqa: PLC0415  # it may be missing

    asked = config.getoption("dist") != "load"
    return None if asked else WorkStealingScheduling(config, log)
