"""A failing run beside the nearest one that passes, from the first choice that differs."""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.nearest import Nearest
from lockwright.report.columns import WIDTH, columns, counted, heads_of, rows_of
from lockwright.report.lines import folded, replay_line

ROWS_MAX = 10
"""What a run shows after the choice is cut here: what matters is near to it."""


def nearest_text(finding: Finding, width: int = WIDTH) -> str:
    """What was found beside a finding; nothing if nobody looked, or there is nothing to lay beside
    it.  The finding's own events are the failing run."""
    nearest = finding.nearest
    if nearest is None:
        return ""
    if not nearest.schedule:
        return "\n".join(folded(_without(nearest), width))
    parts = ["\n".join(folded(_difference(finding, nearest), width))]
    if nearest.events:
        for name, events in (("fails", finding.events), ("passes", nearest.events)):
            rest = _from(events, nearest.step)
            table = columns(rest, width, events)
            parts.append("\n".join([f"{name}:", table, *_cut(events, rest, width)]))
    if nearest.token:
        parts.append(replay_line(nearest.token, "the run that passes"))
    return "\n\n".join(parts)


def _without(nearest: Nearest) -> str:
    if nearest.exhausted:
        return "no run passes: every schedule of the scenario breaks something"
    return f"no run that passes was found in {counted(nearest.attempts, 'execution')}"


def _difference(finding: Finding, nearest: Nearest) -> str:
    """The choice that decides, in words."""
    step = nearest.step
    said = f"the nearest run that passes differs first in step {step}"
    if nearest.events:
        said += f": {_did(nearest.events, step)}, not {_did(finding.events, step)}"
    if nearest.still:
        said += f" (it still shows: {', '.join(nearest.still)})"
    return said


def _did(events: Sequence[Event], step: int) -> str:
    event = next((event for event in events if event.step == step), None)
    if event is None:
        return "the end"
    return f"{heads_of(events)[event.task]} in {event.text}"


def _from(events: Sequence[Event], step: int) -> list[Event]:
    """The events from a step on, so many that they make no more than `ROWS_MAX` rows."""
    steps = [event for event in events if event.step >= step]
    rows = rows_of(steps)
    if len(rows) <= ROWS_MAX:
        return [*steps, *(event for event in events if event.step < 0)]
    last = int(rows[ROWS_MAX - 1].label.rpartition("-")[2])
    return [event for event in steps if event.step <= last]


def _cut(events: Sequence[Event], shown: Sequence[Event], width: int) -> list[str]:
    """That there was more."""
    last = max((event.step for event in shown), default=-1)
    more = sum(event.step > last for event in events)
    return folded(f"... {counted(more, 'step')} more", width) if more else []
