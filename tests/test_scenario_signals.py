"""The parameter `signals` that every scenario has: who is sent a signal at some time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.signal import Signals
from lockwright.scenario import Scenario, scenario
from lockwright.session import Options, explore

EINTR = -4


def _waits(world: World) -> None:
    lock = Mutex(world, "m")

    async def holder() -> None:
        await lock.lock()
        await lock.unlock()

    async def waiter() -> int:
        result = await lock.lock_interruptible()
        if result == 0:
            await lock.unlock()
        return int(result)

    world.spawn(holder(), "holder")
    world.spawn(waiter(), "waiter")


WAITS = replace(
    Scenario("test/signals:waits", _waits), outcome=lambda world: str(world.tasks[1].result)
)


def test_nobody_is_sent_one_if_not_asked_for() -> None:
    assert set(explore(WAITS).outcomes) == {"0"}
    assert dict(WAITS.with_parameters({"signals": ""}).parameters) == {}


@pytest.mark.parametrize("strategy", ["dpor", "dfs"])
def test_an_interruptible_wait_may_be_ended_at_any_time(strategy: str) -> None:
    signalled = WAITS.with_parameters({"signals": "waiter"})
    result = explore(signalled, Options(strategy=strategy))
    assert result.complete
    assert set(result.outcomes) == {"0", str(EINTR)}


def test_a_signal_to_who_does_not_care_changes_nothing() -> None:
    assert set(explore(WAITS.with_parameters({"signals": "holder"})).outcomes) == {"0"}


def test_several_tasks_can_be_sent_one() -> None:
    world = World()
    WAITS.with_parameters({"signals": "holder+waiter"}).set_up(world)
    assert [task.comm for task in world.tasks] == ["holder", "waiter", "kill", "kill"]
    described = [task.pending.describe() for task in world.tasks[2:] if task.pending]
    assert described == ["send_sig(SIGINT, holder)", "send_sig(SIGINT, waiter)"]


def test_signals_of_the_scenarios_own_are_used() -> None:
    def build(world: World) -> None:
        world.state = Signals(world)
        _waits(world)

    world = World()
    Scenario("test/signals:own", build).with_parameters({"signals": "waiter"}).set_up(world)
    assert world.signals is world.state
    assert list(world.state.senders) == [1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reader", "no task 'reader' to signal; at the beginning there are: holder, waiter"),
        ("waiter+", "no task '' to signal; at the beginning there are: holder, waiter"),
        ("waiter+waiter", "task 'waiter' is to be signalled twice"),
    ],
)
def test_who_is_not_there_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^{said}$"):
        explore(WAITS.with_parameters({"signals": text}))


def test_no_scenario_has_a_parameter_of_that_name_of_its_own() -> None:
    with pytest.raises(UsageError, match="'signals' is a parameter that every scenario has"):
        scenario("test/signals:taken", signals=True)
