"""Deadlock: nobody can go on, and somebody is not done."""

from __future__ import annotations

from lockwright.check.held import HeldLocks
from lockwright.check.rule import Rule
from lockwright.core.finding import Finding
from lockwright.core.task import Task
from lockwright.core.world import World


class Deadlock(Rule):
    """Names every task that waits, the operation it waits in, and what it holds."""

    name = "deadlock"

    def __init__(self, held: HeldLocks) -> None:
        self.held = held

    def finish(self, world: World) -> None:
        blocked = world.blocked()
        if not blocked or world.oopsed:
            return
        lines: list[str] = []
        waits: list[str] = []
        for task in blocked:
            lines.extend(self._lines(task))
            waits.append(f"{task.comm} in {_waits_in(task)}")
        who = blocked[0]
        world.report(
            Finding(
                "deadlock",
                f"{len(blocked)} task{'s' * (len(blocked) > 1)} wait{'s' * (len(blocked) == 1)} "
                f"for ever: {'; '.join(waits)}",
                "; ".join(sorted(waits)),
                who.index,
                who.comm,
                who.call_chain(),
                tuple(lines),
                self._classes(blocked),
            )
        )

    def _lines(self, task: Task) -> list[str]:
        lines = [f"INFO: task {task.comm}:{task.pid} blocked for ever in {_waits_in(task)}"]
        lines.extend(f"  {frame}" for frame in task.call_chain())
        held = self.held.of(task)
        lines.append(
            f"  holds: {', '.join(f'{use.class_name} ({use.function})' for use in held)}"
            if held
            else "  holds: no lock"
        )
        return lines

    def _classes(self, blocked: list[Task]) -> tuple[str, ...]:
        """Lock classes that some blocked task waits for and some blocked task holds."""
        waited = {name for task in blocked if (name := _waits_for(task)) is not None}
        held = {use.class_name for task in blocked for use in self.held.of(task)}
        return tuple(sorted(waited & held))


def _waits_in(task: Task) -> str:
    return task.pending.describe() if task.pending is not None else "nothing"


def _waits_for(task: Task) -> str | None:
    attempt = getattr(task.pending, "attempt", None)
    if attempt is not None:
        return str(attempt(task).class_name)
    # a flush, a grace period: no acquire of its own, but what it waits for is a lock class
    cls = getattr(getattr(task.pending, "lock", None), "cls", None)
    return None if cls is None else str(cls.name)
