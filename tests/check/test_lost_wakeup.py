"""Lost wakeups: called so where it is certain, and told who came too early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lockwright.check.deadlock import Deadlock
from lockwright.check.held import HeldLocks
from lockwright.check.lostwakeup import Chronicle
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.lasso import LassoSearch
from lockwright.explore.plain import plain_search
from lockwright.explore.record import record
from lockwright.explore.run import Run
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable, wait_until
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event, wait_event_exclusive
from tests.core.test_snapshot import Box

Build = Callable[[World], None]


def findings(build: Build, searching: Callable[[Any], Any] = plain_search) -> list[Finding]:
    """What the rule says of each execution, in the order of the search."""
    held = HeldLocks()
    rule = Deadlock(held)

    def make(names: Names) -> World:
        world = World(names)
        held.begin(world)
        rule.begin(world)
        build(world)
        return world

    found = []
    for run in searching(make):
        assert isinstance(run, Run)
        if not run.world.enabled():
            rule.finish(run.world)
            for finding in run.world.findings:
                finding.schedule = tuple(run.schedule)
                found.append(finding)
        run.world.close()
    return found


def kinds(build: Build) -> dict[str, int]:
    counts: dict[str, int] = {}
    for finding in findings(build):
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return counts


def witnessed(build: Build, schedule: tuple[Choice, ...]) -> list[str]:
    """What a chronicle of one execution says."""
    chronicle = Chronicle()

    def make(names: Names) -> World:
        world = World(names)
        chronicle.begin(world)
        build(world)
        return world

    record(make, schedule, chronicle.finish)
    return chronicle.said


async def does(*operations: Operation) -> None:
    for operation in operations:
        await operation


def by_hand(world: World, *, looks_again: bool) -> None:
    """A task that looks, queues itself and sleeps."""
    queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")

    async def waiter() -> None:
        if not await READ_ONCE(ready):
            await queue.prepare_to_wait()
            if not looks_again or not await READ_ONCE(ready):
                await queue.schedule()
            await queue.finish_wait()

    async def waker() -> None:
        await WRITE_ONCE(ready, 1)
        await queue.wake_up()

    world.spawn(waiter(), "waiter")
    world.spawn(waker(), "waker")


def test_a_wakeup_between_the_look_and_the_sleep_is_lost() -> None:
    found = findings(lambda world: by_hand(world, looks_again=False))
    # looked, then both steps of the waker, then queued: one interleaving, no other blocks
    (finding,) = found
    assert finding.kind == "lost wakeup"
    assert finding.message == (
        "1 task waits for ever: waiter in schedule() on &wq; waker woke &wq in step 2, after "
        "waiter had looked and before it was queued, and it did not look again"
    )
    assert finding.schedule == ((0, 0), (1, 0), (1, 0), (0, 0))
    assert witnessed(lambda world: by_hand(world, looks_again=False), finding.schedule) == [
        "  waker changed what waiter waits for in step 1, by WRITE_ONCE(ready, 1)"
    ]


def test_looking_again_loses_none() -> None:
    assert findings(lambda world: by_hand(world, looks_again=True)) == []


def early(world: World) -> None:
    queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")

    async def waker() -> None:
        await queue.wake_up()
        await WRITE_ONCE(ready, 1)

    world.spawn(wait_event(queue, lambda: READ_ONCE(ready)), "waiter")
    world.spawn(waker(), "waker")


def test_a_condition_that_holds_while_its_waiter_sleeps_is_a_lost_wakeup() -> None:
    found = findings(early)
    assert {finding.kind for finding in found} == {"lost wakeup"}
    said_of = "what waiter waits for holds, and the last wakeup of &wq, by waker in step 0, reached"
    assert any(finding.message.endswith(f"; {said_of} nobody") for finding in found)
    for finding in found:
        (said,) = witnessed(early, finding.schedule)
        assert said.startswith("  waker changed what waiter waits for in step ")
        assert said.endswith(", by WRITE_ONCE(ready, 1), and nobody woke it after that")


def test_a_waiter_that_nobody_ever_woke_is_told_so() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        world.spawn(wait_event(queue, lambda: READ_ONCE(ready)), "waiter")
        world.spawn(does(WRITE_ONCE(ready, 1)), "setter")

    (message,) = {finding.message for finding in findings(build)}
    assert message == (
        "1 task waits for ever: waiter in schedule() on &wq; what waiter waits for holds, and "
        "there was no wakeup of &wq"
    )


def test_an_exclusive_sleeper_that_is_left_behind_is_a_lost_wakeup() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        for name in ("e1", "e2"):
            world.spawn(wait_event_exclusive(queue, lambda: READ_ONCE(ready)), name)
        world.spawn(does(WRITE_ONCE(ready, 1), queue.wake_up()), "waker")

    found = findings(build)
    assert {finding.kind for finding in found} == {"lost wakeup"}
    assert all("in step" in finding.message for finding in found)
    assert all(finding.message.endswith("reached 1") for finding in found)


def test_a_condition_that_never_comes_is_a_deadlock() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        world.spawn(wait_event(queue, lambda: READ_ONCE(ready)), "waiter")
        world.spawn(does(queue.wake_up()), "waker")

    found = findings(build)
    assert {finding.kind for finding in found} == {"deadlock"}
    assert all(";" not in finding.message for finding in found)
    assert any("reached nobody" in finding.lines[-1] for finding in found)
    assert any("reached 1" in finding.lines[-1] for finding in found)


def test_a_condition_that_would_do_something_is_not_asked() -> None:
    def build(world: World) -> None:
        queue, lock = WaitQueue(world, "&wq"), SpinLock(world, "lock")
        ready = Variable(world, 0, "ready")

        async def locked() -> bool:
            await lock.lock()
            value = bool(await READ_ONCE(ready))
            await lock.unlock()
            return value

        world.state = lock
        world.spawn(wait_event(queue, locked), "waiter")
        world.spawn(does(queue.wake_up(), WRITE_ONCE(ready, 1)), "waker")

    found = findings(build)
    assert {finding.kind for finding in found} == {"deadlock"}


def test_asking_uses_nothing_up() -> None:
    left = []

    def build(world: World) -> None:
        queue, done = WaitQueue(world, "&wq"), Completion(world, "done")

        async def used_up() -> bool:
            return bool(await done.try_wait_for_completion())

        left.append(done)
        world.spawn(wait_event(queue, used_up), "waiter")
        world.spawn(does(done.complete()), "other")

    found = findings(build)
    assert {finding.kind for finding in found} == {"deadlock"}
    assert sorted({done.value for done in left}) == [0, 1]
    assert sum(done.value for done in left) == len(found)


def test_a_condition_that_writes_a_field_is_no_proof() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        box = Box(world, "b")

        async def counted() -> bool:
            value = bool(await READ_ONCE(ready))
            box.content = 1
            return value

        world.spawn(wait_event(queue, counted), "waiter")
        world.spawn(does(WRITE_ONCE(ready, 1)), "setter")

    assert set(kinds(build)) == {"deadlock"}


@pytest.mark.parametrize("ordered", [True, False])
def test_a_wakeup_that_has_to_come_before_the_look_is_not_lost(ordered: bool) -> None:
    # not the order of one schedule decides, of which another strategy may show another, but
    # whether something makes the wakeup come first
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        woken = Variable(world, 0, "woken")

        async def waiter() -> None:
            if ordered:
                await wait_until(woken, bool)
            if not await READ_ONCE(ready):
                await queue.prepare_to_wait()
                await queue.schedule()

        async def waker() -> None:
            await queue.wake_up()
            await WRITE_ONCE(woken, 1)

        world.spawn(waiter(), "waiter")
        world.spawn(waker(), "waker")

    assert set(kinds(build)) == {"deadlock" if ordered else "lost wakeup"}


@pytest.mark.parametrize("signal", ["signal", "broadcast"])
def test_a_signal_between_the_lock_and_the_wait_is_lost(signal: str) -> None:
    def build(world: World) -> None:
        cond, mutex = CondVar(world, "cond"), Mutex(world, "m")

        async def waiter() -> None:
            await mutex.lock()
            await cond.wait(mutex)
            await mutex.unlock()

        world.spawn(waiter(), "waiter")
        world.spawn(does(getattr(cond, signal)()), "signaller")

    first, between = sorted(findings(build), key=lambda finding: -finding.schedule[0][0])
    # nothing makes it come before the lock, and so both are one trace
    assert (first.kind, first.schedule) == ("lost wakeup", ((1, 0), (0, 0), (0, 0)))
    assert (between.kind, between.schedule) == ("lost wakeup", ((0, 0), (1, 0), (0, 0)))
    assert between.message.endswith(
        "; signaller signalled cond in step 1, just before waiter waited"
    )


def test_a_signal_under_the_mutex_is_not_lost() -> None:
    def build(world: World) -> None:
        cond, mutex, ready = CondVar(world, "cond"), Mutex(world, "m"), Variable(world, 0, "ready")

        async def waiter() -> None:
            await mutex.lock()
            while not await READ_ONCE(ready):
                await cond.wait(mutex)
            await mutex.unlock()

        async def signaller() -> None:
            await mutex.lock()
            await WRITE_ONCE(ready, 1)
            await cond.signal()
            await mutex.unlock()

        world.spawn(waiter(), "waiter")
        world.spawn(signaller(), "signaller")

    assert findings(build) == []


def test_a_complete_that_is_taken_back_is_a_lost_wakeup() -> None:
    def build(world: World) -> None:
        done = Completion(world, "done")

        async def waiter() -> None:
            await done.wait_for_completion()

        async def other() -> None:
            await done.complete()
            await done.reinit_completion()

        world.spawn(waiter(), "waiter")
        world.spawn(other(), "other")

    (finding,) = findings(build)
    assert finding.kind == "lost wakeup"
    assert finding.message.endswith(
        "other called reinit_completion(done) in step 1, which took a complete() back before "
        "waiter could go on"
    )


def test_a_completion_that_nobody_completes_is_a_deadlock() -> None:
    def build(world: World) -> None:
        done = Completion(world, "done")

        async def waiter() -> None:
            await done.wait_for_completion()

        world.spawn(waiter(), "waiter")
        world.spawn(does(cpu_relax(), done.reinit_completion()), "other")

    assert kinds(build) == {"deadlock": 1}


@pytest.mark.parametrize("ordered", [True, False])
def test_a_waiter_that_has_to_come_after_reinit_has_missed_nothing(ordered: bool) -> None:
    def build(world: World) -> None:
        done = Completion(world, "done")

        async def waiter() -> None:
            if ordered:
                await wait_until(over, bool)
            await done.wait_for_completion()

        over = Variable(world, 0, "over")
        world.spawn(waiter(), "waiter")
        last = WRITE_ONCE(over, 1)
        world.spawn(does(done.complete(), done.reinit_completion(), last), "other")

    assert set(kinds(build)) == {"deadlock" if ordered else "lost wakeup"}


def test_who_waits_for_a_sleepers_lock_does_not_hide_the_lost_wakeup() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")
        mutex = Mutex(world, "m")

        async def waiter() -> None:
            await mutex.lock()
            await wait_event(queue, lambda: READ_ONCE(ready))
            await mutex.unlock()

        world.spawn(waiter(), "waiter")
        world.spawn(does(WRITE_ONCE(ready, 1), mutex.lock(), mutex.unlock()), "other")

    found = [finding for finding in findings(build) if "other" in finding.signature]
    assert {finding.kind for finding in found} == {"lost wakeup"}
    assert {finding.classes for finding in found} == {("m",)}


def test_a_cycle_of_locks_is_a_deadlock_whatever_else_was_lost() -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 1, "ready")
        a, b = Mutex(world, "A"), Mutex(world, "B")

        async def sleeper() -> None:
            await queue.prepare_to_wait()
            await queue.schedule(lambda: READ_ONCE(ready))

        async def task(first: Mutex, second: Mutex) -> None:
            await first.lock()
            await second.lock()
            await second.unlock()
            await first.unlock()

        world.spawn(sleeper(), "sleeper")
        world.spawn(task(a, b), "one")
        world.spawn(task(b, a), "two")

    found = findings(build)
    assert {finding.kind for finding in found if "one" in finding.signature} == {"deadlock"}
    assert {f.kind for f in found if "one" not in f.signature} == {"lost wakeup"}


def test_the_search_by_states_finds_the_same() -> None:
    for build in (early, lambda world: by_hand(world, looks_again=False)):
        plain = {(finding.kind, finding.signature) for finding in findings(build)}
        states = {(finding.kind, finding.signature) for finding in findings(build, LassoSearch)}
        assert plain == states != set()
