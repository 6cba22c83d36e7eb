"""Read-copy-update: read sections that must not sleep, one domain for the whole kernel.

Source: kernel/rcu/tree.c.
Left out: expedited grace periods, the bh and sched flavours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES, STORES
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import LOAD_ACQUIRE, RELEASE
from lockwright.kernel.context import might_sleep
from lockwright.kernel.graceperiod import (
    Barrier,
    Call,
    Callback,
    Domain,
    GraceWait,
    KfreeRcu,
    Synchronize,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World
    from lockwright.kernel.slab import Slab

RCU_CLASS = LockKey("rcu_read_lock", "", 1, 2)


class Rcu(Domain):
    """RCU.  One for each world: `Rcu(world)`."""

    __slots__ = ()

    def __init__(self, world: World) -> None:
        super().__init__(world, "rcu", cls=RCU_CLASS)

    def rcu_read_lock(self) -> Operation:
        """Begins a section, in which nothing may sleep; nests."""
        return _ReadLock(self)

    def rcu_read_unlock(self) -> Operation:
        """Ends the innermost section."""
        return _ReadUnlock(self)

    def synchronize_rcu(self) -> Operation:
        """Waits for all sections that have begun before."""
        return _SynchronizeRcu(self)

    def call_rcu(self, callback: Callback, what: str = "") -> Operation:
        """Has `callback` run after a grace period, in softirq: it may not sleep.

        `what` names the callback in reports; without it, its `__name__` does.
        """
        name = what or getattr(callback, "__name__", "callback")
        return Call(self, callback, name, kind="call_rcu", invoke=rcu_do_batch)

    def kfree_rcu(self, obj: Slab) -> Operation:
        """kfree(obj) after a grace period."""
        return KfreeRcu(self, obj)

    def rcu_barrier(self) -> Operation:
        """Waits for all callbacks of call_rcu() so far."""
        return Barrier(self, "rcu_barrier")


async def rcu_do_batch(grace_period: GraceWait, callback: Callback) -> None:
    """The softirq that runs one callback."""
    await grace_period
    await callback()


class _ReadLock(Operation):
    """Only the outermost section counts; an inner one touches nothing that others can see."""

    __slots__ = ("loc",)

    orders = LOAD_ACQUIRE
    buffering = IGNORES
    kind = "rcu_read_lock"
    loc: Rcu

    def __init__(self, loc: Rcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        rcu = self.loc
        section = rcu.innermost(task)
        if section is None:
            rcu.begin(task, touched)
        else:
            section.depth += 1
        task.atomic += 1
        if rcu.world.on_acquire:
            rcu.tell(task, LockUse(rcu.cls, 0, rcu.address, 2, False, self.kind, check=False))

    def describe(self) -> str:
        return f"{self.kind}()"


class _ReadUnlock(Operation):
    __slots__ = ("loc", "section")

    orders = RELEASE
    buffering = STORES
    kind = "rcu_read_unlock"
    loc: Rcu

    def __init__(self, loc: Rcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        if self.retire(task, touched):
            self.land(task, touched)

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the task is in the section no more; False if that tells nobody."""
        rcu = self.loc
        section = rcu.innermost(task)
        if section is None:
            rcu.world.warn(
                task, rcu.misuse, f"{task.comm} ends an RCU read section, but is in none"
            )
            return False
        task.atomic -= 1
        section.depth -= 1
        if not section.depth:
            self.section = section
            rcu.leave(section)
        if rcu.world.on_release:
            rcu.released(task)
        return not section.depth

    def land(self, task: Task, touched: list[int]) -> None:
        """Others can see that the section is over."""
        section = self.section
        touched.append(section.writing)
        section.value = True

    def target(self) -> int:
        """The number of the location that it stores to."""
        return self.section.number

    def describe(self) -> str:
        return f"{self.kind}()"


class _SynchronizeRcu(Synchronize):
    __slots__ = ()

    kind = "synchronize_rcu"

    def run(self, task: Task, touched: list[int]) -> None:
        if task.atomic and self.loc.innermost(task) is None:
            might_sleep(task, self.kind)
        self.start(task, touched)

    def describe(self) -> str:
        return f"{self.kind}()"
