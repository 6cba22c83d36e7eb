"""local_lock_t: data of one CPU, guarded against whoever else runs on that CPU.

Source: include/linux/local_lock.h, include/linux/local_lock_internal.h, without PREEMPT_RT.
Each task runs on a CPU of its own, so nobody ever waits for one: what is left is that preemption,
bottom halves or interrupts are off, and what the validator makes of it.
Left out: PREEMPT_RT, where it is a spinlock of each CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.lockuse import PERCPU, WAIT_CONFIG, LockKey
from lockwright.core.operation import Operation
from lockwright.kernel.context import SLEEPLESS
from lockwright.kernel.irqflags import ASSERTION, OFF, ON
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

NESTED_BH = "_nested_bh"


class LocalLock(Lock):
    """A per-CPU local_lock_t.  `LocalLock(world, "&pcp->lock")`

    Invariant: `owners` has the indices of the tasks that hold the one of their CPU.
    """

    __slots__ = ("owners",)

    wait_inner = WAIT_CONFIG
    lock_type = PERCPU

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=None, cls=cls)
        self.owners: dict[int, None] = {}

    def lock(self) -> Operation:
        """local_lock(): with preemption off."""
        return _Lock(self, "")

    def unlock(self) -> Operation:
        """local_unlock()"""
        return _Unlock(self, "")

    def lock_irq(self) -> Operation:
        """local_lock_irq(): with interrupts off."""
        return _Lock(self, "_irq")

    def unlock_irq(self) -> Operation:
        """local_unlock_irq(): interrupts are on afterwards."""
        return _Unlock(self, "_irq")

    def lock_irqsave(self) -> Operation:
        """local_lock_irqsave(): with interrupts off; nests."""
        return _Lock(self, "_irqsave")

    def unlock_irqrestore(self) -> Operation:
        """local_unlock_irqrestore()"""
        return _Unlock(self, "_irqrestore")

    def trylock(self) -> Operation:
        """local_trylock(): True if it was taken, False if this CPU holds it already."""
        return _Trylock(self, "")

    def trylock_irqsave(self) -> Operation:
        """local_trylock_irqsave(): interrupts are off if it was taken."""
        return _Trylock(self, "_irqsave")

    def lock_nested_bh(self) -> Operation:
        """local_lock_nested_bh(): where bottom halves are off already, and that is enough."""
        return _Lock(self, NESTED_BH)

    def unlock_nested_bh(self) -> Operation:
        """local_unlock_nested_bh()"""
        return _Unlock(self, NESTED_BH)

    def holders(self) -> list[int]:
        return list(self.owners)


class _LocalOperation(Operation):
    """Touches nothing that is not its own CPU's."""

    __slots__ = ("form", "kind", "lock")

    buffering = IGNORES

    def __init__(self, lock: LocalLock, call: str, form: str) -> None:
        self.lock = lock
        self.form = form
        self.kind = f"local_{call}{form}"  # type: ignore[misc]  # each call has its own name

    def describe(self) -> str:
        return f"{self.kind}({self.lock.name})"

    def disable(self, task: Task) -> None:
        """What it excludes others of this CPU with."""
        if self.form == NESTED_BH:
            if not task.bhs_off and task.context not in SLEEPLESS:
                message = f"lockdep_assert_in_softirq(): {task.comm} in {self.kind}()"
                task.world.warn(task, ASSERTION, message)
            return
        switch = OFF[self.form]
        if switch is None:
            task.atomic += 1
        else:
            switch(task)

    def enable(self, task: Task) -> None:
        """The end of that."""
        if self.form == NESTED_BH:
            return
        switch = ON[self.form]
        if switch is None:
            task.atomic -= 1
        else:
            switch(task)


class _Lock(_LocalOperation):
    __slots__ = ()

    def __init__(self, lock: LocalLock, form: str) -> None:
        super().__init__(lock, "lock", form)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.lock
        self.disable(task)
        if lock.world.on_acquire:
            lock.taken(task, self.kind)
        if task.index in lock.owners:
            message = f"DEBUG_LOCKS_WARN_ON(l->owner): {task.comm} holds {lock.name} already"
            task.world.warn(task, ASSERTION, message)
        lock.owners[task.index] = None


class _Trylock(_LocalOperation):
    __slots__ = ()

    def __init__(self, lock: LocalLock, form: str) -> None:
        super().__init__(lock, "trylock", form)

    def run(self, task: Task, touched: list[int]) -> bool:
        lock = self.lock
        self.disable(task)
        if task.index in lock.owners:
            self.enable(task)
            return False
        lock.owners[task.index] = None
        if lock.world.on_acquire:
            lock.taken(task, self.kind, trylock=True)
        return True


class _Unlock(_LocalOperation):
    __slots__ = ()

    def __init__(self, lock: LocalLock, form: str) -> None:
        super().__init__(lock, "unlock", form)

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.lock
        if lock.world.on_release:
            lock.released(task)
        if task.index not in lock.owners:
            raise lock.not_held(task)
        del lock.owners[task.index]
        self.enable(task)
