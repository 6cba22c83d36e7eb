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
"""

from __future__ import annotations

from typing import Any

from lockwright.core.operation import Operation


class Past:
    """The steps so far, by index.  Invariant: `log[n]` lists, in order, twice the index of each
    analysed step that touched location n, plus one if it wrote."""

    __slots__ = (
        "before_of",
        "log",
        "operation",
        "previous",
        "read",
        "tail",
        "task",
        "touched",
        "value",
        "write",
    )

    def __init__(self) -> None:
        self.task: list[int] = []
        self.touched: list[list[int]] = []
        self.read: list[int] = []
        self.write: list[int] = []
        self.value: list[Any] = []
        self.operation: list[Operation | None] = []
        self.previous: list[int] = []
        self.before_of: list[int] = []
        self.tail: list[int] = []
        self.log: list[list[int]] = []

    def record(
        self, task: int, touched: list[int], value: Any, operation: Operation | None
    ) -> tuple[int, int]:
        """Append a step; returns its footprint as bit masks (read, written).

        `value` is what the operation's location held before; `operation` is None unless the step
        could have been held up.
        """
        read = write = 0
        for code in touched:
            if code < 0:
                read |= 1 << ~code
            elif code & 1:
                write |= 1 << (code >> 1)
            else:
                read |= 1 << (code >> 1)
        tail = self.tail
        while task >= len(tail):
            tail.append(-1)
        self.previous.append(tail[task])
        tail[task] = len(self.task)
        self.task.append(task)
        self.touched.append(touched)
        self.read.append(read)
        self.write.append(write)
        self.value.append(value)
        self.operation.append(operation)
        return read, write

    def pop(self) -> tuple[int, int]:
        """Take the last step back; returns its footprint."""
        self.tail[self.task.pop()] = self.previous.pop()
        step = len(self.task)
        touched = self.touched.pop()
        if len(self.before_of) > step:
            self.before_of.pop()
            log = self.log
            for code in touched:
                entries = log[code >> 1 if code >= 0 else ~code]
                if entries and entries[-1] >> 1 == step:
                    entries.pop()
        self.value.pop()
        self.operation.pop()
        return self.read.pop(), self.write.pop()

    def analyse(self, step: int) -> list[int]:
        """Add a step to the clocks; returns the steps that it races with, latest first."""
        log = self.log
        previous = self.previous[step]
        before_of = self.before_of
        clock = before_of[previous] if previous >= 0 else 0
        touched = self.touched[step]
        operation = self.operation[step]
        candidates: list[int] = []
        races: list[int] = []
        waited = -1
        for code in touched:
            if code < 0:
                clock |= self._ordered(~code)
        if operation is not None and operation.loc.number >= 0:
            waited = operation.loc.number
            if waited < len(log):
                races = self._held_up(operation, clock)
        for code in touched:
            location = code >> 1 if code >= 0 else ~code
            while location >= len(log):
                log.append([])
            entries = log[location]
            if code >= 0:
                wrote = code & 1
                for at in range(len(entries) - 1, -1, -1):
                    entry = entries[at]
                    if wrote or entry & 1:
                        other = entry >> 1
                        if not clock >> other & 1:
                            if location == waited:
                                clock |= before_of[other]
                            else:
                                candidates.append(other)
                        if entry & 1 and other != step:
                            break
            else:
                wrote = 0
            if entries and entries[-1] >> 1 == step:
                entries[-1] |= wrote
            else:
                entries.append(2 * step + wrote)
        clock |= 1 << step
        if candidates:
            if len(candidates) > 1:
                candidates.sort(reverse=True)
            for other in candidates:
                if not clock >> other & 1:
                    races.append(other)
                    clock |= before_of[other]
        before_of.append(clock)
        return races

    def races_of_blocked(self, task: int, operation: Operation) -> list[int]:
        """The steps before which the announced operation of a blocked task could have gone."""
        if operation.loc.number < 0 or operation.loc.number >= len(self.log):
            return []
        tail = self.tail[task] if task < len(self.tail) else -1
        clock = self.before_of[tail] if tail >= 0 else 0
        for flag in operation.after:
            if not flag.value:
                return []
            clock |= self._ordered(flag.number)
        return self._held_up(operation, clock)

    def without(self, step: int) -> list[int]:
        """The later steps that do not happen after `step`: notdep(e, E)."""
        bit = 1 << step
        before_of = self.before_of
        return [at for at in range(step + 1, len(before_of)) if not before_of[at] & bit]

    def _ordered(self, location: int) -> int:
        """The clock of the step that set a one-way flag."""
        if location < len(self.log):
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
            if operation.ready(self.value[other]):
                found = True
                if not clock >> other & 1:
                    races.append(other)
                if entry & 1:
                    break
            elif found:
                break
        return races
