"""From text to drafts of reports, line by line.

Far from any report nothing is done but to seek its words, which str.find() does: `hints()`.  Near
one, each line is cleaned (`lines`), joined with what it continues (`unwrap`), and given to the
report that is being read in its stream.  A stream is what one caller prints at one depth of mail
quoting: so reports of two CPUs, or of a mail and of the mail it quotes, do not mix.

Every line is looked at a bounded number of times: the whole takes time linear in the text.
"""

from __future__ import annotations

from lockwright.report.read.dept import take_dept
from lockwright.report.read.draft import Draft
from lockwright.report.read.frames import scan_frame
from lockwright.report.read.headlines import headline, is_ruler
from lockwright.report.read.lines import Cleaner, Line
from lockwright.report.read.marks import mark
from lockwright.report.read.opening import open_draft, orphan
from lockwright.report.read.parts import take
from lockwright.report.read.stream import BEFORE, Logical, Stream
from lockwright.report.read.unwrap import PIECES_MAX, continued, is_cut_lock

HINTS = (
    "possible circular",
    "possible recursive",
    "possible irq",
    "inconsistent lock",
    "inconsistent {",
    "illegal lock",
    "lock order",
    "Invalid wait",
    "bad unlock",
    "bad contention",
    "lock freed",
    "is freeing memory",
    "locks held",
    "lock held",
    "Nested lock",
    "suspicious",
    "RCU-list traversed",
    "chain_key",
    "non-static",
    "been registered",
    "not in .data",
    "too low",
    "invalid subclass",
    "sleeping function",
    "assuming atomic",
    "scheduling while",
    "workqueue leaked",
    "Circular dependency",
    "is trying to ",
    "] takes:",
    "changed the state",
    "existing dependency chain",
)
ASIDE_MAX = 48
UNKNOWN_MAX = 40
UNKNOWN_FIRST = 12
DISTANCE_MAX = 400
WARN = ("------------[ cut here ]", "WARNING: CPU:", "WARNING: at ")
FOREIGN = (
    *WARN,
    "BUG: unable to",
    "BUG: KASAN",
    "BUG: KMSAN",
    "BUG: KFENCE",
    "BUG: KCSAN",
    "BUG: kernel NULL",
    "BUG: soft lockup",
    "BUG: spinlock",
    "kernel BUG at",
    "Unable to handle",
    "Internal error:",
    "Oops",
    "general protection fault",
    "INFO: task ",
    "INFO: rcu",
    "rcu: INFO",
    "watchdog:",
    "divide error",
    "UBSAN:",
    "NMI backtrace",
    "Rebooting in",
)
FOREIGN_FIRSTS = frozenset(start[0] for start in FOREIGN)


def hints(lines: list[tuple[int, str]]) -> list[int]:
    """Indexes of the lines that speak of a report, in order."""
    text = "\n".join(line for _, line in lines)
    places: list[int] = []
    for hint in HINTS:
        at = text.find(hint)
        while at >= 0:
            places.append(at)
            at = text.find(hint, at + 1)
    indexes: list[int] = []
    index = begin = 0
    for at in sorted(places):
        index += text.count("\n", begin, at)
        begin = at
        if not indexes or indexes[-1] != index:
            indexes.append(index)
    return indexes


