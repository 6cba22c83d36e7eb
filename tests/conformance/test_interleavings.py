"""The recorded interleavings, replayed as schedules: the same fault in exactly the same places."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.core.schedule import parse_schedule, schedule_text
from lockwright.session import Options, Session
from stress.conformance.interleaved import (
    NULL,
    Replayed,
    differences,
    plain_listing,
    replayed,
    scenario_of,
    schedule_of,
)
from stress.conformance.vectors import KERNELS, interleaving, interleavings, names

INTERLEAVINGS = names("interleaved")
REFERENCE = "6.12.95"
FAULTING = {
    "u1_remove_current_uncached",
    "u6_remove_next_then_current_uncached",
    "u16_remove_all_uncached_while_emitting_child",
    "u18_remove_current_and_recreate",
    "u19_cached_remove_then_drop",
}
"""Where 6.12 and 6.16 followed a NULL pointer in eventfs_iterate()."""


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("name", INTERLEAVINGS)
def test_what_comes_of_it_is_what_was_recorded(name: str, kernel: str) -> None:
    given = interleaving(name, kernel)
    assert differences(given, replayed(given)) == []


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_fault_appears_in_exactly_the_recorded_interleavings(kernel: str) -> None:
    expected = set() if kernel == "7.3.4" else FAULTING
    assert {given.name for given in interleavings(kernel) if given.faults} == expected
    assert {given.name for given in interleavings(kernel) if replayed(given).faults} == expected


def test_nothing_at_all_breaks_on_the_newest_kernel() -> None:
    found = {given.name: replayed(given).findings for given in interleavings("7.3.4")}
    assert {name for name, findings in found.items() if findings} == set()


@pytest.mark.parametrize("name", INTERLEAVINGS)
def test_the_directory_lists_what_it_listed_with_nobody_about(name: str) -> None:
    given = interleaving(name, REFERENCE)
    assert plain_listing(given) == given.listing


def test_a_schedule_that_faults_can_be_replayed_from_its_text() -> None:
    given = interleaving("u1_remove_current_uncached", REFERENCE)
    schedule, _ = schedule_of(given)
    again = parse_schedule(schedule_text(schedule))
    done, findings = Session(scenario_of(given), Options()).run_once(again)
    assert done.misfit == ""
    assert [finding.kind for finding in findings if finding.fatal] == [NULL]


def test_chmod_of_a_child_waits_behind_a_writer_that_waits_for_the_reader() -> None:
    """Its own inode is free: it is the lookup of its name that queues."""
    got = replayed(interleaving("u11_concurrent_reads_while_parked", "7.3.4"))
    assert [nth for nth, waits in enumerate(got.blocked) if waits] == [5, 9, 10]


def test_each_difference_is_told() -> None:
    given = interleaving("u2_remove_next_uncached", REFERENCE)
    got = replayed(given)
    wrong: list[tuple[Replayed, str]] = [
        (replace(got, faults=True), "faults"),
        (replace(got, blocked=(True, False)), "blocked"),
        (replace(got, errnos=("EBUSY", "OK")), "errnos"),
        (replace(got, first=got.first[:-1]), "first"),
        (replace(got, then=()), "then"),
    ]
    for answer, what in wrong:
        assert differences(given, answer)[0].startswith(f"{what}: expected ")
