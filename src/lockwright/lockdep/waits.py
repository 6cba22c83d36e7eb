"""Wait contexts: what a task may wait for, where it is and with what it holds.

A lock may be taken if its outer wait type is not above the limit of the place: the task's own
(a hardirq handler may spin, a threaded one and a softirq may take what sleeps on PREEMPT_RT, a
task may sleep) and the inner wait types of all that it holds in the same interrupt context.

C: kernel/locking/lockdep.c, task_wait_context(), check_wait_context().
"""

from __future__ import annotations

from lockwright.core.lockuse import OVERRIDE, WAIT_CONFIG, WAIT_MAX, WAIT_SPIN
from lockwright.lockdep import findings
from lockwright.lockdep.findings import Attempt, Findings
from lockwright.lockdep.held import TaskLocks
from lockwright.lockdep.reports import Report

OF_THE_TASK = -1


def task_limit(task: TaskLocks) -> int:
    """What a task itself may wait for.  C: task_wait_context()."""
    if task.hardirq_context:
        return WAIT_CONFIG if task.hardirq_threaded else WAIT_SPIN
    return WAIT_CONFIG if task.softirq_context else WAIT_MAX


def limit_of(task: TaskLocks, irq_context: int, own: int) -> tuple[int, int]:
    """The limit of the place, and the index of the class that sets it (OF_THE_TASK if none)."""
    limit, by = own, OF_THE_TASK
    place = len(task.held)
    while place and task.held[place - 1].node.irq_context == irq_context:
        place -= 1
    for entry in task.held[place:]:
        lock = entry.node.lock
        # an override may also widen what was allowed before
        overrides = lock.key.type == OVERRIDE
        if lock.wait_inner and (overrides or lock.wait_inner < limit):
            limit, by = lock.wait_inner, lock.index
    return limit, by


def check_wait(attempt: Attempt, found: Findings, own: int) -> Report | None:
    """May this lock be waited for here?  `own` is the task's limit on this kernel."""
    node = attempt.node
    if not node.lock.wait_inner or node.trylock:
        return None
    limit, by = limit_of(attempt.task, node.irq_context, own)
    if node.lock.wait_outer <= limit:
        return None
    return found.give(
        ("wait", node.lock.index, by, limit), lambda: findings.wait_context(attempt, own)
    )
