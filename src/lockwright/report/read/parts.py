"""What the lines inside each part of a report hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lockwright.report.read.draft import Draft, EntryDraft
from lockwright.report.read.frames import parse_frame, scan_frame
from lockwright.report.read.headlines import is_dashes
from lockwright.report.read.locks import NUMBER, parse_class, parse_lock, scan_class
from lockwright.report.read.marks import INLINED_MAX, take_lock
from lockwright.report.read.trace import HEADERS, bare_start, solid, take_trace

Handler: TypeAlias = Callable[[Draft, str, str], bool]

IDENT = re.compile(r"\S{3,120}(?: +#\S.{0,160}| +(?:Not tainted|Tainted: ).{0,80}|)$")
IDENT_REST = re.compile(
    r"[A-Z\- ]{1,40}$|tainted$|(?:Not tainted|Tainted: [A-Z\- ]{1,30})$|#\S{1,40}.{0,80}$"
)
MESSAGE = re.compile(r"(\S{1,200}:\d{1,7}) (\S.{3,400})$")
SCHEDULER = re.compile(r"rcu_scheduler_active = (\d), debug_locks = (\d)$")
CONTEXT = re.compile(r"context-\{(\d):(\d)\}$")
STEP = re.compile(r"(?:r?lock|sync)\(.{1,600}\);?$|local_irq_disable\(\);$|<Interrupt>$")
HEAD = re.compile(r" *(?:ops: ?(\d{1,12})|\[ops: *(\d{1,12})\])? ?\{$")
BIT = re.compile(r"([A-Za-z_-]{3,24}(?: READ)?(?: USE)?) +at:$")
KEY = re.compile(r"\.\.\. key +at: (.{1,600})$")
IN_ATOMIC = re.compile(
    r"in_atomic\(\): ?(\d{1,10}), irqs_disabled\(\): ?(\d{1,10})(?:, non_block: (\d{1,10}))?"
    r"(?:, pid: (\d{1,9}), name: ?(.{0,64}))?$"
)
COUNTS = {
    "preempt_count": re.compile(r"preempt_count: ([0-9a-f]{1,8}), expected: ([0-9a-f]{1,8})$"),
    "rcu_depth": re.compile(r"RCU nest depth: (\d{1,9}), expected: (\d{1,9})$"),
}
LEAK = re.compile(
    r"preempt=(0x[0-9a-f]{1,8}) lock=(\d{1,5})->(\d{1,5}) "
    r"RCU=(-?\d{1,6})->(-?\d{1,6}) workfn=(\S{1,200})$"
)
LAST_FUNCTION = re.compile(r"last function: (\S{1,200})$")
HEAD_STARTS = ("in_atomic", "preempt", "RCU nest", "Modules linked", "last function")
INFO_STARTS = ("rcu_scheduler", "RCU used", "Possible false", "context-")
CHAIN_INDENT = 4
OWN_TRACE = frozenset({"backtrace", "head", "preempt", "off"})
BARE_KINDS = frozenset(
    {"sleeping", "sched_atomic", "workqueue_leak", "unregistered_key", "limit", "dept"}
)


DOTTED = re.compile(r"^\.{2,3} +(?=\[)")
DOTS = ("...", "..")
"""Before the chain of an unsafe lock; old kernels print the first frame on that line, and mail
may lose a dot at the beginning of a line."""


def take_frame(draft: Draft, text: str, body: str) -> bool:
    """A frame of the call chain that is being read."""
    if draft.frames is None:
        return False
    frame = parse_frame(DOTTED.sub("", body))
    indent = len(text) - len(text.lstrip())
    if frame is None or not (solid(frame) or indent >= CHAIN_INDENT):
        return body in DOTS
    if draft.part == "entries" and draft.indent is None:
        draft.indent = indent
    draft.frames.append(frame)
    return True


def _ident(draft: Draft, text: str, body: str) -> bool:
    if is_dashes(body):
        draft.rulers[1] = len(body)
        draft.part = "body"
        draft.found.add("ruler")
        return True
    if not draft.ident:
        match = IDENT.match(body) if body[0].isalnum() else None
        if match is None or (" " not in body and not body[0].isdigit()) or body.endswith(":"):
            return False
        draft.ident.append(body)
        return True
    if len(draft.ident) < 3 and IDENT_REST.match(body):
        draft.ident.append(body)
        return True
    return False


def _body(draft: Draft, text: str, body: str) -> bool:
    """Between the ruler and the first sentence: what a kind says first."""
    if is_dashes(body):
        draft.rulers[1] = draft.rulers[1] or len(body)
        return True
    if draft.kind == "rcu":
        return _message(draft, text, body)
    return False


def _message(draft: Draft, text: str, body: str) -> bool:
    if "message" in draft.extra:
        unfinished = draft.part == "message" and not draft.extra["message"].endswith("!")
        if unfinished and len(body) < 100 and body[-1] in "!":
            draft.extra["message"] += f" {body}"
            return True
        return False
    match = MESSAGE.match(body)
    if match is None or not ("RCU" in match[2] or "rcu" in match[2] or match[2].endswith("!")):
        return False
    draft.extra["place"], draft.extra["message"] = match[1], match[2]
    draft.begin("message")
    return True


def _info(draft: Draft, text: str, body: str) -> bool:
    if not body.startswith(INFO_STARTS):
        return False
    match = SCHEDULER.match(body)
    if match is not None:
        draft.extra["rcu_scheduler_active"] = int(match[1])
        draft.extra["debug_locks"] = int(match[2])
        draft.begin("scheduler")
        return True
    if body.startswith(("RCU used illegally from ", "Possible false positive due to ")):
        draft.extra.setdefault("notes", []).append(body)
        return True
    match = CONTEXT.match(body)
    if match is not None:
        draft.extra["context"] = (int(match[1]), int(match[2]))
        draft.begin("context")
        return True
    return False


def _lock(draft: Draft, text: str, body: str) -> bool:
    return take_lock(draft, draft.part, body)


def _class(draft: Draft, text: str, body: str) -> bool:
    lock = parse_class(body)
    if lock is None or draft.part in draft.locks:
        return False
    draft.locks[draft.part] = lock
    return True


def _dependency(draft: Draft, text: str, body: str) -> bool:
    first = scan_class(body)
    if first is None or draft.dependency is not None:
        return False
    rest = first[1].strip()
    second = scan_class(rest[2:]) if rest.startswith("->") else None
    if second is None:
        return False
    draft.dependency = (first[0], second[0])
    return True


def _exists(draft: Draft, text: str, body: str) -> bool:
    if "-->" not in body and not (draft.exists and draft.exists[-1].endswith("-->")):
        return False
    draft.exists.append(body)
    return True


def _scenario(draft: Draft, text: str, body: str) -> bool:
    if body.startswith("CPU0") or body in ("----", "---- ----") or not body.strip("- "):
        if body.startswith("CPU0"):
            draft.cpus = 2 if "CPU1" in body else 1
        return True
    if STEP.match(body) is None:
        return False
    draft.scenario.append((len(text) - len(text.lstrip()), body))
    return True


def _held_list(draft: Draft, text: str, body: str) -> bool:
    if NUMBER.match(body) is None:
        return False
    lock = parse_lock(body)
    if lock is None:
        return False
    last = draft.held[-1] if draft.held else None
    if last is not None and last.number == lock.number:
        if len(last.inlined) >= INLINED_MAX:
            return False
        inlined = (*last.inlined, last.at) if last.at is not None else last.inlined
        draft.held[-1] = replace(lock, inlined=inlined)
        return last.name == lock.name
    if not draft.held:
        draft.held_indent = len(text) - len(text.lstrip())
    draft.held.append(lock)
    return True


def _release(draft: Draft, text: str, body: str) -> bool:
    frame = parse_frame(body)
    if frame is None or not solid(frame):
        return False
    before = draft.extra.get("at")
    if before is not None:
        draft.extra.setdefault("inlined", []).append(before)
    draft.extra["at"] = frame
    return True


def _preempt(draft: Draft, text: str, body: str) -> bool:
    frame = parse_frame(body)
    if frame is None or not solid(frame):
        return _head(draft, text, body)
    draft.extra["preempt_off_at"] = frame
    return True


def _nest(draft: Draft, text: str, body: str) -> bool:
    if "nest" in draft.extra or draft.blanks:
        return False
    draft.extra["nest"] = body
    return True


def _dumps(draft: Draft, text: str, body: str) -> bool:
    if body.startswith("-> ("):
        found = scan_class(body[3:])
        match = HEAD.match(found[1]) if found is not None else None
        if found is None or match is None:
            return False
        entry = EntryDraft(len(text) - len(text.lstrip()), found[0])
        entry.operations = int(match[1] or match[2]) if match[1] or match[2] else None
        draft.dumps.setdefault(draft.part.partition(":")[2], []).append(entry)
        draft.frames = None
        return True
    entries = draft.dumps.get(draft.part.partition(":")[2])
    if not entries:
        return body == "..."
    return _in_dump(draft, entries[-1], body)


def _in_dump(draft: Draft, entry: EntryDraft, body: str) -> bool:
    if body == "}":
        draft.frames = None
        return True
    if body == "... acquired at:":
        entry.acquired = draft.frames = []
        return True
    match = KEY.match(body)
    if match is not None:
        found = scan_frame(match[1])
        entry.key = found[0] if found is not None else None
        return True
    match = BIT.match(body)
    if match is None:
        return False
    draft.frames = []
    entry.usages.append((match[1], draft.frames))
    return True


def _head(draft: Draft, text: str, body: str) -> bool:
    """What the short reports say below their first line."""
    if not body.startswith(HEAD_STARTS):
        return False
    match = IN_ATOMIC.match(body)
    if match is not None:
        names = ("in_atomic", "irqs_disabled", "non_block")
        draft.extra.update({k: int(v) for k, v in zip(names, match.groups(), strict=False) if v})
        if match[4] is not None and draft.comm is None:
            draft.comm, draft.pid = match[5] or None, int(match[4])
        draft.found.add("in_atomic")
        return True
    for name, pattern in COUNTS.items():
        match = pattern.match(body)
        if match is not None:
            draft.extra[name] = (int(match[1], 16), int(match[2], 16))
            return True
    if body.startswith("Modules linked in:"):
        return True
    return _leak(draft, body)


def _leak(draft: Draft, body: str) -> bool:
    match = LEAK.match(body)
    if match is not None:
        draft.extra["preempt_count"] = int(match[1], 16)
        draft.extra["locks"] = (int(match[2]), int(match[3]))
        draft.extra["rcu_depth"] = (int(match[4]), int(match[5]))
        draft.extra["function"] = match[6]
        draft.found.add("counts")
        return True
    match = LAST_FUNCTION.match(body)
    if match is not None:
        draft.extra["function"] = match[1]
        draft.found.add("counts")
        return True
    return False


HANDLERS: dict[str, Handler] = {
    "ident": _ident,
    "body": _body,
    "new": _lock,
    "held": _lock,
    "message": _message,
    "info": _info,
    "scheduler": _info,
    "exists": _exists,
    "scenario": _scenario,
    "held_list": _held_list,
    "release": _release,
    "preempt": _preempt,
    "nest": _nest,
    "dependency": _dependency,
    "head": _head,
    "backtrace": take_trace,
}


def take(draft: Draft, text: str, body: str) -> bool:
    """A line that begins no part goes to the part that it stands in.  False: not understood."""
    part = draft.part
    if part.startswith("state:"):
        return _class(draft, text, body)
    if part.startswith("dumps"):
        if _dumps(draft, text, body) or take_frame(draft, text, body):
            return True
    else:
        handler = HANDLERS.get(part)
        if handler is not None and handler(draft, text, body):
            return True
        if part == "entries" or draft.frames is not None:
            return take_frame(draft, text, body)
    return _anywhere(draft, text, body)


def _anywhere(draft: Draft, text: str, body: str) -> bool:
    """Lines that may stand after any part."""
    if _info(draft, text, body) or _head(draft, text, body):
        return True
    if draft.kind == "rcu" and _message(draft, text, body):
        return True
    if draft.part in OWN_TRACE or draft.kind in BARE_KINDS:
        if not body.startswith(HEADERS):
            frame = parse_frame(body) if draft.kind in BARE_KINDS else None
            if frame is None or not bare_start(draft, frame):
                return False
        draft.begin("backtrace")
        return take_trace(draft, text, body)
    return False
