"""What came of thread programs, for people."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.program.verdict import NOT_SUPPORTED, Entry
from lockwright.report.columns import WIDTH, columns
from lockwright.report.findings import broken_text, folded
from lockwright.report.table import grid

COUNTS = {"complete": "complete", "deadlocked": "deadlocked", "sleep_set_blocked": "blocked"}


def report(entries: Sequence[Entry], width: int = WIDTH) -> str:
    """The table, then what is to be said of each program."""
    parts = [table(entries, width)]
    parts += [details(entry, width) for entry in entries if _is_worth_details(entry)]
    parts.append(summary(entries))
    return "\n\n".join(parts)


def table(entries: Sequence[Entry], width: int = WIDTH) -> str:
    """One row a program; what the lock validator says stands below it."""
    heads = ["program", "verdict", *COUNTS.values(), "as expected"]
    rows = []
    for entry in entries:
        data = entry.data
        expected = {"ok": "yes", "mismatch": "NO"}.get(data.get("expected", ""), "")
        counts = [str(data.get(key, "")) for key in COUNTS]
        lockdep = data.get("lockdep")
        said = f"{lockdep['kind']} ({lockdep['reality']})" if lockdep else ""
        rows.append(([data["name"], data["verdict"], *counts, expected], said))
    return "\n".join(grid(heads, rows, width))


def details(entry: Entry, width: int = WIDTH) -> str:
    """A program's mismatches, its deadlocks with a schedule each, and the validator's report."""
    data = entry.data
    parts = ["\n".join(folded(f"== {_title(entry)}", width))]
    if data["verdict"] == NOT_SUPPORTED:
        parts.append("\n".join(folded(f"{NOT_SUPPORTED}: {data['reason']}", width)))
    parts += ["\n".join(folded(f"not as expected: {line}", width)) for line in entry.mismatches]
    for finding in (*entry.deadlocks, *entry.others):
        parts.append(_finding(entry, finding, width))
    if entry.lockdep is not None:
        parts.append(_finding(entry, entry.lockdep, width))
    elif data.get("lockdep"):
        parts.append(data["lockdep"]["text"].strip("\n"))
    return "\n\n".join(parts)


def summary(entries: Sequence[Entry]) -> str:
    """How many programs came out how."""
    verdicts = [entry.data["verdict"] for entry in entries]
    parts = [f"{verdicts.count(name)} {name}" for name in dict.fromkeys(verdicts)]
    wrong = sum(bool(entry.mismatches) for entry in entries)
    parts += [f"{wrong} not as expected"] if wrong else []
    return f"{len(entries)} program{'s' * (len(entries) != 1)}: {', '.join(parts)}"


def interleaving(events: Sequence[Event], width: int = WIDTH) -> str:
    """The steps as columns.  A task has one function, called as it is: nothing to say of that."""
    return columns([replace(event, chain=()) for event in events], width) or "no step was taken"


def _finding(entry: Entry, finding: Finding, width: int) -> str:
    parts = [broken_text(finding, width)]
    if finding.reality:
        why = finding.because.partition("; replay ")[0]
        parts.append("\n".join(folded(f"{finding.reality}: {why}", width)))
    parts.append(interleaving(finding.events, width))
    file = shlex.quote(entry.document.place.file)
    parts.append(f"replay: lockwright program {file} --replay {shlex.quote(finding.token)}")
    return "\n\n".join(parts)


def _title(entry: Entry) -> str:
    title = entry.document.data.get("title")
    name = entry.document.name
    return f"{name}: {title}" if isinstance(title, str) and title.isprintable() else name


def _is_worth_details(entry: Entry) -> bool:
    return entry.broken or entry.data["verdict"] == NOT_SUPPORTED
