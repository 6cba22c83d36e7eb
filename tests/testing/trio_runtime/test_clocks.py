"""Which clock runs, and what depends on it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest
import trio
import trio.testing

from lockwright.core.errors import UsageError
from lockwright.core.result import Progress
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.session import Options
from lockwright.trio_runtime import Performance, run
from lockwright.trio_runtime.pacing import GRAIN, Draws
from tests.testing.trio_runtime.worlds import ABBA, INTERRUPTIBLE, counters

ROOT = Path(__file__).parents[3]


class Schedules:
    """A watcher that keeps the schedule of each execution, and when each step was."""

    def __init__(self) -> None:
        self.orders: list[list[int]] = []
        self.times: list[float] = []

    def begins(self, world: World) -> None:
        self.orders.append([])
        world.on_step += (self._step,)

    def _step(self, task: Task, operation: object, result: object) -> None:
        self.orders[-1].append(task.index)
        self.times.append(trio.current_time())

    def ends(self, world: World) -> None: ...

    def waits(self, task: Task) -> None: ...

    def cancelled(self, task: Task) -> None: ...


def orders(seed: int, executions: int, clock: trio.testing.MockClock | None = None) -> Schedules:
    seen = Schedules()
    run(counters(3, 4), seed=seed, executions=executions, clock=clock, watcher=seen)
    return seen


def test_on_a_clock_that_jumps_the_seed_decides_alone() -> None:
    # trio turns its batches round at random: 40 executions that agree did not depend on it
    assert orders(7, 40).orders == orders(7, 40).orders
    assert orders(7, 40).orders != orders(8, 40).orders


def test_the_results_are_the_same_to_the_byte() -> None:
    first, second = (run(INTERRUPTIBLE, seed=5, executions=30).to_text() for _ in range(2))
    assert first == second


def test_another_process_comes_to_the_same_result() -> None:
    program = (
        "from lockwright.trio_runtime import run\n"
        "from tests.testing.trio_runtime.worlds import INTERRUPTIBLE\n"
        "print(run(INTERRUPTIBLE, seed=5, executions=30, timeouts={'reader': 4}).to_text())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}", "PYTHONHASHSEED": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    here = run(INTERRUPTIBLE, seed=5, executions=30, timeouts={"reader": 4}).to_text()
    assert done.stdout == f"{here}\n"


def test_an_execution_depends_on_its_number_not_on_those_before() -> None:
    assert orders(7, 5).orders == orders(7, 40).orders[:5]


def test_a_clock_of_ones_own_that_jumps_gives_the_same() -> None:
    clock = trio.testing.MockClock(autojump_threshold=0)
    assert orders(7, 40, clock).orders == orders(7, 40).orders


def test_no_two_steps_are_at_the_same_time() -> None:
    times = orders(3, 20).times
    assert len(set(times)) == len(times) == 3 * 4 * 20
    assert times == sorted(times)


def test_every_order_of_two_short_tasks_comes() -> None:
    # 6 interleavings of 2 and 2 steps
    seen = Schedules()
    run(counters(2, 2), executions=300, watcher=seen)
    assert len(Counter(map(tuple, seen.orders))) == 6


def test_without_pauses_the_scheduler_takes_turns_and_every_order_comes() -> None:
    seen = Schedules()
    result = run(counters(2, 2), executions=400, pace=0, watcher=seen)
    assert result.executions == 400
    assert len(Counter(map(tuple, seen.orders))) == 6


def test_a_real_clock_runs_in_real_time() -> None:
    began = monotonic()
    result = run(ABBA, pace=0.002, seed=1, executions=5)
    # each task has at least two steps, and the pauses before each are 2 ms at the median
    assert monotonic() - began > 0.002
    assert result.executions == 5
    assert {finding.kind for finding in result.findings} <= {
        "deadlock",
        "possible circular locking dependency",
    }


def test_seconds_end_even_one_slow_execution() -> None:
    began = monotonic()
    result = run(counters(1, 10_000), pace=0.0001, seconds=0.3)
    assert monotonic() - began < 5
    assert result.executions == 0


def test_a_bound_in_seconds_ends_between_executions() -> None:
    result = run(ABBA, seconds=0.2)
    assert result.executions > 1


def test_there_are_1000_executions_if_nobody_says() -> None:
    assert Performance(ABBA).session.options.executions == 1000
    assert Performance(ABBA, Options(seconds=1.0)).session.options.executions is None
    assert Performance(ABBA, Options(executions=7)).session.options.executions == 7


def test_progress_is_told_after_each_execution() -> None:
    told: list[int] = []

    def tell(progress: Progress) -> None:
        told.append(progress.executions)

    run(ABBA, executions=4, progress=tell)
    assert told == [1, 2, 3, 4]


@pytest.mark.parametrize("pace", [-1.0, float("inf"), float("nan")])
def test_a_pace_that_is_none_is_refused(pace: float) -> None:
    with pytest.raises(UsageError, match=r"a pace of .* s: expected 0 or more"):
        run(ABBA, pace=pace)


def test_draws_depend_on_seed_and_number_and_never_meet() -> None:
    def drawn(seed: int, number: int) -> list[int]:
        draws = Draws(seed, number)
        return [draws.draw(0, task % 3) for task in range(500)]

    assert drawn(1, 2) == drawn(1, 2)
    assert drawn(1, 2) != drawn(1, 3)
    assert drawn(1, 2) != drawn(2, 2)
    ticks = drawn(1, 2)
    assert len(set(ticks)) == 500
    assert min(ticks) >= 1


def test_a_pause_is_about_as_long_as_was_asked_for() -> None:
    first = sorted(Draws(0, number).draw(0, 0) for number in range(4000))
    # the middle of an exponential with mean m is m log 2; the tasks' paces are even about 1
    assert 0.5 * GRAIN < first[2000] < 1.0 * GRAIN
