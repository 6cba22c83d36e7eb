"""Small worlds to be played."""

from __future__ import annotations

from dataclasses import replace

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable
from lockwright.program.machine import Add
from lockwright.scenario import Scenario
from tests.abba import two_orders

ABBA = Scenario("test/abba:two", two_orders)


def _interruptible(world: World) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def writer() -> None:
        await a.lock()
        await b.lock()
        await b.unlock()
        await a.unlock()

    async def reader() -> int:
        await b.lock()
        result = await a.lock_interruptible()
        if result == 0:
            await a.unlock()
        await b.unlock()
        return int(result)

    world.spawn(writer(), "writer")
    world.spawn(reader(), "reader")


def results(world: World) -> str:
    """What the first two tasks gave back."""
    return " ".join(str(task.result) for task in world.tasks[:2])


INTERRUPTIBLE = replace(Scenario("test/abba:interruptible", _interruptible), outcome=results)
"""As ABBA, but the reader's second lock can be interrupted."""


def counters(tasks: int, steps: int) -> Scenario:
    """So many tasks, each of which takes so many steps that nobody else is held up by."""

    def build(world: World) -> None:
        count = Variable(world, 0, "count")

        async def counter() -> None:
            for _ in range(steps):
                await Add(count, 1)

        for number in range(tasks):
            world.spawn(counter(), f"t{number}")

    return Scenario(f"test/counters:{tasks}x{steps}", build)
