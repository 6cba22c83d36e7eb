"""The schedules that a campaign keeps of an item, because each has covered something new.

A feature's *favoured* entry is the smallest that covers it.  An entry's weight, by which it becomes
a parent of new schedules (`schedule/mutation.py`), grows with what only few entries cover, and with
how few switches between tasks it takes; the favoured ones have twice as much.

Source: Zalewski, "american fuzzy lop", technical details, section 4 (favoured entries, by feature);
Böhme, Manès, Cha, "Boosting Fuzzer Efficiency: An Information Theoretic Perspective" (ESEC/FSE
2020), section 4: what is rare tells most of where something new is near; Chvátal, "A Greedy
Heuristic for the Set-Covering Problem" (Mathematics of Operations Research 4(3), 1979), for
`cover`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from lockwright.campaign.record import CorpusEntry
from lockwright.core.location import Value
from lockwright.core.schedule import parse_schedule
from lockwright.judge import cost

ENTRIES_MAX = 256
WEIGHT = 64
"""That of an entry of middling size for each feature which it alone covers."""
SIZE_MAX = 2.0
"""So much more or less than others an entry's size can make it weigh."""

Size = tuple[int, int, str]
"""Switches between tasks, steps, and the schedule's own text, so that no two are the same."""


class Corpus:
    """Invariant: `known` are the features of all entries that there ever were, also of those that
    are gone; `best` has for each feature that an entry covers the smallest one.
    Entries are in the order of their admission, at most ENTRIES_MAX of them, no schedule twice.
    """

    def __init__(self, entries: Iterable[CorpusEntry] = (), known: Collection[int] = ()) -> None:
        self.known = set(known)
        self.entries: list[CorpusEntry] = []
        self.best: dict[int, CorpusEntry] = {}
        self.sizes: dict[str, Size] = {}
        for entry in entries:
            self._enter(entry)

    def _enter(self, entry: CorpusEntry) -> None:
        self.sizes[entry.schedule] = size = _size(entry.schedule)
        self.entries.append(entry)
        self.known.update(entry.features)
        for feature in entry.features:
            best = self.best.get(feature)
            if best is None or size < self.sizes[best.schedule]:
                self.best[feature] = entry

    def admit(self, schedule: str, features: Sequence[int], arm: str) -> bool:
        """Keep a schedule if it covers what no entry covers, or something with fewer switches; was
        it kept?

        `features` is all that it covers.  Something that was known, and whose last entry is gone,
        is as good as new.
        """
        if schedule in self.sizes:
            return False
        size = _size(schedule)
        if all(
            feature in self.best and self.sizes[self.best[feature].schedule][0] <= size[0]
            for feature in features
        ):
            return False
        self._enter(CorpusEntry(schedule, tuple(sorted(features)), arm))
        if len(self.entries) > ENTRIES_MAX:
            self._drop()
        return schedule in self.sizes

    def _drop(self) -> None:
        """Let the largest entry go that no feature has for its favoured one; of nothing but
        favoured ones, the one with the least weight."""
        favoured = {entry.schedule for entry in self.best.values()}
        spare = [entry for entry in self.entries if entry.schedule not in favoured]
        if spare:
            gone = max(spare, key=lambda entry: self.sizes[entry.schedule])
        else:
            weights = self._weights()
            gone = min(self.entries, key=lambda entry: (weights[entry.schedule], entry.schedule))
        left = [entry for entry in self.entries if entry is not gone]
        self.entries, self.best, self.sizes = [], {}, {}
        for entry in left:
            self._enter(entry)

    def parents(self) -> list[tuple[str, int]]:
        """The schedules with their weights, each 1 or more."""
        weights = self._weights()
        return [(entry.schedule, max(round(weights[entry.schedule]), 1)) for entry in self.entries]

    def _weights(self) -> dict[str, float]:
        having: dict[int, int] = {}
        for entry in self.entries:
            for feature in entry.features:
                having[feature] = having.get(feature, 0) + 1
        switches = [1 + self.sizes[entry.schedule][0] for entry in self.entries]
        middling = sorted(switches)[len(switches) // 2] if switches else 1
        favoured = {entry.schedule for entry in self.best.values()}
        weights = {}
        for at, (entry, mine) in enumerate(zip(self.entries, switches, strict=True), 1):
            rare = sum(1 / having[feature] ** 2 for feature in entry.features)
            small = min(max(middling / mine, 1 / SIZE_MAX), SIZE_MAX)
            late = at / len(self.entries)
            factor = small * late * (1 + (entry.schedule in favoured))
            weights[entry.schedule] = WEIGHT * rare * factor
        return weights

    def reduced(self) -> Corpus:
        """The fewest of the entries, nearly, that cover what all of them do."""
        return Corpus(cover(self.entries), self.known)

    def as_json(self) -> dict[str, Value]:
        """What is not an entry, for the store."""
        return {"known": sorted(self.known)}

    @classmethod
    def from_json(cls, data: Mapping[str, Value], entries: Iterable[CorpusEntry]) -> Corpus:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError for anything
        else."""
        return cls(entries, [int(feature) for feature in data["known"]])


def cover(entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
    """Some of the entries, in their order, that cover what all of them do, and of which none can be
    left out.

    Always the one that adds most is taken, of several the smallest; then those go that later ones
    have made unnecessary.
    """
    sizes = {entry.schedule: _size(entry.schedule) for entry in entries}
    left = {feature for entry in entries for feature in entry.features}
    taken: list[CorpusEntry] = []
    while left:
        best = min(
            entries,
            key=lambda entry: (-len(left.intersection(entry.features)), sizes[entry.schedule]),
        )
        taken.append(best)
        left.difference_update(best.features)
    having: dict[int, int] = {}
    for entry in taken:
        for feature in entry.features:
            having[feature] = having.get(feature, 0) + 1
    kept = set()
    for entry in taken:
        if all(having[feature] > 1 for feature in entry.features):
            for feature in entry.features:
                having[feature] -= 1
        else:
            kept.add(entry.schedule)
    return [entry for entry in entries if entry.schedule in kept]


def _size(schedule: str) -> Size:
    return *cost(parse_schedule(schedule)), schedule
