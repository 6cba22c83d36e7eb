"""Values as a drawing prints them: short, and objects by their names."""

from __future__ import annotations

from enum import Enum

from lockwright.core.errors import KernelOops
from lockwright.core.location import Location, Value
from lockwright.core.task import Task
from lockwright.kernel.completion import ALL, Completion
from lockwright.kernel.condvar import CondVar
from lockwright.kernel.llist import LList
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.percpu_ref import PercpuRef
from lockwright.kernel.rculist import Link, ListHead
from lockwright.kernel.refcount import DEAD, SATURATED, Count
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.seqlock import SeqCount
from lockwright.kernel.slab import Slab
from lockwright.kernel.variable import Variable
from lockwright.kernel.waitqueue import WaitQueue

LONGEST = 120
NULL = "NULL"
NESTED = 3
"""What lies deeper than this in lists of lists is left out."""
OURS = "lockwright."
TOLD = (
    *(Variable, Count, Completion, CondVar, ListHead, LList, Mailbox, PercpuRef, Semaphore),
    *(SeqCount, WaitQueue),
)
"""Locations of the machine that mean something to who looks at a model; of flags that tell a waiter
of a grant, of lives and of interrupts the events say more."""


class Labels:
    """What objects and variables are called: by their own names, and the second of a name `#2`.

    Invariant: `of[number]` is there for all that were asked for, by the number of the location or
    of the object's life; what has a name keeps it.
    """

    def __init__(self) -> None:
        self.of: dict[int, str] = {}
        self.used: dict[str, int] = {}

    def label(self, number: int, name: str) -> str:
        """The name of a thing; `name` is what it would be called if it were alone."""
        known = self.of.get(number)
        if known is None:
            known = self.of[number] = numbered(self.used, name)
        return known

    def object(self, obj: Slab) -> str:
        """Kind and name of an object, as events say it."""
        return self.label(obj.life.number, plainly(obj))

    def text(self, value: Value) -> str:
        """A value in one line of at most `LONGEST` characters."""
        said = self._text(value, 0)
        return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"

    def _text(self, value: Value, deep: int) -> str:
        if value is None:
            return NULL
        if isinstance(value, Enum):
            return str(value.name)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float | bytes):
            return repr(value)
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, tuple | list | dict | set | frozenset):
            return self._together(value, deep)
        if isinstance(value, Slab):
            return self.object(value)
        return _other(value)

    def _together(self, value: Value, deep: int) -> str:
        """What holds others."""
        if deep >= NESTED:
            return "…"
        if isinstance(value, dict):
            texts = [
                f"{self._text(key, deep + 1)}: {self._text(each, deep + 1)}"
                for key, each in value.items()
            ]
            return f"{{{', '.join(texts)}}}"
        texts = [self._text(each, deep + 1) for each in value]
        if isinstance(value, set | frozenset):
            return f"{{{', '.join(sorted(texts))}}}"
        return f"({', '.join(texts)})" if isinstance(value, tuple) else f"[{', '.join(texts)}]"


def numbered(used: dict[str, int], name: str) -> str:
    """The name, or the name with a number if it was used before."""
    count = used[name] = used.get(name, 0) + 1
    return name if count == 1 else f"{name}#{count}"


def plainly(obj: Slab) -> str:
    """An object's kind and name, as `Slab.describe` says it where no class says it otherwise."""
    return f"{obj.cache or type(obj).__name__} {obj.name}".rstrip()


def told_of(location: Location) -> bool:
    """Does the value of a location mean something to who looks at a model?  All that a model makes
    itself does, but for locks, of which it says more who holds them."""
    if isinstance(location, TOLD):
        return True
    return not isinstance(location, Lock) and not type(location).__module__.startswith(OURS)


def content(location: Location) -> Value:
    """What a location says of itself."""
    value = location.value
    if isinstance(location, WaitQueue):
        return [_Said(entry.task.comm) for entry in location.sleepers]
    if isinstance(location, CondVar):
        return [_Said(flag.name) for flag in location.waiters]
    if isinstance(location, Mailbox):
        return location.waiting()
    if isinstance(location, PercpuRef):
        return sum(location.counts) + (not location.value)
    if isinstance(location, ListHead | LList):
        return list(value)
    if isinstance(location, Link) and not isinstance(value, Slab):
        return _Said(value or "end of the list")
    if isinstance(location, Completion) and value >= ALL:
        return _Said("all")
    if isinstance(location, Count) and value in (DEAD, SATURATED):
        return _Said("dead" if value == DEAD else "saturated")
    return value


class _Said:
    """A value that says itself."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def describe(self) -> str:
        """The text."""
        return self.text


def _other(value: Value) -> str:
    """What the model or the machine has made."""
    if isinstance(value, Task):
        return value.comm
    describe = getattr(value, "describe", None)
    if callable(describe):
        try:
            return str(describe())
        except KernelOops:  # it reads what was freed
            return type(value).__name__
    if isinstance(value, Location):
        return value.name
    name: str = getattr(value, "__name__", "") or type(value).__name__
    return name
