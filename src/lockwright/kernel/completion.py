"""Completions: wait until somebody else has done something.

Source: kernel/sched/completion.c.
Left out: the order of the waiters; a newcomer can take the count before a woken waiter does, so
any of them may go on.  lockdep knows nothing of completions.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from lockwright.core.buffering import IGNORES
from lockwright.core.location import Location
from lockwright.core.operation import Operation
from lockwright.core.orders import ACQUIRE, LOAD_ACQUIRE, RELEASE, STORE
from lockwright.kernel.context import might_sleep

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.core.world import World

ALL = 1 << 30


class Completion(Location):
    """A completion.  Invariant: `value` is how many may go on; from ALL on, everybody may.

    `trail` is where it was last taken back that somebody may go on: the step, and by whom.
    """

    __slots__ = ("trail",)

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, 0, name)
        self.trail: tuple[int, str] | None = None

    def wait_for_completion(self) -> Operation:
        """Waits for one complete(), and uses it up."""
        return CompletionWait(self)

    def try_wait_for_completion(self) -> Operation:
        """True if one complete() was there to be used up; does not wait."""
        return _TryWait(self)

    def completion_done(self) -> Operation:
        """Would a wait go on at once?"""
        return _Done(self)

    def complete(self) -> Operation:
        """Lets one waiter go on, now or later."""
        return _Complete(self, "complete", 1)

    def complete_all(self) -> Operation:
        """Lets everybody go on, until reinit_completion()."""
        return _Complete(self, "complete_all", ALL)

    def reinit_completion(self) -> Operation:
        """Back to the beginning."""
        return _Reinit(self)


def _use_up(completion: Completion) -> None:
    if completion.value < ALL:
        completion.value -= 1


class _CompletionOperation(Operation):
    __slots__ = ("loc",)

    loc: Completion

    def __init__(self, loc: Completion) -> None:
        self.loc = loc


class CompletionWait(_CompletionOperation):
    """wait_for_completion()"""

    __slots__ = ("trail",)

    blocking = True
    sleeps = True
    orders = ACQUIRE
    kind = "wait_for_completion"

    def __init__(self, loc: Completion) -> None:
        super().__init__(loc)
        self.trail = -1

    def __await__(self) -> Generator[Operation, Any, None]:
        self.trail = self.loc.world.steps
        yield self

    @property
    def missed(self) -> tuple[tuple[int, str], int] | None:
        """The last reinit_completion() that undid a complete(), and the task's step before it
        waited."""
        undone = self.loc.trail
        return (undone, self.trail) if undone is not None and self.trail >= 0 else None

    def ready(self, value: int) -> bool:
        return value > 0

    def run(self, task: Task, touched: list[int]) -> None:
        touched.append(self.loc.writing)
        if task.atomic:
            might_sleep(task, self.kind)
        _use_up(self.loc)


class _TryWait(_CompletionOperation):
    __slots__ = ()

    conditional = True
    orders = ACQUIRE
    kind = "try_wait_for_completion"

    def writes_at(self, value: int) -> bool:
        return value > 0

    def run(self, task: Task, touched: list[int]) -> bool:
        completion = self.loc
        if not completion.value:
            touched.append(completion.reading)
            return False
        touched.append(completion.writing)
        _use_up(completion)
        return True


class _Done(_CompletionOperation):
    __slots__ = ()

    orders = LOAD_ACQUIRE
    buffering = IGNORES
    kind = "completion_done"

    def run(self, task: Task, touched: list[int]) -> bool:
        touched.append(self.loc.reading)
        return bool(self.loc.value)


class _Complete(_CompletionOperation):
    __slots__ = ("by", "kind")

    orders = RELEASE

    def __init__(self, loc: Completion, kind: str, by: int) -> None:
        super().__init__(loc)
        self.kind = kind  # type: ignore[misc]  # one class serves both calls
        self.by = by

    def run(self, task: Task, touched: list[int]) -> None:
        completion = self.loc
        touched.append(completion.writing)
        completion.value = min(completion.value + self.by, ALL)


class _Reinit(_CompletionOperation):
    __slots__ = ()

    orders = STORE
    kind = "reinit_completion"

    def run(self, task: Task, touched: list[int]) -> None:
        completion = self.loc
        touched.append(completion.writing)
        if completion.value:
            completion.trail = (completion.world.steps, task.comm)
        completion.value = 0
