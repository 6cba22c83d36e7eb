"""The shortest schedule for a finding: fewest preemptions, then steps, then tasks.

A preemption is a switch away from a task that could have gone on; these are what a person has to
follow.  Two phases, both of which only try executions out and keep what is better:

- `_Local` moves blocks of steps about.  It is quick, and often gets stuck.
- `Contexts` enumerates all schedules with no preemption, with one, and so on.  Below the number
  that a finding has, it ends with a better schedule or with the proof that there is none; at that
  number, likewise for steps and tasks.

Source: M. Musuvathi, S. Qadeer, "Iterative context bounding for systematic testing of
multithreaded programs" (PLDI 2007), for the enumeration, which is polynomial for each number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from lockwright.core.finding import Finding
from lockwright.core.schedule import Choice
from lockwright.explore.attempt import Attempts, Fresh, Key, Taken
from lockwright.explore.contexts import Contexts
from lockwright.schedule.wishes import Wishes

BUDGET = 1_000
POLISH = 10
"""One part in so many of the executions is the most that goes into fewer steps, once no schedule
with fewer preemptions is left: the last steps cost more than they tell."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A schedule, cut after the step that shows the finding, and what it costs.

    `minimal` says that no schedule with fewer preemptions shows the finding, `shortest` that none
    with as many has fewer steps or as many steps and fewer tasks.  `finding` is the finding as
    this schedule shows it.  It is None if one execution does not show it, as when it was learnt
    over several: the schedule is the given one then.
    """

    schedule: tuple[Choice, ...]
    preemptions: int
    steps: int
    tasks: int
    attempts: int
    minimal: bool
    shortest: bool
    finding: Finding | None


def shrink(
    fresh: Fresh,
    wanted: Key,
    schedule: Sequence[Choice],
    budget: int = BUDGET,
    *,
    ordered: bool = False,
) -> Shrunk:
    """Shrink `schedule`, which shows the finding `wanted`, with at most `budget` executions.

    `ordered` says that the finding may depend on the order of steps that have nothing in common,
    as the lock validator's do: then no two orders are taken for the same.
    """
    attempts = Attempts(fresh)
    first = attempts.run(Wishes(schedule), wanted)
    if first.step < 0 or budget < 1:
        return _unchanged(schedule, first, attempts.count)
    best = _Local(attempts, wanted, first, budget // 2).search()
    contexts = Contexts(attempts, wanted, best, ordered=ordered)
    minimal, shortest = contexts.search(budget, budget // POLISH)
    best = contexts.best
    preemptions, steps, tasks = best.cost
    finding = next(
        finding for finding in best.findings if (finding.kind, finding.signature) == wanted
    )
    return Shrunk(
        tuple(best.shown), preemptions, steps, tasks, attempts.count, minimal, shortest, finding
    )


def _unchanged(schedule: Sequence[Choice], taken: Taken, attempts: int) -> Shrunk:
    same = len(list(schedule))
    preemptions = taken.preemptions(same)
    tasks = len({task for task, _ in schedule})
    return Shrunk(
        tuple(schedule), preemptions, same, tasks, attempts, minimal=False, shortest=False,
        finding=None,
    )  # fmt: skip


class _Local:
    """Tries changes of the best execution so far, until none makes it better."""

    def __init__(self, attempts: Attempts, wanted: Key, best: Taken, budget: int) -> None:
        self.attempts = attempts
        self.wanted = wanted
        self.best = best
        self.budget = budget
        self.tried: set[tuple[Choice, ...]] = set()

    def search(self) -> Taken:
        while self._improved():
            pass
        return self.best

    def _improved(self) -> bool:
        for wishes in simpler(self.best.shown):
            if wishes in self.tried:
                continue
            if self.attempts.count >= self.budget:
                return False
            self.tried.add(wishes)
            taken = self.attempts.run(Wishes(wishes), self.wanted)
            if taken.step >= 0 and taken.cost < self.best.cost:
                self.best = taken
                return True
        return False


Block = list[Choice]


def simpler(schedule: Sequence[Choice]) -> Iterator[tuple[Choice, ...]]:
    """Schedules to wish for, with fewer switches between tasks or fewer steps."""
    blocks = blocks_of(schedule)
    for change in (*_ends(blocks), *_merges(blocks), *_leaves(blocks)):
        yield tuple(choice for block in change for choice in block)


def blocks_of(schedule: Sequence[Choice]) -> list[Block]:
    """The schedule, cut where it goes to another task."""
    return [list(steps) for _, steps in groupby(schedule, key=lambda choice: choice[0])]


def _ends(blocks: list[Block]) -> Iterator[list[Block]]:
    """Only the first so many blocks, fewest first."""
    for count in range(len(blocks)):
        yield blocks[:count]


def _merges(blocks: list[Block]) -> Iterator[list[Block]]:
    """Two neighbouring blocks of one task made one, where the first stands or where the second
    does."""
    for first, block in enumerate(blocks):
        task = block[0][0]
        for second in range(first + 1, len(blocks)):
            if blocks[second][0][0] != task:
                continue
            both = [*block, *blocks[second]]
            between, after = blocks[first + 1 : second], blocks[second + 1 :]
            yield [*blocks[:first], both, *between, *after]
            yield [*blocks[:first], *between, both, *after]
            break


def _leaves(blocks: list[Block]) -> Iterator[list[Block]]:
    """One task's steps left out, or one block."""
    for task in sorted({block[0][0] for block in blocks}):
        yield [block for block in blocks if block[0][0] != task]
    for at in range(len(blocks)):
        yield [*blocks[:at], *blocks[at + 1 :]]
