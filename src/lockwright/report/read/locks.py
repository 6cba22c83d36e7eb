"""Locks, tasks and interrupt states as reports print them.

    ffff888100dc1a20 (&dev->mutex){....}-{3:3}, at: device_resume+0xc6/0x280
     #0:  (&pipe->mutex/1){+.+.+.}, at: [<ffffffff81844c6b>] pipe_lock+0x5b/0x70

A name may hold blanks, parentheses and arrows, so it is sought from its end: it goes up to the
first `){....}`.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lockwright.report.read.frames import format_frame, scan_frame
from lockwright.report.read.parsed import ParsedIrqs, ParsedLock, Wait

USAGE = re.compile(r"\) ?\{([.+?\-]{4}|[.+?\-]{6})\}(?:-\{(\d):(\d)\})?")
NUMBER = re.compile(r" *#(\d{1,3}): *")
LOCK_ADDRESS = re.compile(r" *([0-9a-fA-F]{8}|[0-9a-fA-F]{16}|\(ptrval\)|_*ptrval_*) ?(?=\(|$| )")
RELEASED = "<RELEASED>"
WHO = re.compile(r"(.{0,64})/(-?\d{1,9})$", re.DOTALL)
IRQS = re.compile(r" ?\[HC(\d)\[(\d{1,10})\]:SC(\d)\[(\d{1,10})\]:HE(\d):SE(\d)\]$")
AT = "at:"
RUBBISH_MAX = 3
"""A terminal too narrow shows the last character of a line behind what fits."""


def parse_who(text: str) -> tuple[str, int] | None:
    """comm/pid: the pid is after the last slash."""
    match = WHO.search(text[-80:].strip()) if len(text) > 80 else WHO.match(text.strip())
    return (match[1], int(match[2])) if match else None


def split_irqs(text: str) -> tuple[str, ParsedIrqs | None]:
    """The text without the interrupt state at its end, and that state."""
    match = IRQS.search(text[-64:])
    if match is None:
        return text, None
    values = [int(group) for group in match.groups()]
    hardirq, hardirqs, softirq, softirqs, hard_on, soft_on = values
    state = ParsedIrqs(hardirq, hardirqs, softirq, softirqs, bool(hard_on), bool(soft_on))
    return text[: len(text) - len(match[0])], state


def scan_class(text: str) -> tuple[ParsedLock, str] | None:
    """(name){usage}-{outer:inner} at the beginning of a text, and what stands after it."""
    body = text.lstrip()
    if not body.startswith("("):
        return None
    match = _usage(body)
    if match is None:
        return None
    wait: Wait | None = (int(match[2]), int(match[3])) if match[2] else None
    return ParsedLock(body[1 : match.start()].strip(), match[1], wait), body[match.end() :]


def _usage(body: str) -> re.Match[str] | None:
    """The usage characters that end the first class of a text.

    The first ones count: names hold parentheses, blanks and arrows, but nothing like `){....}`.
    """
    return USAGE.search(body, 0, 1024)


def parse_lock(text: str) -> ParsedLock | None:
    """A whole LOCK, with or without number, address and place; None if the text is none."""
    rest = text.strip()
    number: int | None = None
    match = NUMBER.match(rest)
    if match is not None:
        number, rest = int(match[1]), rest[match.end() :]
    if rest.startswith(RELEASED):
        return ParsedLock(RELEASED, number=number)
    address: str | None = None
    match = LOCK_ADDRESS.match(rest)
    if match is not None:
        address, rest = match[1], rest[match.end() :]
    found = scan_class(rest) or _class_without_usage(rest)
    if found is None:
        return None
    lock, rest = found
    lock = replace(lock, number=number, address=address)
    rest = rest.lstrip().removeprefix(",").lstrip()
    if not rest:
        return lock
    if not rest.startswith(AT):
        return lock if AT.startswith(rest) or len(rest) < RUBBISH_MAX else None
    place = rest[3:].strip()
    frame = scan_frame(place)
    return replace(lock, at=frame[0]) if frame is not None else lock


def _class_without_usage(text: str) -> tuple[ParsedLock, str] | None:
    """A class whose usage somebody cut away, before "at:"."""
    body = text.lstrip()
    end = body.find(" at:")
    if not body.startswith("(") or end < 0:
        return None
    name = body[:end].rstrip().removesuffix(",").rstrip()
    if not name.endswith(")") or "{" in name:
        return None
    return ParsedLock(name[1:-1]), body[end + 1 :]


def parse_class(text: str) -> ParsedLock | None:
    """(name){usage}-{outer:inner} and nothing else."""
    found = scan_class(text)
    return found[0] if found is not None and not found[1].strip() else None


def format_class(lock: ParsedLock) -> str:
    """(name){usage}-{outer:inner}, as far as the kernel prints it."""
    usage = "" if lock.usage is None else f"{{{lock.usage}}}"
    wait = "" if lock.wait is None else f"-{{{lock.wait[0]}:{lock.wait[1]}}}"
    return f"({lock.name}){usage}{wait}"


def format_lock(lock: ParsedLock) -> list[str]:
    """The lines of a lock: one more for each function inlined into the place."""
    number = "" if lock.number is None else f" #{lock.number}: "
    if lock.name == RELEASED and lock.usage is None:
        return [f"{number}{RELEASED}"]
    head = f"{number}{lock.address or ''} {format_class(lock)}"
    frames = (*lock.inlined, lock.at)
    return [f"{head}, at: {format_frame(frame)}" if frame else head for frame in frames]
