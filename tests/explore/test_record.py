"""What is written down of an execution along a schedule, and where the schedule stops fitting."""

from __future__ import annotations

from lockwright.core.schedule import Choice, mark
from lockwright.core.world import World
from lockwright.explore.record import record
from lockwright.explore.run import Run
from lockwright.kernel.mutex import Mutex
from tests.explore.making import making
from tests.explore.planting import dice, planted


def two_orders(world: World, *, gate: bool = False, names: str = "AB") -> None:
    """Two mutexes in two orders, perhaps under a third one."""
    a, b, g = Mutex(world, names[0]), Mutex(world, names[1]), Mutex(world, "gate")

    async def worker(first: Mutex, second: Mutex) -> None:
        if gate:
            await g.lock()
        await first.lock()
        await second.lock()
        world.report(planted("both", "held"))
        await second.unlock()
        await first.unlock()
        if gate:
            await g.unlock()

    world.spawn(worker(a, b), "one")
    world.spawn(worker(b, a), "two")


PLAIN = making(two_orders)
GATED = making(lambda world: two_orders(world, gate=True))
RENAMED = making(lambda world: two_orders(world, names="AC"))
ONE: list[Choice] = [(0, 0)] * 4


def always(run: Run) -> bool:
    return True


def broken(run: Run) -> bool:
    return bool(run.world.findings)


def test_without_a_stop_an_execution_goes_on_to_its_end() -> None:
    ended: list[World] = []
    done = record(PLAIN, ONE[:1], ended.append)
    assert [event.step for event in done.events] == list(range(8))
    assert (len(ended), done.stopped, done.misfit, done.fits) == (1, False, "", 1)


def test_it_stops_with_the_schedule_if_that_was_all_there_is_to_see() -> None:
    ended: list[World] = []
    done = record(PLAIN, ONE[:2], ended.append, stop=broken)
    assert [event.text for event in done.events] == ["mutex_lock(A)", "mutex_lock(B)"]
    assert (ended, done.stopped) == ([], True)
    # before the finding there is more to see
    assert not record(PLAIN, ONE[:1], stop=broken).stopped


def test_who_waits_when_it_stops_is_not_said_to_wait_for_ever() -> None:
    schedule = [(0, 0), (0, 0)]
    stopped = record(GATED, schedule, stop=always)
    assert [event.kind for event in stopped.events] == ["mutex_lock", "mutex_lock"]
    ended = record(PLAIN, [(0, 0), (1, 0)], stop=always)
    assert [event.kind for event in ended.events] == ["mutex_lock"] * 2 + ["blocked"] * 2


def test_marks_tell_what_each_step_of_the_schedule_did() -> None:
    done = record(PLAIN, ONE[:3])
    said = ["mutex_lock(A)", "mutex_lock(B)", "mutex_unlock(B)"]
    assert done.marks == "".join(mark(text) for text in said)
    again = record(PLAIN, ONE[:3], marks=done.marks)
    assert (again.difference, again.fits) == ("", 3)


def test_the_first_step_that_does_something_else_is_named_and_the_replay_goes_on() -> None:
    marks = record(PLAIN, ONE).marks
    done = record(RENAMED, ONE, marks=marks)
    assert done.difference == (
        "step 1, of one, is mutex_lock(C) now; it was something else when the token was made"
    )
    assert (done.fits, done.misfit, len(done.marks)) == (1, "", 4)


def test_a_task_that_waits_is_named_with_what_it_waits_in() -> None:
    done = record(GATED, [(1, 0), (0, 0)])
    assert done.misfit == (
        "the schedule does not fit the model: step 1 is for task 0 (one), which waits in "
        "mutex_lock(gate); only 1 (two) can run"
    )
    assert (done.fits, len(done.marks)) == (1, 1)


def test_a_task_that_has_ended_or_is_not_there_is_named_so() -> None:
    ended = record(PLAIN, [(0, 0)] * 5)
    assert ended.misfit.endswith(" is for task 0 (one), which has ended; only 1 (two) can run")
    missing = record(PLAIN, [(0, 0), (5, 0)])
    assert missing.misfit.endswith(" task 5, and there are 2; only 0 (one), 1 (two) can run")
    assert (ended.fits, missing.fits) == (4, 1)


def test_an_outcome_that_is_not_there_is_named() -> None:
    done = record(making(dice), [(0, 9)])
    assert done.misfit == "the schedule does not fit the model: step 0 takes outcome 9 of 6"
    assert (done.fits, done.marks) == (0, "")
    assert record(making(dice), [(0, 5)]).misfit == ""


def test_a_schedule_that_is_too_long_fits_as_far_as_it_goes() -> None:
    done = record(PLAIN, [(0, 0), (1, 0), (0, 0)])
    assert done.misfit == (
        "the schedule does not fit the model: it has 3 steps, and the execution ended after 2"
    )
    assert done.fits == 2
