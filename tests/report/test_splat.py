"""The printed reports: each layout whole, and one real report line by line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lockwright.core.frame import Frame
from lockwright.lockdep import CircularReport, LockKey, LockUse, Report, Validator
from lockwright.report.kernel import format_report
from lockwright.report.kernel.deadlock import circular_scenario
from lockwright.report.kernel.pieces import held_list, lock_at
from tests.report.golden_files import assert_golden
from tests.report.scene import (
    ADDRESSES,
    EVENT_MUTEX,
    INODE,
    MUTEX,
    RWSEM,
    SPIN,
    SRCU,
    Scene,
    frame,
    stack_of,
)

IDENT = "6.5.0-rc1-eventfs-v3 #1 Not tainted"
REAL = Path(__file__).parent.parent / "data" / "splats" / "001_circular_6.5.0-rc1-test_x86.txt"


def circular_of_two() -> Report | None:
    """A reader holds what the other, writing, takes first."""
    scene = Scene()
    lookup, opener = scene.task("stat", 101), scene.task("trace-cmd", 102, 1)
    scene.lock(lookup, INODE, "down_read+0x0/0x1 __lookup_slow+0x5/0x14 path_lookupat+0x9/0x30")
    scene.lock(
        lookup,
        RWSEM,
        "down_read_nested+0x0/0x1 eventfs_root_lookup+0x4/0x12 __lookup_slow+0x9/0x14",
        read=1,
        subclass=1,
    )
    caller = "dcache_dir_open_wrapper+{}/0x1b path_openat+0x7/0x20"
    scene.lock(
        opener, RWSEM, f"down_read_nested+0x0/0x1 {caller.format('0x6')}", read=1, subclass=1
    )
    return scene.lock(opener, INODE, f"down_write+0x0/0x1 {caller.format('0xc')}")


def circular_of_three() -> Report | None:
    scene = Scene()
    task = scene.task("kworker/u8:2", 35)
    for first, second in [(INODE, MUTEX), (MUTEX, EVENT_MUTEX)]:
        scene.lock(task, first, "mutex_lock+0x0/0x1 create_dir+0x2/0x9")
        scene.lock(task, second, "mutex_lock+0x0/0x1 create_dir+0x4/0x9")
        scene.unlock(task, second, "mutex_unlock+0x0/0x1 create_dir+0x5/0x9")
        scene.unlock(task, first, "mutex_unlock+0x0/0x1 create_dir+0x6/0x9")
    scene.lock(task, EVENT_MUTEX, "mutex_lock+0x0/0x1 remove_event+0x1/0x8")
    return scene.lock(task, INODE, "down_read+0x0/0x1 remove_event+0x3/0x8", read=1)


def circular_with_a_sync() -> Report | None:
    scene = Scene()
    task = scene.task("rm", 7)
    reader = "__srcu_read_lock+0x0/0x1 read+0x1/0x4"
    scene.lock(task, SRCU, reader, read=2)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 read+0x2/0x4")
    scene.unlock(task, MUTEX, "mutex_unlock+0x0/0x1 read+0x3/0x4")
    scene.validator.release(task, ADDRESSES[SRCU], stack_of(reader))
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 remove+0x1/0x5")
    return scene.lock(task, SRCU, "synchronize_srcu+0x0/0x1 remove+0x2/0x5", sync=1)


def recursive() -> Report | None:
    scene = Scene()
    task = scene.task("rmdir", 12)
    scene.lock(task, INODE, "down_write+0x0/0x1 do_rmdir+0x8/0x20", subclass=1)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 do_rmdir+0x9/0x20")
    return scene.lock(
        task,
        INODE,
        "down_write+0x0/0x1 simple_rmdir+0x2/0xa",
        subclass=1,
        instance=0xFFFF888100003000,
    )


def bad_unlock() -> Report | None:
    scene = Scene()
    task = scene.task("mkdir", 13)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 create_file+0x3/0x9")
    scene.lock(task, INODE, "down_write+0x0/0x1 create_file+0x4/0x9", subclass=1)
    scene.unlock(task, INODE, "up_write+0x0/0x1 create_file+0x6/0x9")
    return scene.unlock(task, INODE, "up_write+0x0/0x1 create_file+0x7/0x9 mkdir+0x1/0x2")


def bad_unlock_holding_nothing() -> Report | None:
    scene = Scene()
    task = scene.task("mkdir", 13)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 create_file+0x3/0x9")
    scene.unlock(task, MUTEX, "mutex_unlock+0x0/0x1 create_file+0x6/0x9")
    return scene.unlock(task, MUTEX, "mutex_unlock+0x0/0x1 create_file+0x8/0x9")


def held_freed() -> Report | None:
    scene = Scene()
    task = scene.task("rm", 14, 3)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 eventfs_remove+0x2/0x9")
    scene.lock(task, SPIN, "_raw_spin_lock+0x0/0x1 eventfs_remove+0x3/0x9")
    start = ADDRESSES[SPIN] & ~0xFF
    return scene.validator.freed(
        task,
        [ADDRESSES[SPIN]],
        stack_of("kmem_cache_free+0x0/0x1 eventfs_remove+0x5/0x9"),
        start,
        start + 0xC0,
    )


def nest_lock() -> Report | None:
    scene = Scene()
    task = scene.task("mount", 15)
    scene.lock(task, MUTEX, "mutex_lock+0x0/0x1 fill_super+0x1/0x9")
    scene.unlock(task, MUTEX, "mutex_unlock+0x0/0x1 fill_super+0x2/0x9")
    return scene.lock(
        task, SPIN, "_raw_spin_lock_nest_lock+0x0/0x1 iput+0x3/0x9", nest=ADDRESSES[MUTEX]
    )


def still_held() -> Report | None:
    scene = Scene()
    task = scene.task("a task", 16)
    scene.lock(task, RWSEM, "down_read+0x0/0x1 early_return+0x1/0x6", read=1)
    scene.lock(task, SPIN, "_raw_spin_lock+0x0/0x1 early_return+0x2/0x6")
    return scene.validator.task_exit(task, stack_of("do_exit+0x0/0x1"))


@pytest.mark.parametrize(
    ("scene", "kind"),
    [
        (circular_of_two, "possible circular locking dependency"),
        (circular_of_three, "possible circular locking dependency"),
        (circular_with_a_sync, "possible circular locking dependency"),
        (recursive, "possible recursive locking"),
        (bad_unlock, "bad unlock balance"),
        (bad_unlock_holding_nothing, "bad unlock balance"),
        (held_freed, "held lock freed"),
        (nest_lock, "Nested lock was not taken"),
        (still_held, "lock held at task exit"),
    ],
)
def test_each_layout_is_printed_whole(scene: Callable[[], Report | None], kind: str) -> None:
    report = scene()
    assert report is not None
    assert report.kind == kind
    assert_golden(f"{scene.__name__}.txt", format_report(report, ident=IDENT))


def test_every_layout_begins_with_its_headline_between_rulers_of_its_length() -> None:
    scenes = [circular_of_two, recursive, bad_unlock, held_freed, nest_lock, still_held]
    heads = []
    for scene in scenes:
        report = scene()
        assert report is not None
        _, above, headline, _, below, *_ = format_report(report, ident=IDENT).split("\n")
        assert (set(above), set(below), len(above)) == ({"="}, {"-"}, len(below))
        heads.append((headline, len(above)))
    assert heads == [
        ("WARNING: possible circular locking dependency detected", 54),
        ("WARNING: possible recursive locking detected", 44),
        ("WARNING: bad unlock balance detected!", 37),
        ("WARNING: held lock freed!", 25),
        ("WARNING: Nested lock was not taken", 34),
        ("WARNING: a task/16 still has locks held!", 36),
    ]


def test_a_reader_of_the_new_lock_prints_as_rlock() -> None:
    report = circular_of_three()
    assert isinstance(report, CircularReport)
    assert circular_scenario(report) == [
        "Chain exists of:",
        "  &sb->s_type->i_mutex_key --> eventfs_mutex --> event_mutex",
        "",
        " Possible unsafe locking scenario:",
        "",
        "       CPU0                    CPU1",
        "       ----                    ----",
        "  lock(event_mutex);",
        "                               lock(eventfs_mutex);",
        "                               lock(event_mutex);",
        "  rlock(&sb->s_type->i_mutex_key);",
        "",
        " *** DEADLOCK ***",
    ]


def test_an_address_has_sixteen_digits() -> None:
    report = circular_of_three()
    assert isinstance(report, CircularReport)
    assert lock_at(report.locked).startswith("ffffffff820000c0 (event_mutex){+.+.}-{3:3}, at: ")


def test_a_task_without_locks_says_so() -> None:
    report = bad_unlock_holding_nothing()
    assert report is not None
    assert held_list(report.who, report.held) == ["no locks held by mkdir/13."]


def test_an_ident_without_a_version_is_refused() -> None:
    report = still_held()
    assert report is not None
    with pytest.raises(ValueError, match=r"ident '6\.5\.0' is not like"):
        format_report(report, ident="6.5.0")


# One real report: two tasks of tracefs, July 2023.


def real_lines() -> list[str]:
    """The real report without the blank that the mail put before each line but the first."""
    lines = REAL.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(" ") for line in lines]


def section(lines: list[str], first: str, last: str) -> list[str]:
    """From the line that begins with `first` to the one before that which begins with `last`."""
    start = next(i for i, line in enumerate(lines) if line.startswith(first))
    end = next(i for i, line in enumerate(lines) if i > start and line.startswith(last))
    return lines[start:end]


def frames_under(lines: list[str], heading: str) -> tuple[Frame, ...]:
    """The frames of one chain entry of the real report, without the validator's own."""
    start = next(i for i, line in enumerate(lines) if line.startswith(heading)) + 1
    frames = [frame(line.strip()) for line in lines[start : lines.index("", start)]]
    return tuple(f for f in frames if f.function not in ("__lock_acquire", "lock_acquire"))


