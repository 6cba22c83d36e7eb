"""Logs in which something else stands between a report's lines: it is left where it belongs."""

from __future__ import annotations

import pytest

from lockwright.report.read import ParsedReport, read
from tests.report.read.corpus import report

HEAD = (
    "======================================================\n"
    "WARNING: possible circular locking dependency detected\n"
    "6.5.0 #1 Not tainted\n"
    "------------------------------------------------------\n"
    "a/1 is trying to acquire lock:\n"
    "ffff888100000000 (A){+.+.}-{3:3}, at: f+0x1/0x2\n\n"
    "but task is already holding lock:\n"
    "ffff888100000001 (B){+.+.}-{3:3}, at: g+0x1/0x2\n\n"
    "which lock already depends on the new lock.\n\n\n"
    "the existing dependency chain (in reverse order) is:\n\n"
)
CHAIN = (
    "-> #1 (B){+.+.}-{3:3}:\n       mutex_lock+0x1/0x2\n\n"
    "-> #0 (A){+.+.}-{3:3}:\n       mutex_lock+0x1/0x2\n\n"
    "other info that might help us debug this:\n\n"
)
TABLE = "       CPU0                    CPU1\n       ----                    ----\n"
STEPS = (
    "  lock(B);\n"
    "                               lock(A);\n"
    "                               lock(B);\n"
    "  lock(A);\n\n"
    " *** DEADLOCK ***\n\n"
)
SCENARIO = " Possible unsafe locking scenario:\n\n"
HELD = "1 lock held by a/1:\n #0: ffff888100000001 (B){+.+.}-{3:3}, at: g+0x1/0x2\n\n"
TRACE = (
    "stack backtrace:\n"
    "CPU: 0 PID: 1 Comm: a Not tainted 6.5.0 #1\n"
    "Hardware name: none\nCall Trace:\n <TASK>\n dump_stack_lvl+0x1/0x2\n f+0x1/0x2\n </TASK>\n"
)
WHOLE = HEAD + CHAIN + SCENARIO + TABLE + STEPS + HELD + TRACE


def only(text: str) -> ParsedReport:
    (found,) = read(text).reports
    return found


def test_the_report_of_these_tests_is_complete() -> None:
    assert only(WHOLE).missing == ()


def test_another_task_s_backtrace_before_the_own_one_is_not_taken_for_it() -> None:
    other = (
        " other_fn+0x1/0x2\nCPU: 1 PID: 99 Comm: b Not tainted 6.5.0 #1\n more_of_other+0x1/0x2\n"
    )
    mixed = WHOLE.replace("stack backtrace:\n", "stack backtrace:\n" + other)

    found = only(mixed)

    assert [frame.function for frame in found.backtrace] == ["dump_stack_lvl", "f"]
    assert found.missing == ()


def test_the_held_locks_of_another_task_do_not_count() -> None:
    other = "2 locks held by b/2:\n #0: ffff888100000009 (C){+.+.}-{3:3}, at: h+0x1/0x2\n\n"

    found = only(WHOLE.replace(TRACE, other + TRACE))

    assert found.held_count == 1
    assert (found.comm, found.pid) == ("a", 1)


def test_two_cpus_are_told_apart_by_blanks_though_the_table_s_head_is_lost() -> None:
    assert only(WHOLE.replace(TABLE, "")).scenario == (
        (0, "lock(B);"),
        (1, "lock(A);"),
        (1, "lock(B);"),
        (0, "lock(A);"),
    )


def test_which_cpu_is_left_open_if_neither_blanks_nor_the_table_tell() -> None:
    flat = WHOLE.replace(TABLE, "").replace("                               lock", "  lock")

    assert [cpu for cpu, _ in only(flat).scenario] == [None, None, None, None]


def test_four_lines_without_blanks_are_in_the_kernel_s_order() -> None:
    flat = WHOLE.replace("                               lock", "lock")

    assert [cpu for cpu, _ in only(flat).scenario] == [0, 1, 1, 0]


def test_a_chain_entry_without_frames_is_said_to_lack_them() -> None:
    bare = WHOLE.replace(
        "-> #1 (B){+.+.}-{3:3}:\n       mutex_lock+0x1/0x2\n", "-> #1 (B){+.+.}:\n"
    )

    assert only(bare).missing == ("chain entry #1 has no frames",)


def test_a_chain_that_lost_its_top_is_said_to_have() -> None:
    lost = WHOLE.replace(CHAIN, CHAIN[CHAIN.index("-> #0") :])

    assert only(lost).missing == (
        "the dependency chain does not begin with the lock that is held: its top is missing",
    )


def test_a_log_with_an_equals_sign_and_hex_is_not_taken_for_quoted_printable() -> None:
    log = "option=3D1\n" + WHOLE

    assert only(log).missing == ()


def test_a_name_after_an_empty_line_is_not_the_lock_that_should_be_held() -> None:
    text = (
        "WARNING: Nested lock was not taken\n6.5.0 #1 Not tainted\n" + "-" * 34 + "\n"
        "a/1 is trying to lock:\n"
        "ffff888100000000 (A){+.+.}-{3:3}, at: f+0x1/0x2\n\n"
        "but this task is not holding:\n\nsomething else\n"
    )

    assert "nest" not in only(text).extra


def test_the_trace_of_a_dump_is_the_entry_s_own_or_the_next_one_s_by_its_age() -> None:
    old = report("153", "irq_inversion")
    new = report("166", "irq_order")

    assert old.edges[0].frames == old.dumps["path"][0].acquired
    assert new.dumps["safe"][0].acquired is None
    assert [edge.frames for edge in new.edges[:2]] == [
        dump.acquired for dump in new.dumps["safe"][1:]
    ]


def test_another_message_ends_a_report() -> None:
    oops = (
        "BUG: unable to handle page fault for address: 0\nCPU: 0 PID: 1 Comm: a Not tainted 6 #1\n"
    )

    found = only(WHOLE.replace("stack backtrace:\n", oops))

    assert found.trace == ()


@pytest.mark.parametrize("noise", ["eth0: link up", "r0 = socket(0x10)", "audit: type=1400 x"])
def test_single_lines_of_others_do_no_harm_anywhere(noise: str) -> None:
    lines = WHOLE.split("\n")
    whole = only(WHOLE).as_json()

    for at in range(1, len(lines) - 1):
        noisy = only("\n".join([*lines[:at], noise, *lines[at:]])).as_json()
        noisy["lines"] = whole["lines"]
        assert noisy == whole, at
