"""Shared words that are no fields of objects, and the accesses to them.

`once.py` has the kernel's names for these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lockwright.core.buffering import LOADS, STORES, UPDATES
from lockwright.core.event import value_text
from lockwright.core.location import Location, Value
from lockwright.core.native import mypyc_attr
from lockwright.core.operation import Operation
from lockwright.core.orders import ATOMIC, LOAD_ACQUIRE, RELAXED, STORE, STORE_RELEASE

if TYPE_CHECKING:
    from lockwright.core.task import Task


@mypyc_attr(allow_interpreted_subclasses=True)
class Variable(Location):
    """A shared word that is no field of an object; tasks can wait for its value."""

    __slots__ = ()


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableRead(Operation):
    """READ_ONCE() of a variable."""

    __slots__ = ("loc",)
    orders = RELAXED
    buffering = LOADS
    kind = "READ_ONCE"
    loc: Location

    def __init__(self, loc: Location) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> Value:
        loc = self.loc
        touched.append(loc.reading)
        return loc.value


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableWrite(Operation):
    """WRITE_ONCE() of a variable."""

    __slots__ = ("loc", "value")
    orders = STORE
    buffering = STORES
    kind = "WRITE_ONCE"
    loc: Location

    def __init__(self, loc: Location, value: Value) -> None:
        self.loc = loc
        self.value = value

    def run(self, task: Task, touched: list[int]) -> None:
        loc = self.loc
        touched.append(loc.writing)
        loc.value = self.value

    def retire(self, task: Task, touched: list[int]) -> bool:
        """The part that is done before it goes to the store buffer: nothing."""
        return True

    def land(self, task: Task, touched: list[int]) -> None:
        """The store reaches memory."""
        self.run(task, touched)

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.loc.number

    def held(self) -> Value:
        """What memory holds there."""
        return self.loc.value

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {value_text(self.value)})"


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableLoad(VariableRead):
    """smp_load_acquire() of a variable."""

    __slots__ = ()
    orders = LOAD_ACQUIRE
    kind = "smp_load_acquire"


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableStore(VariableWrite):
    """smp_store_release() of a variable."""

    __slots__ = ()
    orders = STORE_RELEASE
    kind = "smp_store_release"


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableUpdate(Operation):
    """An atomic read-modify-write; gives the old value.  One that changes nothing is a read.

    `change(old)` returns the new value, or `KEEP`; it must be a pure function.
    """

    __slots__ = ("change", "kind", "loc")
    conditional = True
    orders = ATOMIC
    buffering = UPDATES
    kind: str  # type: ignore[misc]  # each call has its own name
    loc: Location

    def __init__(self, loc: Location, change: Callable[[Value], Value], kind: str) -> None:
        self.loc = loc
        self.change = change
        self.kind = kind

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


@mypyc_attr(allow_interpreted_subclasses=True)
class VariableAwait(Operation):
    """Wait until a variable's value satisfies a condition; gives the value."""

    __slots__ = ("condition", "loc")
    blocking = True
    writes = False
    orders = RELAXED
    buffering = LOADS
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


@mypyc_attr(allow_interpreted_subclasses=True)
class _Keep:
    __slots__ = ()


KEEP = _Keep()
