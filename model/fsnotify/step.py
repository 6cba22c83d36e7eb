"""Steps: what the C does in several accesses, where nobody can tell that from one.

Each place that uses `Together` says why.  Under an exploration every step less is worth much: three
calls and three daemons have to be tried in every order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lockwright.core.operation import Operation
from lockwright.core.orders import RELEASE
from lockwright.core.task import Task
from lockwright.kernel.rculist import Link, ListHead, touch
from lockwright.kernel.refcount import Change, Refcount

if TYPE_CHECKING:
    from lockwright.core.location import Value
    from lockwright.core.world import World
    from lockwright.kernel.slab import Slab

S = TypeVar("S", bound="Slab")

Body = Callable[[Task, list[int]], "Value"]
"""`body(task, touched)` runs within the step, and appends what it touches as an operation does."""


class Together(Operation):
    """Several accesses as one step, all of them marked."""

    __slots__ = ("body", "kind", "what")

    stable = False

    def __init__(self, kind: str, what: str, body: Body) -> None:
        self.kind = kind  # type: ignore[misc]  # each place has its own name
        self.what = what
        self.body = body

    def run(self, task: Task, touched: list[int]) -> Value:
        return self.body(task, touched)

    def describe(self) -> str:
        return f"{self.kind}({self.what})"


class _DecNotOne(Operation):
    __slots__ = ("loc",)

    conditional = True
    orders = RELEASE
    kind = "refcount_dec_not_one"
    loc: Refcount

    def __init__(self, loc: Refcount) -> None:
        self.loc = loc

    def writes_at(self, value: int) -> bool:
        return value != 1

    def run(self, task: Task, touched: list[int]) -> bool:
        ref = self.loc
        if ref.value == 1:
            touched.append(ref.reading)
            ref.update(task, touched, Change, self.kind)
            return False
        touched.append(ref.writing)
        ref.update(task, touched, _dec, self.kind)
        return True


def _dec(old: int) -> Change:
    if old == 0:
        return Change(old, None, "drops a count of 0: one put too many")
    return Change(old if old < 0 else old - 1)


def refcount_dec_not_one(ref: Refcount) -> Operation:
    """Drop a reference unless it is the last one; True if it was dropped.

    C: lib/refcount.c.  The first half of refcount_dec_and_lock().
    """
    return _DecNotOne(ref)


def hlist_add_at_rcu(lst: ListHead[S], node: S, at: int, touched: list[int]) -> None:
    """Put a node at a place of the list, complete, within a step.

    C: hlist_add_head_rcu(), hlist_add_before_rcu(), hlist_add_behind_rcu().
    """
    touched.append(lst.writing)
    touch(node, touched)
    link = lst.links.get(node)
    if link is None:
        link = lst.links[node] = Link(lst.world, f"{node.name}->next", f"{node.cache}->list.next")
    before = lst.link_before(at, touched)
    link.value = before.value
    before.value = node
    touched.append(link.writing)
    touched.append(before.writing)
    lst.value = (*lst.value[:at], node, *lst.value[at:])


def born(world: World, obj: S, *, frees: bool) -> S:
    """What a task has allocated; it has to free it, if anybody frees anything."""
    creator = world.creator
    if frees and isinstance(creator, Task):
        obj.born = creator.comm
    return obj
