"""Who could bring a predicted deadlock about: a task for each thing that has to be done.

A *cast* has one deed (`makers.py`) for each that is wanted: for each edge of a cycle one that makes
it, for a prediction about interrupts also one in an interrupt and one that can be interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from lockwright.compose import CasePart
from lockwright.core.lockuse import EXCLUSIVE, READER
from lockwright.makers import Deed
from lockwright.settle import unversioned

CANDIDATES_MAX = 8
"""So many ways of making one edge are looked at."""
SAME_LOCKS_MAX = 2
"""Of these, so many about the same locks."""
CASTS_MAX = 2
"""So many casts are explored where none of them is about the same locks all round."""
SHOWN_MAX = 3
"""So many are named who make an edge."""
Cast = tuple[Deed, ...]
"""One deed for each that is wanted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one task has to do: take `new`, with `held` held if there is one."""

    held: str
    new: str
    how: str


@dataclass(frozen=True, slots=True)
class Extra:
    """A cast, and writers beside it: tasks of the design, or who waits for the lock of one to be
    made."""

    cast: Cast
    writers: list[CasePart | Deed]


class Plan:
    """Who could do what is wanted, best first."""

    def __init__(self, deeds: Mapping[Deed, int], wanted: Sequence[Wanted]) -> None:
        self.deeds = deeds
        self.wanted = wanted
        self.casts = self._casts()

    def candidates(self, want: Wanted) -> list[Deed]:
        """Those who do it: of one case and task each deed on the same locks once; smallest
        first."""
        held, new = unversioned(want.held), unversioned(want.new)
        found = [
            deed
            for deed in self.deeds
            if (deed.held, deed.new) == (held, new)
            and (
                deed.how == want.how
                if not held
                else not deed.trylock and (not want.how or deed.type == want.how)
            )
        ]
        found.sort(key=self.deeds.__getitem__)
        return found

    def by(self, at: int) -> tuple[tuple[str, str], ...]:
        """Scenario and task of the smallest that do the nth of what is wanted."""
        found = self.candidates(self.wanted[at])[:CANDIDATES_MAX]
        return tuple(dict.fromkeys((deed.scenario, deed.part.task) for deed in found))[:SHOWN_MAX]

    def _casts(self) -> list[Cast]:
        """One deed for each, best first; of casts with the same locks the best one only."""
        choices = [self._choice(want) for want in self.wanted]
        if not choices or not all(choices):
            return []
        casts = [*product(*choices), *self._within()]
        casts.sort(key=self._cost)
        seen: dict[tuple[tuple[str, int, str, int], ...], Cast] = {}
        for cast in casts:
            locks = (
                (deed.held_lock, deed.held_read, deed.new_lock, deed.new_read) for deed in cast
            )
            seen.setdefault(tuple(locks), cast)
        return list(seen.values())

    def _within(self) -> Iterator[Cast]:
        """Casts out of one scenario, which has all that they need."""
        found: list[dict[str, Deed]] = []
        for want in self.wanted:
            first: dict[str, Deed] = {}
            for deed in self.candidates(want):
                first.setdefault(deed.scenario, deed)
            found.append(first)
        for scenario in found[0]:
            if all(scenario in first for first in found):
                yield tuple(first[scenario] for first in found)

    def _choice(self, want: Wanted) -> list[Deed]:
        """Some for each pair of locks, smallest first."""
        found = self.candidates(want)
        by_locks: dict[tuple[str, str], int] = {}
        kept: list[Deed] = []
        for deed in found:
            locks = deed.held_lock, deed.new_lock
            by_locks[locks] = by_locks.get(locks, 0) + 1
            if by_locks[locks] <= SAME_LOCKS_MAX:
                kept.append(deed)
        return kept[:CANDIDATES_MAX]

    def _cost(self, cast: Cast) -> tuple[int, int, int, int]:
        """Who waits does so for the very lock that is held; then the fewest tasks, the fewest
        scenarios, the fewest steps."""
        loose = sum(a.new_lock != b.held_lock for a, b in _around(cast) if b.held)
        scenarios = len({deed.scenario for deed in cast})
        steps = sum(self.deeds[deed] for deed in cast)
        return loose, len(self.parts(cast)), scenarios, steps

    def parts(self, cast: Cast) -> list[CasePart]:
        """The tasks: one again for each deed of its own that it has to do at the same time."""
        times: dict[CasePart, dict[str, int]] = {}
        for deed in cast:
            labels = times.setdefault(deed.part, {})
            labels[deed.label] = labels.get(deed.label, 0) + 1
        return [part for part, labels in times.items() for _ in range(max(labels.values()))]

    def joints(self, cast: Cast) -> list[Deed]:
        """Where a reader waits for what is held by readers: the deeds of those who wait."""
        return [
            waits
            for waits, holds in _around(cast)
            if holds.held and holds.held_read != EXCLUSIVE and waits.new_read == READER
        ]

    def chosen(self) -> list[Cast]:
        """Those to explore: the best one alone, if its tasks wait for the very locks held."""
        return self.casts[: 1 if self.tight else CASTS_MAX]

    @property
    def tight(self) -> bool:
        """Is there a cast in which everybody waits for the very lock that is held?"""
        return bool(self.casts) and not self._cost(self.casts[0])[0]

    def extras(self, cast: Cast) -> list[Extra]:
        """A cast by itself, and, if readers wait for readers, with who takes these locks
        exclusively; out of one scenario, if one has them all."""
        joints = self.joints(cast)
        if not joints:
            return [Extra(cast, [])]
        locks = [deed.new_lock for deed in joints]
        best = cast
        for other in self._within():
            same = [deed.new_lock for deed in self.joints(other)]
            takers = [self._taker(other, joint) for joint in self.joints(other)]
            better = best is cast or self._cost(other) < self._cost(best)
            if same == locks and self._whole(other, takers) and better:
                best = other
        chosen = {joint.new_lock: self._taker(best, joint) for joint in self.joints(best)}
        return [Extra(cast, []), Extra(best, list(dict.fromkeys(chosen.values())))]

    def _whole(self, cast: Cast, takers: Sequence[CasePart | Deed]) -> bool:
        """Are these all tasks of one scenario?"""
        case = cast[0].part.case
        return all(isinstance(taker, CasePart) and taker.case == case for taker in takers)

    def _taker(self, cast: Cast, joint: Deed) -> CasePart | Deed:
        """A task that takes a joint's lock exclusively, the joint itself if none is known."""
        scenarios = [deed.scenario for deed in cast]

        def cost(deed: Deed) -> tuple[bool, bool, bool, int]:
            elsewhere = deed.new_lock != joint.new_lock
            return elsewhere, deed.trylock, deed.scenario not in scenarios, self.deeds[deed]

        takers = [
            deed
            for deed in self.deeds
            if not deed.held
            and deed.new_read == EXCLUSIVE
            and base_class(deed.new) == base_class(joint.new)
        ]
        return min(takers, key=cost).part if takers else joint


def base_class(name: str) -> str:
    """A class without its subclass."""
    base, slash, subclass = name.rpartition("/")
    return base if slash and subclass.isdigit() else name


def _around(cast: Cast) -> list[tuple[Deed, Deed]]:
    """Each deed with the one that holds what it waits for."""
    return list(zip(cast, (*cast[1:], cast[0]), strict=True))
