"""Acquire and release: which edges they make, what they report, and when they ask for a stack."""

from __future__ import annotations

from lockwright.core.frame import Frame
from lockwright.lockdep import (
    BadUnlockReport,
    CircularReport,
    HeldFreedReport,
    LockUse,
    NestLockReport,
    RecursiveReport,
    StillHeldReport,
    Validator,
)
from tests.lockdep.tasks import Locker, address, edge_names, key


def edges_of(validator: Validator) -> list[str]:
    """All edges as `A->B`, in the order in which they were made."""
    return [f"{held}->{new}" for held, new, _ in edge_names(validator)]


# Chains


def test_a_known_chain_asks_for_no_stack() -> None:
    task = Locker(Validator())
    task.order("A", "B")
    before = task.stacks
    task.validator.new_execution()
    task.order("A", "B")
    # each new chain asks once; a chain that is known costs no stack
    assert (before, task.stacks) == (2, 2)


def test_the_same_chain_with_interrupts_off_is_another_one() -> None:
    task = Locker(Validator())
    task.order("A")
    task.locks.hardirqs_enabled = False
    task.order("A")
    assert task.stacks == 2


def test_the_place_of_a_held_lock_is_the_one_given() -> None:
    validator = Validator()
    task = validator.task("t", 1)
    stack = (Frame("mutex_lock", 0, 1), Frame("first", 3, 9))
    for at in (None, Frame("second", 4, 9)):
        validator.acquire(task, LockUse(key("A"), 0, 1), lambda: stack, at=at)
        validator.release(task, 1, lambda: stack)
    validator.acquire(task, LockUse(key("A"), 0, 1), lambda: stack, at=Frame("third", 5, 9))
    report = validator.task_exit(task, lambda: stack)
    assert isinstance(report, StillHeldReport)
    assert [str(lock.at) for lock in report.held] == ["third+0x5/0x9"]


def test_without_a_given_place_exact_sites_takes_it_from_each_stack() -> None:
    places = []
    for exact in (False, True):
        task = Locker(Validator(exact_sites=exact))
        task.order("A")  # line 1, unlocked in line 2
        task.lock("A")  # line 3
        report = task.exit()
        assert isinstance(report, StillHeldReport)
        places.append(report.held[0].at.offset)
    assert places == [1, 3]


# Edges


def test_edges_lead_from_the_last_lock_only() -> None:
    validator = Validator()
    Locker(validator).order("A", "B", "C")
    assert edges_of(validator) == ["A->B", "B->C"]


def test_no_edge_leads_into_a_trylock_and_older_locks_are_linked_past_it() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    task.lock("T", trylock=True)
    task.lock("B")
    assert edges_of(validator) == ["T->B", "A->B"]


def test_an_unchecked_lock_has_no_edges_and_links_nothing() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    task.lock("rcu_read_lock", 2, check=False)
    task.lock("B")
    assert edges_of(validator) == ["A->B"]


def test_edges_lead_past_a_recursive_reader_unless_the_kernel_is_asked() -> None:
    for kernel_search, expected in [(False, ["C->R", "R->B", "C->B"]), (True, ["C->R", "R->B"])]:
        validator = Validator(kernel_search=kernel_search)
        Locker(validator).order("C", "R:2", "B")
        assert edges_of(validator) == expected


def test_no_edge_leads_from_the_interrupted_task_to_the_handler() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    task.locks.hardirq_context = 1
    task.lock("B")
    task.lock("C")
    assert edges_of(validator) == ["B->C"]


def test_a_synchronising_acquire_is_checked_and_not_held() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    task.lock("srcu", sync=True)
    task.lock("B")
    assert edges_of(validator) == ["A->srcu", "A->B"]
    assert task.holds() == ["A", "B"]


# Reports


