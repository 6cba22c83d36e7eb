"""Deadlock: nobody can go on, and somebody is not done.

If what happened is that a wakeup was lost, and no cycle of lock owners is to blame, the finding is
called so.
"""

from __future__ import annotations

from lockwright.check.held import HeldLocks
from lockwright.check.lostwakeup import last_wakeup, lost_wakeup
from lockwright.check.rule import Rule
from lockwright.core.daemon import idle_tasks
from lockwright.core.finding import Finding
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.context import might_sleep, scheduling

DEADLOCK = "deadlock"
LOST_WAKEUP = "lost wakeup"
FOR_EVER = (DEADLOCK, LOST_WAKEUP)
"""What it is called when tasks wait for ever."""


class Deadlock(Rule):
    """Names every task that waits, the operation it waits in, and what it holds."""

    name = "deadlock"

    def __init__(self, held: HeldLocks) -> None:
        self.held = held

    def finish(self, world: World) -> None:
        blocked = world.blocked()
        if world.oopsed:
            return
        for task in (*blocked, *idle_tasks(world)):
            _check_atomic(task)
        if not blocked:
            return
        lines: list[str] = []
        waits: list[str] = []
        lost: list[str] = []
        for task in blocked:
            why = lost_wakeup(world, task)
            lines.extend(self._lines(task, why))
            waits.append(f"{task.comm} in {_waits_in(task)}")
            lost.extend([why] if why else [])
        who = blocked[0]
        kind = LOST_WAKEUP if lost and not self._go_round(blocked) else DEADLOCK
        message = (
            f"{len(blocked)} task{'s' * (len(blocked) > 1)} wait{'s' * (len(blocked) == 1)} "
            f"for ever: {'; '.join(waits)}"
        )
        world.report(
            Finding(
                kind,
                f"{message}; {lost[0]}" if kind == LOST_WAKEUP else message,
                "; ".join(sorted(waits)),
                who.index,
                who.comm,
                who.call_chain(),
                tuple(lines),
                self._classes(blocked),
                self._waits(blocked),
            )
        )

    def _lines(self, task: Task, why: str) -> list[str]:
        lines = [f"INFO: task {task.comm}:{task.pid} blocked for ever in {_waits_in(task)}"]
        lines.extend(f"  {frame}" for frame in task.call_chain())
        held = self.held.of(task)
        lines.append(
            f"  holds: {', '.join(f'{use.class_name} ({use.function})' for use in held)}"
            if held
            else "  holds: no lock"
        )
        if said := why or last_wakeup(task):
            lines.append(f"  {said}")
        return lines

    def _go_round(self, blocked: list[Task]) -> bool:
        """Do some of them wait for locks of each other, all the way round?"""
        onward: dict[int, list[int]] = {}
        for task in blocked:
            attempt = getattr(task.pending, "attempt", None)
            instance = None if attempt is None else attempt(task).instance
            onward[task.index] = [
                other.index
                for other in blocked
                if any(use.instance == instance for use in self.held.of(other))
            ]
        while ends := [index for index, others in onward.items() if not others]:
            for index in ends:
                del onward[index]
            onward = {
                index: [other for other in others if other not in ends]
                for index, others in onward.items()
            }
        return bool(onward)

    def _waits(self, blocked: list[Task]) -> tuple[tuple[str, ...], ...]:
        """The lock classes that each task holds that waits for one, and that one."""
        return tuple(
            (*(use.class_name for use in self.held.of(task)), name)
            for task in blocked
            if (name := _waits_for(task)) is not None
        )

    def _classes(self, blocked: list[Task]) -> tuple[str, ...]:
        """Lock classes that some blocked task waits for and some blocked task holds."""
        waited = {name for task in blocked if (name := _waits_for(task)) is not None}
        held = {use.class_name for task in blocked for use in self.held.of(task)}
        return tuple(sorted(waited & held))


def _check_atomic(task: Task) -> None:
    """One that waits for ever has told nobody yet that it may not sleep; the kernel tells of it
    before the wait, and as the wait begins."""
    pending = task.pending
    if task.atomic and pending is not None and getattr(pending, "sleeps", False):
        might_sleep(task, pending.kind)
        scheduling(task, pending.kind)


def _waits_in(task: Task) -> str:
    return task.pending.describe() if task.pending is not None else "nothing"


def _waits_for(task: Task) -> str | None:
    attempt = getattr(task.pending, "attempt", None)
    if attempt is not None:
        return str(attempt(task).class_name)
    # a flush, a grace period: no acquire of its own, but what it waits for is a lock class
    cls = getattr(getattr(task.pending, "lock", None), "cls", None)
    return None if cls is None else str(cls.name)
