"""Probabilistic concurrency testing.

Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic
Guarantees of Finding Bugs" (ASPLOS 2010), section 3.  Tasks get random priorities; the enabled
task of highest priority runs; at d - 1 random steps the running task's priority drops below all
others.  A bug of depth d is found with probability at least 1 / (n * k ** (d - 1)) for n tasks
and k steps, provided that k is at least the length of the execution; here k is measured: the
first execution has no change points, and k is the longest execution seen so far.
"""

from __future__ import annotations

from random import Random

from lockwright.core.task import Task


class Pct:
    """`executions` runs of PCT with bug depth `depth`; run i depends on the seed, i and k."""

    def __init__(self, seed: int, executions: int, *, depth: int = 3, horizon: int = 0) -> None:
        self.seed = seed
        self.left = executions
        self.depth = depth
        self.horizon = horizon
        self.at = 0
        self.step = 0
        self.random = Random()
        self.priority: list[float] = []
        self.changes: list[int] = []

    def begin(self) -> bool:
        self.horizon = max(self.horizon, self.step)
        if self.at == self.left:
            return False
        self.random = Random(f"pct {self.seed} {self.at}")
        self.at += 1
        self.step = 0
        self.priority = []
        points = min(self.depth - 1, self.horizon)
        self.changes = sorted(self.random.sample(range(1, self.horizon + 1), points))
        return True

    def pick(self, enabled: list[Task]) -> Task:
        priority = self.priority
        while len(priority) <= enabled[-1].index:
            priority.append(self.depth + self.random.random())
        best = enabled[0]
        for task in enabled:
            if priority[task.index] > priority[best.index]:
                best = task
        self.step += 1
        if self.step in self.changes:
            # the j-th change point gives priority d - j, below all initial ones
            priority[best.index] = float(self.depth - 1 - self.changes.index(self.step))
            return self._highest(enabled)
        return best

    def _highest(self, enabled: list[Task]) -> Task:
        return max(enabled, key=lambda task: (self.priority[task.index], -task.index))

    def choose(self, options: int) -> int:
        return self.random.randrange(options)
