"""Accesses to one field of an object, as operations: the base of them all, and the reads.

`once.py` and `rcupointer.py` have the functions that make them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import LOADS
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.orders import LOAD_ACQUIRE, RELAXED
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task


class FieldAccess(Operation):
    """Base of the accesses to one field of an object."""

    __slots__ = ("field", "kind", "obj")

    def __init__(self, obj: Slab, field: str, kind: str) -> None:
        self.obj = obj
        self.field = field
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def aims_at(self) -> int:
        return self.obj.location_of(self.field)

    def describe(self) -> str:
        return f"{self.kind}({self.obj.describe()}->{self.field})"


class FieldRead(FieldAccess):
    """READ_ONCE() of a field."""

    __slots__ = ()

    orders = RELAXED
    buffering = LOADS

    def run(self, task: Task, touched: list[int]) -> Value:
        check_alive(self.obj, self.field)
        return getattr(self.obj, self.field)


class FieldLoad(FieldRead):
    """smp_load_acquire() of a field."""

    __slots__ = ()

    orders = LOAD_ACQUIRE
