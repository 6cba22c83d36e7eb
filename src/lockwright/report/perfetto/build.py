"""Interleavings as trace-event JSON, which ui.perfetto.dev and chrome://tracing open.

Step k of a run lasts from k to k+1 milliseconds.  A run is a pair of processes: its tasks, a thread
each, below a thread that says who runs; and its locks, with what else lives.  See `tasks` and
`locks` for what is in them, and `tracks` for the format.

Arrows: from the step that lets a task go on to the one in which it does; from a wait to the hold
that it waits for; from the end of a reader's section to the end of the grace period that waited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockwright.core.event import Event
from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, GracePeriod, Timeline, Wait
from lockwright.report.columns import heads_of, together
from lockwright.report.document import Document, Run
from lockwright.report.perfetto.locks import Held, Locks
from lockwright.report.perfetto.tasks import (
    DIED,
    Piece,
    calls_of,
    end_of,
    happened,
    piece_args,
    pieces_of,
    steps_of,
)
from lockwright.report.perfetto.tracks import OPERATION, STEP, Point, Span, Trace, Track

ARRIVES, LEAVES, BROKEN = 100, 300, 800
"""When in an operation an arrow ends, when one begins, and when a rule is broken."""


def perfetto(document: Document) -> str:
    """All interleavings of a report, as one trace."""
    runs = document.all_runs()
    trace = Trace(threads=2 * len(runs) + 1)
    told = [_run(trace, number, document, run) for number, run in enumerate(runs)]
    other: dict[str, Value] = {"title": document.title}
    if document.lockwright_version:
        other["lockwright"] = document.lockwright_version
    if document.model_version:
        other["model"] = document.model_version
    if document.stale:
        other["stale"] = document.stale
    other["runs"] = told
    return trace.to_json(other)


def _run(trace: Trace, number: int, document: Document, run: Run) -> Mapping[str, Value]:
    """Draw a run, and say of it what stands at the head of the trace."""
    pid = 2 * number + 1
    title = run.title if number == 0 and len(document.all_runs()) == 1 else _titled(number, run)
    about: dict[str, Value] = {"process": pid, "title": run.title, "scenario": run.scenario}
    verdicts = [each.verdict.value for each in document.results if each.scenario == run.scenario]
    if verdicts:
        about["verdict"] = verdicts[0]
    about["token"] = run.token
    trace.process(pid, f"{title}: tasks", run.scenario)
    drawing = _Drawing(trace, pid, run.events, run.timeline)
    drawing.draw_tasks()
    if run.timeline is not None:
        trace.process(pid + 1, f"{title}: locks and objects", run.scenario)
        drawing.draw_rest(run.timeline)
    if run.finding is None:  # whose moment tells all that
        trace.instant(Point(Track(pid, pid), 0), "p", run.title, about)
    _moment(drawing, run, about, "g" if len(document.all_runs()) == 1 else "p")
    return about


def _titled(number: int, run: Run) -> str:
    return f"{number + 1}. {run.title}"


def _moment(drawing: _Drawing, run: Run, about: Mapping[str, Value], scope: str) -> None:
    """Mark the moment in which a rule is broken, for all to see and in the task that breaks it."""
    finding = run.finding
    if finding is None:
        return
    at = finding.step if 0 <= finding.step < steps_of(run.events) else steps_of(run.events)
    args = {**about, "message": finding.message, "lines": list(finding.lines)}
    if finding.reality is not None:
        args["reality"] = finding.reality
    ts = at * STEP + BROKEN
    track = drawing.tracks.get(drawing.home.get(finding.task, finding.task))
    everywhere = track if track is not None else Track(drawing.pid, drawing.pid)
    drawing.trace.instant(Point(everywhere, ts), scope, finding.kind, args)
    if track is not None:
        drawing.trace.instant(Point(track, ts), "t", finding.kind, {"message": finding.message})


@dataclass(slots=True)
class _Drawing:
    """A run as it is drawn.

    `tracks` has the thread of each task, `home` for each that has an event the task whose thread it
    is on, `points` the thread of each step that is drawn, `waits` each wait's piece.
    """

    trace: Trace
    pid: int
    events: Sequence[Event]
    timeline: Timeline | None
    heads: dict[int, str] = field(default_factory=dict)
    home: dict[int, int] = field(default_factory=dict)
    tracks: dict[int, Track] = field(default_factory=dict)
    points: dict[int, Track] = field(default_factory=dict)
    waits: dict[int, Piece] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shown = together(self.events, self.events)
        self.home = {one.task: other.task for one, other in zip(self.events, shown, strict=True)}
        self.heads = heads_of(shown)
        for lane in self.timeline.lanes if self.timeline is not None else ():
            self.heads.setdefault(self.home.get(lane.task, lane.task), lane.comm)

    def head(self, task: int) -> str:
        """What a task is called."""
        return self.heads.get(self.home.get(task, task), f"task {task}")

    def draw_tasks(self) -> None:
        """The threads of the tasks, and the one that says which of them runs."""
        self._schedule()
        pids = self._pids()
        for task, pieces in pieces_of(self.events, self.timeline).items():
            pid = f" [{pids[task]}]" if task in pids else ""
            track = self.trace.thread(self.pid, f"{self.head(task)}{pid}")
            self.tracks[task] = track
            for call, span in calls_of(pieces):
                args = {"file": f"{call.place.path}:{call.place.first}"} if call.place else {}
                cat = "interrupt" if call.interrupt else "function"
                self.trace.slice(track, span, call.frame.function, cat, args)
            for piece in pieces:
                self._piece(track, piece)
        for event in self.events:
            if event.step < 0 and event.kind == DIED and event.task in self.tracks:
                ts = end_of(self.events) - 1
                name = f"{DIED}: {event.text}"
                self.trace.instant(Point(self.tracks[event.task], ts), "t", name, {})

    def _pids(self) -> dict[int, int]:
        lanes = self.timeline.lanes if self.timeline is not None else ()
        return {lane.task: lane.pid for lane in lanes}

    def _piece(self, track: Track, piece: Piece) -> None:
        waits = self.timeline.waits if self.timeline is not None else ()
        wait = waits[piece.wait] if 0 <= piece.wait < len(waits) else None
        args = piece_args(piece, wait, self.heads)
        if piece.event is not None:
            self.points[piece.step] = track
            self.trace.slice(track, piece.span, piece.name, "operation", args)
            return
        if wait is not None:
            self.waits[piece.wait] = piece
        self.trace.slice(track, piece.span, f"waits: {piece.name}", "wait", args)

    def _schedule(self) -> None:
        track = self.trace.thread(self.pid, "who runs")
        spans: list[tuple[int, Span]] = []
        for event in self.events:
            if event.step < 0 or not happened(event):
                continue
            task, begin = self.home[event.task], event.step * STEP
            if spans and spans[-1][0] == task:
                begin = spans.pop()[1].begin
            spans.append((task, Span(begin, event.step * STEP + OPERATION)))
        for task, span in spans:
            steps = {"from step": span.begin // STEP, "until step": span.end // STEP}
            self.trace.slice(track, span, self.head(task), "schedule", steps)

    def draw_rest(self, timeline: Timeline) -> None:
        """The second process, and the arrows."""
        locks = Locks(self.trace, self.pid + 1, end_of(self.events), self.head)
        locks.draw_holds(timeline)
        locks.draw_grace_periods(timeline)
        locks.draw_things(timeline)
        for number, wait in enumerate(timeline.waits):
            self._woken(wait)
            if number in self.waits:
                self._waiting(wait, self.waits[number], locks)
        for period in timeline.grace_periods:
            self._readers(period, timeline, locks.held)

    def _step_arrow(self, one: int, other: int, name: str) -> None:
        """From a step's operation to a later one's, if both are drawn."""
        if 0 <= one < other and one in self.points and other in self.points:
            start = Point(self.points[one], one * STEP + LEAVES)
            finish = Point(self.points[other], other * STEP + ARRIVES)
            self.trace.arrow(start, finish, name)

    def _woken(self, wait: Wait) -> None:
        self._step_arrow(wait.woken, wait.end, "lets go on")

    def _waiting(self, wait: Wait, piece: Piece, locks: Locks) -> None:
        ts = piece.span.begin + ARRIVES
        if wait.lock == NEVER or ts >= piece.span.end:
            return
        for task in wait.on:
            held = locks.holding(task, wait.lock, ts)
            if held is not None:
                start = Point(self.tracks[piece.task], ts)
                self.trace.arrow(start, Point(held.track, ts), "waits for")

    def _readers(self, period: GracePeriod, timeline: Timeline, held: Sequence[Held]) -> None:
        """From where each reader leaves to where the task that waited goes on."""
        track = self.tracks.get(self.home.get(period.task, period.task))
        goes = [step for step, each in self.points.items() if each == track and step >= period.end]
        if period.end == NEVER or not goes:
            return
        # the last of them lets it go on, and has its arrow
        woken = [wait.woken for wait in timeline.waits if wait.task == period.task]
        for each in held:
            hold, lock = each.hold, timeline.locks[each.hold.lock]
            reads = hold.task in period.readers and period.domain in (lock.name, lock.lock_class)
            if reads and hold.begin <= period.begin < hold.end and hold.end not in woken:
                self._step_arrow(hold.end, min(goes), "reader is gone")
