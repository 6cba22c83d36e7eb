"""Where a command's result goes: standard output, or a file that is replaced as a whole."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import click

from lockwright.commands.files import check_apart, replace_file, try_file
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
    a model that prints does not get between the lines.  The file is none of those that are `read`,
    and no campaign's store.
    """

    def __init__(self, path: str | None = None, *read: str | Path) -> None:
        if path == "":
            raise UsageError("cannot write the result: the name of the file is empty")
        self.stream: TextIO = sys.stdout
        self.path = None if path in (None, "-") else Path(str(path))
        self.parts: list[str] = []
        if self.path is not None:
            check_apart(self.path, read)
            try_file(self.path)
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
        if self.path is not None:
            replace_file(self.path, "".join(self.parts))


def _width(*, terminal: bool) -> int:
    """What COLUMNS says, if that is sane; else the terminal's own width, if it is one."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and WIDTH_MIN <= int(said) <= WIDTH_MAX:
        return int(said)
    if not terminal:
        return WIDTH
    return max(shutil.get_terminal_size().columns, WIDTH_MIN)


def _silence(stream: TextIO) -> None:
    """Nobody reads any more: what is still buffered must not fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
