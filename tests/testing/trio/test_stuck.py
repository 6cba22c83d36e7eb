"""Programs that get stuck: what is said of them, and that the run ends all the same."""

from __future__ import annotations

import gc

import pytest
import trio
import trio.testing

from lockwright.core.result import Result, Verdict
from lockwright.testing.trio import check, replay


def kinds(result: Result) -> list[str]:
    return [finding.kind for finding in result.findings]


async def limited() -> None:
    """One has the only token and waits for a semaphore, which nobody releases."""
    tokens, empty = trio.CapacityLimiter(1), trio.Semaphore(0)

    async def take() -> None:
        async with tokens:
            await empty.acquire()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        nursery.start_soon(take)


def test_every_task_is_listed_with_what_it_waits_in_and_who_holds_it() -> None:
    (finding,) = check(limited, strategy="every").findings
    first = limited.__code__.co_firstlineno
    place = f"take, test_stuck.py:{first + 6}"
    parent = f"limited, test_stuck.py:{first + 8}"
    assert finding.kind == "deadlock"
    assert finding.lines == (
        f"  limited waits at the end of nursery ({parent}) since step 0",
        "    for take:2, take:3",
        f"  take:2 waits in Semaphore.acquire ({place}) since step 2",
        "    its value is 0",
        f"  take:3 waits in CapacityLimiter.acquire (take, test_stuck.py:{first + 5}) since step 3",
        "    held by take:2",
    )


def test_a_ring_of_three_locks_is_named_whole() -> None:
    async def dine() -> None:
        forks = [trio.Lock() for _ in range(3)]

        async def philosopher(seat: int) -> None:
            async with forks[seat], forks[(seat + 1) % 3]:
                pass

        async with trio.open_nursery() as nursery:
            for seat in range(3):
                nursery.start_soon(philosopher, seat)

    (finding,) = check(dine, executions=200).findings
    assert finding.kind == "deadlock"
    assert finding.message.count("waits for a Lock that philosopher:") == 3
    # One stops with its fork; who sits on its right takes one and waits for it; so does the third.
    assert (finding.preemptions, finding.minimal) == (1, True)


def test_a_notify_that_somebody_heard_was_not_lost() -> None:
    async def program() -> None:
        changed = trio.Condition()

        async def wait_twice() -> None:
            async with changed:
                await changed.wait()
                await changed.wait()

        async def notify() -> None:
            await trio.testing.wait_all_tasks_blocked()
            async with changed:
                changed.notify()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_twice)
            nursery.start_soon(notify)

    assert kinds(check(program, strategy="every")) == ["nursery leak"]


def test_a_task_that_was_notified_waits_for_the_lock_of_the_condition() -> None:
    async def program() -> None:
        changed = trio.Condition()

        async def wait() -> None:
            async with changed:
                await changed.wait()

        async def notify() -> None:
            await trio.testing.wait_all_tasks_blocked()
            async with changed:
                changed.notify()
                await trio.sleep_forever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(notify)

    (finding,) = check(program).findings
    assert finding.kind == "deadlock"
    assert "wait waits in Condition.wait, for its Lock (" in finding.message
    assert "    held by notify" in finding.lines


def test_a_task_that_waits_for_a_ring_is_no_part_of_it() -> None:
    async def program() -> None:
        first, second = trio.Lock(), trio.Lock()

        async def outside() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await first.acquire()

        async def take(one: trio.Lock, two: trio.Lock) -> None:
            async with one, two:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(outside)
            nursery.start_soon(take, first, second)
            nursery.start_soon(take, second, first)

    (finding,) = check(program, strategy="every", attempts=0).findings
    assert finding.message.count(" waits for a Lock that take:") == 2
    assert "outside" not in finding.message
    assert any(line.startswith("  outside waits in Lock.acquire") for line in finding.lines)


def test_who_waits_alone_is_in_a_deadlock() -> None:
    async def program() -> None:
        await trio.Event().wait()

    assert kinds(check(program)) == ["deadlock"]


def test_a_place_is_in_the_programs_innermost_function_also_where_trio_calls_it() -> None:
    class Slow(trio.abc.ReceiveChannel[int]):
        async def receive(self) -> int:
            await trio.sleep(float("inf"))
            return 1

        async def aclose(self) -> None:
            pass

    async def program() -> None:
        async for _ in Slow():
            pass

    (finding,) = check(program).findings
    assert "program waits in sleep (receive, " in finding.message


def test_a_ring_goes_through_the_lock_of_a_condition() -> None:
    async def program() -> None:
        changed, other = trio.Condition(), trio.Lock()

        async def one() -> None:
            async with changed, other:
                pass

        async def two() -> None:
            async with other, changed:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(two)

    (finding,) = check(program, strategy="every").findings
    assert finding.message.startswith("deadlock: one waits for a Lock that two holds (")
    assert "; two waits for a Lock that one holds (" in finding.message


def test_a_parking_lot_forgets_an_unpark_that_comes_too_soon() -> None:
    async def program() -> None:
        lot = trio.lowlevel.ParkingLot()

        async def wake() -> None:
            lot.unpark_all()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake)
            nursery.start_soon(lot.park)

    (finding,) = check(program, strategy="every").findings
    assert finding.kind == "lost wakeup"
    assert finding.message.startswith(
        "lost wakeup: park waits in ParkingLot.park (park) since step 2; ParkingLot.unpark_all "
        "found nobody waiting at step 1 (wake, test_stuck.py:"
    )


