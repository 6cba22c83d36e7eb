"""One run of a real trio program along the choices of a strategy.

The driver is an instrument of the run and the chooser of its queue (`hook.py`).  A step is what a
task does from its resumption to its next checkpoint; the schedule lists whose step each one was.
Time is virtual: the clock is no task, yet its steps are in the schedule, as those of number 0.
"""

from __future__ import annotations

from threading import Thread
from threading import enumerate as enumerate_threads
from time import sleep
from typing import TYPE_CHECKING, Protocol, cast

import trio
from trio.abc import Instrument
from trio.testing import MockClock

from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.schedule import Choice
from lockwright.core.task import Task as EngineTask
from lockwright.testing.trio.hook import OneEachRound, put_queue, unsupported
from lockwright.testing.trio.places import place_of
from lockwright.testing.trio.stands import CLOCK, Stand, comm_of

if TYPE_CHECKING:
    from trio.lowlevel import Task

ENTRY_QUEUE = "<TrioToken.run_sync_soon task>"
UNWIND_MAX = 1_000
"""A program that has not ended so many steps after it was cancelled is given up."""
CLOSE_MAX = 100
"""A coroutine that waits again when it is closed is closed again, so often."""


class Picks(Protocol):
    """The part of a strategy that one execution asks."""

    def pick(self, enabled: list[EngineTask]) -> EngineTask:
        """As `Oracle` has it."""
        ...


class Watcher(Protocol):
    """Hears of the steps of a run, for a report."""

    def before(self, stand: Stand, step: int) -> None:
        """The task is about to be resumed."""
        ...

    def after(self, stand: Stand, step: int, *, blocked: bool) -> None:
        """It has come to its next checkpoint, or has ended."""
        ...

    def stopped(self, driver: Driver) -> None:
        """Nothing can run any more, or the run has gone on for too long: all is still there."""
        ...


class GaveUp(BaseException):
    """Ends a run loop whose tasks do not end by themselves."""


