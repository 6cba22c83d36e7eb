"""A world that remembers what coverage is made of: where each step stood, and what objects were.

It is used instead of a plain world where coverage is asked for, so that the machine's own step
knows nothing of it.

A *state* is a value that was seen of something which tells of the life of objects of a class:

    box: life            `live`, `waiting for a grace period`, `freed`, `in table->slot` where a
                         field of another object led to it
    box->dead            a field: `False`, `True`, `NULL`, `set`, an enum's name, `0`, `1`, `2`,
                         `3 or more`, `negative`, `empty`, `not empty`; text is data and left out
    box.count            a reference count, or another number that operations are about

Seen is what a step leaves behind, of what it wrote, and all of what is new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from lockwright.core.location import Location, Names, Value
from lockwright.core.native import slots_in
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.graceperiod import Call, KfreeRcu
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.slab import Slab

LIFE = "life"
LIVE, WAITING, FREED = "live", "waiting for a grace period", "freed"
NO_PARTS = (type(None), bool, int, float, str, bytes, World, Task, Names, Operation)
COUNT_MAX = 2
"""Numbers above this are all one state."""
_NUMBER = re.compile(r"(?<![A-Za-z0-9_])[0-9]+")


class Note(NamedTuple):
    """What there was to see just before a step: the function that its operation stands in, and the
    number and the value of the operation's location."""

    function: str
    location: int
    value: Value


class Watched(World):
    """Invariant: between steps, `notes` has one entry for each step, in order.

    `states` has what was seen in this execution, as (thing, value); `owners` the objects by the
    numbers of their fields' locations, as far as somebody asked; `numbers` the numbers that
    operations were about.
    """

    __slots__ = ("known", "notes", "numbers", "owners", "states")

    def __init__(self, names: Names | None = None) -> None:
        super().__init__(names)
        self.notes: list[Note] = []
        self.states: dict[tuple[str, str], None] = {}
        self.owners: dict[int, tuple[Slab, int]] = {}
        self.numbers: dict[int, Location] = {}
        self.known = 0

    def step(self, task: Task, choice: int = 0) -> list[int]:
        """Run one step, and look before it and after it."""
        operation = task.pending
        if self.booting or operation is None:
            return super().step(task, choice)
        loc = operation.loc
        self.notes.append(Note(function_of(task), loc.number, loc.value))
        codes = super().step(task, choice)
        if len(self.objects) > self.known:
            self._meet()
        if isinstance(loc.value, int) and not isinstance(loc, Lock) and loc.number >= 0:
            self.numbers[loc.number] = loc
            self.states[class_of(loc), state_of(loc.value)] = None
        if isinstance(operation, KfreeRcu | Call):
            for obj in _given(operation):
                self.states[f"{kind_of(obj)}: {LIFE}", WAITING] = None
        for code in codes:
            if code > 0 and code & 1:
                self._written(code >> 1)
        return codes

    def _meet(self) -> None:
        """Take down all of the objects that are new."""
        for obj in self.objects[self.known :]:
            kind = kind_of(obj)
            self.states[f"{kind}: {LIFE}", LIVE] = None
            for at, field in enumerate(obj._fields):
                self._valued(f"{kind}->{field.name}", obj._values[at])
        self.known = len(self.objects)

    def _written(self, number: int) -> None:
        if number in self.numbers:
            loc = self.numbers[number]
            self.states[class_of(loc), state_of(loc.value)] = None
        elif number in self.names.fields:
            obj, at = self._owner(number)
            if obj is not None:
                self._valued(f"{kind_of(obj)}->{obj._fields[at].name}", obj._values[at])

    def _valued(self, field: str, value: Value) -> None:
        if isinstance(value, Slab):
            self.states[f"{kind_of(value)}: {LIFE}", f"in {field}"] = None
        if state := state_of(value):
            self.states[field, state] = None

    def _owner(self, number: int) -> tuple[Slab | None, int]:
        """The object that has a field of this number, and which of its fields that is."""
        if number not in self.owners:
            for obj in self.objects:
                for at, code in enumerate(obj._codes):
                    if code >= 0:
                        self.owners[code >> 1] = obj, at
        return self.owners.get(number, (None, 0))

    def ended(self) -> None:
        """The execution has ended: what is left to see of it."""
        if len(self.objects) > self.known:
            self._meet()
        for obj in self.objects:
            if obj.life.value is not None:
                self.states[f"{kind_of(obj)}: {LIFE}", FREED] = None


def function_of(task: Task) -> str:
    """The model function that a task is in; its own name where it is in none that has one."""
    frame = task.frame()
    return task.comm if frame is None else f"{frame.f_code.co_name}()"


def kind_of(obj: Slab) -> str:
    """What objects of its class are called."""
    return obj.cache or type(obj).__name__


def class_of(loc: Location) -> str:
    """What all locations like this one are called: a lock's class, a count of a kind of object, a
    model's own kind of location, or a name without the numbers that stand by themselves in it."""
    if isinstance(loc, Lock):
        return loc.cls.name
    owner = getattr(loc, "owner", None)
    if isinstance(owner, Slab):
        return f"{kind_of(owner)}.count"
    if not type(loc).__module__.startswith("lockwright."):
        return type(loc).__name__
    return folded(loc.name) or type(loc).__name__


def locations_of(world: World) -> Iterator[Location]:
    """The locations that the objects of a world lead to.  Identity tells things apart here; nothing
    is ordered by it."""
    todo: list[Value] = [world.state, *world.objects]
    seen = {id(thing) for thing in todo}
    while todo:
        thing = todo.pop()
        if isinstance(thing, Location):
            yield thing
        for part in _parts(thing):
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)


def _parts(thing: Value) -> Iterable[Value]:
    """What something holds, if that can be more than data."""
    if isinstance(thing, list | tuple | set | frozenset):
        return thing
    if isinstance(thing, dict):
        return thing.values()
    if isinstance(thing, NO_PARTS) or callable(thing):
        return ()
    kept = getattr(thing, "__dict__", None) or {}
    slots = [name for cls in type(thing).__mro__ for name in slots_in(cls)]
    return [*kept.values(), *(getattr(thing, name, None) for name in slots)]


def folded(name: str) -> str:
    """A name without the numbers that only tell things of one kind apart."""
    return _NUMBER.sub("N", name)


def state_of(value: Value) -> str:
    """What a value says of an object's life; empty if it is data."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | Enum):
        return str(value) if isinstance(value, bool) else value.name or str(value.value)
    if isinstance(value, int):
        if value < 0:
            return "negative"
        return str(value) if value <= COUNT_MAX else f"{COUNT_MAX + 1} or more"
    if isinstance(value, list | tuple | dict | set | frozenset):
        return "not empty" if value else "empty"
    return "" if isinstance(value, str | bytes | float) else "set"


def _given(operation: Operation) -> list[Slab]:
    """The objects that wait for a grace period: what is to be freed, or what a callback holds."""
    if isinstance(operation, KfreeRcu):
        return [operation.obj]
    callback: Value = getattr(operation, "callback", None)
    held = [*getattr(callback, "args", ()), getattr(callback, "__self__", None)]
    for cell in getattr(callback, "__closure__", None) or ():
        held.append(cell.cell_contents)
    return [thing for thing in held if isinstance(thing, Slab)]
