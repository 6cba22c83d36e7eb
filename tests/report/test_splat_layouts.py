"""Each layout whole, from reports written out by hand; test_splat.py has those of real runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.core.frame import Frame
from lockwright.lockdep.reports import (
    ClassDump,
    ContendReport,
    IrqState,
    KeyReport,
    LimitReport,
    RecursiveReport,
    Report,
    SchedulingReport,
    SleepReport,
    Who,
    WorkLeakReport,
)
from lockwright.report.kernel import format_report
from lockwright.report.kernel.deadlock import circular_scenario
from lockwright.report.kernel.irq import class_dumps, interrupt_scenario
from lockwright.report.kernel.pieces import Kernel, irq_state, machine_lines
from tests.report import real_reports
from tests.report.golden_files import assert_golden

IDENT = "6.19.0 #1 Not tainted"
TASK = Who("trace-cmd", 839, 2)
HELD = real_reports.locks("""
    ffff888103ad7e70 (event_mutex){+.+.}-{4:4}, at: event_remove+0x3/0x20
    ffff888103ad7f00 (&dentry->d_lock){+.+.}-{3:3}, at: d_invalidate+0x7/0x30
""")
STACK = (
    Frame("dump_stack_lvl", 0, 1),
    Frame("d_invalidate", 0x9, 0x30),
    Frame("event_remove", 0x8, 0x20),
)


def compared() -> RecursiveReport:
    """Two nodes of one tree; the class prints its level after the name."""
    first, second = (
        replace(
            real_reports.lock(f"{address} (&b->lock){{+.+.}}-{{4:4}}, at: {at}"),
            note=f" l={level} 0:{key}:U32_MAX",
        )
        for address, at, level, key in [
            ("ffff888103a00100", "btree_node_lock+0x5/0x40", 0, 100),
            ("ffff888103a00200", "btree_node_lock+0x9/0x40", 1, 50),
        ]
    )
    return RecursiveReport(TASK, second, first, 1, (), (first,), STACK)


def sleeping() -> SleepReport:
    return replace(
        real_reports.sleeping_below_a_spinlock(),
        preempt_count=0x10001,
        non_block=1,
        rcu_depth=2,
        preempt_off_at=Frame("d_invalidate", 0x7, 0x30),
        held=HELD,
    )


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("recursive_compared", compared()),
        ("inconsistent", real_reports.inconsistent()),
        ("irq_order", real_reports.irq_order()),
        ("irq_inversion_forwards", real_reports.inversion_forwards()),
        ("irq_inversion_backwards", real_reports.inversion_backwards()),
        ("wait_context", real_reports.wait_context()),
        (
            "bad_contention",
            ContendReport(TASK, "event_mutex", Frame("event_remove", 3, 0x20), (), STACK),
        ),
        ("user_return", real_reports.user_return()),
        ("key_not_registered", KeyReport(TASK, 0xFFFF888103AD7E70, HELD, STACK)),
        ("key_not_static", KeyReport(TASK, None, HELD, STACK)),
        ("limit_keys", LimitReport(TASK, "MAX_LOCKDEP_KEYS", HELD, STACK)),
        ("limit_depth", LimitReport(TASK, "MAX_LOCK_DEPTH", HELD * 24, STACK)),
        ("rcu", real_reports.rcu()),
        ("rcu_after_a_report", replace(real_reports.rcu(), debug_locks=False)),
        ("sleeping", sleeping()),
        ("scheduling", SchedulingReport(TASK, 0x10002, HELD, STACK, STACK[1])),
        ("work_leak", WorkLeakReport(TASK, "event_work", 1, 1, HELD, STACK)),
    ],
)
def test_each_layout_is_printed_whole(name: str, report: Report) -> None:
    assert_golden(f"{name}.txt", format_report(report, ident=IDENT))


def test_a_report_after_the_validators_last_one_says_that_it_is_off() -> None:
    reports: list[Report] = [
        sleeping(),
        SchedulingReport(TASK, 2, HELD, STACK),
        real_reports.work_leak(),
    ]
    for report in reports:
        text = format_report(report, ident=IDENT, debug_locks=False)
        assert "INFO: lockdep is turned off.\n" in text
        assert "held by" not in text
    # The validator's own layouts, and RCU's, show what is held all the same.
    own: list[Report] = [real_reports.wait_context(), real_reports.rcu()]
    for other in own:
        text = format_report(other, ident=IDENT, debug_locks=False)
        assert "lockdep is turned off" not in text
        assert "locks held by" in text


def test_kernels_before_5_16_do_not_print_what_was_expected() -> None:
    old, new = (
        format_report(sleeping(), ident=f"{release} #1 Not tainted")
        for release in ("5.15.0", "5.16.0")
    )
    lines = new.splitlines()
    assert lines[2:4] == ["preempt_count: 10001, expected: 0", "RCU nest depth: 2, expected: 0"]
    assert old.splitlines() == [line.replace("5.16", "5.15") for line in lines[:2] + lines[4:]]


def test_who_runs_is_told_with_the_user_from_6_12_on() -> None:
    cpu = "CPU: 2 {}PID: 839 Comm: trace-cmd Not tainted {} #1"
    for release, uid in [("6.11.9", ""), ("6.12.0-rc1", "UID: 0 "), ("latest", "UID: 0 ")]:
        line = machine_lines(TASK, Kernel.named(f"{release} #1 Not tainted"))[0]
        assert line == cpu.format(uid, release)


def test_taints_are_spelled_out_from_6_12_on() -> None:
    taint = "Tainted: G     U  W        T"
    lines = machine_lines(TASK, Kernel.named(f"6.16.0 #54 {taint}"))
    assert lines[1] == "Tainted: [U]=USER, [W]=WARN, [T]=RANDSTRUCT"
    assert len(machine_lines(TASK, Kernel.named(f"6.11.0 #54 {taint}"))) == 2


def test_a_sync_prints_as_sync_and_readers_as_rlock() -> None:
    report = replace(real_reports.circular(), sync=True)
    assert circular_scenario(report)[-6:-1] == [
        "  lock(&q->q_usage_counter(io));",
        "                               lock(jbd2_handle);",
        "                               lock(&q->q_usage_counter(io));",
        "  sync((wq_completion)ext4-rsv-conversion);",
        "",
    ]
    reader = replace(report, sync=False, locked=replace(report.locked, read=2))
    assert "  rlock(&q->q_usage_counter(io));" in circular_scenario(reader)


def test_a_scenario_of_two_locks_has_no_chain() -> None:
    two = interrupt_scenario("A", "B", "B")
    assert two[0] == " Possible interrupt unsafe locking scenario:"
    assert interrupt_scenario("A", "M", "B")[:3] == ["Chain exists of:", "  A --> M --> B", ""]
    assert two[4:-1] == [
        "  lock(B);",
        "                               local_irq_disable();",
        "                               lock(A);",
        "                               lock(B);",
        "  <Interrupt>",
        "    lock(A);",
        "",
    ]


@pytest.mark.parametrize(
    ("irqs", "text"),
    [
        (IrqState(0, 0, True, True), "[HC0[0]:SC0[0]:HE1:SE1]"),
        (IrqState(1, 0, False, True), "[HC1[1]:SC0[0]:HE0:SE1]"),
        (IrqState(0, 0, True, False), "[HC0[0]:SC0[2]:HE1:SE0]"),  # local_bh_disable() adds 2
        (IrqState(0, 1, True, False), "[HC0[0]:SC1[1]:HE1:SE0]"),
        (IrqState(1, 1, False, False), "[HC1[1]:SC1[1]:HE0:SE0]"),
        (IrqState(2, 0, False, True), "[HC2[2]:SC0[0]:HE0:SE1]"),
    ],
)
def test_an_interrupt_state_counts_as_the_preempt_count_does(irqs: IrqState, text: str) -> None:
    assert irq_state(irqs) == text


def test_frames_of_a_class_dump_are_indented_by_their_heading() -> None:
    """8 blanks, the length of the bit's name, and the depth of the class twice."""
    dump = ClassDump(
        HELD[0].lock, 2, 77, (("IN-SOFTIRQ-R", STACK[:1]),), "tasklist_lock+0x18/0x40", STACK[1:2]
    )
    assert class_dumps((dump,), counted=True) == [
        "  -> (event_mutex){+.+.}-{4:4} ops: 77 {",
        "     IN-SOFTIRQ-R at:",
        " " * (8 + 12 + 4) + "dump_stack_lvl+0x0/0x1",
        "   }",
        "   ... key      at: [<ffffffff925da4e0>] tasklist_lock+0x18/0x40",
        "   ... acquired at:",
        "   d_invalidate+0x9/0x30",
        "",
    ]


