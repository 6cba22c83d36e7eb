"""The first execution once more: is the model one that can be explored at all?

An exploration rests on two things that no search can see for itself: that a model does the same
again under the same schedule, and that each operation it makes is awaited.  So the first
execution is run again a few times, before anything is believed.
"""

from __future__ import annotations

import gc
import sys
from inspect import CO_COROUTINE
from types import TracebackType
from typing import Any

from lockwright.core.errors import ModelError, NondeterminismError, UsageError
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation, watch_dropped
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.schedule.replay import Replay

AGAIN = 4


def rehearse(make: MakeWorld, run: Run) -> None:
    """Run an execution again.  Raises NondeterminismError if a step touches something else, and
    ModelError for an operation that is dropped without being awaited.

    By the names of the run's own search: it may have numbered what other outcomes of a step touch.
    """
    schedule, names = run.schedule, run.world.names
    expected = [list(codes) for codes in run.touched]
    for _ in range(AGAIN):
        with _Dropped() as dropped:

            def watched(names: Names, dropped: _Dropped = dropped) -> World:
                world = make(names)
                world.on_step += (dropped.ran,)
                return world

            try:
                (again,) = guided_search(watched, Replay(schedule), names=names)
            except UsageError:
                raise _differs("it cannot take the same steps") from None
        oopsed = again.world.oopsed
        again.world.close()
        for step, (codes, now) in enumerate(zip(expected, again.touched, strict=False)):
            if codes != now:
                who = again.world.tasks[schedule[step][0]].comm
                raise _differs(f"step {step}, of {who}, touches something else")
        if dropped.found and not oopsed:
            raise ModelError(f"{dropped.found[0]} was made and never awaited")


def _differs(got: str) -> NondeterminismError:
    return NondeterminismError(
        "the model is not deterministic: the first execution, run again, is another one\n"
        f"expected: the same steps\ngot: {got}"
    )


class _Dropped:
    """Notices operations that go away without having run.

    While it is entered, operations have a finalizer, which Python calls where the last reference
    goes: for `mutex.lock()` without await, in that very line.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.alive: set[int] = set()
        self.collects = False

    def __enter__(self) -> _Dropped:
        # what the collector frees is of another world, and it may run in any line of this one
        self.collects = gc.isenabled()
        gc.disable()
        watch_dropped(self.dropped)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        watch_dropped(None)
        if self.collects:
            gc.enable()

    def ran(self, task: Task, operation: Operation, result: Value) -> None:
        """A step was taken; the operation lives, so its identity is its own."""
        self.alive.add(id(operation))

    def dropped(self, operation: Operation) -> None:
        """The last reference went."""
        key = id(operation)
        if key in self.alive:
            self.alive.discard(key)
            return
        frame: Any = sys._getframe(1)
        if frame.f_code.co_name == "__del__":  # which a compiled one has no frame for
            frame = frame.f_back
        code = frame.f_code
        if not code.co_flags & CO_COROUTINE:
            return  # scenarios run operations by hand while they build
        path = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
        self.found.append(
            f"{operation.describe()} ({code.co_name}(), {path}, line {frame.f_lineno})"
        )
