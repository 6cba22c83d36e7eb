"""The file that a scope is written down in, a line for each program that is done."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic
from typing import BinaryIO

import click

from lockwright.commands.files import replace_file
from lockwright.core.errors import UsageError
from lockwright.scope.journal import Journal, telling_line
from lockwright.scope.result import Telling


class Ledger:
    """Appends what each program gave, at once; a kill loses no program that was done.

    Every so many seconds the file is put on its disk, so that a crash of the machine loses no more
    than what was done since.  A disk that is full does not end the exploration: what could not be
    appended is written with all the rest when that works again.
    Invariant: the file holds the first line, and whole lines after it but for the last.
    """

    def __init__(self, path: Path, every: float, head: str, journal: Journal | None) -> None:
        self.path = path
        self.every = every
        known = journal.tellings.values() if journal is not None else ()
        self.lines = [head, *map(telling_line, known)]
        self.file: BinaryIO | None = None
        self.next = monotonic() + every
        self.warned = False

    def begin(self) -> None:
        """Write what is known by now.  Raises UsageError if that cannot be done."""
        replace_file(self.path, self._text())
        self.file = self.path.open("ab", buffering=0)

    def keep(self, telling: Telling) -> None:
        """A program is done."""
        line = telling_line(telling)
        self.lines.append(line)
        try:
            if self.file is not None:
                self._append(self.file, f"{line}\n".encode())
            elif monotonic() >= self.next:
                self._again()
        except OSError as error:
            self._failed(f"cannot write {self.path}: {error.strerror}")

    def close(self) -> None:
        """Write what is missing."""
        if self.file is None:
            self._again()
        if self.file is not None:
            self.file.close()

    def _append(self, file: BinaryIO, line: bytes) -> None:
        if file.write(line) != len(line):
            raise OSError(0, "only a part of a line was written")
        if monotonic() >= self.next:
            os.fsync(file.fileno())
            self.next = monotonic() + self.every

    def _again(self) -> None:
        self.next = monotonic() + self.every
        try:
            self.begin()
        except UsageError as error:
            self._failed(str(error))

    def _failed(self, said: str) -> None:
        """Nothing is appended to what may end within a line."""
        if self.file is not None:
            self.file.close()
            self.file = None
        self.next = monotonic() + self.every
        if not self.warned:
            click.echo(f"lockwright: {said}; the exploration goes on", err=True)
        self.warned = True

    def _text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)
