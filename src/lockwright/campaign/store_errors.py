"""What can be wrong with a store's file, as one sentence each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockwright.campaign.schema import Damaged
from lockwright.core.errors import InternalError, UsageError

BUSY_S = 10.0
"""So long somebody waits for a lock within the file; one that writes holds it for a moment only."""

_PRIMARY = 0xFF


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Within it, what SQLite and the file system raise becomes a UsageError that names the file."""
    try:
        yield
    except sqlite3.ProgrammingError:  # ours: a store that is closed
        raise
    except sqlite3.IntegrityError as error:
        raise InternalError(f"{path}: {error}") from None
    except (sqlite3.Error, Damaged, OSError, UnicodeDecodeError) as error:
        raise UsageError(_sentence(path, error)) from None


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):  # SQLite's own message holds what it found
        return damaged(path, "what is text in it is none")
    if isinstance(error, OSError):
        return f"cannot use {path}: {error.strerror or error}"
    if not isinstance(error, sqlite3.Error):
        return damaged(path, str(error))
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return unwritten(path, "the disk is full")
    if code == sqlite3.SQLITE_IOERR:
        return unwritten(path, "the disk is full, or it fails")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return f"cannot write {path}: it is read-only"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"cannot use {path}: another process has locked it; try again when it has ended"
    if code == sqlite3.SQLITE_CANTOPEN:
        return (
            f"cannot open {path}: SQLite wants to write {path.name}-wal and {path.name}-shm beside "
            "it; copy all files of this name to a directory that can be written"
        )
    if code == sqlite3.SQLITE_NOTADB:
        return not_a_store(path, "it is no SQLite database")
    return damaged(path, str(error))


def damaged(path: Path, what: str) -> str:
    """The store is not what was written."""
    return (
        f"{path} is damaged ({what}); it was left as it is: go on with a copy from before, or "
        "begin the campaign anew in another file"
    )


def unwritten(path: Path, why: str) -> str:
    """There is no room; the store is whole."""
    return (
        f"cannot write {path}: {why}; what was committed is kept: make room, then go on with "
        f"`lockwright campaign resume {path}`"
    )


def not_a_store(path: Path, why: str) -> str:
    """The file is something else."""
    return f"{path} is no store of a campaign: {why}"
