"""Memory for what a model has no object for: a copy of a name, an array of pointers, and a dentry
that a later step makes.

    if not await memory_for(world, "name"):
        return -ENOMEM

C: kstrdup(), kstrdup_const(), kcalloc(), krealloc(), d_alloc().
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, cast

from lockwright.kernel.slab import kmalloc

if TYPE_CHECKING:
    from lockwright.core.world import World
    from lockwright.kernel.slab import Slab


class _Memory:
    """What is allocated; it lives and dies with what it is for."""

    __slots__ = ("born",)

    born: str


class _There:
    """Memory that is there: no step."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, bool]:
        yield from ()
        return True


_THERE = _There()
_MEMORY = cast("Callable[[], Slab]", _Memory)


def memory_for(world: World, what: str) -> Awaitable[object]:
    """Is there memory for it?  A step only in executions in which allocations may fail.

    Without them nobody could tell the step from nothing: what is allocated is not seen by others
    before a later step.
    """
    faults = world.faults
    if faults is None or not faults.armed:
        return _THERE
    return kmalloc(world, _MEMORY, what)
