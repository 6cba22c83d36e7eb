"""The past of an execution: what happened before what, and which steps race.

Happens-before is kept as one integer a step: bit j of `before_of[i]` is set if step j happens
before step i, or is i.  Joining two clocks is an `or`, asking is an `and`.

A race (j, i) is a pair of dependent steps of different tasks with nothing between them in
happens-before (JACM 64(4), 2017, definition 3.3, "reversible race").  What can be held up needs
care: a release and the acquire that it lets in are ordered but cannot be swapped.  Since all
steps that can change what a blocking step waits for are ordered among themselves, the state of
its location before step j is also its state after everything that does not depend on j.  So the
step i races with the last j before which it could have gone on, if its own task was not already
behind j.

The offer of an interrupt that comes once (`core/interrupt.py`) needs the same care: where the
interrupt had come already, the offer had no outcome but "not now", and touched nothing; it could
have been taken before the step that took the interrupt.  `missed` lists these pairs.

Order of reading: `record` and `truncate` keep the steps; `analyse` adds a step to the clocks, with
`_enter` (one access) and `_held_up` (the location of a blocking step) as its parts.
"""

from __future__ import annotations

from collections import defaultdict

from lockwright.core.location import Value
from lockwright.core.operation import Operation

Announced = tuple[Operation | None, Value, int]
"""The operation if it can be held up or its footprint can change, else None; what its location
held before the step, or by number if it is a section; the location's number."""


