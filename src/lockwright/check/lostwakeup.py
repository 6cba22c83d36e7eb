"""Lost wakeups: a task sleeps for ever although what it waits for has come.

A task that waits for ever is a finding in any case.  It is called a lost wakeup only where that is
certain: the condition that wait_event() waits for holds at the end, or the wakeup came before the
task went to sleep, and nothing made it come before the step in which the task looked, or
reinit_completion() took a complete() back, in the same sense, from a task that waited.  A condition
is asked once more at the end only if all that it does is to read; else nobody can tell.

Source: Documentation/memory-barriers.txt, "Sleep and wake-up functions"; include/linux/wait.h.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import CoroutineType

from lockwright.check.rule import Rule
from lockwright.core.errors import KernelOops
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.completion import CompletionWait
from lockwright.kernel.condvar import Retake, Trail
from lockwright.kernel.waitqueue import Condition, Schedule

READS = (
    *("READ_ONCE", "smp_load_acquire", "rcu_dereference", "refcount_read"),
    *("completion_done", "waitqueue_active"),
)
READS_MAX = 1000


def lost_wakeup(world: World, task: Task) -> str:
    """Why the wakeup of a task that is blocked for ever was lost; empty if that is not certain."""
    op = task.pending
    if isinstance(op, Schedule):
        queue, name = op.lock, op.lock.name
        if op.missed is not None and _late(world, op.missed[0][0], op.missed[1]):
            step, waker, _ = op.missed[0]
            return (
                f"{waker} woke {name} in step {step}, after {task.comm} had looked and before it "
                "was queued, and it did not look again"
            )
        if op.condition is not None and look_again(world, task, op.condition)[0]:
            return f"what {task.comm} waits for holds, and {_last('wakeup', name, queue.trail)}"
    if isinstance(op, Retake) and op.missed is not None:
        (step, waker, _), look = op.missed
        if not _late(world, step, look):
            return ""
        return f"{waker} signalled {op.cond.name} in step {step}, just before {task.comm} waited"
    if isinstance(op, CompletionWait) and op.missed is not None:
        (step, who), look = op.missed
        if not _late(world, step, look):
            return ""
        return (
            f"{who} called reinit_completion({op.loc.name}) in step {step}, which took a "
            f"complete() back before {task.comm} could go on"
        )
    return ""


def _late(world: World, step: int, look: int) -> bool:
    """Could what happened in `step` have happened after the task looked?

    Not which came first, but whether one had to: of two orders that nothing tells apart, a search
    sees only one.
    """
    if step > look or look >= len(world.log):
        return step > look
    tasks = {world.log[step][0]}
    read: set[int] = set()
    written: set[int] = set()
    for number, _, _, codes in world.log[step : look + 1]:
        reads = {code >> 1 if code >= 0 else ~code for code in codes if code < 0 or not code & 1}
        writes = {code >> 1 for code in codes if code >= 0 and code & 1}
        if number in tasks or reads & written or writes & (read | written):
            tasks.add(number)
            read |= reads
            written |= writes
    return world.log[look][0] not in tasks


def last_wakeup(task: Task) -> str:
    """Who last woke what a task sleeps on; empty if it sleeps on nothing of the kind."""
    op = task.pending
    if isinstance(op, Schedule):
        return _last("wakeup", op.lock.name, op.lock.trail)
    if isinstance(op, Retake):
        return _last("signal", op.cond.name, op.cond.trail)
    return ""


def _last(what: str, name: str, trail: Trail | None) -> str:
    if trail is None:
        return f"there was no {what} of {name}"
    step, waker, count = trail
    return f"the last {what} of {name}, by {waker} in step {step}, reached {count or 'nobody'}"


def look_again(world: World, task: Task, condition: Condition) -> tuple[bool, list[int]]:
    """Does a condition hold now, and what does it read?  False if one cannot look without doing
    something."""
    creator, acc = world.creator, world.acc
    touched: list[int] = []
    world.creator, world.acc = task, touched
    looking: Value = condition()
    if not isinstance(looking, (CoroutineType, Operation)):
        return False, []
    steps: Coroutine[Value, Value, Value] | Generator[Value, Value, Value]
    steps = looking.__await__() if isinstance(looking, Operation) else looking
    try:
        op = steps.send(None)
        for _ in range(READS_MAX):
            if op.blocking or op.kind not in READS:
                break
            op = steps.send(op.run(task, touched))
    except StopIteration as stop:
        pure = not any(code >= 0 and code & 1 for code in touched)
        return bool(stop.value) and pure, touched
    except (KernelOops, AttributeError):
        return False, []
    finally:
        world.creator, world.acc = creator, acc
        steps.close()
    return False, []


class Chronicle(Rule):
    """Follows one execution step by step to say who last changed what a sleeper waits for.

    Too dear for a search, it is for the one execution that a report is about.  `said` has its
    sentences when the execution has ended.
    """

    name = "chronicle"

    def __init__(self) -> None:
        self.steps: list[tuple[Task, Operation, list[int]]] = []
        self.said: list[str] = []
        self.world: World

    def begin(self, world: World) -> None:
        self.world = world
        self.steps = []
        self.said = []
        world.on_step += (self._stepped,)

    def finish(self, world: World) -> None:
        for task in world.blocked():
            op = task.pending
            if not isinstance(op, Schedule):
                continue
            if op.condition is not None:
                reads = look_again(world, task, op.condition)[1]
                self._changes(task, op, {code >> 1 for code in reads if code >= 0}, -1)
            else:
                self._changes(task, op, *self._last_look(task, op))

    def _stepped(self, task: Task, operation: Operation, result: Value) -> None:
        # the list goes on to collect what the rest of the step touches
        self.steps.append((task, operation, self.world.acc))

    def _last_look(self, task: Task, op: Schedule) -> tuple[set[int], int]:
        """What a task read before it went to sleep, and in which step."""
        for step in range(len(self.steps) - 1, -1, -1):
            who, _, codes = self.steps[step]
            reads = {code >> 1 for code in codes if code >= 0 and not code & 1}
            if who is task and reads - {op.lock.number}:
                return reads, step
        return set(), -1

    def _changes(self, task: Task, op: Schedule, reads: set[int], since: int) -> None:
        """Say who changed something of `reads` last, if somebody else did after step `since`."""
        for step in range(len(self.steps) - 1, since, -1):
            who, operation, codes = self.steps[step]
            writes = {code >> 1 for code in codes if code >= 0 and code & 1}
            if who is not task and reads & writes:
                woken = op.lock.trail
                late = woken is None or woken[0] < step
                after = ", and nobody woke it after that" * late
                self.said.append(
                    f"  {who.comm} changed what {task.comm} waits for in step {step}, by "
                    f"{operation.describe()}{after}"
                )
                return
