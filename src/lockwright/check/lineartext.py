"""What is said of a history that no order explains: its calls over time, and what was expected."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.history import Entry, text_of
from lockwright.core.location import Value

WIDTH = 80
SHOWN_MAX = 6
"""At most so many results are listed."""

Effects = Sequence[tuple[Entry, Value]]


def because(last: Entry) -> str:
    """The sentence of a finding."""
    return f"no order of the calls explains that {last} gave {text_of(last.result)}"


def timeline(
    history: Sequence[Entry],
    last: Entry,
    possible: Sequence[Value] | None,
    order: Effects,
) -> list[str]:
    """One line a call, in order of invocation, and below them what could have been."""
    lines = _drawn(sorted(history, key=lambda entry: entry.invoked))
    if possible is not None:
        lines.append(f"{last} of {last.who} {_could(possible)}")
    told = [f"{entry} of {entry.who} gives {text_of(result)}" for entry, result in order]
    return [*lines, f"what explains the others: {', '.join(told) or 'no call takes effect'}"]


def _could(possible: Sequence[Value]) -> str:
    if not possible:
        return "could not have returned at all"
    return f"could have given {_listed(possible)}"


def _listed(values: Sequence[Value]) -> str:
    """`1, 2 or 3`"""
    texts = [text_of(value) for value in values]
    if len(texts) > SHOWN_MAX:
        texts = [*texts[:SHOWN_MAX], f"{len(texts) - SHOWN_MAX} others"]
    *first, end = texts
    return f"{', '.join(first)} or {end}" if first else end


def _drawn(history: Sequence[Entry]) -> list[str]:
    """The calls as bars, the moments from left to right; narrower where there are many."""
    who = max(len(entry.who) for entry in history)
    call = max(len(str(entry)) for entry in history)
    moments = sorted(
        {entry.invoked for entry in history}
        | {entry.returned for entry in history if entry.returned is not None}
    )
    place = {moment: at for at, moment in enumerate(moments)}
    ends = [_ending(entry) for entry in history]
    room = WIDTH - who - call - max(map(len, ends)) - 8
    wide = next((wide for wide in (3, 2, 1) if wide * (len(moments) - 1) < room), 0)
    lines = []
    for entry, end in zip(history, ends, strict=True):
        text = f"  {entry.who:{who}}  {entry!s:{call}}  "
        if wide:
            stop = None if entry.returned is None else place[entry.returned]
            text += f"{_bar(place[entry.invoked], stop, len(moments), wide)}  "
        lines.append(text + end)
    return lines


def _bar(start: int, end: int | None, count: int, wide: int) -> str:
    """`   |--|  ` from one moment to another; without an end, as far as there is room."""
    last = (count - 1) * wide
    stop = last if end is None else end * wide
    middle = "-" * (stop - start * wide - 1)
    bar = " " * (start * wide) + "|" + middle + ("|" if end is not None else "-")
    return bar.ljust(last + 1)


def _ending(entry: Entry) -> str:
    return "pending" if entry.returned is None else f"gave {text_of(entry.result)}"
