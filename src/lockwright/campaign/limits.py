"""What a process may take of the machine: read, and set for this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lockwright.core.errors import UsageError

try:
    import resource
except ImportError:  # not POSIX
    resource = None  # type: ignore[assignment]

MEGABYTE = 2**20
STATM = Path("/proc/self/statm")


def memory_mb() -> float | None:
    """The address space that this process has, in megabytes of 2**20 bytes; None if the system
    does not tell.

    Source: proc_pid_statm(5), the first field.
    """
    try:
        pages = int(STATM.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


def limit_memory(most_mb: int) -> None:
    """From now on this process has at most so many megabytes of address space: to want more is a
    MemoryError.  0 is no limit.

    Raises UsageError if it already has more, or if the system cannot do it.
    Source: getrlimit(2), RLIMIT_AS.
    """
    if not most_mb:
        return
    if resource is None:
        raise UsageError(
            f"this system cannot limit a process to {most_mb} MB of memory; memory_mb = 0 is no "
            "limit"
        )
    has = memory_mb()
    if has is not None and has > most_mb:
        raise UsageError(
            f"{most_mb} MB of memory for a piece are too few: a process has {has:.0f} MB before "
            "it begins"
        )
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = min(most_mb * MEGABYTE, sys.maxsize)
    if hard not in (resource.RLIM_INFINITY, -1):
        most = min(most, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"this system refuses to limit a process to {most_mb} MB of memory ({error}); "
            "memory_mb = 0 is no limit"
        ) from None
