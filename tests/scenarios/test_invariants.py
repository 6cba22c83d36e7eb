"""Each invariant holds over a world that is in order, and says what is wrong with one that is not.

The designs break most of them by themselves (see test_eventfs_v3, test_eventfs_v4).
"""

from collections.abc import Callable

import pytest

from invariants.dentries import (
    dentry_counts,
    no_lookup_left,
    nothing_at_the_root,
    one_hashed_dentry_a_name,
)
from invariants.events import busy_changes_nothing, open_event_is_busy
from invariants.fairness import writer_is_not_overtaken
from invariants.names import existing_is_found, listing_is_complete, removed_is_gone
from lockwright.scenario import Check
from model.eventfs.v3 import Eventfs3
from model.tracefs.inode import TracefsInode
from model.tracing.setup import Outcome, Tracing, hang
from model.vfs.dcache import slot_of
from model.vfs.err import EBUSY, ENOENT
from model.vfs.objects import Dentry, File
from tests.model.alone import mounted


def surplus(at: Tracing) -> None:
    at.warm("kprobes/kp1").d_count += 1


def second_dentry(at: Tracing) -> None:
    dentry = at.warm("kprobes/kp1")
    other = Dentry(at.sb, dentry.d_parent, "kp1")
    other.d_parent = dentry.d_parent
    slot_of(dentry).put(((dentry, False), (other, False)))


def unfinished(at: Tracing) -> None:
    dentry = at.warm("kprobes/kp1")
    slot_of(dentry).put(((dentry, True),))


def stray(at: Tracing) -> None:
    hang(at.sb, at.sb.s_root, "enable", TracefsInode(at.sb, "enable"))


def half_removed(at: Tracing) -> None:
    at.outcomes.append(Outcome("remove", "kprobes/kp1", -EBUSY))
    at.efs["kprobes/kp1"].life.value = "somebody"


def open_and_removed(at: Tracing) -> None:
    file = File(at.sb.world, "enable")
    file.f_dentry = at.warm("kprobes/kp1/enable")
    file.private_data = at.tr.events["kp1"]
    at.tr.events["kp1"].life.value = "somebody"
    at.sb.files.append(file)


def overtaken(at: Tracing) -> None:
    assert isinstance(at.eventfs, Eventfs3)
    at.eventfs.rwsem.overtakes = 1


def outcome(call: str, result: int | tuple[str, ...]) -> Callable[[Tracing], None]:
    return lambda at: at.outcomes.append(Outcome(call, "kprobes/kp1", result))


BROKEN: list[tuple[Check, Callable[[Tracing], None], str]] = [
    (dentry_counts, surplus, "dentry tracing/events/kprobes/kp1 has 1 references, and 0 owners"),
    (
        one_hashed_dentry_a_name,
        second_dentry,
        "tracing/events/kprobes/kp1 is hashed twice in one directory",
    ),
    (no_lookup_left, unfinished, "tracing/events/kprobes/kp1 is still in lookup"),
    (
        nothing_at_the_root,
        stray,
        "enable, a file of an event, is made at the root of tracefs",
    ),
    (
        removed_is_gone,
        outcome("stat after remove", 0),
        "kprobes/kp1 is found after its removal has returned",
    ),
    (
        existing_is_found,
        outcome("stat", -ENOENT),
        "stat of kprobes/kp1 fails, although it is there all the time",
    ),
    (
        listing_is_complete,
        outcome("list", ("enable", "enable")),
        "a listing of kprobes/kp1 gives enable, enable, not enable",
    ),
    (
        busy_changes_nothing,
        half_removed,
        "the removal of kprobes/kp1 says EBUSY, and has freed its directory",
    ),
    (
        open_event_is_busy,
        open_and_removed,
        "tracing/events/kprobes/kp1/enable is open, and its event has been removed",
    ),
    (
        writer_is_not_overtaken,
        overtaken,
        "a reader that asked after a writer got eventfs_rwsem before it",
    ),
]


@pytest.mark.parametrize(
    ("check", "breaks", "sentence"), BROKEN, ids=lambda v: getattr(v, "__name__", "")
)
def test_an_invariant_says_what_is_wrong(
    check: Check, breaks: Callable[[Tracing], None], sentence: str
) -> None:
    at = mounted()
    at.warm("kprobes/kp1/enable" if check is open_event_is_busy else "kprobes/kp1")
    assert list(check(at.sb.world)) == []
    breaks(at)
    assert list(check(at.sb.world)) == [sentence]


def test_what_somebody_removes_or_makes_may_be_missing() -> None:
    at = mounted()
    at.outcomes += [
        Outcome("remove", "kprobes/kp1", 0),
        Outcome("stat", "kprobes/kp1/enable", -ENOENT),
        Outcome("list", "kprobes/kp1", ()),
        Outcome("stat after remove", "kprobes/kp1", -ENOENT),
    ]
    for check in (existing_is_found, listing_is_complete, removed_is_gone):
        assert list(check(at.sb.world)) == []
