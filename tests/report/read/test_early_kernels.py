"""What kernels before 3.10 print otherwise: no scenario, and backtraces without a header."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedReport, read

RECURSIVE = """\
=============================================
[ INFO: possible recursive locking detected ]
2.6.18 #1
---------------------------------------------
sh/7 is trying to acquire lock:
 (&a->mutex){--..}, at: [<c02e8a5d>] mutex_lock+0x1c/0x1f

but task is already holding lock:
 (&a->mutex){--..}, at: [<c02e8a5d>] mutex_lock+0x1c/0x1f

other info that might help us debug this:
1 lock held by sh/7:
 #0:  (&a->mutex){--..}, at: [<c02e8a5d>] mutex_lock+0x1c/0x1f

stack backtrace:
 [<c0103e5d>] show_trace+0x12/0x14
 [<c02e8a5d>] mutex_lock+0x1c/0x1f
 [<f8a1c2f0>] a_open+0x40/0x90 [a]
"""
NO_SCENARIO = "the scenario is missing"
SLEEPING = """\
BUG: sleeping function called from invalid context at kernel/rwsem.c:20
in_atomic():0, irqs_disabled():1
 [<c0103c95>] show_trace+0xd/0x10
 [<c011a9ae>] __might_sleep+0x8d/0x95
 [<c0165d0e>] a_write+0x20/0x30
"""


def one(text: str) -> ParsedReport:
    (found,) = read(text).reports
    return found


def of_release(release: str) -> ParsedReport:
    return one(RECURSIVE.replace("2.6.18", release))


def test_a_backtrace_may_follow_its_sentence_without_a_header() -> None:
    found = of_release("2.6.18")

    assert [at.function for at in found.backtrace] == ["show_trace", "mutex_lock", "a_open"]
    assert found.complete


@pytest.mark.parametrize("release", ["2.6.17-mm1", "2.6.29.6", "2.6.38", "2.6.39-rc7"])
def test_before_3_0_no_scenario_is_missing(release: str) -> None:
    assert of_release(release).missing == ()


@pytest.mark.parametrize("release", ["3.0.0", "3.0", "3.9.1", "6.2.6", "20.6.1"])
def test_from_3_0_on_a_scenario_is_missing(release: str) -> None:
    assert NO_SCENARIO in of_release(release).missing


def test_a_scenario_that_was_begun_is_missing_in_any_kernel() -> None:
    begun = "debug this:\n Possible unsafe locking scenario:\n"

    assert one(RECURSIVE.replace("debug this:\n", begun)).missing == (NO_SCENARIO,)


@pytest.mark.parametrize(("release", "frames"), [("3.9.11", 3), ("3.10.0", 0), ("4.11.0", 0)])
def test_from_3_10_on_a_frame_without_header_is_another_tasks(release: str, frames: int) -> None:
    assert len(of_release(release).backtrace) == frames


def test_where_the_kernel_is_not_named_the_printing_function_begins_the_backtrace() -> None:
    nameless = RECURSIVE.replace("2.6.18 #1\n", "")

    assert len(one(nameless).backtrace) == 3
    assert one(nameless.replace("show_trace+0x12", "b_open+0x12")).backtrace == ()
    assert one(nameless.replace("[<c0103e5d>] show", "show")).backtrace == ()


def test_arm_frames_without_header_are_a_backtrace() -> None:
    arm = (
        "[<c0045d1c>] (unwind_backtrace+0x0/0x108) from [<c02b1c24>] (dump_stack+0x18/0x1c)\n"
        "[<c02b1c24>] (dump_stack+0x18/0x1c) from [<c0089f2c>] (a_open+0xcc/0xd8)\n"
    )
    found = one(RECURSIVE[: RECURSIVE.index(" [<c0103e5d>]")].replace("2.6.18", "2.6.38") + arm)

    assert [at.function for at in found.backtrace] == ["unwind_backtrace", "dump_stack"]


def test_a_short_report_has_its_backtrace_right_below() -> None:
    found = one(SLEEPING)

    assert [at.function for at in found.backtrace] == ["show_trace", "__might_sleep", "a_write"]
    assert one(SLEEPING.replace("show_trace", "b_open")).backtrace == ()


HEADLESS = RECURSIVE[RECURSIVE.index("sh/7 is trying") :]


def test_without_headline_and_release_old_and_new_characters_cannot_be_told_apart() -> None:
    assert one(HEADLESS).layout.undecided
    assert not one(RECURSIVE).layout.undecided
    assert not one(RECURSIVE.replace("2.6.18 #1\n", "")).layout.undecided


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(&a->mutex){--..}", "ffff888012345678 (&a->mutex){--..}"),
        ("{--..}", "{--..}-{4:4}"),
        ("{--..}", "{--....}"),
    ],
    ids=["address", "wait type", "six characters"],
)
def test_what_only_later_kernels_print_tells(old: str, new: str) -> None:
    assert not one(HEADLESS.replace(old, new)).layout.undecided
