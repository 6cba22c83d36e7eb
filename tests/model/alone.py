"""One task at a time in a small world: what the sequential tests of the models share."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from model.eventfs.linux_6_6 import Eventfs66
from model.eventfs.v3 import Eventfs3
from model.eventfs.v4 import Eventfs4
from model.tracing.release import V6_5_EVENTFS, V6_6, TracingRelease
from model.tracing.setup import Tracing, tracing

Kind = type[Eventfs3] | type[Eventfs4] | type[Eventfs66]

DESIGNS: dict[str, tuple[Kind, TracingRelease]] = {
    "v3": (Eventfs3, V6_5_EVENTFS),
    "v4": (Eventfs4, V6_5_EVENTFS),
    "linux_6_6": (Eventfs66, V6_6),
}


def mounted(
    design: str = "v3",
    *files: str,
    rcu_late: bool = False,
    flags: dict[str, bool] | None = None,
    **switches: bool,
) -> Tracing:
    """A mounted tracefs with the event kp1; the directory kprobes is cached, what is below is not.

    `flags` are those of the tracing core that are not as released, `switches` the design's.
    """
    world = World()
    kind, release = DESIGNS[design]
    at = tracing(
        world,
        kind(world, **switches),
        replace(release, **(flags or {})),
        files=files or ("enable",),
        rcu_late=rcu_late,
    )
    at.warm("kprobes")
    return at


def run(at: Tracing, coro: Coroutine[Any, Any, Any], comm: str = "user") -> Task:
    """Run one task, and whatever it sets off, until nothing can go on."""
    world = at.sb.world
    task = world.spawn(coro, comm)
    while enabled := world.enabled():
        world.step(task if task in enabled else enabled[0])
    return task


def found(at: Tracing) -> list[str]:
    """The findings so far, each as `kind: message`."""
    return [f"{finding.kind}: {finding.message}" for finding in at.sb.world.findings]


def chains(at: Tracing, coro: Coroutine[Any, Any, Any], kind: str) -> list[list[str]]:
    """Run one task; the call chains, innermost first, of its operations of one kind."""
    got: list[list[str]] = []

    def listen(task: Task, operation: Operation, result: object) -> None:
        if operation.kind == kind:
            got.append([frame.function for frame in task.call_chain()])

    at.sb.world.on_step = (listen,)
    run(at, coro)
    return got


def references(at: Tracing) -> dict[str, int]:
    """The counts of all living dentries by path, without the root of tracefs."""
    return {
        dentry.path.removeprefix("tracing/"): dentry.peek("d_count")
        for dentry in at.sb.dentries
        if dentry.alive and dentry is not at.sb.s_root
    }
