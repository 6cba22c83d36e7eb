"""How a report begins: at its headline, or, when that is lost, at the first sentence after it."""

from __future__ import annotations

import re

from lockwright.report.read.draft import Draft
from lockwright.report.read.early import state_name
from lockwright.report.read.headlines import (
    KEY,
    LEAKED,
    LIMIT,
    ORDER,
    SCHEDULING,
    SLEEPINGS,
    STILL,
    bare_headline,
    headline,
    is_dashes,
    is_ruler,
)
from lockwright.report.read.locks import parse_who
from lockwright.report.read.marks import FREED, RELEASE, USAGES, mark
from lockwright.report.read.parts import IDENT, take
from lockwright.report.read.stream import Logical, Stream

ORPHANS = (
    (" is trying to acquire lock:", "unknown"),
    (" is trying to acquire:", "irq_order"),
    (" is trying to lock:", "unknown"),
    (" just changed the state of lock:", "irq_inversion"),
    ("] takes:", "inconsistent"),
    (" is leaving the kernel with locks still held!", "user_return"),
)
CHAIN = "the existing dependency chain (in reverse order) is:"
TASK = re.compile(r"(.{1,64})/(-?\d{1,9})/0x([0-9a-f]{1,8})$", re.DOTALL)
LEAKED_TASK = re.compile(
    r"(.{1,64})\[(\d{1,9})\]$|(.{1,64})/0x([0-9a-f]{1,8})/(\d{1,9})$", re.DOTALL
)
FILE_LINE = re.compile(r"(\S{1,250}:\d{1,7})$")
MISUSE = re.compile(
    r"\S{1,200}:\d{1,7} (?:suspicious rcu_\w{1,40}\(\) usage!"
    r"|RCU-list traversed in non-reader section!!)$"
)
BARE = frozenset({"sleeping", "sched_atomic", "workqueue_leak", "unregistered_key", "limit"})


def orphan(body: str, *, inside: bool) -> str | None:
    """The kind of report that this line belongs to, if a report without headline begins here.

    `inside`: another one is being read, so that only the sentence that names a task counts.
    """
    last = body[-1]
    if last == "." and not inside and USAGES.match(body):
        return "inconsistent"
    if last not in ":!":
        return None
    for end, kind in ORPHANS:
        if body.endswith(end):
            return kind
    if body == CHAIN and not inside:
        return "circular"
    if not inside and MISUSE.match(body):
        return "rcu"
    if RELEASE.match(body):
        return "bad_unlock"
    return "held_freed" if FREED.match(body) else None


def open_draft(kind: str, line: Logical, body: str, stream: Stream) -> Draft:
    """A report that begins at this line."""
    if headline(body) is None:
        return _without_headline(kind, line, body, stream)
    draft = Draft(kind, body, line.first, line.last)
    draft.base = len(line.text) - len(line.text.lstrip())
    for before in reversed(stream.before):
        text = before.text.strip()
        if is_ruler(text):
            draft.first, draft.rulers[0] = before.first, len(text)
            break
    draft.found.add("headline")
    if kind in BARE:
        draft.part = "head"
        _from_headline(draft, body)
    if kind == "still_held":
        match = STILL.match(bare_headline(body))
        who = parse_who(match[1]) if match is not None else None
        if who is not None:
            draft.comm, draft.pid = who
    if kind == "irq_order":
        match = ORDER.fullmatch(bare_headline(body))
        draft.extra["state"] = state_name(match[1]) if match is not None else None
    return draft


def _without_headline(kind: str, line: Logical, body: str, stream: Stream) -> Draft:
    draft = Draft(kind, "", line.first, line.last, part="body")
    before = list(stream.before)
    if len(before) > 1 and is_dashes(before[-1].text.strip()):
        ident = before[-2].text.strip()
        if IDENT.match(ident) and "ainted" in ident:
            draft.ident, draft.first = [ident], before[-2].first
            draft.rulers[1] = len(before[-1].text.strip())
    if not mark(draft, body):
        take(draft, line.text, body)
    return draft


def _from_headline(draft: Draft, body: str) -> None:
    """What the headlines of the short reports say themselves."""
    draft.found.add("ruler")
    if draft.kind == "sleeping":
        lead = next(lead for lead in SLEEPINGS if body.startswith(lead))
        match = FILE_LINE.match(body[len(lead) :].strip())
        draft.extra["place"] = match[1] if match is not None else None
    elif draft.kind == "sched_atomic":
        match = TASK.match(body[len(SCHEDULING) :])
        if match is not None:
            draft.comm, draft.pid = match[1], int(match[2])
            draft.extra["preempt_count"] = int(match[3], 16)
    elif draft.kind == "workqueue_leak":
        lead = next(lead for lead in LEAKED if body.startswith(lead))
        match = LEAKED_TASK.match(body[len(lead) :])
        if match is not None:
            draft.comm, draft.pid = match[1] or match[3], int(match[2] or match[5])
            if match[4]:
                draft.extra["preempt_count"] = int(match[4], 16)
    elif draft.kind == "unregistered_key":
        match = KEY.match(bare_headline(body))
        draft.extra["key"] = match[1] if match is not None else None
    else:
        match = LIMIT.match(bare_headline(body))
        draft.extra["what"] = match[1] or match[2] if match is not None else None
