"""Reports of DEPT, which tracks waits and events in place of orders of acquisition.

    context B
        [S] down_write(mapping.invalidate_lock:0)
        [W] wait(&(&journal->j_wait_transaction_locked)->dmap:0)
        [E] up_write(mapping.invalidate_lock:0)

The event is not reached before the wait ends: the event's class waits for the wait's.
"""

from __future__ import annotations

import re

from lockwright.report.read.draft import Draft
from lockwright.report.read.frames import parse_frame
from lockwright.report.read.headlines import is_dashes
from lockwright.report.read.parsed import ParsedEdge, ParsedFrame

CONTEXT = re.compile(r"context ([A-Z]{1,2})('s detail)?$")
EVENT = re.compile(r"\[([SWE])\] ?(.{1,600}?)(:?)$")
NAMES = {"S": "start", "W": "wait", "E": "event"}
LEGEND = (
    "[S]: start of the event context",
    "[W]: the wait blocked",
    "[E]: the event not reachable",
)
TEXTS = frozenset(
    {"summary", "*** DEADLOCK ***", "information that might be helpful", "(N/A)", *LEGEND}
)
HEADERS = ("CPU:", "Hardware name", "Call Trace:", "Call trace:")


def take_dept(draft: Draft, body: str) -> bool:
    """One line of such a report, up to its backtrace.  False: not understood here."""
    if draft.part == "ident" and not draft.ident:
        return False
    if draft.part == "backtrace":
        return False
    if is_dashes(body) or body in TEXTS or body.startswith("*** AA DEADLOCK"):
        draft.part = "body" if draft.part == "ident" else draft.part
        draft.frames = None if is_dashes(body) or body in TEXTS else draft.frames
        return True
    match = CONTEXT.match(body)
    if match is not None:
        draft.extra.setdefault("contexts", {}).setdefault(match[1], {})
        draft.extra["detail"] = match[1] if match[2] else draft.extra.get("detail")
        draft.extra["context"] = match[1]
        draft.begin("contexts")
        return True
    match = EVENT.match(body)
    if match is not None and "contexts" in draft.extra:
        return _event(draft, match)
    if body == "stacktrace:":
        return True
    if body.startswith(HEADERS):
        return False
    return _frame(draft, body)


def _event(draft: Draft, match: re.Match[str]) -> bool:
    context = draft.extra["contexts"].get(draft.extra.get("context"))
    if context is None:
        return False
    function, name = split_event(match[2])
    if match[3]:
        frames: list[ParsedFrame] = []
        traces = draft.extra.setdefault("traces", {})
        traces[draft.extra["context"], NAMES[match[1]]] = frames
        draft.frames = frames
    else:
        context.setdefault(NAMES[match[1]], (function, name))
    return True


def split_event(text: str) -> tuple[str, str]:
    """fn(class:subclass) as its two parts; the function may be "(unknown)"."""
    at = text.find("(", 1)
    if at < 0:
        return text, ""
    return text[:at], text[at + 1 :].removesuffix(")")


def _frame(draft: Draft, body: str) -> bool:
    if draft.frames is None:
        return False
    frame = parse_frame(body)
    if frame is None:
        return False
    draft.frames.append(frame)
    return True


def dept_edges(draft: Draft) -> tuple[ParsedEdge, ...]:
    """Event's class to wait's class, of every context that names both."""
    traces = draft.extra.get("traces", {})
    edges = []
    for name, context in draft.extra.get("contexts", {}).items():
        if "wait" in context and "event" in context:
            frames = tuple(traces.get((name, "wait"), ()))
            edges.append(ParsedEdge(context["event"][1], context["wait"][1], "??", frames))
    return tuple(edges)