def rebuilt_report() -> CircularReport:
    """The real report, made by a validator that is told what its two tasks did."""
    lines = real_lines()
    validator = Validator(raw_nesting=False)
    lookup, opener = validator.task("trace-cmd", 839), validator.task("trace-cmd", 840, 7)
    # Four other file systems have named their keys like this one: it is number 5.
    for number in range(4):
        key = LockKey(INODE.name, f"file system {number}")
        validator.acquire(lookup, LockUse(key, 0, number), tuple)
        validator.release(lookup, number, tuple)
    looked_up, opened = frames_under(lines, "-> #1"), frames_under(lines, "-> #0")
    # lookup: inode lock as a reader, in __lookup_slow(), then eventfs_rwsem as a reader
    inode, rwsem = 0xFFFF8881007E5DE0, 0xFFFF888103AD7E70
    in_lookup = (Frame("down_read", 0x3E, 0x160), *looked_up[2:])
    validator.acquire(lookup, LockUse(INODE, 0, inode, read=1), lambda: in_lookup)
    validator.acquire(lookup, LockUse(RWSEM, 1, rwsem, read=1), lambda: looked_up)
    validator.release(lookup, rwsem, tuple)
    validator.release(lookup, inode, tuple)
    # open: eventfs_rwsem as a reader, then the inode lock as a writer
    at = frame("dcache_dir_open_wrapper+0x6f/0x1b0")
    in_open = (Frame("down_read_nested", 0x41, 0x180), at, *opened[2:])
    validator.acquire(opener, LockUse(RWSEM, 1, rwsem, read=1), lambda: in_open)
    report = validator.acquire(opener, LockUse(INODE, 0, inode), lambda: opened)
    assert isinstance(report, CircularReport)
    return report