def test_an_event_is_put_in_the_place_of_another_in_a_variable_too() -> None:
    async def program() -> None:
        event = trio.Event()

        async def ring() -> None:
            nonlocal event
            event.set()
            event = trio.Event()

        async def wait() -> None:
            await event.wait()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring)
            nursery.start_soon(wait)

    (finding,) = check(program, strategy="every").findings
    assert "the Event that stood in its place was set at step 1 (ring, " in finding.message


def test_an_event_that_is_set_elsewhere_has_no_part_in_a_wait() -> None:
    async def program() -> None:
        one, two = trio.Event(), trio.Event()

        async def ring() -> None:
            one.set()

        async def wait() -> None:
            await two.wait()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ring)
            nursery.start_soon(wait)

    assert kinds(check(program, strategy="every")) == ["nursery leak"]


def test_two_tasks_that_wait_for_an_event_each_are_no_leak() -> None:
    async def program() -> None:
        one, two = trio.Event(), trio.Event()

        async def pass_on(mine: trio.Event, other: trio.Event) -> None:
            await mine.wait()
            other.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pass_on, one, two)
            nursery.start_soon(pass_on, two, one)

    assert kinds(check(program)) == ["deadlock"]


def test_workers_that_wait_for_one_event_are_a_leak() -> None:
    async def program() -> None:
        stop = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop.wait)
            nursery.start_soon(stop.wait)

    (finding,) = check(program).findings
    assert finding.kind == "nursery leak"
    assert finding.message.startswith("nursery leak: program waits for a nursery that does not end")


def test_streams_in_memory_are_trios_own() -> None:
    async def program() -> bytes:
        left, right = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(left.send_all, b"x")
            return bytes(await right.receive_some(1))

    assert set(check(program, strategy="every").outcomes) == {"b'x'"}


def test_a_sender_that_nobody_receives_from_is_in_a_deadlock() -> None:
    async def program() -> None:
        sending, _receiving = trio.open_memory_channel[int](1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sending.send, 1)
            nursery.start_soon(sending.send, 2)

    (finding,) = check(program).findings
    assert finding.kind == "deadlock"
    assert "    1 of 1 places are taken; receive channels still open: 1" in finding.lines


async def shielded() -> None:
    with trio.CancelScope(shield=True):
        await trio.Event().wait()


def test_what_is_shielded_is_cancelled_all_the_same() -> None:
    seen: list[str] = []

    async def program() -> None:
        try:
            await shielded()
        except trio.Cancelled:
            seen.append("cancelled")
            raise

    check(program, attempts=0)
    assert set(seen) == {"cancelled"}


async def unwilling() -> None:
    """Whoever cancels it is not heard."""
    while True:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            continue


async def unwilling_among_others() -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(unwilling)
        nursery.start_soon(shielded)


async def slow_to_leave() -> None:
    try:
        await trio.sleep_forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(3)


@pytest.mark.parametrize("program", [shielded, unwilling, unwilling_among_others, slow_to_leave])
@pytest.mark.filterwarnings("error")
def test_a_stuck_run_is_ended_whatever_the_program_does_about_it(program: object) -> None:
    assert callable(program)
    result = check(program)
    assert (result.verdict, result.deadlocked) == (Verdict.VIOLATED, 1)
    assert replay(program, result.findings[0].token).findings[0].message == (
        result.findings[0].message
    )
    gc.collect()  # what an abandoned coroutine has to say, it would say now
    assert trio.run(trio.lowlevel.checkpoint) is None


async def spin() -> None:
    while True:
        await trio.lowlevel.checkpoint()


def test_a_program_that_goes_on_for_ever_is_told_with_the_tasks_that_do() -> None:
    async def program() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spin)

    result = check(program, steps_max=50)
    (finding,) = result.findings
    assert finding.kind == "endless"
    assert finding.message == (
        "endless: after 50 steps as they came and as many with the tasks taking turns, the program "
        "still runs: spin"
    )
    assert replay(program, finding.token).findings[0].message == finding.message


def test_a_wait_in_a_loop_is_not_endless_if_the_others_end_it() -> None:
    async def program() -> None:
        done: list[int] = []

        async def work() -> None:
            await trio.sleep(1)
            done.append(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            while not done:
                await trio.lowlevel.checkpoint()

    result = check(program, strategy="every", steps_max=20, executions=30)
    assert result.findings == []
    assert not result.complete  # what came after so many steps was not searched


def test_two_siblings_that_fail_are_two_findings() -> None:
    async def program() -> None:
        async def fail(error: Exception) -> None:
            raise error

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail, ValueError("one"))
            nursery.start_soon(fail, KeyError("two"))

    result = check(program, strategy="every", keep_going=True)
    assert sorted(finding.message for finding in result.findings) == [
        "KeyError: 'two'",
        "ValueError: one",
    ]


def test_an_address_in_a_message_does_not_make_it_another_one() -> None:
    async def program() -> None:
        raise ValueError(f"not {object()}\nbut so")

    (finding,) = check(program).findings
    assert finding.message == "ValueError: not <object object>"
    assert finding.lines[0] == "  but so"


def test_a_search_can_go_on_after_the_first_finding() -> None:
    async def program() -> str:
        seen: list[int] = []

        async def add(number: int) -> None:
            seen.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(add, number)
        assert seen[0] != 1, "one is first"
        assert seen[0] != 2, "two is first"
        return "zero is first"

    first = check(program, strategy="every")
    every = check(program, strategy="every", keep_going=True)
    assert len(first.findings) == 1
    assert {finding.message: finding.executions for finding in every.findings} == {
        "AssertionError: one is first": 2,
        "AssertionError: two is first": 2,
    }
    assert (every.executions, every.complete, every.outcomes) == (6, True, {"'zero is first'": 2})
