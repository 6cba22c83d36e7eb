"""Kernel lists whose readers walk them link by link, without the writers' lock.

Source: include/linux/list.h, include/linux/rculist.h.

Writers are serialised by a lock of the model's; what they all write, the list itself stands for
(the head's `prev`).  Readers touch only the links they follow, with rcu_dereference(); whether
they may is checked where a walk begins, with `first_rcu()`, `first_srcu()` or an iterator:

    async for child in list_for_each_entry_rcu(ei.children):
`list_add_tail` and `list_add_tail_rcu` do the same here, where memory is sequentially consistent.
For the data-race check they differ: to make a link lead to a node is a marked store with both,
but a release with the second one only.  What else a writer touches are plain accesses: the head's
`prev`, the links of a node that it adds, poisons or overwrites.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Generic, TypeVar

from lockwright.core.buffering import IGNORES
from lockwright.core.errors import KernelOops
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import EVERY, LOAD_ACQUIRE, PLAIN, RELAXED, STORE, STORE_RELEASE
from lockwright.kernel.rcuusage import rcu_read_lock_any_held, suspicious
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

S = TypeVar("S", bound=Slab)

POISON = "LIST_POISON1"
NULL = "NULL"
NON_READER = "RCU-list traversed in non-reader section!"
NO_LOCK = "RCU-list traversed without holding the required lock!"


class Link(Location):
    """One `next` pointer.  `value` is the node it leads to, None at the end of the list, POISON
    after list_del(), or NULL where the memory has been put to another use.  `field` names it in
    reports of data races.
    """

    __slots__ = ()

    def __init__(self, world: World, name: str, field: str = "") -> None:
        super().__init__(world, None, name)
        world.names.fields[self.number] = field or name


class ListHead(Location, Generic[S]):
    """A list_head and the links of the nodes on it.

    Invariant: `value` is the tuple of nodes on the list, as its writers see it; `links[node]`
    exists for each node that was ever on it, and following the links of the nodes on it from
    `head` leads through `value`.
    """

    __slots__ = ("head", "links")

    value: tuple[S, ...]

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, (), name)
        world.names.fields[self.number] = f"{name}.prev"
        self.head = Link(world, f"{name}.next")
        self.links: dict[S, Link] = {}

    def add_tail(self, node: S) -> Operation:
        """list_add_tail(): plain stores."""
        return _Add(self, node, "list_add_tail")

    def add_tail_rcu(self, node: S) -> Operation:
        """list_add_tail_rcu(): readers see the node complete."""
        return _Publish(self, node, "list_add_tail_rcu")

    def add(self, node: S) -> Operation:
        """list_add(): in front, plain stores."""
        return _Add(self, node, "list_add")

    def add_rcu(self, node: S) -> Operation:
        """list_add_rcu(): in front; readers see the node complete."""
        return _Publish(self, node, "list_add_rcu")

    def del_rcu(self, node: S) -> Operation:
        """list_del_rcu(): readers that stand on the node still find their way."""
        return _Delete(self, node, "list_del_rcu")

    def del_(self, node: S) -> Operation:
        """list_del(): the node's links are poisoned, and following them is a finding."""
        return _Delete(self, node, "list_del")

    def overwrite(self, node: S) -> Operation:
        """The node's `next`, once it is off the list, is used for something else and becomes NULL.

        For unions: call_rcu() clears the `next` of a rcu_head that shares its memory.
        """
        return _Overwrite(self, node, "overwrite next")

    def first(self) -> Operation:
        """`node = await lst.first()`: follow the head's link; None if the list is empty."""
        return _First(self)

    def first_rcu(self, cond: bool = False) -> Operation:  # noqa: FBT001, FBT002  # as in C
        """The beginning of list_for_each_entry_rcu(): the same, in a read section of RCU's.

        `cond` says what else makes it right, as `lockdep_is_held(mutex)`.
        """
        return _FirstChecked(self, "" if cond else NON_READER)

    def first_srcu(self, cond: bool) -> Operation:  # noqa: FBT001  # as in C
        """The beginning of list_for_each_entry_srcu(): the same, where `cond` holds, which is
        `srcu_read_lock_held(srcu)` as a rule."""
        return _FirstChecked(self, "" if cond else NO_LOCK)

    def next(self, node: S) -> Operation:
        """`node = await lst.next(node)`: follow a node's link; None at the end."""
        return _Next(self, node)

    def empty(self) -> Operation:
        """list_empty()"""
        return _Empty(self)

    def entries(self) -> list[S]:
        """All nodes, for whoever holds the writers' lock: plain reads, no scheduling point."""
        acc = self.world.acc
        acc.append(self.head.reading)
        for node in self.value:
            touch(node, acc)
            acc.append(self.links[node].reading)
        return list(self.value)

    def peek(self) -> tuple[S, ...]:
        """All nodes, unseen by the machine.  For rules and reports."""
        return self.value

    def link_before(self, at: int, touched: list[int]) -> Link:
        """The link that leads to place `at` of the list."""
        if at == 0:
            return self.head
        node = self.value[at - 1]
        touch(node, touched)
        return self.links[node]


