"""Who waits, for whom, and for how long; and grace periods, which somebody waits for."""

from __future__ import annotations

from collections.abc import Iterable

from lockwright.core.location import Done, Location, Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.timeline import NEVER, GracePeriod, Wait
from lockwright.core.world import World
from lockwright.filming.holds import Holds
from lockwright.filming.locks import key_of, lock_of
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.condvar import Retake
from lockwright.kernel.fairlock import FREE, FairLock
from lockwright.kernel.graceperiod import Barrier, GraceWait, Section
from lockwright.kernel.lockuse import Lock


class Waits:
    """Looks at the tasks between steps.

    Who is idle waits for nothing.
    Invariant: `open[index]` has the operation that the task of this index waits in and the place of
    its wait in `seen`; `elapsing` has, by their places in `periods`, of the grace periods that are
    not over what they wait for; `begun` the last one that a task waited for.  `active` has the
    tasks that have taken a step, and `idle[index]` the wait of one that cannot take its first, and
    the lock: it counts if the task never does.
    """

    def __init__(self, world: World, holds: Holds) -> None:
        self.world = world
        self.holds = holds
        self.locks = holds.locks
        self.seen: list[Wait] = []
        self.open: dict[int, tuple[Operation, int]] = {}
        self.periods: list[GracePeriod] = []
        self.elapsing: dict[int, tuple[Location, ...]] = {}
        self.begun: dict[int, GraceWait] = {}
        self.barriers: list[GraceWait] = []
        self.active: set[int] = set()
        self.idle: dict[int, tuple[Wait, Location | None]] = {}
        world.on_step += (self.stepped,)

    def stepped(self, task: Task, operation: Operation, result: Value) -> None:
        """A task has taken a step."""
        self.active.add(task.index)
        if isinstance(operation, Barrier) and operation.waiting is not None:
            self.barriers.append(operation.waiting)

    def look(self, step: int) -> None:
        """See what has changed in a step."""
        for task in self.world.tasks:
            op = task.pending
            known = self.open.get(task.index)
            if known is not None and known[0] is not op:
                self._change(known[1], end=step)
                del self.open[task.index]
                known = None
            if op is None or not op.blocking or op.idle:
                continue
            if task.index not in self.active and not isinstance(op, GraceWait):
                self._watch_idle(task, op, step)
                continue
            self._watch(task, op, step)
            if isinstance(op, GraceWait) and self.begun.get(task.index) is not op:
                self._begin(task, op, step)
        for at, flags in list(self.elapsing.items()):
            if all(flag.value for flag in flags):
                self.periods[at] = self.periods[at]._replace(end=step)
                del self.elapsing[at]

    def told(self) -> tuple[Wait, ...]:
        """All waits, in the order in which they began."""
        never = [self._numbered(*found) for found in self.idle.values()]
        return tuple(sorted((*self.seen, *never), key=lambda wait: (wait.begin, wait.task)))

    def _watch_idle(self, task: Task, op: Operation, step: int) -> None:
        """See whether a task could begin: when it does, it has been seen that it could."""
        if op.enabled():
            self.idle.pop(task.index, None)
        elif task.index not in self.idle:
            self.idle[task.index] = self._wait(task, op, step)

    def _watch(self, task: Task, op: Operation, step: int) -> None:
        """See whether a task can go on with what it is about to do."""
        enabled = op.enabled()
        known = self.open.get(task.index)
        if known is not None and not enabled and _signalled(op):
            known = self._mutex_next(known, step)
        if known is not None:
            woken = self.seen[known[1]].woken
            if enabled and woken == NEVER:
                self._change(known[1], woken=step)
            elif not enabled and woken != NEVER:
                self._change(known[1], woken=NEVER)
        elif not enabled:
            self.open[task.index] = op, len(self.seen)
            self.seen.append(self._numbered(*self._wait(task, op, step)))

    def _mutex_next(self, known: tuple[Operation, int], step: int) -> tuple[Operation, int] | None:
        """A signal came, and the mutex is somebody's: that is another wait."""
        wait = self.seen[known[1]]
        if wait.lock != NEVER:
            return known
        self._change(known[1], woken=step if wait.woken == NEVER else wait.woken, end=step)
        return None

    def _change(self, at: int, **fields: Value) -> None:
        self.seen[at] = self.seen[at]._replace(**fields)

    def _wait(self, task: Task, op: Operation, step: int) -> tuple[Wait, Location | None]:
        """A wait as it begins, still without the number of its lock, and the lock."""
        lock = lock_of(op) if _signalled(op) or not isinstance(op, Retake) else None
        on = self._flagged(op) or self._holders(task, lock)
        return Wait(task.index, op.describe(), NEVER, on, step, NEVER, NEVER), lock

    def _numbered(self, wait: Wait, lock: Location | None) -> Wait:
        """A wait that is told: so is its lock."""
        return wait if lock is None else wait._replace(lock=self.locks.number(key_of(lock)))

    def _holders(self, task: Task, lock: Location | None) -> tuple[int, ...]:
        """Who holds the lock that a task waits for."""
        if isinstance(lock, FairLock):
            return _in_the_way(task, lock)
        if isinstance(lock, BitSpinLock):
            return _tasks([self.holds.bits.get(key_of(lock), NEVER)])
        return _tasks(lock.holders()) if isinstance(lock, Lock) else ()

    def _flagged(self, op: Operation) -> tuple[int, ...]:
        """Whose flags an operation waits for: readers, and tasks that have to end."""
        return _tasks(index for flag in op.after if not flag.value for index in self._whose(flag))

    def _whose(self, flag: Value) -> list[int]:
        if isinstance(flag, Section):
            return [flag.task.index]
        if isinstance(flag, Done):
            return [task.index for task in self.world.tasks if task.flag is flag]
        return []

    def _begin(self, task: Task, op: GraceWait, step: int) -> None:
        """A task waits for a grace period, or for all callbacks."""
        self.begun[task.index] = op
        sections = [flag for flag in op.after if isinstance(flag, Section)]
        readers = tuple(sorted({flag.task.index for flag in sections if not flag.value}))
        # a callback that comes after another one waits for that, but its grace period does not
        barrier = any(op is waiting for waiting in self.barriers)
        self.elapsing[len(self.periods)] = op.after if barrier else tuple(sections)
        self.periods.append(
            GracePeriod(op.lock.name, task.index, op.describe(), readers, step, NEVER)
        )


def _signalled(op: Operation) -> bool:
    """Does it only lack the mutex that goes with a condition variable?"""
    return isinstance(op, Retake) and bool(op.after[0].value)


def _in_the_way(task: Task, lock: FairLock) -> tuple[int, ...]:
    """Who holds a lock that hands itself on in turn, or was queued for it before: a reader waits
    for writers only."""
    writer, readers, queue, _ = lock.value
    mine = next((at for at, (index, _) in enumerate(queue) if index == task.index), len(queue))
    writes = mine == len(queue) or queue[mine][1]
    holders = [writer] if writer != FREE else readers if writes else ()
    ahead = [index for index, other in queue[:mine] if other or writes]
    return _tasks(holders) or _tasks(ahead)


def _tasks(indices: Iterable[int]) -> tuple[int, ...]:
    """Tasks, in order, each once; what is on its way from one to another has none."""
    return tuple(sorted({index for index in indices if index >= 0}))
