"""Where trio's run loop is taken over: its queue of runnable tasks.

In each round the loop makes a list of the queue, clears the queue, and resumes the tasks of the
list in an order that it draws itself.  The queue that stands there during a run of ours lists one
task, the one that was chosen, and forgets that one alone when it is cleared.  So each round is one
choice among all tasks that could go on, and every order of resumptions can be made to happen, not
only those within trio's rounds.  Instruments, trio's documented way to watch a run, put the queue
there before the first task exists, and tell when a task is resumed that nobody chose.

Source: trio/_core/_run.py, unrolled_run(); the same in trio 0.22 to 0.35.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol, cast

import trio

from lockwright.core.errors import UsageError

if TYPE_CHECKING:
    from trio.lowlevel import Task

LOOP = "trio._core._run"
VERSIONS = "0.22.2 to 0.35.0"
"""The releases of trio that this was tried with."""


class Choose(Protocol):
    """Which of the runnable tasks is resumed?  None for nobody in this round."""

    def __call__(self, ready: list[Task]) -> Task | None: ...


class OneEachRound(deque["Task"]):
    """Invariant: `given` is the task that the last round was given, until it is cleared away."""

    def __init__(self, choose: Choose) -> None:
        super().__init__()
        self.choose = choose
        self.given: Task | None = None
        self.rounds = 0

    def __iter__(self) -> Iterator[Task]:
        self.rounds += 1
        self.given = self.choose(self.ready())
        return iter(() if self.given is None else (self.given,))

    def ready(self) -> list[Task]:
        """All runnable tasks, in the order in which they became so."""
        return list(super().__iter__())

    def clear(self) -> None:
        if self.given is not None:
            self.remove(self.given)


def put_queue(choose: Choose) -> OneEachRound:
    """Give the run that is about to begin in this thread a queue of ours.

    Raises UsageError for a trio whose loop is another one.
    """
    context = getattr(sys.modules.get(LOOP), "GLOBAL_RUN_CONTEXT", None)
    runner = getattr(context, "runner", None)
    there = getattr(runner, "runq", None)
    if runner is None or type(there) is not deque or there:
        raise unsupported("its run loop has no queue that could be replaced")
    queue = OneEachRound(choose)
    runner.runq = queue
    return queue


def unsupported(why: str) -> UsageError:
    """The refusal of a trio that cannot be driven."""
    return UsageError(
        f"trio {trio.__version__} cannot be made to follow a schedule: {why}; tried with trio "
        f"{VERSIONS}"
    )


def patched(owner: type, name: str, make: Callable[[Callable[..., object]], object]) -> object:
    """Put `make(method)` in a method's place; what to put back."""
    method = cast("Callable[..., object]", getattr(owner, name))
    setattr(owner, name, make(method))
    return method
