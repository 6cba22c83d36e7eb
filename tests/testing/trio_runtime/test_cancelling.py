"""trio's own cancellation: of all of it, and of one task."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import trio
import trio.testing

from lockwright.core.errors import ModelError, UsageError
from lockwright.core.result import Progress
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable, wait_until
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore
from lockwright.token import parse_token
from lockwright.trio_runtime import Performance, run, stage
from tests.testing.trio_runtime.worlds import ABBA, INTERRUPTIBLE, counters

EINTR = -4


class Worlds:
    """A watcher that keeps the worlds, and what it is told of tasks."""

    def __init__(self) -> None:
        self.worlds: list[World] = []
        self.said: list[tuple[str, str]] = []

    def begins(self, world: World) -> None:
        self.worlds.append(world)

    def ends(self, world: World) -> None:
        self.said.append(("ends", ""))

    def waits(self, task: Task) -> None:
        self.said.append(("waits", task.comm))

    def cancelled(self, task: Task) -> None:
        self.said.append(("cancelled", task.comm))


def jumping() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0)


def test_a_cancel_scope_around_it_ends_it_quietly() -> None:
    seen = Worlds()
    performance = Performance(counters(3, 100), Options(executions=5), pace=1.0, watcher=seen)

    async def main() -> bool:
        with trio.move_on_after(30) as scope:
            await performance.perform()
        return scope.cancelled_caught

    assert trio.run(main, clock=jumping())
    result = performance.result()
    assert result.executions == 0
    assert len(seen.worlds) == 1
    # all coroutines of the model are closed: none is left that Python would complain of
    assert all(getattr(task.coro, "cr_frame", None) is None for task in seen.worlds[0].tasks)


def test_what_came_of_the_executions_that_ended_is_kept() -> None:
    performance = Performance(ABBA, Options(executions=1000, seed=2), pace=1.0)

    async def main() -> None:
        with trio.CancelScope() as scope:

            def tell(progress: Progress) -> None:
                if progress.executions == 20:
                    scope.cancel()

            await performance.perform(tell)

    trio.run(main, clock=jumping())
    result = performance.result()
    assert result.executions == 20
    assert {finding.kind for finding in result.findings} == {
        "deadlock",
        "possible circular locking dependency",
    }
    assert result.to_text() == run(ABBA, seed=2, executions=20).to_text()


def test_it_goes_on_where_it_was_left() -> None:
    performance = Performance(ABBA, Options(executions=6, seed=2), pace=1.0)

    async def main() -> None:
        with trio.move_on_after(0.001):
            await performance.perform()
        assert performance.number == 1
        await performance.perform()

    trio.run(main, clock=jumping())
    # the one that was left is not counted
    assert performance.result().executions == 5


def test_without_a_signal_the_reader_waits_for_ever() -> None:
    result = run(INTERRUPTIBLE, executions=60)
    assert result.deadlocked > 0
    assert set(result.outcomes) == {"None 0"}


def test_the_cancellation_of_a_trio_task_is_a_signal_to_the_models() -> None:
    result = run(INTERRUPTIBLE, executions=60, timeouts={"reader": 60.0})
    assert result.deadlocked == 0
    assert set(result.outcomes) == {"None 0", f"None {EINTR}"}


def test_a_timeout_is_in_time_of_the_clock() -> None:
    class When(Worlds):
        times: ClassVar[list[float]] = []

        def begins(self, world: World) -> None:
            self.began = trio.current_time()

        def cancelled(self, task: Task) -> None:
            self.times.append(trio.current_time() - self.began)

    seen = When()
    run(INTERRUPTIBLE, executions=20, timeouts={"reader": 60.0}, watcher=seen)
    # no later than a few ticks: the moment may have been somebody else's
    assert len(seen.times) > 0
    assert all(60 <= time < 60.01 for time in seen.times)


def test_a_timeout_after_the_end_changes_nothing() -> None:
    # after an hour of the clock everybody has ended, or waits for the signal
    seen = Worlds()
    result = run(INTERRUPTIBLE, executions=60, timeouts={"reader": 3600.0}, watcher=seen)
    assert result.outcomes[f"None {EINTR}"] == seen.said.count(("cancelled", "reader"))
    assert result.outcomes["None 0"] > 0
    assert result.outcomes["None 0"] + result.outcomes[f"None {EINTR}"] == 60


def test_what_can_come_of_signals_is_what_the_machine_explores() -> None:
    machine = explore(INTERRUPTIBLE.with_parameters({"signals": "reader"}))
    assert machine.complete
    played = run(INTERRUPTIBLE, executions=200, timeouts={"reader": 4.0})
    assert set(played.outcomes) == set(machine.outcomes)
    assert machine.deadlocked == played.deadlocked == 0


def test_a_finding_under_a_timeout_replays() -> None:
    result = run(INTERRUPTIBLE, executions=60, timeouts={"reader": 60.0})
    (finding,) = result.findings
    token = parse_token(finding.token)
    assert token.parameters == (("signals", "reader"),)
    scenario = INTERRUPTIBLE.with_parameters(dict(token.parameters))
    record, found = Session(scenario, Options()).run_once(token.schedule, token.marks)
    assert (record.misfit, record.difference) == ("", "")
    assert [again.kind for again in found] == [finding.kind]


def test_a_task_can_be_cancelled_by_hand() -> None:
    seen = Worlds()
    performance = Performance(
        INTERRUPTIBLE,
        Options(executions=20, seed=1),
        pace=0.01,
        timeouts={"reader": math.inf},
        watcher=seen,
    )

    async def main() -> None:
        async with trio.open_nursery() as nursery:

            async def canceller() -> None:
                while True:
                    await trio.sleep(2)
                    performance.cancel("reader")

            nursery.start_soon(canceller)
            await performance.perform()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=jumping())
    result = performance.result()
    assert (result.executions, result.deadlocked) == (20, 0)
    # a signal that comes before the reader sleeps need not keep it from the lock
    assert 0 < result.outcomes[f"None {EINTR}"] <= seen.said.count(("cancelled", "reader"))


def test_who_cannot_be_cancelled_is_told_so() -> None:
    performance = Performance(INTERRUPTIBLE, timeouts={"reader": 1.0})
    with pytest.raises(UsageError, match="nothing is played that task 'reader' could be"):
        performance.cancel("reader")
    with pytest.raises(UsageError, match=r"no task 'raeder' to signal.*: writer, reader$"):
        run(INTERRUPTIBLE, timeouts={"raeder": 1.0})
    with pytest.raises(UsageError, match=r"a timeout of -1 s for reader: expected 0 or more"):
        run(INTERRUPTIBLE, timeouts={"reader": -1})
    with pytest.raises(UsageError, match="its signals come by themselves; no timeouts"):
        run(INTERRUPTIBLE.with_parameters({"signals": "reader"}), timeouts={"reader": 1.0})


def _raises(world: World) -> None:
    counters(2, 3).build(world)
    lock = Mutex(world, "m")

    async def fails() -> None:
        await lock.lock()
        raise ValueError("of the model")

    world.spawn(fails(), "fails")


def test_a_model_that_raises_raises_that_and_says_how_to_replay_it() -> None:
    scenario = Scenario("test/bad:raises", _raises)
    with pytest.raises(ValueError, match=r"^of the model") as caught:
        run(scenario, seed=3)
    (note,) = caught.value.__notes__
    assert note.startswith("replay: lockwright replay 'lw1~test/bad:raises~")
    token = parse_token(note.partition("'")[2].rstrip("'"))
    with pytest.raises(ValueError, match="of the model"):
        Session(scenario, Options()).run_once(token.schedule)


class Pressed(Worlds):
    """Ctrl-C comes while a task is played."""

    def waits(self, task: Task) -> None:
        raise KeyboardInterrupt("pressed")


def test_ctrl_c_is_a_keyboard_interrupt_and_no_group() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        run(ABBA, watcher=Pressed())


def test_a_condition_that_raises_is_no_group_either() -> None:
    def build(world: World) -> None:
        variable = Variable(world, 0, "x")

        async def waits() -> None:
            await wait_until(variable, broken)

        def broken(value: object) -> bool:
            raise ValueError("of the condition")

        counters(1, 1).build(world)
        world.spawn(waits(), "waits")

    with pytest.raises(ValueError, match="of the condition"):
        run(Scenario("test/bad:condition", build))


def test_a_busy_loop_is_told_as_by_the_other_strategies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "STEPS_MAX", 50)
    with pytest.raises(ModelError, match="an execution has more than 20000 steps, the last of t0"):
        run(counters(1, 100))
