"""A task: one thread of the simulated kernel, and where it is in its code."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import Enum
from functools import cache
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from lockwright.core.frame import Frame
from lockwright.core.location import Done
from lockwright.core.native import mypyc_attr

if TYPE_CHECKING:
    from lockwright.core.location import TaskName
    from lockwright.core.operation import Operation
    from lockwright.core.world import World


SYSCALLS = ("__do_sys_", "__se_sys_", "__x64_sys_")
"""How the kernel's functions begin at which a system call enters it."""


class Context(Enum):
    """The kernel context that a task runs in; BUFFER is none: a store on its way to memory."""

    PROCESS = "process"
    SOFTIRQ = "softirq"
    HARDIRQ = "hardirq"
    WORKQUEUE = "workqueue"
    BUFFER = "store buffer"


@mypyc_attr(allow_interpreted_subclasses=True)
class Creator:
    """Something that makes locations, objects and tasks, and counts them."""

    __slots__ = ("children_made", "locations_made", "name", "objects_made")

    def __init__(self, name: TaskName) -> None:
        self.name = name
        self.locations_made = 0
        self.objects_made = 0
        self.children_made = 0


@mypyc_attr(allow_interpreted_subclasses=True)
class Task(Creator):
    """One coroutine with its kernel context.

    `number` is the same in every execution of a search, `index` is the order of creation in this
    execution.  `pending` is the announced operation.  `atomic` counts the reasons why the task
    may not sleep now (spinlocks, RCU read sides, switched-off preemption); `irqs_off` and
    `bhs_off` count why interrupts and bottom halves are off for it.  `flag` is what `done` gave.
    `coro` is the code that runs: a handler's while one runs on top of the task, which has `driver`
    then (`interrupt.py`); `beneath` is what was interrupted, innermost first.
    Invariant: exactly one of `pending is not None`, `ended` and `died` holds between steps.
    """

    __slots__ = (
        "atomic",
        "beneath",
        "bhs_off",
        "comm",
        "context",
        "coro",
        "died",
        "driver",
        "ended",
        "flag",
        "fresh",
        "index",
        "irqs_off",
        "local",
        "number",
        "pending",
        "pid",
        "result",
        "send",
        "world",
    )

    def __init__(
        self, world: World, name: TaskName, index: int, coro: Coroutine[Any, Any, Any], comm: str
    ) -> None:
        # what Creator does, without the call: every execution makes its tasks anew
        self.world = world
        self.name = name
        self.locations_made = 0
        self.objects_made = 0
        self.children_made = 0
        self.number = name.number
        self.index = index
        self.coro = coro
        self.send = coro.send
        self.driver: Any = None
        self.beneath: tuple[Any, ...] = ()
        self.comm = comm
        self.pid = 0
        self.context = Context.PROCESS
        self.pending: Operation | None = None
        self.fresh = False
        self.ended = False
        self.died = False
        self.atomic = 0
        self.irqs_off = 0
        self.bhs_off = 0
        self.result: Any = None
        self.flag: Done | None = None
        self.local: dict[str, Any] = {}

    @property
    def done(self) -> Done:
        """Whether the task has ended, as a one-way flag that others can wait for."""
        flag = self.flag
        if flag is None:
            flag = self.flag = Done(self.world, self.name.done, self.comm, ended=self.ended)
        return flag

    def call_site(self) -> Frame | None:
        """The innermost model function, while the task is between steps: cheaper than the chain."""
        found = self.frame()
        return frame_of(found) if found is not None else None

    def frame(self) -> FrameType | None:
        """The Python frame of that function."""
        for coro in (self.coro, *self.beneath):
            found: FrameType | None = None
            at: Any = coro
            while at is not None:
                frame = getattr(at, "cr_frame", None)
                if frame is None:
                    break
                if shown(frame.f_code.co_name):
                    found = frame
                at = at.cr_await
            if found is not None:
                return found
        return None

    def call_chain(self) -> tuple[Frame, ...]:
        """The model functions the task is in, innermost first, while it is between steps.

        A kernel stack ends where the kernel was entered: what calls a system call is no part of it.
        A handler's functions stand before those that it interrupted.
        """
        chain = chain_of_coro(self.coro)
        return (*chain, *self.chain_beneath()) if self.beneath else chain

    def chain_beneath(self) -> tuple[Frame, ...]:
        """The functions that were interrupted, innermost first."""
        return tuple(frame for coro in self.beneath for frame in chain_of_coro(coro))

    def close(self) -> None:
        """Abandon its code, and what that has interrupted."""
        self.coro.close()
        for coro in self.beneath:
            coro.close()


def chain_of_coro(coro: Any) -> tuple[Frame, ...]:  # noqa: ANN401  # Python tells what it awaits
    """The model functions that a suspended coroutine is in, innermost first."""
    frames: list[Frame] = []
    at = coro
    while at is not None:
        frame = getattr(at, "cr_frame", None)
        if frame is None:
            break
        name = frame.f_code.co_name
        if name.startswith(SYSCALLS):
            frames.clear()
        if shown(name):
            frames.append(frame_of(frame))
        at = at.cr_await
    frames.reverse()
    return tuple(frames)


def chain_of(traceback: TracebackType | None) -> tuple[Frame, ...]:
    """The model functions of a traceback, innermost first."""
    frames: list[Frame] = []
    at = traceback
    while at is not None:
        code = at.tb_frame.f_code
        module = at.tb_frame.f_globals.get("__name__", "")
        if code.co_name.startswith(SYSCALLS):
            frames.clear()
        if shown(code.co_name) and not module.startswith("lockwright.core"):
            frames.append(frame_of(at.tb_frame, at.tb_lineno))
        at = at.tb_next
    frames.reverse()
    return tuple(frames)


def place_of(task: Task) -> str:
    """Where a task is in its source: ` (transfer(), model/transfer.py, line 12)`."""
    frame = task.frame()
    if frame is None:
        return ""
    path = "/".join(frame.f_code.co_filename.replace("\\", "/").split("/")[-2:])
    return f" ({frame.f_code.co_name}(), {path}, line {frame.f_lineno})"


@cache
def shown(function: str) -> bool:
    """Is it a model function?  One leading underscore means inlined, two are the kernel's own."""
    inlined = function.startswith("_") and not function.startswith("__")
    dunder = function.startswith("__") and function.endswith("__")
    return not inlined and not dunder and not function.startswith("<")


def frame_of(frame: FrameType, line: int | None = None) -> Frame:
    """A Python frame as a kernel stack entry.

    The offset is the line within the function and the size its number of lines, so that the
    numbers lead to the model's source and do not depend on the Python version.
    """
    code = frame.f_code
    return Frame(code.co_name, (line or frame.f_lineno) - code.co_firstlineno, _length(code))


@cache
def _length(code: CodeType) -> int:
    last = max((line for _, _, line in code.co_lines() if line is not None), default=0)
    return last - code.co_firstlineno + 1
