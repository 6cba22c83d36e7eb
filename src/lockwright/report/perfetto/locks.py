"""Who holds what, and what lives, as slices of a process of its own: beside the tasks of a run.

A lock has a thread, and more than one where its holders overlap: then each reader finds a thread
that is free.  What holds it stands in the slice's name.  Grace periods and objects are async
slices; a field that is a number is a counter, and another a moment in the life of its object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Hold, Thing, Timeline
from lockwright.report.perfetto.tracks import MIDDLE, OPERATION, STEP, Span, Trace, Track

NUMBER = re.compile(r"-?[0-9]{1,15}")
"""What a counter shows: a 64-bit float holds each of these exactly."""


@dataclass(slots=True)
class Held:
    """A hold as it is drawn."""

    hold: Hold
    track: Track
    span: Span


@dataclass(slots=True)
class Locks:
    """The second process of a run: its number, when the run is over, and what its tasks are called.

    `held` is filled by `draw_holds`.
    """

    trace: Trace
    pid: int
    over: int
    heads: Callable[[int], str]
    held: list[Held] = field(default_factory=list)

    def span(self, begin: int, end: int) -> Span:
        """From the middle of one step to that of another; from the whole step if it is the same."""
        start = begin * STEP + MIDDLE if begin != NEVER else 0
        if end == NEVER:
            return Span(min(start, self.over - 1), self.over)
        if end <= begin:
            return Span(max(begin, 0) * STEP, max(begin, 0) * STEP + OPERATION)
        return Span(start, end * STEP + MIDDLE)

    def draw_holds(self, timeline: Timeline) -> None:
        """Each lock's holders."""
        of_lock: dict[int, list[tuple[Span, Hold]]] = {}
        for hold in timeline.holds:
            of_lock.setdefault(hold.lock, []).append((self.span(hold.begin, hold.end), hold))
        for number in sorted(of_lock):
            lock = timeline.locks[number]
            tracks: list[tuple[Track, int]] = []
            for span, hold in sorted(of_lock[number]):
                free = [at for at, (_, end) in enumerate(tracks) if end <= span.begin]
                if not free:
                    free = [len(tracks)]
                    more = f" ({len(tracks) + 1})" if tracks else ""
                    tracks.append((self.trace.thread(self.pid, f"{lock.name}{more}"), 0))
                track = tracks[free[0]][0]
                tracks[free[0]] = (track, span.end)
                self.held.append(Held(hold, track, span))
                self._hold(timeline, self.held[-1])

    def _hold(self, timeline: Timeline, held: Held) -> None:
        hold, lock = held.hold, timeline.locks[held.hold.lock]
        task = self.heads(hold.task)
        args: dict[str, Value] = {"task": task, "how": hold.how, "lock": lock.name}
        args["class"], args["kind"] = lock.lock_class, lock.kind
        if lock.address:
            args["address"] = f"{lock.address:016x}"
        args["from step"] = "before the first" if hold.begin == NEVER else hold.begin
        args["until step"] = "never released" if hold.end == NEVER else hold.end
        how = "" if hold.how == "exclusive" else f" ({hold.how})"
        self.trace.slice(held.track, held.span, f"{task}{how}", "lock", args)

    def holding(self, task: int, lock: int, ts: int) -> Held | None:
        """What a task has of a lock at a time."""
        for held in self.held:
            mine = held.hold.task == task and held.hold.lock == lock
            if mine and held.span.begin <= ts < held.span.end:
                return held
        return None

    def draw_grace_periods(self, timeline: Timeline) -> None:
        """Each domain's grace periods."""
        for period in timeline.grace_periods:
            args: dict[str, Value] = {"task": self.heads(period.task), "for": period.text}
            if period.readers:
                args["waits for"] = [self.heads(task) for task in period.readers]
            name = f"grace period of {period.domain}"
            span = self.span(period.begin, period.end)
            self.trace.life(self.pid, span, name, "grace period", args)

    def draw_things(self, timeline: Timeline) -> None:
        """The lives of objects, and what their fields hold."""
        values: dict[tuple[int, int], list[tuple[int, str]]] = {}
        for change in timeline.changes:
            key = change.thing, change.field
            values.setdefault(key, []).append((change.step, change.value))
        for number, thing in enumerate(timeline.things):
            fields = {
                name: values[number, at]
                for at, name in enumerate(thing.fields)
                if (number, at) in values
            }
            self._thing(thing, fields)

    def _thing(self, thing: Thing, fields: Mapping[str, Sequence[tuple[int, str]]]) -> None:
        what = " ".join(filter(None, (thing.kind, thing.name)))
        first = {
            name: told[0][1] for name, told in fields.items() if told[0][0] in (NEVER, thing.born)
        }
        args: dict[str, Value] = {"fields": first} if first else {}
        if thing.freed != NEVER:
            args["freed by"] = thing.by
        span = self.span(thing.born, thing.freed)
        life = self.trace.life(self.pid, span, what, "object", args)
        for name, told in fields.items():
            numbers = all(NUMBER.fullmatch(value) for _, value in told)
            for step, value in told:
                ts = max(span.begin, step * STEP + MIDDLE if step != NEVER else 0)
                if numbers:
                    self.trace.counter(self.pid, ts, f"{what}: {name}", int(value))
                elif step not in (NEVER, thing.born):
                    self.trace.moment(life, min(ts, span.end - 1), {name: value})
