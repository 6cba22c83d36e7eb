"""A search does not keep what it has seen."""

from __future__ import annotations

import gc
import tracemalloc
from itertools import islice

from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.kernel.once import Variable
from lockwright.program.machine import Add
from lockwright.scenario import Scenario
from lockwright.session import Options, Session
from tests.explore.making import making

EARLY, LATE = 1000, 6000
GROWTH_MAX = 64 * 1024


def build(world: World) -> None:
    """Seven tasks add to one variable: 5,040 orders; and one has its own, twice."""
    x = Variable(world, 0, "x")

    async def add() -> None:
        await Add(x, 1)

    for number in range(8):
        world.spawn(add(), f"t{number}")


def test_a_search_does_not_grow_with_its_executions() -> None:
    runs = iter(Dpor(making(build)))
    tracemalloc.start()
    try:
        sizes = []
        for count in (EARLY, LATE - EARLY):
            for _ in islice(runs, count):
                pass
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[1] - sizes[0] < GROWTH_MAX


def test_an_exploration_with_its_rules_does_not_grow_either() -> None:
    # it has parts (explore/rounds.py), as many as a round can use, some time after it began
    early, late = LATE, 2 * LATE
    sizes: dict[int, int] = {}

    def measure(progress: object) -> None:
        executions = session.result.executions
        if executions in (early, late):
            gc.collect()
            sizes[executions] = tracemalloc.get_traced_memory()[0]

    session = Session(Scenario("memory/adders:eight", build), Options(executions=late + 1))
    tracemalloc.start()
    try:
        session.explore(measure)
    finally:
        tracemalloc.stop()
    assert sizes[late] - sizes[early] < GROWTH_MAX
