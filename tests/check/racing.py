"""Worlds that are searched for data races, and the races that each execution has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lockwright.check.datarace import DataRaces
from lockwright.check.ordering import Ordered, Ordering
from lockwright.check.witness import Log
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld
from lockwright.kernel.slab import Field, Slab

Setup = Callable[[World], None]


class Box(Slab):
    """Something with plain fields."""

    cache = "box"
    data: Field[int] = Field(0)
    other: Field[int] = Field(0)
    flag: Field[int] = Field(0)


def making(setup: Setup) -> MakeWorld:
    """What a search wants."""

    def make(names: Names) -> World:
        world = World(names)
        setup(world)
        return world

    return make


def logs(setup: Setup, most: int | None = None) -> Iterator[Log]:
    """Every interleaving, with what the search shares between one and the next."""
    make = making(setup)
    names = Names()
    before: list[Choice] = []
    for count, run in enumerate(plain_search(make)):
        if count == most:
            return
        log = Log.of(make, names, run.schedule)
        for one, other in zip(before, log.schedule, strict=False):
            if one != other:
                break
            log.shared += 1
        before = log.schedule
        yield log


def races(setup: Setup) -> dict[str, Finding]:
    """All data races of all interleavings, by signature."""
    rule = DataRaces(making(setup))
    found: dict[str, Finding] = {}
    for log in logs(setup):
        for finding in rule.judge(log):
            found.setdefault(finding.signature, finding)
    return found


def pairs(log: Log, ordered: Ordered | None = None) -> set[tuple[int, int, str]]:
    """The races of one execution: both entries and the field."""
    names = log.world.names.fields
    ordering = Ordering(names)
    ordering.ordered = ordered
    ordering.starts = {2 * task.name.done + 1 for task in log.world.tasks}
    for step in log.log:
        ordering.add(step)
    found = [(race.first, race.second, names[race.location]) for race in ordering.races]
    units = [(race[:1], race.first_at, race.second, race.second_at) for race in ordering.races]
    assert len(units) == len(set(units)), "each pair of accesses once"
    return set(found)
