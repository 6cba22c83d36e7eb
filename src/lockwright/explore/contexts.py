"""All schedules with no preemption, then all with one, and so on, until a finding is shown.

Source: M. Musuvathi, S. Qadeer, "Iterative context bounding for systematic testing of
multithreaded programs" (PLDI 2007), section 3.

Each execution goes on without preemptions after its prefix; at each of its later steps, another
choice makes a prefix for an execution to come, in the level of as many preemptions as it has.  Two
prefixes that differ only in the order of steps that have nothing in common, before a last step that
is the same, have the same continuations: the one with more preemptions is left out (`Frontiers`).
"""

from __future__ import annotations

from dataclasses import dataclass

from lockwright.core.schedule import Choice
from lockwright.explore.attempt import Attempts, Key, Taken
from lockwright.schedule.prefixed import Prefixed
from lockwright.schedule.steady import Steady

Trace = tuple[int, ...]
"""The last event of each task."""

Turn = tuple[Trace, tuple[int, int]]
"""A choice that is made after a trace: the task's number, and the value."""


@dataclass(frozen=True, slots=True)
class _Branch:
    """The first `at` steps of an execution, then another choice."""

    schedule: list[Choice]
    at: int
    choice: Choice
    turn: Turn | None


class Contexts:
    """The search below an execution that shows the finding.  Invariant: `best` shows it, and costs
    no more than the one given."""

    def __init__(self, attempts: Attempts, wanted: Key, best: Taken, *, ordered: bool) -> None:
        self.attempts = attempts
        self.wanted = wanted
        self.best = best
        self.cost = best.cost
        self.frontiers = None if ordered else Frontiers()
        self.levels: list[list[_Branch]] = [[]]
        self.seen: dict[Turn, int] = {}

    def search(self, budget: int, polish: int) -> tuple[bool, bool]:
        """Is `best` now known to have the fewest preemptions, and then the fewest steps and tasks?
        False where `budget` executions were too few, and `polish` once the first is known."""
        if self.attempts.count >= budget:
            return not self.cost[0], False
        self._try([], 0)
        level = 0
        while level <= self.cost[0] and level < len(self.levels):
            while self.levels[level] and level <= self.cost[0]:
                minimal = level == self.cost[0]
                if self.attempts.count >= (polish if minimal else budget):
                    return minimal, False
                self._take(self.levels[level].pop(), level)
            level += 1
        return True, True

    def _take(self, branch: _Branch, level: int) -> None:
        if branch.turn is not None and self.seen[branch.turn] < level:
            return  # reached again with fewer preemptions, and done then
        if level == self.cost[0] and branch.at >= self.cost[1]:
            return
        self._try([*branch.schedule[: branch.at], branch.choice], level)

    def _try(self, prefix: list[Choice], level: int) -> None:
        steps_max = self.cost[1] if level == self.cost[0] else None
        oracle = Prefixed(prefix, Steady(prefix[-1][0] if prefix else -1))
        taken = self.attempts.run(oracle, self.wanted, steps_max)
        if taken.step >= 0 and taken.cost < self.cost:
            self.best, self.cost = taken, taken.cost
        self._branch(taken, len(prefix), level)

    def _branch(self, taken: Taken, prefix: int, level: int) -> None:
        """Keep what else could have been chosen after the prefix."""
        traces = self.frontiers.of(taken) if self.frontiers is not None else None
        for step in range(prefix, len(taken.schedule)):
            for choice in taken.could[step]:
                price = level + taken.preemptive(step, choice)
                if price > self.cost[0]:
                    continue
                turn = None
                if traces is not None:
                    # a task's place in the order of creation is another one in another order
                    turn = traces[step], (taken.tasks[choice[0]], choice[1])
                    if self.seen.get(turn, price + 1) <= price:
                        continue
                    self.seen[turn] = price
                if choice != taken.schedule[step]:
                    while len(self.levels) <= price:
                        self.levels.append([])
                    self.levels[price].append(_Branch(taken.schedule, step, choice, turn))


class Frontiers:
    """Gives prefixes of executions the same name if and only if they are one trace.

    An event is what its task did before, its choice, and for each location the write that it finds
    there: so a read is told from one after the next write, and the writes have their order.  The
    last event of each task then tells the trace.
    Invariant: two events have one number if and only if these are the same.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[object, ...], int] = {}

    def of(self, taken: Taken) -> list[Trace]:
        """The trace before each step, and that after the last."""
        last: dict[int, int] = {}
        writes: dict[int, int] = {}
        traces: list[Trace] = [()]
        # a model that fails touches nothing in its last step
        steps = zip(taken.schedule, taken.numbers, taken.touched, strict=False)
        for (_, value), number, codes in steps:
            written = {code >> 1 for code in codes if code >= 0 and code & 1}
            touched = {code >> 1 if code >= 0 else ~code for code in codes}
            found = [(location, writes.get(location, -1)) for location in sorted(touched)]
            what = (number, last.get(number, -1), value, *found)
            event = self.numbers.setdefault(what, len(self.numbers))
            writes.update(dict.fromkeys(written, event))
            last[number] = event
            traces.append(tuple(last[task] for task in sorted(last)))
        return traces
