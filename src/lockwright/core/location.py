"""Locations: what a step can touch, numbered so that all executions of a search agree.

A location's number has to be the same in every execution in which "the same" thing exists, in
whatever order independent tasks create things.  So a thing is named by its creator and by how
many the creator had made before, and `Names`, which lives as long as the search, gives each such
name a small dense number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lockwright.core.native import mypyc_attr

if TYPE_CHECKING:
    from lockwright.core.world import World


Value: TypeAlias = Any
"""What models put into locations and get from operations: only they know its type."""


class TaskName:
    """What a task is called in every execution of a search.

    Invariant: `locations[i]` is the number of the i-th location that the task creates, and
    `objects[i]` has, by class, the access codes of the fields of its i-th object (-1 until first
    touched), or by the name of a class of which no object was made here yet.  `done` is the number
    of the location that says whether the task has ended.  `label` tells the names apart for people.
    """

    __slots__ = ("children", "done", "label", "locations", "number", "objects")

    def __init__(self, number: int, done: int, label: str = "") -> None:
        self.number = number
        self.label = label
        self.done = done
        self.children: list[TaskName] = []
        self.locations: list[int] = []
        self.objects: list[dict[type | str, list[int]]] = []


class Names:
    """Dense numbers for tasks and locations, the same in all executions of one search.

    `fields` names the locations that are plain fields of objects: number -> `dentry->d_inode`.
    """

    __slots__ = ("fields", "locations", "root", "tasks")

    def __init__(self) -> None:
        self.tasks = 0
        self.locations = 0
        self.fields: dict[int, str] = {}
        self.root = TaskName(-1, -1)

    def child(self, parent: TaskName, nth: int) -> TaskName:
        """The name of the nth task (from 0) that `parent` spawns."""
        children = parent.children
        while len(children) <= nth:
            label = f"{parent.label}.{len(children)}" if parent.label else str(len(children))
            children.append(TaskName(self.tasks, self.new_location(), label))
            self.tasks += 1
        return children[nth]

    def new_location(self) -> int:
        """A number that no other location has."""
        number = self.locations
        self.locations = number + 1
        return number


@mypyc_attr(allow_interpreted_subclasses=True)
class Location:
    """Something that steps read and write: a lock word, a count, a flag, a variable.

    `value` is the whole state that can make a task wait here; it is replaced, never mutated, so
    that an explorer can keep what it was before a step.  `reading` and `writing` are the access
    codes: twice the location's number, plus one for a write.
    """

    __slots__ = ("name", "number", "reading", "value", "world", "writing")

    def __init__(self, world: World, value: Value = None, name: str = "") -> None:
        self.world = world
        self.name = name
        self.value = value
        creator = world.creator
        made = creator.locations_made
        creator.locations_made = made + 1
        known = creator.name.locations
        if made < len(known):
            number = known[made]
        else:
            number = world.names.new_location()
            known.append(number)
        self.number = number
        self.reading = 2 * number
        self.writing = 2 * number + 1

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


def reserve(world: World, count: int) -> list[int]:
    """Numbers for so many locations, as if whoever runs made them now: for those that several
    tasks may make, whichever comes first."""
    creator = world.creator
    made, known = creator.locations_made, creator.name.locations
    creator.locations_made = made + count
    while len(known) < made + count:
        known.append(world.names.new_location())
    return known[made : made + count]


@mypyc_attr(allow_interpreted_subclasses=True)
class Done(Location):
    """Whether a task has ended: a one-way flag, made when somebody asks for it.

    Its number belongs to the task's name, so that it is the same whoever asks, and when.
    """

    __slots__ = ()

    def __init__(self, world: World, number: int, name: str, *, ended: bool) -> None:
        self.world = world
        self.name = name
        self.value = ended
        self.number = number
        self.reading = 2 * number
        self.writing = 2 * number + 1


@mypyc_attr(allow_interpreted_subclasses=True)
class Nowhere(Location):
    """The location of operations that wait for nothing in particular: it is in no world."""

    __slots__ = ()

    def __init__(self) -> None:
        self.number = -1
        self.value = None
        self.name = ""


NOWHERE = Nowhere()
