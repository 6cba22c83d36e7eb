"""A file that is replaced as a whole: whoever reads it finds the old text or the new."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lockwright.core.errors import UsageError


def replace_file(path: Path, text: str) -> None:
    """Write a file so that it is never seen half written.  Raises UsageError."""
    replace_bytes(path, text.encode())


def replace_bytes(path: Path, content: bytes) -> None:
    """The same for what is no text."""
    try:
        _replace(path, content)
    except OSError as error:
        raise _unwritable(path, error) from None


def check_apart(path: Path, read: Iterable[str | Path] = ()) -> None:
    """Raise UsageError if to write a file would overwrite one that is read, or a campaign's store.

    In `read`, - is standard input.
    """
    from lockwright.campaign.store_file import is_store  # noqa: PLC0415  # loads sqlite3

    try:
        same = any(path.resolve() == Path(each).resolve() for each in read if each != "-")
    except ValueError:  # a name with a NUL in it
        raise UsageError(f"cannot write {str(path)!r}: that is no name of a file") from None
    if same or is_store(path):
        raise UsageError(f"{path} would be overwritten: name another file for the output")


def try_file(path: Path) -> None:
    """Raise UsageError if the file could not be written."""
    target = path.resolve()
    try:
        if _special(path):
            return
        if target.is_dir():
            raise UsageError(f"cannot write {path}: it is a directory")
        if target.exists() and not os.access(target, os.W_OK):
            raise UsageError(f"cannot write {path}: it is read-only")
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _replace(path: Path, content: bytes) -> None:
    if _special(path):
        path.write_bytes(content)
        return
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine may leave the new name empty
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _special(path: Path) -> bool:
    """A device or a pipe, which cannot be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _unwritable(path: Path, error: OSError) -> UsageError:
    if isinstance(error, FileNotFoundError):
        return UsageError(f"cannot write {path}: there is no directory {path.parent}")
    return UsageError(f"cannot write {path}: {error.strerror}")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
