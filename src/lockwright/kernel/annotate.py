"""What a model says of its locks to the validator: classes, subclasses, and what not to check.

The functions are called before the lock is used, in a scenario's set-up or where the object is
made; `lock_set_class()` and `lock_set_subclass()` are for a lock that is held.

Source: include/linux/lockdep.h; kernel/locking/lockdep.c, lockdep_init_map_type(),
lock_set_class(), lockdep_set_lock_cmp_fn().
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import UsageError
from lockwright.core.locknote import HEARD, RECLASSED, SILENCED, LockNote
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.kernel.lockuse import Lock, Marks

if TYPE_CHECKING:
    from lockwright.core.task import Task

SUBCLASSES_MAX = 8
"""C: MAX_LOCKDEP_SUBCLASSES."""


def _marks(lock: Lock) -> Marks:
    if lock.marks is None:
        lock.marks = Marks()
    return lock.marks


def _check_subclass(subclass: int) -> None:
    if not 0 <= subclass < SUBCLASSES_MAX:
        raise UsageError(f"a lockdep subclass is 0 to {SUBCLASSES_MAX - 1}, not {subclass}")


def _with_waits(lock: Lock, key: LockKey, name: str) -> LockKey:
    """The key with this lock's wait types: they belong to the lock, whatever its class is."""
    cls = lock.cls
    return LockKey(name, key.site, cls.wait_outer, cls.wait_inner, cls.type)


def lockdep_set_class(lock: Lock, key: LockKey) -> None:
    """The lock is of this class from now on, and has its name."""
    lock.cls = _with_waits(lock, key, key.name)


def lockdep_set_class_and_name(lock: Lock, key: LockKey, name: str) -> None:
    """The same, under another name."""
    lock.cls = _with_waits(lock, LockKey(key.name, key.site or key.name), name)


def lockdep_set_class_and_subclass(lock: Lock, key: LockKey, subclass: int) -> None:
    """The same, and an acquire that names no subclass is of this one."""
    lockdep_set_class(lock, key)
    lockdep_set_subclass(lock, subclass)


def lockdep_set_subclass(lock: Lock, subclass: int) -> None:
    """An acquire that names no subclass is of this one; the name stays.

    Raises UsageError for one that there is not.
    """
    _check_subclass(subclass)
    _marks(lock).subclass = subclass


def lockdep_set_novalidate_class(lock: Lock) -> None:
    """The lock is held for all to see, but has no part in any order."""
    _marks(lock).novalidate = True


def lockdep_set_notrack_class(lock: Lock) -> None:
    """The validator is not told of the lock at all."""
    _marks(lock).notrack = True


class LockCompare:
    """How the locks of one class may nest: what lock_set_cmp_fn() is given.

        order = LockCompare(lambda held, new: level[held] - level[new])
        lock_set_cmp_fn(a, order)

    `compare(held, new)` is negative if `new` may be taken under `held`; `show(lock)` is what is
    printed after the class's name.
    """

    __slots__ = ("compare", "locks", "show")

    def __init__(
        self,
        compare: Callable[[Lock, Lock], int],
        show: Callable[[Lock], str] | None = None,
    ) -> None:
        self.compare = compare
        self.show = show
        self.locks: dict[int, Lock] = {}

    def of(self, held: int, new: int) -> int:
        """The same, of addresses."""
        return self.compare(self.locks[held], self.locks[new])

    def shown(self, instance: int) -> str:
        """What is printed of a lock."""
        return "" if self.show is None else self.show(self.locks[instance])


def lock_set_cmp_fn(lock: Lock, order: LockCompare) -> None:
    """Locks of this one's class may nest as `order` says.  All of them want the same one."""
    order.locks[lock.address] = lock
    marks = _marks(lock)
    marks.compare = order.of
    marks.show = None if order.show is None else order.shown


class _Note(Operation):
    """Tells the validator, and concerns nobody else."""

    __slots__ = ("kind", "lock", "note")

    orders = RELAXED
    buffering = IGNORES

    def __init__(self, kind: str, lock: Lock | None, note: LockNote) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.lock = lock
        self.note = note

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.lock
        if lock is not None and lock.marks is not None and lock.marks.notrack:
            return
        for listener in task.world.on_note:
            listener(task, self.note)

    def describe(self) -> str:
        return f"{self.kind}({self.lock.name if self.lock is not None else ''})"


def lock_set_class(lock: Lock, key: LockKey, subclass: int = 0) -> Operation:
    """A lock that the task holds is of another class from now on, until it is released."""
    _check_subclass(subclass)
    key = _with_waits(lock, key, key.name)
    note = LockNote(RECLASSED, "lock_set_class", lock.address, key, subclass)
    return _Note("lock_set_class", lock, note)


def lock_set_subclass(lock: Lock, subclass: int) -> Operation:
    """The same, for another subclass of its class."""
    _check_subclass(subclass)
    note = LockNote(RECLASSED, "lock_set_subclass", lock.address, lock.cls, subclass)
    return _Note("lock_set_subclass", lock, note)


def lockdep_off() -> Operation:
    """The validator hears nothing of this task until lockdep_on(); nests."""
    return _Note("lockdep_off", None, LockNote(SILENCED, "lockdep_off"))


def lockdep_on() -> Operation:
    """End of a lockdep_off() section."""
    return _Note("lockdep_on", None, LockNote(HEARD, "lockdep_on"))
