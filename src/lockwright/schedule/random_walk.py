"""A uniform random walk: each enabled task is as likely as any other, at each step."""

from __future__ import annotations

from lockwright.core.task import Task
from lockwright.schedule.sampler import Sampler


class RandomWalk(Sampler):
    """Walk number i depends on the seed and i alone."""

    name = "random"

    def pick(self, enabled: list[Task]) -> Task:
        return self.any_of(enabled)
