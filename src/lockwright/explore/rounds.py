"""A long search by DPOR in rounds, so that processes can share it and it can be taken up again.

Each round explores all parts of the search that there are (`spine.py`), in batches: some parts,
one after the other, up to a number of executions.  What a batch does depends on nothing but what
was known when the round began, and when all are done, what they found is entered in their order.
So the executions, and their order, are the same whoever runs the batches, and however many run at
once.

Order of reading: `Batch.runs` in `batch.py` (what a process does), `Rounds` (the search).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lockwright.core.location import Names, Value
from lockwright.explore.batch import Batch, now
from lockwright.explore.dpor import Dpor
from lockwright.explore.estimate import estimated
from lockwright.explore.export import Export
from lockwright.explore.portable import Portable
from lockwright.explore.run import MakeWorld, Run
from lockwright.explore.sections import Restart
from lockwright.explore.spine import Spine

BATCHES = 32
PARTS = 2 * BATCHES
"""So many parts are enough for a round; more are not cut."""
FIRST = 256
"""How many executions the batches of the first round have each; twice as many in each round."""
MOST = 1024


class Rounds:
    """The search.  Iterated, it runs all batches itself.

    Invariant: of the `current` round the first `at` batches are explored, and what they found is
    not entered in the spine yet.
    """

    def __init__(
        self, make: MakeWorld, *, granularity: str = "operation", probe: MakeWorld | None = None
    ) -> None:
        self.granularity = granularity
        self.dpor = Dpor(make, granularity=granularity, probe=probe)
        self.sections = self.dpor.sections
        self.restarts = 0
        self.on_restart: Callable[[], None] | None = None
        self._begin()

    def _begin(self) -> None:
        self.spine = Spine()
        self.round = 0
        self.current: list[Batch] = []
        self.at = 0
        self.before = 0
        self.fresh = True

    @property
    def names(self) -> Names:
        """The names of this process's worlds."""
        return self.dpor.names

    def __iter__(self) -> Iterator[Run]:
        while self.begin_round():
            while self.at < len(self.current):
                batch = self.current[self.at]
                for run in batch.runs(self.dpor):
                    run.fresh, self.fresh = self.fresh, False
                    yield run
                if batch.restart:
                    break
                self.at += 1
            self.end_round()

    def begin_round(self) -> bool:
        """Make the batches of the round to come, unless one is going on; False if all is explored.

        A round gives each batch a number of executions, and each part to one batch.
        """
        if self.current:
            return True
        parts = self.spine.parts()
        budget = min(FIRST << self.round, MOST)
        size = -(-len(parts) // BATCHES) if parts else 1
        self.at = 0
        self.current = [
            Batch(
                parts[at : at + size],
                [node.unit for node in parts[at : at + size] if node.unit is not None],
                budget,
                None if self.sections is None else self.sections.copy(),
            )
            for at in range(0, len(parts), size)
        ]
        return bool(self.current)

    def end_round(self) -> None:
        """All batches are explored, or one wants the search to begin anew."""
        batches, self.current = self.current, []
        self.round += 1
        parts = sum(len(batch.units) for batch in batches)
        for batch in batches:
            try:
                if self.sections is not None and batch.sections is not None:
                    self.sections.learn(batch.sections)
                if batch.restart:
                    raise Restart
            except Restart:
                self._begin_again()
                return
            self.before += batch.executions
            for node, part in zip(batch.nodes, batch.explored, strict=False):
                for depth, v in part.outgoing:
                    self.spine.insert(node, depth, v)
                parts += self.spine.explored(node, part.left, cut=parts < PARTS)
        self.spine.prune()

    def _begin_again(self) -> None:
        self.dpor.close()
        if self.sections is not None:
            self.sections.begin_again()
        self.restarts += 1
        if self.on_restart is not None:
            self.on_restart()
        self._begin()

    def unfused(self) -> dict[str, str]:
        """The lock classes whose sections are not single steps, and why; in order of discovery."""
        return {} if self.sections is None else self.sections.unfused()

    def estimate(self, executions: int) -> int:
        """How many executions there will be in all, by what the rounds so far have seen."""
        if not self.round:
            return executions if self.dpor.ended else estimated(executions, self.dpor.branching())
        if not self.current and self.spine.root.done:
            return executions
        return max(executions, int(self.before / max(self.spine.share(), 1e-12)))

    def export(self) -> dict[str, Value]:
        """The state between two executions, as JSON."""
        to = Export(Portable(self.names))
        told = []
        for at, batch in enumerate(self.current[: self.at + 1]):
            # the parts before are explored as far as their batch's executions went
            going = at == self.at and batch.executions and len(batch.explored) < len(batch.units)
            partly = batch.partly or (now(self.dpor, exact=False) if going else None)
            told.append(to.outcome(batch, partly))
        return {
            "granularity": self.granularity,
            "restarts": self.restarts,
            "round": self.round,
            "before": self.before,
            "sections": to.sections(self.sections),
            "spine": to.node(self.spine.root),
            "at": self.at,
            "batches": told,
        }

    def restore(self, told: dict[str, Value]) -> None:
        """Go on from what was exported.  Raises KeyError, TypeError or ValueError for what is no
        such state."""
        to = Export(Portable(self.names))
        if told["granularity"] != self.granularity:
            raise ValueError(f"granularity {told['granularity']!r}")
        self.restarts = int(told["restarts"])
        self.round = int(told["round"])
        self.before = int(told["before"])
        self.sections = to.sections_of(told["sections"])
        self.spine.root = to.node_of(told["spine"])
        self.fresh = False
        if told["batches"]:
            self.begin_round()
            for batch, outcome in zip(self.current, told["batches"], strict=False):
                to.enter(batch, outcome)
            self.at = int(told["at"])