def test_a_cycle_is_given_once_however_often_and_from_wherever_it_closes() -> None:
    validator = Validator()
    one, two = Locker(validator, "one", 1), Locker(validator, "two", 2)
    found = []
    for _ in range(3):
        validator.new_execution()
        found += [one.order("A", "B"), two.order("B", "A")]
    assert [report is not None for report in found] == [False, True, False, False, False, False]
    assert validator.reports == [found[1]]


def test_after_a_report_other_cycles_are_still_found() -> None:
    validator = Validator()
    task = Locker(validator)
    kinds = [task.order(*order.split()) for order in ("A B", "B A", "B C", "C B", "C A")]
    assert [getattr(report, "cycle", None) for report in kinds] == [
        None,
        ("A", "B"),
        None,
        ("B", "C"),
        ("A", "B", "C"),
    ]


def test_one_acquire_that_closes_two_cycles_keeps_both_reports() -> None:
    validator = Validator()
    task = Locker(validator)
    task.order("N", "A")
    task.order("N", "T")
    task.lock("A")
    task.lock("T", trylock=True)
    first = task.lock("N")
    assert [getattr(report, "cycle", None) for report in validator.reports] == [
        ("N", "T"),
        ("N", "A"),
    ]
    assert validator.reports[0] is first


def test_first_report_only_is_silent_afterwards() -> None:
    validator = Validator(first_report_only=True)
    task = Locker(validator)
    task.order("A", "B")
    assert task.order("B", "A") is not None
    assert not validator.debug_locks
    assert task.order("A", "A") is None
    assert task.unlock("never held") is None
    assert task.exit() is None


def test_a_circular_report_holds_what_is_printed() -> None:
    validator = Validator()
    one, two = Locker(validator, "one", 1), Locker(validator, "two", 2)
    one.order("A", "B:1")  # B in line 2
    two.lock("B", 1)
    report = two.lock("A", 2)
    assert isinstance(report, CircularReport)
    assert (report.who.comm, report.who.pid) == ("two", 2)
    assert (report.new.lock.name, report.new.read, report.new.at.offset) == ("A", 2, 2)
    assert (report.locked.lock.name, report.locked.read, report.locked.at.offset) == ("B", 1, 1)
    assert report.parent.name == "A"
    assert [(entry.number, entry.lock.name) for entry in report.chain] == [(1, "B"), (0, "A")]
    assert [str(frame) for frame in report.chain[0].frames] == [
        "lock_primitive+0x1/0x2",
        "one+0x2/0x63",
    ]
    assert (report.cycle, report.cycle_types) == (("A", "B"), ("EN", "SR"))
    assert [lock.lock.name for lock in report.held] == ["B"]


def test_two_subclasses_of_a_key_are_two_classes() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("dir")
    assert task.lock("dir", subclass=1, instance=2) is None
    assert edges_of(validator) == ["dir->dir/1"]
    task.locks.held.clear()
    task.locks.chain = validator.task("t", 1).chain
    task.lock("dir", subclass=1)
    report = task.lock("dir", instance=2)
    assert isinstance(report, CircularReport)
    assert report.cycle == ("dir", "dir/1")


def test_a_class_that_is_held_is_recursive_unless_both_only_read() -> None:
    for held, new, reported in [(0, 0, True), (1, 1, True), (0, 2, True), (1, 2, False)]:
        task = Locker(Validator())
        task.lock("A", held)
        report = task.lock("A", new, instance=2)
        assert isinstance(report, RecursiveReport) == reported


def test_a_trylock_of_a_held_class_is_accepted() -> None:
    task = Locker(Validator())
    task.lock("A")
    assert task.lock("A", instance=2, trylock=True) is None
    assert task.holds() == ["A", "A"]


# Nest locks


