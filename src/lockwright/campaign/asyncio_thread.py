"""What is written for asyncio, called from trio: a thread in which an asyncio event loop runs.

    async with asyncio_thread() as call:
        answer = await call(partial(coroutine_function, argument))

A call that trio cancels is cancelled in the other loop too, and has ended there when `call` comes
back.  When the block ends, so does the thread.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from multiprocessing import resource_tracker
from queue import SimpleQueue
from typing import TypeVar

import trio

T = TypeVar("T")


class Caller:
    """Has coroutines run by the event loop of another thread, whose number is `ident`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        self.loop = loop
        self.ident = ident

    async def __call__(self, what: Callable[[], Coroutine[object, object, T]]) -> T:
        """What the coroutine returns; raises what it raises."""
        token, ended = trio.lowlevel.current_trio_token(), trio.Event()
        tasks: list[asyncio.Task[T]] = []

        def begin() -> None:
            task = self.loop.create_task(what())
            task.add_done_callback(lambda _: token.run_sync_soon(ended.set))
            tasks.append(task)

        def cancel() -> None:
            tasks[0].cancel()

        self.loop.call_soon_threadsafe(begin)
        try:
            await ended.wait()
        except trio.Cancelled:
            self.loop.call_soon_threadsafe(cancel)
            with trio.CancelScope(shield=True):
                await ended.wait()
            (task,) = tasks
            if not task.cancelled():
                task.exception()  # it counts as seen
            raise
        (task,) = tasks
        return task.result()


@asynccontextmanager
async def asyncio_thread() -> AsyncIterator[Caller]:
    """The thread.  Processes that are started in it do not hear Ctrl-C."""
    callers: SimpleQueue[Caller] = SimpleQueue()
    over = asyncio.Event()

    async def main() -> None:
        callers.put(Caller(asyncio.get_running_loop(), threading.get_ident()))
        await over.wait()

    def run() -> None:
        _deafen()
        asyncio.run(main())

    thread = threading.Thread(target=run, name="asyncio", daemon=True)
    thread.start()
    caller = callers.get()
    try:
        yield caller
    finally:
        caller.loop.call_soon_threadsafe(over.set)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.join)


def _deafen() -> None:
    """Block SIGINT in this thread, and so in the threads and processes that it starts.

    A terminal sends it to all processes of its foreground group, and who began them is to end them.
    Source: pthread_sigmask(3): "A new thread inherits a copy of its creator's signal mask";
    signal(7) has the same of execve(2).
    """
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # it would unblock SIGINT when it is first asked
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
