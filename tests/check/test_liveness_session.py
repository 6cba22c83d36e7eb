"""The strategy that goes by states, from the scenario to the verdict and the token."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from lockwright.core.errors import ModelError
from lockwright.core.promise import sometimes
from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.waitqueue import WaitQueue, wait_event
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore

Build = Callable[[World], None]


def run(build: Build, **options: object) -> Result:
    given = Options(strategy="liveness", **options)  # type: ignore[arg-type]  # of any type
    return explore(Scenario("test/liveness:case", build), given)


def polling(world: World, *, sets: bool) -> None:
    ready = Variable(world, 0, "ready")

    async def poller() -> None:
        while True:
            if await READ_ONCE(ready):
                return
            await cpu_relax()

    async def setter() -> None:
        await WRITE_ONCE(ready, int(sets))

    world.spawn(poller(), "poller")
    world.spawn(setter(), "setter")


def test_a_poll_that_ends_is_verified() -> None:
    result = run(lambda world: polling(world, sets=True))
    assert (result.verdict, result.complete, result.findings) == (Verdict.VERIFIED, True, [])
    # about to read or to relax, before or after the store; relaxing and reading to the end
    assert result.assumptions[0].startswith("5 states, each explored once;")


def test_a_poll_that_lasts_is_a_finding_and_its_token_shows_it_again() -> None:
    scenario = Scenario("test/liveness:case", lambda world: polling(world, sets=False))
    session = Session(scenario, Options(strategy="liveness"))
    result = session.explore()
    assert (result.verdict, len(result.findings)) == (Verdict.VIOLATED, 1)
    (finding,) = result.findings
    assert finding.kind == "livelock"
    assert [event.text for event in finding.events] == [
        "WRITE_ONCE(ready, 0)",
        "READ_ONCE(ready)",
        "cpu_relax()",
    ]
    done, again = Session(scenario, Options()).run_once(finding.schedule)
    assert (done.misfit, done.stopped) == ("", True)
    assert [(each.kind, each.message, each.lines) for each in again] == [
        (finding.kind, finding.message, finding.lines)
    ]


def test_other_strategies_do_not_end_on_it() -> None:
    scenario = Scenario("test/liveness:case", lambda world: polling(world, sets=False))
    for strategy in ("dpor", "random"):
        with pytest.raises(ModelError, match="is there a busy loop"):
            explore(scenario, Options(strategy=strategy, executions=1))


def test_what_could_not_be_explored_is_said_and_is_no_pass() -> None:
    def build(world: World) -> None:
        async def opaque() -> None:
            text = io.StringIO()
            await cpu_relax()
            del text

        world.spawn(opaque(), "writer")

    result = run(build)
    assert (result.verdict, result.complete, result.exhausted) == (Verdict.STOPPED, False, False)
    assert result.assumptions[0] == (
        "not every state was explored: the state of task writer cannot be captured: it leads to a "
        "_io.StringIO"
    )


def test_a_bound_that_comes_first_is_no_pass() -> None:
    result = run(lambda world: polling(world, sets=True), executions=1)
    assert result.verdict == Verdict.STOPPED
    assert result.assumptions[0].endswith(" so far")


def test_deadlocks_and_outcomes_are_those_of_plain_search() -> None:
    def build(world: World) -> None:
        a, b = Mutex(world, "A"), Mutex(world, "B")
        world.state = Variable(world, 0, "x")

        async def task(first: Mutex, second: Mutex, value: int) -> None:
            await first.lock()
            await second.lock()
            await WRITE_ONCE(world.state, value)
            await second.unlock()
            await first.unlock()

        world.spawn(task(a, b, 1), "one")
        world.spawn(task(b, a, 2), "two")

    scenario = Scenario("test/liveness:case", build, outcome=lambda world: str(world.state.value))
    plain, states = (
        explore(scenario, Options(strategy=name, attempts=0)) for name in ("dfs", "liveness")
    )
    assert set(plain.outcomes) == set(states.outcomes) == {"1", "2"}
    assert {(f.kind, f.signature) for f in plain.findings} == {
        (f.kind, f.signature) for f in states.findings
    }
    assert [finding.reality for finding in states.findings] == ["confirmed", None]


def test_a_goal_that_is_reached_only_on_the_way_round_is_reached() -> None:
    def build(world: World) -> None:
        world.state = Variable(world, 0, "x")

        async def writer() -> None:
            await WRITE_ONCE(world.state, 1)
            sometimes(world, "the loop is entered", True)
            while True:
                await cpu_relax()

        world.spawn(writer(), "writer")

    scenario = Scenario(
        "test/liveness:case", build, sometimes=("the loop is entered", "it is left")
    )
    result = explore(scenario, Options(strategy="liveness"))
    assert [finding.kind for finding in result.findings if finding.kind == "livelock"]
    never = [f.message for f in result.findings if f.kind != "livelock"]
    assert never == ["it is left"]


@pytest.mark.parametrize("strategy", ["dpor", "dfs", "liveness"])
def test_a_lost_wakeup_is_called_so_and_says_who_came_too_late(strategy: str) -> None:
    def build(world: World) -> None:
        queue, ready = WaitQueue(world, "&wq"), Variable(world, 0, "ready")

        async def waker() -> None:
            await queue.wake_up()
            await WRITE_ONCE(ready, 1)

        world.spawn(wait_event(queue, lambda: READ_ONCE(ready)), "waiter")
        world.spawn(waker(), "waker")

    result = explore(Scenario("test/liveness:case", build), Options(strategy=strategy))
    (finding,) = result.findings
    assert finding.kind == "lost wakeup"
    late = [line for line in finding.lines if line.startswith("  waker changed what waiter")]
    assert len(late) == 1
    assert late[0].endswith("by WRITE_ONCE(ready, 1), and nobody woke it after that")
