"""Reading reports of real kernels: text in, data out, and no input or output.

    log = read(text)
    for report in log.reports: ...

Any kernel since 2.6, with whatever logs, terminals and mailers did to the text.  What is damaged
is read as far as it goes, and each report says what it lacks (`missing`).  `reader` is where to
begin; `parsed` has the data, `printing` makes text of it again.

Source: kernel/locking/lockdep.c, kernel/sched/core.c and lib/dump_stack.c of the releases named.
"""

from __future__ import annotations

from lockwright.report.read.build import build
from lockwright.report.read.decode import decode, plain
from lockwright.report.read.parsed import (
    Layout,
    Log,
    ParsedDump,
    ParsedEdge,
    ParsedEntry,
    ParsedFrame,
    ParsedIrqs,
    ParsedLock,
    ParsedReport,
    ParsedState,
    TraceLine,
)
from lockwright.report.read.printing import print_report
from lockwright.report.read.reader import Reader

__all__ = [
    "Layout",
    "Log",
    "ParsedDump",
    "ParsedEdge",
    "ParsedEntry",
    "ParsedFrame",
    "ParsedIrqs",
    "ParsedLock",
    "ParsedReport",
    "ParsedState",
    "TraceLine",
    "print_report",
    "read",
    "read_bytes",
]


def read(text: str) -> Log:
    """All reports of a text, in the order of their first lines."""
    lines = plain(text)
    reader = Reader()
    reader.run(lines)
    problems = list(reader.cleaner.problems)
    reports = []
    for draft in sorted(reader.drafts, key=lambda draft: (draft.first, draft.last)):
        report = build(draft)
        if report is not None:
            reports.append(report)
        else:
            problems.append(f"line {draft.first}: a report without headline, of unknown kind")
    return Log(tuple(reports), tuple(problems))


def read_bytes(data: bytes) -> Log:
    """All reports of a file: UTF-8, or UTF-16 with its mark; what is neither is replaced."""
    return read(decode(data))
