"""tracefs before eventfs: everything pinned, everything found in the dentry cache."""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.scenario import Parameter, Scenario
from lockwright.session import Options, explore
from model.tracefs.pinned import Pinned
from model.tracing.release import V6_5
from model.tracing.setup import Tracing, tracing
from model.vfs.err import ENODEV, ENOENT
from stress.scenarios import tracefs
from stress.workloads import (
    close,
    drop_caches,
    held,
    list_directory,
    read_file,
    read_open,
    remove_event,
    stat,
)

CASES: dict[str, Scenario] = {
    **{made.case: made for made in tracefs.SCENARIOS},
    "option_vs_rmdir": tracefs.option_vs_rmdir,
}
ENABLE = "kprobes/kp1/enable"


@cache
def explored(case: str, **parameters: Parameter) -> Result:
    given = {key: str(value) for key, value in parameters.items()}
    result = explore(CASES[case].with_parameters(given), Options(events=False, attempts=0))
    assert result.complete
    return result


def kinds(case: str, **parameters: Parameter) -> set[str]:
    return {finding.kind for finding in explored(case, **parameters).findings}


def fresh(*files: str) -> Tracing:
    world = World()
    return tracing(world, Pinned(world), V6_5, files=files or ("enable",))


def test_every_name_is_there_before_anybody_asks_and_stays_when_caches_are_dropped() -> None:
    at = fresh("enable", "filter")
    before = {dentry.path for dentry in at.sb.dentries if dentry.alive}
    assert f"tracing/events/{ENABLE}" in before
    at.boot(drop_caches(at))
    assert {dentry.path for dentry in at.sb.dentries if dentry.alive} == before
    assert at.boot(stat(at, ENABLE)) == 0
    assert at.boot(list_directory(at, "kprobes/kp1")) == ("filter", "enable")


def test_a_missing_name_leaves_nothing_behind() -> None:
    at = fresh()
    before = sum(dentry.alive for dentry in at.sb.dentries)
    assert at.boot(stat(at, "kprobes/none")) == -ENOENT
    assert sum(dentry.alive for dentry in at.sb.dentries) == before


def test_an_open_file_of_a_removed_event_gives_enodev() -> None:
    at = fresh()
    assert at.boot(read_file(at, ENABLE)) == "0\n"
    file = held(at, ENABLE)
    assert at.boot(remove_event(at, "kp1")) == 0
    assert at.boot(read_open(at, file)) == -ENODEV
    at.boot(close(at, file))
    assert at.boot(stat(at, ENABLE)) == -ENOENT


def test_removal_frees_dentries_and_inodes() -> None:
    at = fresh("enable", "filter")
    at.boot(remove_event(at, "kp1"))
    left = {dentry.path for dentry in at.sb.dentries if dentry.alive}
    assert left == {"tracing", "tracing/events", "tracing/events/kprobes"}


VERIFIED = (
    *("stat_then_open", "remove_alone", "reproducer", "lookup_vs_lookup", "open_vs_lookup"),
    *("lookup_vs_remove", "open_vs_remove", "list_vs_remove", "create_vs_remove"),
    *("lookup_vs_create", "list_vs_create", "remove_vs_remove", "writer_starves"),
    *("walk_then_reclaim", "close_vs_remove"),
)


@pytest.mark.parametrize("case", VERIFIED)
def test_the_oldest_design_keeps_what_the_later_ones_break(case: str) -> None:
    assert kinds(case) == set()


@pytest.mark.parametrize("case", ["read_vs_remove", "format_vs_remove", "open_read_vs_remove"])
def test_clearing_i_private_keeps_open_files_from_freed_data(case: str) -> None:
    assert "use-after-free" not in kinds(case)


def test_without_clearing_i_private_an_open_file_leads_to_freed_data() -> None:
    assert "use-after-free" in kinds("read_vs_remove", clears_i_private=False)


def test_a_file_that_no_event_owns_leads_to_a_freed_instance() -> None:
    """E51."""
    said = [f.message for f in explored("option_vs_rmdir").findings if f.kind == "use-after-free"]
    assert any("trace_array foo" in message for message in said)
    assert "use-after-free" not in kinds("option_vs_rmdir", options_hold_instance=True)
