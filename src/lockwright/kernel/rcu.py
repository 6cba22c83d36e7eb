"""Read-copy-update: read sections that must not sleep, one domain for the whole kernel.

Three ways to begin a section, one kind of grace period that waits for all of them.

Source: kernel/rcu/tree.c, include/linux/rcupdate.h, of a kernel since 4.20.
Left out: that a grace period waits for every other region with preemption or interrupts off, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lockwright.core.buffering import IGNORES, STORES
from lockwright.core.lockuse import (
    RECURSIVE_READER,
    WAIT_CONFIG,
    WAIT_FREE,
    WAIT_SPIN,
    LockKey,
    LockUse,
)
from lockwright.core.operation import Operation
from lockwright.core.orders import LOAD_ACQUIRE, RELEASE
from lockwright.core.task import Task
from lockwright.kernel.graceperiod import (
    Barrier,
    Call,
    Callback,
    Domain,
    GraceWait,
    KfreeRcu,
    Synchronize,
)
from lockwright.kernel.irqflags import bhs_disable, bhs_enable
from lockwright.kernel.rcuusage import (
    RCU,
    RCU_BH,
    RCU_SCHED,
    rcu_read_lock_any_held,
    rcu_read_lock_bh_held,
    rcu_read_lock_held,
    rcu_read_lock_sched_held,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockwright.core.world import World
    from lockwright.kernel.slab import Slab

RCU_CLASS = LockKey("rcu_read_lock", "", WAIT_FREE, WAIT_CONFIG)
RCU_BH_MAP = 0xFFFFFFFF82000100
RCU_SCHED_MAP = 0xFFFFFFFF82000200
RCU_CALLBACK_MAP = 0xFFFFFFFF82000300
"""Addresses of static maps."""

CALLBACK = LockUse(
    LockKey("rcu_callback", "", 0, 0),
    0,
    RCU_CALLBACK_MAP,
    RECURSIVE_READER,
    False,
    "rcu_do_batch",
    check=False,
)


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

    def rcu_read_lock_bh(self) -> Operation:
        """Begins a section with bottom halves off; nests."""
        return _ReadLockBh(self)

    def rcu_read_unlock_bh(self) -> Operation:
        """Ends the innermost section of rcu_read_lock_bh()."""
        return _ReadUnlockBh(self)

    def rcu_read_lock_sched(self) -> Operation:
        """Begins a section with preemption off; nests."""
        return _ReadLockSched(self)

    def rcu_read_unlock_sched(self) -> Operation:
        """Ends the innermost section of rcu_read_lock_sched()."""
        return _ReadUnlockSched(self)

    def synchronize_rcu(self) -> Operation:
        """Waits for all sections that have begun before."""
        return _SynchronizeRcu(self)

    def synchronize_rcu_expedited(self) -> Operation:
        """The same, in more of a hurry."""
        return _SynchronizeRcuExpedited(self)

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

    def rcu_read_lock_held(self) -> bool:
        """Is the task that asks in an rcu_read_lock() section?"""
        return self._asks(rcu_read_lock_held)

    def rcu_read_lock_bh_held(self) -> bool:
        """Does it run with bottom halves off?"""
        return self._asks(rcu_read_lock_bh_held)

    def rcu_read_lock_sched_held(self) -> bool:
        """Does it run with preemption off?"""
        return self._asks(rcu_read_lock_sched_held)

    def rcu_read_lock_any_held(self) -> bool:
        """Is it a reader of any flavour?"""
        return self._asks(rcu_read_lock_any_held)

    def _asks(self, question: Callable[[Task], bool]) -> bool:
        task = self.world.creator
        return isinstance(task, Task) and question(task)


async def rcu_do_batch(grace_period: GraceWait, callback: Callback) -> None:
    """The softirq that runs one callback."""
    await grace_period
    world = grace_period.lock.world
    task = world.creator
    if world.on_acquire and isinstance(task, Task):
        grace_period.lock.tell(task, CALLBACK)
    await callback()
    if world.on_release and isinstance(task, Task):
        for listener in world.on_release:
            listener(task, RCU_CALLBACK_MAP)


def _preempt_disable(task: Task) -> None:
    task.atomic += 1


def _preempt_enable(task: Task) -> None:
    task.atomic -= 1


@dataclass(frozen=True, slots=True)
class Flavour:
    """One way of reading: its name, the map that it holds, and what it switches off and on.

    `instance` is the map's address, 0 for that of the domain.
    """

    name: str
    key: LockKey
    instance: int
    off: Callable[[Task], None]
    on: Callable[[Task], None]


PLAIN = Flavour(RCU, RCU_CLASS, 0, _preempt_disable, _preempt_enable)
BH = Flavour(
    RCU_BH,
    LockKey("rcu_read_lock_bh", "", WAIT_FREE, WAIT_CONFIG),
    RCU_BH_MAP,
    bhs_disable,
    bhs_enable,
)
SCHED = Flavour(
    RCU_SCHED,
    LockKey("rcu_read_lock_sched", "", WAIT_FREE, WAIT_SPIN),
    RCU_SCHED_MAP,
    _preempt_disable,
    _preempt_enable,
)


class _ReadLock(Operation):
    """Only the outermost section counts; an inner one touches nothing that others can see."""

    __slots__ = ("loc",)

    orders = LOAD_ACQUIRE
    buffering = IGNORES
    kind = "rcu_read_lock"
    flavour: ClassVar[Flavour] = PLAIN
    loc: Rcu

    def __init__(self, loc: Rcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        rcu = self.loc
        flavour = self.flavour
        section = rcu.innermost(task, flavour.name)
        flavour.off(task)
        if section is None:
            rcu.begin(task, touched, flavour.name)
        else:
            section.depth += 1
        if rcu.world.on_acquire:
            instance = flavour.instance or rcu.address
            use = LockUse(flavour.key, 0, instance, RECURSIVE_READER, False, self.kind, check=False)
            rcu.tell(task, use)

    def describe(self) -> str:
        return f"{self.kind}()"


class _ReadLockBh(_ReadLock):
    __slots__ = ()

    kind = "rcu_read_lock_bh"
    flavour = BH


class _ReadLockSched(_ReadLock):
    __slots__ = ()

    kind = "rcu_read_lock_sched"
    flavour = SCHED


class _ReadUnlock(Operation):
    __slots__ = ("loc", "section")

    orders = RELEASE
    buffering = STORES
    kind = "rcu_read_unlock"
    flavour: ClassVar[Flavour] = PLAIN
    loc: Rcu

    def __init__(self, loc: Rcu) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> None:
        if self.retire(task, touched):
            self.land(task, touched)

    def retire(self, task: Task, touched: list[int]) -> bool:
        """What is done at once: the task is in the section no more; False if that tells nobody."""
        rcu = self.loc
        flavour = self.flavour
        section = rcu.innermost(task, flavour.name)
        if section is None:
            rcu.world.warn(
                task,
                rcu.misuse,
                f"{task.comm} ends an {flavour.name} read section, but is in none",
            )
            return False
        section.depth -= 1
        if not section.depth:
            self.section = section
            rcu.leave(section)
        for listener in rcu.world.on_release:
            listener(task, flavour.instance or rcu.address)
        flavour.on(task)
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


class _ReadUnlockBh(_ReadUnlock):
    __slots__ = ()

    kind = "rcu_read_unlock_bh"
    flavour = BH


class _ReadUnlockSched(_ReadUnlock):
    __slots__ = ()

    kind = "rcu_read_unlock_sched"
    flavour = SCHED


class _SynchronizeRcu(Synchronize):
    __slots__ = ()

    kind = "synchronize_rcu"

    def run(self, task: Task, touched: list[int]) -> None:
        self.start(task, touched, f"Illegal {self.kind}() in RCU read-side critical section")

    def describe(self) -> str:
        return f"{self.kind}()"


class _SynchronizeRcuExpedited(_SynchronizeRcu):
    __slots__ = ()

    kind = "synchronize_rcu_expedited"
