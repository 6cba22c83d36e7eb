"""The data of the page's timelines: every interleaving of a document, small enough to send along.

Records are arrays, and what occurs twice stands in a table that all runs share:

- `strings`: all texts; the records have their places in it, written S below.
- `functions`: [name S, path S, first line, lines]; without a path nothing is known but the name.
- `frames`: [function, line, caller, ...], flat: call chains as a tree, a caller before its callees,
  -1 for the outermost.
- `texts`: of each function [line of the first, text, colours], or null; see `film_sources`.

A run is an object:

- `lanes`: [head S, comm S, pid S, context S, begin, end S, last S, frame]: a task, or the flushes
  of one store buffer.  `end` is what became of it ("blocked"), `last` in what, `frame` where; the
  texts are empty if it is done.
- `rows`: [first step, last step, lane, function, operation S, result S, times, frame, context S,
  ...], flat: steps as the columns of the text join them.  The function is -1 where it is that of
  the lane's row before, the context is -1 where it is the lane's.
- `locks`, `holds`, `waits`, `periods`, `things`, `changes`: as in `core.timeline`, with lanes
  instead of tasks; addresses are text, as the validator prints them, empty if they are not known.
- `touched`: {"locks", "things"}: of each, the rows that have to do with it.
- `finding`: [row, headline S, lane] or null; the row after the last is the end.
- `about`: {"lanes", "locks", "things"} that the finding is about, or null; see `film_about`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lockwright.core.event import Event
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.timeline import Lock, Place, Timeline
from lockwright.report.columns import heads_of, runs_of, together
from lockwright.report.document import Document, Run
from lockwright.report.findings import headline
from lockwright.report.page.film_about import Scene, about, rows_touching
from lockwright.report.page.film_sources import coloured
from lockwright.report.shown import shown


@dataclass(slots=True)
class Tables:
    """What all runs share, each entry once, in order of first use."""

    strings: dict[str, int] = field(default_factory=dict)
    functions: dict[tuple[str, str, int, int], int] = field(default_factory=dict)
    frames: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def string(self, text: str) -> int:
        """The place of a text."""
        return self.strings.setdefault(text, len(self.strings))

    def chain(self, places: Sequence[Place]) -> int:
        """The place of the innermost frame of a call chain, -1 for none."""
        at = -1
        for place in reversed(places):
            known = place.function, place.path, place.first, place.size
            function = self.functions.setdefault(known, len(self.functions))
            at = self.frames.setdefault((function, place.line, at), len(self.frames))
        return at

    def as_json(self, sources: dict[str, str]) -> dict[str, Value]:
        """The tables, with the text of each function whose source is known."""
        texts = [
            coloured(shown(sources[path]), first, size) if path in sources else None
            for _, path, first, size in self.functions
        ]
        functions = [
            [self.string(name), self.string(path), first, size]
            for name, path, first, size in self.functions
        ]
        return {
            "strings": list(self.strings),
            "functions": functions,
            "frames": [each for frame in self.frames for each in frame],
            "texts": texts,
        }


def film_data(document: Document) -> dict[str, Value]:
    """The runs of a document as data, in the order of `Document.all_runs()`, and their tables."""
    tables = Tables()
    runs = [_run(run, tables) for run in document.all_runs()]
    return {"runs": runs, "sources": tables.as_json(document.sources)}


def _run(run: Run, tables: Tables) -> dict[str, Value]:
    scene = _scene(run)
    return {
        "lanes": _lanes(scene, tables),
        "rows": _rows(scene, tables, run.events),
        **_holds_and_waits(scene, tables.string),
        **_things(scene.timeline, tables.string),
        "touched": rows_touching(scene),
        "finding": _moment(run, scene, tables),
        "about": about(scene, run.finding),
    }


def _holds_and_waits(scene: Scene, texts: Callable[[str], int]) -> dict[str, Value]:
    told, lane = scene.timeline, scene.lane
    return {
        "locks": [
            [texts(each) for each in (lock.name, lock.lock_class, lock.kind, _address(lock))]
            for lock in told.locks
        ],
        "holds": [
            [lane(each.task), each.lock, texts(each.how), each.begin, each.end]
            for each in told.holds
        ],
        "waits": [
            [
                *(lane(each.task), texts(each.text), each.lock, [lane(task) for task in each.on]),
                *(each.begin, each.woken, each.end),
            ]
            for each in told.waits
        ],
        "periods": [
            [
                *(texts(each.domain), lane(each.task), texts(each.text)),
                *([lane(task) for task in each.readers], each.begin, each.end),
            ]
            for each in told.grace_periods
        ],
    }


def _address(lock: Lock) -> str:
    """More than a number of JavaScript's holds."""
    return f"{lock.address:016x}" if lock.address else ""


