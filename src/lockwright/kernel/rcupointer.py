"""Pointers that RCU protects: what a reader follows, and what an updater may read instead.

    found = await rcu_dereference(shelf, "item")
    found = await rcu_dereference_protected(shelf, "item", lockdep_is_held(mutex))

The first argument is a slab object and the second the name of one of its fields.  A condition is
asked about when the operation is made, by the task that makes it.  A check that fails is a finding
of the kind "suspicious RCU usage", and the pointer is read all the same.

The kernel orders what is reached through the pointer, by address dependency; here it is an
acquire, which orders everything after it.

Source: include/linux/rcupdate.h, include/linux/srcu.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockwright.core.location import Value
from lockwright.core.orders import PLAIN
from lockwright.kernel.fieldaccess import FieldLoad, FieldRead
from lockwright.kernel.rcuusage import (
    in_reader_of,
    rcu_read_lock_bh_held,
    rcu_read_lock_held,
    rcu_read_lock_sched_held,
    suspicious,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.slab import Slab
    from lockwright.kernel.srcu import Srcu

CHECK = "suspicious rcu_dereference_check() usage"
PROTECTED = "suspicious rcu_dereference_protected() usage"


class _Dereference(FieldLoad):
    """Follows the pointer; `reads(task)` says whether it may, unless `allowed`."""

    __slots__ = ("allowed", "reads")

    def __init__(
        self,
        obj: Slab,
        field: str,
        kind: str,
        *,
        allowed: bool,
        reads: Callable[[Task], bool],
    ) -> None:
        super().__init__(obj, field, kind)
        self.allowed = allowed
        self.reads = reads

    def run(self, task: Task, touched: list[int]) -> Value:
        if not self.allowed and not self.reads(task):
            suspicious(task, CHECK)
        return super().run(task, touched)


class _Protected(FieldRead):
    __slots__ = ("allowed",)

    orders = PLAIN

    def __init__(self, obj: Slab, field: str, *, allowed: bool) -> None:
        super().__init__(obj, field, "rcu_dereference_protected")
        self.allowed = allowed

    def run(self, task: Task, touched: list[int]) -> Value:
        if not self.allowed:
            suspicious(task, PROTECTED)
        return super().run(task, touched)


def rcu_dereference(obj: Slab, field: str) -> FieldRead:
    """The reader's side of rcu_assign_pointer(), in an rcu_read_lock() section."""
    return _Dereference(obj, field, "rcu_dereference", allowed=False, reads=rcu_read_lock_held)


def rcu_dereference_bh(obj: Slab, field: str) -> FieldRead:
    """The same where bottom halves are off."""
    return _Dereference(
        obj, field, "rcu_dereference_bh", allowed=False, reads=rcu_read_lock_bh_held
    )


def rcu_dereference_sched(obj: Slab, field: str) -> FieldRead:
    """The same where preemption is off."""
    return _Dereference(
        obj, field, "rcu_dereference_sched", allowed=False, reads=rcu_read_lock_sched_held
    )


def rcu_dereference_check(obj: Slab, field: str, cond: bool) -> FieldRead:  # noqa: FBT001  # as in C
    """In an rcu_read_lock() section, or where `cond` holds."""
    return _Dereference(obj, field, "rcu_dereference_check", allowed=cond, reads=rcu_read_lock_held)


def rcu_dereference_bh_check(obj: Slab, field: str, cond: bool) -> FieldRead:  # noqa: FBT001  # as in C
    """Where bottom halves are off, or where `cond` holds."""
    return _Dereference(
        obj, field, "rcu_dereference_bh_check", allowed=cond, reads=rcu_read_lock_bh_held
    )


def rcu_dereference_sched_check(obj: Slab, field: str, cond: bool) -> FieldRead:  # noqa: FBT001  # as in C
    """Where preemption is off, or where `cond` holds."""
    return _Dereference(
        obj, field, "rcu_dereference_sched_check", allowed=cond, reads=rcu_read_lock_sched_held
    )


def srcu_dereference(obj: Slab, field: str, srcu: Srcu) -> FieldRead:
    """In a section of this domain."""
    return srcu_dereference_check(obj, field, srcu, cond=False)


def srcu_dereference_check(obj: Slab, field: str, srcu: Srcu, *, cond: bool) -> FieldRead:
    """In a section of this domain, or where `cond` holds."""
    return _Dereference(
        obj,
        field,
        "srcu_dereference",
        allowed=cond,
        reads=lambda task: in_reader_of(task, srcu),
    )


def rcu_dereference_protected(obj: Slab, field: str, cond: bool) -> FieldRead:  # noqa: FBT001  # as in C
    """A plain read by whoever keeps updaters away: `cond` says how."""
    return _Protected(obj, field, allowed=cond)


def rcu_dereference_raw(obj: Slab, field: str) -> FieldRead:
    """Follows the pointer without any check."""
    return FieldLoad(obj, field, "rcu_dereference_raw")


def rcu_access_pointer(obj: Slab, field: str) -> FieldRead:
    """The value of the pointer, not to be followed: no check, and orders nothing."""
    return FieldRead(obj, field, "rcu_access_pointer")
