"""What models say of locks: comparison functions, pins, classes set by hand, keys, contention."""

from __future__ import annotations

import pytest

from lockwright.core.lockuse import NO_KEY
from lockwright.lockdep import (
    AnnotationReport,
    ApiReport,
    ContendReport,
    InconsistentReport,
    KeyReport,
    LimitReport,
    Limits,
    LockKey,
    NestLockReport,
    RecursiveReport,
    UserReturnReport,
    Validator,
)
from tests.lockdep.tasks import Locker, address, edge_names, key


def by_address(held: int, new: int) -> int:
    """The lower address comes first."""
    return held - new


# Comparison functions


@pytest.mark.parametrize("kernel_search", [False, True])
def test_locks_of_one_class_nest_in_the_order_of_their_comparison_function(
    kernel_search: bool,
) -> None:
    task = Locker(Validator(kernel_search=kernel_search))
    for instance in (1, 2, 3):
        assert task.lock("A", instance=instance, compare=by_address) is None
    assert edge_names(task.validator) == []


def test_against_it_they_do_not_and_the_report_has_what_it_says() -> None:
    task = Locker(Validator())
    task.lock("A", instance=7, compare=by_address, show=lambda lock: f" no {lock}")
    report = task.lock("A", instance=4, compare=by_address, show=lambda lock: f" no {lock}")
    assert isinstance(report, RecursiveReport)
    assert (report.compared, report.locked.note, report.new.note) == (3, " no 7", " no 4")


def test_a_known_chain_is_compared_all_the_same() -> None:
    task = Locker(Validator())
    for first, second in ((1, 2), (2, 1)):
        task.lock("A", instance=first, compare=by_address)
        report = task.lock("A", instance=second, compare=by_address)
        for instance in (second, first):
            task.validator.release(task.locks, instance, task.stack)
    assert isinstance(report, RecursiveReport)


def test_a_class_without_one_compares_nothing() -> None:
    task = Locker(Validator())
    task.lock("A", instance=1)
    report = task.lock("A", instance=2)
    assert isinstance(report, RecursiveReport)
    assert (report.compared, report.new.note) == (None, "")


# Nest locks


def test_a_nest_lock_may_be_one_that_was_merged_into_another_entry() -> None:
    task = Locker(Validator())
    task.lock("outer")
    task.lock("middle", instance=1, nest=address("outer"))
    task.lock("middle", instance=2, nest=address("outer"))
    assert task.lock("inner", nest=2) is None


def test_a_nest_lock_is_not_any_lock_of_its_class() -> None:
    task = Locker(Validator())
    task.lock("middle", instance=2)
    task.validator.release(task.locks, 2, task.stack)
    task.lock("middle", instance=1)
    assert isinstance(task.lock("inner", nest=2), NestLockReport)


def test_a_nest_lock_that_is_left_first_is_missed() -> None:
    task = Locker(Validator())
    task.lock("outer")
    task.lock("inner", nest=address("outer"))
    assert isinstance(task.unlock("outer"), NestLockReport)


def test_a_lock_that_was_never_taken_has_the_name_of_its_initialisation() -> None:
    task = Locker(Validator())
    task.validator.init_map(task.locks, key("outer"), task.stack, instance=address("outer"))
    report = task.lock("inner", nest=address("outer"))
    assert isinstance(report, NestLockReport)
    assert report.nest_name == "outer"


# Classes of held locks


def test_a_held_lock_changes_its_class_in_its_place() -> None:
    task = Locker(Validator())
    task.lock("A")
    task.lock("B")
    task.lock("C")
    found = task.validator.set_class(task.locks, address("B"), key("other"), 1, task.stack)
    assert found is None
    assert task.holds() == ["A", "other/1", "C"]
    assert [edge[:2] for edge in edge_names(task.validator)][2:] == [
        ("A", "other/1"),
        ("other/1", "C"),
    ]
    assert [task.unlock(name) for name in "CBA"] == [None] * 3


# Held locks


def test_a_task_knows_what_it_holds_and_how() -> None:
    task = Locker(Validator())
    held = task.validator.is_held
    task.lock("A")
    task.lock("B", 1)
    asked = [(name, read) for name in "ABC" for read in (-1, 0, 1)]
    assert [pair for pair in asked if held(task.locks, address(pair[0]), pair[1])] == [
        ("A", -1),
        ("A", 0),
        ("B", -1),
        ("B", 1),
    ]
    assert [lock.lock.name for lock in task.validator.held_locks(task.locks)] == ["A", "B"]


