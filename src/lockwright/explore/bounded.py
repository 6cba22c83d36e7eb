"""Every schedule with few preemptions, those with none first.

Source: Musuvathi, Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
Programs" (PLDI 2007).  A preemption is a switch away from a task that could have gone on; a switch
from one that waits or has ended costs nothing.  Most bugs need one or two, and for a fixed number
the schedules are only polynomially many in the length of the program.

The bound is deepened: 0, 1, 2 ... preemptions, a depth-first search for each.  Where the paper
keeps a queue of all places at which the next bound goes on, which grows with the search, this one
keeps the current path alone: it takes the executions of the smaller bounds again, and yields only
those with exactly as many preemptions as the bound.  When a bound cut nothing off, every schedule
was explored.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.core.location import Names, Value
from lockwright.core.schedule import STEPS_MAX, Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld, Run, endless


def bounded_search(make: MakeWorld, bound: int | None = None) -> Bounded:
    """The runs of every schedule with at most `bound` preemptions, each once, in the order of
    their preemptions; with None as the bound, of every schedule."""
    return Bounded(make, bound)


class Bounded:
    """One search.

    `bound` is the number of preemptions of the runs that are now yielded, and when the search has
    ended, the number up to which every schedule was explored.  `cut_off` tells whether there are
    schedules with more: if it ended without, every schedule was explored.
    Invariant: `left[d]` lists the choices at depth d of the current path that were not explored to
    their end, the path's own last; `known[d]` is how many there were.
    """

    def __init__(self, make: MakeWorld, bound: int | None = None) -> None:
        if bound is not None and bound < 0:
            raise UsageError(f"a bound of {bound} preemptions: expected 0 or more")
        self.make = make
        self.most = bound
        self.bound = 0
        self.cut_off = False
        self.given = 0
        self.before = 0
        self.names = Names()
        self.left: list[list[Choice]] = []
        self.known: list[int] = []
        self.resumed = False

    def __iter__(self) -> Iterator[Run]:
        if self.resumed and not self._next():
            return
        while True:
            run = Run(self.make(self.names))
            if self._execute(run) == self.bound:
                self.given += 1
                yield run
            else:
                run.world.close()
            if not self._next():
                return

    def branching(self) -> list[tuple[int, int]]:
        """For `estimate.py`: explored and known choices at each depth of the current path.

        They are those of the present bound, which has yielded `given - before` runs.
        """
        return [
            (known - len(left), known) for left, known in zip(self.left, self.known, strict=True)
        ]

    def export(self) -> dict[str, Value]:
        """The state between two runs, as JSON."""
        return {
            "bound": self.bound,
            "cut_off": self.cut_off,
            "given": self.given,
            "before": self.before,
            "left": [[list(choice) for choice in left] for left in self.left],
            "known": list(self.known),
        }

    @classmethod
    def restore(cls, make: MakeWorld, state: dict[str, Value], bound: int | None = None) -> Bounded:
        """The search that goes on after the run at which the state was exported.

        Raises KeyError, TypeError or ValueError for what is no such state.
        """
        search = cls(make, bound)
        search.bound = int(state["bound"])
        search.cut_off = bool(state["cut_off"])
        search.given, search.before = int(state["given"]), int(state["before"])
        search.left = [[(int(task), int(value)) for task, value in left] for left in state["left"]]
        search.known = [int(known) for known in state["known"]]
        for left, known in zip(search.left, search.known, strict=True):
            if not 0 < len(left) <= known:
                raise ValueError(f"{len(left)} choices are left of {known}")
        if bound is not None and search.bound > bound:
            raise ValueError(f"it has come to {search.bound} preemptions, beyond {bound}")
        search.resumed = True
        return search

    def _next(self) -> bool:
        """Go to the next choice, or to the next bound; False if there is neither."""
        left, known = self.left, self.known
        while left and len(left[-1]) == 1:
            left.pop()
            known.pop()
        if left:
            left[-1].pop()
            return True
        if not self.cut_off or self.bound == self.most:
            return False
        self.bound += 1
        self.cut_off = False
        self.before = self.given
        return True

    def _execute(self, run: Run) -> int:
        """Run along the current path, then on, always by the first choice: that is, without
        preemptions.  Gives the number of those that there were."""
        world, left = run.world, self.left
        depth = preemptions = 0
        last: Task | None = None
        while enabled := world.enabled():
            going = last if last in enabled else None
            if depth == len(left):
                left.append(self._choices(enabled, going, preemptions))
                self.known.append(len(left[-1]))
            index, value = left[depth][-1]
            last = _task(world, enabled, index, depth)
            preemptions += going is not None and last is not going
            run.take(last, value)
            depth += 1
            if depth > STEPS_MAX:
                raise endless(last)
        return preemptions

    def _choices(self, enabled: list[Task], going: Task | None, preemptions: int) -> list[Choice]:
        """What can be done next within the bound, the first last: the task that was running goes
        on, if it can, then the others in order of creation."""
        order = list(enabled)
        if going is not None:
            order.remove(going)
            if preemptions == self.bound:
                self.cut_off = self.cut_off or bool(order)
                order.clear()
            order.insert(0, going)
        choices: list[Choice] = []
        for task in reversed(order):
            op = task.pending
            options = op.options() if op is not None and op.chooses else 1
            choices.extend((task.index, value) for value in reversed(range(options)))
        return choices


def _task(world: World, enabled: list[Task], index: int, depth: int) -> Task:
    task = world.tasks[index] if index < len(world.tasks) else None
    if task is None or task not in enabled:
        raise NondeterminismError(
            f"the model is not deterministic: step {depth} is not what it was under the same "
            f"schedule\nexpected: task {index} can run\ngot: it cannot"
        )
    return task
