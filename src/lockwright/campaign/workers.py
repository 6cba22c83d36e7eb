"""The engine of one machine: worker processes that are supervised with trio.

Each process has one piece at a time, so that the piece that it dies of, or that it has for too
long, is known.  It has a session and a process group of its own: Ctrl-C on the terminal does not
reach it, and to kill it is to kill all that its model has started.  `worker.py` is what it runs.

Order of reading: `LocalEngine`, `Supervised` (one process after another), `Child`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from json import loads
from pathlib import Path

import trio

import lockwright
from lockwright.campaign.engine import Site
from lockwright.campaign.piece import DIED, LATE, MEMORY, Ended, Failure, Piece
from lockwright.campaign.worker import EXPLORER, LENGTH, packed
from lockwright.core.errors import UsageError
from lockwright.core.location import Value

START_S = 120.0
"""A project that is not loaded after so long is refused."""
STARTS_MAX, STARTS_AGAIN_MAX = 10, 200
"""So many processes in a row that are killed while they load the project, and no more are started:
before one has loaded it, and when others are killed later, which is hardly the project's doing."""
GRACE_S = 1.0
"""A process that is to be ended may still say, for so long, what it was about to say."""
SAID_MAX = 4096
CHUNK = 2**16


class LocalEngine:
    """So many processes on this machine; each that is lost is replaced."""

    name = "local"

    def __init__(self, site: Site, workers: int, *, explorer: str = EXPLORER) -> None:
        if workers < 1:
            raise UsageError(f"{workers} workers: expected 1 or more")
        self.site = site
        self.workers = workers
        self.crew = [
            Supervised(site, who=f"worker {number}", explorer=explorer)
            for number in range(1, workers + 1)
        ]

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        """Explore until there is nothing more to explore.

        Raises UsageError if the project cannot be loaded, or is not of the site's version.
        """
        refused: UsageError | None = None
        try:
            async with trio.open_nursery() as nursery:
                for worker in self.crew:
                    nursery.start_soon(_serve, worker, todo, done)
        except* UsageError as group:
            refused = _first(group)
        if refused is not None:
            raise refused


async def _serve(
    worker: Supervised,
    todo: trio.MemoryReceiveChannel[Piece],
    done: trio.MemorySendChannel[Ended],
) -> None:
    try:
        await worker.start()
        async for piece in todo:
            await done.send(await worker.explore(piece))
    finally:
        await worker.aclose()


def _first(group: BaseExceptionGroup[UsageError]) -> UsageError:
    error: UsageError | BaseExceptionGroup[UsageError] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Supervised:
    """A process that explores pieces, one at a time, and another one whenever it is lost.

    It is bound to no run of trio: one thread can use it in one `trio.run` after the other, and ends
    it with `trio.run(supervised.aclose)`.  It also ends with this process.

    Invariant: `child` is None or was made by `start`, and has no piece unless `explore` is
    running.  `loaded`: a process has loaded the project.
    """

    def __init__(self, site: Site, *, who: str = "", explorer: str = EXPLORER) -> None:
        self.site = site
        self.who = who
        self.explorer = explorer
        self.child: Child | None = None
        self.loaded = False

    @property
    def pid(self) -> int | None:
        """Of the process that is there now, and that nobody has seen dead."""
        if self.child is None or self.child.process.poll() is not None:
            return None
        return self.child.process.pid

    async def start(self) -> None:
        """Have a process that has loaded the project.

        Raises UsageError if it cannot be started, or refuses to serve.
        """
        if self.pid is not None:
            return
        most, how = STARTS_MAX if not self.loaded else STARTS_AGAIN_MAX, ""
        for _ in range(most):
            await self.aclose()
            try:
                how = await self._start()
            except BaseException:
                await self.aclose()
                raise
            if not how:
                self.loaded = True
                return
        raise UsageError(f"{most} processes died as they loaded the project: {how}")

    async def _start(self) -> str:
        """Start a process; returns by which signal it died, if one killed it."""
        site = self.site
        root = Path(site.root).absolute()
        self.child = child = await _open(root)
        answer = await child.ask(
            {
                "root": str(root),
                "version": site.version,
                "memory_mb": site.limits.memory_mb,
                "seconds": site.limits.seconds,
                "explorer": self.explorer,
            },
            START_S,
        )
        if answer is None:
            code = await child.end(patient=True)
            self.child = None
            if code is not None and code < 0:
                return _how(code)
            how = f"not after {START_S:g} s" if code is None else _how(code)
            raise UsageError(f"a process could not load the project: {how}{child.last_words}")
        if "refused" in answer:
            raise UsageError(str(answer["refused"]))
        return ""

    async def explore(self, piece: Piece) -> Ended:
        """Have a piece explored, once: what was found, or why it was not.

        Raises UsageError as `start` does.
        """
        await self.start()
        child, limits = self.child, self.site.limits
        assert child is not None
        begun = trio.current_time()
        try:
            answer = await child.ask(piece.as_json(), limits.seconds)
            seconds = trio.current_time() - begun
            child.pieces += 1
            if answer is not None and "told" in answer:
                return Ended(piece, answer["told"], None, seconds, self.who)
            if answer is None:
                failure = await self._lost(child, seconds)
            else:
                failure = Failure(*answer["failure"])
        except BaseException:
            await self.aclose()
            raise
        if failure.kind == MEMORY:
            await self.aclose()  # who knows what is left of its heap
            if child.pieces > 1:  # it may be those before that have taken the memory
                return await self.explore(piece)
            failure = Failure(MEMORY, f"wanted more than {limits.memory_mb} MB")
        return Ended(piece, None, failure, seconds, self.who)

    async def _lost(self, child: Child, seconds: float) -> Failure:
        """A process has not answered: why not."""
        most = self.site.limits.seconds
        late = seconds >= most
        code = await child.end(patient=not late)
        self.child = None
        if late:
            return Failure(LATE, f"took more than {most:g} s")
        return Failure(DIED, "what it said was no answer" if code is None else _how(code))

    async def aclose(self) -> None:
        """End the process, if there is one: it is gone when this returns, even when cancelled."""
        child, self.child = self.child, None
        if child is not None:
            await child.end(patient=False)


