"""The executions that taught the lock validator something, once more.

No other execution has changed what the validator knows, so that these, run again in order, make
another validator know the same: in another process, or when an exploration is taken up again.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.errors import LockwrightError, NondeterminismError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld
from lockwright.judge import Judge, merged


def teach(
    make: MakeWorld, judge: Judge, schedule: Sequence[Choice], *, ended: bool
) -> list[Finding]:
    """Run an execution once more under the judge's rules, for what it teaches.

    Returns its findings.

    Raises UsageError if the schedule does not fit the model.
    """
    try:
        world = make(Names())
        for index, value in schedule:
            world.step(_task(world, index), value)
        world.acc = []
        if ended:
            for rule in judge.rules:
                if rule is not judge.goals:  # it counts, and has counted this one
                    rule.finish(world)
        found = merged(world.findings)
        world.close()
    except LockwrightError:
        raise
    except Exception as error:
        raise NondeterminismError(
            "the model is not deterministic: an execution that is run once more raised "
            f"{type(error).__name__}: {error}"
        ) from error
    return found


def _task(world: World, index: int) -> Task:
    task = world.tasks[index] if index < len(world.tasks) else None
    op = task.pending if task is not None else None
    if task is None or op is None or (op.blocking and not op.enabled()):
        raise UsageError(
            f"the checkpoint does not fit the model: task {index} cannot run at step {world.steps}"
        )
    return task
