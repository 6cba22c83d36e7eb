"""Comparing answers: what counts as the same, and that each difference is told."""

from __future__ import annotations

from typing import Any

import pytest

from stress.conformance.matching import FILE_INO, Labels, differences
from stress.conformance.tree import systems_of
from stress.conformance.vectors import KERNELS, Step, sequence

STAT = {"type": "dir", "mode": "0755", "nlink": 1, "uid": 0, "gid": 0, "size": 0, "ino": "ino1"}
ENTRY = {"name": "enable", "type": "reg", "ino": "FILE_INO", "d_off": 3}


def differs(expect: dict[str, Any], got: dict[str, Any], *, volatile: bool = False) -> list[str]:
    step = Step("stat", (), {"errno": "OK", **expect}, volatile)
    return differences(step, {"errno": "OK", **got}, Labels())


def test_the_same_answer_does_not_differ() -> None:
    assert differs({"stat": STAT}, {"stat": {**STAT, "ino": 7}}) == []
    assert differs({"entries": [ENTRY]}, {"entries": [{**ENTRY, "ino": FILE_INO}]}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("type", "reg"), ("mode", "0700"), ("nlink", 2), ("uid", 1), ("gid", 1), ("size", 1)],
)
def test_each_attribute_is_compared(key: str, value: object) -> None:
    got = {**STAT, "ino": 7, key: value}
    said = f"stat.{key}: expected {STAT[key]!r}, got {value!r}"
    assert differs({"stat": STAT}, {"stat": got}) == [said]


@pytest.mark.parametrize(("key", "value"), [("type", "dir"), ("ino", 7), ("d_off", 4)])
def test_each_part_of_an_entry_is_compared(key: str, value: object) -> None:
    got = {**ENTRY, "ino": FILE_INO, key: value}
    assert len(differs({"entries": [ENTRY]}, {"entries": [got]})) == 1


def test_entries_in_another_order_differ() -> None:
    entries = [ENTRY, {**ENTRY, "name": "filter"}]
    got = [{**entry, "ino": FILE_INO} for entry in reversed(entries)]
    assert differs({"entries": entries}, {"entries": got}) != []
    assert differs({"entries": ["enable", "filter"]}, {"entries": got}) != []


@pytest.mark.parametrize("key", ["errno", "stage", "pos", "calls", "last_ret"])
def test_each_plain_part_is_compared(key: str) -> None:
    assert len(differs({key: "one"}, {key: "another"})) == 1


def test_text_is_compared_unless_it_is_volatile() -> None:
    assert differs({"data": "0\n", "n": 2}, {"data": "1\n", "n": 2}) != []
    assert differs({"data": "0\n", "n": 2}, {"data": "1\n", "n": 2}, volatile=True) == []
    assert differs({"errno": "OK"}, {"errno": "ENOENT"}, volatile=True) != []


def test_labels_stand_for_numbers_one_to_one() -> None:
    labels = Labels()
    assert labels.match("ino1", 7)
    assert labels.match("ino2", 8)
    assert not labels.match("ino1", 8)
    assert not labels.match("ino2", 7)
    assert not labels.match("ino3", 7)
    assert not labels.match("ino3", FILE_INO)
    assert labels.match("FILE_INO", FILE_INO)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_sequence_that_lists_events_is_run_on_every_system_that_it_lists(kernel: str) -> None:
    names = [system.name for system in systems_of(sequence("a_tree", kernel))]
    assert len(names) > 100
    assert names[0] == "initcall"
    assert {"sched", "ftrace", "timer"} <= set(names)


def test_another_sequence_is_run_on_the_systems_that_it_names() -> None:
    systems = systems_of(sequence("c_inodes", "6.12.95"))
    assert [system.name for system in systems] == ["sched", "timer"]
    assert systems[0].events[0] == "sched_wake_idle_without_ipi"
    assert systems_of(sequence("d_hold_dir_fd", "6.12.95")) == ()


def test_a_long_name_that_the_recording_cuts_off_is_whole() -> None:
    steps = sequence("h_errors", "6.12.95").steps
    lengths = {len(step.args[0].rpartition("/")[2]) for step in steps if "aaaaa" in step.args[0]}
    assert lengths == {256}