def touch(node: Slab, touched: list[int]) -> None:
    """Touch a node's memory.  Raises the oops of a use-after-free."""
    touched.append(node.life.reading)
    check_alive(node, "list")


class _Write(Operation, Generic[S]):
    """Base of the writers' operations.  Which links they write depends on what is on the list."""

    __slots__ = ("kind", "loc", "node")

    stable = False
    orders = PLAIN | STORE
    loc: ListHead[S]

    def __init__(self, loc: ListHead[S], node: S, kind: str) -> None:
        self.loc = loc
        self.node = node
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def describe(self) -> str:
        return f"{self.kind}({self.node.describe()}, {self.loc.name})"

    def corrupt(self, task: Task, how: str) -> KernelOops:
        node = self.node
        return KernelOops(
            "list corruption",
            f"{self.kind}() by {task.comm}: {node.describe()} is {how} {self.loc.name}",
            f"{self.kind}(): {node.cache or type(node).__name__} is {how} {self.loc.name}",
        )


class _Add(_Write[S]):
    __slots__ = ()

    def run(self, task: Task, touched: list[int]) -> None:
        lst = self.loc
        node = self.node
        touched.append(lst.writing)
        touch(node, touched)
        nodes = lst.value
        if node in nodes:
            raise self.corrupt(task, "already on")
        link = lst.links.get(node)
        if link is None:
            field = f"{node.cache or type(node).__name__}->list.next"
            link = lst.links[node] = Link(lst.world, f"{node.name}->next", field)
        at = len(nodes) if "tail" in self.kind else 0
        before = lst.link_before(at, touched)
        link.value = before.value
        before.value = node
        touched.append(link.writing)
        touched.append(before.writing)
        lst.value = (*nodes[:at], node, *nodes[at:])


class _Publish(_Add[S]):
    __slots__ = ()

    orders = PLAIN | STORE_RELEASE


class _Delete(_Write[S]):
    __slots__ = ()

    def run(self, task: Task, touched: list[int]) -> None:
        lst = self.loc
        node = self.node
        touched.append(lst.writing)
        touch(node, touched)
        nodes = lst.value
        if node not in nodes:
            raise self.corrupt(task, "not on")
        at = nodes.index(node)
        link = lst.links[node]
        before = lst.link_before(at, touched)
        before.value = link.value
        if self.kind == "list_del":
            link.value = POISON
            touched.append(link.writing)
        else:
            touched.append(link.reading)
        touched.append(before.writing)
        lst.value = nodes[:at] + nodes[at + 1 :]


class _Overwrite(_Write[S]):
    __slots__ = ()

    stable = True
    orders = PLAIN

    def run(self, task: Task, touched: list[int]) -> None:
        lst = self.loc
        node = self.node
        touch(node, touched)
        # not an access: the list may be anybody's by now, and who takes the node off it touches
        # the node's link, as this does
        if node in lst.value:
            raise self.corrupt(task, "still on")
        link = lst.links.get(node)
        if link is None:
            raise self.corrupt(task, "not yet on")
        link.value = NULL
        touched.append(link.writing)


