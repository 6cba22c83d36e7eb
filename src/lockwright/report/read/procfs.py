"""The kernel's own dumps: /proc/lockdep, lockdep_chains, lockdep_stats and lock_stat.

One reader for all four, as people paste them one after the other: a header line begins a dump,
and if it was cut off, a line that occurs in one of them only.  All releases since 2.6.18: usage
of four or six characters, with and without operation counts, without CONFIG_PROVE_LOCKING, lock
contexts as words or numbers, lock_stat with the columns that its header names.

A line that is not understood is told of by its number, and the rest is read.  /proc/lockdep has
direct orders only: what was taken with a trylock in between stands in lockdep_chains.

Source: kernel/locking/lockdep_proc.c, l_show(), lc_show(), lockdep_stats_show(), seq_stats().
"""

from __future__ import annotations

import re
from dataclasses import replace

from lockwright.report.read.decode import cleaned
from lockwright.report.read.dump import ChainEntry, ClassEntry, Dump, Point, StatEntry, Statistic

LOCK_DEPTH_MAX = 48
PROBLEMS_MAX = 20
SHOWN_MAX = 60
CONTEXTS = {
    "0": "process",
    "1": "softirq",
    "2": "hardirq",
    "3": "hardirq|softirq",
    "hardirq": "hardirq",
    "softirq": "softirq",
    "hardirq|softirq": "hardirq|softirq",
}

_KEY = r"(?:0x)?[0-9a-fA-F]{8,16}|\(_*ptrval_*\)|\(null\)"
_CLASS = re.compile(
    rf"({_KEY})(?: OPS:\s*(\d{{1,20}}))?(?: FD:\s*(\d{{1,20}}))?(?: BD:\s*(\d{{1,20}}))?"
    r"(?: ([.+?-]{4,6}))?: (.+)"
)
_NAMED = re.compile(rf"(?:\[({_KEY})\] )?(.+)")
_STATISTIC = re.compile(r"([a-z][a-z_ /()-]{2,60}?):\s+(\d{1,20})(?:\s+\[max:\s*(\d{1,20})\])?")
_POINT = re.compile(r"(\d{1,20})\s+\[<([0-9a-fA-Fx]{1,18}|\(?_*ptrval_*\)?)>\]\s+(\S.*)")
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,9})?")
_QUOTE = re.compile(r"(?:[>|] ?)+")
_SIGN = re.compile(
    r"^[>| ]*(?:all lock classes:|(?:\(buggered\) )?all lock chains:|lock_stat version \d"
    r"|irq_context: [0-3hs]|lock-classes:\s+\d|class name\s+(?:con-bounces|contentions)"
    r"|\S{8,18} (?:OPS:\s*\d+ )?FD:\s*\d+ BD:\s*\d+ [.+?-]{4,6}: )",
    re.MULTILINE,
)


def is_dump(text: str) -> bool:
    """Whether a text holds one of these dumps."""
    return _SIGN.search(text) is not None


def read_dump(text: str) -> Dump:
    """Read all dumps in a text.  Never raises: what is not understood is in `problems`."""
    reader = _Reader()
    *lines, rest = text.split("\n")
    for number, line in enumerate(lines, 1):
        reader.line(number, line)
    if rest.strip():
        reader.cut_off(len(lines) + 1)
    return reader.close()


