"""What the users of an object called, and what they got: the history that linearizability is about.

A call lasts from its invocation to its response.  Which calls were over before which others began
is all that counts of time.  The invocation is noted when the call's first operation runs, and the
response at once when the call returns: every order of calls that can be observed can be so too.

For an explorer both are accesses.  Each task has a place of its own: a response writes it, and an
invocation reads those of all other tasks.  So the order of a response and of another task's
invocation counts, and that of two responses, or of two invocations, does not.

Source: Herlihy, Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (TOPLAS
12(3), 1990), section 2, for histories; the operations of a call that touches nothing that others
see can be put right before its first operation, as `explore/sections.py` says of plain accesses.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lockwright.core.buffering import IGNORES
from lockwright.core.event import value_text
from lockwright.core.location import Location, Value
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

_ATOMS = (bool, int, str, bytes, float, Enum)


class Thing(NamedTuple):
    """An object of the model that a call gave; the things of a history count from 0."""

    number: int

    def describe(self) -> str:
        return f"object {self.number}"


class Made(NamedTuple):
    """What a reference gives where the model gives an object.

    `key` is the reference's own name for it, as an inode number is: calls that the object is
    handed to get the key in its place.
    """

    key: Hashable

    def describe(self) -> str:
        return f"object {text_of(self.key)} of the reference"


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of a history.

    `invoked` and `returned` are moments, of which only the order counts; `returned` is None for a
    call that is pending: it may have taken effect or not.  A task number below 0 is nobody's.
    """

    task: int
    call: str
    arguments: tuple[Value, ...]
    invoked: int
    returned: int | None
    result: Value = None
    comm: str = ""

    def __str__(self) -> str:
        return call_text(self.call, self.arguments)

    @property
    def who(self) -> str:
        """The task, for people."""
        return self.comm or f"task {self.task}"


class Reference(Protocol):
    """What an object does when nobody else is about.  States are immutable.

    `partition(call, arguments)`, if there is one, gives what part of the object a call is about,
    a key of a table say; calls that are about different parts must not affect each other.  None is
    for a call that is about several.  `order(history)`, if there is one, gives pairs of places in
    the history: the first call takes effect before the second in every order that explains it
    (`check/linearorder.py`).
    """

    def initial(self) -> Hashable:
        """The state before the first call."""
        ...

    def apply(
        self, state: Value, call: str, arguments: tuple[Value, ...]
    ) -> Iterable[tuple[Value, Hashable]]:
        """What a call can give in a state, each with the state after it."""
        ...


def call_text(call: str, arguments: Sequence[Value]) -> str:
    """A call as it would be written."""
    return f"{call}({', '.join(map(text_of, arguments))})"


def text_of(value: Value) -> str:
    """A result or an argument for people."""
    if isinstance(value, Thing | Made):
        return value.describe()
    if isinstance(value, tuple):
        return f"({', '.join(map(text_of, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(text_of, value)))}}}"
    return "nothing" if value is None else value_text(value) or repr(value)


def plain(value: Value) -> Value:
    """What counts of a value when results are compared: lists are tuples, sets are frozen, and a
    dictionary is the set of its pairs.  What has no value of its own is given back as it is."""
    if isinstance(value, tuple | list):
        if isinstance(value, Thing | Made):
            return value
        return tuple(plain(item) for item in value)
    if isinstance(value, set | frozenset):
        return frozenset(plain(item) for item in value)
    if isinstance(value, dict):
        return frozenset((plain(key), plain(held)) for key, held in value.items())
    return value


def _has_value(value: Value) -> bool:
    """Do equal ones stand for each other, whoever made them?"""
    if value is None or isinstance(value, _ATOMS):
        return True
    kind: Value = type(value)
    return kind.__eq__ is not object.__eq__ and kind.__hash__ is not None


class Moment(Operation):
    """A call that has no operation of its own: it happens here."""

    __slots__ = ("text",)

    kind = "call"
    orders = RELAXED
    buffering = IGNORES

    def __init__(self, text: str) -> None:
        self.text = text

    def run(self, task: Task, touched: list[int]) -> None:
        """The history listens."""

    def describe(self) -> str:
        return self.text