def test_a_lock_that_is_contended_must_have_been_told_of() -> None:
    task = Locker(Validator())
    task.lock("A")
    assert task.validator.contended(task.locks, address("A"), task.stack) is None
    report = task.validator.contended(task.locks, address("B"), task.stack)
    assert isinstance(report, ContendReport)
    assert [lock.lock.name for lock in report.held] == ["A"]


def test_a_task_holds_nothing_in_user_space() -> None:
    task = Locker(Validator())
    assert task.validator.user_return(task.locks, task.stack) is None
    task.lock("A")
    report = task.validator.user_return(task.locks, task.stack)
    assert isinstance(report, UserReturnReport)
    assert [lock.lock.name for lock in report.held] == ["A"]


# Pins


def pinned() -> tuple[Locker, int]:
    """A task that holds A, pinned, and the cookie."""
    task = Locker(Validator())
    task.lock("A")
    task.lock("B")
    return task, task.validator.pin(task.locks, address("A"), task.stack)


def test_a_pinned_lock_is_not_to_be_released() -> None:
    task, cookie = pinned()
    assert cookie > 0
    task.unlock("B")
    report = task.unlock("A")
    assert isinstance(report, AnnotationReport)
    assert report.message == "releasing a pinned lock"
    assert task.validator.debug_locks


def test_an_unpinned_one_is_and_pins_survive_a_release_out_of_order() -> None:
    task, cookie = pinned()
    validator, lock = task.validator, address("A")
    more = validator.pin(task.locks, lock, task.stack)
    assert more != cookie
    assert task.unlock("B") is None
    for one in (more, cookie):
        assert isinstance(task.locks.held[0].pins, int)
        assert task.locks.held[0].pins > 0
        assert validator.unpin(task.locks, lock, one, task.stack) is None
    assert task.unlock("A") is None


def test_a_pinned_lock_stays_so_when_one_below_it_is_released() -> None:
    task, _ = pinned()
    task.validator.pin(task.locks, address("B"), task.stack)
    task.validator.unpin(task.locks, address("A"), task.locks.held[0].pins, task.stack)
    assert task.unlock("A") is None
    assert isinstance(task.unlock("B"), AnnotationReport)


@pytest.mark.parametrize(
    ("lock", "cookie", "message"),
    [
        ("A", 99, "pin count corrupted"),
        ("B", 1, "unpinning an unpinned lock"),
        ("C", 1, "unpinning an unheld lock"),
    ],
)
def test_a_pin_is_taken_off_where_it_is(lock: str, cookie: int, message: str) -> None:
    task, _ = pinned()
    report = task.validator.unpin(task.locks, address(lock), cookie, task.stack)
    assert isinstance(report, AnnotationReport)
    assert report.message == message


def test_only_held_locks_are_pinned() -> None:
    task = Locker(Validator())
    assert task.validator.pin(task.locks, address("A"), task.stack) == 0
    assert [getattr(report, "message", "") for report in task.validator.reports] == [
        "pinning an unheld lock"
    ]


# Keys


def test_a_dynamic_key_has_to_be_registered() -> None:
    task = Locker(Validator())
    validator, dynamic = task.validator, key("dynamic")
    report = validator.init_map(task.locks, dynamic, task.stack, address=0x40)
    assert isinstance(report, KeyReport)
    assert report.address == 0x40
    validator.register_key(dynamic)
    task.line += 1
    assert validator.init_map(task.locks, dynamic, task.stack, address=0x40) is None
    assert validator.init_map(task.locks, key("static"), task.stack) is None


def test_a_lock_without_a_key_is_reported_and_not_held() -> None:
    task = Locker(Validator())
    report = task.lock("A", key=NO_KEY)
    assert isinstance(report, KeyReport)
    assert report.address is None
    assert task.holds() == []


def test_with_its_key_all_that_is_known_of_a_class_goes_away() -> None:
    task = Locker(Validator())
    task.order("A", "B")
    task.order("B", "C")
    task.validator.unregister_key(key("B"))
    assert [lock.name for lock in task.validator.classes()] == ["A", "C"]
    assert edge_names(task.validator) == []
    assert task.order("C", "B") is None
    assert edge_names(task.validator) == [("C", "B", ("EN",))]
    assert task.order("B", "A") is None  # what was known of A before B is forgotten


# Off, and out of room


def test_nothing_is_looked_at_while_validation_is_off() -> None:
    task = Locker(Validator())
    validator = task.validator
    validator.off(task.locks)
    assert (task.lock("A"), task.lock("A"), task.unlock("B")) == (None, None, None)
    assert task.holds() == []
    validator.on(task.locks)
    task.lock("A")
    assert task.holds() == ["A"]


