"""A search below the first steps of a schedule: what can follow them, and nothing else.

A world in which these steps are taken is a world like any other, so that every search can begin
there (`after`); what it yields gets the steps back that it knows nothing of (`lengthened`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lockwright.core.errors import UsageError
from lockwright.core.location import Names, Value
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.attempt import choices_of
from lockwright.explore.run import MakeWorld, OpStep, Run


class After:
    """Makes worlds in which the steps of `prefix` have been taken.

    `keys` and `log` are those of the steps in the world that was made last, as in `Run`.
    """

    def __init__(self, make: MakeWorld, prefix: Sequence[Choice]) -> None:
        self.make = make
        self.prefix = tuple(prefix)
        self.keys: list[int] = []
        self.log: list[OpStep] = []

    def __call__(self, names: Names) -> World:
        world = self.make(names)
        taken = Run(world)
        for step, choice in enumerate(self.prefix):
            able = {choice: task for task in world.enabled() for choice in choices_of(task)}
            if choice not in able:
                raise UsageError(
                    f"the schedule does not fit the model: its step {step}, of task {choice[0]}, "
                    "cannot be taken"
                )
            taken.take(able[choice], choice[1])
        self.keys, self.log = taken.keys, taken.log
        return world

    def lengthened(self, run: Run) -> Run:
        """A run of a search, from the beginning of its world on."""
        steps = len(self.log)
        # of the first run there was none before to share the steps with
        shared = 0 if run.fresh else run.shared + steps
        whole = Run(run.world, [*self.keys, *run.keys], [*self.log, *run.log], shared)
        whole.sleeping, whole.fresh, whole.begins = run.sleeping, run.fresh, run.begins
        ordered = run.ordered
        if ordered is not None:
            # the prefix has one order, and nothing that follows comes before it
            whole.ordered = lambda first, second: (
                first < steps or ordered(first - steps, second - steps)
            )
        return whole


class Below:
    """A search in worlds of `after`; in all but its runs the search itself."""

    def __init__(self, after: After, searching: Iterable[Run]) -> None:
        self.after = after
        self.searching = searching

    def __iter__(self) -> Iterator[Run]:
        return map(self.after.lengthened, self.searching)

    def __getattr__(self, name: str) -> Value:
        return getattr(self.searching, name)
