"""What synchronisation orders, and what races: the data-race check's own clocks.

The exploration's clocks (explore/clocks.py) order every conflict.  These do not: a task is ordered
after another one only where it has acquired what the other released (core/orders.py), directly or
through others.  Two conflicting accesses that are not ordered so, and are not both marked, are a
data race.

Source: the happens-before relation and its clocks: Flanagan and Freund, "FastTrack", PLDI 2009;
what a data race is: tools/memory-model/Documentation/explanation.txt, "Plain accesses and data
races"; the values that fences carry: C11, 7.17.4.

Words: an *entry* is one operation with the plain code after it, as the log of a run lists them.  A
*unit* is what is released as a whole: the operation's own accesses, or the plain code after it.
A task that is spawned in the middle of plain code cuts it into two units.  A clock is one integer:
bit u is set if unit u is ordered before, or is the one that asks.

Order of reading: `add` (one entry), `_acquire`, `_release` (what its operation means), `_plain`
(the code after it), `_access` (the check).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import NamedTuple

from lockwright.core.operation import Operation
from lockwright.core.orders import (
    EVERY,
    FENCE_AFTER,
    FENCE_BEFORE,
    PLAIN,
    READ_ACQUIRES,
    READ_RELEASES,
    SHARED,
    STORE,
    WRITE_ACQUIRES,
    WRITE_RELEASES,
)

OpStep = tuple[int, Operation, int, list[int]]
"""One entry of a log: the task's number, the operation, how many of the codes are its own, the
access codes (see `World.step`)."""

Ordered = Callable[[int, int], bool]
"""Is one log entry ordered before another in the exploration?"""

PLAIN_READ, PLAIN_WRITE, MARKED_READ, MARKED_WRITE = range(4)


class Race(NamedTuple):
    """Two accesses: the entry and the place in its codes of each, the location of both."""

    first: int
    first_at: int
    second: int
    second_at: int
    location: int


class _Released(NamedTuple):
    """Something that was released to a location.

    `clock` is what this entry released, `sum` that and what an acquire finds here besides, unless
    it `replaces` that.
    """

    entry: int
    clock: int
    sum: int
    replaces: bool


class Ordering:
    """The clocks of the log so far.

    `fields` names the locations that plain code can touch: only these can race.  With `ordered`
    given, a release orders only those acquires that the exploration orders after it.
    Invariant: all lists by entry have one length; `clocks[e]` is the clock of e's task after it,
    `fences[e]` what its last fence released, `pending[e]` what its next fence acquires.
    """

    def __init__(self, fields: Mapping[int, str]) -> None:
        self.fields = fields
        self.ordered: Ordered | None = None
        self.starts: Container[int] = ()
        self.tasks: list[int] = []
        self.codes: list[list[int]] = []
        self.clocks: list[int] = []
        self.fences: list[int] = []
        self.pending: list[int] = []
        self.previous: list[int] = []
        self.races: list[Race] = []
        self._tail: dict[int, int] = {}
        self._first_unit: list[int] = []
        self._units: list[tuple[int, int]] = []  # entry, and the place of the first code
        self._released: dict[int, list[_Released]] = {}
        self._shared: dict[int, list[_Released]] = {}
        self._accesses: dict[int, list[int]] = {}  # by location, the units, one mask a kind

    def __len__(self) -> int:
        return len(self.tasks)

    def truncate(self, length: int) -> None:
        """Take all entries from `length` on back."""
        if length >= len(self.tasks):
            return
        kept = (1 << self._first_unit[length]) - 1
        for entry in range(len(self.tasks) - 1, length - 1, -1):
            self._tail[self.tasks[entry]] = self.previous[entry]
            for code in self.codes[entry]:
                location = code >> 1
                for table in (self._released, self._shared):
                    releases = table.get(location)
                    while releases and releases[-1].entry >= length:
                        releases.pop()
                masks = self._accesses.get(location)
                if masks is not None:
                    masks[:] = [mask & kept for mask in masks]
        del self._units[self._first_unit[length] :]
        for by_entry in (
            self.tasks,
            self.clocks,
            self.fences,
            self.pending,
            self.previous,
            self._first_unit,
        ):
            del by_entry[length:]
        del self.codes[length:]
        while self.races and self.races[-1].second >= length:
            self.races.pop()

    def add(self, step: OpStep) -> None:
        """Add an entry to the clocks; `races` gets what it races with."""
        number, operation, marked, codes = step
        entry = len(self.tasks)
        previous = self._tail.get(number, -1)
        self._tail[number] = entry
        self.tasks.append(number)
        self.codes.append(codes)
        self.previous.append(previous)
        self._first_unit.append(len(self._units))
        clock, fence, pending = 0, 0, 0
        if previous >= 0:
            clock, fence = self.clocks[previous], self.fences[previous]
            pending = self.pending[previous]
        if codes and min(codes) < 0:
            for code in codes:
                if code < 0:
                    clock |= self._latest(self._released, ~code, entry)
        orders = operation.orders
        plain = 0  # how many of the operation's own accesses are plain
        if orders & PLAIN:
            plain = marked if orders == PLAIN else marked - 1
        own = codes[plain:marked]
        clock, pending = self._acquire(own, orders, clock, pending)
        unit = self._unit(entry, 0)
        for at in range(marked):
            self._access(unit, clock, at, marked=at >= plain)
        clock |= 1 << unit
        if orders & FENCE_BEFORE and _fences(own, orders):
            fence = clock
        self._release(own, orders, clock, fence)
        if marked < len(codes):
            clock = self._plain(entry, marked, clock)
        self.clocks.append(clock)
        self.fences.append(fence)
        self.pending.append(pending)

    def _acquire(self, own: list[int], orders: int, clock: int, pending: int) -> tuple[int, int]:
        """What the operation acquires, and what a later fence can acquire of what it has read."""
        entry = len(self.tasks) - 1
        main = _main(own)
        for code in own:
            location = code >> 1
            if code < 0 or (location != main and not orders & EVERY):
                continue
            acquires = orders & (WRITE_ACQUIRES if code & 1 else READ_ACQUIRES)
            if code & 1 and orders & STORE:
                continue
            found = self._latest(self._released, location, entry)
            if acquires and not orders & SHARED:
                found |= self._latest(self._shared, location, entry)
            if acquires:
                clock |= found
            elif not code & 1 or not orders & WRITE_RELEASES:  # an unlock, say, reads nothing
                pending |= found
        if orders & FENCE_AFTER and _fences(own, orders):
            clock |= pending
        return clock, pending

    def _release(self, own: list[int], orders: int, clock: int, fence: int) -> None:
        """What the operation releases, after its own accesses."""
        main = _main(own)
        replaces = bool(orders & STORE)
        table = self._shared if orders & SHARED else self._released
        for code in own:
            location = code >> 1
            if code < 0:
                continue
            if location != main and not orders & EVERY:
                if code & 1:
                    self._put(self._released, location, self._granted(main, orders, clock))
            elif orders & (WRITE_RELEASES if code & 1 else READ_RELEASES):
                self._put(table, location, clock, replaces=replaces)
            elif code & 1 and (fence or replaces):
                self._put(self._released, location, fence, replaces=replaces)

    def _granted(self, main: int, orders: int, clock: int) -> int:
        """What a flag releases.  The last reader of a lock lets a writer in, who is ordered after
        all readers."""
        if orders & SHARED:
            entry = len(self.tasks) - 1
            clock |= self._latest(self._released, main, entry)
            clock |= self._latest(self._shared, main, entry)
        return clock

    def _plain(self, entry: int, start: int, clock: int) -> int:
        """The plain code after an operation; gives the clock after it."""
        codes = self.codes[entry]
        unit = self._unit(entry, start)
        for at in range(start, len(codes)):
            code = codes[at]
            if code < 0:
                continue
            if code in self.starts:  # a task that is spawned, or ends
                clock |= 1 << unit
                self._put(self._released, code >> 1, clock)
                if at + 1 < len(codes):
                    unit = self._unit(entry, at + 1)
            else:
                self._access(unit, clock, at, marked=False)
        return clock | 1 << unit

    def _access(self, unit: int, clock: int, at: int, *, marked: bool) -> None:
        """Check the access at a place of the newest entry's codes, and remember it."""
        entry = len(self.tasks) - 1
        code = self.codes[entry][at]
        location = code >> 1
        if code < 0 or location not in self.fields:
            return
        masks = self._accesses.get(location)
        if masks is None:
            masks = self._accesses[location] = [0, 0, 0, 0]
        others = masks[PLAIN_WRITE] if marked else masks[PLAIN_WRITE] | masks[MARKED_WRITE]
        if code & 1:
            # a read of the same unit has raced with these already
            told = others if (masks[PLAIN_READ] | masks[MARKED_READ]) >> unit & 1 else 0
            others |= masks[PLAIN_READ] if marked else masks[PLAIN_READ] | masks[MARKED_READ]
            others &= ~told
            if not marked and location in self._released:
                self._put(self._released, location, 0, replaces=True)
        kind = (MARKED_READ if marked else PLAIN_READ) + (code & 1)
        others &= ~(clock | 1 << unit)
        if masks[kind] >> unit & 1:
            return
        masks[kind] |= 1 << unit
        while others:
            other = others.bit_length() - 1
            others ^= 1 << other
            wrote = (masks[PLAIN_WRITE] | masks[MARKED_WRITE]) >> other & 1
            first, place = self._place(other, location, write=bool(wrote))
            self.races.append(Race(first, place, entry, at, location))

    def _place(self, unit: int, location: int, *, write: bool) -> tuple[int, int]:
        """Where in the log a unit reads or writes a location."""
        entry, start = self._units[unit]
        return entry, self.codes[entry].index(2 * location + write, start)

    def _unit(self, entry: int, start: int) -> int:
        self._units.append((entry, start))
        return len(self._units) - 1

    def _put(
        self,
        table: dict[int, list[_Released]],
        location: int,
        clock: int,
        *,
        replaces: bool = False,
    ) -> None:
        releases = table.setdefault(location, [])
        if replaces and not clock and not releases:
            return  # nothing that could be replaced
        before = releases[-1].sum if releases and not replaces else 0
        releases.append(_Released(len(self.tasks) - 1, clock, clock | before, replaces))

    def _latest(self, table: dict[int, list[_Released]], location: int, entry: int) -> int:
        """What an acquire of a location finds there."""
        releases = table.get(location)
        if not releases:
            return 0
        if self.ordered is None:
            return releases[-1].sum
        clock = 0
        for release in reversed(releases):
            if release.clock & ~clock and self.ordered(release.entry, entry):
                clock |= release.clock
            if release.replaces:
                break
        return clock


def _main(own: list[int]) -> int:
    """The location of the first access of an operation; -1 if there is none."""
    for code in own:
        if code >= 0:
            return code >> 1
    return -1


def _fences(own: list[int], orders: int) -> bool:
    """Is it a fence?  A read-modify-write that has failed is none."""
    return not orders & WRITE_ACQUIRES or any(code >= 0 and code & 1 for code in own)
