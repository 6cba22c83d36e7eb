"""What a file system is told of the files in its directories: static arrays of entries.

Source: include/linux/tracefs.h, struct eventfs_entry, 6.7 to 7.3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from lockwright.core.location import Value
from model.vfs.objects import FileOperations


class EntryFile(NamedTuple):
    """A file that is there: what the callback gives by way of its pointers."""

    mode: int
    data: Value
    fops: FileOperations


@dataclass(frozen=True, slots=True)
class EventfsEntry:
    """C: struct eventfs_entry.

    `callback(name, data)` gives the file, or None where there is no such file; `data` is that of
    the directory.  `release(name, data)` is called when the directory is freed.
    """

    name: str
    callback: Callable[[str, Value], Awaitable[EntryFile | None]]
    release: Callable[[str, Value], Awaitable[None]] | None = None
