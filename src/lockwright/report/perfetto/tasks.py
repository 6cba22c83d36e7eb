"""What each task of a run does, as slices that nest: functions, interrupts, operations, waits.

A task's *pieces* are its operations and its waits, one after the other; `pieces_of` finds them and
`calls_of` finds the functions around them.  A function goes on from one piece to the next if both
are in it, and all of its callers are on the same line: while a function runs, its callers stay
where they are.  A handler stands on what it interrupts, below a frame of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from lockwright.core.event import Event
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Place, Timeline, Wait
from lockwright.report.columns import ARRIVALS, BUFFER, NOT_NOW, together
from lockwright.report.perfetto.tracks import OPERATION, STEP, Span

ARRIVAL, RETURN = "interrupt", "interrupt_return"
BLOCKED, DIED = "blocked", "died"


class Call(NamedTuple):
    """A frame of a call chain, the file and line where it stands if they are known, and the line
    its function begins at; or an interrupt."""

    frame: Frame
    place: Place | None = None
    interrupt: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """An operation or a wait of a task: when, what, and where, outermost call first.

    `step` is the step of an operation, and of a wait the one that ends it; `wait` is its place
    among the waits of the timeline, -1 for an operation.
    """

    task: int
    span: Span
    step: int
    name: str
    chain: tuple[Call, ...]
    event: Event | None = None
    wait: int = -1


class Around(NamedTuple):
    """A call that goes on over some pieces."""

    call: Call
    span: Span


def steps_of(events: Sequence[Event]) -> int:
    """How many steps a run has."""
    return max((event.step for event in events), default=-1) + 1


def happened(event: Event) -> bool:
    """Is it more than that an interrupt did not come?"""
    return event.kind not in ARRIVALS or event.result != NOT_NOW


def end_of(events: Sequence[Event]) -> int:
    """When a run is over, in microseconds: there is room after the last step for who waits."""
    return (steps_of(events) + 1) * STEP


def pieces_of(events: Sequence[Event], timeline: Timeline | None) -> dict[int, list[Piece]]:
    """The pieces of each task, in order; those of a store buffer under its first task.

    They do not overlap: a wait begins when what is before it is over.
    """
    chains = _chains(events, timeline)
    shown = together(events, events)
    home = {event.task: each.task for event, each in zip(events, shown, strict=True)}
    pieces: dict[int, list[Piece]] = {}
    for event, chain in zip(events, chains, strict=True):
        if event.step >= 0 and happened(event):
            begin = event.step * STEP
            span = Span(begin, begin + OPERATION)
            piece = Piece(home[event.task], span, event.step, event.text, chain, event)
            pieces.setdefault(piece.task, []).append(piece)
    for piece in _waits(events, chains, timeline):
        pieces.setdefault(piece.task, []).append(piece)
    return {task: _apart(pieces[task]) for task in sorted(pieces)}


def _apart(pieces: list[Piece]) -> list[Piece]:
    """The pieces in order; a wait ends where the task does something."""
    kept = sorted((piece for piece in pieces if piece.wait < 0), key=lambda each: each.span)
    begins = [piece.span.begin for piece in kept]
    for piece in sorted((piece for piece in pieces if piece.wait >= 0), key=lambda e: e.span):
        at = bisect_right(begins, piece.span.begin)
        begin = max(piece.span.begin, kept[at - 1].span.end if at else 0)
        end = min(piece.span.end, begins[at] if at < len(begins) else piece.span.end)
        if begin < end:
            kept.insert(at, replace(piece, span=Span(begin, end)))
            begins.insert(at, begin)
    return kept


def _waits(
    events: Sequence[Event], chains: Sequence[tuple[Call, ...]], timeline: Timeline | None
) -> Iterator[Piece]:
    """The waits: those of the timeline, or of who is blocked at the end if there is none."""
    at = {(event.task, event.step): number for number, event in enumerate(events)}
    last = {event.task: event.step for event in events if event.step >= 0}
    waits = timeline.waits if timeline is not None else ()
    over = end_of(events)
    for number, wait in enumerate(waits):
        where = at.get((wait.task, wait.end))
        buffered = where is not None and events[where].context == BUFFER
        if wait.end != NEVER and (where is None or buffered):
            continue
        span = Span((wait.begin + 1) * STEP, over if wait.end == NEVER else wait.end * STEP)
        chain = chains[where] if where is not None else ()
        yield Piece(wait.task, span, wait.end, wait.text, chain, wait=number)
    told = {wait.task for wait in waits if wait.end == NEVER}
    for event, chain in zip(events, chains, strict=True):
        if event.step < 0 and event.kind == BLOCKED and event.task not in told:
            span = Span((last.get(event.task, -1) + 1) * STEP, over)
            yield Piece(event.task, span, NEVER, event.text, chain, wait=len(waits))


def _chains(events: Sequence[Event], timeline: Timeline | None) -> list[tuple[Call, ...]]:
    """The chain of each event, outermost call first, with the interrupts in it."""
    places = _places(events, timeline)
    above: dict[int, list[tuple[int, Call]]] = {}
    chains = []
    for event, frames in zip(events, places, strict=True):
        handlers = above.setdefault(event.task, [])
        if event.kind == ARRIVAL and happened(event) and event.step >= 0:
            name = event.text.removeprefix("<").removesuffix(">")
            handlers.append((len(frames), Call(Frame(name, 0, 0), interrupt=True)))
        chain = list(frames)
        for depth, call in reversed(handlers):
            chain.insert(min(depth, len(chain)), call)
        chains.append(tuple(chain))
        if event.kind == RETURN and handlers:
            handlers.pop()
    return chains


def _places(events: Sequence[Event], timeline: Timeline | None) -> list[list[Call]]:
    known = list(timeline.chains) if timeline is not None else []
    calls = []
    taken = 0
    for event in events:
        chain = [Call(frame) for frame in event.chain]
        if event.step >= 0 and timeline is not None and taken < len(known):
            where = known[taken]
            taken += 1
            for depth, place in enumerate(where[: len(chain)]):
                chain[depth] = chain[depth]._replace(place=timeline.places[place])
        calls.append(chain[::-1])
    return calls


@dataclass(slots=True)
class _Open:
    calls: list[tuple[Call, int, int]] = field(default_factory=list)
    around: list[Around] = field(default_factory=list)

    def close(self, depth: int, ts: int) -> None:
        """Leave all calls but the first `depth`."""
        for call, begin, at in self.calls[depth:]:
            self.around[at] = Around(call, Span(begin, ts))
        del self.calls[depth:]

    def enter(self, calls: Sequence[Call], ts: int) -> None:
        """Enter more calls."""
        for call in calls:
            self.calls.append((call, ts, len(self.around)))
            self.around.append(Around(call, Span(ts, ts)))


def calls_of(pieces: Sequence[Piece]) -> list[Around]:
    """The calls around a task's pieces, the outer ones first."""
    now = _Open()
    over = 0
    before: tuple[Call, ...] = ()
    for piece in pieces:
        shared = _shared(before, piece.chain)
        now.close(shared, over)
        now.enter(piece.chain[shared:], piece.span.begin)
        before, over = piece.chain, piece.span.end
    now.close(0, over)
    return now.around


