"""The nearest run that passes, to be laid beside the one that fails.

First one choice of the failing schedule is changed, the last one that can be first, and the rest
of the schedule followed as far as it can be, or else the tasks left to go on as they can.  If no
such run passes, the search goes through all other schedules, those with the longest common
beginning first, and leaves out what differs only in the order of independent steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lockwright.core.finding import Finding
from lockwright.core.nearest import Nearest
from lockwright.core.schedule import Choice
from lockwright.explore.attempt import Attempts, Fresh, Key, Taken
from lockwright.explore.contexts import Frontiers
from lockwright.schedule.oracle import Oracle
from lockwright.schedule.prefixed import Prefixed
from lockwright.schedule.steady import Steady
from lockwright.schedule.wishes import Wishes

BUDGET = 300


def nearest_pass(
    fresh: Fresh,
    wanted: Key,
    schedule: Sequence[Choice],
    budget: int = BUDGET,
    *,
    ordered: bool = False,
) -> Nearest | None:
    """Look for a run that passes, beside `schedule`, which shows the finding `wanted`.

    A run passes if it comes to its end and breaks nothing; a prediction of another deadlock is not
    taken for one.  None if one execution along the schedule does not show the finding.  `ordered`
    is as in `shrink`.
    """
    attempts = Attempts(fresh)
    failing = attempts.run(Wishes(schedule), wanted)
    if failing.step < 0:
        return None
    shown = failing.shown
    for oracle in _changed(failing):
        if attempts.count >= budget:
            return _none(attempts, exhausted=False)
        taken = attempts.run(oracle)
        if _passes(taken, wanted):
            return _found(taken, shown, attempts)
    return _Rest(attempts, wanted, ordered=ordered).search(failing, budget)


def _changed(failing: Taken) -> Iterator[Oracle]:
    """What differs from the failing execution in one choice, the last first."""
    shown = failing.shown
    for step in reversed(range(len(shown))):
        for choice in failing.could[step]:
            if choice == shown[step]:
                continue
            prefix = [*shown[:step], choice]
            rest = shown[step:]
            own = next((at for at, wish in enumerate(rest) if wish[0] == choice[0]), None)
            if own is not None:
                del rest[own]  # the step that it takes now
            yield Prefixed(prefix, Wishes(rest))
            yield Prefixed(prefix, Steady(choice[0]))


class _Rest:
    """All schedules, those nearest to the failing one first."""

    def __init__(self, attempts: Attempts, wanted: Key, *, ordered: bool) -> None:
        self.attempts = attempts
        self.wanted = wanted
        self.frontiers = None if ordered else Frontiers()
        self.seen: set[object] = set()
        self.left: list[list[Choice]] = []

    def search(self, failing: Taken, budget: int) -> Nearest:
        self._branch(failing, 0)
        while self.left:
            if self.attempts.count >= budget:
                return _none(self.attempts, exhausted=False)
            prefix = self.left.pop()
            taken = self.attempts.run(Prefixed(prefix, Steady(prefix[-1][0])))
            if _passes(taken, self.wanted):
                return _found(taken, failing.shown, self.attempts)
            self._branch(taken, len(prefix))
        return _none(self.attempts, exhausted=True)

    def _branch(self, taken: Taken, prefix: int) -> None:
        traces = self.frontiers.of(taken) if self.frontiers is not None else None
        for step in range(prefix, len(taken.schedule)):
            for choice in reversed(taken.could[step]):
                if traces is not None:
                    turn = traces[step], taken.tasks[choice[0]], choice[1]
                    if turn in self.seen:
                        continue
                    self.seen.add(turn)
                if choice != taken.schedule[step]:
                    self.left.append([*taken.schedule[:step], choice])


def _passes(taken: Taken, wanted: Key) -> bool:
    return taken.complete and all(
        _predicts(finding) and (finding.kind, finding.signature) != wanted
        for finding in taken.findings
    )


def _predicts(finding: Finding) -> bool:
    """Is it about what could happen in another schedule?"""
    return finding.report is not None and bool(finding.classes) and not finding.fatal


def _found(taken: Taken, shown: Sequence[Choice], attempts: Attempts) -> Nearest:
    pairs = zip(taken.schedule, shown, strict=False)
    step = next((at for at, (one, other) in enumerate(pairs) if one != other), len(shown))
    still = tuple(dict.fromkeys(finding.kind for finding in taken.findings))
    return Nearest(step, tuple(taken.schedule), still, attempts.count, exhausted=False)


def _none(attempts: Attempts, *, exhausted: bool) -> Nearest:
    return Nearest(-1, (), (), attempts.count, exhausted)
