"""Sleepable RCU: read sections that may sleep, in domains that do not wait for each other.

Source: kernel/rcu/srcutree.c.
Left out: the two counters; an index is the section itself, so that a wrong one is noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import LOAD_ACQUIRE, RELEASE
from lockwright.kernel.context import might_sleep
from lockwright.kernel.graceperiod import (
    Barrier,
    Call,
    Callback,
    Domain,
    GraceWait,
    Section,
    Synchronize,
    open_sections,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task

__all__ = ["Section", "Srcu", "open_sections"]


class Srcu(Domain):
    """A srcu_struct.  `Srcu(world, "eventfs_srcu")`"""

    __slots__ = ()

    misuse = "SRCU misuse"

    def read_lock(self) -> Operation:
        """`idx = await srcu.read_lock()`: begins a section, which may sleep and nest."""
        return _ReadLock(self)

    def read_unlock(self, idx: object) -> Operation:
        """srcu_read_unlock(): ends the section that read_lock() gave `idx` for."""
        return _ReadUnlock(self, idx)

    def synchronize_srcu(self) -> Operation:
        """Waits for all sections that have begun before."""
        return _SynchronizeSrcu(self)

    def call_srcu(self, callback: Callback, what: str = "") -> Operation:
        """Has `callback` run after a grace period, with bottom halves disabled: it may not sleep.

        `what` names the callback in reports; without it, its `__name__` does.
        """
        name = what or getattr(callback, "__name__", "callback")
        return Call(self, callback, name, kind="call_srcu", invoke=srcu_invoke_callbacks)

    def srcu_barrier(self) -> Operation:
        """Waits for all callbacks of call_srcu() so far."""
        return Barrier(self, "srcu_barrier")


async def srcu_invoke_callbacks(grace_period: GraceWait, callback: Callback) -> None:
    """The softirq that runs one callback."""
    await grace_period
    await callback()


class _ReadLock(Operation):
    __slots__ = ("loc",)

    orders = LOAD_ACQUIRE
    kind = "srcu_read_lock"
    loc: Srcu

    def __init__(self, loc: Srcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> Section:
        srcu = self.loc
        section = srcu.begin(task, touched)
        if srcu.world.on_acquire:
            srcu.taken(task, self.kind, read=2)
        return section


class _ReadUnlock(Operation):
    __slots__ = ("idx", "loc")

    orders = RELEASE
    kind = "srcu_read_unlock"
    loc: Srcu

    def __init__(self, loc: Srcu, idx: object) -> None:
        self.loc = loc
        self.idx = idx

    def run(self, task: Task, touched: list[int]) -> None:
        srcu = self.loc
        idx = self.idx
        wrong = ""
        if not isinstance(idx, Section) or idx.domain is not srcu:
            wrong = "which is none of its indices"
        elif idx.value:
            touched.append(idx.reading)
            wrong = "whose section has ended already"
        else:
            srcu.end(idx, touched)
            if idx.task is not task:
                wrong = f"which belongs to {idx.task.comm}"
            elif srcu.world.on_release:
                srcu.released(task)
        if wrong:
            srcu.world.warn(
                task,
                srcu.misuse,
                f"{task.comm} calls srcu_read_unlock({srcu.name}) with an index {wrong}",
                signature=f"srcu_read_unlock({srcu.name}) with a wrong index",
            )


class _SynchronizeSrcu(Synchronize):
    __slots__ = ()

    kind = "synchronize_srcu"

    def run(self, task: Task, touched: list[int]) -> None:
        srcu = self.loc
        if task.atomic:
            might_sleep(task, self.kind)
        if srcu.world.on_acquire:
            use = LockUse(srcu.cls, 0, srcu.address, 0, False, self.kind, sync=True)
            srcu.tell(task, use)
        self.start(task, touched)
