"""Assertions on locks and contexts: a WARN where the code is not called as it should be.

    await lockdep_assert_held(mutex)
    cookie = await lockdep_pin_lock(lock); ...; await lockdep_unpin_lock(lock, cookie)

Source: include/linux/lockdep.h; kernel/locking/lockdep.c, lock_pin_lock(), lock_is_held_type().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.locknote import (
    CONTENDED,
    NONE_HELD,
    PINNED,
    UNPINNED,
    USER_RETURN,
    LockNote,
)
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.core.task import Context
from lockwright.kernel.context import NON_BLOCK
from lockwright.kernel.irqflags import ASSERTION
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.rcuusage import preempt_count
from lockwright.kernel.signal import NONE, SIGNAL, signals_of

if TYPE_CHECKING:
    from lockwright.core.task import Task

PINS = "pins"
"""Of `Task.local`: how many pins the task has made."""


def _is_held(lock: Lock, task: Task, read: int = -1) -> bool:
    tracked = lock.marks is None or not lock.marks.notrack
    return tracked and lock.held_by(task, read)


class _Assert(Operation):
    """A condition that only the task that runs decides."""

    __slots__ = ("holds", "kind", "what")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, what: str, holds: Callable[[Task], bool]) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.what = what
        self.holds = holds

    def run(self, task: Task, touched: list[int]) -> None:
        if not self.holds(task):
            task.world.warn(task, ASSERTION, f"{self.describe()} in {task.comm}")

    def describe(self) -> str:
        return f"{self.kind}({self.what})"


def lockdep_assert_held(lock: Lock) -> Operation:
    """The task holds it."""
    return _Assert("lockdep_assert_held", lock.name, lambda task: _is_held(lock, task))


def lockdep_assert_held_write(lock: Lock) -> Operation:
    """The task holds it as a writer."""
    return _Assert("lockdep_assert_held_write", lock.name, lambda task: _is_held(lock, task, 0))


def lockdep_assert_held_read(lock: Lock) -> Operation:
    """The task holds it as a reader."""
    return _Assert("lockdep_assert_held_read", lock.name, lambda task: _is_held(lock, task, 1))


def lockdep_assert_not_held(lock: Lock) -> Operation:
    """The task does not hold it."""
    return _Assert("lockdep_assert_not_held", lock.name, lambda task: not _is_held(lock, task))


def lockdep_assert_none_held_once() -> Operation:
    """The task holds no lock at all, as far as the validator knows."""
    return _Tell("lockdep_assert_none_held_once", None, NONE_HELD)


def lockdep_assert_in_softirq() -> Operation:
    """In a softirq handler, or bottom halves are off; and in no hardirq handler."""
    return _Assert(
        "lockdep_assert_in_softirq",
        "",
        lambda task: (
            task.context is Context.SOFTIRQ
            or (task.bhs_off > 0 and task.context is not Context.HARDIRQ)
        ),
    )


def lockdep_assert_in_irq() -> Operation:
    """In a hardirq handler."""
    return _Assert("lockdep_assert_in_irq", "", lambda task: task.context is Context.HARDIRQ)


def irqs_disabled(task: Task) -> bool:
    """Are interrupts off for the task?  In a hardirq handler they are."""
    return task.irqs_off > 0 or task.context is Context.HARDIRQ


def lockdep_assert_irqs_enabled() -> Operation:
    """Interrupts are on."""
    return _Assert("lockdep_assert_irqs_enabled", "", lambda task: not irqs_disabled(task))


def lockdep_assert_irqs_disabled() -> Operation:
    """Interrupts are off."""
    return _Assert("lockdep_assert_irqs_disabled", "", irqs_disabled)


def preemptible(task: Task) -> bool:
    """May the task be preempted now?  C: preemptible()."""
    return not preempt_count(task) - task.local.get(NON_BLOCK, 0)


def lockdep_assert_preemption_enabled() -> Operation:
    """The task may be preempted."""
    return _Assert("lockdep_assert_preemption_enabled", "", preemptible)


def lockdep_assert_preemption_disabled() -> Operation:
    """The task may not be preempted."""
    return _Assert("lockdep_assert_preemption_disabled", "", lambda task: not preemptible(task))


class _MightLock(Operation):
    """To the validator, the lock is taken and released; nothing else happens."""

    __slots__ = ("kind", "lock", "read", "subclass")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, lock: Lock, read: int = 0, subclass: int = 0) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.lock = lock
        self.read = read
        self.subclass = subclass

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.lock
        if lock.world.on_acquire:
            lock.taken(task, self.kind, read=self.read, subclass=self.subclass)
        if lock.world.on_release:
            lock.released(task)

    def describe(self) -> str:
        return f"{self.kind}({self.lock.name})"


def might_lock(lock: Lock) -> Operation:
    """This function may take the lock: the validator is told as if it did."""
    return _MightLock("might_lock", lock)


def might_lock_nested(lock: Lock, subclass: int) -> Operation:
    """The same, in another lockdep subclass."""
    return _MightLock("might_lock_nested", lock, 0, subclass)


def might_lock_read(lock: Lock) -> Operation:
    """This function may take the lock as a reader."""
    return _MightLock("might_lock_read", lock, 1)


class _Pin(Operation):
    """Gives a cookie, which depends on nothing but what the task has pinned before."""

    __slots__ = ("cookie", "kind", "lock")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, lock: Lock, cookie: int = 0) -> None:
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.lock = lock
        self.cookie = cookie

    def run(self, task: Task, touched: list[int]) -> int | None:
        cookie = self.cookie
        if not cookie:
            cookie = task.local[PINS] = task.local.get(PINS, 0) + 1
        lock = self.lock
        if lock.world.on_note:
            what = UNPINNED if self.cookie else PINNED
            lock.note(task, LockNote(what, self.kind, lock.address, cookie=cookie))
        return None if self.cookie else cookie

    def describe(self) -> str:
        return f"{self.kind}({self.lock.name})"


def lockdep_pin_lock(lock: Lock) -> Operation:
    """The lock is not to be released until lockdep_unpin_lock(); gives the cookie for that."""
    return _Pin("lockdep_pin_lock", lock)


def lockdep_unpin_lock(lock: Lock, cookie: int) -> Operation:
    """It may be released again."""
    return _Pin("lockdep_unpin_lock", lock, cookie)


class _Tell(Operation):
    __slots__ = ("kind", "lock", "what")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, lock: Lock | None, what: str) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.lock = lock
        self.what = what

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.lock
        if lock is not None:
            lock.note(task, LockNote(self.what, self.kind, lock.address))
            return
        for listener in task.world.on_note:
            listener(task, LockNote(self.what, self.kind))

    def describe(self) -> str:
        return f"{self.kind}({self.lock.name if self.lock is not None else ''})"


def lock_contended(lock: Lock) -> Operation:
    """The task has begun to acquire the lock, and has to wait for it (lock statistics)."""
    return _Tell("lock_contended", lock, CONTENDED)


class _UserReturn(Operation):
    """The signals that are pending are delivered, but for the fatal ones."""

    __slots__ = ()

    orders = RELAXED
    kind = "syscall_exit_to_user_mode"

    def run(self, task: Task, touched: list[int]) -> None:
        signals = signals_of(task.world)
        if signals is not None:
            touched.append(signals.writing)
            if signals.pending(task) == SIGNAL:
                signals.put(task, NONE)
        for listener in task.world.on_note:
            listener(task, LockNote(USER_RETURN, self.kind))

    def describe(self) -> str:
        return f"{self.kind}()"


def user_return() -> Operation:
    """The task goes back to user space, and so holds no lock.

    For a task that makes one system call after the other; at the end of a task whose coroutine is
    a system call, that is looked at anyway.  C: syscall_exit_to_user_mode(), lockdep_sys_exit().
    """
    return _UserReturn()
