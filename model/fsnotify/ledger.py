"""What the promises are about, written down beside the model; no model code decides by it.

Whatever depends on the order in which tasks do things is a location of its own, so that an explorer
tries both orders: what users have been promised (`promises`), the states that marks and masks go
through (`states`), what the server was last told (`applied`).  The rest is sets that only grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.errors import UsageError
from lockwright.core.location import Location, reserve
from lockwright.core.promise import always
from lockwright.core.task import Task
from model.fsnotify.objects import ALL_EVENTS, mask_text

if TYPE_CHECKING:
    from lockwright.core.world import World
    from model.fsnotify.objects import Group, Inode

LOCAL, REMOTE = "local", "remote"
PLACES = 8


class Occurrence(NamedTuple):
    """Something that happened to a file: `owed` are the groups (by number) that must hear of it."""

    number: int
    nodeid: int
    mask: int
    owed: tuple[int, ...]


@dataclass(slots=True)
class Call:
    """A call on one watch.

    What it does not `keep` it may take away, and what it `grants` it has promised when it has
    returned; `taken` is what others may have taken away meanwhile or since.
    """

    keeps: int
    taken: int = 0
    grants: int = 0
    returned: bool = False


class Promises:
    """What one group has been promised of one file, call by call.

    A call that has returned has promised what it grants, but for what another call may have taken
    away that was at work at the same time, or that has begun since.  So the order of two calls
    matters only where one returns before the other begins; and what happens to the file matters in
    its order to all of them.  `begins` and `returns` are locations, one for each of a few tasks.
    """

    __slots__ = ("begins", "calls", "returns")

    def __init__(self, world: World) -> None:
        self.begins = reserve(world, PLACES)
        self.returns = reserve(world, PLACES)
        self.calls: list[Call] = []

    def mask(self) -> int:
        """The bits that are promised."""
        mask = 0
        for call in self.calls:
            if call.returned:
                mask |= call.grants & ~call.taken
        return mask


class Ledger:
    """The facts of one execution.

    A group is known by its number, which no other group ever has, whatever its address.
    `occurrences[n]` is what happened; `told` has (occurrence, group, LOCAL or REMOTE) for what
    reached a group's queue; `excused` how many of a file's events had happened when a group was
    told of an overflow; `ended` the groups that were closed; `wired` how often an occurrence
    crossed the wire; `refused` the files for which the server has refused a watch.
    """

    def __init__(self, world: World, nodeids: tuple[int, ...], groups_max: int) -> None:
        self.world = world
        self.promises = {
            (group, nodeid): Promises(world)
            for group in range(1, groups_max + 1)
            for nodeid in nodeids
        }
        self.happened = {nodeid: Location(world, 0, f"events of i{nodeid}") for nodeid in nodeids}
        self.states: dict[tuple[int, int], Location] = {
            (key, nodeid): Location(world, 0, f"states of i{nodeid} for {key}")
            for key in range(groups_max + 1)
            for nodeid in nodeids
        }
        self.applied: dict[tuple[int, int], Location] = {
            (key, nodeid): Location(world, 0, f"state of i{nodeid} for {key} at the server")
            for key in range(groups_max + 1)
            for nodeid in nodeids
        }
        self.groups_made = Location(world, 0, "groups made")
        self.occurrences: dict[int, Occurrence] = {}
        self.told: set[tuple[int, int, str]] = set()
        self.excused: dict[tuple[int, int], int] = {}
        self.ended: set[int] = set()
        self.wired: dict[int, int] = {}
        self.refused: set[int] = set()

    def _change(self, loc: Location, value: object) -> None:
        self.world.acc.append(loc.writing)
        loc.value = value

    def new_group(self) -> int:
        """The number of a new group, from 1."""
        number: int = self.groups_made.value + 1
        self._change(self.groups_made, number)
        return number

    def begins(self, group: int, nodeid: int, keeps: int) -> Call:
        """A call begins that may take away what it does not keep; for `returns`."""
        if (group, nodeid) not in self.promises:
            raise UsageError(f"group {group}: only the first {group - 1} of a guest can watch")
        made = self.promises[group, nodeid]
        acc = self.world.acc
        acc.append(2 * made.begins[self._place()] + 1)
        acc.extend(2 * number for number in made.returns)
        mine = Call(ALL_EVENTS & keeps)
        for call in made.calls:
            call.taken |= ~mine.keeps
            if not call.returned:
                mine.taken |= ~call.keeps
        made.calls.append(mine)
        return mine

    def returns(self, group: int, nodeid: int, call: Call, grants: int) -> None:
        """It returns, and has promised what it `grants`: 0 if it failed."""
        made = self.promises[group, nodeid]
        self.world.acc.append(2 * made.returns[self._place()] + 1)
        call.grants = grants & ALL_EVENTS
        call.returned = True

    def closes(self, group: int) -> None:
        """Nobody will read what the group is told from now on."""
        self.ended.add(group)
        for of, nodeid in self.promises:
            if of == group:
                self.begins(group, nodeid, 0)

    def _place(self) -> int:
        """Where the task that runs writes: not where others do, as far as there is room."""
        task = self.world.creator
        return task.number % PLACES if isinstance(task, Task) else 0

    def happens(self, nodeid: int, mask: int) -> int:
        """Something happens to a file; its number."""
        count = self.happened[nodeid]
        nth: int = count.value + 1
        self._change(count, nth)
        number = nodeid * 1000 + nth
        owed = []
        acc = self.world.acc
        for (group, of), made in self.promises.items():
            if of == nodeid:
                acc.extend(2 * number for number in (*made.begins, *made.returns))
                if made.mask() & mask:
                    owed.append(group)
        self.occurrences[number] = Occurrence(number, nodeid, mask, tuple(owed))
        return number

    def reaches(self, group: Group | None, inode: Inode) -> int:
        """A mark's state (for None, that of an inode's mask) changes; its version from now on."""
        loc = self.states[0 if group is None else group.number, inode.nodeid]
        version: int = loc.value + 1
        self._change(loc, version)
        return version

    def version(self, key: int, nodeid: int) -> int:
        """Of a group's mark, or (0) of an inode's mask: the version of its state now."""
        loc = self.states[key, nodeid]
        self.world.acc.append(loc.reading)
        version: int = loc.value
        return version

    def applies(self, key: int, nodeid: int, version: int) -> None:
        """The server does as it was told in this version of a state."""
        loc = self.applied[key, nodeid]
        before: int = loc.value
        always(
            self.world,
            f"P6: what the server is told of i{nodeid} is applied in the order of what it tells of",
            version >= before,
        )
        self._change(loc, max(version, before))

    def overflows(self, group: int) -> None:
        """A group is told, or has been told and not read yet, that it may have missed something."""
        for nodeid, count in self.happened.items():
            self.world.acc.append(count.reading)
            self.excused[group, nodeid] = count.value

    def is_excused(self, number: int, group: int) -> bool:
        """Was the group told of an overflow after this happened?"""
        of = self.occurrences[number]
        return number % 1000 <= self.excused.get((group, of.nodeid), 0)

    def crosses(self, number: int) -> None:
        """An event is sent to the guest."""
        self.wired[number] = self.wired.get(number, 0) + 1

    def tells(self, numbers: tuple[int, ...], group: int, how: str) -> None:
        """Events have come to a group's queue."""
        self.told.update((number, group, how) for number in numbers)

    def text(self, number: int) -> str:
        """`MODIFY of i1 (number 1)`."""
        of = self.occurrences[number]
        return f"{mask_text(of.mask)} of i{of.nodeid} (number {number % 1000})"
