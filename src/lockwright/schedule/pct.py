"""Probabilistic concurrency testing.

Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic
Guarantees of Finding Bugs" (ASPLOS 2010), section 3.  Tasks get random priorities; the enabled
task of highest priority runs; at d - 1 random change points the running task's priority drops
below all initial ones, to i at the i-th point, and the points come in any order.  A bug of depth
d, one that d constraints of the form "this event before that one" force, is found with
probability at least 1 / (n * k ** (d - 1)) for n tasks and at most k events.

Two things make the bound hold here to the letter:

- k must be at least the length of the execution.  It is measured: the first executions have no
  change points, only random priorities, and k is the longest of them.
- A change point is an event, and drops its task's priority before the event.  Events are numbered
  in the order in which they are first about to run, not in the order of steps: otherwise two
  events that must be held back at the same step could not both be change points, and bugs of
  depth 4 would be found less often than promised.  A priority dropped after a step instead could
  not hold back a task's first event, and some bugs of depth 3 would never be found.
"""

from __future__ import annotations

from lockwright.core.errors import UsageError
from lockwright.core.task import Task
from lockwright.schedule.sampler import Sampler

MEASURES = 8


class Pct(Sampler):
    """Executions of PCT for bugs of depth `depth`.

    `horizon` is k; 0 means that it is to be measured, in the first `MEASURES` executions.
    Invariant: `waiting[i]` tells that the event that task i is about to do has its number.
    """

    name = "pct"

    def __init__(
        self, seed: int, executions: int, *, depth: int = 3, horizon: int = 0, first: int = 0
    ) -> None:
        if depth < 1 or horizon < 0:
            raise UsageError(
                f"strategy pct: a depth of {depth} and a horizon of {horizon}; expected a depth of "
                "1 or more, and a horizon of 1 or more, or 0 to have it measured"
            )
        self.measures = 0 if horizon else MEASURES
        super().__init__(seed, executions, first=first)
        self.depth = depth
        self.horizon = horizon
        self.longest = 0
        self.events = 0
        self.waiting: list[bool] = []
        self.priority: list[float] = []
        self.changes: dict[int, float] = {}

    def started(self) -> None:
        self.events = 0
        self.waiting = []
        self.priority = []
        points = 0 if self.measuring else min(self.depth - 1, self.horizon)
        at = self.random.sample(range(1, self.horizon + 1), points)
        self.changes = {event: float(low) for low, event in enumerate(at, 1)}

    def measured(self) -> None:
        self.horizon = self.longest

    def pick(self, enabled: list[Task]) -> Task:
        priority, waiting = self.priority, self.waiting
        while len(priority) <= enabled[-1].index:
            # one place among all, wherever the tasks to come will have theirs
            priority.append(self.depth + self.random.random())
            waiting.append(False)
        while True:
            best = enabled[0]
            for task in enabled:
                if priority[task.index] > priority[best.index]:
                    best = task
            if waiting[best.index]:
                break
            waiting[best.index] = True
            self.events += 1
            low = self.changes.get(self.events)
            if low is None:
                break
            priority[best.index] = low
        waiting[best.index] = False
        if self.measuring:
            self.longest = max(self.longest, self.events)
        return best
