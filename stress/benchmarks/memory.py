"""How much memory a long search holds: it must not grow with its executions."""

from __future__ import annotations

import gc
import resource
import tracemalloc
from collections.abc import Iterator
from itertools import count

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.kernel.once import Variable
from lockwright.program.machine import Add

EXECUTIONS = 100_000
POINTS = (2_000, 10_000, 50_000, EXECUTIONS)
TASKS = 9  # 9! = 362,880 orders


def adders(names: Names) -> World:
    """Tasks that all add to one variable."""
    world = World(names)
    x = Variable(world, 0, "x")

    async def add() -> None:
        await Add(x, 1)

    for number in range(TASKS):
        world.spawn(add(), f"t{number}")
    return world


def growth() -> Iterator[tuple[int, int, int]]:
    """(executions, bytes that Python holds, peak of the process in KiB) at each of POINTS."""
    tracemalloc.start()
    try:
        for executions, _ in zip(count(1), Dpor(adders), strict=False):
            if executions in POINTS:
                gc.collect()
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                yield executions, tracemalloc.get_traced_memory()[0], peak
            if executions == EXECUTIONS:
                return
    finally:
        tracemalloc.stop()
