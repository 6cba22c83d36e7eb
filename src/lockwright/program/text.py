"""What came of thread programs, for people."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lockwright.check.deadlock import FOR_EVER
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.prediction import REFUTED
from lockwright.program.entry import ERROR, OK, Entry
from lockwright.report.columns import WIDTH, columns
from lockwright.report.findings import PROOF, broken_text, folded
from lockwright.report.table import grid

COUNTS = {"complete": "complete", "deadlocked": "deadlocked", "sleep_set_blocked": "blocked"}
FINAL_MAX = 8


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
        said = [f"{lockdep['kind']} ({lockdep['reality']})"] if lockdep else []
        said += [f"kernel: {data['kernel']}"] if _kernel(data) else []
        said += [data["explored"]] if "explored" in data else []
        said += [final] if (final := final_values(data)) else []
        rows.append(([data["name"], data["verdict"], *counts, expected], "; ".join(said)))
    return "\n".join(grid(heads, rows, width))


def final_values(data: Mapping[str, Any]) -> str:
    """The values that variables end with, sorted, and in how many executions; empty if none."""
    found = [each for each in data.get("outcomes", ()) if each["values"]]
    found.sort(key=lambda each: list(each["values"].values()))
    parts = [
        " ".join([*(f"{name}={n}" for name, n in each["values"].items()), f"({each['count']})"])
        for each in found
    ]
    if len(parts) > FINAL_MAX:
        parts[FINAL_MAX:] = [f"and {len(parts) - FINAL_MAX} more"]
    return f"final values: {', '.join(parts)}" if parts else ""


def details(entry: Entry, width: int = WIDTH) -> str:
    """A program's mismatches, its deadlocks with a schedule each, and the validator's report."""
    data = entry.data
    parts = ["\n".join(folded(f"== {_title(entry)}", width))]
    if "reason" in data:
        parts.append("\n".join(folded(f"{data['verdict']}: {data['reason']}", width)))
    parts += ["\n".join(folded(f"not as expected: {line}", width)) for line in entry.mismatches]
    if entry.lockdep is None and data.get("lockdep"):
        return "\n\n".join([*parts, *_steps(entry, width)])
    for number, finding in enumerate(entry.deadlocks, 1):
        if len(entry.deadlocks) > 1:
            parts.append(_numbered(entry, number))
        parts.append(_finding(entry, finding, width))
    parts += [_finding(entry, finding, width) for finding in entry.others]
    parts += [_failed(each) for each in data.get("findings", ())[len(entry.others) :]]
    if entry.lockdep is not None:
        parts.append(_finding(entry, entry.lockdep, width))
    parts += ["\n".join(folded(line, width)) for line in _kernel(data)]
    return "\n\n".join(parts)


def _steps(entry: Entry, width: int) -> list[str]:
    """What there is to say of a report on a program of steps."""
    data, lockdep = entry.data, entry.data["lockdep"]
    parts = [lockdep["text"].strip("\n")]
    parts.append("\n".join(folded(f"{lockdep['reality']}: {lockdep['because']}", width)))
    for proof in entry.deadlocks:
        run = [*folded(_run(proof), width), interleaving(proof.events, width)]
        parts += [broken_text(proof, width), "\n".join(run), _replay(entry, proof)]
    parts += [_failed(each) for each in data["findings"]]
    return parts + ["\n".join(folded(line, width)) for line in _kernel(data)]


def _failed(told: Mapping[str, Any]) -> str:
    """A check of the steps themselves that did not hold."""
    return f"{told['kind']}: {told['message']}"


def _kernel(data: Mapping[str, Any]) -> list[str]:
    """What the kernel's own validator says, where it is something else."""
    lockdep = data.get("lockdep")
    ours = lockdep["kind"] if lockdep else OK
    if data.get("kernel", ours) == ours:
        return []
    said = "nothing" if data["kernel"] == OK else data["kernel"]
    return [f"the kernel's own search, told of one run at a time, reports {said}"]


def summary(entries: Sequence[Entry]) -> str:
    """How many programs came out how."""
    verdicts = [entry.data["verdict"] for entry in entries]
    counts = {name: verdicts.count(name) for name in verdicts}
    parts = [f"{n} {name}{'s' * (name == ERROR and n != 1)}" for name, n in counts.items()]
    wrong = sum(bool(entry.mismatches) for entry in entries)
    parts += [f"{wrong} not as expected"] if wrong else []
    return f"{len(entries)} program{'s' * (len(entries) != 1)}: {', '.join(parts)}"


def interleaving(events: Sequence[Event], width: int = WIDTH) -> str:
    """The steps as columns.  A task has one function, called as it is: nothing to say of that."""
    return columns([replace(event, chain=()) for event in events], width) or "no step was taken"


def _finding(entry: Entry, finding: Finding, width: int) -> str:
    parts = [broken_text(finding, width)]
    if finding.reality:
        parts.append("\n".join(folded(f"{finding.reality}: {_why(entry, finding)}", width)))
    run = [*folded(_run(finding), width), interleaving(finding.events, width)]
    parts.append("\n".join(run))
    parts.append(_replay(entry, finding))
    return "\n\n".join(parts)


def _replay(entry: Entry, finding: Finding) -> str:
    """How to see it again."""
    file = shlex.quote(entry.document.place.file)
    return f"replay: lockwright program {file} --replay {shlex.quote(finding.token)}"


def _run(finding: Finding) -> str:
    """What the interleaving below shows."""
    if finding.kind in FOR_EVER:
        return "the schedule that deadlocks:"
    if finding.reality is None:
        return "the execution in which it happens:"
    hangs = any(event.kind == "blocked" and event.step < 0 for event in finding.events)
    return (
        "the execution in which the lock validator reports"
        f"{'' if hangs else ' (this one does not deadlock)'}:"
    )


def _why(entry: Entry, finding: Finding) -> str:
    """Why a predicted deadlock is confirmed or refuted; the proof stands above."""
    why, _, proof = finding.because.partition(PROOF)
    tokens = [deadlock.token for deadlock in entry.deadlocks]
    if proof in tokens:
        which = _numbered(entry, tokens.index(proof) + 1)
        return f"{why}; for the proof see the schedule of {which} above"
    if finding.reality == REFUTED:
        count = sum(entry.data[key] for key in COUNTS)
        if count == 1:
            return "the program has only one trace, and it does not deadlock on this"
        return f"none of the program's {count} traces deadlocks on this"
    return why


def _numbered(entry: Entry, number: int) -> str:
    count = len(entry.deadlocks)
    return f"deadlock {number} of {count}" if count > 1 else "the deadlock"


def _title(entry: Entry) -> str:
    title = entry.document.data.get("title")
    name = entry.document.name
    return f"{name}: {title}" if isinstance(title, str) and title.isprintable() else name


def _is_worth_details(entry: Entry) -> bool:
    return entry.broken or "reason" in entry.data
