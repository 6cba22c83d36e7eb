"""Who may touch what RCU protects, and who may sleep: what CONFIG_PROVE_RCU checks.

A check that fails is a finding of the kind "suspicious RCU usage"; its message is the kernel's.
The read sections that a task is in are kept with the task (`graceperiod.py`), so the checks need
no lock validator, and cost nothing where there is no section to look for.

Source: include/linux/rcupdate.h (RCU_LOCKDEP_WARN(), rcu_sleep_check()), include/linux/srcu.h,
include/linux/lockdep.h, kernel/rcu/update.c.
Left out: CPUs that RCU does not watch (idle, offline), as no task runs on one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from lockwright.core.task import Context, Task

if TYPE_CHECKING:
    from lockwright.core.location import Location
    from lockwright.core.world import World

SUSPICIOUS = "suspicious RCU usage"
"""The kind of the findings."""

OPEN_SECTIONS = "open read sections"
"""Where a task keeps them."""

RCU = "RCU"
RCU_BH = "RCU-bh"
RCU_SCHED = "RCU-sched"


class ReadSection(Protocol):
    """What the checks want to know of a section: its flavour ("" for SRCU), how deep it nests."""

    depth: int
    flavour: str


class Holders(Protocol):
    """A lock that tells the tasks which hold it."""

    world: World

    def holders(self) -> list[int]:
        """Indices of the tasks that hold it now."""


def sections_of(task: Task) -> Sequence[ReadSection]:
    """The read sections that a task is in, RCU's and SRCU's, outermost first."""
    found: Sequence[ReadSection] = task.local.get(OPEN_SECTIONS, ())
    return found


def rcu_depth(task: Task, flavour: str = RCU) -> int:
    """How deep a task is in rcu_read_lock() sections, or those of another flavour.

    C: rcu_preempt_depth().
    """
    return sum(each.depth for each in sections_of(task) if each.flavour == flavour)


def rcu_sections_depth(task: Task) -> int:
    """How much of `task.atomic` RCU read sections of all flavours account for."""
    return sum(each.depth for each in sections_of(task) if each.flavour)


def preempt_count(task: Task) -> int:
    """`task.atomic` without rcu_read_lock(), which a preemptible RCU counts on its own."""
    return task.atomic - rcu_depth(task)


def rcu_read_lock_held(task: Task) -> bool:
    """Is the task in an rcu_read_lock() section?"""
    return rcu_depth(task) > 0


def rcu_read_lock_bh_held(task: Task) -> bool:
    """Are bottom halves off for it, by whatever means?  C: rcu_read_lock_bh_held()."""
    return bool(task.bhs_off or task.irqs_off) or task.context in (
        Context.SOFTIRQ,
        Context.HARDIRQ,
    )


def rcu_read_lock_sched_held(task: Task) -> bool:
    """Is preemption off for it, by whatever means?  C: rcu_read_lock_sched_held()."""
    return preempt_count(task) > 0


def rcu_read_lock_any_held(task: Task) -> bool:
    """Is it a reader of any flavour?  C: rcu_read_lock_any_held()."""
    return task.atomic > 0


def lockdep_is_held(lock: Holders) -> bool:
    """Does the task that asks hold this lock?  For the conditions of the checks.

    `await rcu_dereference_protected(ei, "dentry", lockdep_is_held(mutex))`
    """
    asks = lock.world.creator
    return isinstance(asks, Task) and asks.index in lock.holders()


def suspicious(task: Task, message: str) -> None:
    """The report of a check that fails; none while the world is set up.

    C: RCU_LOCKDEP_WARN(), lockdep_rcu_suspicious().
    """
    if not task.world.booting:
        task.world.warn(task, SUSPICIOUS, message)


def rcu_sleep_check(task: Task) -> None:
    """Part of might_sleep(): sections that may not even be preempted.

    rcu_read_lock() may, where RCU is preemptible; to sleep in it is an error of its own, which
    might_sleep() reports.  C: rcu_sleep_check(), __might_resched().
    """
    for flavour in (RCU_BH, RCU_SCHED):
        if rcu_depth(task, flavour):
            message = f"Illegal context switch in {flavour} read-side critical section"
            suspicious(task, message)


def in_reader_of(task: Task, domain: Location) -> bool:
    """Is the task in a read section of this domain?  C: srcu_read_lock_held()."""
    return any(getattr(each, "domain", None) is domain for each in sections_of(task))
