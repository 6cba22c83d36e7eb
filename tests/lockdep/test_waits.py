"""Wait contexts: what may be taken where, and with what held."""

from __future__ import annotations

import pytest

from lockwright.core.lockuse import (
    OVERRIDE,
    WAIT_CONFIG,
    WAIT_FREE,
    WAIT_MAX,
    WAIT_SLEEP,
    WAIT_SPIN,
)
from lockwright.lockdep import LockKey, Report, Validator, WaitContextReport
from lockwright.lockdep.waits import task_limit
from tests.lockdep.tasks import Locker

RAW = LockKey("raw", "", 0, WAIT_SPIN)
SPIN = LockKey("spin", "", 0, WAIT_CONFIG)
MUTEX = LockKey("mutex", "", 0, WAIT_SLEEP)
RCU = LockKey("rcu", "", WAIT_FREE, WAIT_CONFIG)
UNTYPED = LockKey("untyped", "", 0, 0)
ALL = (RAW, SPIN, MUTEX, RCU, UNTYPED)


def take(task: Locker, key: LockKey, **how: object) -> Report | None:
    """Acquire a lock of this class."""
    instance = ALL.index(key) + 1 if key in ALL else 99
    return task.lock(key.name, key=key, instance=instance, **how)


def enter(task: Locker, context: str) -> None:
    """A handler begins."""
    if context == "softirq":
        task.validator.softirq_enter(task.locks, task.stack)
    elif context != "process":
        threaded = context == "threaded hardirq"
        task.validator.hardirq_enter(task.locks, threaded=threaded, stack=task.stack)


@pytest.mark.parametrize(
    ("held", "refused"),
    [
        (RAW, {"spin", "mutex"}),
        (SPIN, {"mutex"}),
        (MUTEX, set()),
        (RCU, {"mutex"}),
        (UNTYPED, set()),
    ],
)
def test_a_held_lock_allows_what_waits_no_longer_than_it(held: LockKey, refused: set[str]) -> None:
    found = set()
    for key in ALL:
        if key != held:
            task = Locker(Validator())
            take(task, held)
            report = take(task, key)
            assert report is None or isinstance(report, WaitContextReport)
            if report is not None:
                found.add(report.new.lock.name)
    assert found == refused


@pytest.mark.parametrize(
    ("context", "limit"),
    [("process", 5), ("softirq", 3), ("threaded hardirq", 3), ("hardirq", 2)],
)
def test_the_task_itself_has_a_limit(context: str, limit: int) -> None:
    for key in (RAW, SPIN, MUTEX):
        task = Locker(Validator())
        enter(task, context)
        assert task_limit(task.locks) == limit
        report = take(task, key)
        assert (report is not None) == (key.wait_inner > limit)
        if report is not None:
            assert isinstance(report, WaitContextReport)
            assert (report.limit, report.new.lock.name) == (limit, key.name)


def test_what_the_interrupted_task_holds_limits_no_handler() -> None:
    task = Locker(Validator())
    take(task, RAW)
    enter(task, "threaded hardirq")
    assert take(task, SPIN) is None


def test_a_trylock_waits_for_nothing_but_limits_what_follows() -> None:
    task = Locker(Validator())
    take(task, MUTEX)
    assert take(task, SPIN, trylock=True) is None
    task.unlock("x")
    report = take(task, LockKey("inner mutex", "", 0, WAIT_SLEEP))
    assert isinstance(report, WaitContextReport)
    assert report.limit == WAIT_MAX
    assert [lock.lock.name for lock in report.held] == ["mutex", "spin"]


def test_a_trylock_may_be_one_of_what_sleeps() -> None:
    task = Locker(Validator())
    take(task, RAW)
    assert take(task, MUTEX, trylock=True) is None


def test_an_override_widens_the_context_again() -> None:
    task = Locker(Validator())
    take(task, RAW)
    take(task, LockKey("raw-wait-type-override", "", 0, WAIT_SLEEP, OVERRIDE), trylock=True)
    assert take(task, MUTEX) is None


def test_without_proof_of_raw_nesting_spinlocks_are_alike_and_numbers_move_down() -> None:
    validator = Validator(raw_nesting=False)
    task = Locker(validator)
    take(task, RAW)
    assert take(task, SPIN) is None
    report = take(task, MUTEX)
    assert isinstance(report, WaitContextReport)
    assert report.limit == 4
    printed = {lock.name: (lock.wait_outer, lock.wait_inner) for lock in validator.classes()}
    assert printed == {"raw": (2, 2), "spin": (2, 2), "mutex": (3, 3)}
    take(task, RCU)
    assert validator.classes()[-1][2:] == (1, 2)


def test_one_pair_of_classes_is_given_once() -> None:
    task = Locker(Validator())
    task.order("first")
    for _ in range(2):
        take(task, SPIN)
        take(task, MUTEX)
        task.validator.release(task.locks, 3, task.stack)
        task.validator.release(task.locks, 2, task.stack)
        task.lock("first")
    assert len([r for r in task.validator.reports if isinstance(r, WaitContextReport)]) == 1


def test_the_wait_context_comes_before_what_interrupts_say() -> None:
    task = Locker(Validator(first_report_only=True))
    task.hardirq("first")
    task.locks.hardirq_context = 1
    take(task, MUTEX)
    assert [type(report) for report in task.validator.reports] == [WaitContextReport]
