"""The interrupt rules: one class used in both ways, inversions, and edges that join the two."""

from __future__ import annotations

import pytest

from lockwright.core.lockuse import OVERRIDE, PERCPU
from lockwright.lockdep import (
    InconsistentReport,
    IrqInversionReport,
    IrqOrderReport,
    IrqState,
    LockKey,
    Report,
    Validator,
)
from tests.lockdep.tasks import Locker

KINDS = {
    InconsistentReport: "inconsistent",
    IrqInversionReport: "inversion",
    IrqOrderReport: "order",
}


def task(*, kernel_search: bool = False) -> Locker:
    """A task with interrupts on."""
    return Locker(Validator(kernel_search=kernel_search))


def kinds(locker: Locker) -> list[str]:
    """The kinds of all reports so far."""
    return [KINDS[type(report)] for report in locker.validator.reports]


def lines(report: Report) -> list[int]:
    """Of each class dump, the line in which it was acquired; 0 if that is not printed."""
    assert isinstance(report, IrqInversionReport)
    return [dump.acquired[-1].offset if dump.acquired else 0 for dump in report.dump]


# One class


@pytest.mark.parametrize(
    ("in_irq", "with_irqs_on", "old"),
    [
        ("A", "A", "IN-HARDIRQ-W"),
        ("A", "A:1", "IN-HARDIRQ-W"),
        ("A", "A:2", "IN-HARDIRQ-W"),
        ("A:2", "A", "IN-HARDIRQ-R"),
        ("A:2", "A:1", None),
        ("A:2", "A:2", None),
    ],
)
def test_one_class_in_an_interrupt_and_interruptible_is_inconsistent_unless_both_read(
    in_irq: str, with_irqs_on: str, old: str | None
) -> None:
    one = task()
    one.hardirq(in_irq)
    report = one.order(with_irqs_on)
    assert getattr(report, "old", None) == old
    other = task()
    other.order(with_irqs_on)
    report = other.hardirq(in_irq)
    assert (report is None) == (old is None)


def test_an_inconsistent_report_holds_what_is_printed() -> None:
    one = task()
    one.function = "user"
    one.order("A")  # taken in line 1, released in line 2
    one.lock("outer", check=False)  # line 3
    one.function = "handler"
    report = one.hardirq("A")
    assert isinstance(report, InconsistentReport)
    assert (report.old, report.new) == ("HARDIRQ-ON-W", "IN-HARDIRQ-W")
    assert report.irqs == IrqState(1, 0, hardirqs_enabled=False, softirqs_enabled=True)
    assert str(report.registered[-1]) == "user+0x1/0x63"
    assert (report.lock.lock.name, str(report.lock.at)) == ("A", "handler+0x4/0x63")
    assert (report.lock.lock.usage, report.cycle) == ("?.+.", ("A",))
    assert [lock.lock.name for lock in report.held] == ["outer"]
    assert report.stamps.events == 1
    assert str(report.stamps.hardirqs_off.at) == "handler+0x3/0x63"
    names = [frame.function for frame in report.backtrace]
    assert names[1:] == [
        "print_usage_bug",
        "mark_lock",
        "__lock_acquire",
        "lock_acquire",
        "lock_primitive",
        "handler",
    ]


def test_each_kind_of_interrupt_counts_for_itself() -> None:
    one = task()
    one.softirq("A")
    one.softirqs_off()
    assert one.order("A") is None  # hardirqs are on, and A is no lock of hardirq handlers
    one.softirqs_on()
    report = one.order("A")
    assert isinstance(report, InconsistentReport)
    assert (report.old, report.new) == ("IN-SOFTIRQ-W", "SOFTIRQ-ON-W")


def test_a_trylock_is_no_use_in_an_interrupt_but_one_with_interrupts_on() -> None:
    one = task()
    one.locks.hardirq_context, one.locks.hardirqs_enabled = 1, False
    one.lock("A", trylock=True)
    one.unlock("A")
    one.locks.hardirq_context, one.locks.hardirqs_enabled = 0, True
    assert one.order("A") is None
    two = task()
    two.hardirq("A")
    assert isinstance(two.lock("A", trylock=True), InconsistentReport)


def test_what_is_held_when_interrupts_are_switched_on_may_be_interrupted() -> None:
    one = task()
    one.hardirq("A")
    one.hardirqs_off()
    assert one.lock("A") is None
    report = one.hardirqs_on()
    assert isinstance(report, InconsistentReport)
    assert report.new == "HARDIRQ-ON-W"
    assert str(report.lock.at) == "task+0x4/0x63"  # where it was taken, not where they went on
    assert [frame.function for frame in report.backtrace[2:5]] == [
        "mark_lock",
        "mark_held_locks",
        "lockdep_hardirqs_on_prepare",
    ]


def test_softirqs_switched_on_mark_only_with_hardirqs_on() -> None:
    one = task()
    one.softirq("A")
    one.hardirqs_off()
    one.softirqs_off()
    one.lock("A")
    assert one.softirqs_on() is None
    report = one.hardirqs_on()
    assert isinstance(report, InconsistentReport)
    assert report.new == "SOFTIRQ-ON-W"


