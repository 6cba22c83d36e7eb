"""Wakeups that nobody heard: what was notified or set while nobody waited for it.

A `Condition` and a `ParkingLot` forget a notify that finds nobody waiting.  An `Event` does not,
but a program that puts a new one in its place does: who waits for the new one has missed the set
of the old one.  So an event that is set is remembered with the attributes and variables that hold
it then, and one that is waited for later out of the same one has taken its place.

What is claimed of a task that waits for ever: the last notify came before it began to wait and
found nobody; or the event that stood where its event stands now was set before it began to wait.
That the notify was meant for it is not known.

The methods of trio are replaced for the one run that is reported, and in its thread alone.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from threading import get_ident
from types import CellType, FrameType

import trio
from trio.lowlevel import ParkingLot

from lockwright.core.location import Value
from lockwright.testing.trio.hook import patched
from lockwright.testing.trio.places import Place, helper, module_of

Slot = tuple[int, str]
"""An object, by its identity while the run keeps it alive, and the name of its attribute; or a
variable that several functions share."""
CELL = "nonlocal"


@dataclass(frozen=True, slots=True)
class Call:
    """A wakeup: `what` was called for `object` at `step`, with nobody waiting if `unheard`."""

    what: str
    object: Value
    step: int
    where: str
    unheard: bool
    slots: frozenset[Slot] = frozenset()


class Wakeups:
    """All wakeups of one run.  `step` tells the step that is being taken.

    Invariant: `kept` holds every object whose identity is in a slot.
    """

    def __init__(self, step: Callable[[], int]) -> None:
        self.step = step
        self.calls: list[Call] = []
        self.kept: list[Value] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note what this thread wakes, as long as this lasts."""
        thread = get_ident()

        def noting(what: str, waiting: Callable[[Value], int]) -> Callable[..., object]:
            def make(method: Callable[..., object]) -> object:
                def call(this: Value, *args: Value, **options: Value) -> object:
                    if get_ident() == thread:
                        self._note(what, this, sys._getframe(1), unheard=not waiting(this))
                    return method(this, *args, **options)

                return call

            return make

        waiting = _waiting
        replaced = [
            (owner, name, patched(owner, name, noting(f"{owner.__name__}.{name}", waiting)))
            for owner, name in (
                (trio.Condition, "notify"),
                (trio.Condition, "notify_all"),
                (trio.Event, "set"),
                (ParkingLot, "unpark"),
                (ParkingLot, "unpark_all"),
            )
        ]
        try:
            yield
        finally:
            for owner, name, method in reversed(replaced):
                setattr(owner, name, method)

    def _note(self, what: str, this: Value, frame: FrameType, *, unheard: bool) -> None:
        if module_of(frame).startswith("trio."):
            return  # a part of what was called
        while helper(frame):
            if frame.f_back is None:
                return
            frame = frame.f_back
        code = frame.f_code
        where = f"{code.co_name}, {PurePath(code.co_filename).name}:{frame.f_lineno}"
        slots = self._slots(this, frame) if isinstance(this, trio.Event) else frozenset()
        self.calls.append(Call(what, this, self.step(), where, unheard, slots))

    def _slots(self, event: Value, frame: FrameType) -> frozenset[Slot]:
        """The attributes, and the variables of functions around it, through which this function
        could have named the event."""
        found = set()
        for holder in (*frame.f_locals.values(), frame.f_globals):
            items = holder if isinstance(holder, dict) else getattr(holder, "__dict__", {})
            for name, value in list(items.items()):
                if value is event:
                    self.kept.append(holder)
                    found.add((id(holder), str(name)))
        if any(frame.f_locals.get(name) is event for name in _shared(frame)):
            for cell in gc.get_referrers(event):
                if isinstance(cell, CellType):
                    self.kept.append(cell)
                    found.add((id(cell), CELL))
        return frozenset(found)

    def missed(self, place: Place, since: int) -> Call | None:
        """The wakeup that a task has missed which waits for ever at a place, since a step."""
        what = place.object
        if isinstance(what, trio.Event):
            mine = frozenset(slot for at in place.frames for slot in self._slots(what, at))
            return next(
                (call for call in reversed(self.calls) if call.slots & mine and call.step < since),
                None,
            )
        if not isinstance(what, trio.Condition | ParkingLot):
            return None
        mine_last = [call for call in self.calls if call.object is what]
        if not mine_last or not mine_last[-1].unheard:
            return None
        return mine_last[-1]


def _shared(frame: FrameType) -> tuple[str, ...]:
    """The variables that a function has together with those that it is in, or that are in it."""
    return (*frame.f_code.co_freevars, *frame.f_code.co_cellvars)


def _waiting(this: Value) -> int:
    if isinstance(this, ParkingLot):
        return len(this)
    return int(this.statistics().tasks_waiting)
