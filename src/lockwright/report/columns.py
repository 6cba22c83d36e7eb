"""An interleaving as text: one task a column, or a list where columns do not fit.

    step  one              two
          first:
       0    mutex_lock(A)
                           second:
       1                     mutex_lock(B)
          blocked:         blocked:
            mutex_lock(B)    mutex_lock(A)

A function is named when a task's operations begin to come from it.  A run of the same operation
is one row.  Events of step -1 say what became of a task that is not done, and make the last row.

A handler's steps stand in the column of the task that it interrupts, between `<Interrupt eth0>` and
`</Interrupt>`.  Where an interrupt could have come and did not, there is no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from lockwright.core.event import Event

WIDTH = 80
BUFFER = "store buffer"
PLAIN = ("process", BUFFER)
ARRIVALS = ("interrupt", "idle_interrupt")
NOT_NOW = "false"
COLUMNS_MAX = 4
COLUMN_MIN = 16
GAP = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One run of steps of one task; `function` is empty where it is the same as before."""

    label: str
    task: int
    function: str
    text: str


def columns(
    events: Sequence[Event], width: int = WIDTH, whole: Sequence[Event] | None = None
) -> str:
    """The events as lines no wider than `width`; empty for no events.

    Of a part of an interleaving, `whole` is all of it: the part has its columns.
    """
    if not events:
        return ""
    whole = events if whole is None else whole
    whole = together(whole, whole)
    shown = {event.task for event in whole if _happened(event)}
    heads = {task: head for task, head in heads_of(whole).items() if task in shown}
    events = together(events, whole)
    rows = rows_of([event for event in events if event.step >= 0])
    last = [event for event in events if event.step < 0]
    step = max(len("step"), *(len(row.label) for row in rows)) if rows else len("step")
    widths = _widths(_wanted(heads, rows, last), width - step)
    if widths is None:
        return "\n".join(_list(heads, rows, last, width))
    return "\n".join(_table(heads, rows, last, [step, *widths]))


def together(events: Sequence[Event], whole: Sequence[Event]) -> list[Event]:
    """The stores that one task's buffer flushes stand in one column, though each is a task."""
    first: dict[str, int] = {}
    for event in whole:
        if event.context == BUFFER:
            first.setdefault(event.comm, event.task)
    return [
        replace(event, task=first[event.comm]) if event.context == BUFFER else event
        for event in events
    ]


def _happened(event: Event) -> bool:
    """Is it more than that an interrupt did not come?"""
    return event.kind not in ARRIVALS or event.result != NOT_NOW


def heads_of(events: Sequence[Event]) -> dict[int, str]:
    """What each task is called, in order of creation: `comm`, or `comm:index` if two share it."""
    # the first event of a task: later ones may be those of a handler on top of it
    firsts = {event.task: event for event in reversed(events)}
    tasks = {task: firsts[task] for task in sorted(firsts)}
    comms = [event.comm for event in tasks.values()]
    heads = {}
    for task, event in tasks.items():
        name = event.comm if comms.count(event.comm) == 1 else f"{event.comm}:{task}"
        heads[task] = name if event.context in PLAIN else f"{name} ({event.context})"
    return heads


def rows_of(events: Sequence[Event]) -> list[Row]:
    """The steps, runs of the same operation joined."""
    rows: list[Row] = []
    functions: dict[int, str] = {}
    for run in runs_of(events):
        first, last = run[0], run[-1]
        label = str(first.step) if len(run) == 1 else f"{first.step}-{last.step}"
        text = f"{first.text} = {first.result}" if first.result else first.text
        if len(run) > 1:
            text += f" x{len(run)}"
        function = first.chain[0].function if first.chain else ""
        changed = function != functions.get(first.task, "")
        functions[first.task] = function
        rows.append(Row(label, first.task, function if changed else "", text))
    return rows


def runs_of(events: Sequence[Event]) -> list[list[Event]]:
    """The events, runs of the same operation together; without the interrupts that did not come."""
    runs: list[list[Event]] = []
    for event in events:
        if not _happened(event):
            continue
        if runs and _same(runs[-1][0], event):
            runs[-1].append(event)
        else:
            runs.append([event])
    return runs


