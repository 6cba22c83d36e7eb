"""Tasklets and timers."""

from __future__ import annotations

import pytest

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.kernel.softirq import Tasklet, Timer
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.scenario import Scenario, scenario
from lockwright.session import explore


def outcomes(scenario: Scenario) -> set[str]:
    """What `world.state` says at the end of each execution."""

    def make(names: Names) -> World:
        world = World(names)
        scenario.set_up(world)
        return world

    found = set()
    for run in Dpor(make):
        assert not run.world.blocked()
        found.add(" ".join(run.world.state))
    return found


def test_a_tasklet_runs_once_for_being_scheduled_twice_unless_it_has_begun() -> None:
    @scenario("soft/test:tasklet")
    def build(world: World) -> None:
        said: list[str] = []
        world.state = said

        async def poll() -> None:
            said.append("ran")

        tasklet = Tasklet(world, "rx", poll)

        async def raiser() -> None:
            first = await tasklet.schedule()
            second = await tasklet.schedule()
            await tasklet.kill()
            said.append(f"{first} {second}")

        world.spawn(raiser(), "raiser")

    assert outcomes(build) == {"ran True False", "ran ran True True"}


def test_a_timer_that_was_deleted_runs_no_more_and_before_that_it_may_have_run() -> None:
    @scenario("soft/test:timer")
    def build(world: World) -> None:
        said: list[str] = []
        world.state = said

        async def expire() -> None:
            said.append("expired")

        timer = Timer(world, "&x->timer", expire)

        async def owner() -> None:
            await timer.mod()
            was_set = await timer.delete_sync()
            said.append(f"deleted {was_set}")

        world.spawn(owner(), "owner")

    assert outcomes(build) == {"deleted True", "expired deleted False"}


@pytest.mark.parametrize("anywhere", [False, True])
def test_waiting_for_a_timer_under_a_lock_that_it_takes_is_a_deadlock(anywhere: bool) -> None:
    @scenario("soft/test:delete_sync")
    def build(world: World) -> None:
        lock = SpinLock(world, "A")

        async def expire() -> None:
            await lock.lock()
            await lock.unlock()

        timer = Timer(world, "&x->timer", expire)

        async def owner() -> None:
            await timer.mod()
            await lock.lock_bh()
            await timer.delete_sync()
            await lock.unlock_bh()

        world.spawn(owner(), "owner")

    asked = build.with_parameters({"interrupts": "anywhere"}) if anywhere else build
    kinds = {each.kind for each in explore(asked, Options()).findings}
    assert "deadlock" in kinds
    assert "possible circular locking dependency" in kinds