class _Reader:
    """The state between two lines: which dump this is, and the entry that is being read."""

    def __init__(self) -> None:
        self.dump = Dump()
        self.section = ""
        self.number = 0
        self.after: list[str] = []  # of the class entry read last
        self.chain: list[str] | None = None
        self.chain_line = 0
        self.context = ""
        self.columns: list[str] = []
        self.points: list[Point] = []  # of the row read last
        self.rulers = 0  # below the row read last

    def line(self, number: int, raw: str) -> None:
        """One line of the text."""
        self.number = number
        line = cleaned(raw)
        quoted = _QUOTE.match(line)
        if quoted is not None:
            line = line[quoted.end() :]
        line = line.strip()
        if self._header(line):
            return
        read = {
            "lockdep": self._class,
            "lockdep_chains": self._chain,
            "lock_stat": self._row,
            "lockdep_stats": self._statistic,
        }.get(self.section)
        if read is not None and not read(line):
            self._problem(f"line {number}: not understood in {self.section}: {_shown(line)}")

    def cut_off(self, number: int) -> None:
        """A last line without an end: a name on it may have lost some of its letters."""
        if self.section:
            self._problem(f"line {number}: the text ends within a line: that line is not used")

    def close(self) -> Dump:
        """The end of the text."""
        self._end_entry()
        if self.chain is not None:
            self._end_chain(whole=False)
        if self.dump.misread > PROBLEMS_MAX:
            more = self.dump.misread - PROBLEMS_MAX
            self.dump.problems.append(f"{more} more of this kind")
        return self.dump

    def _problem(self, said: str) -> None:
        self.dump.misread += 1
        if self.dump.misread <= PROBLEMS_MAX:
            self.dump.problems.append(said)

    def _begin(self, section: str) -> None:
        self._end_entry()
        if self.chain is not None:
            self._end_chain(whole=True)
        self.section = section
        if section not in self.dump.sections:
            self.dump.sections.append(section)

    def _end_entry(self) -> None:
        """Store what followed the class or row read last."""
        dump = self.dump
        if self.after:
            last = dump.classes[-1]
            dump.classes[-1] = replace(last, after=(*last.after, *self.after))
        if self.points:
            dump.rows[-1] = replace(dump.rows[-1], points=tuple(self.points))
        self.after, self.points = [], []

    def _header(self, line: str) -> bool:
        """A line that begins a dump, or one that occurs in one kind of dump only."""
        if line == "all lock classes:":
            self._begin("lockdep")
        elif line.endswith("all lock chains:"):
            self._begin("lockdep_chains")
            if line.startswith("(buggered)"):
                self.dump.notes.append("the kernel ran out of room for chains: some are missing")
        elif line.startswith("lock_stat version "):
            self._begin("lock_stat")
            self.columns = []
        elif line.startswith("class name ") and "acquisitions" in line:
            self._begin("lock_stat")
            self.columns = line.split()[2:]
        elif line.startswith("lock-classes:") and self.section != "lockdep_stats":
            self._begin("lockdep_stats")
            return False  # its first statistic is to be read
        elif line.startswith("irq_context:") and self.section != "lockdep_chains":
            self._begin("lockdep_chains")
            return False
        elif self.section != "lockdep" and " FD:" in line and _CLASS.fullmatch(line):
            self._begin("lockdep")
            return False
        else:
            return False
        return True

    def _class(self, line: str) -> bool:
        if not line:
            return True
        if line.startswith("->"):
            return self._after(line.removeprefix("->").lstrip())
        found = _CLASS.fullmatch(line)
        if found is None:
            return False
        self._end_entry()
        key, operations, forward, backward, usage, name = found.groups()
        entry = ClassEntry(
            self.number, key, name, usage or "", _int(operations), _int(forward), _int(backward)
        )
        self.dump.classes.append(entry)
        return True

    def _after(self, line: str) -> bool:
        """` -> [key] name`: a direct dependency of the class above."""
        found = _NAMED.fullmatch(line)
        if found is None or (found[1] is None and line.startswith("[")) or not self.dump.classes:
            return False
        self.after.append(found[2])
        return True

    def _chain(self, line: str) -> bool:
        if not line:
            if self.chain is not None:
                self._end_chain(whole=True)
            return True
        if line.startswith("irq_context:"):
            if self.chain is not None:
                self._end_chain(whole=True)
            self.context = CONTEXTS.get(line.removeprefix("irq_context:").strip(), "")
            if self.context:
                self.chain, self.chain_line = [], self.number
            return bool(self.context)
        found = _NAMED.fullmatch(line)
        if self.chain is None or found is None or found[1] is None:
            if self.chain is not None:
                self._end_chain(whole=False)  # a class of it could not be read
            return False
        self.chain.append(found[2])
        return True

    def _end_chain(self, *, whole: bool) -> None:
        classes = self.chain or []
        self.chain = None
        if len(classes) > LOCK_DEPTH_MAX:
            self._problem(
                f"line {self.chain_line}: a chain of {len(classes)} classes: a task holds "
                f"{LOCK_DEPTH_MAX} locks at most"
            )
        elif classes:
            entry = ChainEntry(self.chain_line, self.context, tuple(classes), whole)
            self.dump.chains.append(entry)
            if not whole:
                self._problem(f"line {self.chain_line}: this chain may be cut off: not used")

    def _row(self, line: str) -> bool:
        if not line or not line.strip("."):
            return True
        if not line.strip("-"):
            self.rulers += 1
            return True
        if line.startswith("*WARNING* "):
            self.dump.notes.append(line.removeprefix("*WARNING* "))
            return True
        return self._point(line) or self._values(line)

    def _values(self, line: str) -> bool:
        """`name:` and as many numbers as there are columns."""
        words = line.split()
        numbers = 0
        while numbers < len(words) - 1 and _NUMBER.fullmatch(words[-1 - numbers]):
            numbers += 1
        if not self.columns:
            self.columns = list(_COLUMNS.get(numbers, ()))
        if numbers < len(self.columns) or not self.columns:
            return False
        values = words[len(words) - len(self.columns) :]
        name = line.rsplit(None, len(values))[0]
        if not name.endswith(":") or len(name) < 2:
            return False
        name = name[:-1]
        mode = "W"
        if name.endswith(("-W", "-R")) and len(name) > 2:
            name, mode = name[:-2], name[-1]
        self._end_entry()
        self.rulers = 0
        read = dict(zip(self.columns, map(float, values), strict=True))
        self.dump.rows.append(StatEntry(self.number, name, mode, read))
        return True

    def _point(self, line: str) -> bool:
        """`name count [<address>] symbol`, below a row."""
        start = line.find("[<")
        before = line[:start].rstrip() if start > 0 else ""
        if not before or not self.dump.rows:
            return False
        digits = before.rsplit(None, 1)[-1]
        found = _POINT.fullmatch(f"{digits} {line[start:]}")
        if found is None:
            return False
        self.points.append(Point(int(found[1]), found[2], found[3], holder=self.rulers > 1))
        return True

    def _statistic(self, line: str) -> bool:
        if not line:
            return True
        found = _STATISTIC.fullmatch(line)
        if found is None:
            return False
        self.dump.statistics[found[1]] = Statistic(int(found[2]), _int(found[3]))
        return True


_WAIT = ("waittime-min", "waittime-max", "waittime-total")
_HOLD = ("holdtime-min", "holdtime-max", "holdtime-total")
_COLUMNS: dict[int, tuple[str, ...]] = {
    8: ("contentions", *_WAIT, "acquisitions", *_HOLD),
    10: ("con-bounces", "contentions", *_WAIT, "acq-bounces", "acquisitions", *_HOLD),
    12: (
        *("con-bounces", "contentions", *_WAIT, "waittime-avg"),
        *("acq-bounces", "acquisitions", *_HOLD, "holdtime-avg"),
    ),
}
"""The columns of lock_stat, if its header was cut off, by how many there are."""


def _int(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _shown(line: str) -> str:
    cut = line if len(line) <= SHOWN_MAX else f"{line[:SHOWN_MAX]}..."
    return ascii(cut)
