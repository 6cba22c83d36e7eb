"""A piece of a search: some of its parts, explored one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lockwright.explore.dpor import Dpor
from lockwright.explore.run import Run
from lockwright.explore.sections import Restart, Sections
from lockwright.explore.spine import Node
from lockwright.explore.unit import Unit
from lockwright.explore.wakeup import Step


@dataclass(slots=True)
class Explored:
    """What became of a part: what is left of it, if anything, and what it found for the spine."""

    left: Unit | None
    outgoing: list[tuple[int, list[Step]]]


@dataclass(slots=True)
class Batch:
    """Some parts of a search, and what is known about sections when the batch begins.

    `nodes` are their places in the spine.  `explored` grows as the parts are; `partly` is what is
    left of the next one and what it found so far, if it was begun in another process.  `restart`
    tells that the search has to begin anew.
    """

    nodes: list[Node]
    units: list[Unit]
    budget: int
    sections: Sections | None
    explored: list[Explored] = field(default_factory=list)
    partly: Explored | None = None
    restart: bool = False
    executions: int = 0

    def runs(self, dpor: Dpor) -> Iterator[Run]:
        """Explore; `dpor` is of the same search, and of this process."""
        dpor.sections = self.sections
        dpor.begin_piece()
        for unit in self.units[len(self.explored) :]:
            begun, self.partly = self.partly, None
            if begun is not None and begun.left is None:
                self.explored.append(begun)
                continue
            if begun is None and self.executions >= self.budget:
                return
            dpor.load(unit if begun is None or begun.left is None else begun.left)
            try:
                if begun is not None:
                    dpor.taken_up(begun.outgoing)
                while not dpor.ended and self.executions < self.budget:
                    run = dpor.execute()
                    run.begins = not self.executions
                    self.executions += 1
                    yield run
                explored = now(dpor)
            except Restart:
                self.restart = True
                return
            self.explored.append(explored)


def now(dpor: Dpor, *, exact: bool = True) -> Explored:
    """What has become of the part by now.  To find out what all of it touches can teach something
    about sections, and raise Restart."""
    return Explored(None if dpor.ended else dpor.unit(exact=exact), dpor.outgoing)
