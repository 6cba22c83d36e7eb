"""Where the functions of a model stand in its source."""

from __future__ import annotations

from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import lockwright
from lockwright.core.task import SYSCALLS, Task, frame_of, shown
from lockwright.core.timeline import Place

PACKAGE = Path(lockwright.__file__).parent
SITES = ("site-packages", "dist-packages")


class Places:
    """The places of one execution.  Invariant: `numbers[place]` is its place in `listed`."""

    def __init__(self) -> None:
        self.here = Path.cwd()
        self.files: dict[CodeType, str] = {}
        self.numbers: dict[Place, int] = {}

    @property
    def listed(self) -> tuple[Place, ...]:
        """All places, in order of first sight."""
        return tuple(self.numbers)

    def chain(self, task: Task) -> tuple[int, ...]:
        """The numbers of the places of a task's functions, as `Task.call_chain` lists these."""
        return tuple(
            self._number(frame) for coro in (task.coro, *task.beneath) for frame in _frames(coro)
        )

    def _number(self, frame: FrameType) -> int:
        code = frame.f_code
        path = self.files.get(code)
        if path is None:
            path = self.files[code] = self._path(code, frame.f_globals.get("__name__", ""))
        size = frame_of(frame).size
        place = Place(code.co_name, path, code.co_firstlineno, size, frame.f_lineno)
        return self.numbers.setdefault(place, len(self.numbers))

    def _path(self, code: CodeType, module: str) -> str:
        """A source file, told in the same way on every machine."""
        path = self.here / code.co_filename
        if path.is_relative_to(PACKAGE):
            return (Path(PACKAGE.name) / path.relative_to(PACKAGE)).as_posix()
        sites = [at for at, part in enumerate(path.parts) if part in SITES]
        if sites:
            return Path(*path.parts[sites[-1] + 1 :]).as_posix()
        if path.is_relative_to(self.here) and not code.co_filename.startswith("<"):
            return path.relative_to(self.here).as_posix()
        known = module not in ("", "__main__")
        return f"{module.replace('.', '/')}.py" if known else path.name


def _frames(coro: Any) -> list[FrameType]:  # noqa: ANN401  # as Python tells what it awaits
    """The frames of the model functions that a coroutine is in, innermost first.
    `core.task.chain_of_coro` makes kernel stack entries of them."""
    frames: list[FrameType] = []
    at = coro
    while (frame := getattr(at, "cr_frame", None)) is not None:
        name = frame.f_code.co_name
        if name.startswith(SYSCALLS):
            frames.clear()
        if shown(name):
            frames.append(frame)
        at = at.cr_await
    frames.reverse()
    return frames
