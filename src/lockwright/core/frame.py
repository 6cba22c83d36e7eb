"""Frames: where in which model function a task is."""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """One entry of a call chain; offset and size count whatever the machine counts (lines)."""

    function: str
    offset: int
    size: int

    def __str__(self) -> str:
        """As the kernel prints it: fn+0x41/0x180."""
        return f"{self.function}+{self.offset:#x}/{self.size:#x}"
