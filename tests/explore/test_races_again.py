"""A race that once needed no reversal can need one later, when other steps stand beside it.

Two readers take two semaphores in opposite orders, and a writer queues for each.  All four wait
for ever in one trace only: each reader holds one semaphore, each writer queues for one of them,
and then each reader queues behind a writer.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from lockwright.core.world import World
from lockwright.kernel.rwsem import RwSem
from lockwright.scenario import Scenario
from lockwright.session import Options, explore

ORDERS = tuple(permutations(("rs", "sr", "wr", "ws")))


def made(order: tuple[str, ...]) -> Scenario:
    def build(world: World) -> None:
        r, s = RwSem(world, "R"), RwSem(world, "S")

        async def reader(first: RwSem, second: RwSem) -> None:
            await first.down_read()
            await second.down_read()
            await second.up_read()
            await first.up_read()

        async def writer(sem: RwSem) -> None:
            await sem.down_write()

        for name in order:
            if name.startswith("w"):
                world.spawn(writer(r if name == "wr" else s), name)
            else:
                world.spawn(reader(*((r, s) if name == "rs" else (s, r))), name)

    return Scenario("test/readers:four", build)


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_the_traces_do_not_depend_on_the_order_of_spawning(order: tuple[str, ...]) -> None:
    options = Options(granularity="operation", rules=("deadlock",), events=False)
    result = explore(made(order), options)
    assert (result.complete, result.executions, result.deadlocked) == (True, 185, 48)
    assert any(len(finding.waits) == 4 for finding in result.findings)
