"""The smallest deadlock: two tasks, two mutexes, two orders."""

from __future__ import annotations

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex


def two_orders(world: World) -> None:
    """Two mutexes in two orders."""
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def worker(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(worker(a, b), "one")
    world.spawn(worker(b, a), "two")
