"""A part of a search, and what a search tells of its steps."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from lockwright.explore.wakeup import Branch, Footprint, Sleep


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a search: what is below a node.

    `keys` leads to the node to go on from; the part begins at depth `base` of it.  `nodes` has for
    each depth from there on what sleeps, what is still to be explored, and how many branches were
    tried; `footprints` those of the steps from there on.  The races of the first `planned` steps
    were dealt with.
    """

    keys: list[int]
    base: int
    nodes: list[tuple[Sleep, list[Branch], int]]
    footprints: list[Footprint]
    planned: int


@dataclass(frozen=True, slots=True)
class Ordered:
    """Says whether an operation of the log belongs to a step that happens before another's."""

    ends: list[int]
    before_of: list[int]

    def __call__(self, first: int, second: int) -> bool:
        step = bisect_right(self.ends, first)
        return bool(self.before_of[bisect_right(self.ends, second)] >> step & 1)
