"""Tasklets and timers: handlers that run later, once for each time they were asked for, in softirq.

    tasklet = Tasklet(world, "rx", poll)         await tasklet.schedule()    await tasklet.kill()
    timer = Timer(world, "&x->timer", expire)    await timer.mod()    await timer.delete_sync()

Each run is a task of its own in softirq context, which never runs twice at the same time.  With
`world.interrupts = "anywhere"` it also comes on top of other tasks (`core/raised.py`).  A timer can
expire at any time after it was set, as a delay says nothing of the order of things.

To the validator a timer is a map that its function runs under, and that delete_sync() acquires:
whoever waits under a lock that the function takes is told so.  A tasklet has none.

Source: kernel/softirq.c, tasklet_action_common(), tasklet_kill(); kernel/time/timer.c,
call_timer_fn(), timer_delete_sync().
Left out: tasklet_disable(), timers that are TIMER_IRQSAFE, timer_shutdown().
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.location import Location, Value
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE_RELEASE, READ_RELEASES, RELAXED
from lockwright.core.task import Context, Task
from lockwright.kernel.context import might_sleep
from lockwright.kernel.lockuse import Lock

if TYPE_CHECKING:
    from lockwright.core.world import World

SoftFunction = Callable[[], Coroutine[Any, Any, Any]]


class Deferred(Lock):
    """Base of both: something that runs later.

    Invariant: `value` tells whether it is pending.  `runner` runs or ran it last, and `cancelled`
    is shared with that one: true if it has nothing to do.
    """

    __slots__ = ("cancelled", "fn", "runner")

    tells = False

    def __init__(self, world: World, name: str, fn: SoftFunction) -> None:
        super().__init__(world, name, value=False, cls=LockKey(f"({name})", "", 0, 0))
        self.fn = fn
        self.runner: Task | None = None
        self.cancelled = [False]

    def holders(self) -> list[int]:
        runner = self.runner
        return [runner.index] if runner is not None and runner.pending is not None else []


class Tasklet(Deferred):
    """A tasklet_struct."""

    __slots__ = ()

    def schedule(self) -> Operation:
        """tasklet_schedule(): False if it was scheduled already and has not begun."""
        return _Ask(self, "tasklet_schedule")

    def kill(self) -> Operation:
        """tasklet_kill(): sleeps until it is neither scheduled nor running."""
        return _Wait(self, "tasklet_kill", cancels=False, sleeps=True)


class Timer(Deferred):
    """A timer_list; `name` is how the source names it: `&x->timer`."""

    __slots__ = ()

    tells = True

    def mod(self) -> Operation:
        """mod_timer(): sets it; False if it was set already and has not expired."""
        return _Ask(self, "mod_timer")

    def delete(self) -> Operation:
        """timer_delete(): True if it was set and will not expire; does not wait."""
        return _Delete(self)

    def delete_sync(self) -> Operation:
        """timer_delete_sync(): the same, and spins until its function runs no more."""
        return _Wait(self, "timer_delete_sync", cancels=True, sleeps=False)


async def run_deferred(start: _Start) -> None:
    """One run.  C: tasklet_action_common(), expire_timers()."""
    await start
    if not await _Begin(start.deferred, start.cancelled):
        return
    deferred, world = start.deferred, start.deferred.world
    await deferred.fn()
    if deferred.tells and world.on_release:
        runner = world.creator
        assert isinstance(runner, Task), "only a task awaits"
        deferred.released(runner)


class _Ask(Operation):
    __slots__ = ("kind", "loc")

    conditional = True
    orders = ACQUIRE_RELEASE | READ_RELEASES
    loc: Deferred

    def __init__(self, loc: Deferred, kind: str) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls

    def writes_at(self, value: Value) -> bool:
        return not value

    def run(self, task: Task, touched: list[int]) -> bool:
        deferred = self.loc
        if deferred.value:
            touched.append(deferred.reading)
            return False
        touched.append(deferred.writing)
        before = (deferred.runner.done,) if deferred.runner is not None else ()
        deferred.value = True
        deferred.cancelled = [False]
        start = _Start(deferred, before)
        deferred.runner = deferred.world.spawn(
            run_deferred(start), f"softirq:{deferred.name}", context=Context.SOFTIRQ
        )
        return True


class _Start(Operation):
    """The run before must be over."""

    __slots__ = ("after", "cancelled", "deferred")

    blocking = True
    orders = RELAXED
    kind = "pending"
    after: tuple[Location, ...]

    def __init__(self, deferred: Deferred, after: tuple[Location, ...]) -> None:
        self.deferred = deferred
        self.after = after
        self.cancelled = deferred.cancelled

    def run(self, task: Task, touched: list[int]) -> None:
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return f"{self.kind}({self.deferred.name})"


class _Begin(Operation):
    """It is no longer pending.  False if it was taken back."""

    __slots__ = ("cancelled", "loc")

    orders = ACQUIRE_RELEASE
    kind = "run"
    loc: Deferred

    def __init__(self, loc: Deferred, cancelled: list[bool]) -> None:
        self.loc = loc
        self.cancelled = cancelled

    def run(self, task: Task, touched: list[int]) -> bool:
        deferred = self.loc
        touched.append(deferred.writing)
        if self.cancelled[0]:
            return False
        deferred.value = False
        if deferred.tells and deferred.world.on_acquire:
            deferred.taken(task, "call_timer_fn")
        return True


class _Delete(Operation):
    __slots__ = ("loc",)

    orders = ACQUIRE_RELEASE
    kind = "timer_delete"
    loc: Timer

    def __init__(self, loc: Timer) -> None:
        self.loc = loc

    def run(self, task: Task, touched: list[int]) -> bool:
        return take_back(self.loc, touched)


def take_back(deferred: Deferred, touched: list[int]) -> bool:
    """Whoever was to run it has nothing to do.  True if it was pending."""
    touched.append(deferred.writing)
    pending = bool(deferred.value)
    if pending:
        deferred.cancelled[0] = True
        deferred.value = False
    return pending


class _Wait(Operation):
    """tasklet_kill() and timer_delete_sync(): `waiting` is for a run that may still go on."""

    __slots__ = ("cancels", "kind", "loc", "sleeps", "waiting")

    orders = RELAXED
    loc: Deferred

    def __init__(self, loc: Deferred, kind: str, *, cancels: bool, sleeps: bool) -> None:
        self.loc = loc
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.cancels = cancels
        self.sleeps = sleeps
        self.waiting: _RunWait | None = None

    def __await__(self) -> Generator[Operation, Any, bool]:
        result: bool = yield self
        if self.waiting is not None:
            yield self.waiting
        return result

    def run(self, task: Task, touched: list[int]) -> bool:
        deferred, world = self.loc, self.loc.world
        if self.sleeps and task.atomic:
            might_sleep(task, self.kind)
        if deferred.tells and world.on_acquire:
            deferred.taken(task, self.kind)
        if deferred.tells and world.on_release:
            deferred.released(task)
        pending = bool(deferred.value)
        if self.cancels:
            take_back(deferred, touched)
        else:
            touched.append(deferred.writing)
        if deferred.runner is not None:
            self.waiting = _RunWait(self, deferred.runner.done)
        return pending


class _RunWait(Operation):
    __slots__ = ("after", "lock", "text")

    blocking = True
    orders = RELAXED
    kind = "wait_for_run"
    after: tuple[Location, ...]

    def __init__(self, wait: _Wait, done: Location) -> None:
        self.lock = wait.loc
        self.after = (done,)
        self.text = wait.describe()

    def run(self, task: Task, touched: list[int]) -> None:
        for flag in self.after:
            touched.append(~flag.number)

    def describe(self) -> str:
        return self.text
