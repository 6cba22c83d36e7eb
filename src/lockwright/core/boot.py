"""Set-up by running: what a world has lived through before its first task.

A scenario that begins in the middle (a mounted file system, a warm cache) brings its world there
with the model's own functions, instead of writing down a second time what they leave behind.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from lockwright.core.daemon import idle_tasks, start_daemons
from lockwright.core.errors import ModelError
from lockwright.core.location import Value
from lockwright.core.native import slots_in
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.world import World

COMM = "swapper/0"
"""The task that boots a kernel."""
LISTENERS = tuple(name for name in slots_in(World) if name.startswith("on_"))


def boot(world: World, coro: Coroutine[Any, Any, Any], *, steps_max: int = STEPS_MAX) -> Value:
    """Run a coroutine to its end, and whatever it sets off, with the world's daemons alone; its
    result.

    What is left has no tasks and no steps: listeners, schedules and reports know nothing of it.
    Objects that it allocates count as the scenario's own.
    Raises ModelError if the world has tasks already, if something blocks or has not ended after
    `steps_max` steps, or if a rule breaks: a scenario does not begin with a broken world.
    """
    if world.tasks:
        raise ModelError("boot() comes before the first task of a scenario")
    listeners = {name: getattr(world, name) for name in LISTENERS}
    for name in LISTENERS:
        setattr(world, name, ())
    made = len(world.objects)
    creator = world.creator
    world.booting = True
    task = world.spawn(coro, COMM)
    start_daemons(world)
    while enabled := world.enabled():
        world.step(enabled[0])
        if world.steps > steps_max:
            raise ModelError(
                f"{enabled[0].comm} still runs after {steps_max} steps, before the first task"
            )
    stuck = world.blocked()
    if stuck:
        pending = stuck[0].pending
        what = pending.describe() if pending is not None else ""
        raise ModelError(f"{stuck[0].comm} blocks for ever in {what}, before the first task")
    if world.findings:
        raise ModelError(f"before the first task: {world.findings[0].message}")
    for obj in world.objects[made:]:
        obj.born = ""
    for daemon in idle_tasks(world):
        daemon.close()
    world.tasks.clear()
    world.by_number.clear()
    world.acc = []
    world.steps = 0
    world.booting = False
    world.creator = creator  # what follows is made by the scenario, not by a task
    for name, told in listeners.items():
        setattr(world, name, told)
    return task.result
