"""A process that explores pieces: `python -m lockwright.campaign.worker`, started by `workers.py`.

What it is told, it is told on its standard input, and it answers each message with one on what was
its standard output.  A message is its length, 8 bytes with the highest first, and that many bytes
of JSON:

    {"root": PATH, "version": VERSION, "memory_mb": N, "seconds": S, "explorer": MODULE:ATTRIBUTE}
        ──► {"version": VERSION} or {"refused": TEXT}
    Piece.as_json(), any number of times
        ──► {"told": ...} or {"failure": [KIND, TEXT]}

The first message is answered when the project is loaded.  When its standard input ends, so does the
process, at once, whatever it is doing: who gave the work is dead, however it died.

What a model prints goes nowhere, and what it reads is empty, so that neither can do any harm here.

Order of reading: `main`, `_begin` (the first message), `_answer` (a piece).
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import signal
import struct
import traceback
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO, Protocol

from lockwright.campaign.limits import limit_memory
from lockwright.campaign.piece import ERROR, MEMORY, Piece
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.location import Value
from lockwright.project import load_project, place_of_error, shown_error

EXPLORER = "lockwright.campaign.explored:Explorer"
LENGTH = struct.Struct(">Q")
ORPHAN_S = 60.0
"""A piece that has taken so much longer than it may, and that nobody ended, ends its process."""
ORPHAN_MAX_S = 1e6
"""No clock is set for longer than this."""
CAUSES_MAX = 100
"""So far back it is asked what an exception comes from."""


class Explores(Protocol):
    """What `explored.Explorer` is; tests have others."""

    def explore(self, piece: Piece) -> Value:
        """What was found, as JSON has it."""
        ...


def packed(message: Value) -> bytes:
    """A message as it goes through a pipe."""
    data = json.dumps(message, separators=(",", ":")).encode()
    return LENGTH.pack(len(data)) + data


TOO_MUCH = packed({"failure": [MEMORY, "MemoryError"]})
"""The answer that has to be there when there is no memory to make one."""


def main() -> None:
    """Answer messages until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever gave the work ends it
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _nowhere(0)
    os.dup2(2, 1)  # until it is loaded: what a project says as it fails is worth knowing
    inbox: SimpleQueue[bytes | None] = SimpleQueue()
    Thread(target=_listen, args=(source, inbox), daemon=True).start()
    told = json.loads(inbox.get() or b"{}")
    try:
        version, explorer = _begin(told)
    except (Exception, SystemExit) as error:
        said = str(error) if isinstance(error, LockwrightError) else shown_error(error)
        _send(sink, packed({"refused": said}))
        os._exit(0)
    _nowhere(1, 2)
    _send(sink, packed({"version": version}))
    while True:
        data = inbox.get()
        _watch(told["seconds"])
        answer = TOO_MUCH if data is None else _answer(explorer, data, Path(told["root"]))
        faulthandler.cancel_dump_traceback_later()
        _send(sink, answer)


def _nowhere(*descriptors: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in descriptors:
        os.dup2(null, descriptor)
    os.close(null)


def _listen(source: BinaryIO, inbox: SimpleQueue[bytes | None]) -> None:
    """Take in messages; None stands for one that there was no memory for."""
    while True:
        try:
            head = source.read(LENGTH.size)
            data = source.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
        except MemoryError:
            inbox.put(None)
            return
        if not data:
            os._exit(0)
        inbox.put(data)


def _send(sink: BinaryIO, message: bytes) -> None:
    try:
        sink.write(message)
        sink.flush()
    except OSError:  # nobody listens any more
        os._exit(0)


def _begin(told: Value) -> tuple[str, Explores]:
    """Load the project.  Raises UsageError if it is not the one that the campaign is of."""
    project = load_project(Path(told["root"]))
    if project.version != told["version"]:
        raise UsageError(
            "the model is not the one that the campaign is of\n"
            f"expected: {told['version']}\ngot: {project.version}"
        )
    module, _, attribute = told["explorer"].partition(":")
    make: Callable[[Value], Explores] = getattr(importlib.import_module(module), attribute)
    explorer = make(project)
    limit_memory(told["memory_mb"])
    return project.version, explorer


def _watch(seconds: float) -> None:
    """See to it that the process ends if the piece does not and nobody is there to end it.

    A model that never lets go of the interpreter keeps `_listen` from doing so.
    """
    if seconds < ORPHAN_MAX_S:
        faulthandler.dump_traceback_later(seconds + ORPHAN_S, exit=True)


def _answer(explorer: Explores, data: bytes, root: Path) -> bytes:
    try:
        return packed({"told": explorer.explore(Piece.from_json(json.loads(data)))})
    except BaseException as error:  # a model may raise anything
        if _of_memory(error):
            return TOO_MUCH
        return packed({"failure": [ERROR, _failure(error, root)]})


def _of_memory(error: BaseException) -> bool:
    """Is a MemoryError what it comes from?"""
    cause: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if cause is None or isinstance(cause, MemoryError):
            break
        cause = cause.__cause__ or cause.__context__
    return isinstance(cause, MemoryError)


def _failure(error: BaseException, root: Path) -> str:
    """What was raised, and where in the project; if nowhere there, in which file."""
    place = "" if isinstance(error, UsageError) else place_of_error(error, root)
    frames = traceback.extract_tb(error.__traceback__)
    if not place and frames and not isinstance(error, LockwrightError):
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
    return shown_error(error) + place


if __name__ == "__main__":
    main()