def _shared(before: Sequence[Call], after: Sequence[Call]) -> int:
    """How many calls of one chain go on in the next."""
    for depth, (one, other) in enumerate(zip(before, after, strict=False)):
        if one.frame.function != other.frame.function or one.interrupt != other.interrupt:
            return depth
        if one.frame != other.frame:
            return depth + 1
    return min(len(before), len(after))


def place_text(call: Call) -> str:
    """`eventfs_root_lookup+0xd/0x1b (model/v3.py:211)`; without the file if that is not known."""
    if call.interrupt:
        return call.frame.function
    where = f" ({call.place.path}:{call.place.line})" if call.place is not None else ""
    return f"{call.frame}{where}"


def piece_args(piece: Piece, wait: Wait | None, heads: dict[int, str]) -> dict[str, Value]:
    """What is told of a piece beyond its name."""
    args: dict[str, Value] = {}
    if piece.step != NEVER:
        args["step" if piece.event is not None else "until step"] = piece.step
    args["operation"] = piece.name
    if piece.event is not None:
        if piece.event.result:
            args["result"] = piece.event.result
        args["context"] = piece.event.context
    if wait is not None and wait.on:
        args["waits for"] = [heads.get(task, f"task {task}") for task in wait.on]
    functions = [call for call in piece.chain if not call.interrupt]
    if functions:
        args["function"] = functions[-1].frame.function
        args["chain"] = [place_text(call) for call in reversed(piece.chain)]
    return args
