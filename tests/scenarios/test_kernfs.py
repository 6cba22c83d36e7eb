"""kernfs, and the port of eventfs to it: the promise it keeps, and what that costs."""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.core.result import Result
from lockwright.scenario import Parameter, Scenario
from lockwright.session import Options, explore
from model.tracing.release import TracingRelease
from stress.scenarios import eventfs_kernfs, kernfs
from stress.scenarios.designs import DESIGNS

ALONE = {made.case: made for made in vars(kernfs).values() if isinstance(made, Scenario)}
PORT = {made.case: made for made in eventfs_kernfs.SCENARIOS}
CIRCULAR = "possible circular locking dependency"


@cache
def explored(port: bool, case: str, **parameters: Parameter) -> Result:
    scenario = (PORT if port else ALONE)[case]
    given = {key: str(value) for key, value in parameters.items()}
    result = explore(scenario.with_parameters(given), Options(events=False, attempts=0))
    assert result.complete
    return result


def kinds(port: bool, case: str, **parameters: Parameter) -> set[str]:
    return {finding.kind for finding in explored(port, case, **parameters).findings}


def messages(port: bool, case: str, kind: str, **parameters: Parameter) -> set[str]:
    found = explored(port, case, **parameters).findings
    return {finding.message for finding in found if finding.kind == kind}


VERIFIED = (
    *("read_vs_remove", "remove_vs_remove", "create_vs_remove", "self_vs_self"),
    *("self_vs_remove", "stat_vs_create", "stat_vs_remove", "stat_vs_reclaim"),
)


@pytest.mark.parametrize("case", VERIFIED)
def test_kernfs_keeps_its_promise(case: str) -> None:
    assert kinds(False, case) == set()


def test_removal_under_a_mutex_that_operations_take_deadlocks() -> None:
    """S15: the order is seen, and it happens."""
    assert kinds(False, "read_vs_remove_locked") == {CIRCULAR, "deadlock"}
    (cycle,) = [
        found for found in explored(False, "read_vs_remove_locked").findings if found.report
    ]
    assert cycle.classes == ("kn->active", "event_mutex")
    assert cycle.reality == "confirmed"
    # lockdep_init_map() gives the map no wait type, and prints it as 0
    assert "-> #0 (kn->active){++++}-{0:0}:" in cycle.text
    (said,) = messages(False, "read_vs_remove_locked", "deadlock")
    assert said == (
        "2 tasks wait for ever: cat in mutex_lock(event_mutex); "
        "rmdir in schedule() until kn->active of f is drained"
    )


def test_removal_without_that_mutex_does_not() -> None:
    assert kinds(False, "read_vs_remove_locked", removes_under_event_mutex=False) == set()


def test_a_drain_that_finds_a_file_released_is_not_ordered_after_its_release() -> None:
    """kernfs_should_drain_open_files() reads without the mutex and without a barrier."""
    assert kinds(False, "open_vs_remove") == {"data race"}
    assert kinds(False, "open_vs_remove", orders_release=True) == set()


def test_making_and_removing_at_once_needs_a_lock_of_the_users_own() -> None:
    """kernfs_add_one() activates a node that it has no reference on any more."""
    assert kinds(False, "create_vs_remove", serialised=False) == {"use-after-free"}


def test_a_listing_may_have_a_name_twice_when_the_node_read_last_is_removed() -> None:
    """The position is a hash; where that is gone, the search for it ends beside it."""
    assert messages(False, "list_vs_remove", "broken promise") == {"f is 2 times in a listing of d"}


def test_the_port_asks_nothing_of_the_tracing_core() -> None:
    """No reference, no mark, nothing cleared; only that a failed creation is not kept."""
    assert DESIGNS["eventfs/kernfs"].release() == TracingRelease(stores_only_pointers=True)


@pytest.mark.parametrize(
    "case", ["lookup_vs_remove", "list_vs_remove", "open_vs_remove", "walk_then_reclaim"]
)
def test_the_port_removes_names_as_it_should(case: str) -> None:
    assert kinds(True, case) == set()


@pytest.mark.parametrize("case", ["open_read_vs_remove", "format_vs_remove", "read_vs_remove"])
def test_the_port_waits_under_event_mutex_for_what_waits_for_it(case: str) -> None:
    assert "deadlock" in kinds(True, case)
    assert "use-after-free" not in kinds(True, case)


@pytest.mark.parametrize(
    "case", ["open_read_vs_remove", "close_vs_remove", "format_vs_remove", "read_vs_remove"]
)
def test_open_files_of_a_removed_event_are_safe_without_any_reference(case: str) -> None:
    """E52, E53, E55: gone, if removal does not hold event_mutex."""
    assert kinds(True, case, removes_under_event_mutex=False) == set()


def test_dropping_event_mutex_lets_two_removers_of_one_event_meet() -> None:
    assert kinds(True, "remove_vs_remove") == set()
    assert kinds(True, "remove_vs_remove", removes_under_event_mutex=False) == {"use-after-free"}
