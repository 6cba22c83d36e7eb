"""The rt_mutex: a mutex whose owner inherits the priority of whoever waits.

Source: kernel/locking/rtmutex_api.c, kernel/locking/rtmutex.c.
Left out: priorities.  They decide who of the waiters gets it, and any of them may in the model.
"""

from __future__ import annotations

from lockwright.core.operation import Operation
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mutex import IsLocked, LockOrSignal, Mutex, MutexLock, Trylock, Unlock
from lockwright.kernel.signal import FATAL


class RtMutex(Mutex):
    """An rt_mutex.  `RtMutex(world, "&lock->wait_lock")`"""

    __slots__ = ()

    def lock(self) -> Operation:
        """rt_mutex_lock()"""
        return _Lock(self)

    def lock_nested(self, subclass: int) -> Operation:
        """rt_mutex_lock_nested(): the same, in another lockdep subclass."""
        return _LockNested(self, subclass)

    def lock_nest_lock(self, nest: Lock) -> Operation:
        """rt_mutex_lock_nest_lock(): the same, under a lock that serialises all such nesting."""
        return _LockNestLock(self, 0, nest)

    def lock_interruptible(self) -> Operation:
        """rt_mutex_lock_interruptible(): 0, or -EINTR if a signal comes while it waits."""
        return _LockInterruptible(self)

    def lock_interruptible_nested(self, subclass: int) -> Operation:
        """The same, in another lockdep subclass; the kernel has no such call of its own."""
        return _LockInterruptible(self, subclass)

    def lock_killable(self) -> Operation:
        """rt_mutex_lock_killable(): 0, or -EINTR if a fatal signal comes while it waits."""
        return _LockKillable(self)

    def lock_killable_nested(self, subclass: int) -> Operation:
        """The same, in another lockdep subclass; the kernel has no such call of its own."""
        return _LockKillable(self, subclass)

    def trylock(self) -> Operation:
        """rt_mutex_trylock(): True if it was taken."""
        return _Trylock(self)

    def unlock(self) -> Operation:
        """rt_mutex_unlock()"""
        return _Unlock(self)

    def is_locked(self) -> Operation:
        """rt_mutex_base_is_locked(): does anybody hold it now?"""
        return _IsLocked(self)


class _Lock(MutexLock):
    __slots__ = ()

    kind = "rt_mutex_lock"


class _LockNested(MutexLock):
    __slots__ = ()

    kind = "rt_mutex_lock_nested"


class _LockNestLock(MutexLock):
    __slots__ = ()

    kind = "rt_mutex_lock_nest_lock"


class _LockInterruptible(LockOrSignal):
    __slots__ = ()

    kind = "rt_mutex_lock_interruptible"


class _LockKillable(LockOrSignal):
    __slots__ = ()

    kind = "rt_mutex_lock_killable"
    least = FATAL


class _Trylock(Trylock):
    __slots__ = ()

    kind = "rt_mutex_trylock"


class _Unlock(Unlock):
    __slots__ = ()

    kind = "rt_mutex_unlock"


class _IsLocked(IsLocked):
    __slots__ = ()

    kind = "rt_mutex_base_is_locked"
