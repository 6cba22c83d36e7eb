"""Snapshots: everything that determines what an execution can do from now on, as one key.

Two states with the same key have the same future: the same tasks can run, and each does the same.
So a search may leave a state that it has seen, and a state that comes again along an execution can
come again for ever.  Nothing here is a guess: what cannot be captured raises `Opaque`.

What is captured is the graph of objects that can be reached from the tasks, from `world.state` and
from the live slab objects, written down in the order in which it is walked.  An object that is met
again is written as a reference to its place, so that sharing and cycles count and addresses do
not.  For a suspended coroutine that is its code and where in it it stands, its local variables and
its evaluation stack (the `x` of `x + await f()`, the iterators of its `for` loops), which the
garbage collector can see, and the coroutine that it awaits.

Left out, because it cannot be told apart from inside a model: how often a task has made something
(that only gives names), how many steps were taken, slab objects that were freed and that nothing
refers to, one-way flags of a pending operation that are set, and what a class says of itself in
`lasting()`.  Addresses count by their order.  Module variables and the attributes of classes that
stand in a module are constants, as they have to be in a model.

Source of the idea: explicit-state model checking as in Holzmann, The SPIN Model Checker (2003),
and CMC (Musuvathi et al., OSDI 2002), which captures the states of real code.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Generator
from functools import cache
from hashlib import blake2b

from lockwright.core.location import Location
from lockwright.core.native import slots_in
from lockwright.core.task import Task
from lockwright.core.walk import UNSET, Opaque, Parts, Walk, slots_of
from lockwright.core.world import World

__all__ = ["Opaque", "Snapshots", "shows_stacks"]

OF_TASK = ("name", "locations_made", "objects_made", "send", "coro")
OF_WORLD = (
    *("acc", "addresses", "by_number", "choice", "creator", "daemons", "faults", "findings"),
    *("log", "marked", "names", "objects", "state", "steps", "tasks"),
    *(name for name in slots_in(World) if name.startswith("on_")),
)


class Snapshots:
    """Takes the snapshots of one search.

    A key holds for this object only: codes are numbered in the order in which they are seen.
    `locations` are those that the last snapshot met, by number.
    Invariant: `codes[key]` holds the code object itself, so that its identity stays its own.
    """

    def __init__(self) -> None:
        self.codes: dict[int, tuple[int, types.CodeType]] = {}
        self.equal: dict[types.CodeType, int] = {}
        self.locations: dict[int, Location] = {}
        if not shows_stacks():
            raise Opaque("this Python does not show the evaluation stack of a coroutine")

    def take(self, world: World, more: object = None) -> bytes:
        """The key of the state that `world` is in, between two steps; `more` belongs to it too.

        Raises Opaque if some of it cannot be captured.
        """
        return blake2b(self.text(world, more).encode(errors="surrogatepass")).digest()

    def text(self, world: World, more: object = None) -> str:
        """The same, as the text that the key is made from."""
        walk = Walk(self.code)
        walk.pending = [task.pending for task in world.tasks]
        for task in world.tasks:
            if task.driver is not None:
                walk.pending += task.driver.put_off()
        try:
            for task in world.tasks:
                walk.who = f"the state of task {task.comm}"
                walk.down(_task_parts(task))
            walk.who = "the state of the world"
            walk.down(_world_parts(world, more))
        except RecursionError:
            raise Opaque(f"{walk.who} is nested too deeply") from None
        self.locations = walk.locations
        return walk.finish()

    def code(self, code: types.CodeType) -> int:
        """A number that all equal codes share, and no others."""
        known = self.codes.get(id(code))
        if known is None:
            number = self.equal.setdefault(code, len(self.equal))
            known = self.codes[id(code)] = (number, code)
        return known[0]


def _task_parts(task: Task) -> Parts:
    values = [getattr(task, name, UNSET) for name in slots_of(Task) or () if name not in OF_TASK]
    return "root", (*values, task.coro if task.pending is not None else None)


def _world_parts(world: World, more: object) -> Parts:
    live = [thing for thing in world.objects if thing.alive]
    values = [getattr(world, name, UNSET) for name in slots_of(World) or () if name not in OF_WORLD]
    return "root", (world.state, world.faults, live, more, *values)


@cache
def shows_stacks() -> bool:
    """Can the garbage collector see what a suspended coroutine has on its evaluation stack?

    Asked of a coroutine that waits in the middle of two loops and a call.
    """
    marks = [object(), object(), object()]

    def suspend() -> Generator[None, None, object]:
        yield
        return None

    async def inner() -> None:
        for _ in iter(marks):
            (marks[1], await types.coroutine(suspend)())

    probe = inner()
    probe.send(None)
    held = gc.get_referents(probe)
    probe.close()
    iterators = [each for each in held if type(each) is type(iter(marks))]
    return any(each is marks[1] for each in held) and len(iterators) == 1
