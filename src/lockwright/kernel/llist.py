"""The lock-less list: anybody adds, one takes all, newest first.

Source: include/linux/llist.h, lib/llist.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ATOMIC, RELAXED
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

T = TypeVar("T")


class LList(Location, Generic[T]):
    """A llist_head.  Invariant: `value` is the tuple of nodes on it, newest first."""

    __slots__ = ()

    value: tuple[T, ...]

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, (), name)

    def add(self, node: T) -> Operation:
        """llist_add(): True if the list was empty before."""
        return _Add(self, node)

    def del_all(self) -> Operation:
        """`for node in await lst.del_all()`: llist_del_all(), newest first."""
        return _DelAll(self)

    def empty(self) -> Operation:
        """llist_empty()"""
        return _Empty(self)


class _Add(Operation, Generic[T]):
    __slots__ = ("loc", "node")

    orders = ATOMIC
    kind = "llist_add"
    loc: LList[T]

    def __init__(self, loc: LList[T], node: T) -> None:
        self.loc = loc
        self.node = node

    def run(self, task: Task, touched: list[int]) -> bool:
        llist = self.loc
        node = self.node
        touched.append(llist.writing)
        if isinstance(node, Slab):
            touched.append(node.life.reading)
            check_alive(node, "llist")
        nodes = llist.value
        if any(other is node for other in nodes):
            raise KernelOops(
                "list corruption",
                f"{task.comm} adds {node} to {llist.name}, where it is already",
                f"double add to {llist.name}",
            )
        llist.value = (node, *nodes)
        return not nodes


class _DelAll(Operation, Generic[T]):
    __slots__ = ("loc",)

    orders = ATOMIC
    kind = "llist_del_all"
    loc: LList[T]

    def __init__(self, loc: LList[T]) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> list[T]:
        llist = self.loc
        nodes = llist.value
        touched.append(llist.writing)
        llist.value = ()
        return list(nodes)


class _Empty(Operation, Generic[T]):
    __slots__ = ("loc",)

    orders = RELAXED
    buffering = IGNORES
    kind = "llist_empty"
    loc: LList[T]

    def __init__(self, loc: LList[T]) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        llist = self.loc
        touched.append(llist.reading)
        return not llist.value
