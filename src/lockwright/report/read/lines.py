"""From lines of a file to lines of the kernel: what logs and mailers put in front is taken off.

    > > Dec 14 06:35:48 host kernel: <4>[  234.008974][  T109]  #0: ffff...

is a quote of depth 2, a syslog prefix, a level, a time stamp and a caller; the kernel's own text
is " #0: ffff...".  A printk() with a new line in it, shown by dmesg, has its second line indented
by the width of the stamp: that is taken off as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LENGTH_MAX = 4096
"""printk() never prints a longer line; symbolised ones stay far below."""

QUOTE = re.compile(r"(?:[ ]{0,3}(?:>|[A-Za-z]{1,3}>(?=[ >]))(?![=\-])[ ]?|\|(?:[ ]|$))+")
LEVEL = re.compile(r" {0,2}<\d{1,3}>")
KMSG = re.compile(r"\d{1,4},\d{1,12},\d{1,16},[-c+](?:,[^;]{0,60})?;")
CALLER_FIELD = re.compile(r"caller=([TC]\d{1,8})")
DMESG_LEVEL = re.compile(
    r"(?:kern|user|daemon|auth|syslog|local\d) {0,4}: {0,2}"
    r"(?:emerg|alert|crit|err|warn|notice|info|debug) {0,3}: ?"
)
TIME = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
MONTH = r"(?:[^\W\d_]{3,5}\.?|\d{1,2}月)"
DATE = (
    rf"(?:\d{{4}}(?:-\d\d-|/\d\d/)\d\d(?:T|,? ){TIME}(?:Z|[+-]\d\d:?\d\d)?"
    rf"|(?:[A-Z][a-z]{{2}} )?{MONTH} [ \d]\d {TIME}(?: \d{{4}})?)"
)
DATED = re.compile(rf"{DATE} ?")
DATED_IN_BRACKETS = re.compile(
    rf"\[(?:{DATE}|{TIME}|[A-Z][a-z]{{2}} {{1,2}}\d{{1,2}} \d\d:\d\d"
    r"| {0,6}\+\d{1,6}\.\d{6}| )\] ?"
)
KERNEL = re.compile(r"(?:[\w.:@-]{1,64} )?kernel(?:\[\d{1,7}\])?: ?")
HOST = re.compile(r"[\w.:@-]{1,64} (?=\d{1,4},\d{1,12},\d{1,16},[-c+])")
STAMP = re.compile(r"\[ {0,8}\d{1,9}\.\d{3,9}(?: {0,2}[<(][ .\d+]{1,16}[>)])? ?\]")
CALLER = re.compile(r" ?\[ {0,8}([TC]) {0,6}(\d{1,8})\]")
VENDOR = re.compile(
    r" {0,2}(?:\[ {0,2}\d{1,2}: {0,15}[^\[\]]{1,20}: {0,6}(\d{1,8})\]"
    r"|[.-]?\(\d{1,2}\)\[(\d{1,8}):[^\[\]]{1,20}\]"
    r"|\[pid:(\d{1,8}),[^\[\]]{1,40}\])"
)
"""What phones' and boards' kernels put after the stamp: the CPU, the task and its number."""
INDENTED = re.compile(r" {0,8}`{0,3} {0,8}(?=\[ {0,8}\d{1,9}\.\d{3,9}[ \]]|\[ \])")
"""A whole log may be indented, or begin with the mark of a piece of program text."""
PREFIXES_MAX = 8


@dataclass(slots=True)
class Line:
    """One line of text as the kernel printed it.

    `depth` is the depth of mail quoting, `caller` the task or CPU that printed it ("T109", "C1"),
    if the log has that, `stamped` whether it had a prefix of its own, `width` of how many columns.
    """

    number: int
    text: str
    depth: int = 0
    caller: str | None = None
    stamped: bool = False
    width: int = 0


class Cleaner:
    """Takes prefixes off, line by line; what a line without any belongs to depends on those before.

    Invariant: `caller` and `width` are those of the last stamped line of the same depth.
    """

    __slots__ = ("_last", "problems")

    def __init__(self) -> None:
        self._last: dict[int, Line] = {}
        self.problems: list[str] = []

    def line(self, number: int, raw: str) -> Line:
        """The kernel's part of one line."""
        if len(raw) > LENGTH_MAX:
            self.problems.append(f"line {number} is longer than {LENGTH_MAX} characters: cut there")
            raw = raw[:LENGTH_MAX]
        start, depth = _unquoted(raw)
        end, caller, stamped = start, None, False
        if _may_have_prefix(raw, start):
            end, caller, stamped = _after_prefix(raw, start)
        last = self._last.get(depth)
        if stamped:
            line = Line(number, raw[end:], depth, caller, True, end - start)
            self._last[depth] = line
            return line
        text = raw[start:]
        if last is None:
            return Line(number, text, depth)
        return Line(number, _unpadded(text, last.width), depth, last.caller, False, last.width)


def _unquoted(raw: str) -> tuple[int, int]:
    match = QUOTE.match(raw)
    if match is None:
        return 0, 0
    return match.end(), match[0].count(">") + match[0].count("|")


def _may_have_prefix(raw: str, start: int) -> bool:
    """All prefixes begin with a bracket, a digit, or a word before a colon."""
    first = raw[start : start + 1]
    if first in " `":
        return INDENTED.match(raw, start) is not None or raw.startswith(" [", start)
    return first in "[<" or first.isdigit() or (first.isalpha() and ":" in raw)


def _unpadded(text: str, width: int) -> str:
    """dmesg(1) indents the later lines of one printk() by the width of the stamp."""
    if width > 8 and text.startswith(" " * width):
        return text[width:]
    return text


def _after_prefix(raw: str, start: int) -> tuple[int, str | None, bool]:
    """Where the kernel's text begins, who printed it, and whether there was a prefix."""
    at, caller, stamp = start, None, False
    for _ in range(PREFIXES_MAX):
        begin = at
        if at == start and raw[at : at + 1] in (" ", "`"):
            indent = INDENTED.match(raw, at)
            at = indent.end() if indent is not None else at
        match = STAMP.match(raw, at)
        if match is not None:
            at, stamp = match.end(), True
            who = CALLER.match(raw, at)
            if who is not None:
                at, caller = who.end(), who[1] + who[2]
            vendor = VENDOR.match(raw, at)
            if vendor is not None:
                at, caller = vendor.end(), f"T{vendor[1] or vendor[2] or vendor[3]}"
            at = _one_blank(raw, at)
            continue
        found = _other_prefix(raw, at)
        if found is None:
            at = begin
            break
        at, who_printed = found
        stamp, caller = True, who_printed or caller
    return at, caller, stamp


def _one_blank(raw: str, at: int) -> int:
    return at + 1 if raw.startswith(" ", at) else at


def _other_prefix(raw: str, at: int) -> tuple[int, str | None] | None:
    """The end of one prefix that is no stamp, and the caller it names."""
    match = KMSG.match(raw, at)
    if match is not None:
        field = CALLER_FIELD.search(match[0])
        return match.end(), field[1] if field else None
    bare = CALLER.match(raw, at)
    if bare is not None:
        return _one_blank(raw, bare.end()), bare[1] + bare[2]
    for prefix in (LEVEL, DMESG_LEVEL, DATED_IN_BRACKETS, DATED, KERNEL, HOST):
        match = prefix.match(raw, at)
        if match is not None:
            return match.end(), None
    return None