def _things(told: Timeline, texts: Callable[[str], int]) -> dict[str, Value]:
    return {
        "things": [
            [
                *(texts(each.kind), texts(each.name), each.born, each.freed, texts(each.by)),
                [texts(name) for name in each.fields],
            ]
            for each in told.things
        ],
        "changes": [
            [each.step, each.thing, each.field, texts(each.value)] for each in told.changes
        ],
    }


def _scene(run: Run) -> Scene:
    """The run with its steps joined and its tasks put into lanes."""
    told = run.timeline or Timeline()
    events = together(run.events, run.events)
    steps = runs_of([event for event in events if event.step >= 0])
    ends = {event.task: event for event in events if event.step < 0}
    seen = {each[0].task for each in steps} | set(ends)
    heads = {task: head for task, head in heads_of(events).items() if task in seen}
    moved = {old.task: new.task for old, new in zip(run.events, events, strict=True)}
    for lane in told.lanes:
        if lane.task not in moved and _takes_part(told, lane.task):
            heads[lane.task] = lane.comm
    order = sorted(heads)
    lane_of = {task: at for at, task in enumerate(order)}
    for task, into in moved.items():
        lane_of.setdefault(task, lane_of.get(into, -1))
    return Scene(told, {task: heads[task] for task in order}, lane_of, steps, ends)


def _takes_part(told: Timeline, task: int) -> bool:
    """Does a task that makes no step hold something, or is it waited for?"""
    return (
        any(task == each.task for each in told.holds)
        or any(task == each.task or task in each.on for each in told.waits)
        or any(task == each.task or task in each.readers for each in told.grace_periods)
    )


def _lanes(scene: Scene, tables: Tables) -> list[list[int]]:
    """Heads, from the timeline where it has the task, and what became of it."""
    firsts: dict[int, Event] = {}
    for step in scene.steps:
        firsts.setdefault(step[0].task, step[0])
    known = {lane.task: lane for lane in scene.timeline.lanes}
    stands = {(place.function, place.size): place for place in scene.timeline.places}
    lanes = []
    for task, head in scene.heads.items():
        first, lane, end = firsts.get(task), known.get(task), scene.ends.get(task)
        seen = first or end
        comm = lane.comm if lane else seen.comm if seen else head
        context = lane.context if lane else seen.context if seen else ""
        texts = [head, comm, str(lane.pid) if lane else "", context]
        after = [end.kind, end.text] if end else ["", ""]
        frame = tables.chain([_place(each, stands) for each in end.chain]) if end else -1
        begin = lane.begin if lane else -1
        lanes.append([*map(tables.string, texts), begin, *map(tables.string, after), frame])
    return lanes


def _place(frame: Frame, stands: dict[tuple[str, int], Place]) -> Place:
    """Where a frame stands, if another step has shown where its function does."""
    place = stands.get((frame.function, frame.size))
    if place is None:
        return Place(frame.function, "", 0, frame.size, frame.offset)
    return place._replace(line=place.first + frame.offset)


def _rows(scene: Scene, tables: Tables, events: Sequence[Event]) -> list[int]:
    told = scene.timeline
    chains = dict(
        zip((event.step for event in events if event.step >= 0), told.chains, strict=False)
    )
    contexts: dict[int, str] = {lane.task: lane.context for lane in told.lanes}
    before: dict[int, str] = {}
    rows: list[int] = []
    for step in scene.steps:
        first = step[0]
        places = [told.places[at] for at in chains.get(first.step, ())]
        if len(places) != len(first.chain):
            places = [_place(each, {}) for each in first.chain]
        function = first.chain[0].function if first.chain else ""
        changed = function != before.get(first.task, "")
        before[first.task] = function
        own = contexts.setdefault(first.task, first.context)
        rows += [
            first.step,
            step[-1].step,
            scene.lane(first.task),
            tables.string(function) if changed else -1,
            tables.string(first.text),
            tables.string(first.result),
            len(step),
            tables.chain(places),
            tables.string(first.context) if first.context != own else -1,
        ]
    return rows


def _moment(run: Run, scene: Scene, tables: Tables) -> list[int] | None:
    if run.finding is None:
        return None
    lane = scene.lane(run.finding.task)
    return [scene.row_of(run.finding.step), tables.string(headline(run.finding)), lane]
