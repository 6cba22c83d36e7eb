"""Open files by number, as the threads of one process have them.

Source: fs/file.c, 6.5: fdget(), fdput(), file_close_fd(), do_dup2(); include/linux/file.h.

A number is chosen by whoever opens (a shell's `exec 3< PATH`), so that what a call is given says
everything, and two threads that open do not come in each other's way over the lowest free one.
Left out: fdget()'s way without a reference, for processes with one thread: nobody can tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.variable import Variable
from model.vfs.err import EBADF
from model.vfs.objects import File, Section
from model.vfs.syscalls import __x64_sys_close as _close

NUMBERS = ("3", "4", "5", "6", "7", "8", "9")
"""The numbers there are; 0, 1 and 2 are the terminal's."""
T = TypeVar("T")


class Descriptors:
    """The table of a process: for each number the open file or None.

    Invariant: a file in the table has one reference by it (`f_count`), and one by each call that
    is using it; the last one that goes releases the file.
    """

    __slots__ = ("slots", "world")

    def __init__(self, world: World) -> None:
        self.world = world
        self.slots = {number: Variable(world, None, f"descriptor {number}") for number in NUMBERS}

    def _take(self, slot: Variable) -> File | None:
        """Within a step: the file, with a reference.  C: __fget_files_rcu()."""
        self.world.acc.append(slot.reading)
        file: File | None = slot.value
        if file is not None:
            file.f_count += 1
        return file

    def _exchange(self, slot: Variable, file: File | None) -> File | None:
        """Within a step: put a file there; gives what was there."""
        self.world.acc.append(slot.writing)
        old: File | None = slot.value
        slot.value = file
        return old

    async def install(self, number: str, file: File) -> int:
        """Let a number lead to a file that nobody knows yet; what was there is closed.

        0, or -EBADF for a number that there is not: then the file is closed.
        """
        slot = self.slots.get(number)
        if slot is None:
            await _close(file)
            return -EBADF
        file.f_pos_lock = Mutex(self.world, "&f->f_pos_lock")
        old: File | None = await Section("do_dup2", number, lambda _: self._exchange(slot, file))
        if old is not None:
            await _close(old)
        return 0

    async def close(self, number: str) -> int:
        """close(): 0 or -EBADF."""
        slot = self.slots.get(number)
        if slot is None:
            return -EBADF
        file: File | None = await Section("close_fd", number, lambda _: self._exchange(slot, None))
        if file is None:
            return -EBADF
        await _close(file)
        return 0

    async def use(self, number: str, call: Callable[[File], Awaitable[T]]) -> T | int:
        """Make a call with the file of a number; -EBADF if there is none."""
        slot = self.slots.get(number)
        if slot is None:
            return -EBADF
        file: File | None = await Section("fdget", number, lambda _: self._take(slot))
        if file is None:
            return -EBADF
        got = await call(file)
        await _close(file)  # C: fdput(): one reference less, as close() has it
        return got
