"""Reference counts: refcount_t, kref and lockref.

Source: include/linux/refcount.h, lib/refcount.c, include/linux/kref.h, lib/lockref.c.

A count that is part of an object names it as its `owner`: touching the count of a freed object is
a use-after-free.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

SATURATED = -(1 << 30)
DEAD = -128


class Count(Location):
    """Base of the counts.  Invariant: `value` is an int."""

    __slots__ = ("owner",)

    value: int

    def __init__(
        self, world: World, value: int = 1, name: str = "", *, owner: Slab | None = None
    ) -> None:
        super().__init__(world, value, name or (owner.describe() if owner is not None else ""))
        self.owner = owner

    @property
    def count(self) -> int:
        """The count, read or written plainly, under a lock; no scheduling point."""
        self._touch(self.world.acc, self.reading)
        return self.value

    @count.setter
    def count(self, value: int) -> None:
        self._touch(self.world.acc, self.writing)
        self.value = value

    def _touch(self, touched: list[int], code: int) -> None:
        touched.append(code)
        owner = self.owner
        if owner is not None:
            touched.append(owner.life.reading)
            check_alive(owner, self.name)


class Refcount(Count):
    """A refcount_t: saturates instead of wrapping.  `Refcount(world, 1, "ei->ref", owner=ei)`"""

    __slots__ = ()


class Kref(Refcount):
    """A kref: a refcount with the calls that go with it."""

    __slots__ = ()

    def get(self) -> Operation:
        """kref_get()"""
        return refcount_inc(self)

    def get_unless_zero(self) -> Operation:
        """kref_get_unless_zero(): True if a reference was taken."""
        return refcount_inc_not_zero(self)

    def put(self, release: Callable[[], Awaitable[Any]]) -> Awaitable[bool]:
        """kref_put(): True if this was the last reference and `release` has been called."""
        return kref_put(self, release)


class Lockref(Count):
    """A lockref: a count that also says that its object is dead.

    Left out: that the count's fast path waits while the lock is held.  A model that changes the
    count under the lock does it with `count`, in one step with whatever it depends on.
    """

    __slots__ = ()

    @property
    def dead(self) -> bool:
        """Is it marked dead?  Reads it as `count` does."""
        return self.count < 0


class _CountOperation(Operation):
    """Base of the atomic operations on a count: one access, which writes unless it changes nothing.

    `change(old)` gives the new value; `result(old)` what the call returns.
    """

    __slots__ = ("loc",)

    loc: Count

    def __init__(self, loc: Count) -> None:
        self.loc = loc

    def change(self, old: int) -> int:
        return old

    def result(self, old: int) -> Any:
        return None

    def complaint(self, old: int) -> str:
        """What is wrong with doing this to a count of `old`, if anything."""
        return ""

    def run(self, task: Task, touched: list[int]) -> Any:
        loc = self.loc
        old = loc.value
        new = self.change(old)
        loc._touch(touched, loc.reading if new == old else loc.writing)
        loc.value = new
        complaint = self.complaint(old)
        if complaint:
            loc.world.warn(
                task,
                "refcount",
                f"{self.kind}({loc.name}) by {task.comm}: {complaint}",
                signature=f"{self.kind}({loc.name}): {complaint}",
            )
        return self.result(old)