def test_a_synchronising_acquire_has_no_time_in_which_to_be_interrupted() -> None:
    one = task()
    one.hardirq("S:2")
    assert one.lock("S", sync=True) is None


def test_an_unchecked_lock_is_not_subject_to_the_rule() -> None:
    one = task()
    one.hardirq("A")
    assert one.lock("A", check=False) is None
    one.hardirqs_off()
    assert one.hardirqs_on() is None


# Inversions: the bit comes last


def test_a_class_that_is_first_taken_in_an_interrupt_looks_forwards() -> None:
    one = task()
    one.order("C")  # line 1: C is unsafe
    one.quietly("A", "B")  # A in line 4, B in line 5
    one.quietly("B", "C")  # C in line 11
    report = one.hardirq("A")
    assert isinstance(report, IrqInversionReport)
    assert report.forwards
    assert (report.lock.lock.name, report.other.name, report.state) == ("A", "C", "HARDIRQ")
    assert (report.middle.name, report.cycle) == ("B", ("A", "B", "C"))
    assert [(dump.lock.name, dump.depth) for dump in report.dump] == [("C", 2), ("B", 1), ("A", 0)]
    assert lines(report) == [11, 5, 15]  # the last one is the acquire in the handler
    bits = [name for name, _ in report.dump[0].usages]
    assert bits == ["HARDIRQ-ON-W", "SOFTIRQ-ON-W", "INITIAL USE"]


def test_a_class_that_is_first_interruptible_looks_backwards() -> None:
    one = task()
    one.hardirq("A")
    one.quietly("A", "B")  # B in line 5
    one.quietly("B", "C")  # C in line 11
    report = one.order("C")
    assert isinstance(report, IrqInversionReport)
    assert not report.forwards
    assert (report.lock.lock.name, report.other.name, report.state) == ("C", "A", "HARDIRQ")
    assert (report.middle.name, report.cycle) == ("B", ("A", "B", "C"))
    assert [(dump.lock.name, dump.depth) for dump in report.dump] == [("A", 2), ("B", 1), ("C", 0)]
    assert lines(report) == [5, 11, 15]


def test_two_locks_in_direct_order_have_no_middle_one() -> None:
    one = task()
    one.hardirq("A")
    one.quietly("A", "B")
    backwards = one.order("B")
    assert isinstance(backwards, IrqInversionReport)
    assert backwards.middle.name == "B"
    two = task()
    two.order("B")
    two.quietly("A", "B")
    forwards = two.hardirq("A")
    assert isinstance(forwards, IrqInversionReport)
    assert forwards.middle.name == "B"


def test_the_state_is_that_of_the_other_class_with_read_for_a_readers_bit() -> None:
    one = task()
    one.hardirq("A:2")
    one.quietly("A", "B")
    report = one.order("B")
    assert isinstance(report, IrqInversionReport)
    assert report.state == "HARDIRQ-READ"


def test_one_new_bit_may_be_wrong_in_both_ways() -> None:
    one = task()
    one.order("A")
    one.order("B")
    one.quietly("A", "B")
    one.hardirq("A")
    assert kinds(one) == ["inconsistent", "inversion"]
    assert one.validator.reports[1].cycle == ("A", "B")  # type: ignore[union-attr]  # an inversion


# Edges: the order comes last


def test_an_edge_from_safe_to_unsafe_is_reported_with_its_dumps() -> None:
    one = task()
    one.hardirq("S")  # line 1
    one.order("U")  # line 3
    one.quietly("S", "P")  # P in line 7
    one.quietly("N", "U")  # U in line 13
    report = one.quietly("P", "N")  # N in line 19
    assert isinstance(report, IrqOrderReport)
    assert (report.locked.lock.name, report.new.lock.name) == ("P", "N")
    assert (report.safe.name, report.unsafe.name, report.state) == ("S", "U", "HARDIRQ")
    assert report.safe_at[-1].offset == 1
    assert (report.unsafe_at[-1].offset, report.middle.name) == (3, "P")
    assert report.cycle == ("S", "P", "N", "U")
    safe = [(dump.lock.name, dump.depth, dump.acquired) for dump in report.safe_dump]
    assert [entry[:2] for entry in safe] == [("S", 1), ("P", 0)]
    assert safe[0][2] is None
    assert safe[1][2] is not None
    assert safe[1][2][-1].offset == 7
    unsafe = [(dump.lock.name, dump.depth, dump.acquired) for dump in report.unsafe_dump]
    assert [entry[:2] for entry in unsafe] == [("U", 1), ("N", 0)]
    assert [frames[-1].offset for _, _, frames in unsafe if frames] == [13, 19]


