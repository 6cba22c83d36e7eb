"""What a campaign has found, each thing once: the findings of its items by their identity."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.campaign.identity import identity
from lockwright.campaign.record import Found
from lockwright.campaign.schema import rows
from lockwright.campaign.store_rows import finding_of, items, read_finding, unpacked
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.judge import cost

WHOLE = ("slice", "finish")
"""Works (`explored.py`) that tell of all of the item so far, not of what is new alone."""


@dataclass(slots=True)
class _Seen:
    """The executions that saw a finding, by item; and the cheapest schedule's finding, packed if
    nobody has read it yet."""

    counts: dict[int, int] = field(default_factory=dict)
    cost: tuple[int, int, int] | None = None
    best: bytes | Finding = b""

    def consider(self, cost: tuple[int, int, int], finding: bytes | Finding) -> None:
        if self.cost is None or cost < self.cost:
            self.cost, self.best = cost, finding

    def found(self, what: str, names: Mapping[int, str]) -> Found:
        best = self.best if isinstance(self.best, Finding) else finding_of(self.best)
        counts: dict[str, int] = {}
        for number in sorted(self.counts):
            name = names[number]
            counts[name] = counts.get(name, 0) + self.counts[number]
        return Found(what, best, sum(counts.values()), counts)


def gathered(db: sqlite3.Connection) -> list[Found]:
    """All findings of closed generations, in order of the items, and then what only pieces of the
    open one have told."""
    names = {item.number: item.name for item in items(db)}
    all_seen: dict[str, _Seen] = {}
    for number, _, what, executions, switches, steps, data in rows(db, "finding"):
        seen = all_seen.setdefault(what, _Seen())
        seen.counts[number] = seen.counts.get(number, 0) + executions
        seen.consider((switches, steps, number), data)
    for _, number, work, _, _, data in rows(db, "piece"):
        _add_piece(all_seen, number, unpacked(data), whole=work in WHOLE)
    return [seen.found(what, names) for what, seen in all_seen.items()]


def _add_piece(all_seen: dict[str, _Seen], number: int, told: Value, *, whole: bool) -> None:
    counts: Counter[str] = Counter()
    for data in told["findings"] if isinstance(told, dict) and "findings" in told else ():
        finding = read_finding(data)
        what = identity(finding)
        counts[what] += finding.executions
        all_seen.setdefault(what, _Seen()).consider((*cost(finding.schedule), number), finding)
    for what, executions in counts.items():
        known = all_seen[what].counts
        before = known.get(number, 0)
        known[number] = max(before, executions) if whole else before + executions
