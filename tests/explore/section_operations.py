"""Operations that the programs of sections have beyond the kernel's own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World


class Pause(Operation):
    """Touches nothing."""

    __slots__ = ()

    kind = "pause"

    def run(self, task: Task, touched: list[int]) -> None:
        return None

    def describe(self) -> str:
        return self.kind


class Start(Operation):
    """Spawn a task."""

    __slots__ = ("comm", "start", "world")

    kind = "spawn"

    def __init__(
        self, world: World, comm: str, start: Callable[[], Coroutine[Any, Any, Any]]
    ) -> None:
        self.world = world
        self.comm = comm
        self.start = start

    def run(self, task: Task, touched: list[int]) -> Task:
        return self.world.spawn(self.start(), self.comm)

    def describe(self) -> str:
        return f"{self.kind}({self.comm})"


class Join(Operation):
    """Wait for the end of a task."""

    __slots__ = ("after", "comm")

    blocking = True
    kind = "join"

    def __init__(self, child: Task) -> None:
        self.comm = child.comm
        self.after: tuple[Location, ...] = (child.done,)

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(~self.after[0].number)

    def describe(self) -> str:
        return f"{self.kind}({self.comm})"


class Ended(Operation):
    """Look whether a task has ended."""

    __slots__ = ("loc",)

    kind = "ended"
    loc: Location

    def __init__(self, child: Task) -> None:
        self.loc = child.done

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.value)
