"""Programs that cannot be judged, or that end in an unusual way: each is told for what it is."""

from __future__ import annotations

import signal
import threading
from unittest import SkipTest

import pytest
import trio

from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.testing.trio import check
from lockwright.testing.trio.__main__ import main


@pytest.mark.parametrize("strategy", ["random", "every"])
def test_a_failure_that_does_not_come_again_is_not_passed_over(strategy: str) -> None:
    runs: list[int] = []

    async def program() -> None:
        runs.append(0)
        assert len(runs) > 1, "once only"

    with pytest.raises(NondeterminismError, match="AssertionError: once only") as caught:
        check(program, strategy=strategy)
    assert "nothing was found" in str(caught.value)
    assert len(runs) == 2


def test_a_failure_in_a_longer_run_that_does_not_come_again_is_told_with_the_step() -> None:
    runs: list[int] = []

    async def wait() -> None:
        await trio.lowlevel.checkpoint()

    async def program() -> None:
        runs.append(0)
        async with trio.open_nursery() as nursery:
            for _ in range(2 if len(runs) == 1 else 0):
                nursery.start_soon(wait)
        assert len(runs) > 1, "once only"

    with pytest.raises(NondeterminismError, match="once only") as caught:
        check(program)
    # step 0 starts both; in the second run there is nobody but the program itself
    assert "step 1 was not possible" in str(caught.value)


def test_an_interrupt_is_heard_while_a_stuck_program_is_ended() -> None:
    async def program() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        check(program)


def test_an_interrupt_that_wakes_a_task_out_of_order_is_no_misfit() -> None:
    runs: list[int] = []

    async def interrupted() -> None:
        # Tasks of the system are protected, so that trio wakes the main task to tell it.
        signal.raise_signal(signal.SIGINT)

    async def program() -> None:
        runs.append(0)
        if len(runs) == 2:  # the run along a fixed schedule, in which a step too many is a misfit
            trio.lowlevel.spawn_system_task(interrupted)
        await trio.sleep_forever()

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        check(program)
    assert len(runs) == 2


def test_an_interrupted_search_says_what_it_had_found() -> None:
    runs: list[int] = []

    async def program() -> None:
        runs.append(0)
        if len(runs) > 6:
            raise KeyboardInterrupt
        raise ValueError("found before")

    with pytest.raises(KeyboardInterrupt, match="executions done: 3") as caught:
        check(program, executions=100, keep_going=True)
    [note] = caught.value.__notes__
    # each of the first three executions is run again, to be written down
    assert note.startswith(f"{__name__}:")
    assert "executions done: 3\n  ValueError: found before\n  replay: lw1~" in note


class Odd(BaseException):
    """No Exception."""


def test_what_a_program_raises_is_a_finding_whatever_its_base() -> None:
    async def odd() -> None:
        raise Odd("base")

    async def failed() -> None:
        pytest.fail("by hand")

    assert [finding.message for finding in check(odd).findings] == ["Odd: base"]
    assert [finding.message for finding in check(failed).findings] == ["Failed: by hand"]


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        SkipTest("not here"),
        pytest.skip.Exception("no"),
        pytest.exit.Exception("out"),
    ],
)
def test_what_ends_or_skips_a_test_does_so(error: BaseException) -> None:
    async def program() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise error

    with pytest.raises(type(error)):
        check(program)


def test_what_a_task_of_the_system_raises_is_told_as_it_is() -> None:
    async def system() -> None:
        raise ValueError("of the system")

    async def program() -> None:
        trio.lowlevel.spawn_system_task(system)
        await trio.sleep(1)

    [finding] = check(program, strategy="every").findings
    assert finding.message == "ValueError: of the system"
    assert any("system, test_misuse.py" in line for line in finding.lines)


def test_a_thread_that_may_still_wake_the_program_is_no_deadlock() -> None:
    go = threading.Event()

    async def program() -> None:
        thread = threading.Thread(target=go.wait, name="waker", daemon=True)
        thread.start()
        await trio.Event().wait()

    try:
        with pytest.raises(UsageError, match=r"a thread that it made still runs \(waker\)"):
            check(program)
    finally:
        go.set()


def test_a_thread_that_is_over_is_no_excuse_for_a_deadlock() -> None:
    async def program() -> None:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        await trio.Event().wait()

    assert [finding.kind for finding in check(program).findings] == ["deadlock"]


def test_the_command_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Exit status: 1 if something is found" in capsys.readouterr().out
