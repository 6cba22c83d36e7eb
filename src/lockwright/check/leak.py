"""Leaks: what was allocated and nobody can reach any more.

Source: the idea of mm/kmemleak.c.  The roots are `world.state`, where a scenario keeps its
handles, and what the scenario itself built; an object that a task allocated, that was not freed,
and that no chain of references from a root leads to, has been left behind.
"""

from __future__ import annotations

from typing import Any

from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.location import Location
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.slab import Slab


class Leak(Rule):
    """Objects left behind at the end of an execution that ended well."""

    name = "leak"

    def finish(self, world: World) -> None:
        if world.oopsed or world.blocked():
            return
        suspects = [obj for obj in world.objects if obj.alive and obj.born]
        if not suspects:
            return
        roots = [obj for obj in world.objects if obj.alive and not obj.born]
        reached = _reachable([world.state, *roots])
        for obj in suspects:
            if obj not in reached:
                world.report(
                    Finding(
                        "leak",
                        f"{obj.describe()}, allocated by {obj.born}, is left behind",
                        f"{obj.describe()} left behind",
                        0,
                        obj.born,
                        fatal=False,
                    )
                )


def _reachable(roots: list[Any]) -> set[Any]:
    """All slab objects that references lead to; membership is all that is asked of the set."""
    seen: set[int] = set()
    found: set[Any] = set()
    stack: list[Any] = list(roots)
    while stack:
        thing = stack.pop()
        if thing is None or isinstance(thing, (str, int, float, World, Task, type)):
            continue
        key = id(thing)  # identity within one traversal; nothing is ordered by it
        if key in seen:
            continue
        seen.add(key)
        if isinstance(thing, Slab):
            if not thing.alive:
                continue
            found.add(thing)
            stack.extend(thing._values)
            stack.extend(vars(thing).values() if hasattr(thing, "__dict__") else ())
        elif isinstance(thing, Location):
            stack.append(thing.value)
            stack.extend(_slots(thing))
        elif isinstance(thing, dict):
            stack.extend(thing.keys())
            stack.extend(thing.values())
        elif isinstance(thing, (list, tuple, set, frozenset)):
            stack.extend(thing)
        elif type(thing).__module__ not in ("builtins", "types"):
            stack.extend(_slots(thing))
            stack.extend(vars(thing).values() if hasattr(thing, "__dict__") else ())
    return found


def _slots(thing: object) -> list[object]:
    names = [name for cls in type(thing).__mro__ for name in getattr(cls, "__slots__", ())]
    return [getattr(thing, name) for name in names if name != "world" and hasattr(thing, name)]
