"""What a trace.dat needs that a model has not: addresses of functions, locks, objects and strings,
and a pid for each task."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockwright.core.event import Event
from lockwright.core.timeline import Lane, Lock
from lockwright.report.lockgraph.graph import plain

CODE, STRINGS = 0xFFFFFFFF81000000, 0xFFFFFFFF82000000
LOCKS, OBJECTS = 0xFFFF888180000000, 0xFFFF888200000000
"""Locks without an address are above those of a model that have one."""
ADDRESS_MAX = 2**64
APART = 0x10000
"""A function has this much room: what it counts in is the model's lines."""
PID_FIRST = 840
"""The pid of the first task, where none is told: as the model's tasks are numbered."""
PID_MAX = 32768
UNKNOWN = "lockwright"
"""The function of what happens in none."""


def ascii_of(text: str) -> str:
    """A text as a trace.dat has it."""
    return plain(text).encode("ascii", "backslashreplace").decode()


@dataclass(slots=True)
class Memory:
    """Addresses, given out in order of first use."""

    functions: dict[str, int] = field(default_factory=dict)
    strings: dict[str, int] = field(default_factory=dict)

    def code(self, function: str, offset: int = 0) -> int:
        """An address in a function."""
        name = re.sub(r"[^A-Za-z0-9_.]", "_", ascii_of(function)[:200]) or UNKNOWN
        at = self.functions.setdefault(name, CODE + APART * len(self.functions))
        return at + offset % APART

    def string(self, text: str) -> int:
        """The address of a string that an event points to."""
        name = ascii_of(text).replace('"', "'").replace("\\", "/")[:200]
        return self.strings.setdefault(name, STRINGS + APART * len(self.strings))

    def symbols(self) -> str:
        """The functions, as /proc/kallsyms lists them."""
        # a reader takes the last symbol for the end of all
        end = CODE + APART * len(self.functions)
        known = {**self.functions, "_end": end}
        return "".join(f"{at:016x} t {name}\n" for name, at in known.items())

    def printk(self) -> str:
        """The strings, as the tracer's printk_formats lists them."""
        return "".join(f'{at:#x} : "{text}"\n' for text, at in self.strings.items())


def lock_at(number: int, lock: Lock) -> int:
    """The address of a lock: the one that the validator prints, or one of its own."""
    return lock.address if 0 < lock.address < ADDRESS_MAX else LOCKS + 0x100 * number


def object_at(number: int) -> int:
    """The address of an object."""
    return OBJECTS + 0x1000 * number


def pids_of(lanes: Sequence[Lane], events: Sequence[Event], extra: Sequence[int]) -> dict[int, int]:
    """A pid for each task: the model's, unless it is an idle task's, or another task has it.

    `extra` are tasks that only others name.
    """
    wanted: Mapping[int, int] = {lane.task: lane.pid for lane in lanes}
    tasks = sorted({*wanted, *(event.task for event in events), *extra})
    taken = {pid for pid in wanted.values() if pid > 0}
    free = iter(range(max([PID_FIRST - 1, *(pid for pid in taken if pid < PID_MAX)]) + 1, 2**31))
    pids: dict[int, int] = {}
    given: set[int] = set()
    for task in tasks:
        pid = wanted.get(task, 0)
        pids[task] = pid if 0 < pid < 2**31 and pid not in given else next(free)
        given.add(pids[task])
    return pids
