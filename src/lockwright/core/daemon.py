"""Daemons: tasks that are always there, and have nothing to do until somebody asks.

A server's loop, a kernel thread that delivers what comes.  It belongs to the world, not to one of
the scenario's own tasks: it is spawned when set-up is over, after these, and beside every coroutine
that is booted before (`boot.py`), where it is abandoned when nobody can go on any more.  So a loop
keeps what it knows in objects, not in its variables.

A daemon whose next operation is `idle` and cannot go on does not hold anything up: it waits for
work, and an execution in which only such tasks are left has ended well.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, NamedTuple

from lockwright.core.errors import ModelError
from lockwright.core.location import Value
from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.world import World

DAEMON = "daemon"
"""In `Task.local`: it is one."""


class Daemon(NamedTuple):
    """How to make one."""

    make: Callable[[], Coroutine[Value, Value, Value]]
    comm: str
    context: Context
    pid: int | None


def add_daemon(world: World, daemon: Daemon) -> None:
    """Let a world have it.  Raises ModelError if a task asks for that: it is for set-up."""
    if isinstance(world.creator, Task):
        raise ModelError(
            f"{world.creator.comm} makes the daemon {daemon.comm!r}; "
            "a world gets its daemons before the first step"
        )
    world.daemons.append(daemon)


def start_daemons(world: World) -> None:
    """Spawn them all, in the order in which the world got them.

    A scenario's `set_up` does so, and `boot()`; who sets a world up by hand calls it last.
    """
    for daemon in world.daemons:
        task = world.spawn(daemon.make(), daemon.comm, context=daemon.context, pid=daemon.pid)
        task.local[DAEMON] = True


def is_daemon(task: Task) -> bool:
    """Is it one of its world's daemons?"""
    return DAEMON in task.local


def idle_tasks(world: World) -> list[Task]:
    """The tasks that have nothing to do until they are asked."""
    return [
        task
        for task in world.tasks
        if (op := task.pending) is not None and op.blocking and op.idle and not op.enabled()
    ]
