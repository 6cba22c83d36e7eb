"""Maps that are no locks: something to tell the validator of, that excludes nobody.

Source: include/linux/lockdep.h, lock_map_acquire() and its kin, DEFINE_WAIT_OVERRIDE_MAP();
include/linux/lockdep_types.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.buffering import IGNORES
from lockwright.core.lockuse import OVERRIDE, LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

READ = {"lock_map_acquire_read": 2, "lock_map_acquire_tryread": 2}
TRY = ("lock_map_acquire_try", "lock_map_acquire_tryread")


class LockMap(Lock):
    """A struct lockdep_map of its own.  `LockMap(world, "mmu_notifier_invalidate_range_start")`

    Invariant: `holds` has, by index of the task, how each hold of it was acquired, oldest first.
    """

    __slots__ = ("holds",)

    wait_inner = 0

    def __init__(self, world: World, name: str, cls: LockKey | None = None) -> None:
        super().__init__(world, name, value=None, cls=cls)
        if cls is not None:
            self.cls = cls  # its wait types are what it is for
        self.holds: dict[int, list[int]] = {}

    def lock_map_acquire(self) -> Operation:
        """lock_map_acquire(): as a writer."""
        return _Acquire(self, "lock_map_acquire")

    def lock_map_acquire_try(self) -> Operation:
        """lock_map_acquire_try(): as a trylock that succeeds."""
        return _Acquire(self, "lock_map_acquire_try")

    def lock_map_acquire_read(self) -> Operation:
        """lock_map_acquire_read(): as a recursive reader."""
        return _Acquire(self, "lock_map_acquire_read")

    def lock_map_acquire_tryread(self) -> Operation:
        """lock_map_acquire_tryread(): as a recursive reader that succeeds."""
        return _Acquire(self, "lock_map_acquire_tryread")

    def lock_map_release(self) -> Operation:
        """lock_map_release()"""
        return _Release(self)

    def lock_map_sync(self) -> Operation:
        """lock_map_sync(): waits for whoever is inside, in the validator's eyes only."""
        return _Sync(self)

    def holders(self) -> list[int]:
        return [index for index, holds in self.holds.items() for _ in holds]

    def held_by(self, task: Task, read: int = -1) -> bool:
        holds = self.holds.get(task.index, [])
        return any(read < 0 or (how > 0) == (read > 0) for how in holds)


class WaitOverride(LockMap):
    """DEFINE_WAIT_OVERRIDE_MAP(): what may be taken under it, whatever else is held.

    `WaitOverride(world, "put_task", WAIT_SLEEP)`, with lock_map_acquire_try() around the part
    that is allowed.
    """

    __slots__ = ()

    def __init__(self, world: World, name: str, wait: int) -> None:
        key = LockKey(f"{name}-wait-type-override", "", 0, wait, OVERRIDE)
        super().__init__(world, key.name, key)


class _MapOperation(Operation):
    __slots__ = ("kind", "map")

    buffering = IGNORES

    def __init__(self, lockmap: LockMap, kind: str) -> None:
        self.map = lockmap
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def describe(self) -> str:
        return f"{self.kind}({self.map.name})"


class _Acquire(_MapOperation):
    __slots__ = ()

    def run(self, task: Task, touched: list[int]) -> None:
        read = READ.get(self.kind, 0)
        self.map.holds.setdefault(task.index, []).append(read)
        if self.map.world.on_acquire:
            self.map.taken(task, self.kind, read=read, trylock=self.kind in TRY)


class _Release(_MapOperation):
    __slots__ = ()

    def __init__(self, lockmap: LockMap) -> None:
        super().__init__(lockmap, "lock_map_release")

    def run(self, task: Task, touched: list[int]) -> None:
        lockmap = self.map
        if lockmap.world.on_release:
            lockmap.released(task)
        holds = lockmap.holds.get(task.index)
        if not holds:
            raise lockmap.not_held(task)
        holds.pop()
        if not holds:
            del lockmap.holds[task.index]


class _Sync(_MapOperation):
    __slots__ = ()

    def __init__(self, lockmap: LockMap) -> None:
        super().__init__(lockmap, "lock_map_sync")

    def run(self, task: Task, touched: list[int]) -> None:
        lockmap = self.map
        if lockmap.world.on_acquire:
            lockmap.told(
                task, LockUse(lockmap.cls, 0, lockmap.address, 0, False, self.kind, sync=True)
            )
