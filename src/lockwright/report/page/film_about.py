"""What in an interleaving has to do with what: rows with locks and objects, all with the finding.

The finding is about
- the locks of its classes, those that a task waits for at the end, and those of the operation in
  which it was seen;
- the objects that its message, its lines, that operation or those at the end name, themselves or by
  their kind and a field (`dentry->d_inode`), or by their kind where the operation has the name;
- the task that it was seen in; those that its message names; those that are blocked at the end, and
  those that these wait for; the readers of a grace period that does not end; those that hold or
  want one of these locks; those with a row that has to do with one of these objects.

What is left out has no part in it by any of these: hiding it hides no step on the finding's locks
and objects.  A finding about no lock and no object is about all tasks that made a step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lockwright.core.event import IDLE, Event
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Hold, Thing, Timeline, Wait

SUBCLASS = re.compile(r"/\d+$")
"""What the validator adds to a class's name where a lock is taken nested."""


@dataclass(frozen=True, slots=True)
class Scene:
    """An interleaving as it is drawn: `heads` has the tasks that have a lane, `lane_of` each task's
    lane, `steps` the rows and `ends` what became of tasks that are not done."""

    timeline: Timeline
    heads: dict[int, str]
    lane_of: dict[int, int]
    steps: list[list[Event]]
    ends: dict[int, Event]

    def lane(self, task: int) -> int:
        """The lane of a task, -1 if it has none."""
        return self.lane_of.get(task, -1)

    def row_of(self, step: int) -> int:
        """The row of a step, or of the last one before it; one after the last for the end."""
        if step < 0 or not self.steps or step > self.steps[-1][-1].step:
            return len(self.steps)
        before = [at for at, each in enumerate(self.steps) if each[0].step <= step]
        return before[-1] if before else 0


def rows_touching(scene: Scene) -> dict[str, Value]:
    """Of each lock and each thing, the rows that name it, take or release it, or change it."""
    return {
        "locks": [_rows_of_lock(scene, at) for at in range(len(scene.timeline.locks))],
        "things": [_rows_of_thing(scene, at) for at in range(len(scene.timeline.things))],
    }


def about(scene: Scene, finding: Finding | None) -> dict[str, Value] | None:
    """The lanes, locks and things that the finding is about, as this module's first lines say."""
    if finding is None:
        return None
    row = scene.row_of(finding.step)
    moment = [scene.steps[row][0].text] if row < len(scene.steps) else []
    ends = [event.text for event in scene.ends.values() if event.kind != IDLE]
    locks = _locks_about(scene, finding, moment)
    things = _things_about(scene, finding, [*moment, *ends])
    busy = {task for task, event in scene.ends.items() if event.kind != IDLE}
    tasks = {finding.task, *busy, *_awaited(scene.timeline)}
    tasks |= _users(scene.timeline, locks)
    tasks |= {
        lane.task for lane in scene.timeline.lanes if _mentioned(lane.comm, [finding.message])
    }
    touching = {row for thing in things for row in _rows_of_thing(scene, thing)}
    tasks |= {scene.steps[row][0].task for row in touching}
    if not locks and not things:
        tasks |= {step[0].task for step in scene.steps}
    lanes = sorted({scene.lane(task) for task in tasks} - {-1})
    return {"lanes": lanes, "locks": locks, "things": things}


def name_of(thing: Thing) -> str:
    """A thing's whole name, as operations print it."""
    return f"{thing.kind} {thing.name}".strip()


def _locks_about(scene: Scene, finding: Finding, moment: Iterable[str]) -> list[int]:
    named = {*finding.classes, *(names[-1] for names in finding.waits if names)}
    classes = {SUBCLASS.sub("", name) for name in named}
    wanted = {each.lock for each in scene.timeline.waits if each.end == NEVER}
    texts = list(moment)
    return [
        at
        for at, lock in enumerate(scene.timeline.locks)
        if lock.lock_class in classes or at in wanted or _mentioned(lock.name, texts)
    ]


def _things_about(scene: Scene, finding: Finding, operations: list[str]) -> list[int]:
    texts = [finding.message, *finding.lines, *operations]
    return [
        at
        for at, thing in enumerate(scene.timeline.things)
        if _mentioned(name_of(thing), texts)
        or any(_mentioned(field, texts) for field in _fields_of_kind(thing))
        or (
            f"{thing.kind}->" in finding.message
            and thing.kind
            and _mentioned(thing.name, operations)
        )
    ]


def _fields_of_kind(thing: Thing) -> list[str]:
    """As a data race names them: `dentry->d_inode`."""
    return [f"{thing.kind}->{each}" for each in thing.fields if thing.kind]


def _awaited(told: Timeline) -> set[int]:
    """Who waits for ever, and for whom."""
    tasks: set[int] = set()
    for wait in told.waits:
        if wait.end == NEVER:
            tasks |= {wait.task, *wait.on}
    for period in told.grace_periods:
        if period.end == NEVER:
            tasks |= {period.task, *period.readers}
    return tasks


def _users(told: Timeline, locks: list[int]) -> set[int]:
    holding = {each.task for each in told.holds if each.lock in locks}
    return holding | {each.task for each in told.waits if each.lock in locks}


def _rows_of_lock(scene: Scene, at: int) -> list[int]:
    told = scene.timeline
    uses: list[Hold | Wait] = [*told.holds, *told.waits]
    moments = {step for each in uses if each.lock == at for step in (each.begin, each.end)}
    return _rows(scene, told.locks[at].name, moments)


def _rows_of_thing(scene: Scene, at: int) -> list[int]:
    thing = scene.timeline.things[at]
    moments = {each.step for each in scene.timeline.changes if each.thing == at}
    return _rows(scene, name_of(thing), moments | {thing.born, thing.freed})


def _rows(scene: Scene, name: str, moments: set[int]) -> list[int]:
    """The rows that have one of the moments, or print the name."""
    pattern = _pattern(name)
    return [
        at
        for at, step in enumerate(scene.steps)
        if any(event.step in moments for event in step)
        or (pattern and (pattern.search(step[0].text) or pattern.search(step[0].result)))
    ]


def _mentioned(name: str, texts: list[str]) -> bool:
    pattern = _pattern(name)
    return pattern is not None and any(pattern.search(text) for text in texts)


def _pattern(name: str) -> re.Pattern[str] | None:
    """The name, not as a part of a longer one: `dentry a` is not in `dentry a/b`."""
    if not name:
        return None
    return re.compile(rf"(?<![\w/>-]){re.escape(name)}(?![\w/]|-(?!>))")
