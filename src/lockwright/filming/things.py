"""Objects and variables: their lives, and the values of what some step has touched.

What a step touches it says itself, in its access codes, as an explorer has to know it; so after a
step only what it touched is looked at.  Whoever touches a field touches the object's life as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lockwright.core.location import Location, Value
from lockwright.core.native import slots_in
from lockwright.core.timeline import NEVER, Change, Thing
from lockwright.core.world import World
from lockwright.filming.values import NULL, OURS, Labels, content, told_of
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.percpu_ref import PercpuRef
from lockwright.kernel.rculist import ListHead
from lockwright.kernel.seqlock import SeqCount
from lockwright.kernel.slab import Slab

NEXT = "list.next"
VALUE = "value"
"""What a variable that stands for itself has in place of a field's name."""
FIXED = (type(None), bool, int, float, str, bytes)
"""Values that are the same as long as they are the same object."""


@dataclass(slots=True)
class _Track:
    """What is told of one field: how to read it, the number of its location if it is one of its
    own, what it was last, the location that it `leads` to if that is a part of it, and when it
    changed."""

    name: str
    read: Callable[[], Value]
    number: int = -1
    value: Value = None
    leads: Location | None = None
    changes: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Tracked:
    """One object, or one variable, which is none."""

    kind: str
    name: str
    born: int
    obj: Slab | None
    tracks: list[_Track]
    freed: int = NEVER
    by: str = ""


