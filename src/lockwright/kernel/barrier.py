"""The kernel's memory barriers.

Under sequential consistency they order what is ordered anyway.  With a store buffer
(`storebuffer.py`) smp_mb() waits until the buffer is empty, and smp_wmb() keeps later stores behind
earlier ones, which matters only where the buffer does not do that by itself.  No machine here lets
a load overtake a load or a store overtake a load, so smp_rmb() has nothing to do.

Source: Documentation/memory-barriers.txt, include/asm-generic/barrier.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import FENCE_AFTER, FENCE_BEFORE, MB
from lockwright.kernel.once import WRITE_ONCE, Variable

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.slab import Slab


class FullBarrier(Operation):
    """smp_mb() and what amounts to it: waits until the task's own stores have reached memory."""

    __slots__ = ("after", "kind")

    blocking = True
    orders = MB
    after: tuple[Location, ...]

    def __init__(self, kind: str, after: tuple[Location, ...] = ()) -> None:
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.after = after

    def run(self, task: Task, touched: list[int]) -> None:
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return f"{self.kind}()"


class StoreBarrier(Operation):
    """smp_wmb()"""

    __slots__ = ()

    orders = FENCE_BEFORE
    buffering = IGNORES
    kind = "smp_wmb"

    def run(self, task: Task, touched: list[int]) -> None:
        pass

    def describe(self) -> str:
        return "smp_wmb()"


class LoadBarrier(Operation):
    """smp_rmb()"""

    __slots__ = ()

    orders = FENCE_AFTER
    buffering = IGNORES
    kind = "smp_rmb"

    def run(self, task: Task, touched: list[int]) -> None:
        pass

    def describe(self) -> str:
        return "smp_rmb()"


def smp_mb() -> Operation:
    """Nothing passes it in either direction."""
    return FullBarrier("smp_mb")


def smp_wmb() -> Operation:
    """Stores do not pass it."""
    return StoreBarrier()


def smp_rmb() -> Operation:
    """Loads do not pass it."""
    return LoadBarrier()


async def smp_store_mb(obj: Slab | Variable, *field_value: Value) -> None:
    """WRITE_ONCE(), then smp_mb(): `await smp_store_mb(variable, 1)`"""
    await WRITE_ONCE(obj, *field_value)
    await smp_mb()


def smp_mb__before_atomic() -> Operation:
    """Makes an atomic operation that orders nothing a barrier for what comes before it."""
    return FullBarrier("smp_mb__before_atomic")


def smp_mb__after_atomic() -> Operation:
    """Makes an atomic operation that orders nothing a barrier for what comes after it."""
    return FullBarrier("smp_mb__after_atomic")


def smp_mb__after_spinlock() -> Operation:
    """Makes a spin_lock() a full barrier."""
    return FullBarrier("smp_mb__after_spinlock")


def smp_mb__after_unlock_lock() -> Operation:
    """Makes an unlock followed by a lock a full barrier."""
    return FullBarrier("smp_mb__after_unlock_lock")
