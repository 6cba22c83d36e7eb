"""What a drawing of an interleaving needs beside its events: who held, waited and lived, and when.

Moments are steps: what begins at step k does so in the step k, and holds from then on; -1 is before
the first step.  What ends at -1 has not ended when the execution was left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from lockwright.core.location import Value

NEVER = -1


class Place(NamedTuple):
    """Where a function of the model stands: its source file as seen from the project's directory
    (with slashes; its whole name if it is not below that), its first line, how many lines it has,
    and the line that runs."""

    function: str
    path: str
    first: int
    size: int
    line: int


class Lane(NamedTuple):
    """A task: its index as in events, what it is called, the context that it was made in, and the
    step that made it."""

    task: int
    comm: str
    pid: int
    context: str
    begin: int


class Lock(NamedTuple):
    """A lock that somebody held or waited for: its own name, its class, what it is, by the
    primitive: mutex, rwsem, spinlock, srcu, rcu, work, and its address as the validator prints it,
    0 if it has none or nobody has told it."""

    name: str
    lock_class: str
    kind: str
    address: int = 0


class Hold(NamedTuple):
    """A task holds a lock (by its place in `Timeline.locks`) from `begin` to `end`.

    `how` is "exclusive", "shared" or "recursive"; what is downgraded is two holds.
    """

    task: int
    lock: int
    how: str
    begin: int
    end: int


class Wait(NamedTuple):
    """A task cannot go on after step `begin`, until it does in step `end`.

    Who has not begun does not wait, whatever its first step will be, unless that is for a grace
    period to end, as a callback's is, or the task never begins: then it waits from when it could
    not, for the last time.

    `text` is the operation, `lock` the lock it waits for or -1.  `on` are the tasks that it waits
    for at the beginning, as far as that can be told: holders, readers, the task that is joined.
    `woken` is the step after which it could go on, -1 if none.
    """

    task: int
    text: str
    lock: int
    on: tuple[int, ...]
    begin: int
    woken: int
    end: int


class GracePeriod(NamedTuple):
    """A grace period of a domain (`eventfs_srcu`) for a task, `text` says what for; `readers` are
    the tasks whose sections it waits for."""

    domain: str
    task: int
    text: str
    readers: tuple[int, ...]
    begin: int
    end: int


class Thing(NamedTuple):
    """An object, or a variable that stands for itself: its kind (the cache's name, or empty), its
    name, its life; `by` says who freed it, and `fields` are the names of what is told of it."""

    kind: str
    name: str
    born: int
    freed: int
    by: str
    fields: tuple[str, ...]


class Change(NamedTuple):
    """After the step, a field (by its place in `Thing.fields`) of a thing has this value.  Those of
    step -1, or of the step in which the thing is born, are its first values."""

    step: int
    thing: int
    field: int
    value: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of it for one execution.

    `places[chains[n][m]]` is where the m-th frame, innermost first, of the n-th event of step 0 or
    later stands.  Things are those that some step touched.
    """

    places: tuple[Place, ...] = ()
    chains: tuple[tuple[int, ...], ...] = ()
    lanes: tuple[Lane, ...] = ()
    locks: tuple[Lock, ...] = ()
    holds: tuple[Hold, ...] = ()
    waits: tuple[Wait, ...] = ()
    grace_periods: tuple[GracePeriod, ...] = ()
    things: tuple[Thing, ...] = ()
    changes: tuple[Change, ...] = field(default=())

    def as_json(self) -> dict[str, Value]:
        """The stable JSON form: each record is an array of its fields, in order."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Value) -> Timeline:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError."""
        return cls(
            places=tuple(Place(*each) for each in data["places"]),
            chains=tuple(tuple(each) for each in data["chains"]),
            lanes=tuple(Lane(*each) for each in data["lanes"]),
            locks=tuple(Lock(*each) for each in data["locks"]),
            holds=tuple(Hold(*each) for each in data["holds"]),
            waits=tuple(_wait(*each) for each in data["waits"]),
            grace_periods=tuple(_period(*each) for each in data["grace_periods"]),
            things=tuple(_thing(*each) for each in data["things"]),
            changes=tuple(Change(*each) for each in data["changes"]),
        )


def _plain(value: Value) -> Value:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _wait(*each: Value) -> Wait:
    made = Wait(*each)
    return made._replace(on=tuple(made.on))


def _period(*each: Value) -> GracePeriod:
    made = GracePeriod(*each)
    return made._replace(readers=tuple(made.readers))


def _thing(*each: Value) -> Thing:
    made = Thing(*each)
    return made._replace(fields=tuple(made.fields))