class _Call:
    """One call while the execution goes on; `step` is that in which it returned."""

    __slots__ = ("arguments", "comm", "invoked", "name", "result", "returned", "step", "task")

    def __init__(self, task: int, name: str, arguments: tuple[Value, ...]) -> None:
        self.task = task
        self.comm = ""
        self.name = name
        self.arguments = arguments
        self.invoked: int | None = None
        self.returned: int | None = None
        self.result: Value = None
        self.step = 0

    def entry(self, moment: int, last: int | None) -> Entry:
        """As it is now; what came after the step `last` does not count."""
        invoked = moment if self.invoked is None else self.invoked
        known = self.returned is not None and (last is None or self.step <= last)
        returned, result = (self.returned, self.result) if known else (None, None)
        return Entry(self.task, self.name, self.arguments, invoked, returned, result, self.comm)


class History:
    """Writes down the calls of one execution; `world.history`, where a reference is given.

    `owners[n]` is the task that the program's call number n belongs to, below 0 for nobody.
    Invariant: `calls` has the calls that were announced; `announced[n]` is the one that the task
    with index n has not begun yet.
    """

    __slots__ = (
        *("announced", "calls", "moments", "owners", "places", "reference", "things", "world"),
    )

    def __init__(self, world: World, reference: Reference, owners: tuple[int, ...]) -> None:
        self.world = world
        self.reference = reference
        self.owners = owners
        self.moments = 0
        self.calls: dict[int, _Call] = {}
        self.announced: dict[int, _Call] = {}
        self.things: list[Value] = []
        tasks = max(owners, default=-1) + 1
        self.places = [Location(world, None, f"responses of task {n}") for n in range(tasks)]
        world.history = self
        world.on_step = (*world.on_step, self._stepped)

    def happened(self, nth: int, name: str, arguments: Sequence[Value], result: Value) -> None:
        """A call was made before the tasks began, with nobody else about."""
        call = self._new(nth, name, arguments)
        call.invoked = self._moment()
        call.returned = self._moment()
        call.result = self._value(result)

    def announce(self, nth: int, name: str, arguments: Sequence[Value]) -> str:
        """The running task is about to make the program's call number `nth`; gives it as text."""
        call = self._new(nth, name, arguments)
        task = self.world.creator
        call.comm = task.comm  # type: ignore[attr-defined]  # a task
        self.announced[task.index] = call  # type: ignore[attr-defined]  # the same
        return call_text(name, call.arguments)

    def idle(self, nth: int) -> bool:
        """Has the call number `nth` had no operation of its own so far?"""
        return self.calls[nth].invoked is None

    def returns(self, nth: int, result: Value) -> None:
        """The call number `nth` is over."""
        call, world = self.calls[nth], self.world
        call.returned = self._moment()
        call.result = self._value(result)
        call.step = world.steps
        world.acc.append(self.places[call.task].writing)

    def entries(self) -> list[Entry]:
        """The history so far; after an oops, what it was then: what follows is a consequence."""
        last = next((found.step for found in self.world.findings if found.fatal), None)
        return [call.entry(self.moments, last) for call in self.calls.values()]

    def _new(self, nth: int, name: str, arguments: Sequence[Value]) -> _Call:
        told = tuple(self._value(argument) for argument in arguments)
        call = self.calls[nth] = _Call(self.owners[nth], name, told)
        return call

    def _moment(self) -> int:
        self.moments += 1
        return self.moments - 1

    def _value(self, value: Value) -> Value:
        """A value that says the same in every execution: objects become things."""
        if isinstance(value, tuple | list):
            return tuple(self._value(item) for item in value)
        value = plain(value)
        if isinstance(value, frozenset) or _has_value(value):
            return value
        for number, thing in enumerate(self.things):
            if thing is value:
                return Thing(number)
        self.things.append(value)
        return Thing(len(self.things) - 1)

    def _stepped(self, task: Task, operation: Operation, result: Value) -> None:
        """A task has run an operation: with the first one of a call, that is invoked."""
        call = self.announced.pop(task.index, None)
        if call is None:
            return
        call.invoked = self._moment()
        acc = self.world.acc
        for number, place in enumerate(self.places):
            if number != call.task:
                acc.append(place.reading)
