"""Sleepable RCU: read sections that may sleep, in domains that do not wait for each other.

Source: kernel/rcu/srcutree.c, include/linux/srcu.h.
Left out: the two counters; an index is the section itself, so that a wrong one is noticed.
"""

from __future__ import annotations

from typing import ClassVar

from lockwright.core.lockuse import RECURSIVE_READER, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import LOAD_ACQUIRE, RELEASE
from lockwright.core.task import Task
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
from lockwright.kernel.rcuusage import in_reader_of

__all__ = ["Section", "Srcu", "open_sections", "srcu_read_lock_held"]

ENDS = {
    "srcu_read_lock": "srcu_read_unlock",
    "srcu_read_lock_nmisafe": "srcu_read_unlock_nmisafe",
    "srcu_read_lock_fast": "srcu_read_unlock_fast",
    "srcu_down_read": "srcu_up_read",
}
"""Which call ends a section, by the one that began it."""


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

    def read_lock_nmisafe(self) -> Operation:
        """srcu_read_lock_nmisafe(): a section that may begin in an NMI.

        Its readers tell the validator that they are there, but no order.
        """
        return _ReadLockNmisafe(self)

    def read_unlock_nmisafe(self, idx: object) -> Operation:
        """srcu_read_unlock_nmisafe()"""
        return _ReadUnlockNmisafe(self, idx)

    def read_lock_fast(self) -> Operation:
        """srcu_read_lock_fast(): a section without a barrier.

        Its readers tell the validator that they are there, but no order.
        """
        return _ReadLockFast(self)

    def read_unlock_fast(self, idx: object) -> Operation:
        """srcu_read_unlock_fast()"""
        return _ReadUnlockFast(self, idx)

    def down_read(self) -> Operation:
        """srcu_down_read(): begins a section that another task may end.

        The validator is told nothing, as the section is no task's own.
        """
        return _DownRead(self)

    def up_read(self, idx: object) -> Operation:
        """srcu_up_read(): ends the section that down_read() gave `idx` for, by whatever task."""
        return _UpRead(self, idx)

    def read_lock_held(self) -> bool:
        """srcu_read_lock_held(): is the task that asks in a section of this domain?"""
        task = self.world.creator
        return isinstance(task, Task) and in_reader_of(task, self)

    def synchronize_srcu(self) -> Operation:
        """Waits for all sections that have begun before."""
        return _SynchronizeSrcu(self)

    def synchronize_srcu_expedited(self) -> Operation:
        """The same, in more of a hurry."""
        return _SynchronizeSrcuExpedited(self)

    def call_srcu(self, callback: Callback, what: str = "") -> Operation:
        """Has `callback` run after a grace period, with bottom halves disabled: it may not sleep.

        `what` names the callback in reports; without it, its `__name__` does.
        """
        name = what or getattr(callback, "__name__", "callback")
        return Call(self, callback, name, kind="call_srcu", invoke=srcu_invoke_callbacks)

    def srcu_barrier(self) -> Operation:
        """Waits for all callbacks of call_srcu() so far."""
        return Barrier(self, "srcu_barrier")


def srcu_read_lock_held(srcu: Srcu) -> bool:
    """Is the task that asks in a section of this domain?  For the conditions of the checks."""
    return srcu.read_lock_held()


async def srcu_invoke_callbacks(grace_period: GraceWait, callback: Callback) -> None:
    """The softirq that runs one callback."""
    await grace_period
    await callback()


class _ReadLock(Operation):
    """`told` says whether the validator hears of it, `weak` whether as of a trylock, unchecked."""

    __slots__ = ("loc",)

    orders = LOAD_ACQUIRE
    kind = "srcu_read_lock"
    told: ClassVar[bool] = True
    weak: ClassVar[bool] = False
    loc: Srcu

    def __init__(self, loc: Srcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> Section:
        srcu = self.loc
        section = srcu.begin(task, touched, began=self.kind)
        if not self.told:
            srcu.leave(section)  # nobody's own: who ends it, is not held to it
        elif srcu.world.on_acquire:
            weak = self.weak
            use = LockUse(
                srcu.cls, 0, srcu.address, RECURSIVE_READER, weak, self.kind, check=not weak
            )
            srcu.told(task, use)
        return section


class _ReadLockNmisafe(_ReadLock):
    __slots__ = ()

    kind = "srcu_read_lock_nmisafe"
    weak = True


class _ReadLockFast(_ReadLock):
    __slots__ = ()

    kind = "srcu_read_lock_fast"
    weak = True


class _DownRead(_ReadLock):
    __slots__ = ()

    kind = "srcu_down_read"
    told = False


class _ReadUnlock(Operation):
    __slots__ = ("idx", "loc")

    orders = RELEASE
    kind = "srcu_read_unlock"
    told: ClassVar[bool] = True
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
        elif ENDS[idx.began] != self.kind:
            self.end(idx, touched)
            wrong = f"which {idx.began}() gave"
        else:
            self.end(idx, touched)
            if self.told:
                if idx.task is not task:
                    wrong = f"which belongs to {idx.task.comm}"
                elif srcu.world.on_release:
                    srcu.released(task)
        if wrong:
            srcu.world.warn(
                task,
                srcu.misuse,
                f"{task.comm} calls {self.kind}({srcu.name}) with an index {wrong}",
                signature=f"{self.kind}({srcu.name}) with a wrong index",
            )

    def end(self, idx: Section, touched: list[int]) -> None:
        """The section is over."""
        touched.append(idx.writing)
        idx.value = True
        if idx.began != _DownRead.kind:
            self.loc.leave(idx)

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name})"


class _ReadUnlockNmisafe(_ReadUnlock):
    __slots__ = ()

    kind = "srcu_read_unlock_nmisafe"


class _ReadUnlockFast(_ReadUnlock):
    __slots__ = ()

    kind = "srcu_read_unlock_fast"


class _UpRead(_ReadUnlock):
    __slots__ = ()

    kind = "srcu_up_read"
    told = False


class _SynchronizeSrcu(Synchronize):
    __slots__ = ()

    kind = "synchronize_srcu"
    loc: Srcu

    def run(self, task: Task, touched: list[int]) -> None:
        srcu = self.loc
        if srcu.world.on_acquire:
            use = LockUse(srcu.cls, 0, srcu.address, 0, False, self.kind, sync=True)
            srcu.told(task, use)
        self.start(
            task,
            touched,
            "Illegal synchronize_srcu() in same-type SRCU (or in RCU) read-side critical section",
        )


class _SynchronizeSrcuExpedited(_SynchronizeSrcu):
    __slots__ = ()

    kind = "synchronize_srcu_expedited"
