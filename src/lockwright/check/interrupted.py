"""Data races on one CPU: what a handler does on top of plain code that it may have cut in two.

A handler runs in the task that it interrupts, so that nothing of it is ever unordered to that
task's code (`ordering.py`).  But the machine lets interrupts come before operations only, and an
interrupt may as well come between two plain accesses.  If one comes right after plain code, its
interrupts were on there all along, as nothing but an operation switches them.  So every access of
the handler could have been made in the middle of that code: with a conflicting plain access there,
it is a data race.  An interrupted access that is marked is done or not begun, and races with
nothing; what the handler's own access is does not matter.

What is looked at is the code just before the handler, seen through interrupts that did not come
and others that came at the same point, and all that a handler on top of a handler has beneath it.

Source: kernel/kcsan/core.c, whose watchpoints stay set while interrupts are on
(CONFIG_KCSAN_INTERRUPT_WATCHER); Documentation/dev-tools/kcsan.rst.
"""

from __future__ import annotations

from typing import NamedTuple

from lockwright.check.ordering import OpStep, Ordering, Race
from lockwright.check.witness import is_marked
from lockwright.core.line import Arrival, Return, Suspended
from lockwright.core.orders import PLAIN, READ_ACQUIRES, WRITE_RELEASES
from lockwright.core.raised import Look

OFFERS = (Arrival, Look, Suspended)
"""What a task does about interrupts between its operations."""


class Point(NamedTuple):
    """Code that a handler has interrupted: an entry of the log, and its first code that counts.

    `line` names the handler's line.
    """

    entry: int
    start: int
    line: str


class Interrupted:
    """Follows a log beside its clocks, and finds the races of handlers with what is beneath them.

    Invariant: `here[e]` is the entry whose code a handler would interrupt after entry e, below 0
    if there is none yet; `beneath[e]` is what the handlers that run on e's task then have
    interrupted, innermost first.
    """

    def __init__(self, ordering: Ordering) -> None:
        self.ordering = ordering
        self.here: list[int] = []
        self.beneath: list[tuple[Point, ...]] = []
        self.steps: list[OpStep] = []
        self.races: list[Race] = []

    def truncate(self, length: int) -> None:
        """Take all entries from `length` on back."""
        del self.here[length:], self.beneath[length:], self.steps[length:]
        while self.races and self.races[-1].second >= length:
            self.races.pop()

    def add(self, step: OpStep) -> None:
        """Look at an entry that the clocks have just got."""
        operation = step[1]
        entry = len(self.steps)
        self.steps.append(step)
        previous = self.ordering.previous[entry]
        here, beneath = (
            (self.here[previous], self.beneath[previous]) if previous >= 0 else (previous, ())
        )
        if isinstance(operation, Return):
            here, beneath = beneath[0].entry, beneath[1:]
        elif isinstance(operation, Arrival) and operation.taken is not None:
            here, beneath = entry, (self._code(here, operation.taken.name), *beneath)
        elif not isinstance(operation, OFFERS):
            here = entry
        if beneath:
            for point in beneath:
                self._compare(point, entry)
            beneath = tuple(self._acquired(point, step) for point in beneath)
        self.here.append(here)
        self.beneath.append(beneath)

    def handler(self, entry: int) -> str:
        """Which handler an entry belongs to, as ` in eth0`; empty if to none."""
        beneath = self.beneath[entry]
        return f" in {beneath[0].line}" if beneath else ""

    def _code(self, entry: int, line: str) -> Point:
        """What is interrupted after an entry: plain code, and what its operation does plainly."""
        if entry < 0:
            return Point(entry, 0, line)
        _, operation, marked, _ = self.steps[entry]
        return Point(entry, 0 if operation.orders & PLAIN else marked, line)

    def _compare(self, point: Point, entry: int) -> None:
        """Find what a handler's newest entry races with in the code that it interrupted."""
        reads, writes = self._plain(point)
        if not reads and not writes:
            return
        _, _, marked, codes = self.steps[entry]
        for places in (range(marked), range(marked, len(codes))):
            told: list[int] = []
            for at in places:
                code = codes[at]
                location = code >> 1
                place = writes.get(location, reads.get(location) if code & 1 else None)
                if place is not None and location not in told:
                    told.append(location)
                    self.races.append(Race(point.entry, place, entry, at, location))

    def _plain(self, point: Point) -> tuple[dict[int, int], dict[int, int]]:
        """Where code reads and where it writes the places that can race, by location."""
        reads: dict[int, int] = {}
        writes: dict[int, int] = {}
        if point.entry < 0:
            return reads, writes
        _, operation, marked, codes = self.steps[point.entry]
        for at in range(point.start, len(codes)):
            code = codes[at]
            plain = code >= 0 and not is_marked(operation.orders, marked, at)
            if plain and code >> 1 in self.ordering.fields:
                (writes if code & 1 else reads).setdefault(code >> 1, at)
        return reads, writes

    def _acquired(self, point: Point, step: OpStep) -> Point:
        """What is left of the interrupted code when a handler has seen what that published, as
        list_add_rcu() does: this it can see only when all before it is done."""
        if point.entry < 0:
            return point
        _, operation, marked, published = self.steps[point.entry]
        _, reader, own, codes = step
        if not (operation.orders & WRITE_RELEASES and reader.orders & READ_ACQUIRES):
            return point
        seen = point.start < marked and published[marked - 1] & ~1 in codes[:own]
        return point._replace(start=marked) if seen else point
