"""Small worlds whose stores can be delayed: what the tests of weak memory ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.storebuffer import use_memory

Setup = Callable[[World], None]
Outcome = tuple[object, ...]
WEAK = ("tso", "pso")
ALL = ("sc", *WEAK)


def making(setup: Setup, memory: str) -> MakeWorld:
    """A function that builds the world on a machine with this memory."""

    def make(names: Names) -> World:
        world = World(names)
        use_memory(world, memory)
        setup(world)
        return world

    return make


def traces(setup: Setup, memory: str) -> list[Run]:
    """Each trace once, and no execution that the reduction gave up."""
    runs = list(Dpor(making(setup, memory)))
    assert not any(run.sleeping for run in runs)
    return runs


def results(runs: Iterable[Run]) -> set[Outcome]:
    """The tasks' results, in order of creation, of the runs that came to their end; what flushes
    has none."""
    return {
        tuple(task.result for task in run.world.tasks if not task.comm.startswith("flush of "))
        for run in runs
        if not run.world.blocked()
    }


def outcomes(setup: Setup, memory: str) -> set[Outcome]:
    """What can come out."""
    return results(traces(setup, memory))