def test_the_middle_lock_is_the_new_one_if_the_held_one_is_the_safe_one() -> None:
    one = task()
    one.hardirq("S")
    one.order("U")
    one.quietly("N", "U")
    report = one.quietly("S", "N")
    assert isinstance(report, IrqOrderReport)
    assert (report.middle.name, report.cycle) == ("N", ("S", "N", "U"))


def test_hardirq_and_softirq_conflicts_of_one_edge_are_both_given() -> None:
    found = []
    for kernel_search in (False, True):
        one = task(kernel_search=kernel_search)
        one.hardirq("H")
        one.softirq("L")
        one.order("U")
        one.hardirqs_off()
        one.order("H", "P")
        one.order("L", "P")
        one.order("P", "U")
        found.append([getattr(report, "state", "") for report in one.validator.reports])
    assert found == [["HARDIRQ", "SOFTIRQ"], ["HARDIRQ"]]


def test_an_unsafe_lock_that_is_safe_otherwise_leads_to_no_wrong_pair() -> None:
    # U is hardirq-unsafe, and a lock of softirq handlers; D is softirq-unsafe, and nearer than S.
    one = task()
    one.hardirq("S")
    one.order("D")
    one.softirqs_off()
    one.order("U")
    one.softirqs_on()
    one.softirq("U")
    one.quietly("D", "P")
    one.quietly("S", "P")
    report = one.quietly("P", "U")
    assert isinstance(report, IrqOrderReport)
    assert (report.safe.name, report.unsafe.name) == ("S", "U")


def test_a_reader_in_an_interrupt_does_not_count_behind_a_shared_holder() -> None:
    # S --SN--> P: the handler that reads S does not wait for who reads S and waits for P.  So the
    # nearest unsafe lock, U1, matters to nobody, and U2 does to L.
    one = task()
    one.hardirq("S:2")
    one.softirq("L")
    one.softirqs_off()
    one.order("U1")
    one.softirqs_on()
    one.order("U2")
    for order in ("U1 U2", "S:1 P", "L P"):
        assert one.quietly(*order.split()) is None
    report = one.quietly("P", "U1")
    assert isinstance(report, IrqOrderReport)
    assert (report.state, report.safe.name, report.unsafe.name) == ("SOFTIRQ", "L", "U2")


def test_a_reader_with_interrupts_on_does_not_count_for_who_waits_as_a_recursive_one() -> None:
    # U is read with softirqs on, and written with hardirqs on; P waits for it as a reader.
    one = task()
    one.hardirq("H")
    one.softirq("L")
    one.softirqs_off()
    one.order("U")
    one.softirqs_on()
    one.order("U:1")
    for order in ("L P", "H P"):
        assert one.quietly(*order.split()) is None
    one.quietly("P", "U:2")
    found = [
        (report.state, report.safe.name, report.unsafe.name)
        for report in one.validator.reports
        if isinstance(report, IrqOrderReport)
    ]
    assert found == [("HARDIRQ", "H", "U")]


def test_one_pair_is_given_once_over_whatever_path_and_by_whatever_rule() -> None:
    one = task()
    one.hardirq("S")
    one.order("U")
    one.quietly("S", "U")
    one.quietly("S", "M")
    one.quietly("M", "U")
    assert kinds(one) == ["order"]


def test_a_handler_on_top_of_a_lock_makes_no_order_with_it() -> None:
    one = task()
    one.order("U")
    one.lock("U")
    assert one.hardirq("S") is None


@pytest.mark.parametrize("type_", [PERCPU, OVERRIDE])
def test_the_searches_do_not_pass_a_local_lock_or_an_override(type_: str) -> None:
    for through, expected in [(type_, []), ("", ["order"])]:
        one = task(kernel_search=True)
        local = LockKey("L", "", 0, 3, through)
        one.hardirq("S")
        one.order("U")
        one.hardirqs_off()
        one.lock("L", key=local)
        one.lock("U")
        one.unlock("U")
        one.unlock("L")
        one.lock("S")
        one.lock("L", key=local)
        assert kinds(one) == expected


def test_locks_are_joined_past_a_local_lock_but_not_by_the_kernel() -> None:
    found = []
    for kernel_search in (False, True):
        one = task(kernel_search=kernel_search)
        one.hardirq("S")
        one.order("U")
        one.hardirqs_off()
        one.lock("S")
        one.lock("L", key=LockKey("L", "", 0, 3, PERCPU))
        one.lock("U")
        found.append(kinds(one))
    assert found == [["order"], []]


def test_an_nmi_may_not_lock_what_others_lock() -> None:
    one = task()
    one.order("A")
    one.order("R:2")
    validator = one.validator
    validator.nmi_enter(one.locks)
    assert one.order("new") is None
    assert one.order("R:2") is None
    assert one.lock("A", trylock=True) is None
    report = one.lock("A")
    assert isinstance(report, InconsistentReport)
    assert (report.old, report.new) == ("INITIAL USE", "IN-NMI")
    written = one.lock("R")
    assert isinstance(written, InconsistentReport)
    assert written.old == "INITIAL READ USE"
    validator.nmi_exit(one.locks)
    assert one.holds() == []