async def _open(root: Path) -> Child:
    command = [sys.executable, "-P", "-m", "lockwright.campaign.worker"]
    try:
        with trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=root,
                env=_environment(),
                start_new_session=True,
            )
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise UsageError(f"cannot start a worker process: {error.strerror}{where}") from None
    return Child(process)


def _environment() -> dict[str, str]:
    """As this process's, with this lockwright to be found wherever it was found here."""
    home = Path(lockwright.__file__).absolute().parent.parent
    if home.name in ("site-packages", "dist-packages"):
        return dict(os.environ)
    paths = [str(home), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _how(code: int) -> str:
    """How a process has ended: `SIGKILL`, `exit status 3`."""
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


class Child:
    """One process, and the messages to it and from it.

    `pieces` counts those that it was given; `said` is the end of its standard error.
    """

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr
        self.pieces = 0
        self.said = b""
        self._received = bytearray()

    async def ask(self, message: Value, seconds: float) -> Value:
        """The answer to a message; None if there was none in so many seconds, or none comes.

        What has come when the time is over, or when the process has died, still counts.
        """
        answer: Value = None
        data = packed(message)

        async def talk() -> None:
            nonlocal answer
            with suppress(trio.BrokenResourceError):
                await self.stdin.send_all(data)
            answer = await self._answer()
            nursery.cancel_scope.cancel()

        async def watch() -> None:
            await self.process.wait()
            nursery.cancel_scope.cancel()

        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(talk)
                nursery.start_soon(watch)
                nursery.start_soon(self._hear)
        if answer is None:
            with trio.move_on_after(GRACE_S):
                answer = await self._answer()
        return answer

    async def _answer(self) -> Value:
        """The next message; None if there is none any more, or what comes is none."""
        received = self._received
        while True:
            end = LENGTH.size
            if len(received) >= end:
                end += LENGTH.unpack_from(received)[0]
                if len(received) >= end:
                    try:
                        answer = loads(bytes(received[LENGTH.size : end]))
                    except ValueError:  # the model has found our pipe, and written to it
                        return None
                    del received[:end]
                    return answer
            chunk = await self.stdout.receive_some(CHUNK)
            if not chunk:
                return None
            received += chunk

    async def _hear(self) -> None:
        """What it says while it loads the project: nobody may be kept waiting because of it."""
        while chunk := await self.stderr.receive_some(CHUNK):
            self.said = (self.said + chunk)[-SAID_MAX:]

    @property
    def last_words(self) -> str:
        """`: the last line that it said`"""
        lines = self.said.decode(errors="replace").split("\n")
        return next((f": {line.strip()}" for line in reversed(lines) if line.strip()), "")

    async def end(self, *, patient: bool) -> int | None:
        """Kill it and whatever it has started, and wait until it is gone; returns its exit status.

        None if it had to be killed.  One who is patient first sees whether it ends by itself.
        """
        with trio.CancelScope(shield=True):
            if patient:
                with trio.move_on_after(GRACE_S):
                    await self.process.wait()
                    await self._hear()
            code = self.process.poll()
            _kill(self.process)
            await self.process.wait()
            for stream in (self.stdin, self.stdout, self.stderr):
                await stream.aclose()
        return code


def _kill(process: trio.Process) -> None:
    """Kill a process and its group; there may be a group when the process is gone."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)


__all__ = ["LocalEngine", "Supervised"]