class Driver(Instrument):
    """Invariant: `stands` has the program's tasks by trio's, in order of creation; `runnable` are
    those in trio's queue; `last` is the index of the task that took the last step.

    `free` says that time may pass at any step, not only when nothing else can run.  After
    `steps_max` steps the tasks take turns, time among them, for as many steps again: what still
    runs then is `endless`, and what has ended in between was `cut`, for the strategy was not asked.
    """

    def __init__(
        self, picks: Picks, clock: MockClock, steps_max: int, *, free: bool, watcher: Watcher | None
    ) -> None:
        self.picks = picks
        self.clock = clock
        self.steps_max = steps_max
        self.free = free
        self.watcher = watcher
        self.queue: OneEachRound | None = None
        self.time = Stand(CLOCK, "clock", None)
        self.spawned: list[Task] = []
        self.stands: dict[Task, Stand] = {}
        self.everyone = [self.time]
        self.runnable: set[Task] = set()
        self.schedule: list[Choice] = []
        self.preemptions = 0
        self.last = -1
        self.now = 0.0
        self.turns: dict[int, int] = {}
        self.stuck = False
        self.endless = False
        self.cut = False
        self.stopping = False
        self.unwinding = 0
        self.unshielded = False
        self.threads: set[Thread] = set()
        self.error: LockwrightError | None = None

    # What trio tells of.

    def before_run(self) -> None:
        self.threads = set(enumerate_threads())
        try:
            self.queue = put_queue(self.choose)
        except UsageError as error:
            self.error = error

    def task_spawned(self, task: Task) -> None:
        self.spawned.append(task)
        if task.parent_nursery is None or task.name == ENTRY_QUEUE:
            return
        stand = Stand(len(self.everyone), comm_of(task.name), task)
        self.everyone.append(stand)
        self.stands[task] = stand

    def task_scheduled(self, task: Task) -> None:
        self.runnable.add(task)

    def before_task_step(self, task: Task) -> None:
        self.runnable.discard(task)
        if self.queue is None or task is not self.queue.given:
            self.error = self.error or unsupported("it has resumed a task that was not chosen")
        if self.error is not None and not self.stopping and self.stands:
            self.stop()

    def after_task_step(self, task: Task) -> None:
        stand = self.stands.get(task)
        if stand is None or self.stopping:
            return
        step = len(self.schedule) - 1
        blocked = task not in self.runnable and not stand.ended
        stand.since = step
        if blocked and place_of(task).foreign:
            self._refuse_foreign(stand)
        elif self.watcher is not None:
            self.watcher.after(stand, step, blocked=blocked)

    def task_exited(self, task: Task) -> None:
        stand = self.stands.get(task)
        if stand is not None:
            stand.ended = True

    # What the queue asks.

    def choose(self, ready: list[Task]) -> Task | None:
        """The task of this round, or None if time passes, or all wait."""
        internal = [task for task in ready if task not in self.stands]
        if internal:
            return internal[0]
        if self.error is not None and not self.stopping:
            self.stop()
            return None
        if self.stopping:
            return self._unwound(ready)
        jumped = self.clock.current_time() != self.now
        if jumped:
            self.now = self.clock.current_time()
        if not ready and not jumped:
            if self._for_ever():
                self._refuse_threads()
                self.stuck = self.error is None
                self.stop()
            return None
        return self._stepped([self.stands[task] for task in ready])

    def _stepped(self, ready: list[Stand]) -> Task | None:
        """Take the next step of the schedule; without a ready task it is the clock's."""
        enabled = sorted(ready, key=lambda stand: stand.index)
        if not ready or ((self._in_turns() or self.free) and self._deadline() is not None):
            enabled.insert(0, self.time)
        if len(self.schedule) >= 2 * self.steps_max:
            self.endless = True
            self.stop()
            return None
        try:
            chosen = self._picked(enabled)
        except LockwrightError as error:
            self.error = error
            self.stop()
            return None
        self._count(chosen, enabled)
        if chosen.task is None and ready:
            self.clock.jump(self._deadline() or 0.0)
            self.now = self.clock.current_time()
        if chosen.task is None and self.watcher is not None:
            self.watcher.after(chosen, len(self.schedule) - 1, blocked=False)
        return chosen.task

    def _picked(self, enabled: list[Stand]) -> Stand:
        if self._in_turns():
            self.cut = True
            return min(enabled, key=lambda stand: self.turns.get(stand.index, -1))
        # a strategy reads the index of a task, which a stand has
        return cast("Stand", self.picks.pick(cast("list[EngineTask]", enabled)))

    def _in_turns(self) -> bool:
        return len(self.schedule) >= self.steps_max

    def _count(self, chosen: Stand, enabled: list[Stand]) -> None:
        step = len(self.schedule)
        if self.watcher is not None:
            self.watcher.before(chosen, step)
        self.schedule.append((chosen.index, 0))
        self.turns[chosen.index] = step
        if chosen.index != self.last and any(stand.index == self.last for stand in enabled):
            self.preemptions += 1
        if chosen is not self.time:
            self.last = chosen.index

    # Time, and the end.

    def _deadline(self) -> float | None:
        """How long until the next deadline; None if there is none."""
        left = trio.lowlevel.current_statistics().seconds_to_next_deadline
        return max(left, 0.0) if left < float("inf") else None

    def _for_ever(self) -> bool:
        """Nothing can run: will nothing ever?"""
        waiting = getattr(self._runner(), "waiting_for_idle", ())
        sooner = trio.lowlevel.current_statistics().run_sync_soon_queue_size
        return not waiting and not sooner and self._deadline() is None

    def _runner(self) -> object:
        root = trio.lowlevel.current_root_task()
        return getattr(root, "_runner", None)

    def stop(self) -> None:
        """Cancel the program.  What it does from here on is no part of the execution."""
        if self.watcher is not None and self.error is None:
            self.watcher.stopped(self)
        self.stopping = True
        main = next(iter(self.stands), None)
        if main is not None and main.parent_nursery is not None:
            main.parent_nursery.cancel_scope.cancel()

    def _unwound(self, ready: list[Task]) -> Task | None:
        self.unwinding += 1
        if self.unwinding > UNWIND_MAX:
            raise GaveUp
        if ready:
            return ready[0]
        now = self.clock.current_time()
        if now == self.now and self._for_ever():
            if any(place_of(task).foreign for task in self._alive()):
                sleep(0.001)  # a thread cannot be cancelled: it will be over some time
                return None
            if self.unshielded:
                raise GaveUp
            self._unshield()
        self.now = now
        return None

    def _alive(self) -> list[Task]:
        return [task for task, stand in self.stands.items() if not stand.ended]

    def _unshield(self) -> None:
        """What is shielded and waits for what will never be has to be cancelled, too."""
        self.unshielded = True
        for task in self._alive():
            status = getattr(task, "_cancel_status", None)
            while status is not None:
                status._scope.shield = False
                status = status.parent

    def _refuse_threads(self) -> None:
        """Nothing can run; but a thread that the program made may be about to say something."""
        made = [thread.name for thread in enumerate_threads() if thread not in self.threads]
        if made:
            self.error = UsageError(
                f"the program waits while a thread that it made still runs ({', '.join(made)}): "
                "what threads do cannot be put in an order, so the program cannot be explored"
            )

    def _refuse_foreign(self, stand: Stand) -> None:
        assert stand.task is not None
        place = place_of(stand.task)
        self.error = UsageError(
            f"{stand.comm} waits for a thread, a file or a socket ({place.where}): what the system "
            "does cannot be put in an order, so the program cannot be explored; give it something "
            "of trio's own instead, such as a memory channel or trio.testing.memory_stream_pair"
        )


def give_up(driver: Driver) -> None:
    """Close the coroutines of a run that was given up, the youngest first, and say nothing."""
    for task in driver.spawned:
        for nursery in task.child_nurseries:
            # a nursery without children lets its task go
            getattr(nursery, "_children", set()).clear()
    for task in reversed(driver.spawned):
        for _ in range(CLOSE_MAX):
            try:
                task.coro.close()
            except BaseException:  # whatever it says, it has been abandoned
                continue
            break