class Past:
    """The steps so far, by index.

    Invariant: `log[n]` lists, in order, twice the index of each analysed step that touched
    location n, plus one if it wrote; `tail[t]` is the last step of task t.  `plain[i]` is the mask
    of the locations that the plain code of step i touched.
    """

    __slots__ = (
        "announced",
        "before_of",
        "log",
        "missed",
        "plain",
        "previous",
        "read",
        "tail",
        "task",
        "touched",
        "write",
    )

    def __init__(self) -> None:
        self.task: list[int] = []
        self.touched: list[list[int]] = []
        self.plain: list[int] = []
        self.read: list[int] = []
        self.write: list[int] = []
        self.announced: list[Announced] = []
        self.previous: list[int] = []
        self.before_of: list[int] = []
        self.missed: list[tuple[int, int]] = []
        self.tail: dict[int, int] = {}
        self.log: defaultdict[int, list[int]] = defaultdict(list)

    def record(
        self, task: int, touched: list[int], marked: int, announced: Announced
    ) -> tuple[int, int]:
        """Append a step; returns its footprint as bit masks (read, written).

        The first `marked` codes are the operation's own.
        """
        read, write = masks(touched)
        tail = self.tail
        self.previous.append(tail.get(task, -1))
        tail[task] = len(self.task)
        self.task.append(task)
        self.touched.append(touched)
        self.plain.append(_mask(touched[marked:]) if marked < len(touched) else 0)
        self.read.append(read)
        self.write.append(write)
        self.announced.append(announced)
        return read, write

    def truncate(self, length: int) -> None:
        """Take all steps from `length` on back."""
        task, touched, previous = self.task, self.touched, self.previous
        tail, log = self.tail, self.log
        for step in range(len(task) - 1, length - 1, -1):
            tail[task[step]] = previous[step]
            for code in touched[step]:
                entries = log[code >> 1 if code >= 0 else ~code]
                if entries and entries[-1] >> 1 == step:
                    entries.pop()
        for steps in (task, touched, previous, self.plain, self.read, self.write):
            del steps[length:]
        del self.announced[length:]
        del self.before_of[length:]

    def analyse(self, step: int) -> list[int]:
        """Add a step to the clocks; returns the steps that it races with."""
        before_of = self.before_of
        previous = self.previous[step]
        clock = before_of[previous] if previous >= 0 else 0
        touched = self.touched[step]
        operation, _, location = self.announced[step]
        candidates: list[int] = []
        races: list[int] = []
        if touched and min(touched) < 0:
            for code in touched:
                if code < 0:
                    clock |= self._ordered(~code)
        if operation is not None and operation.blocking and location >= 0 and touched:
            races = self._held_up(operation, clock)
            self._enter(step, touched[0], candidates)
            # ordered after all of these, and _held_up has said which can be swapped
            for other in candidates:
                clock |= before_of[other]
            candidates.clear()
            touched = touched[1:]
        for code in touched:
            self._enter(step, code, candidates)
        if operation is not None and operation.arrives:
            self._miss(step, clock)
        clock |= 1 << step
        if len(candidates) > 1:
            candidates.sort(reverse=True)
        for other in candidates:
            if not clock >> other & 1:
                races.append(other)
                clock |= before_of[other]
        before_of.append(clock)
        return races

    def races_of_blocked(self, task: int, done: int, operation: Operation) -> list[int]:
        """The steps before which the announced operation of a blocked task could have gone.

        `done` is the location that its making wrote: what has not run yet comes after that too.
        """
        if operation.loc.number < 0:
            return []
        tail = self.tail.get(task, -1)
        clock = self.before_of[tail] if tail >= 0 else self._ordered(done)
        for flag in operation.after:
            if not flag.value:
                return []
            clock |= self._ordered(flag.number)
        return self._held_up(operation, clock)

    def before(self, first: int, second: int, changed: int) -> tuple[int, int, bool]:
        """The footprint that step `second` would have just before step `first`, and is that sure?

        What may fail reads its location where it would fail, and writes it where it would not;
        `first` tells what the location held then, if it touched it.  `changed` is the mask of what
        is written by `first` and by what happens after it: a step that touches nothing of that
        does the same as it did, and of the others only a stable operation's own part is sure.
        """
        read, write = self.read[second], self.write[second]
        if not (read | write) & changed:
            return read, write, True
        operation, _, number = self.announced[second]
        own = self._own(second)
        if operation is None:
            return own
        if not operation.stable:
            return (*self._certain(second, changed), False)
        if operation.conditional and (self.read[first] | self.write[first]) >> max(number, 0) & 1:
            bit = 1 << number
            if not self._knows(first, number):
                return bit, 0, False
            if operation.writes_at(self._held(number, first)):
                return own if write & bit else (0, bit, False)
            return (bit, 0, False) if write & bit else own
        return own

    def _own(self, step: int) -> tuple[int, int, bool]:
        """What a step touches by its operation, and whether that is all: the plain code after it
        may do something else elsewhere."""
        plain = self.plain[step]
        return self.read[step] & ~plain, self.write[step] & ~plain, not plain

    def _certain(self, step: int, changed: int) -> tuple[int, int]:
        """What a section touches in any case: all up to the first location that may hold another
        value than it did, and reads that one.  Of another operation nothing is certain."""
        read = write = 0
        operation = self.announced[step][0]
        for code in self.touched[step] if operation is not None and operation.fused else ():
            bit = 1 << (code >> 1 if code >= 0 else ~code)
            if bit & changed:
                return read | bit, write
            if code > 0 and code & 1:
                write |= bit
            else:
                read |= bit
        return read, write

    def _knows(self, step: int, location: int) -> bool:
        operation, value, where = self.announced[step]
        if operation is not None and operation.fused:
            return location in value
        return where == location

    def _held(self, location: int, step: int) -> Value:
        """What a location held before a step that touched it."""
        operation, value, _ = self.announced[step]
        return value[location] if operation is not None and operation.fused else value

    def _enter(self, step: int, code: int, found: list[int]) -> None:
        """Note an access in its location's log; collect the steps that it conflicts with, back to
        the last write.  What is only ordered conflicts with nothing."""
        if code < 0:
            entries, wrote = self.log[~code], 0
        else:
            entries, wrote = self.log[code >> 1], code & 1
            for entry in reversed(entries):
                if wrote or entry & 1:
                    other = entry >> 1
                    if other != step:
                        found.append(other)
                        if entry & 1:
                            break
        if entries and entries[-1] >> 1 == step:
            entries[-1] |= wrote
        else:
            entries.append(2 * step + wrote)

    def _miss(self, step: int, clock: int) -> None:
        """Note who had taken the interrupt that a step was offered in vain."""
        operation, value, location = self.announced[step]
        if operation is None or operation.ready(value):
            return
        for entry in reversed(self.log[location]):
            if entry & 1:
                if not clock >> (entry >> 1) & 1:
                    self.missed.append((entry >> 1, step))
                return

    def _ordered(self, location: int) -> int:
        """The clock of the step that set a one-way flag."""
        for entry in reversed(self.log[location]):
            if entry & 1:
                return self.before_of[entry >> 1]
        return 0

    def _held_up(self, operation: Operation, clock: int) -> list[int]:
        """The last step of others before which the operation's location let it go on.

        Reads of one and the same state each count; the write before them is hidden by them.
        """
        races: list[int] = []
        found = False
        for entry in reversed(self.log[operation.loc.number]):
            if not (entry & 1 or operation.writes):
                continue
            other = entry >> 1
            if operation.ready(self._held(operation.loc.number, other)):
                found = True
                if not clock >> other & 1:
                    races.append(other)
                if entry & 1:
                    break
            elif found:
                break
        return races


def _mask(codes: list[int]) -> int:
    mask = 0
    for code in codes:
        mask |= 1 << (code >> 1 if code >= 0 else ~code)
    return mask


def masks(touched: list[int]) -> tuple[int, int]:
    """Access codes as bit masks; what only orders counts as read."""
    read = write = 0
    for code in touched:
        if code < 0:
            read |= 1 << ~code
        elif code & 1:
            write |= 1 << (code >> 1)
        else:
            read |= 1 << (code >> 1)
    return read, write
