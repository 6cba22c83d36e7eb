"""A uniform random walk: each enabled task is as likely as any other, at each step."""

from __future__ import annotations

from random import Random

from lockwright.core.task import Task


class RandomWalk:
    """`executions` walks; walk number i depends on the seed and i alone."""

    def __init__(self, seed: int, executions: int) -> None:
        self.seed = seed
        self.left = executions
        self.at = 0
        self.random = Random()

    def begin(self) -> bool:
        if self.at == self.left:
            return False
        self.random = Random(f"random {self.seed} {self.at}")
        self.at += 1
        return True

    def pick(self, enabled: list[Task]) -> Task:
        return enabled[self.random.randrange(len(enabled))] if len(enabled) > 1 else enabled[0]

    def choose(self, options: int) -> int:
        return self.random.randrange(options)
