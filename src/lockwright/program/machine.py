"""The atomics and the wait that thread programs have beyond the kernel's own operations."""

from __future__ import annotations

from collections.abc import Callable
from operator import eq, lt, ne
from typing import TYPE_CHECKING

from lockwright.core.buffering import LOADS, UPDATES
from lockwright.core.location import Location
from lockwright.core.native import mypyc_attr
from lockwright.core.operation import Touch
from lockwright.core.orders import ATOMIC

if TYPE_CHECKING:
    from lockwright.core.task import Task

RELATIONS: dict[str, Callable[[int, int], bool]] = {"==": eq, "!=": ne, "<": lt}


@mypyc_attr(allow_interpreted_subclasses=True)
class Add(Touch):
    """An atomic addition; gives the old value."""

    __slots__ = ("by",)

    buffering = UPDATES
    kind = "atomic_add"

    def __init__(self, loc: Location, by: int) -> None:
        self.loc = loc
        self.by = by

    def run(self, task: Task, touched: list[int]) -> int:
        loc = self.loc
        touched.append(loc.writing)
        old: int = loc.value
        loc.value = old + self.by
        return old

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {self.by})"


@mypyc_attr(allow_interpreted_subclasses=True)
class Swap(Touch):
    """Write a value in one atomic step; gives the old one."""

    __slots__ = ("new",)

    orders = ATOMIC
    buffering = UPDATES
    kind = "xchg"

    def __init__(self, loc: Location, new: int) -> None:
        self.loc = loc
        self.new = new

    def run(self, task: Task, touched: list[int]) -> int:
        loc = self.loc
        touched.append(loc.writing)
        old: int = loc.value
        loc.value = self.new
        return old

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {self.new})"


@mypyc_attr(allow_interpreted_subclasses=True)
class CompareSwap(Touch):
    """Write `new` if the variable is `expected`: gives 1.  Else it is only a read, and gives 0."""

    __slots__ = ("expected", "new")

    conditional = True
    buffering = UPDATES
    kind = "cmpxchg"

    def __init__(self, loc: Location, expected: int, new: int) -> None:
        self.loc = loc
        self.expected = expected
        self.new = new

    def run(self, task: Task, touched: list[int]) -> int:
        loc = self.loc
        if loc.value != self.expected:
            touched.append(loc.reading)
            return 0
        touched.append(loc.writing)
        loc.value = self.new
        return 1

    def writes_at(self, value: int) -> bool:
        return value == self.expected

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name}, {self.expected}, {self.new})"


@mypyc_attr(allow_interpreted_subclasses=True)
class Await(Touch):
    """Wait until a variable compares with a number as wanted; only reads it."""

    __slots__ = ("number", "relation")

    blocking = True
    writes = False
    buffering = LOADS
    kind = "await"

    def __init__(self, loc: Location, relation: str, number: int) -> None:
        self.loc = loc
        self.relation = relation
        self.number = number

    def ready(self, value: int) -> bool:
        return RELATIONS[self.relation](value, self.number)

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.reading)

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name} {self.relation} {self.number})"
