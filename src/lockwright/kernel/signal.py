"""Signals: what ends an interruptible wait before its time.

Source: kernel/signal.c, include/linux/sched/signal.h.
A signal is pending from kill() to the return to user space; a fatal one (SIGKILL) for ever.  Left
out: numbers, handlers, masks, and that a task dies of a fatal one when it returns.

A world without `Signals` has none: then an interruptible lock is taken as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockwright.core.errors import UsageError
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED, RELEASE

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

EINTR = 4
NONE, SIGNAL, FATAL = 0, 1, 2


def set_flag(flag: Location, touched: list[int]) -> None:
    """Let go on whoever waits for a flag that others may have set before.

    Only the first one writes it: the wait comes after that one, and need not come after the others.
    """
    touched.append(flag.reading if flag.value else flag.writing)
    flag.value = True


class Signals(Location):
    """All signals of a world, made in its set-up: `signals = Signals(world)`.

    Invariant: `value` has for each task that has a signal pending its index, and SIGNAL or FATAL.
    `sleepers` has the flags that wake those who wait and can be interrupted, with what it takes.
    `senders` has for the index of a task who does nothing but send it a signal (`signal_each`).
    """

    __slots__ = ("senders", "sleepers")

    value: tuple[tuple[int, int], ...]

    def __init__(self, world: World) -> None:
        super().__init__(world, (), "signals")
        self.sleepers: dict[int, tuple[Location, int]] = {}
        self.senders: dict[int, Task] = {}
        world.signals = self

    def kill(self, task: Task, *, fatal: bool = False) -> Operation:
        """send_sig(): the task has a signal from now on; `fatal` is SIGKILL."""
        return _Kill(self, task, FATAL if fatal else SIGNAL)

    def signal_pending(self) -> Operation:
        """signal_pending(current)"""
        return _Pending(self, SIGNAL)

    def fatal_signal_pending(self) -> Operation:
        """fatal_signal_pending(current)"""
        return _Pending(self, FATAL)

    def pending(self, task: Task) -> int:
        """NONE, SIGNAL or FATAL."""
        return dict(self.value).get(task.index, NONE)

    def put(self, task: Task, level: int) -> None:
        """Replace what the task has pending."""
        others = {index: what for index, what in self.value if index != task.index}
        if level:
            others[task.index] = level
        self.value = tuple(sorted(others.items()))

    def sleep(self, task: Task, flag: Location, least: int, touched: list[int]) -> bool:
        """A task waits for `flag`, and a signal of at least this kind is to set it too; False if
        there is one already."""
        touched.append(self.writing)
        if self.pending(task) >= least:
            return False
        self.sleepers[task.index] = (flag, least)
        return True

    def wake(self, task: Task, touched: list[int]) -> None:
        """It waits no more."""
        touched.append(self.writing)
        self.sleepers.pop(task.index, None)


def signals_of(world: World) -> Signals | None:
    """The world's signals."""
    signals = world.signals
    return signals if isinstance(signals, Signals) else None


def signal_each(world: World, comms: Sequence[str]) -> None:
    """For each of these tasks make one that sends it a signal, at whatever time it runs.

    Raises UsageError if a task is not there, or is named twice.
    """
    signals = signals_of(world) or Signals(world)
    there = list(world.tasks)
    for comm in comms:
        target = next((task for task in there if task.comm == comm), None)
        if target is None:
            known = ", ".join(task.comm for task in there) or "none"
            raise UsageError(f"no task {comm!r} to signal; at the beginning there are: {known}")
        if target.index in signals.senders:
            raise UsageError(f"task {comm!r} is to be signalled twice")
        signals.senders[target.index] = world.spawn(_sends(signals.kill(target)), "kill")


async def _sends(signal: Operation) -> None:
    await signal


class _Kill(Operation):
    __slots__ = ("level", "loc", "task")

    orders = RELEASE
    kind = "send_sig"
    loc: Signals

    def __init__(self, loc: Signals, task: Task, level: int) -> None:
        self.loc = loc
        self.task = task
        self.level = level

    def run(self, task: Task, touched: list[int]) -> None:
        signals, target = self.loc, self.task
        touched.append(signals.writing)
        signals.put(target, max(self.level, signals.pending(target)))
        flag, least = signals.sleepers.get(target.index, (None, NONE))
        if flag is not None and self.level >= least:
            set_flag(flag, touched)

    def describe(self) -> str:
        return f"{self.kind}({'SIGKILL' if self.level == FATAL else 'SIGINT'}, {self.task.comm})"


class _Pending(Operation):
    __slots__ = ("least", "loc")

    orders = RELAXED
    loc: Signals

    def __init__(self, loc: Signals, least: int) -> None:
        self.loc = loc
        self.least = least

    @property
    def kind(self) -> str:  # type: ignore[override]  # one class serves both calls
        return "signal_pending" if self.least == SIGNAL else "fatal_signal_pending"

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return self.loc.pending(task) >= self.least

    def describe(self) -> str:
        return f"{self.kind}(current)"
