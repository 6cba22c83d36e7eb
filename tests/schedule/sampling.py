"""Samples of a strategy's executions, and how far they are from what is expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable
from typing import Any

from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.schedule.oracle import Oracle
from tests.explore.making import making

Schedule = tuple[tuple[int, int], ...]


def schedules(make: MakeWorld, oracle: Oracle) -> list[Schedule]:
    """The schedules that a strategy takes."""
    return [tuple(run.schedule) for run in guided_search(make, oracle)]


def frequencies(
    make: MakeWorld, oracle: Oracle, key: Callable[[Run], Hashable]
) -> Counter[Hashable]:
    """How often each thing happens."""
    return Counter(key(run) for run in guided_search(make, oracle))


def deviation(seen: Counter[Hashable], wanted: Iterable[Hashable]) -> float:
    """Pearson's chi-square of what should all be equally likely.

    Over its limit if something else was seen.
    """
    cells = set(wanted)
    if set(seen) - cells:
        return float("inf")
    expected = sum(seen.values()) / len(cells)
    return sum((seen[cell] - expected) ** 2 for cell in sorted(cells, key=repr)) / expected


def limit(cells: int) -> float:
    """What chi-square with so many cells exceeds once in a thousand times.

    Source: Wilson, Hilferty, "The Distribution of Chi-Square" (PNAS 17, 1931).
    """
    df = cells - 1
    return float(df * (1 - 2 / (9 * df) + 3.09 * (2 / (9 * df)) ** 0.5) ** 3)


def tasks_of(run: Run) -> str:
    """The tasks of a schedule: `0010`."""
    return "".join(str(task) for task, _ in run.schedule)


# Programs


Body = Callable[["Shared"], Awaitable[Any]]


class Shared:
    """What the tasks of a program share.  `seen` is for what they want to tell."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.x = Variable(world, 0, "x")
        self.y = Variable(world, 0, "y")
        self.lock = Mutex(world, "m")
        self.seen: list[str] = []

    async def alone(self, steps: int) -> None:
        """Steps that touch nothing of others."""
        mine = Variable(self.world, 0, "mine")
        for _ in range(steps):
            await READ_ONCE(mine)

    async def write(self, who: str, times: int) -> None:
        """Writes of x that tell who wrote."""
        for _ in range(times):
            await WRITE_ONCE(self.x, 1)
            self.seen.append(who)


def program(*bodies: Body) -> MakeWorld:
    """A task for each body; `world.state` is what they share."""

    def build(world: World) -> None:
        shared = Shared(world)
        world.state = shared
        for number, body in enumerate(bodies):
            world.spawn(_task(body, shared), f"t{number}")

    return making(build)


async def _task(body: Body, shared: Shared) -> None:
    await body(shared)


def told(run: Run) -> str:
    """What the tasks have told, in order."""
    shared: Shared = run.world.state
    return "".join(shared.seen)
