"""Reference counts: refcount_t, kref and lockref.

Source: include/linux/refcount.h, lib/refcount.c, include/linux/kref.h, lib/lockref.c.

What they order: taking a reference nothing (whoever takes one has the object already), dropping
one is a release, and dropping the last one an acquire as well; of a lockref nothing does.
Source: Documentation/core-api/refcount-vs-atomic.rst; lib/lockref.c, CMPXCHG_LOOP().

A count that is part of an object names it as its `owner`: touching the count of a freed object is
a use-after-free.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, RELAXED, RELEASE
from lockwright.kernel.slab import Slab, check_alive

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1  # of a spinlock
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
        world.names.fields[self.number] = f"{self.name}.count" if self.name else "count"

    @property
    def count(self) -> int:
        """The count, read or written plainly, under a lock; no scheduling point."""
        self.world.acc.append(self.reading)
        self._touch_owner(self.world.acc)
        return self.value

    @count.setter
    def count(self, value: int) -> None:
        self.world.acc.append(self.writing)
        self._touch_owner(self.world.acc)
        self.value = value

    def update(
        self, task: Task, touched: list[int], change: Callable[[int], Change], kind: str
    ) -> bool | int | None:
        """Change it within a step, and report what is wrong with that.  The caller has said
        whether that is a read or a write."""
        value, result, complaint = change(self.value)
        self._touch_owner(touched)
        self.value = value
        if complaint:
            self.world.warn(
                task,
                "refcount",
                f"{kind}({self.name}) by {task.comm}: {complaint}",
                signature=f"{kind}({self.name}): {complaint}",
            )
        return result

    def _touch_owner(self, touched: list[int]) -> None:
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
        return _CountUpdate(self, _inc, "kref_get")

    def get_unless_zero(self) -> Operation:
        """kref_get_unless_zero(): True if a reference was taken."""
        return _CountUpdate(self, _inc_not_zero, "kref_get_unless_zero")

    def put(self, release: Callable[[], Awaitable[object]]) -> Awaitable[bool]:
        """kref_put(): True if this was the last reference and `release` has been called."""
        return kref_put(self, release)


class Lockref(Count):
    """A lockref: a count that also says that its object is dead.

    With its `lock` given, the operations wait while somebody holds it, as the kernel's do; whoever
    holds it uses `count`.
    """

    __slots__ = ("lock",)

    def __init__(
        self,
        world: World,
        value: int = 1,
        name: str = "",
        *,
        owner: Slab | None = None,
        lock: Location | None = None,
    ) -> None:
        super().__init__(world, value, name, owner=owner)
        self.lock = lock

    @property
    def dead(self) -> bool:
        """Is it marked dead?  Read as `count` is."""
        return self.count < 0


class Change(NamedTuple):
    """What an operation makes of a count: its new value, what the call returns, what is wrong."""

    value: int
    result: bool | int | None = None
    complaint: str = ""


class _CountUpdate(Operation):
    """An atomic operation on a count; one that changes nothing is a read."""

    __slots__ = ("change", "kind", "loc", "orders")

    conditional = True
    loc: Count

    def __init__(self, loc: Count, change: Callable[[int], Change], kind: str) -> None:
        self.loc = loc
        self.orders = RELAXED  # type: ignore[misc]  # depends on what it finds
        self.change = change
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def writes_at(self, value: int) -> bool:
        return self.change(value).value != value

    def run(self, task: Task, touched: list[int]) -> bool | int | None:
        if self.writes_at(self.loc.value):
            touched.append(self.loc.writing)
        else:
            touched.append(self.loc.reading)
        result = self.loc.update(task, touched, self.change, self.kind)
        if self.change is _dec:
            self.orders = RELEASE  # type: ignore[misc]  # as above
        elif self.change is _dec_and_test:
            self.orders = ACQUIRE_RELEASE if result else RELEASE  # type: ignore[misc]  # as above
        return result


class _CountRead(_CountUpdate):
    __slots__ = ()

    buffering = IGNORES


class _LockrefUpdate(Operation):
    """The same, but waits while the lockref's lock is held; always a write of the count."""

    __slots__ = ("change", "kind", "loc", "lockref")

    stable = False
    blocking = True
    writes = False
    orders = RELAXED
    loc: Location

    def __init__(
        self, loc: Location, lockref: Lockref, change: Callable[[int], Change], kind: str
    ) -> None:
        self.loc = loc
        self.lockref = lockref
        self.change = change
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def ready(self, value: int) -> bool:
        return value == FREE

    def run(self, task: Task, touched: list[int]) -> bool | int | None:
        touched.append(self.loc.reading)
        touched.append(self.lockref.writing)
        return self.lockref.update(task, touched, self.change, self.kind)

    def describe(self) -> str:
        return f"{self.kind}({self.lockref.name}), which waits for {self.loc.name}"