def test_the_real_report_is_printed_line_by_line() -> None:
    """From the headline to the end of the held locks, all lines are equal, but for one thing:
    where in lock_acquire() and __lock_acquire() the kernel was, as we have not these functions.
    """
    text = format_report(rebuilt_report(), ident="6.5.0-rc1-test+ #576 Not tainted")
    ours = section(text.splitlines(), "WARNING:", "stack backtrace:")
    real = section(real_lines(), "WARNING:", "stack backtrace:")
    real = [re.sub(r"(lock_acquire)\+0x\w+/0x\w+", r"\1+0x0/0x1", line) for line in real]
    assert ours == real
    assert len(ours) == 56  # lines 2 to 57 of the file


def test_the_backtrace_of_the_real_report_has_the_same_header_and_functions() -> None:
    """Not compared: the hardware, frames that the kernel was not sure of (`?`), the registers,
    and the places in the four functions of the validator and of dump_stack().
    """
    text = format_report(rebuilt_report(), ident="6.5.0-rc1-test+ #576 Not tainted")
    ours = section(text.splitlines(), "stack backtrace:", " </TASK>")
    real = section(real_lines(), "stack backtrace:", "RIP:")
    real = [line for line in real if not line.startswith(" ?")]
    assert ours[:2] == real[:2]
    assert ours[3:5] == real[3:5] == ["Call Trace:", " <TASK>"]
    functions = [line.partition("+")[0] for line in real[5:]]
    assert [line.partition("+")[0] for line in ours[5:]] == functions
    assert ours[9:] == real[9:]


def test_the_cycle_of_the_real_report_is_named_class_by_class() -> None:
    report = rebuilt_report()
    assert report.cycle == ("&sb->s_type->i_mutex_key#5", "eventfs_rwsem/1")
    assert report.cycle_types == ("SN", "SN")
