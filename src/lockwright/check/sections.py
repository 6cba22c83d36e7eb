"""Read sections and atomic sections that a task ends in."""

from __future__ import annotations

from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.context import SLEEPLESS
from lockwright.kernel.graceperiod import open_sections
from lockwright.kernel.work import has_leaked


class Sections(Rule):
    """A task that ends inside an RCU or SRCU read section holds up every grace period after it;
    one that ends with preemption off has forgotten an unlock."""

    name = "sections"

    def __init__(self) -> None:
        self.world: World

    def begin(self, world: World) -> None:
        self.world = world
        world.on_task_end += (self._ended,)

    def _ended(self, task: Task) -> None:
        if has_leaked(task):
            return
        for section in open_sections(task):
            self._report(
                task, section.domain.misuse, f"inside a read section of {section.domain.name}"
            )
        depth = task.atomic - (task.context in SLEEPLESS)
        if depth > 0:
            self._report(task, "atomic context at task exit", f"at atomic depth {depth}")

    def _report(self, task: Task, kind: str, where: str) -> None:
        message = f"{task.comm} ends {where}"
        self.world.report(
            Finding(kind, message, message, task.index, task.comm, fatal=False),
        )