class _First(Operation, Generic[S]):
    __slots__ = ("loc",)

    orders = LOAD_ACQUIRE
    buffering = IGNORES
    kind = "list_first"
    loc: ListHead[S]

    def __init__(self, loc: ListHead[S]) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> S | None:
        head = self.loc.head
        touched.append(head.reading)
        node: S | None = head.value
        return node


class _FirstChecked(_First[S]):
    """`wrong` is what there is to say if no reader of RCU's walks; who walks SRCU's is no reader
    of RCU's.  C: __list_check_rcu(), __list_check_srcu(), with CONFIG_PROVE_RCU_LIST."""

    __slots__ = ("wrong",)

    def __init__(self, loc: ListHead[S], wrong: str) -> None:
        super().__init__(loc)
        self.wrong = wrong

    def run(self, task: Task, touched: list[int]) -> S | None:
        wrong = self.wrong
        if wrong and (wrong is not NON_READER or not rcu_read_lock_any_held(task)):
            suspicious(task, wrong)
        return super().run(task, touched)


class _Next(Operation, Generic[S]):
    __slots__ = ("loc", "node")

    orders = LOAD_ACQUIRE | EVERY  # of the node's life, too
    buffering = IGNORES
    kind = "list_next"
    loc: ListHead[S]

    def __init__(self, loc: ListHead[S], node: S) -> None:
        self.loc = loc
        self.node = node

    def run(self, task: Task, touched: list[int]) -> S | None:
        node = self.node
        touch(node, touched)
        link = self.loc.links.get(node)
        if link is not None:
            touched.append(link.reading)
        value = link.value if link is not None else NULL
        if isinstance(value, str):
            kind = "general protection fault" if value == POISON else "NULL pointer dereference"
            raise KernelOops(
                kind,
                f"{kind}: {task.comm} walks {self.loc.name} and follows {value} "
                f"in {node.describe()}",
                f"{self.loc.name} leads to {value}",
            )
        following: S | None = value
        return following

    def describe(self) -> str:
        return f"{self.kind}({self.node.describe()}, {self.loc.name})"


class _Empty(Operation, Generic[S]):
    __slots__ = ("loc",)

    orders = RELAXED
    buffering = IGNORES
    kind = "list_empty"
    loc: ListHead[S]

    def __init__(self, loc: ListHead[S]) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        head = self.loc.head
        touched.append(head.reading)
        return head.value is None


class _Walk(Generic[S]):
    """Gives the nodes of a list one after the other, each when it is asked for."""

    __slots__ = ("at", "begin", "lst")

    def __init__(self, lst: ListHead[S], begin: Operation) -> None:
        self.lst = lst
        self.begin: Operation | None = begin
        self.at: S | None = None

    def __aiter__(self) -> _Walk[S]:
        return self

    async def __anext__(self) -> S:
        begin = self.begin
        if begin is not None:
            self.begin = None
            self.at = await begin
        elif self.at is not None:
            self.at = await self.lst.next(self.at)
        if self.at is None:
            raise StopAsyncIteration
        return self.at


def list_for_each_entry_rcu(
    lst: ListHead[S],
    cond: bool = False,  # noqa: FBT001, FBT002  # as in C
) -> AsyncIterator[S]:
    """`async for node in list_for_each_entry_rcu(lst):` in a read section of RCU's, or where
    `cond` holds, as `lockdep_is_held(mutex)`."""
    return _Walk(lst, lst.first_rcu(cond))


def list_for_each_entry_srcu(lst: ListHead[S], cond: bool) -> AsyncIterator[S]:  # noqa: FBT001  # as in C
    """`async for node in list_for_each_entry_srcu(lst, srcu_read_lock_held(srcu)):`"""
    return _Walk(lst, lst.first_srcu(cond))
