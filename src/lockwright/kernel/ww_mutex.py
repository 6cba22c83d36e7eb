"""Wound/wait mutexes: locks of one class that are taken in any order, by turns of age.

    ww_acquire_init(ctx)    the context gets a stamp: its age
    ww_mutex_lock(l, ctx)   0, or -EDEADLK: then unlock all, ww_mutex_lock_slow(l), begin again
    ww_acquire_done(ctx)    all locks are there
    ww_mutex_unlock(l), ww_acquire_fini(ctx)

Who has to wait for an older context while it holds locks backs off.  In a wait-die class a younger
one dies at once; in a wound-wait class an older one that has to wait wounds the holder, who backs
off when it has to wait itself.  Without a context a lock is a plain mutex.

A lock is one step when it is got at once.  Else that step queues, in order of age, and a second one
waits for a flag: that the lock was released, or that it is time to back off.  Whoever comes
meanwhile may take the lock first; then the waiter sleeps again.

The validator sees a context as a map of class NAME_acquire, held from init to fini, that nests the
locks, and since 6.13 a first lock of class NAME_mutex in it that is not there.

Source: kernel/locking/ww_mutex.h, kernel/locking/mutex.c, include/linux/ww_mutex.h,
Documentation/locking/ww-mutex-design.rst.
Left out: optimistic spinning and hand-over, which change only who of several wins.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from lockwright.core.location import Location
from lockwright.core.lockuse import LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import RELEASE
from lockwright.kernel.context import might_sleep, scheduling
from lockwright.kernel.signal import EINTR, SIGNAL, signals_of
from lockwright.kernel.ww_ctx import (
    API_WARNING,
    FREE,
    CtxState,
    MutexState,
    Waiter,
    WwAcquireCtx,
    WwClass,
    WwMutex,
    got,
    must_back_off,
    wake,
    warn_on,
    wound,
    ww_acquire_done,
    ww_acquire_fini,
    ww_acquire_init,
)

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.lockuse import Lock

__all__ = [
    "API_WARNING",
    "EALREADY",
    "EDEADLK",
    "BaseMutex",
    "CtxState",
    "MutexState",
    "WwAcquireCtx",
    "WwClass",
    "WwMutex",
    "ww_acquire_done",
    "ww_acquire_fini",
    "ww_acquire_init",
    "ww_mutex_lock",
    "ww_mutex_lock_interruptible",
    "ww_mutex_lock_slow",
    "ww_mutex_trylock",
    "ww_mutex_unlock",
]

EDEADLK = 35
EALREADY = 114
SLOW = "ww_mutex_lock_slow"


class _Lock(Operation):
    """Takes the lock, or queues, and then `waiting` waits; gives 0 or a negative error."""

    __slots__ = ("ctx", "kind", "loc", "nest", "waiting")

    stable = False
    loc: WwMutex

    def __init__(
        self,
        loc: WwMutex,
        ctx: WwAcquireCtx | None,
        kind: str,
        *,
        nest: Lock | None = None,
    ) -> None:
        self.loc = loc
        self.ctx = ctx
        self.kind = kind  # type: ignore[misc]  # each call has its own name
        self.nest = nest if nest is not None else ctx
        self.waiting: _Wait | None = None

    def __await__(self) -> Generator[Operation, Any, int]:
        result: int = yield self
        while self.waiting is not None:
            result = yield self.waiting
        return result

    def use(self) -> LockUse:
        """What the validator is told."""
        lock = self.loc
        nest = None if self.nest is None else self.nest.address
        return LockUse(lock.cls, 0, lock.address, 0, False, self.kind, nest=nest)

    def run(self, task: Task, touched: list[int]) -> int:
        lock, ctx = self.loc, self.ctx
        touched.append(lock.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        if ctx is not None:
            touched.append(ctx.reading)
            if self.kind == SLOW and ctx.value.contending is None:
                warn_on(task, "!ctx->contending_lock")
            if lock.value.ctx is ctx:
                return -EALREADY
            if not ctx.value.acquired and ctx.value.wounded:
                ctx.change(touched, wounded=False)
        if lock.value.owner == FREE:
            return self.take(task, touched)
        return self.queue(task, touched)

    def take(self, task: Task, touched: list[int]) -> int:
        """The lock is free: have it."""
        lock = self.loc
        lock.change(owner=task.index)
        if lock.world.on_acquire:
            lock.told(task, self.use())
        if self.ctx is not None:
            got(lock, self.ctx, task, touched)
        return 0

    def queue(self, task: Task, touched: list[int]) -> int:
        """Stand among those who wait, where one's age has its place.

        C: __ww_mutex_add_waiter().
        """
        lock, ctx = self.loc, self.ctx
        waiters = lock.value.waiters
        at = len(waiters)
        if ctx is not None:
            for place, waiter in enumerate(waiters):
                if waiter.ctx is not None and waiter.ctx.younger_than(ctx):
                    at = min(at, place)
                    if lock.ww_class.wait_die:
                        wake(lock.flags.get(waiter.task), touched)
        lock.change(waiters=(*waiters[:at], Waiter(task.index, ctx), *waiters[at:]))
        if ctx is not None and not lock.ww_class.wait_die:
            wound(lock, ctx, touched)
        return self.sleep(task, touched)

    def sleep(self, task: Task, touched: list[int]) -> int:
        """Wait until there is something new, unless there is reason to give up."""
        lock, ctx = self.loc, self.ctx
        signals = signals_of(lock.world) if self.kind.endswith("_interruptible") else None
        flag = Location(lock.world, value=False, name=f"wakeup of {task.comm} for {lock.name}")
        if signals is not None and not signals.sleep(task, flag, SIGNAL, touched):
            return self.give_up(task, -EINTR)
        if ctx is not None:
            touched.append(ctx.writing)
            if must_back_off(lock, ctx, touched):
                if signals is not None:
                    signals.wake(task, touched)
                if ctx.value.contending is not None:
                    warn_on(task, "ww_ctx->contending_lock")
                ctx.change(touched, contending=lock)
                return self.give_up(task, -EDEADLK)
            ctx.sleeps = flag
        lock.flags[task.index] = flag
        self.waiting = _Wait(self, flag)
        if task.atomic:
            scheduling(task, self.kind)
        return 0

    def wakes(self, task: Task, touched: list[int]) -> int:
        """Something is new: is the lock free?"""
        lock, ctx = self.loc, self.ctx
        touched.append(lock.writing)
        self.waiting = None
        if self.kind.endswith("_interruptible") and (signals := signals_of(lock.world)) is not None:
            signals.wake(task, touched)
        if ctx is not None:
            touched.append(ctx.writing)
            ctx.sleeps = None
        if lock.value.owner != FREE:
            return self.sleep(task, touched)
        lock.take_off(task)
        return self.take(task, touched)

    def give_up(self, task: Task, error: int) -> int:
        """Wait no more, without the lock; the validator was told that there would be a wait."""
        lock = self.loc
        lock.take_off(task)
        if lock.world.on_acquire:
            lock.told(task, self.use())
        if lock.world.on_release:
            lock.released(task)
        return error

    def describe(self) -> str:
        return f"{self.kind}({self.loc.name})"


class _Wait(Operation):
    """Waits until the lock was released, or until it is time to back off."""

    __slots__ = ("acquire", "after")

    blocking = True
    stable = False
    kind = "schedule"
    after: tuple[Location, ...]

    def __init__(self, acquire: _Lock, flag: Location) -> None:
        self.acquire = acquire
        self.after = (flag,)

    @property
    def lock(self) -> WwMutex:
        """What it waits for."""
        return self.acquire.loc

    def attempt(self, task: Task) -> LockUse:
        """What the validator is told while the task waits."""
        return self.acquire.use()

    def run(self, task: Task, touched: list[int]) -> int:
        touched.append(~self.after[0].number)
        return self.acquire.wakes(task, touched)

    def describe(self) -> str:
        return self.acquire.describe()


class _Trylock(Operation):
    __slots__ = ("ctx", "kind", "loc")

    stable = False
    loc: WwMutex

    def __init__(self, loc: WwMutex, ctx: WwAcquireCtx | None, kind: str) -> None:
        self.loc = loc
        self.ctx = ctx
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> bool:
        lock, ctx = self.loc, self.ctx
        if ctx is not None and not ctx.value.acquired and ctx.value.wounded:
            ctx.change(touched, wounded=False)
        if lock.value.owner != FREE:
            touched.append(lock.reading)
            return False
        touched.append(lock.writing)
        lock.change(owner=task.index)
        if ctx is not None:
            got(lock, ctx, task, touched)
        if lock.world.on_acquire:
            nest = None if ctx is None else ctx.address
            lock.taken(task, self.kind, trylock=True, nest=nest)
        return True


class _Unlock(Operation):
    __slots__ = ("kind", "loc")

    stable = False
    orders = RELEASE
    loc: WwMutex

    def __init__(self, loc: WwMutex, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # each call has its own name

    def run(self, task: Task, touched: list[int]) -> None:
        lock = self.loc
        touched.append(lock.writing)
        ctx = lock.value.ctx
        if ctx is not None and self.kind == "ww_mutex_unlock":
            if ctx.value.acquired:
                ctx.change(touched, acquired=ctx.value.acquired - 1)
            else:
                warn_on(task, "!lock->ctx->acquired")
            lock.change(ctx=None)
        if lock.world.on_release:
            lock.released(task)
        if lock.value.owner != task.index:
            raise lock.not_held(task)
        lock.change(owner=FREE)
        if lock.value.waiters:
            wake(lock.flags.get(lock.value.waiters[0].task), touched)


def ww_mutex_lock(lock: WwMutex, ctx: WwAcquireCtx | None = None) -> Operation:
    """`ret = await ww_mutex_lock(lock, ctx)`: 0, -EDEADLK (back off) or -EALREADY (it has it)."""
    return _Lock(lock, ctx, "ww_mutex_lock")


def ww_mutex_lock_interruptible(lock: WwMutex, ctx: WwAcquireCtx | None = None) -> Operation:
    """The same; -EINTR if a signal came first."""
    return _Lock(lock, ctx, "ww_mutex_lock_interruptible")


def ww_mutex_lock_slow(lock: WwMutex, ctx: WwAcquireCtx) -> Operation:
    """The lock that gave -EDEADLK, when all others have been released."""
    return _Lock(lock, ctx, SLOW)


def ww_mutex_trylock(lock: WwMutex, ctx: WwAcquireCtx | None = None) -> Operation:
    """True if it was taken; never waits."""
    return _Trylock(lock, ctx, "ww_mutex_trylock")


def ww_mutex_unlock(lock: WwMutex) -> Operation:
    """Release a lock, and count it in its context."""
    return _Unlock(lock, "ww_mutex_unlock")


class BaseMutex(NamedTuple):
    """`BaseMutex(ww)`: the calls of a mutex on a ww_mutex, which know of no context."""

    ww: WwMutex

    def lock(self) -> Operation:
        """mutex_lock(&ww->base)"""
        return _Lock(self.ww, None, "mutex_lock")

    def lock_interruptible(self) -> Operation:
        """mutex_lock_interruptible(&ww->base): 0, or -EINTR."""
        return _Lock(self.ww, None, "mutex_lock_interruptible")

    def lock_nest_lock(self, nest: Lock) -> Operation:
        """mutex_lock_nest_lock(&ww->base, nest)"""
        return _Lock(self.ww, None, "mutex_lock_nest_lock", nest=nest)

    def trylock(self) -> Operation:
        """mutex_trylock(&ww->base)"""
        return _Trylock(self.ww, None, "mutex_trylock")

    def unlock(self) -> Operation:
        """mutex_unlock(&ww->base)"""
        return _Unlock(self.ww, "mutex_unlock")
