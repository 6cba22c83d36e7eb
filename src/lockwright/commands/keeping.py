"""What happens beside an exploration: a checkpoint now and then, and an interrupt in due time."""

from __future__ import annotations

import signal
from pathlib import Path
from time import monotonic
from types import FrameType, TracebackType
from typing import Self

import click

from lockwright.checkpoint import Checkpoint, checkpoint_text, read_checkpoint
from lockwright.commands.files import check_apart, replace_file, try_file
from lockwright.core.errors import UsageError
from lockwright.session import Session


class Keeper:
    """Writes an exploration down every so many seconds, at its bound and when it is left.

    Invariant: the file holds a whole checkpoint, or was never written.
    """

    def __init__(self, path: Path, every: float, session: Session) -> None:
        self.path = path
        self.every = every
        self.session = session
        self.next = monotonic() + every
        self.warned = False

    def tell(self) -> None:
        """An execution has ended."""
        last = self.session.result.executions == self.session.options.executions
        if last or monotonic() >= self.next:
            self.save()

    def save(self) -> None:
        """Write the file now, if what there is to write is whole.

        A disk that is full does not end a search; what was written before is kept.
        """
        if not self.session.settled:
            return
        try:
            replace_file(self.path, checkpoint_text(self.session))
        except UsageError as error:
            if not self.warned:
                click.echo(f"lockwright: {error}; the exploration goes on", err=True)
            self.warned = True
        self.next = monotonic() + self.every


def load_checkpoint(name: str) -> Checkpoint:
    """The checkpoint in a file.  Raises UsageError that names the file."""
    try:
        return read_checkpoint(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UsageError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, UnicodeDecodeError):
            said = "it is no text"
        raise UsageError(f"cannot resume from {name}: {said}") from None


def checkpoint_path(name: str | None, resume: str | None) -> Path | None:
    """Where to write checkpoints.  Raises UsageError if nothing can be written there, or if that
    would overwrite what is not taken up."""
    name = resume if name is None else name
    if name is None:
        return None
    path = Path(name)
    if not name:
        raise UsageError("cannot write the checkpoint: the name of the file is empty")
    if path.is_file() and (resume is None or path.resolve() != Path(resume).resolve()):
        raise UsageError(
            f"{name} is there already: go on with --resume {name}, or remove it to begin anew"
        )
    check_apart(path)
    try_file(path)
    return path


class Interrupts:
    """Ctrl-C ends an exploration between two executions; the second one, at once.

    Where somebody else handles the signal, or ignores it, that stays as it is.
    """

    def __init__(self) -> None:
        self.asked = False
        self.ours = False

    def __enter__(self) -> Self:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._ask)
                self.ours = True
            except ValueError:  # not in the main thread: there is no Ctrl-C here
                self.ours = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self.ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def tell(self) -> None:
        """Between two executions.  Raises KeyboardInterrupt if that was asked for."""
        if self.asked:
            raise KeyboardInterrupt