def refcount_read(ref: Refcount) -> Operation:
    """`n = await refcount_read(ref)`"""
    return _CountRead(ref, _read, "refcount_read")


def refcount_inc(ref: Refcount) -> Operation:
    """Take another reference; the caller must hold one already."""
    return _CountUpdate(ref, _inc, "refcount_inc")


def refcount_inc_not_zero(ref: Refcount) -> Operation:
    """Take a reference unless the count is 0; True if it was taken."""
    return _CountUpdate(ref, _inc_not_zero, "refcount_inc_not_zero")


def refcount_dec(ref: Refcount) -> Operation:
    """Drop a reference that is not the last one."""
    return _CountUpdate(ref, _dec, "refcount_dec")


def refcount_dec_and_test(ref: Refcount) -> Operation:
    """Drop a reference; True if it was the last one."""
    return _CountUpdate(ref, _dec_and_test, "refcount_dec_and_test")


async def kref_put(kref: Kref, release: Callable[[], Awaitable[object]]) -> bool:
    """Drop a reference; True if it was the last one and `release` has been called."""
    if not await _CountUpdate(kref, _dec_and_test, "kref_put"):
        return False
    await release()
    return True


def lockref_get(lockref: Lockref) -> Operation:
    """Add one; the caller must hold a reference already."""
    return _lockref(lockref, lambda old: Change(old + 1), "lockref_get")


def lockref_get_not_zero(lockref: Lockref) -> Operation:
    """Add one unless the count is 0 or dead; True if it was added."""
    return _lockref(
        lockref,
        lambda old: Change(old + 1, True) if old > 0 else Change(old, False),
        "lockref_get_not_zero",
    )


def lockref_get_not_dead(lockref: Lockref) -> Operation:
    """Add one unless the count is dead; True if it was added."""
    return _lockref(
        lockref,
        lambda old: Change(old + 1, True) if old >= 0 else Change(old, False),
        "lockref_get_not_dead",
    )


def lockref_put_return(lockref: Lockref) -> Operation:
    """Subtract one and give the new count; -1, and nothing done, if it is 0 or dead."""
    return _lockref(
        lockref,
        lambda old: Change(old - 1, old - 1) if old > 0 else Change(old, -1),
        "lockref_put_return",
    )


def lockref_put_not_zero(lockref: Lockref) -> Operation:
    """Subtract one unless that would give 0 or less; True if it was subtracted."""
    return _lockref(
        lockref,
        lambda old: Change(old - 1, True) if old > 1 else Change(old, False),
        "lockref_put_not_zero",
    )


def lockref_mark_dead(lockref: Lockref) -> Operation:
    """From now on nobody takes a reference.  The caller holds the lock."""
    return _CountUpdate(lockref, lambda old: Change(DEAD), "lockref_mark_dead")


def _lockref(lockref: Lockref, change: Callable[[int], Change], kind: str) -> Operation:
    lock = lockref.lock
    if lock is None:
        return _CountUpdate(lockref, change, kind)
    return _LockrefUpdate(lock, lockref, change, kind)


def _read(old: int) -> Change:
    return Change(old, old)


def _inc(old: int) -> Change:
    if old < 0:
        return Change(old)
    if old == 0:
        return Change(SATURATED, None, "adds to a count of 0, whose object may be freed already")
    return Change(old + 1)


def _inc_not_zero(old: int) -> Change:
    return Change(old + 1, True) if old > 0 else Change(old, old < 0)


def _dec(old: int) -> Change:
    if old < 0:
        return Change(old)
    if old <= 1:
        return Change(SATURATED, None, f"drops a count of {old}, and nobody is told that it is 0")
    return Change(old - 1)


def _dec_and_test(old: int) -> Change:
    if old < 0:
        return Change(old, False)
    if old == 0:
        return Change(SATURATED, False, "drops a count of 0: one put too many")
    return Change(old - 1, old == 1)
