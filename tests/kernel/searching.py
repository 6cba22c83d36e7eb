"""Every interleaving of a small world: what the tests of the primitives ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run, trace_key

Setup = Callable[[World], None]


def making(setup: Setup) -> MakeWorld:
    """What a search wants: a function that builds the world."""

    def make(names: Names) -> World:
        world = World(names)
        setup(world)
        return world

    return make


def search(setup: Setup) -> list[Run]:
    """All interleavings, one run each; DPOR must find the same traces, each once."""
    make = making(setup)
    runs = list(plain_search(make))
    traces = {trace_key(run) for run in runs}
    reduced = list(Dpor(make))
    assert not any(run.sleeping for run in reduced)
    assert len(reduced) == len(traces)
    assert kinds(reduced) == kinds(runs)
    assert waiting(reduced) == waiting(runs)
    assert results(reduced) == results(runs)
    return runs


def results(runs: list[Run]) -> set[tuple[object, ...]]:
    """The sets of results, one a task in order of creation, of the runs that came to their end."""
    return {
        tuple(task.result for task in run.world.tasks) for run in runs if not run.world.blocked()
    }


def waiting(runs: list[Run]) -> set[tuple[str, ...]]:
    """The deadlocks: what each blocked task waits in."""
    found = set()
    for run in runs:
        blocked = run.world.blocked()
        if blocked:
            found.add(tuple(task.pending.describe() for task in blocked if task.pending))
    return found


def kinds(runs: list[Run]) -> set[str]:
    """The kinds of findings."""
    return {finding.kind for run in runs for finding in run.world.findings}


def messages(runs: list[Run]) -> set[str]:
    """The messages of findings."""
    return {finding.message for run in runs for finding in run.world.findings}


def alone(setup: Setup) -> Run:
    """The one run of a world in which nothing can happen in another order."""
    (run,) = search(setup)
    return run


async def does(*operations: Awaitable[object]) -> tuple[object, ...]:
    """A task that awaits one operation after the other, and gives their results."""
    return tuple([await operation for operation in operations])
