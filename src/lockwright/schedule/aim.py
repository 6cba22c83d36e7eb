"""What a pending operation is about to touch, as far as it tells.

It is enough to choose by, and not enough to prove anything: an operation names one location.
"""

from __future__ import annotations

from lockwright.core.buffering import LOADS
from lockwright.core.errors import KernelOops
from lockwright.core.operation import Operation
from lockwright.core.task import Task

NOTHING = (-1, False)


def aim(task: Task) -> tuple[int, bool]:
    """The number of the location that a task's next operation is about, and whether the operation,
    run now, would write it; a number below 0 if there is none."""
    operation = task.pending
    if operation is None:
        return NOTHING
    try:
        return operation.aims_at(), writes(operation)
    except (KernelOops, AttributeError):  # it is about to die of that
        return NOTHING


def writes(operation: Operation) -> bool:
    """Would the operation, run now, write its location?"""
    if operation.conditional:
        return operation.writes_at(operation.loc.value)
    return operation.writes and operation.buffering != LOADS


def races(first: tuple[int, bool], second: tuple[int, bool]) -> bool:
    """Do two that are about to be done conflict: one location, and one of the two writes it?"""
    return first[0] == second[0] >= 0 and (first[1] or second[1])
