"""The objects of wound/wait mutexes, and the rules of age between them.  `ww_mutex.py` tells more.

Source: kernel/locking/ww_mutex.h, include/linux/ww_mutex.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.location import Value
    from lockwright.core.task import Task
    from lockwright.core.world import World

FREE = -1
SIZE = 0x80
API_WARNING = "API state warning (DEBUG_LOCKS_WARN_ON)"
"""The kind of the findings: a call at a time when it may not be made."""


class WwClass:
    """A ww_class: the locks that may be taken in one context.

    `WwClass(world, "reservation_ww_class")`; with `wait_die` the younger die, as DEFINE_WD_CLASS()
    has it.  `first_lock=False` is the validator's view before 6.13.
    """

    __slots__ = ("acquire_key", "first_lock", "mutex_key", "name", "stamp", "wait_die", "world")

    def __init__(
        self, world: World, name: str, *, wait_die: bool = False, first_lock: bool = True
    ) -> None:
        self.world = world
        self.name = name
        self.wait_die = wait_die
        self.first_lock = first_lock
        self.stamp = Location(world, 0, f"{name}.stamp")
        self.acquire_key = LockKey(f"{name}_acquire", "", 0, 0)
        self.mutex_key = LockKey(f"{name}_mutex")


class CtxState(NamedTuple):
    """Where a context is.  A smaller stamp is an older one; 0 is none.

    `acquired` counts its locks.  `wounded`: an older one waits for a lock of this.  `done`: no
    more locks.  `contending` is the lock that gave -EDEADLK.
    """

    task: int = FREE
    stamp: int = 0
    acquired: int = 0
    wounded: bool = False
    done: bool = False
    contending: WwMutex | None = None


class WwAcquireCtx(Lock):
    """A ww_acquire_ctx, of one task.  `ctx = WwAcquireCtx(ww_class)`

    `first_lock` is the address of the validator's first lock.  `sleeps` is the flag that wakes the
    task, if it waits in this context.
    """

    __slots__ = ("first_lock", "sleeps", "ww_class")

    wait_inner = 0
    value: CtxState

    def __init__(self, ww_class: WwClass, name: str = "ww_ctx") -> None:
        world = ww_class.world
        super().__init__(world, name, value=CtxState(), cls=ww_class.acquire_key)
        self.ww_class: WwClass | None = ww_class
        self.first_lock = world.address()
        self.sleeps: Location | None = None

    def holders(self) -> list[int]:
        return [] if self.value.task == FREE else [self.value.task]

    def younger_than(self, other: WwAcquireCtx) -> bool:
        """Has it to give way to the other?  C: __ww_ctx_less()."""
        return self.value.stamp > other.value.stamp

    def change(self, touched: list[int], **fields: Value) -> None:
        """Replace a part of its state, within a step."""
        touched.append(self.writing)
        self.value = self.value._replace(**fields)


class Waiter(NamedTuple):
    """Who waits for a lock, and in which context, if in any."""

    task: int
    ctx: WwAcquireCtx | None


class MutexState(NamedTuple):
    """The owner of a lock, or FREE; the context that it was taken in; who waits, the next first."""

    owner: int = FREE
    ctx: WwAcquireCtx | None = None
    waiters: tuple[Waiter, ...] = ()


class WwMutex(Lock):
    """A ww_mutex.  `WwMutex(ww_class, "bo->lock")`

    Invariant: `flags[index]` is the flag that wakes the waiter with that index; waiters with a
    context stand in order of age, those without where they came.
    """

    __slots__ = ("flags", "ww_class")

    value: MutexState

    def __init__(self, ww_class: WwClass, name: str) -> None:
        super().__init__(ww_class.world, name, value=MutexState(), cls=ww_class.mutex_key)
        self.ww_class = ww_class
        self.flags: dict[int, Location] = {}

    def holders(self) -> list[int]:
        return [] if self.value.owner == FREE else [self.value.owner]

    def change(self, **fields: Value) -> None:
        """Replace a part of its state."""
        self.value = self.value._replace(**fields)

    def take_off(self, task: Task) -> None:
        """The task waits no more."""
        self.flags.pop(task.index, None)
        left = tuple(waiter for waiter in self.value.waiters if waiter.task != task.index)
        self.change(waiters=left)


def warn_on(task: Task, condition: str) -> None:
    """DEBUG_LOCKS_WARN_ON() of a condition that is true."""
    task.world.warn(task, API_WARNING, f"DEBUG_LOCKS_WARN_ON({condition})")


def wake(flag: Location | None, touched: list[int]) -> None:
    """Have a waiter look again."""
    if flag is not None and not flag.value:
        flag.value = True
        touched.append(flag.writing)


# The rules of age


def got(lock: WwMutex, ctx: WwAcquireCtx, task: Task, touched: list[int]) -> None:
    """The lock belongs to the context now: check that it may, and look at who waits.

    C: ww_mutex_lock_acquired(), __ww_mutex_check_waiters().
    """
    state = ctx.value
    if lock.value.ctx is not None:
        warn_on(task, "ww->ctx")
    if state.done:
        warn_on(task, "ww_ctx->done_acquire")
    if state.contending is not None:
        if state.contending is not lock:
            warn_on(task, "ww_ctx->contending_lock != ww")
        if state.acquired > 0:
            warn_on(task, "ww_ctx->acquired > 0")
    if ctx.ww_class is not lock.ww_class:
        warn_on(task, "ww_ctx->ww_class != ww->ww_class")
    ctx.change(touched, acquired=state.acquired + 1, contending=None)
    lock.change(ctx=ctx)
    for waiter in lock.value.waiters:
        other = waiter.ctx
        if other is None:
            continue
        if not lock.ww_class.wait_die:
            wound(lock, other, touched)
        elif other.younger_than(ctx):
            wake(lock.flags.get(waiter.task), touched)


def wound(lock: WwMutex, ctx: WwAcquireCtx, touched: list[int]) -> None:
    """An older context waits for this lock: its holder backs off.  C: __ww_mutex_wound()."""
    holder = lock.value.ctx
    if holder is None or lock.value.owner == FREE:
        return
    touched.append(holder.reading)
    if holder.value.acquired > 0 and holder.younger_than(ctx):
        holder.change(touched, wounded=True)
        wake(holder.sleeps, touched)


def must_back_off(lock: WwMutex, ctx: WwAcquireCtx, touched: list[int]) -> bool:
    """Has somebody who waits to give way?  C: __ww_mutex_check_kill()."""
    state = ctx.value
    if not state.acquired:
        return False
    if not lock.ww_class.wait_die:
        return state.wounded
    holder = lock.value.ctx
    if holder is not None:
        touched.append(holder.reading)
        if ctx.younger_than(holder):
            return True
    for waiter in lock.value.waiters:
        if waiter.ctx is ctx:
            break
        if waiter.ctx is not None and ctx.younger_than(waiter.ctx):
            return True
    return False


# Operations on a context alone


class _Context(Operation):
    """Base of the operations on a context alone."""

    __slots__ = ("loc",)

    orders: ClassVar[int] = RELAXED
    loc: WwAcquireCtx

    def __init__(self, loc: WwAcquireCtx) -> None:
        self.loc = loc


class _Init(_Context):
    __slots__ = ("ww_class",)

    kind = "ww_acquire_init"

    def __init__(self, loc: WwAcquireCtx, ww_class: WwClass) -> None:
        super().__init__(loc)
        self.ww_class = ww_class

    def run(self, task: Task, touched: list[int]) -> None:
        ctx, stamp, world = self.loc, self.ww_class.stamp, task.world
        touched.append(ctx.writing)
        touched.append(stamp.writing)
        stamp.value += 1
        ctx.value = CtxState(task.index, stamp.value)
        ctx.sleeps = None
        for freed in world.on_free:
            freed(task, ctx.address, ctx.address + SIZE, (ctx.address, ctx.first_lock))
        if world.on_acquire:
            ctx.taken(task, self.kind)
            if self.ww_class.first_lock:
                use = LockUse(
                    self.ww_class.mutex_key,
                    0,
                    ctx.first_lock,
                    function=self.kind,
                    nest=ctx.address,
                )
                ctx.told(task, use)


class _Done(_Context):
    __slots__ = ()

    kind = "ww_acquire_done"

    def run(self, task: Task, touched: list[int]) -> None:
        ctx = self.loc
        if ctx.value.done:
            warn_on(task, "ctx->done_acquire")
        ctx.change(touched, done=True)


class _Fini(_Context):
    __slots__ = ()

    kind = "ww_acquire_fini"

    def run(self, task: Task, touched: list[int]) -> None:
        ctx, world = self.loc, task.world
        touched.append(ctx.writing)
        if ctx.ww_class is None or ctx.ww_class.first_lock:
            for listener in world.on_release:
                listener(task, ctx.first_lock)
        if world.on_release:
            ctx.released(task)
        if ctx.value.task != task.index:
            raise ctx.not_held(task, does="finishes")
        if ctx.value.acquired:
            warn_on(task, "ctx->acquired")
        ctx.value = CtxState()


def ww_acquire_init(ctx: WwAcquireCtx, ww_class: WwClass) -> Operation:
    """Begin to take locks of a class: the context is the youngest now."""
    return _Init(ctx, ww_class)


def ww_acquire_done(ctx: WwAcquireCtx) -> Operation:
    """All locks have been taken."""
    return _Done(ctx)


def ww_acquire_fini(ctx: WwAcquireCtx) -> Operation:
    """The context goes: all locks have been released."""
    return _Fini(ctx)
