"""What changed between two campaigns: of the same plan with another model, say.

Items go by their names, findings by their identities (`identity.py`).  What one of the campaigns
has not explored to its end is no evidence of a change: `Pair.settled` and `Seen.settled` say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Protocol, TypeAlias

from lockwright.campaign.record import DONE, Found, Head, Record
from lockwright.core.coverage import Coverage
from lockwright.core.location import Value
from lockwright.core.result import Result

VERSION = 1
NEW, GONE, STILL = STATES = ("new", "gone", "still")
"""The second campaign alone has the finding; the first alone; both."""
Counts: TypeAlias = Mapping[str, int]


class Answering(Protocol):
    """A store that is open, as far as it is asked here."""

    @property
    def head(self) -> Head:
        """Which campaign it is of."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Within it, all that is read is of one moment."""
        ...

    def records(self) -> list[Record]:
        """The items, in order."""
        ...

    def findings(self) -> list[Found]:
        """The findings, once each."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two campaigns."""

    name: str
    model_version: str
    lockwright_version: str
    items: int
    executions: int
    findings: int


@dataclass(frozen=True, slots=True)
class Pair:
    """An item that both campaigns have, and that is not the same in them.

    Each pair of values has the first campaign's before the second's.  `executions` and the counts
    of `outcomes` are there for exhaustive explorations alone: of a random one they say nothing.
    `outcomes` has those final states that only one of them reached or that came another number of
    times.  `gained` and `lost` are what only the second and only the first covered, None if one of
    them did not say.  `settled` is false if one of them is not done with the item.
    """

    name: str
    phase: tuple[str, str]
    settled: bool
    verdict: tuple[str, str] | None = None
    complete: tuple[bool, bool] | None = None
    executions: tuple[int, int] | None = None
    outcomes: Mapping[str, tuple[int, int]] | None = None
    gained: Coverage | None = None
    lost: Coverage | None = None

    @property
    def changed(self) -> bool:
        """Does it end otherwise?  What random strategies covered is no such thing."""
        said = (self.verdict, self.complete, self.executions, self.outcomes)
        return self.settled and any(each is not None for each in said)

    def as_json(self) -> dict[str, Value]:
        """What differs, and nothing else."""
        data: dict[str, Value] = {"item": self.name, "settled": self.settled}
        if self.phase[0] != self.phase[1]:
            data["phase"] = list(self.phase)
        for name in ("verdict", "complete", "executions"):
            if (pair := getattr(self, name)) is not None:
                data[name] = list(pair)
        if self.outcomes is not None:
            data["outcomes"] = {text: list(counts) for text, counts in self.outcomes.items()}
        for name in ("gained", "lost"):
            if (covered := getattr(self, name)) is not None:
                data[name] = covered.as_json()
        return data


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding: whether it is new, gone or still there, and in how many executions of which items
    each campaign saw it.

    Its message and token are the second campaign's, the first's if it is gone.  `settled` is false
    for one that is gone or new, where the campaign without it is not done with the items that the
    other has it in, or does not have them.
    """

    identity: str
    kind: str
    message: str
    token: str
    state: str
    settled: bool
    one: Counts
    other: Counts


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed.  `same` counts the items that are as they were."""

    one: Side
    other: Side
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]
    items: tuple[Pair, ...]
    findings: tuple[Seen, ...]
    same: int

    @property
    def changed(self) -> bool:
        """Is there an item or a finding that is not as it was?"""
        return bool(
            self.only_one
            or self.only_other
            or any(pair.changed for pair in self.items)
            or any(seen.state != STILL and seen.settled for seen in self.findings)
        )

    def of(self, state: str) -> list[Seen]:
        """The findings that are new, gone or still there."""
        return [seen for seen in self.findings if seen.state == state]

    def as_json(self) -> dict[str, Value]:
        """The stable JSON form, with a version."""
        return {
            "version": VERSION,
            "one": asdict(self.one),
            "other": asdict(self.other),
            "changed": self.changed,
            "only_one": list(self.only_one),
            "only_other": list(self.only_other),
            "same": self.same,
            "items": [pair.as_json() for pair in self.items],
            "findings": [
                {**asdict(seen), "one": dict(seen.one), "other": dict(seen.other)}
                for seen in self.findings
            ],
        }