def test_nested_locks_of_one_class_merge_into_one_entry() -> None:
    task = Locker(Validator())
    task.lock("outer")
    for instance in (11, 12, 13):
        assert task.lock("inner", instance=instance, nest=address("outer")) is None
    assert task.holds() == ["outer", "inner"]
    release = task.validator.release
    for instance in (12, 13, 11):
        assert task.holds() == ["outer", "inner"]
        assert release(task.locks, instance, tuple) is None
    assert task.holds() == ["outer"]
    assert isinstance(release(task.locks, 11, tuple), BadUnlockReport)


def test_a_nest_lock_accepts_its_class_even_with_others_in_between() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("outer")
    task.lock("inner", nest=address("outer"))
    task.lock("other")
    assert task.lock("inner", instance=2, nest=address("outer")) is None
    assert edges_of(validator) == ["outer->inner", "inner->other"]


def test_a_nest_lock_that_is_not_held_is_reported_by_its_own_name() -> None:
    task = Locker(Validator())
    task.lock("outer", name="the outer one")
    task.unlock("outer")
    report = task.lock("inner", nest=address("outer"))
    assert isinstance(report, NestLockReport)
    assert (report.new.lock.name, report.nest_name) == ("inner", "the outer one")


# Release


def test_release_out_of_order_links_what_the_lock_had_linked() -> None:
    validator = Validator()
    task = Locker(validator)
    for name in ("A", "B", "C"):
        task.lock(name)
    assert task.unlock("B") is None
    assert task.holds() == ["A", "C"]
    assert edges_of(validator) == ["A->B", "B->C", "A->C"]
    assert (task.unlock("C"), task.unlock("A")) == (None, None)


def test_release_of_what_is_not_held_is_reported_once_for_each_place() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    report = task.unlock("B")
    assert isinstance(report, BadUnlockReport)
    assert report.name == f"{address('B'):016x}"  # never acquired: it has told no name
    assert [lock.lock.name for lock in report.held] == ["A"]
    task.unlock("A")
    second = task.unlock("A")
    assert isinstance(second, BadUnlockReport)
    assert (second.name, second.held) == ("A", ())
    task.line -= 1
    assert task.unlock("A") is None


def test_a_handler_does_not_release_the_locks_of_whom_it_interrupted() -> None:
    task = Locker(Validator())
    task.lock("A")
    task.locks.hardirq_context = 1
    task.lock("B")
    assert isinstance(task.unlock("A"), BadUnlockReport)


def test_a_downgraded_writer_is_a_reader_in_its_old_place() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A")
    task.lock("S")
    task.lock("B")
    assert task.downgrade("S") is None
    task.lock("C")
    assert task.holds() == ["A", "S", "B", "C"]
    assert [entry.use.read for entry in task.locks.held] == [0, 1, 0, 0]
    assert edge_names(validator) == [
        ("A", "S", ("EN",)),
        ("S", "B", ("EN", "SN")),
        ("B", "C", ("EN",)),
    ]
    assert isinstance(task.downgrade("never held"), BadUnlockReport)


# Memory and exit


def test_memory_with_a_held_lock_in_it_is_not_freed() -> None:
    validator = Validator()
    task = Locker(validator)
    task.lock("A", instance=0x1010)
    freed = validator.freed
    assert freed(task.locks, [0x1020], tuple, 0x1011, 0x2000) is None
    by_address = freed(task.locks, [], tuple, 0x1000, 0x1011)
    assert isinstance(by_address, HeldFreedReport)
    assert (by_address.locked.instance, by_address.low, by_address.high) == (0x1010, 0x1000, 0x1011)
    by_name = freed(task.locks, [0x1010], lambda: (Frame("elsewhere", 1, 2),), 0, 0)
    assert isinstance(by_name, HeldFreedReport)


def test_a_task_ends_with_nothing_held() -> None:
    task = Locker(Validator())
    assert task.exit() is None
    task.lock("A")
    task.lock("B", 1)
    report = task.exit()
    assert isinstance(report, StillHeldReport)
    assert [(lock.lock.name, lock.read) for lock in report.held] == [("A", 0), ("B", 1)]
    assert task.holds() == []
