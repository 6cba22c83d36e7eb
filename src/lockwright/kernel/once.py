"""Shared accesses without a lock: READ_ONCE, WRITE_ONCE, release, acquire, read-modify-write.

Each is a scheduling point.  The first argument is a slab object and the second the name of one of
its fields, or the first alone is a `Variable`.  Pointers that RCU protects are in `rcupointer.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lockwright.core.buffering import STORES, UPDATES
from lockwright.core.event import value_text
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.orders import ATOMIC, RELAXED, STORE, STORE_RELEASE
from lockwright.kernel.fieldaccess import FieldAccess, FieldLoad, FieldRead
from lockwright.kernel.rcupointer import rcu_dereference
from lockwright.kernel.slab import Slab, check_alive
from lockwright.kernel.variable import (
    KEEP,
    Variable,
    VariableAwait,
    VariableLoad,
    VariableRead,
    VariableStore,
    VariableUpdate,
    VariableWrite,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task

__all__ = [
    "KEEP",
    "READ_ONCE",
    "WRITE_ONCE",
    "FieldAccess",
    "FieldLoad",
    "FieldRead",
    "FieldWrite",
    "Variable",
    "VariableAwait",
    "VariableLoad",
    "VariableRead",
    "VariableStore",
    "VariableUpdate",
    "VariableWrite",
    "atomic_add",
    "atomic_fetch_add",
    "cmpxchg",
    "rcu_assign_pointer",
    "rcu_dereference",
    "smp_load_acquire",
    "smp_store_release",
    "wait_until",
    "xchg",
]


class FieldWrite(FieldAccess):
    """WRITE_ONCE() of a field."""

    __slots__ = ("value",)

    orders = STORE
    buffering = STORES

    def __init__(self, obj: Slab, field: str, value: Value, kind: str) -> None:
        super().__init__(obj, field, kind)
        self.value = value

    def run(self, task: Task, touched: list[int]) -> None:
        check_alive(self.obj, self.field)
        setattr(self.obj, self.field, self.value)

    def retire(self, task: Task, touched: list[int]) -> bool:
        """The part that is done before it goes to the store buffer."""
        touched.append(self.obj.life.reading)
        check_alive(self.obj, self.field)
        return True

    def land(self, task: Task, touched: list[int]) -> None:
        """The store reaches memory."""
        self.run(task, touched)

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.aims_at()

    def held(self) -> Value:
        """What memory holds there."""
        return self.obj.peek(self.field)

    def describe(self) -> str:
        return f"{self.kind}({self.obj.describe()}->{self.field}, {value_text(self.value)})"


class _FieldStore(FieldWrite):
    __slots__ = ()

    orders = STORE_RELEASE


class _FieldUpdate(FieldAccess):
    __slots__ = ("change", "orders")

    buffering = UPDATES

    def __init__(
        self,
        obj: Slab,
        field: str,
        change: Callable[[Value], Value],
        kind: str,
        *,
        orders: int = ATOMIC,
    ) -> None:
        super().__init__(obj, field, kind)
        self.change = change
        self.orders = orders  # type: ignore[misc]  # each call has its own

    def run(self, task: Task, touched: list[int]) -> Value:
        check_alive(self.obj, self.field)
        old = getattr(self.obj, self.field)
        # counts as a write even if it fails: what the field held at another moment is not kept
        new = self.change(old)
        if new is KEEP:
            self.orders = RELAXED  # type: ignore[misc]  # it failed
        setattr(self.obj, self.field, old if new is KEEP else new)
        return old


def wait_until(variable: Variable, condition: Callable[[Value], bool]) -> Operation:
    """Wait until the variable's value satisfies the condition, a pure function; gives the value.
    Orders nothing, as READ_ONCE() does not.

    For a loop that polls: the rounds that change nothing are left out, which loses no outcome.
    """
    return VariableAwait(variable, condition)


def READ_ONCE(obj: Slab | Variable, field: str = "") -> Operation:  # noqa: N802  # kernel name
    """`v = await READ_ONCE(ef, "created")`"""
    return VariableRead(obj) if isinstance(obj, Variable) else FieldRead(obj, field, "READ_ONCE")


def WRITE_ONCE(obj: Slab | Variable, *field_value: Value) -> Operation:  # noqa: N802  # kernel name
    """`await WRITE_ONCE(ef, "created", True)` or `await WRITE_ONCE(variable, 1)`"""
    if isinstance(obj, Variable):
        return VariableWrite(obj, field_value[0])
    return FieldWrite(obj, field_value[0], field_value[1], "WRITE_ONCE")


def smp_load_acquire(obj: Slab | Variable, field: str = "") -> Operation:
    """A read that later accesses cannot overtake."""
    if isinstance(obj, Variable):
        return VariableLoad(obj)
    return FieldLoad(obj, field, "smp_load_acquire")


def smp_store_release(obj: Slab | Variable, *field_value: Value) -> Operation:
    """A write that cannot overtake earlier accesses: it publishes them."""
    if isinstance(obj, Variable):
        return VariableStore(obj, field_value[0])
    return _FieldStore(obj, field_value[0], field_value[1], "smp_store_release")


def rcu_assign_pointer(obj: Slab, field: str, value: Value) -> Operation:
    """Publish a pointer to something that is complete."""
    return _FieldStore(obj, field, value, "rcu_assign_pointer")


def xchg(obj: Slab, field: str, value: Value) -> Operation:
    """Exchange; gives the old value."""
    return _FieldUpdate(obj, field, lambda old: value, "xchg")


def cmpxchg(obj: Slab, field: str, old: Value, new: Value) -> Operation:
    """Write `new` if the field is `old`; gives what it was."""
    return _FieldUpdate(obj, field, lambda now: new if now == old else KEEP, "cmpxchg")


def atomic_add(obj: Slab, field: str, by: int) -> Operation:
    """Add, and order nothing.  Gives the value before, which the kernel's does not."""
    return _FieldUpdate(obj, field, lambda now: now + by, "atomic_add", orders=RELAXED)


def atomic_fetch_add(obj: Slab, field: str, by: int) -> Operation:
    """Add; gives the value before.  A barrier before and after it."""
    return _FieldUpdate(obj, field, lambda now: now + by, "atomic_fetch_add")
