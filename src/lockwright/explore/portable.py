"""Tasks and locations by what they are, for another process or another day.

Numbers are given in order of first sight (`core/location.py`), which differs between searches of
one program.  What a thing is does not: which task made it, as the how manieth.  A portable task is
the list of these places from the root; a portable location one of

    ["done", task]                          whether the task has ended
    ["at", task, n]                         the n-th location that the task made
    ["field", task, n, class, field]        a field of the n-th object that it made

and a portable mask is a list of these.
"""

from __future__ import annotations

from lockwright.core.location import Names, TaskName, Value
from lockwright.explore.run import CHOICE_SHIFT, TASK_MASK
from lockwright.explore.wakeup import Branch, Footprint, Sleep, Step

Path = tuple[int, ...]


class Portable:
    """Translates for the names of one search.

    Invariant: `tasks` and `locations` are right for all numbers that they have.
    """

    __slots__ = ("locations", "names", "tasks")

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tasks: dict[int, Path] = {}
        self.locations: dict[int, Value] = {}

    def _look(self) -> None:
        """Learn what has been named by now."""
        todo: list[tuple[Path, TaskName]] = [((), self.names.root)]
        locations = self.locations
        while todo:
            path, name = todo.pop()
            self.tasks[name.number] = path
            locations[name.done] = ["done", list(path)]
            for nth, number in enumerate(name.locations):
                locations[number] = ["at", list(path), nth]
            for nth, objects in enumerate(name.objects):
                for cls, codes in objects.items():
                    for index, code in enumerate(codes):
                        if code >= 0:
                            locations[code >> 1] = ["field", list(path), nth, label(cls), index]
            todo.extend(((*path, nth), child) for nth, child in enumerate(name.children))

    def _task_name(self, path: Value) -> TaskName:
        name = self.names.root
        for nth in path:
            name = self.names.child(name, int(nth))
        return name

    def key(self, key: int) -> Value:
        """A step's key: [task, value chosen]."""
        number = key & TASK_MASK
        if number not in self.tasks:
            self._look()
        return [list(self.tasks[number]), key >> CHOICE_SHIFT]

    def key_of(self, told: Value) -> int:
        """The key that `key` told of."""
        path, choice = told
        return self._task_name(path).number | int(choice) << CHOICE_SHIFT

    def mask(self, mask: int) -> Value:
        """The locations of a mask; True for the mask of everything."""
        if mask < 0:
            return True
        told = []
        while mask:
            location = mask.bit_length() - 1
            mask ^= 1 << location
            told.append(self.location(location))
        return told

    def mask_of(self, told: Value) -> int:
        """The mask that `mask` told of."""
        if told is True:
            return -1
        mask = 0
        for location in told:
            mask |= 1 << self.location_of(location)
        return mask

    def location(self, number: int) -> Value:
        """A location by what it is."""
        if number not in self.locations:
            self._look()
        return self.locations[number]

    def location_of(self, told: Value) -> int:
        """Its number here."""
        kind, path, *rest = told
        name = self._task_name(path)
        if kind == "done":
            return name.done
        nth = int(rest[0])
        if kind == "at":
            while len(name.locations) <= nth:
                name.locations.append(self.names.new_location())
            return name.locations[nth]
        while len(name.objects) <= nth:
            name.objects.append({})
        return self._field(name, nth, str(rest[1]), int(rest[2]))

    def _field(self, name: TaskName, nth: int, cls: str, index: int) -> int:
        objects = name.objects[nth]
        codes = next((codes for known, codes in objects.items() if label(known) == cls), None)
        if codes is None:
            # no object of the class was made here yet: the first one finds these numbers
            codes = objects[cls] = []
        while len(codes) <= index:
            codes.append(-1)
        if codes[index] < 0:
            codes[index] = 2 * self.names.new_location()
        return codes[index] >> 1

    def footprint(self, footprint: Footprint) -> Value:
        """[read, written]"""
        return [self.mask(footprint[0]), self.mask(footprint[1])]

    def footprint_of(self, told: Value) -> Footprint:
        """The footprint that `footprint` told of."""
        return self.mask_of(told[0]), self.mask_of(told[1])

    def sleep(self, sleep: Sleep) -> Value:
        """Sleeping steps, in order."""
        return [[self.key(key), self.footprint(footprint)] for key, footprint in sleep.items()]

    def sleep_of(self, told: Value) -> Sleep:
        """The steps that `sleep` told of."""
        return {self.key_of(key): self.footprint_of(footprint) for key, footprint in told}

    def steps(self, steps: list[Step]) -> Value:
        """A sequence of steps."""
        return [[self.key(key), self.footprint((read, write))] for key, read, write in steps]

    def steps_of(self, told: Value) -> list[Step]:
        """The sequence that `steps` told of."""
        return [(self.key_of(key), *self.footprint_of(footprint)) for key, footprint in told]

    def branches(self, branches: list[Branch]) -> Value:
        """A wakeup tree."""
        return [
            [
                self.key(branch.key),
                self.footprint((branch.read, branch.write)),
                branch.exact,
                self.branches(branch.children),
            ]
            for branch in branches
        ]

    def branches_of(self, told: Value) -> list[Branch]:
        """The tree that `branches` told of."""
        made = []
        for key, footprint, exact, children in told:
            branch = Branch(self.key_of(key), *self.footprint_of(footprint), exact=bool(exact))
            branch.children = self.branches_of(children)
            made.append(branch)
        return made


def label(cls: type | str) -> str:
    """A class by its name, the same in every process."""
    return cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__qualname__}"
