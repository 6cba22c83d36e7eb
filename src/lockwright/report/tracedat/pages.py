"""The parts of a trace.dat around its events: pages of the ring buffer, and the file, version 6.

A page is a time stamp, a length, and events one after the other; each says how long after the one
before it is.  An event does not cross pages, and a time further off than 27 bits of nanoseconds
reach has an event of its own.

Source: kernel/trace/ring_buffer.c, struct ring_buffer_event; trace-cmd.dat.v6(5).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from lockwright.report.tracedat.formats import HEADER_EVENT, HEADER_PAGE, PAGE, PRINT, systems

MAGIC = b"\x17\x08\x44tracing6\0"
LITTLE, LONG = 0, 8
HEAD = 16
"""A page's time stamp and length."""
WORDS_MAX = 28
"""What is longer, in words of four bytes, has a word that says how long it is."""
TIME_EXTEND = 30
DELTA_BITS = 27
DELTA_MASK = (1 << DELTA_BITS) - 1
EVENT_MAX = PAGE - HEAD - 8
"""The longest payload that fits into a page of its own."""


def _event(delta: int, data: bytes) -> bytes:
    words = len(data) // 4
    extend = b""
    if delta > DELTA_MASK:
        extend = struct.pack("<II", TIME_EXTEND | (delta & DELTA_MASK) << 5, delta >> DELTA_BITS)
        delta = 0
    if words <= WORDS_MAX:
        return extend + struct.pack("<I", words | delta << 5) + data
    return extend + struct.pack("<II", delta << 5, len(data) + 4) + data


def pages_of(events: Sequence[tuple[int, bytes]]) -> bytes:
    """Events, each a time in nanoseconds and its payload, in order of time, as whole pages."""
    pages = []
    page = b""
    start = before = 0
    for ts, data in events:
        entry = _event(ts - before, data)
        if not page or HEAD + len(page) + len(entry) > PAGE:
            if page:
                pages.append(_page(start, page))
            start, page, entry = ts, b"", _event(0, data)
        page += entry
        before = ts
    if page or not pages:
        pages.append(_page(start, page))
    return b"".join(pages)


def _page(start: int, data: bytes) -> bytes:
    return (struct.pack("<QQ", start, len(data)) + data).ljust(PAGE, b"\0")


def _text(text: str, size: str) -> bytes:
    data = text.encode("ascii")
    return struct.pack(size, len(data)) + data


def file_of(pages: bytes, comms: Mapping[int, str], symbols: str, strings: str) -> bytes:
    """The whole file, of one CPU: `comms` are the names of tasks by pid, `symbols` is as
    /proc/kallsyms is, and `strings` says what stands where `%s` of the kernel's memory points."""
    head = MAGIC + struct.pack("<BBI", LITTLE, LONG, PAGE)
    head += b"header_page\0" + _text(HEADER_PAGE, "<Q")
    head += b"header_event\0" + _text(HEADER_EVENT, "<Q")
    head += struct.pack("<I", 1) + _text(PRINT.text(), "<Q")
    of_system = systems()
    head += struct.pack("<I", len(of_system))
    for system, formats in of_system.items():
        head += system.encode() + b"\0" + struct.pack("<I", len(formats))
        head += b"".join(_text(each.text(), "<Q") for each in formats)
    head += _text(symbols, "<I") + _text(strings, "<I")
    head += _text("".join(f"{pid} {comm}\n" for pid, comm in comms.items()), "<Q")
    head += struct.pack("<I", 1) + b"options  \0" + struct.pack("<H", 0) + b"flyrecord\0"
    start = -(-(len(head) + 16) // PAGE) * PAGE
    head += struct.pack("<QQ", start, len(pages))
    return head.ljust(start, b"\0") + pages
