"""The shortest schedule of a finding: fewest preemptions, then switches, then steps.

A preemption is a switch away from a task that could have gone on.  All schedules with none are
tried, then those with one, and so on; the first that shows the finding has the fewest.  Where that
would take too long, blocks of steps are left out or joined as long as it helps.

Source: M. Musuvathi, S. Qadeer, "Iterative context bounding for systematic testing of
multithreaded programs" (PLDI 2007).
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.finding import Finding
from lockwright.core.schedule import Choice
from lockwright.explore.shrink import Block, blocks_of
from lockwright.schedule.wishes import Wishes
from lockwright.testing.trio.driver import Picks
from lockwright.testing.trio.every import EveryOrder
from lockwright.testing.trio.execution import Execution, Program, run
from lockwright.testing.trio.recorder import Recorder

ATTEMPTS = 400


class Shrinker:
    """Tries executions out, at most `attempts` of them, and keeps the cheapest that shows the
    finding.  `minimal` says that no schedule shows it with fewer preemptions."""

    def __init__(self, program: Program, wanted: Finding, found: Execution, attempts: int) -> None:
        self.program = program
        self.key = (wanted.kind, wanted.signature)
        self.best = found
        self.left = attempts
        self.minimal = found.preemptions == 0
        self.tried: set[tuple[Choice, ...]] = set()

    def shrunk(self) -> Execution:
        """The cheapest execution."""
        local = self.left // 2
        if not self.minimal:
            self._fewest_preemptions(self.left - local)
        self.left = local
        while self._improved():
            pass
        return self.best

    def _fewest_preemptions(self, budget: int) -> None:
        for bound in range(self.best.preemptions):
            orders = EveryOrder(bound)
            while orders.begin():
                if not budget:
                    return
                budget -= 1
                if self._kept(orders):
                    self.minimal = True
                    return
        self.minimal = True

    def _kept(self, picks: Picks) -> bool:
        """Run once; is it the best so far?"""
        execution = run(self.program, picks)
        if not execution.failed or execution.cost >= self.best.cost:
            return False
        execution = run(self.program, Wishes(execution.schedule), Recorder())
        if self.key not in [(finding.kind, finding.signature) for finding in execution.findings]:
            return False
        self.best = execution
        return True

    def _improved(self) -> bool:
        for change in _changes(blocks_of(self.best.schedule)):
            wishes = tuple(choice for block in change for choice in block)
            if wishes in self.tried:
                continue
            if not self.left:
                return False
            self.left -= 1
            self.tried.add(wishes)
            if self._kept(_begun(Wishes(wishes))):
                return True
        return False


def _begun(wishes: Wishes) -> Wishes:
    wishes.begin()
    return wishes


def _changes(blocks: list[Block]) -> Iterator[list[Block]]:
    """One block left out, or two of one task joined where the first or the second stands."""
    for at in range(len(blocks)):
        yield [*blocks[:at], *blocks[at + 1 :]]
    for first, block in enumerate(blocks):
        for second in range(first + 1, len(blocks)):
            if blocks[second][0][0] == block[0][0]:
                both = [*block, *blocks[second]]
                before, between = blocks[:first], blocks[first + 1 : second]
                after = blocks[second + 1 :]
                yield [*before, both, *between, *after]
                yield [*before, *between, both, *after]
                break
