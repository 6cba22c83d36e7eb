"""The backtrace at the end of a report: its header, its frames, and what stands between them."""

from __future__ import annotations

import re

from lockwright.report.read.draft import Draft
from lockwright.report.read.early import before
from lockwright.report.read.frames import parse_frame
from lockwright.report.read.parsed import ParsedFrame, TraceLine

HEADERS = (
    "CPU:",
    "Pid:",
    "Hardware name",
    "Workqueue:",
    "Call Trace:",
    "Call trace:",
    "Backtrace:",
    "Tainted:",
    "Stack:",
    "Stack :",
)
INSIDE = re.compile(
    r"</?#?[A-Z]{2,8}>|RIP: |Code: |R[A-Z0-9]{2}: |r\d{1,2}:|FS: |CS: |CR2"
    r"|DR\d: |Exception stack"
    r"|[0-9a-f]{4,16}: {1,80}[0-9a-f]{8}|EIP: |E[A-Z]{2}: |DS: |pc : |lr : |sp : "
    r"|x\d{1,2} ?: |pstate|(?:[0-9a-f]{8}|[0-9a-f]{16})(?: (?:[0-9a-f]{8}|[0-9a-f]{16})){1,7}$"
)
AFRESH = ("Hardware name", "Workqueue:", "Call Trace:", "Call trace:", "Backtrace:")
ENDS = ("</TASK>",)
FIRST_HEADERS = (3, 10, 0)
PRINTERS = ("show_trace", "show_stack", "dump_stack", "dump_trace", "unwind_backtrace")
HEADER_PID = re.compile(r"(?:PID|Pid): (\d{1,9})")
HEX = re.compile(r"[0-9a-f<>() ]{1,120}$")


def solid(frame: ParsedFrame) -> bool:
    """More than a word: an offset, an address, a file, or the address of code without a name."""
    return (
        frame.offset is not None
        or frame.address is not None
        or frame.file is not None
        or frame.origin is not None
        or frame.function.startswith("0x")
    )


def take_trace(draft: Draft, text: str, body: str) -> bool:
    """A line of the backtrace: header, frame, or what stands between frames."""
    indent = len(text) - len(text.lstrip())
    if draft.again:
        return _again(draft, body)
    if body.startswith(HEADERS) or INSIDE.match(body):
        if body.startswith(AFRESH) and any(line.frame for line in draft.trace):
            draft.closed = draft.kind != "nested_not_taken"
            return False
        if body.startswith(("CPU:", "Pid:")) and not _own_header(draft, body):
            return False
        draft.trace.append(TraceLine(indent, None, body))
        draft.closed = body in ENDS and draft.kind != "nested_not_taken"
        if body in ENDS:
            draft.part = "after"
        return True
    frame = parse_frame(body)
    if frame is not None and solid(frame):
        if not draft.trace and not bare_start(draft, frame):  # of another CPU's, in between
            return False
        draft.trace.append(TraceLine(indent, frame, body))
        return True
    return _wrapped(draft, body)


def bare_start(draft: Draft, frame: ParsedFrame) -> bool:
    """A backtrace may begin here without a header, as dump_stack() of i386 and ARM printed it
    before 3.10; where the kernel is not known, with the function that prints it."""
    if frame.address is None:
        return False
    if draft.ident:
        return before(draft.ident[0], FIRST_HEADERS)
    return frame.function.startswith(PRINTERS)


def _again(draft: Draft, body: str) -> bool:
    """The second backtrace of a report that prints it twice says nothing new."""
    draft.closed = body in ENDS
    if body.startswith(HEADERS) or INSIDE.match(body):
        return True
    frame = parse_frame(body)
    return frame is not None and solid(frame)


def _own_header(draft: Draft, body: str) -> bool:
    """The task that this header names is the report's, and no other header came before."""
    if any(line.frame or line.text.startswith(("CPU:", "Pid:")) for line in draft.trace):
        return False
    match = HEADER_PID.search(body)
    return match is None or draft.pid is None or int(match[1]) == draft.pid


def _wrapped(draft: Draft, body: str) -> bool:
    """The rest of a header, of registers or of code bytes that a mailer broke."""
    if not draft.trace or draft.trace[-1].frame is not None or len(body) > 120:
        return False
    last = draft.trace[-1]
    if last.text.startswith(("Code:", "RSP:", "R", "E", "FS:", "GS:")) or HEX.match(last.text[5:]):
        if not (HEX.match(body) or body.startswith(("ORIG_RAX:", "GS:", "knlGS:"))):
            return False
    elif not last.text.startswith(("CPU:", "Pid:", "Hardware name")):
        return False
    draft.trace[-1] = TraceLine(last.indent, None, f"{last.text.rstrip()} {body}")
    return True
