"""The recorded sequences of calls on inotify: each answers on the model as it did on the kernel."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from model.fsnotify import inotify, notification
from model.fsnotify.objects import ALL_EVENTS
from stress.conformance import inotify_recorder
from stress.conformance.inotify_calls import (
    GROUPS,
    Sequence,
    calls,
    mask_of,
    mask_text,
    recorded,
)
from stress.conformance.inotify_kernel import available
from stress.conformance.inotify_model import Machine, differences
from stress.conformance.inotify_recorder import ONE_IN, ROOM, SEQUENCES, record

PARTS = 8
FEW = 100
"""So many sequences find what is wrong."""
KERNEL, RECORDED = recorded()

needs_inotify = pytest.mark.skipif(not available(), reason="there is no inotify here")


def failing(sequences: list[Sequence]) -> list[list[str]]:
    """What differs, of the sequences in which something does."""
    return [found for each in sequences if (found := differences(each))]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_call_answers_as_it_did_on_the_kernel(part: int) -> None:
    assert failing(RECORDED[part::PARTS]) == []


def test_the_recording_is_of_a_kernel_and_has_all_its_sequences() -> None:
    assert KERNEL.split(".")[0].isdecimal()
    assert len(RECORDED) == SEQUENCES
    assert len({each.seed for each in RECORDED}) == SEQUENCES
    assert [each.room for each in RECORDED] == [
        0 if nth % ONE_IN else ROOM for nth in range(SEQUENCES)
    ]
    assert {8 <= len(each.steps) <= 15 for each in RECORDED} == {True}


def test_the_recording_has_every_call_with_every_result_often() -> None:
    """An errno that a call can have and that is not in the recording is one nobody has checked."""
    seen: Counter[str] = Counter()
    for each in RECORDED:
        for call, result in each.steps:
            op = call.split()[0]
            seen[f"{op} {result}" if isinstance(result, str) else op] += 1
    often = {what for what, count in seen.items() if count >= 5}
    adds = {"add", "add EBADF", "add EEXIST", "add EINVAL", "add ENOENT"}
    by_group = {"rm", "rm EBADF", "rm EINVAL", "read", "read EAGAIN", "read EBADF", "init"}
    held = {"open", "open ENOENT", "release", "unlink", "unlink ENOENT"}
    events = {f"{op}{errno}" for op in ("access", "modify", "attrib") for errno in ("", " ENOENT")}
    assert (adds | by_group | held | events | {"close", "watches"}) - often == set()


@pytest.mark.parametrize(
    ("event", "least"),
    [("MODIFY", 50), ("ACCESS", 30), ("ATTRIB", 30), ("DELETE_SELF", 10), ("IGNORED", 30)],
)
def test_the_recording_has_every_event_often(event: str, least: int) -> None:
    told = [
        line.split()[0]
        for each in RECORDED
        for call, result in each.steps
        if call.startswith("read") and isinstance(result, list)
        for line in result
    ]
    assert told.count(event) >= least


def test_the_recording_has_queues_that_overflow_and_events_that_are_one() -> None:
    overflows = [each for each in RECORDED if "Q_OVERFLOW -1" in str(each.steps)]
    assert {each.room for each in overflows} == {ROOM}
    assert len(overflows) >= 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notification, "inotify_merge", lambda *event: None)
        assert len(failing(RECORDED[:FEW])) >= 5


def test_a_sequence_that_was_answered_otherwise_is_told_up_to_that_call() -> None:
    steps = (("add g1 f1 MODIFY", 1), ("modify f1", 0), ("read g1", ["MODIFY 2"]), ("close g1", 0))
    assert differences(Sequence("", 0, steps)) == [
        "add g1 f1 MODIFY: 1",
        "modify f1: 0",
        "read g1: kernel ['MODIFY 2'], model ['MODIFY 1']",
    ]
    assert differences(Sequence("", 0, (*steps[:2], ("read g1", ["MODIFY 1"])))) == []


@pytest.mark.parametrize(
    ("module", "name", "other"),
    [
        (inotify, "ALL_INOTIFY_BITS", ALL_EVENTS),
        (inotify, "IN_MASK_ADD", 0),
        (inotify, "IN_MASK_CREATE", 0),
        (inotify, "FS_IN_IGNORED", 0x2),
    ],
)
def test_a_model_that_is_wrong_differs(
    module: object, name: str, other: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, other)
    assert failing(RECORDED[:FEW]) != []


def test_watch_descriptors_are_compared_and_never_given_twice() -> None:
    given: list[int] = []
    machine = Machine()
    for _ in range(3):
        wd = machine.do("add g1 f1 MODIFY")
        assert isinstance(wd, int)
        given.append(wd)
        machine.do(f"rm g1 {wd}")
    assert given == [1, 2, 3]
    assert machine.do("rm g1 3") == "EINVAL"


def test_a_mask_is_read_as_it_is_written() -> None:
    for text in ("0", "ACCESS|DELETE_SELF", "MODIFY|MASK_CREATE|MASK_ADD", "UNKNOWN"):
        assert mask_text(mask_of(text)) == text
    assert mask_text(0x100002) == "MODIFY|0x100000"


@pytest.mark.parametrize("nth", range(3))
def test_the_calls_of_a_sequence_follow_from_its_seed(nth: int) -> None:
    each = RECORDED[nth]
    assert [call for call, _ in each.steps] == list(calls(each.seed, room=each.room))


@needs_inotify
def test_the_recorder_writes_what_can_be_read_again(tmp_path: Path) -> None:
    """A smoke test: three sequences of calls on the kernel that runs this, whichever that is."""
    options = ["--only", "sequences", "--sequences", "3", "--directory", str(tmp_path)]
    assert inotify_recorder.main(options) == 0
    _, sequences = recorded(tmp_path / "inotify_vectors.json")
    assert [[call for call, _ in each.steps] for each in sequences] == [
        [call for call, _ in each.steps] for each in RECORDED[:3]
    ]
    assert {type(result) for each in sequences for _, result in each.steps} <= {int, str, list}
    again = record(RECORDED[1].seed)
    assert replace(again, steps=()) == Sequence(RECORDED[1].seed, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--directory", "nowhere"], "nowhere is no directory"),
        (["--sequences", "0"], "0: expected 1 or more"),
        (["--only", "events"], "invalid choice: 'events'"),
    ],
)
@needs_inotify
def test_a_wrong_option_of_the_recorder_is_told(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        inotify_recorder.main(options)
    assert message in capsys.readouterr().err


def test_groups_are_those_of_the_calls() -> None:
    assert Machine().model.at.fds.keys() == set(GROUPS)