@pytest.mark.parametrize(
    ("limits", "what", "orders"),
    [
        (Limits(keys=2), "MAX_LOCKDEP_KEYS", ["A", "B", "C"]),
        (Limits(entries=4), "MAX_LOCKDEP_ENTRIES", ["A B", "B C", "C D"]),
        (Limits(chains=3), "MAX_LOCKDEP_CHAINS", ["A B", "A", "B", "C"]),
        (Limits(chain_locks=6), "MAX_LOCKDEP_CHAIN_HLOCKS", ["A B C", "B"]),
        (Limits(depth=3), "MAX_LOCK_DEPTH", ["A B", "A C", "A B C"]),
    ],
)
def test_the_validator_stops_at_its_limits(limits: Limits, what: str, orders: list[str]) -> None:
    task = Locker(Validator(limits=limits))
    found = [task.order(*order.split()) for order in orders]
    assert found[:-1] == [None] * (len(orders) - 1)
    assert isinstance(found[-1], LimitReport)
    assert found[-1].what == what
    assert not task.validator.debug_locks
    assert task.order("Z", "Z") is None


def test_a_chain_counts_once_in_whatever_interrupt_state() -> None:
    task = Locker(Validator(limits=Limits(chains=1)))
    task.order("A")
    task.hardirqs_off()
    task.order("A")
    task.hardirqs_on()
    assert task.lock("T", trylock=True) is None
    task.unlock("T")
    assert task.validator.debug_locks
    assert isinstance(task.lock("B"), LimitReport)


def test_a_handlers_chain_does_not_begin_with_the_locks_of_the_interrupted_task() -> None:
    task = Locker(Validator(limits=Limits(chain_locks=2)))
    task.lock("A")
    assert task.hardirq("B") is None
    assert isinstance(task.lock("C"), LimitReport)


def test_a_wrong_state_of_a_lock_itself_switches_the_kernel_off() -> None:
    for first_only in (False, True):
        task = Locker(Validator(first_report_only=first_only))
        report = task.validator.api_warning(task.locks, "ww->ctx", task.stack)
        assert isinstance(report, ApiReport)
        assert report.condition == "ww->ctx"
        assert task.validator.debug_locks is not first_only


# Interrupts as the validator is told of them


def test_stamps_count_what_changes_and_say_where() -> None:
    task = Locker(Validator())
    task.hardirqs_off()  # line 1, event 1
    task.hardirqs_off()  # nothing changes
    task.softirqs_off()  # line 3, event 2
    task.hardirqs_on()  # line 4, event 3
    stamps = task.validator.stamps(task.locks)
    assert stamps.events == 3
    switches = (stamps.hardirqs_on, stamps.hardirqs_off, stamps.softirqs_on, stamps.softirqs_off)
    assert [(switch.stamp, switch.at and switch.at.offset) for switch in switches] == [
        (3, 4),
        (1, 1),
        (0, None),
        (2, 3),
    ]


def test_handlers_on_top_of_one_another_end_one_by_one() -> None:
    task = Locker(Validator())
    validator, locks = task.validator, task.locks
    validator.softirq_enter(locks, task.stack)
    validator.hardirq_enter(locks, stack=task.stack)
    state = validator.irq_state(locks)
    assert (state.hardirqs, state.softirqs) == (1, 1)
    assert (state.hardirqs_enabled, state.softirqs_enabled) == (False, False)
    validator.hardirq_exit(locks, task.stack)
    assert validator.irq_state(locks).hardirqs_enabled
    validator.softirq_exit(locks, task.stack)
    state = validator.irq_state(locks)
    assert (state.softirqs, state.softirqs_enabled) == (0, True)


def test_a_lock_that_is_acquired_again_by_the_validator_is_so_in_the_present_state() -> None:
    # B was taken with hardirqs on and softirqs off; with hardirqs off no softirq comes either
    task = Locker(Validator())
    task.softirq("B")
    task.softirqs_off()
    task.lock("A")
    task.lock("B")
    task.hardirqs_off()
    assert task.softirqs_on() is None
    assert task.unlock("A") is None
    assert isinstance(task.hardirqs_on(), InconsistentReport)


def test_hardirqs_switched_on_let_no_softirqs_in_while_those_are_off() -> None:
    task = Locker(Validator())
    task.softirq("A")
    task.softirqs_off()
    task.hardirqs_off()
    task.lock("A")
    assert task.hardirqs_on() is None


def test_novalidate_locks_of_one_class_nest_in_any_way() -> None:
    task = Locker(Validator())
    shared = LockKey("&dev->mutex", "__lockdep_no_validate__")
    task.lock("a", key=shared, check=False)
    assert task.lock("b", key=shared, check=False) is None
    assert task.holds() == ["&dev->mutex", "&dev->mutex"]
