"""From a function that sets a world up to what a search wants."""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld


def making(build: Callable[[World], None]) -> MakeWorld:
    """A function that builds the world."""

    def make(names: Names) -> World:
        world = World(names)
        build(world)
        return world

    return make
