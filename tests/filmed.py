"""Films of small executions, and what a timeline says at each step, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.timeline import NEVER, Timeline
from lockwright.core.world import World
from lockwright.explore.record import record
from lockwright.explore.run import Run
from lockwright.filming import Film

Build = Callable[[World], object]


def filmed(build: Build, order: Sequence[int]) -> Timeline:
    """The film of an execution whose steps these tasks take, and no others."""
    schedule: list[Choice] = [(task, 0) for task in order]
    return filmed_along(build, schedule)


def filmed_along(build: Build, schedule: Sequence[Choice]) -> Timeline:
    """The same with choices."""

    def make(names: Names) -> World:
        world = World(names)
        build(world)
        return world

    done = record(make, schedule, stop=_always, film=Film())
    assert not done.misfit
    assert done.timeline is not None
    assert len(done.timeline.chains) == sum(event.step >= 0 for event in done.events)
    return done.timeline


def _always(run: Run) -> bool:
    return True


def holds(timeline: Timeline) -> list[str]:
    """`one mutex A 0-3`, and what is not over without an end."""
    comms = [lane.comm for lane in timeline.lanes]
    return [
        f"{comms[hold.task]} {hold.how} {timeline.locks[hold.lock].kind} "
        f"{timeline.locks[hold.lock].name} {hold.begin}-{_end(hold.end)}"
        for hold in timeline.holds
    ]


def waits(timeline: Timeline) -> list[str]:
    """`two mutex_lock(A) for A on one 1-3-4`: the second moment is that of being woken."""
    comms = [lane.comm for lane in timeline.lanes]
    said = []
    for wait in timeline.waits:
        lock = f" for {timeline.locks[wait.lock].name}" if wait.lock != NEVER else ""
        on = f" on {'+'.join(comms[task] for task in wait.on)}" if wait.on else ""
        moments = f"{wait.begin}-{_end(wait.woken)}-{_end(wait.end)}"
        said.append(f"{comms[wait.task]} {wait.text}{lock}{on} {moments}")
    return said


def periods(timeline: Timeline) -> list[str]:
    """`gp of eventfs_srcu for rm 3-8, readers: ls`."""
    comms = [lane.comm for lane in timeline.lanes]
    return [
        f"{each.domain} for {comms[each.task]} {each.begin}-{_end(each.end)}"
        f" readers {'+'.join(comms[task] for task in each.readers) or 'none'}"
        for each in timeline.grace_periods
    ]


def lives(timeline: Timeline) -> list[str]:
    """`box b 2-5 by rm in f()`."""
    return [
        f"{thing.kind} {thing.name} {thing.born}-{_end(thing.freed)}"
        + (f" by {thing.by}" if thing.by else "")
        for thing in timeline.things
    ]


def values(timeline: Timeline) -> dict[str, list[str]]:
    """By `box b->field`, its values with their steps: `-1: 0`."""
    said: dict[str, list[str]] = {}
    for change in timeline.changes:
        thing = timeline.things[change.thing]
        name = f"{thing.kind} {thing.name}".strip() + f"->{thing.fields[change.field]}"
        said.setdefault(name, []).append(f"{change.step}: {change.value}")
    return said


def held_at(timeline: Timeline, step: int) -> Counter[tuple[int, str, bool]]:
    """Who holds what after a step: task, lock's name, and is it alone in it?"""
    return Counter(
        (hold.task, timeline.locks[hold.lock].name, hold.how == "exclusive")
        for hold in timeline.holds
        if hold.begin <= step and not NEVER < hold.end <= step
    )


def value_at(timeline: Timeline, step: int) -> dict[tuple[int, int], str]:
    """What is told of each field after a step, by thing and field."""
    return {
        (change.thing, change.field): change.value
        for change in timeline.changes
        if change.step <= step
    }


def _end(step: int) -> str:
    return str(step) if step != NEVER else ""
