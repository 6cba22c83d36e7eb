"""What it means that nothing can run any more: deadlock, lost wakeup or nursery leak.

Every task that is left is listed with what it waits in, since when, and whom for.  The kinds, in
the order in which they are asked for:

- deadlock, if tasks wait in a ring, each for a lock that the next one holds;
- lost wakeup, if a task has missed one (`wakeups.py`);
- nursery leak, if a nursery waits at its end for tasks that only wait for work: in a receive, in
  `sleep_forever`, or for one and the same event, condition or parking lot, none of which will come
  any more;
- deadlock, for everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio
from trio.lowlevel import ParkingLot

from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.testing.trio.places import NURSERY_END, Place
from lockwright.testing.trio.stands import Crowd, Stand
from lockwright.testing.trio.wakeups import Call, Wakeups

DEADLOCK, LOST_WAKEUP, NURSERY_LEAK = "deadlock", "lost wakeup", "nursery leak"
WORK = ("channel.receive", "sleep_forever")


@dataclass(frozen=True, slots=True)
class Wait:
    """A task that is left, its name in the report, and where it stands."""

    stand: Stand
    head: str
    place: Place

    @property
    def ends_nursery(self) -> bool:
        return self.place.primitive == NURSERY_END


def stuck_finding(waits: Sequence[Wait], crowd: Crowd, wakeups: Wakeups) -> Finding:
    """The finding of a run in which nothing can run any more."""
    ring = _ring(waits)
    missed = [(wait, wakeups.missed(wait.place, wait.stand.since)) for wait in waits]
    if ring:
        kind, about = DEADLOCK, ring
        said = "; ".join(f"{wait.head} waits for {_owned(wait, crowd)}" for wait in ring)
    elif lost := next(((wait, call) for wait, call in missed if call is not None), None):
        kind, about = LOST_WAKEUP, [lost[0]]
        said = _missed(*lost)
    else:
        about = [wait for wait in waits if not wait.ends_nursery]
        kind = NURSERY_LEAK if _only_work(waits, about) else DEADLOCK
        said = "; ".join(
            f"{wait.head} waits in {wait.place.primitive} ({wait.place.where})" for wait in about
        )
        if kind == NURSERY_LEAK:
            said = f"{_parents(waits, about, crowd)} waits for a nursery that does not end; {said}"
    lines = [line for wait in waits for line in _lines(wait, crowd)]
    first = about[0] if about else waits[0]
    places = sorted(wait.place.lasting for wait in about)
    return Finding(
        kind,
        f"{kind}: {said}",
        "; ".join(places),
        first.stand.index,
        first.head,
        (first.place.frame,),
        tuple(lines),
        waits=tuple((wait.place.primitive,) for wait in waits),
    )


def _missed(wait: Wait, call: Call) -> str:
    since = f"{wait.head} waits in {wait.place.primitive} ({wait.place.where}) since step"
    if isinstance(call.object, trio.Event):
        before = "the Event that stood in its place was set"
    else:
        before = f"{call.what} found nobody waiting"
    return f"{since} {wait.stand.since}; {before} at step {call.step} ({call.where})"


def owners_of(what: Value) -> list[trio.lowlevel.Task]:
    """The tasks that hold a lock, or tokens of a limiter."""
    if isinstance(what, trio.CapacityLimiter):
        borrowers = what.statistics().borrowers
        return [task for task in borrowers if isinstance(task, trio.lowlevel.Task)]
    if isinstance(what, trio.Condition):
        return []
    statistics = getattr(what, "statistics", None)
    owner = getattr(statistics(), "owner", None) if statistics is not None else None
    return [owner] if isinstance(owner, trio.lowlevel.Task) else []


def _ring(waits: Sequence[Wait]) -> list[Wait]:
    """Tasks of which each waits for a lock that the next holds, the last for one of the first."""
    of = {wait.stand.task: wait for wait in waits}
    for first in waits:
        path: list[Wait] = []
        at: Wait | None = first
        while at is not None and at not in path:
            path.append(at)
            owners = owners_of(at.place.object)
            at = of.get(owners[0]) if len(owners) == 1 else None
        if at is first:
            return path
    return []


def _owned(wait: Wait, crowd: Crowd) -> str:
    kind = type(wait.place.object).__name__
    return f"a {kind} that {_holder(wait, crowd)} holds ({wait.place.where})"


def _holder(wait: Wait, crowd: Crowd) -> str:
    names = crowd.names(owners_of(wait.place.object))
    return "it itself" if names == [wait.head] else " and ".join(names) or "nobody"


def _only_work(waits: Sequence[Wait], left: Sequence[Wait]) -> bool:
    """Do the tasks that are left wait for work only, and a nursery for them?"""
    if len(left) == len(waits) or not left:
        return False
    others = [wait.place.object for wait in left if wait.place.primitive not in WORK]
    if any(not isinstance(what, trio.Event | trio.Condition | ParkingLot) for what in others):
        return False
    return all(what is others[0] for what in others)


def _parents(waits: Sequence[Wait], left: Sequence[Wait], crowd: Crowd) -> str:
    """Who waits at the end of a nursery for one of the tasks that are left."""
    parents = []
    for wait in left:
        assert wait.stand.task is not None
        nursery = wait.stand.task.parent_nursery
        parent = nursery.parent_task if nursery is not None else None
        found = [at for at in waits if at.stand.task is parent and at.ends_nursery]
        parents += [at.head for at in found if at.head not in parents]
    return " and ".join(parents) or waits[0].head


def _lines(wait: Wait, crowd: Crowd) -> list[str]:
    """A task, as the kernel lists one that hangs, and what is known of what it waits for."""
    place, stand = wait.place, wait.stand
    since = f"since step {stand.since}" if stand.since >= 0 else "and has never run"
    what = (
        f"at the {NURSERY_END}" if wait.ends_nursery else f"in {place.primitive or 'its own wait'}"
    )
    lines = [f"  {wait.head} waits {what} ({place.where}) {since}"]
    if not wait.ends_nursery:
        about = _about(wait, crowd)
    elif stand.task is not None and stand.task.child_nurseries:
        about = f"for {', '.join(crowd.names(stand.task.child_nurseries[-1].child_tasks))}"
    else:
        about = ""
    return [*lines, f"    {about}"] if about else lines


def _about(wait: Wait, crowd: Crowd) -> str:
    what = wait.place.object
    if isinstance(what, trio.MemoryReceiveChannel):
        count = what.statistics().open_send_channels
        return f"it is empty; send channels still open: {count}"
    if isinstance(what, trio.MemorySendChannel):
        statistics = what.statistics()
        full = f"{statistics.current_buffer_used} of {statistics.max_buffer_size} places are taken"
        return f"{full}; receive channels still open: {statistics.open_receive_channels}"
    if isinstance(what, trio.Semaphore):
        return f"its value is {what.value}"
    if isinstance(what, trio.Event):
        return "it was never set"
    owners = owners_of(what)
    return f"held by {_holder(wait, crowd)}" if owners else ""