def compare(one: Answering, other: Answering) -> Comparison:
    """What changed from one campaign to the other.  Raises what the stores raise."""
    with one.snapshot(), other.snapshot():
        before = {record.item.name: record for record in one.records()}
        after = {record.item.name: record for record in other.records()}
        found, found_after = one.findings(), other.findings()
        sides = _side(one.head, before, found), _side(other.head, after, found_after)
    pairs = [_pair(before[name], after[name]) for name in before if name in after]
    different = tuple(pair for pair in pairs if pair is not None)
    return Comparison(
        *sides,
        tuple(name for name in before if name not in after),
        tuple(name for name in after if name not in before),
        different,
        tuple(_seen(found, found_after, _done(before), _done(after))),
        len(pairs) - len(different),
    )


def _side(head: Head, records: Mapping[str, Record], found: Sequence[Found]) -> Side:
    return Side(
        head.name,
        head.model_version,
        head.lockwright_version,
        len(records),
        sum(record.executions for record in records.values()),
        len(found),
    )


def _done(records: Mapping[str, Record]) -> set[str]:
    return {name for name, record in records.items() if record.phase == DONE}


def _pair(one: Record, other: Record) -> Pair | None:
    """How an item differs; None if it does not."""
    phase, settled = (one.phase, other.phase), one.phase == other.phase == DONE
    before, after = one.result, other.result
    if before is None or after is None:
        same = one.phase == other.phase and before is after
        return None if same else Pair(one.item.name, phase, settled)
    exact = settled and one.item.exhaustive and other.item.exhaustive
    gained, lost = _covered(before, after)
    pair = Pair(
        one.item.name,
        phase,
        settled,
        _unless_same(before.verdict.value, after.verdict.value),
        _unless_same(before.complete, after.complete),
        _unless_same(before.executions, after.executions) if exact else None,
        _outcomes(before, after, counted=exact) or None,
        gained,
        lost,
    )
    if phase[0] == phase[1] and not _differs(pair):
        return None
    return pair


def _differs(pair: Pair) -> bool:
    said = (pair.verdict, pair.complete, pair.executions, pair.outcomes, pair.gained, pair.lost)
    return any(each is not None for each in said)


def _unless_same(one: Value, other: Value) -> Value:
    return None if one == other else (one, other)


def _outcomes(one: Result, other: Result, *, counted: bool) -> dict[str, tuple[int, int]]:
    """The final states that differ: by how often they came, or by whether they did."""
    pairs = {
        text: (one.outcomes.get(text, 0), other.outcomes.get(text, 0))
        for text in sorted({*one.outcomes, *other.outcomes})
    }
    if counted:
        return {text: counts for text, counts in pairs.items() if counts[0] != counts[1]}
    return {text: counts for text, counts in pairs.items() if not all(counts)}


def _covered(one: Result, other: Result) -> tuple[Coverage | None, Coverage | None]:
    """What only the other covered, and what only the first did; None for nothing."""
    if one.coverage is None or other.coverage is None:
        return None, None
    gained, lost = other.coverage.beyond(one.coverage), one.coverage.beyond(other.coverage)
    return gained if gained.score() else None, lost if lost.score() else None


def _seen(
    one: Sequence[Found], other: Sequence[Found], done: set[str], done_after: set[str]
) -> list[Seen]:
    """New findings, then those that are gone, then those that are still there."""
    before = {found.identity: found for found in one}
    after = {found.identity: found for found in other}
    new = [_one_seen(None, found, done) for name, found in after.items() if name not in before]
    gone = [
        _one_seen(found, None, done_after) for name, found in before.items() if name not in after
    ]
    still = [_one_seen(found, after[name], done) for name, found in before.items() if name in after]
    return [*new, *gone, *still]


def _one_seen(one: Found | None, other: Found | None, done: set[str]) -> Seen:
    """`done` are the items that the campaign without the finding is done with."""
    shown = other or one
    assert shown is not None
    state = NEW if one is None else GONE if other is None else STILL
    return Seen(
        shown.identity,
        shown.finding.kind,
        shown.finding.message,
        shown.finding.token,
        state,
        state == STILL or set(shown.items) <= done,
        {} if one is None else dict(one.items),
        {} if other is None else dict(other.items),
    )
