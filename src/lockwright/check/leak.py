"""Leaks: what was allocated and nobody can reach any more.

Source: the idea of mm/kmemleak.c.  The roots are `world.state`, where a scenario keeps its
handles, and what the scenario itself built; an object that a task allocated, that was not freed,
and that no chain of references from a root leads to, has been left behind.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.location import Location
from lockwright.core.native import slots_in
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
        for obj in _unreachable(suspects, [*roots, world.state]):
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


def _unreachable(suspects: list[Slab], roots: list[object]) -> list[Slab]:
    """The suspects that no chain of references from a root leads to, in their order.

    Goes on only until all are found.  Identity tells things apart here; nothing is ordered by it.
    """
    left = {id(suspect) for suspect in suspects}
    seen: set[int] = set()
    stack = roots
    while stack and left:
        thing = stack.pop()
        key = id(thing)
        if key in seen:
            continue
        seen.add(key)
        if isinstance(thing, Slab):
            if thing.alive:
                left.discard(key)
                stack.extend(thing._values)
                stack.extend(_referred(thing))
        elif isinstance(thing, (list, tuple, set, frozenset)):
            stack.extend(thing)
        elif isinstance(thing, dict):
            stack.extend(thing.keys())
            stack.extend(thing.values())
        else:
            stack.extend(_referred(thing))
            if not isinstance(thing, (type, *_LEAVES)) and hasattr(thing, "__dict__"):
                stack.extend(vars(thing).values())
    return [suspect for suspect in suspects if id(suspect) in left]


_LEAVES = (World, Task, ModuleType, FunctionType)


def _referred(thing: object) -> list[Any]:
    names = _references(type(thing))  # type: ignore[arg-type]  # mypy: classes have no hash
    return [getattr(thing, name, None) for name in names]


@cache
def _references(kind: type) -> tuple[str, ...]:
    """The slots of a class that can lead to objects."""
    if issubclass(kind, _LEAVES) or kind.__module__ == "builtins":
        return ()
    skipped = {"world", "_codes", "_values", *slots_in(Slab), *slots_in(Location)} - {"value"}
    names = [name for cls in kind.__mro__ for name in slots_in(cls)]
    return tuple(name for name in names if name not in skipped)