class Reader:
    """Reads the lines of one text.  Invariant: `open` counts the streams with an open report."""

    __slots__ = ("_last", "cleaner", "drafts", "steps", "streams")

    def __init__(self) -> None:
        self.cleaner = Cleaner()
        self.streams: dict[tuple[int, str | None], Stream] = {}
        self.drafts: list[Draft] = []
        self._last: Stream | None = None
        self.steps = 0

    def run(self, lines: list[tuple[int, str]]) -> None:
        """All lines, leaving out what is far from any report."""
        wanted = hints(lines)
        index = next_hint = near = 0
        while index < len(lines):
            while next_hint < len(wanted) and wanted[next_hint] - BEFORE <= index:
                near = wanted[next_hint] + BEFORE
                next_hint += 1
            if index >= near and not self._busy():
                self._flush()
                if next_hint == len(wanted):
                    break
                index = max(index, wanted[next_hint] - BEFORE)
            number, raw = lines[index]
            self._line(number, raw)
            index += 1
        self._flush()

    def _busy(self) -> bool:
        last = self._last
        if last is not None and last.draft is not None:
            return True
        return any(stream.draft is not None for stream in self.streams.values())

    def _line(self, number: int, raw: str) -> None:
        self.steps += 1
        if not raw:
            if self._last is not None:
                self._blank(self._last, number)
            return
        line = self.cleaner.line(number, raw)
        self._given(line)

    def _given(self, line: Line) -> None:
        key = (line.depth, line.caller)
        stream = self.streams.get(key)
        last = self._last
        if stream is None:
            stream = self.streams[key] = Stream()
            self._forget(line.number)
        if last is not None and last is not stream and not line.stamped:
            stream = self._wrapped(last, stream, line)
        stream.seen = line.number
        self._last = stream
        body = line.text.strip()
        pending = stream.pending
        if pending is not None and pending.pieces < PIECES_MAX:
            whole = continued(pending.text, line.text) if body else None
            if whole is not None:
                pending.text, pending.last = whole, line.number
                pending.pieces += 1
                return
            if is_cut_lock(pending.text) and self._aside(stream, pending, body):
                return
        self._finish(stream)
        if body or len(line.text) >= 20:
            stream.pending = Logical(line.number, line.number, line.text)
        if not body:
            stream.blanks += 1

    def _aside(self, stream: Stream, pending: Logical, body: str) -> bool:
        """Another CPU's frame between the pieces of a lock is left out."""
        pending.aside += 1
        draft = stream.draft
        if draft is None or pending.aside > ASIDE_MAX or "+0x" not in body:
            return False
        return scan_frame(body) is not None

    def _wrapped(self, last: Stream, stream: Stream, line: Line) -> Stream:
        """A mailer may wrap a quoted line without quoting its rest."""
        pending = last.pending
        if pending is None or not line.text.strip():
            return stream
        return last if continued(pending.text, line.text) is not None else stream

    def _blank(self, stream: Stream, number: int) -> None:
        self._finish(stream)
        stream.blanks += 1
        stream.seen = number
        draft = stream.draft
        if draft is not None and number - draft.last > DISTANCE_MAX:
            self._close(stream)

    def _forget(self, number: int) -> None:
        """Streams of long ago: what is open there ends."""
        if len(self.streams) < 64:
            return
        for key in [k for k, s in self.streams.items() if number - s.seen > DISTANCE_MAX]:
            stream = self.streams.pop(key)
            self._finish(stream)
            self._close(stream)

    def _flush(self) -> None:
        for stream in self.streams.values():
            self._finish(stream)
            self._close(stream)
        self.streams.clear()
        self._last = None

    def _finish(self, stream: Stream) -> None:
        """The pending line is whole: it is given to the report."""
        line = stream.pending
        if line is None:
            return
        stream.pending = None
        body = line.text.strip()
        if not body:
            return
        self._take(stream, line, body)
        stream.before.append(line)
        stream.blanks = 0

    def _take(self, stream: Stream, line: Logical, body: str) -> None:
        kind = headline(body)
        draft = stream.draft
        if kind is None and (draft is None or "new" in draft.found):
            kind = orphan(body, inside=draft is not None)
        if kind is not None:
            self._close(stream)
            stream.draft = open_draft(kind, line, body, stream)
        elif draft is not None:
            self._feed(stream, draft, line, body)

    def _feed(self, stream: Stream, draft: Draft, line: Logical, body: str) -> None:
        draft.blanks = stream.blanks
        text = line.text
        if draft.base and text.startswith(" " * draft.base):
            text = text[draft.base :]
        if self._ends(draft, body):
            self._close(stream)
            return
        known = take_dept(draft, body) if draft.kind == "dept" else mark(draft, body)
        if known or take(draft, text, body):
            draft.last, draft.unknown = line.last, 0
            draft.known += 1
            if draft.closed:
                self._close(stream)
            return
        if draft.closed:
            self._close(stream)
            return
        draft.unknown += 1
        limit = UNKNOWN_MAX if draft.known else UNKNOWN_FIRST
        if draft.part == "backtrace" and any(item.frame for item in draft.trace):
            limit = 3
        if draft.unknown > limit or line.last - draft.last > DISTANCE_MAX:
            self._close(stream)

    def _ends(self, draft: Draft, body: str) -> bool:
        """Another message begins here; some of the reports come with a WARN() of their own."""
        if draft.kind == "unregistered_key" and body.startswith(WARN):
            return False
        if body[0] == "=":
            return draft.known > 1 and is_ruler(body)
        return body[0] in FOREIGN_FIRSTS and body.startswith(FOREIGN)

    def _close(self, stream: Stream) -> None:
        if stream.draft is not None:
            self.drafts.append(stream.draft)
            stream.draft = None