class Things:
    """Looks at objects and variables after each step.

    Invariant: `tracked` has all that were seen, in order of first sight; `lives` the objects by the
    numbers of their lives, `parts` the tracks that show what a location of this number holds.
    `known` are the numbers of locations that were met, `touched` of those that a step has touched,
    `early` of those that the set-up has made; `lists` has each list by its number and by
    that of the link that begins it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.labels = Labels()
        self.tracked: list[_Tracked] = []
        self.lives: dict[int, _Tracked] = {}
        self.parts: dict[int, list[_Track]] = {}
        self.known: set[int] = set()
        self.touched: set[int] = set()
        self.lists: dict[int, ListHead[Slab]] = {}
        self.objects = 0
        self.early = frozenset(world.names.root.locations[: world.creator.locations_made])

    def new_objects(self, step: int) -> list[Slab]:
        """Meet the objects that a step has made; gives them."""
        new: list[Slab] = self.world.objects[self.objects :]
        self.objects += len(new)
        for obj in new:
            self._meet(obj, step)
        return new

    def meet(self, location: Location, step: int) -> None:
        """A location was seen that may stand for itself."""
        if self._is_new(location):
            born = NEVER if location.number in self.early else step
            name = self.labels.label(location.number, location.name or type(location).__name__)
            track = _Track(VALUE, _reader(location), location.number)
            own = type(location).__module__.startswith(OURS)
            kind = "" if own else type(location).__name__
            self._begin(_Tracked(kind, name, born, None, [track]))
            for number in _parts(location):
                self.parts.setdefault(number, []).append(track)

    def look(self, step: int, codes: Sequence[int]) -> None:
        """See what a step has done to what it touched."""
        numbers = dict.fromkeys(code >> 1 if code >= 0 else ~code for code in codes)
        self.touched.update(numbers)
        for number in numbers:
            tracked = self.lives.get(number)
            if tracked is not None and tracked.obj is not None:
                for track in tracked.tracks:
                    self._again(track, step)
                freed = tracked.obj.life.value
                if freed is not None and tracked.freed == NEVER:
                    tracked.freed, tracked.by = step, str(freed)
            for track in self.parts.get(number, ()):
                self._again(track, step)
            lst = self.lists.get(number)
            if lst is not None:
                self.touched.add(lst.number)
                self._link(lst, step)

    def told(self) -> tuple[tuple[Thing, ...], tuple[Change, ...]]:
        """The things that some step has touched, and their values in order of time."""
        things: list[Thing] = []
        changes: list[Change] = []
        for tracked in self.tracked:
            shown = [track for track in tracked.tracks if self._is_shown(tracked, track)]
            if not shown and not self._lives(tracked):
                continue
            for nth, track in enumerate(shown):
                changes += [Change(at, len(things), nth, text) for at, text in track.changes]
            names = tuple(track.name for track in shown)
            things.append(
                Thing(tracked.kind, tracked.name, tracked.born, tracked.freed, tracked.by, names)
            )
        return tuple(things), tuple(sorted(changes, key=_step))

    def _is_new(self, location: Location) -> bool:
        """Is it met for the first time, and does it mean something?"""
        if location.number < 0 or location.number in self.known:
            return False
        self.known.add(location.number)
        if isinstance(location, ListHead):
            self.lists[location.number] = self.lists[location.head.number] = location
            self._link(location, NEVER)
        return told_of(location)

    def _link(self, lst: ListHead[Slab], step: int) -> None:
        """Tell of the links of a list's nodes, as of parts of the nodes."""
        for node, link in lst.links.items():
            tracked = self.lives.get(node.life.number)
            if link.number not in self.known and tracked is not None:
                self.known.add(link.number)
                taken = any(track.name == NEXT for track in tracked.tracks)
                name = f"{NEXT} on {lst.name}" if taken else NEXT
                track = _Track(name, _reader(link), link.number)
                tracked.tracks.append(track)
                self.parts[link.number] = [track]
                if tracked.born < step:
                    track.changes.append((tracked.born, NULL))
                self._again(track, max(step, tracked.born))

    def _meet(self, obj: Slab, step: int) -> None:
        """Tell of an object, with the locations in it."""
        label = self.labels.object(obj)
        kind = obj.cache or type(obj).__name__
        tracks = [_Track(each.name, _peeker(obj, at)) for at, each in enumerate(obj._fields)]
        for name, location in inside(obj):
            if self._is_new(location):
                tracks.append(_Track(name, _reader(location), location.number))
        tracked = _Tracked(kind, label[len(kind) :].lstrip(), step, obj, tracks)
        self.lives[obj.life.number] = tracked
        if obj.life.value is not None:  # within the step that made it
            tracked.freed, tracked.by = step, str(obj.life.value)
        self._begin(tracked)

    def _begin(self, tracked: _Tracked) -> None:
        self.tracked.append(tracked)
        for track in tracked.tracks:
            if track.number >= 0:
                self.parts.setdefault(track.number, []).append(track)
            self._again(track, tracked.born)

    def _again(self, track: _Track, step: int) -> None:
        """Read a field again."""
        value = track.read()
        if value is track.value and track.changes and isinstance(value, FIXED):
            return
        track.value = value
        if isinstance(value, Location) and self._is_new(value):
            track.leads = value  # what it holds is told of here, and nowhere else
            self.parts[value.number] = [track]
        leads = track.leads if value is track.leads else None
        text = self.labels.text(value if leads is None else content(leads))
        if not track.changes or track.changes[-1][1] != text:
            track.changes.append((step, text))

    def _is_shown(self, tracked: _Tracked, track: _Track) -> bool:
        obj, number = tracked.obj, track.number
        if isinstance(track.value, Lock) and not isinstance(track.value, SeqCount):
            return False  # who holds it says more
        if track.value is None and len(track.changes) == 1 and track.number >= 0:
            return False  # a location that holds nothing
        if number < 0 and obj is not None:
            number = obj._codes[getattr(type(obj), track.name).index] >> 1
        leads = NEVER if track.leads is None else track.leads.number
        return len(track.changes) > 1 or number in self.touched or leads in self.touched

    def _lives(self, tracked: _Tracked) -> bool:
        """Did a step make, touch or free an object?"""
        obj = tracked.obj
        return obj is not None and (tracked.born != NEVER or obj.life.number in self.touched)


def _step(change: Change) -> int:
    return change.step


def inside(obj: Slab) -> Iterator[tuple[str, Location]]:
    """The locations that an object has beside its fields, with their names."""
    kept = getattr(obj, "__dict__", None) or {}
    bases = type(obj).__mro__
    slots = [name for cls in bases[: bases.index(Slab)] for name in slots_in(cls)]
    pairs: Iterable[tuple[str, Value]] = (
        *kept.items(),
        *((name, getattr(obj, name, None)) for name in slots),
    )
    for name, value in pairs:
        if isinstance(value, Location):
            yield name, value


def _peeker(obj: Slab, at: int) -> Callable[[], Value]:
    return lambda: obj._values[at]


def _reader(location: Location) -> Callable[[], Value]:
    return lambda: content(location)


def _parts(location: Location) -> list[int]:
    """The numbers of what it is made of, besides its own."""
    return location.numbers if isinstance(location, Mailbox | PercpuRef) else []
