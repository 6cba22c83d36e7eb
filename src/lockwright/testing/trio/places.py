"""Where a task stands: the function of the program, the line, and what of trio's it waits in."""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.task import frame_of

if TYPE_CHECKING:
    from trio.lowlevel import Task

HELPERS = ("contextlib", "outcome", "functools", "types", "_pytest", "pluggy")
"""Modules that are neither the program nor trio: a place is never named after them."""
METHODS = {"__aenter__": "acquire", "__anext__": "receive", "acquire_on_behalf_of": "acquire"}
"""What people write for what runs."""
KINDS = {"MemoryReceiveChannel": "channel", "MemorySendChannel": "channel"}
"""What people call a thing whose class they do not name."""
NURSERY_END = "end of nursery"
START = "its beginning"
FOREIGN = ("trio._threads", "trio._core._io", "trio._subprocess", "trio._core._generated_io")
"""Where a task waits for what a thread or the system does."""


@dataclass(frozen=True, slots=True)
class Place:
    """`function` and `line` are the innermost ones of the program, `primitive` is what of trio's
    the task waits in, empty if that is not trio's; `object` is what the primitive belongs to."""

    function: str
    file: str
    line: int
    frame: Frame
    primitive: str
    object: Value = None
    foreign: bool = False
    frames: tuple[FrameType, ...] = ()

    @property
    def where(self) -> str:
        """`pay, bank.py:12`; of a function of trio's that is a task of its own, its name."""
        return self.function if not self.file else f"{self.function}, {self.file}:{self.line}"

    @property
    def step(self) -> str:
        """What a column shows."""
        what = self.primitive or "waits"
        return f"{what}, line {self.line}" if self.file else what

    @property
    def lasting(self) -> str:
        """What does not change when lines are added elsewhere in the file."""
        return f"{self.function}+{self.frame.offset} {self.primitive}"


def place_of(task: Task) -> Place:
    """Where a task stands that is not running."""
    own: list[tuple[FrameType, int]] = []
    trios: list[tuple[FrameType, int]] = []
    for frame, line in task.iter_await_frames():
        if module_of(frame).startswith("trio."):
            trios.append((frame, line))
        elif not helper(frame):
            own.append((frame, line))
            trios.clear()
    if not own:
        primitive, what = _primitive(trios)
        function = trios[0][0].f_code.co_name if trios else "?"
        return Place(function, "", 0, Frame(function, 0, 0), primitive, what, _foreign(trios))
    frame, line = own[-1]
    primitive, what = _primitive(trios)
    lock = getattr(what, "_lock", None)
    if lock is not None and task.custom_sleep_data is getattr(lock, "_lot", lock):
        # in a Condition, but waiting for its lock, as after a notify
        primitive, what = f"{primitive}, for its Lock", lock
    if not trios and line == frame.f_code.co_firstlineno:
        primitive = START
    return Place(
        frame.f_code.co_name,
        PurePath(frame.f_code.co_filename).name,
        line,
        frame_of(frame, line),
        primitive,
        what,
        _foreign(trios),
        tuple(at for at, _ in reversed(own)),
    )


def _foreign(frames: list[tuple[FrameType, int]]) -> bool:
    return any(module_of(at).startswith(FOREIGN) for at, _ in frames)


def _primitive(frames: list[tuple[FrameType, int]]) -> tuple[str, Value]:
    """The outermost of trio's functions that say something, and the object it is a method of."""
    if not frames:
        return "", None
    frame = frames[0][0]
    name = frame.f_code.co_name
    owner = frame.f_locals.get("self")
    if owner is None:
        return name, None
    kind = type(owner).__name__
    if kind == "NurseryManager":
        return (NURSERY_END if name == "__aexit__" else "open_nursery"), None
    return f"{KINDS.get(kind, kind)}.{METHODS.get(name, name)}", owner


def module_of(frame: FrameType) -> str:
    """The name of the module that a frame's code belongs to."""
    return str(frame.f_globals.get("__name__", ""))


def helper(frame: FrameType) -> bool:
    """Is it the code of nobody in particular?"""
    name = module_of(frame)
    return name.partition(".")[0] in HELPERS or name == "trio" or name.startswith("lockwright.")


def raised_at(traceback: TracebackType | None) -> list[tuple[FrameType, int]]:
    """The program's own frames of a traceback, outermost first."""
    return [
        (at.tb_frame, at.tb_lineno)
        for at in _walked(traceback)
        if not helper(at.tb_frame) and not module_of(at.tb_frame).startswith("trio.")
    ]


def _walked(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def source_line(frame: FrameType, line: int) -> str:
    """`  pay, bank.py:12: assert total == 2`"""
    code = frame.f_code
    text = linecache.getline(code.co_filename, line, frame.f_globals).strip()
    where = f"  {code.co_name}, {PurePath(code.co_filename).name}:{line}"
    return f"{where}: {text}" if text else where
