"""Plain depth-first search: every interleaving, no reduction.  The reference for all others."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.errors import NondeterminismError
from lockwright.core.location import Names, Value
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld, Run, endless


def plain_search(make: MakeWorld) -> Iterator[Run]:
    """Yield a run for every schedule, in lexicographic order of (task, value)."""
    return iter(PlainSearch(make))


class PlainSearch:
    """One search.  Each run starts from a fresh world and replays the prefix that it shares with
    the one before.

    Invariant: `left[d]` lists the choices at depth d of the current path that were not explored
    to their end, the path's own last; `known[d]` is how many there were.
    """

    def __init__(self, make: MakeWorld) -> None:
        self.make = make
        self.names = Names()
        self.left: list[list[Choice]] = []
        self.known: list[int] = []
        self.resumed = False

    def __iter__(self) -> Iterator[Run]:
        if self.resumed and not self._backtrack():
            return
        while True:
            yield self._execute(self.make(self.names))
            if not self._backtrack():
                return

    def branching(self) -> list[tuple[int, int]]:
        """For `estimate.py`: explored and known choices at each depth of the current path."""
        return [
            (known - len(left), known) for left, known in zip(self.left, self.known, strict=True)
        ]

    def export(self) -> dict[str, Value]:
        """The state between two runs, as JSON."""
        return {
            "left": [[list(choice) for choice in left] for left in self.left],
            "known": list(self.known),
        }

    @classmethod
    def restore(cls, make: MakeWorld, state: dict[str, Value]) -> PlainSearch:
        """The search that goes on after the run at which the state was exported.

        Raises KeyError, TypeError or ValueError for what is no such state.
        """
        search = cls(make)
        search.left = [[(int(task), int(value)) for task, value in left] for left in state["left"]]
        search.known = [int(known) for known in state["known"]]
        for left, known in zip(search.left, search.known, strict=True):
            if not 0 < len(left) <= known:
                raise ValueError(f"{len(left)} choices are left of {known}")
        search.resumed = True
        return search

    def _backtrack(self) -> bool:
        """Go to the next choice at the deepest place that has one; False if there is none."""
        left, known = self.left, self.known
        while left and len(left[-1]) == 1:
            left.pop()
            known.pop()
        if not left:
            return False
        left[-1].pop()
        return True

    def _execute(self, world: World) -> Run:
        """Run along the current path, then on, always by the first choice."""
        run, left = Run(world), self.left
        depth = 0
        while enabled := world.enabled():
            if depth == len(left):
                left.append(_choices(enabled))
                self.known.append(len(left[-1]))
            index, value = left[depth][-1]
            task = world.tasks[index] if index < len(world.tasks) else None
            if task is None or task not in enabled:
                raise NondeterminismError(
                    f"the model is not deterministic: step {depth} is not what it was under the "
                    f"same schedule\nexpected: task {index} can run\ngot: it cannot"
                )
            run.take(task, value)
            depth += 1
            if depth > STEPS_MAX:
                raise endless(task)
        return run


def _choices(enabled: list[Task]) -> list[Choice]:
    """What can be done next, the first last."""
    choices: list[Choice] = []
    for task in reversed(enabled):
        op = task.pending
        options = op.options() if op is not None and op.chooses else 1
        choices.extend((task.index, value) for value in reversed(range(options)))
    return choices
