"""The trace-event form that Perfetto and chrome://tracing open: its events, one constructor each.

What their importers do, beyond what the format says, shapes what is written here:

- A thread is known by its number alone, and a number that is also a process's means its main
  thread: threads are numbered after all processes, once in the whole trace.
- Of a flow arrow each end belongs to the slice that began last on its thread, so an arrow comes
  after its slices, and an end lies before anything else begins on that thread.  Async slices have
  no arrows.
- An async slice lies on a track with those of its process that have its name.
- What stands after an unknown key, or after a `displayTimeUnit` that comes late, is not read.
- Where `displayTimeUnit` is ns, some versions take the time stamps for nanoseconds.

Source: the Trace Event Format; Perfetto, src/trace_processor/importers/json.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lockwright.core.location import Value
from lockwright.report.lockgraph.graph import plain

STEP = 1000
"""How long a step is, in microseconds: step 29 begins at 29 ms."""
OPERATION = 900
"""How long its operation is: the rest shows where one ends and the next begins."""
MIDDLE = 500
"""When in a step a lock is taken or released, and an object begins or ends to live."""
NAME_MAX = 160

ENDS, SLICES, AFTER = range(3)
"""What comes first of that with one time stamp."""


class Track(NamedTuple):
    """A thread of a process."""

    pid: int
    tid: int


class Span(NamedTuple):
    """From when to when, in microseconds."""

    begin: int
    end: int


class Point(NamedTuple):
    """One end of an arrow."""

    track: Track
    ts: int


def text_of(value: Value) -> Value:
    """A text, or texts in a list or an object, with what does not print spelt out."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(key): text_of(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [text_of(each) for each in value]
    return value


def name_of(text: str) -> str:
    """A text as the name of something: not empty, and no longer than `NAME_MAX`."""
    name = plain(text) or "?"
    return name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 3]}..."


@dataclass(slots=True)
class Trace:
    """The events of a trace, and how many threads, arrows and async slices it has."""

    threads: int
    metadata: list[Value] = field(default_factory=list)
    events: list[tuple[int, int, int, Value]] = field(default_factory=list)
    numbers: int = 0

    def process(self, pid: int, name: str, label: str) -> None:
        """Name a process; they are shown by number."""
        self._about(pid, 0, "process_name", {"name": name_of(name)})
        self._about(pid, 0, "process_labels", {"labels": name_of(label)})
        self._about(pid, 0, "process_sort_index", {"sort_index": pid})

    def thread(self, pid: int, name: str) -> Track:
        """A new thread; they are shown in the order in which they are made."""
        self.threads += 1
        self._about(pid, self.threads, "thread_name", {"name": name_of(name)})
        self._about(pid, self.threads, "thread_sort_index", {"sort_index": self.threads})
        return Track(pid, self.threads)

    def slice(
        self, track: Track, span: Span, name: str, cat: str, args: Mapping[str, Value]
    ) -> None:
        """Something that a thread does: slices of one thread nest, and the outer is told first."""
        head = {"ph": "X", "name": name_of(name), "cat": cat, **track._asdict()}
        times = {"ts": span.begin, "dur": span.end - span.begin}
        self._add(span.begin, SLICES, span.begin - span.end, {**head, **times, "args": args})

    def instant(self, point: Point, scope: str, name: str, args: Mapping[str, Value]) -> None:
        """A moment of a thread (scope t), a process (p) or of the whole trace (g)."""
        head = {"ph": "i", "name": name_of(name), "cat": "moment", **point.track._asdict()}
        self._add(point.ts, AFTER, 0, {**head, "ts": point.ts, "s": scope, "args": args})

    def arrow(self, start: Point, finish: Point, name: str) -> None:
        """A flow arrow from a thread's slice to another's."""
        self.numbers += 1
        head = {"name": name, "cat": "flow", "id": self.numbers}
        self._add(start.ts, AFTER, 0, {"ph": "s", **head, **start.track._asdict(), "ts": start.ts})
        end = {**finish.track._asdict(), "ts": finish.ts, "bp": "e"}
        self._add(finish.ts, AFTER, 0, {"ph": "f", **head, **end})

    def life(
        self, pid: int, span: Span, name: str, cat: str, args: Mapping[str, Value]
    ) -> Mapping[str, Value]:
        """An async slice; gives what the moments in it have in common with it."""
        self.numbers += 1
        head = {"name": name_of(name), "cat": cat, "id": f"{self.numbers:#x}", "pid": pid}
        head["tid"] = pid
        self._add(span.begin, SLICES, 0, {"ph": "b", **head, "ts": span.begin, "args": args})
        self._add(span.end, ENDS, 0, {"ph": "e", **head, "ts": span.end})
        return head

    def moment(self, head: Mapping[str, Value], ts: int, args: Mapping[str, Value]) -> None:
        """A moment in an async slice."""
        self._add(ts, AFTER, 0, {"ph": "n", **head, "ts": ts, "args": args})

    def counter(self, pid: int, ts: int, name: str, value: int) -> None:
        """A number of a process that is this from now on."""
        head = {"ph": "C", "name": name_of(name), "pid": pid, "tid": pid}
        self._add(ts, AFTER, 0, {**head, "ts": ts, "args": {"value": value}})

    def _about(self, pid: int, tid: int, what: str, args: Mapping[str, Value]) -> None:
        self.metadata.append({"ph": "M", "name": what, "pid": pid, "tid": tid or pid, "args": args})

    def _add(self, ts: int, rank: int, shorter: int, event: Mapping[str, Value]) -> None:
        self.events.append((ts, rank, shorter, event))

    def to_json(self, other: Mapping[str, Value]) -> str:
        """The whole trace as JSON text, an event a line, in order of time."""
        # sorting is stable: of slices that begin and end together the outer one was told first
        ordered = [event for *_, event in sorted(self.events, key=lambda each: each[:3])]
        lines = ",\n".join(map(_line, [*self.metadata, *ordered]))
        head = f'{{"displayTimeUnit":"ms",\n"otherData":{_line(other)},\n"traceEvents":[\n'
        return f"{head}{lines}\n]}}\n"


def _line(event: Value) -> str:
    return json.dumps(text_of(event), allow_nan=False, separators=(",", ":"))
