"""The form with "steps": the kernel's own locking self-tests as programs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.program.command import read_program
from lockwright.program.document import read_file
from lockwright.program.verdict import Entry, judge
from tests.program.files import DATA, one

LOCKS = {"a": {"type": "mutex", "cls": "A"}, "b": {"type": "mutex", "cls": "B"}}


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    """What comes of each recorded self-test."""
    documents = read_file(DATA / "locking_selftests.json")
    return [judge(read_program(document), document) for document in documents]


def test_every_supported_one_is_as_the_kernel_has_it(entries: list[Entry]) -> None:
    assert [(entry.document.name, entry.mismatches) for entry in entries if entry.mismatches] == []
    verdicts = Counter(entry.data["verdict"] for entry in entries)
    # All that report here: 35 circular, 9 recursive, 5 bad unlock, 5 held lock freed.
    assert verdicts == {"violated": 54, "verified": 29, "not supported": 183}


def test_no_report_that_the_kernel_gives_is_passed_over(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.data["verdict"] == "verified":
            assert entry.document.data["expected"] == "ok", entry.document.name


def test_the_others_name_the_step_and_what_is_missing(entries: list[Entry]) -> None:
    reasons = Counter(
        entry.data["reason"].partition(": ")[2]
        for entry in entries
        if entry.data["verdict"] == "not supported"
    )
    assert set(reasons) == {
        "the rules about interrupts are not modelled yet",
        "ww mutexes are not modelled yet",
        "the maps of memory reclaim are not modelled yet",
        "wait contexts are not modelled yet",
    }
    # the wait_context group has 9 that report; 7 of them use no interrupts
    assert reasons["wait contexts are not modelled yet"] >= 5


def test_a_report_names_its_step(tmp_path: Path) -> None:
    steps = [["lock", "a", "W", None], ["lock", "a", "W", None]]
    entry = one(tmp_path, {"locks": LOCKS, "steps": steps})
    assert (entry["verdict"], entry["complete"]) == ("violated", 1)
    assert entry["lockdep"]["kind"] == "possible recursive locking"
    assert entry["lockdep"]["step"] == 1
    assert "lock+0x0/0x1" in entry["lockdep"]["text"]
    assert entry["lockdep"]["token"] is None


@pytest.mark.parametrize(
    ("expected", "mismatch"),
    [
        ({"expected": "ok"}, "lockdep: expected ok, got bad unlock balance"),
        ({"expected": "report", "report_step": 1}, "lockdep at step: expected 1, got 0"),
        (
            {"expected": "report", "report_kind": "held lock freed"},
            "lockdep: expected held lock freed, got bad unlock balance",
        ),
    ],
)
def test_what_the_file_expects_is_compared(
    tmp_path: Path, expected: dict[str, Any], mismatch: str
) -> None:
    steps = [["unlock", "a", None, None], ["lock", "b", "W", None]]
    entry = one(tmp_path, {"locks": LOCKS, "steps": steps, **expected})
    assert entry["mismatches"] == [mismatch]


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (["lokc", "a", "W", None], 'unknown operation "lokc"'),
        (["lock", "c", "W", None], 'unknown lock "c"\nexpected: one of a, b'),
        (["lock", "a", "X", None], 'unknown mode "X"\nexpected: one of R, W, r'),
        (["lock", "a", None, None], "the mode is null\nexpected: a text in quotes: one of R, W, r"),
        (["lock"], "it has 1 item\nexpected: [lock, lock, mode, info]"),
        (["lock", "a", "W"], "it has 3 items\nexpected: [lock, lock, mode, info]"),
        (["lock", "a", "W", {"nest": "c"}], 'its info is {"nest": "c"}'),
        (["lock", "a", "W", {"nset": "b"}], 'its info is {"nset": "b"}'),
        (["unlock", "a", None, 1], "its info is 1"),
        (["set_subclass", "a", None, {"subclass": "1"}], 'its subclass is "1"'),
        (["set_subclass", "a", None, None], "its info is null"),
    ],
)
def test_a_fault_names_the_step(tmp_path: Path, step: list[Any], problem: str) -> None:
    steps = [["lock", "b", "W", None], step]
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, {"locks": LOCKS, "steps": steps})
    assert "program.json: program program: task steps: step 1 " in str(error.value)


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ({"type": "mutex"}, 'lock a is {"type": "mutex"}'),
        ({"type": "futex", "cls": "A"}, 'unknown type of lock a: "futex"'),
        ({"type": ["mutex"], "cls": "A"}, 'the type of lock a is ["mutex"]'),
        ({"type": "mutex", "cls": ""}, 'its cls of lock a is ""'),
    ],
)
def test_a_fault_in_a_lock_names_it(tmp_path: Path, lock: object, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)):
        one(tmp_path, {"locks": {"a": lock}, "steps": [["lock", "a", "W", None]]})
