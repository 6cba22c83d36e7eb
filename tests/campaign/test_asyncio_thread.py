"""A coroutine of asyncio's is called from trio as if it were one of trio's."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import trio

from lockwright.campaign.asyncio_thread import asyncio_thread

MASK = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"


async def double(number: int) -> int:
    await asyncio.sleep(0)
    if number < 0:
        raise ValueError(f"{number} is negative")
    return 2 * number


def test_a_call_returns_what_the_coroutine_returns() -> None:
    async def main() -> list[int]:
        async with asyncio_thread() as call:
            return [await call(partial(double, number)) for number in range(5)]

    assert trio.run(main) == [0, 2, 4, 6, 8]
    assert not [thread for thread in threading.enumerate() if thread.name == "asyncio"]


def test_a_call_raises_what_the_coroutine_raises() -> None:
    async def main() -> None:
        async with asyncio_thread() as call:
            await call(partial(double, -1))

    with pytest.raises(ValueError, match="-1 is negative"):
        trio.run(main)


def test_calls_go_on_at_the_same_time() -> None:
    async def main() -> None:
        async with asyncio_thread() as call, trio.open_nursery() as nursery:
            both = asyncio.Barrier(2)
            nursery.start_soon(call, both.wait)
            nursery.start_soon(call, both.wait)

    trio.run(main)


@pytest.mark.parametrize("begun", [True, False])
def test_a_call_that_is_cancelled_has_ended_when_it_comes_back(*, begun: bool) -> None:
    said: list[str] = []

    async def forever() -> None:
        try:
            said.append("begun")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            said.append("ended")

    async def main() -> None:
        async with asyncio_thread() as call, trio.open_nursery() as nursery:
            nursery.start_soon(call, forever)
            while begun and not said:
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert said in ([["begun", "ended"]] if begun else [["begun", "ended"], []])


def test_what_a_cancelled_coroutine_raises_at_its_end_is_dropped() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("not now")

    async def main() -> None:
        async with asyncio_thread() as call:
            with trio.move_on_after(0.01):
                await call(stubborn)

    trio.run(main)


def test_a_process_that_is_started_there_does_not_hear_ctrl_c(tmp_path: Path) -> None:
    async def mask() -> str:
        done = await asyncio.to_thread(
            partial(subprocess.run, [sys.executable, "-c", MASK], capture_output=True, text=True)
        )
        return str(done.stdout)

    async def main() -> str:
        async with asyncio_thread() as call:
            return await call(mask)

    assert trio.run(main) == "True\n"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
