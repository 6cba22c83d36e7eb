"""Each layout against a real report of its kind: the same facts give the same lines.

Only frames and addresses of code are masked, and what the facts list as free (real_logs.py).
"""

from __future__ import annotations

import pytest

from lockwright.lockdep.reports import AnnotationReport, Report, Who
from lockwright.report.kernel import format_report
from tests.report import real_logs, real_reports

TRACE = "call trace:"
CASES: list[tuple[str, Report, str, str, str]] = [
    # file, report, ident, a part of the first line, a part of the last line
    ("118", real_reports.circular(), "6.13.0-rc1+ #2032 Not tainted", "circular", TRACE),
    ("144", real_reports.recursive(), "6.1.119-dirty #4 Not tainted", "recursive", TRACE),
    (
        "088",
        real_reports.inconsistent(),
        "6.1.0-rc5-next-20221114-syzkaller #0 Not tainted",
        "inconsistent",
        TRACE,
    ),
    ("167", real_reports.irq_order(), "syzkaller #0 Not tainted", "lock order", TRACE),
    ("152", real_reports.inversion_forwards(), "syzkaller #0 Not tainted", "inversion", TRACE),
    (
        "153",
        real_reports.inversion_backwards(),
        "5.11.0-rc2-syzkaller #0 Not tainted",
        "inversion",
        TRACE,
    ),
    (
        "197",
        real_reports.wait_context(),
        "6.13.0-rc4-syzkaller-00012-g9b2ffa6148b1 #0 Not tainted",
        "Invalid wait",
        TRACE,
    ),
    (
        "169",
        real_reports.bad_unlock(),
        "6.2.0-syzkaller-13467-g0988a0ea7919 #0 Not tainted",
        "bad unlock",
        TRACE,
    ),
    (
        "178",
        real_reports.held_freed(),
        "6.0.0-rc6-syzkaller-00281-g1707c39ae309 #0 Not tainted",
        "held lock freed",
        TRACE,
    ),
    (
        "063",
        real_reports.still_held(),
        "5.9.0-12994-gf9893351acae #15 Not tainted",
        "still has locks",
        TRACE,
    ),
    (
        "187",
        real_reports.rcu(),
        "6.16.0-rc4-next-20250701-syzkaller #0 Not tainted",
        "suspicious RCU",
        TRACE,
    ),
    (
        "215",
        real_reports.sleeping(),
        "6.12.0-10089-g0d2090ccdbbe #2 Tainted: G        W         ",
        "BUG: sleeping",
        TRACE,
    ),
]


@pytest.mark.parametrize(("file", "report", "ident", "first", "last"), CASES)
def test_a_layout_is_the_real_one(
    file: str, report: Report, ident: str, first: str, last: str
) -> None:
    lines = real_logs.real_lines(file, joined=file == "144")
    real = real_logs.skeleton(real_logs.section(lines, first, last))
    # 215 was a kernel on the way to 6.12: it names the release before.
    real = [line.replace("6.11.0-10089", "6.12.0-10089") for line in real]
    assert real_logs.printed_skeleton(format_report(report, ident=ident)) == real
    assert len(real) > 5


def test_a_sleep_with_interrupts_off_shows_where_and_that_the_validator_is_off() -> None:
    lines = real_logs.real_lines("216")
    real = real_logs.skeleton(real_logs.section(lines, "BUG: sleeping", TRACE))
    # arm64 and ARM give the flag's bit
    real = [line.replace("irqs_disabled(): 128", "irqs_disabled(): 1") for line in real]
    text = format_report(
        real_reports.sleeping_with_interrupts_off(),
        ident="6.0.0-rc7-syzkaller-18095-gbbed346d5a96 #0 Tainted: G        W         ",
        debug_locks=False,
    )
    assert real_logs.printed_skeleton(text) == real


def test_a_sleep_below_a_spinlock_that_disables_interrupts() -> None:
    lines = real_logs.real_lines("208", joined=True)
    other = [line for line in lines if line.startswith("i2c_hid")]
    assert len(other) == 1  # another device's line, in between
    real = real_logs.skeleton(real_logs.section(lines, "BUG: sleeping", TRACE))
    real.remove(other[0])
    text = format_report(
        real_reports.sleeping_below_a_spinlock(),
        ident="6.17.0-rc2-next-20250820 #1 Not tainted",
        debug_locks=False,
    )
    assert real_logs.printed_skeleton(text) == real


def test_scheduling_while_atomic_says_where_preemption_went_off() -> None:
    lines = real_logs.real_lines("079")
    real = real_logs.skeleton(real_logs.section(lines, "BUG: scheduling", TRACE))
    # a console that is told to panic then says so
    real = [line for line in real if not line.startswith("Kernel panic")]
    ident = "5.13.0-rc6-syzkaller #0 Not tainted"
    text = format_report(real_reports.scheduling(), ident=ident)
    assert real_logs.printed_skeleton(text) == real


def test_a_leak_of_a_work_function_has_two_lines_before_the_held_locks() -> None:
    lines = real_logs.real_lines("118")
    real = real_logs.skeleton(real_logs.section(lines, "BUG: workqueue leaked", TRACE))
    # that worker had begun below two locks of its suspend path; ours begin with none
    real = [line.replace("lock=2->0", "lock=0->0") for line in real]
    text = format_report(
        real_reports.work_leak(), ident="6.13.0-rc1+ #2032 Not tainted", debug_locks=False
    )
    assert real_logs.printed_skeleton(text) == real


def test_a_return_to_user_space_has_no_backtrace() -> None:
    lines = real_logs.real_lines("050")
    real = real_logs.skeleton(real_logs.section(lines, "returning to user", "#0: "))
    ident = "4.18.0-rc4+ #51 Not tainted"
    ours = real_logs.printed_skeleton(format_report(real_reports.user_return(), ident=ident))
    assert [line.replace("-{3:3}", "") for line in ours] == real


def test_a_nested_lock_report_begins_as_the_one_that_crashed_there() -> None:
    lines = real_logs.real_lines("082")
    real = real_logs.skeleton(real_logs.section(lines, "Nested lock", "not holding:"))
    ident = "6.0.0-rc7-syzkaller-00220-gffb4d94b4314 #0 Not tainted"
    ours = real_logs.printed_skeleton(format_report(real_reports.nest_lock(), ident=ident))
    assert ours[: len(real)] == real
    assert len(real) == 8


def test_a_warning_has_its_message_before_who_was_where() -> None:
    """Ours does not name the line of the kernel's source."""
    lines = real_logs.real_lines("172")
    real = real_logs.skeleton(real_logs.section(lines, "cut here", "hardware name"))
    at = " kernel/locking/rwsem.c:1335 __up_read"
    assert [line.count(at) for line in real] == [0, 0, 1, 0, 0]
    report = AnnotationReport(
        Who("syz-executor.1", 23387, 1), real[1], (), (real_reports.place("__up_read+0x198/0x2ac"),)
    )
    ident = "6.2.0-rc5-syzkaller-17291-g2e84eedb182e #0 Not tainted"
    ours = real_logs.printed_skeleton(format_report(report, ident=ident))
    assert ours[:5] == [line.replace(at, " __up_read") for line in real]
