"""Where a command's result goes: standard output, or a file that is replaced as a whole."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click

from lockwright.core.errors import UsageError

WIDTH = 80
WIDTH_MIN = 20
WIDTH_MAX = 400
BROKEN_PIPE = 141
FORMATS = click.Choice(["text", "json"])


class Output:
    """Text for standard output or for a file.

    Invariant: a file is touched by `close` alone, and then holds all that was said.  That it can
    be written is tried when the object is made.  Standard output is taken as it was then, so that
    a model that prints does not get between the lines.
    """

    def __init__(self, path: str | None = None) -> None:
        if path == "":
            raise UsageError("cannot write the result: the name of the file is empty")
        self.stream: TextIO = sys.stdout
        self.path = None if path in (None, "-") else Path(str(path))
        self.parts: list[str] = []
        if self.path is not None:
            _try(self.path)
        elif sys.stdout is None:
            raise UsageError("cannot write to standard output: it is closed")
        terminal = self.path is None and self.stream.isatty()
        self.live = terminal
        self.colour = terminal and not os.environ.get("NO_COLOR")
        self.width = WIDTH if self.path is not None else _width(terminal=terminal)

    def say(self, text: str = "") -> None:
        """One text and the end of its line."""
        if self.path is not None:
            self.parts.append(f"{text}\n")
            return
        try:
            self.stream.write(f"{text}\n")
            self.stream.flush()
        except BrokenPipeError:
            _silence(self.stream)
            raise SystemExit(BROKEN_PIPE) from None
        except OSError as error:
            _silence(self.stream)
            raise UsageError(f"cannot write to standard output: {error.strerror}") from None

    def head(self, text: str) -> None:
        """A line that stands out on a terminal."""
        self.say(click.style(text, bold=True) if self.colour else text)

    def json(self, data: Mapping[str, object]) -> None:
        """An object, the same text for the same data."""
        self.say(json.dumps(data, indent=1, sort_keys=True))

    def close(self) -> None:
        """Write the file, if there is one."""
        if self.path is None:
            return
        try:
            _replace(self.path, "".join(self.parts))
        except OSError as error:
            raise _unwritable(self.path, error) from None


def _width(*, terminal: bool) -> int:
    """What COLUMNS says, if that is sane; else the terminal's own width, if it is one."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and WIDTH_MIN <= int(said) <= WIDTH_MAX:
        return int(said)
    if not terminal:
        return WIDTH
    return max(shutil.get_terminal_size().columns, WIDTH_MIN)


def _replace(path: Path, text: str) -> None:
    if _special(path):
        path.write_text(text, encoding="utf-8")
        return
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(mode)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _try(path: Path) -> None:
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


def _silence(stream: TextIO) -> None:
    """Nobody reads any more: what is still buffered must not fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