def _same(event: Event, other: Event) -> bool:
    return (event.task, event.text, event.result, event.chain) == (
        other.task,
        other.text,
        other.result,
        other.chain,
    )


def _wanted(heads: dict[int, str], rows: list[Row], last: list[Event]) -> list[int]:
    """How wide each column would like to be."""
    wanted = {task: len(head) for task, head in heads.items()}
    for row in rows:
        wanted[row.task] = max(wanted[row.task], len(row.text) + 2, len(row.function) + 1)
    for event in last:
        wanted[event.task] = max(wanted[event.task], len(event.text) + 2, len(event.kind) + 1)
    return list(wanted.values())


def _widths(wanted: list[int], room: int) -> list[int] | None:
    """The columns' widths, narrow ones as they are, the others equal; None if they do not fit."""
    if len(wanted) > COLUMNS_MAX:
        return None
    room -= GAP * len(wanted)
    widths = [0] * len(wanted)
    left = len(wanted)
    for at in sorted(range(len(wanted)), key=lambda at: wanted[at]):
        widths[at] = min(wanted[at], room // left)
        room -= widths[at]
        left -= 1
    cramped = any(width < min(want, COLUMN_MIN) for width, want in zip(widths, wanted, strict=True))
    return None if cramped else widths


def _table(
    heads: dict[int, str], rows: list[Row], last: list[Event], widths: list[int]
) -> list[str]:
    place = {task: at for at, task in enumerate(heads, 1)}
    cells = [wrap(head, widths[at]) for at, head in enumerate(heads.values(), 1)]
    lines = _line([["step"], *cells], widths)
    for row in rows:
        blank: list[list[str]] = [[] for _ in widths]
        if row.function:
            blank[place[row.task]] = wrap(f"{row.function}:", widths[place[row.task]])
            lines += _line(blank, widths)
        blank[0] = [row.label.rjust(widths[0])]
        blank[place[row.task]] = _inside(row.text, widths[place[row.task]])
        lines += _line(blank, widths)
    if last:
        ends: list[list[str]] = [[] for _ in widths]
        for event in last:
            at = place[event.task]
            ends[at] = [f"{event.kind}:", *_inside(event.text, widths[at])]
        lines += _line(ends, widths)
    return lines


def _inside(text: str, width: int) -> list[str]:
    return [f"  {line}" for line in wrap(text, width - 2)]


def _line(cells: list[list[str]], widths: list[int]) -> list[str]:
    lines = []
    for texts in zip_longest(*cells, fillvalue=""):
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _list(heads: dict[int, str], rows: list[Row], last: list[Event], width: int) -> list[str]:
    """The form `step task text`, for many tasks or little room."""
    step = max([len("step"), *(len(row.label) for row in rows)])
    task = min(max(map(len, heads.values())), max(width // 4, 4))
    widths = [step, task, max(width - step - task - 2 * GAP, COLUMN_MIN)]
    lines = _line([["step"], ["task"], ["operation"]], widths)
    for row in rows:
        text = f"{row.function}: {row.text}" if row.function else row.text
        cells = [[row.label.rjust(step)], wrap(heads[row.task], task), wrap(text, widths[2])]
        lines += _line(cells, widths)
    for event in last:
        text = f"{event.kind}: {event.text}"
        lines += _line([[], wrap(heads[event.task], task), wrap(text, widths[2])], widths)
    return lines


def wrap(text: str, width: int) -> list[str]:
    """Cut a text into lines, after a space, a comma or a part of a name if it can."""
    lines = []
    width = max(width, 4)
    while len(text) > width:
        cut = max(text.rfind(mark, 0, width) + 1 for mark in " ,(>_:/")
        if cut <= width // 2:
            cut = width
        lines.append(text[:cut].rstrip())
        text = "  " + text[cut:].lstrip()
    return [*lines, text]


def counted(number: int, noun: str) -> str:
    """`1 execution`, `2 executions`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