def test_operations_are_printed_if_all_classes_have_some() -> None:
    report = real_reports.irq_order()
    counted = [
        tuple(replace(dump, operations=5) for dump in dumps)
        for dumps in (report.safe_dump, report.unsafe_dump)
    ]
    whole = replace(report, safe_dump=counted[0], unsafe_dump=counted[1])
    text = format_report(whole, ident=IDENT)
    assert text.count("-{3:3} ops: 5 {\n") == 5
    assert text.replace(" ops: 5", "") == format_report(report, ident=IDENT)
    partly = replace(report, safe_dump=counted[0])
    assert format_report(partly, ident=IDENT) == format_report(report, ident=IDENT)


def test_a_static_key_without_an_offset_stands_at_its_beginning() -> None:
    (line,) = [
        line
        for line in class_dumps(
            (ClassDump(HELD[0].lock, 0, 0, (), "__key.20", None),), counted=False
        )
        if "key" in line
    ]
    assert line.endswith("] __key.20+0x0/0x10")


@pytest.mark.parametrize("ident", ["", "6.5.0", "6.5.0 #1", "6.5.0 #1 ", " #1 Not tainted"])
def test_an_ident_that_lacks_a_part_is_refused(ident: str) -> None:
    with pytest.raises(ValueError, match=r"is not like '6\.5\.0-rc1 #1 Not tainted'"):
        format_report(real_reports.rcu(), ident=ident)
