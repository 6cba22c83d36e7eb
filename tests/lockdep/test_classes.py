"""Lock classes: names, versions, usage characters."""

from __future__ import annotations

import pickle

import pytest

from lockwright.lockdep import LockKey, LockUse, Validator
from lockwright.lockdep.classes import ClassTable
from tests.lockdep.tasks import Locker


def usage(validator: Validator) -> str:
    """The characters of the only class."""
    (lock,) = validator.classes()
    return lock.usage


def test_a_key_is_equal_by_value_and_survives_a_pickle() -> None:
    key = LockKey("&ei->lock", "create_dir", 0, 2)
    again = pickle.loads(pickle.dumps(key))
    assert (again, hash(again)) == (key, hash(LockKey("&ei->lock", "create_dir", 0, 2)))
    assert key != LockKey("&ei->lock", "create_file", 0, 2)


def test_the_second_key_of_a_name_is_number_two_in_all_its_subclasses() -> None:
    table = ClassTable()
    first, second = LockKey("i_mutex_key", "ext4"), LockKey("i_mutex_key", "tracefs")
    names = [
        table.find(key, sub).name for key, sub in [(first, 0), (second, 0), (second, 1), (first, 2)]
    ]
    assert names == ["i_mutex_key", "i_mutex_key#2", "i_mutex_key#2/1", "i_mutex_key/2"]


def test_a_ninth_subclass_is_refused() -> None:
    validator = Validator()
    use = LockUse(LockKey("A"), 8, 1)
    with pytest.raises(ValueError, match="lock A acquired with subclass 8: a key has subclasses"):
        validator.acquire(validator.task("t", 1), use, tuple)


@pytest.mark.parametrize(
    ("outer", "inner", "printed"), [(0, 3, (3, 3)), (1, 2, (1, 2)), (0, 0, (0, 0))]
)
def test_an_outer_wait_type_of_zero_prints_as_the_inner_one(
    outer: int, inner: int, printed: tuple[int, int]
) -> None:
    lock = ClassTable().find(LockKey("A", "", outer, inner), 0).printed()
    assert (lock.wait_outer, lock.wait_inner) == printed


def test_a_lock_taken_with_interrupts_off_has_dots() -> None:
    validator = Validator()
    task = Locker(validator)
    task.locks.hardirqs_enabled = False
    task.order("A")
    task.order("A:1")
    assert usage(validator) == "...."


def test_a_lock_taken_with_interrupts_on_has_pluses() -> None:
    validator = Validator()
    task = Locker(validator)
    task.order("A")
    assert usage(validator) == "+.+."
    task.locks.softirqs_enabled = False
    task.order("A:1")
    assert usage(validator) == "+++."


@pytest.mark.parametrize(("context", "chars"), [("hardirq", "-..."), ("softirq", "..-.")])
def test_a_lock_taken_in_an_interrupt_only_has_a_minus(context: str, chars: str) -> None:
    validator = Validator()
    task = Locker(validator)
    task.locks.hardirqs_enabled = False
    setattr(task.locks, f"{context}_context", 1)
    task.order("A")
    assert usage(validator) == chars


def test_a_lock_taken_both_ways_has_a_question_mark() -> None:
    validator = Validator()
    task = Locker(validator)
    task.order("A:2")
    task.locks.hardirqs_enabled = False
    task.locks.hardirq_context = task.locks.softirq_context = 1
    task.order("A:2")
    assert usage(validator) == ".?.?"


def test_a_trylock_in_an_interrupt_is_no_use_in_it() -> None:
    validator = Validator()
    task = Locker(validator)
    task.locks.hardirq_context = 1
    task.lock("A", trylock=True)
    assert usage(validator) == "+.+."


def test_an_unchecked_lock_has_no_usage() -> None:
    validator = Validator()
    Locker(validator).lock("rcu_read_lock", 2, check=False)
    assert usage(validator) == "...."


def test_switching_interrupts_on_marks_what_is_held() -> None:
    validator = Validator()
    task = Locker(validator)
    task.locks.hardirqs_enabled = task.locks.softirqs_enabled = False
    task.lock("A")
    task.softirqs_on()
    assert usage(validator) == "...."  # soft interrupts cannot come while hard ones are off
    task.locks.softirqs_enabled = False
    task.hardirqs_on()
    assert usage(validator) == "+..."
    task.softirqs_on()
    assert usage(validator) == "+.+."
