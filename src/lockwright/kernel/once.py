"""Shared accesses without a lock: READ_ONCE, WRITE_ONCE, release, acquire, read-modify-write.

Each is a scheduling point.  The first argument is a slab object and the second the name of one of
its fields, or the first alone is a `Variable`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lockwright.core.event import value_text
from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task


class Variable(Location):
    """A shared word that is no field of an object; tasks can wait for its value."""

    __slots__ = ()


class VariableRead(Operation):
    """READ_ONCE() of a variable."""

    __slots__ = ("loc",)
    kind = "READ_ONCE"
    loc: Location

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> Value:
        loc = self.loc
        touched.append(loc.reading)
        return loc.value


class VariableWrite(Operation):
    """WRITE_ONCE() of a variable."""

    __slots__ = ("loc", "value")
    kind = "WRITE_ONCE"
    loc: Location

    def __init__(self, loc: Location, value: Value) -> None:
        self.loc = loc
        self.value = value

    def run(self, task: Task, touched: list[int]) -> None:
        loc = self.loc
        touched.append(loc.writing)
        loc.value = self.value

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {value_text(self.value)})"


class VariableUpdate(Operation):
    """An atomic read-modify-write; gives the old value.  One that changes nothing is a read.

    `change(old)` returns the new value, or `KEEP`; it must be a pure function.
    """

    __slots__ = ("change", "kind", "loc")
    conditional = True
    loc: Location

    def __init__(self, loc: Location, change: Callable[[Value], Value], kind: str) -> None:
        self.loc = loc
        self.change = change
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> Value:
        loc = self.loc
        old = loc.value
        new = self.change(old)
        if new is KEEP:
            touched.append(loc.reading)
        else:
            touched.append(loc.writing)
            loc.value = new
        return old

    def writes_at(self, value: Value) -> bool:
        return self.change(value) is not KEEP


class VariableAwait(Operation):
    """Wait until a variable's value satisfies a condition; gives the value."""

    __slots__ = ("condition", "loc")
    blocking = True
    writes = False
    kind = "wait_until"
    loc: Location

    def __init__(self, loc: Location, condition: Callable[[Any], bool]) -> None:
        self.loc = loc
        self.condition = condition

    def ready(self, value: Value) -> bool:
        return self.condition(value)

    def run(self, task: Task, touched: list[int]) -> Value:
        loc = self.loc
        touched.append(loc.reading)
        return loc.value


class _Keep:
    __slots__ = ()


KEEP = _Keep()


class _FieldAccess(Operation):
    """Base of the accesses to one field of an object."""

    __slots__ = ("field", "kind", "obj")

    def __init__(self, obj: Slab, field: str, kind: str) -> None:
        self.obj = obj
        self.field = field
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def describe(self) -> str:
        return f"{self.kind}({self.obj.describe()}->{self.field})"


class _FieldRead(_FieldAccess):
    __slots__ = ()

    def run(self, task: Task, touched: list[int]) -> Value:
        check_alive(self.obj, self.field)
        return getattr(self.obj, self.field)


class _FieldWrite(_FieldAccess):
    __slots__ = ("value",)

    def __init__(self, obj: Slab, field: str, value: Value, kind: str) -> None:
        super().__init__(obj, field, kind)
        self.value = value

    def run(self, task: Task, touched: list[int]) -> None:
        check_alive(self.obj, self.field)
        setattr(self.obj, self.field, self.value)

    def describe(self) -> str:
        return f"{self.kind}({self.obj.describe()}->{self.field}, {value_text(self.value)})"


class _FieldUpdate(_FieldAccess):
    __slots__ = ("change",)

    def __init__(self, obj: Slab, field: str, change: Callable[[Value], Value], kind: str) -> None:
        super().__init__(obj, field, kind)
        self.change = change

    def run(self, task: Task, touched: list[int]) -> Value:
        check_alive(self.obj, self.field)
        old = getattr(self.obj, self.field)
        # counts as a write even if it fails: what the field held at another moment is not kept
        new = self.change(old)
        setattr(self.obj, self.field, old if new is KEEP else new)
        return old


def wait_until(variable: Variable, condition: Callable[[Value], bool]) -> Operation:
    """Wait until the variable's value satisfies the condition, a pure function; gives the value.

    For a loop that polls: the rounds that change nothing are left out, which loses no outcome.
    """
    return VariableAwait(variable, condition)


def READ_ONCE(obj: Slab | Variable, field: str = "") -> Operation:  # noqa: N802  # kernel name
    """`v = await READ_ONCE(ef, "created")`"""
    return VariableRead(obj) if isinstance(obj, Variable) else _FieldRead(obj, field, "READ_ONCE")


def WRITE_ONCE(obj: Slab | Variable, *field_value: Value) -> Operation:  # noqa: N802  # kernel name
    """`await WRITE_ONCE(ef, "created", True)` or `await WRITE_ONCE(variable, 1)`"""
    if isinstance(obj, Variable):
        return VariableWrite(obj, field_value[0])
    return _FieldWrite(obj, field_value[0], field_value[1], "WRITE_ONCE")


def smp_load_acquire(obj: Slab, field: str) -> Operation:
    """A read that later accesses cannot overtake."""
    return _FieldRead(obj, field, "smp_load_acquire")


def smp_store_release(obj: Slab, field: str, value: Value) -> Operation:
    """A write that earlier accesses cannot be overtaken by: it publishes them."""
    return _FieldWrite(obj, field, value, "smp_store_release")


def rcu_dereference(obj: Slab, field: str) -> Operation:
    """The reader's side of rcu_assign_pointer()."""
    return _FieldRead(obj, field, "rcu_dereference")


def rcu_assign_pointer(obj: Slab, field: str, value: Value) -> Operation:
    """Publish a pointer to something that is complete."""
    return _FieldWrite(obj, field, value, "rcu_assign_pointer")


def xchg(obj: Slab, field: str, value: Value) -> Operation:
    """Exchange; gives the old value."""
    return _FieldUpdate(obj, field, lambda old: value, "xchg")


def cmpxchg(obj: Slab, field: str, old: Value, new: Value) -> Operation:
    """Write `new` if the field is `old`; gives what it was."""
    return _FieldUpdate(obj, field, lambda now: new if now == old else KEEP, "cmpxchg")


def atomic_add(obj: Slab, field: str, by: int) -> Operation:
    """Add; gives the value before."""
    return _FieldUpdate(obj, field, lambda now: now + by, "atomic_add")
