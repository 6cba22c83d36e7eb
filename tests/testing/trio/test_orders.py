"""Every order of a trio program: how many there are, and that nothing else is run."""

from __future__ import annotations

from math import comb

import pytest
import trio
import trio.testing

from lockwright.core.errors import NondeterminismError, UsageError
from lockwright.core.result import Verdict
from lockwright.core.task import Task
from lockwright.schedule.wishes import Wishes
from lockwright.testing.trio import check, replay
from lockwright.testing.trio.every import EveryOrder
from lockwright.testing.trio.execution import Program, run
from tests.testing.trio import racy


async def turns(tasks: int, checkpoints: int) -> str:
    """Each task writes its letter each time it is resumed; the text is the order."""
    written: list[str] = []

    async def write(letter: str) -> None:
        for _ in range(checkpoints):
            written.append(letter)
            await trio.lowlevel.checkpoint()
        written.append(letter)

    async with trio.open_nursery() as nursery:
        for letter in "abc"[:tasks]:
            nursery.start_soon(write, letter)
    return "".join(written)


@pytest.mark.parametrize("checkpoints", [0, 1, 2, 3])
def test_two_tasks_of_k_checkpoints_have_as_many_orders_as_there_are_ways_to_merge_them(
    checkpoints: int,
) -> None:
    # A task of k checkpoints is resumed k + 1 times; the parent starts both, then waits.
    result = check(turns, 2, checkpoints, strategy="every")
    assert result.complete
    assert result.executions == comb(2 * (checkpoints + 1), checkpoints + 1)
    assert sorted(result.outcomes.values()) == [1] * result.executions


def test_three_tasks_of_one_checkpoint_have_ninety_orders() -> None:
    # 6! / (2! 2! 2!)
    result = check(turns, 3, 1, strategy="every")
    assert (result.verdict, result.executions, len(result.outcomes)) == (Verdict.VERIFIED, 90, 90)


def test_trios_own_rounds_are_no_bound_to_the_orders() -> None:
    # Within a round of trio's loop each runnable task is resumed once: aabb would never be.
    assert "'aabb'" in check(turns, 2, 1, strategy="every").outcomes


@pytest.mark.parametrize(
    ("bound", "orders"),
    [
        (0, {"aabb", "bbaa"}),
        (1, {"aabb", "bbaa", "abba", "baab"}),
        (2, {"aabb", "bbaa", "abba", "baab", "abab", "baba"}),
    ],
)
def test_a_bound_on_preemptions_leaves_the_orders_that_need_more_out(
    bound: int, orders: set[str]
) -> None:
    result = check(turns, 2, 1, strategy="every", bound=bound)
    assert set(result.outcomes) == {repr(order) for order in orders}
    assert result.exhausted
    assert result.complete == (bound == 2)  # the third preemption has nobody to take over from
    assert result.verdict == (Verdict.VERIFIED if bound == 2 else Verdict.WITHIN_BOUND)


@pytest.mark.parametrize("strategy", ["random", "pct", "pos"])
def test_a_random_strategy_sees_what_every_order_has_and_nothing_else(strategy: str) -> None:
    every = check(turns, 2, 2, strategy="every")
    some = check(turns, 2, 2, strategy=strategy, executions=40)
    assert some.executions == sum(some.outcomes.values()) == 40
    assert len(some.outcomes) > 3
    assert set(some.outcomes) <= set(every.outcomes)
    assert some.verdict == Verdict.STOPPED


def test_the_same_seed_gives_the_same_orders_and_another_one_others() -> None:
    def seen(seed: int) -> dict[str, int]:
        return check(turns, 3, 2, strategy="random", seed=seed, executions=20).outcomes

    assert seen(5) == seen(5)
    assert seen(5) != seen(6)


def test_a_search_that_is_stopped_says_how_many_orders_there_are() -> None:
    result = check(turns, 2, 3, strategy="every", executions=35)
    assert (result.verdict, result.executions) == (Verdict.STOPPED, 35)
    assert not result.complete
    assert result.estimated == 70  # the first half of a tree of two equal halves


def test_time_passes_when_no_task_can_run() -> None:
    async def race() -> tuple[str, float]:
        with trio.move_on_after(2) as scope:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            await trio.sleep(1)
        return "late" if scope.cancelled_caught else "in time", trio.current_time()

    result = check(race, strategy="every")
    assert (result.complete, result.outcomes) == (True, {"('in time', 1.0)": 1})


def test_free_time_passes_at_any_step() -> None:
    async def race() -> str:
        with trio.move_on_after(1) as scope:
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        return f"{'late' if scope.cancelled_caught else 'in time'} at {trio.current_time():g}"

    result = check(race, strategy="every", clock="free")
    # The timeout comes before the first checkpoint is left, or the second, or never; one that
    # comes before a checkpoint is reached is seen there.
    assert set(result.outcomes) == {"'late at 1'", "'in time at 0'"}
    assert result.complete
    assert set(check(race, strategy="every").outcomes) == {"'in time at 0'"}


def test_time_that_passes_takes_no_task_s_turn() -> None:
    async def program() -> None:
        with trio.move_on_after(1), trio.move_on_after(2):
            await trio.lowlevel.cancel_shielded_checkpoint()
            await trio.lowlevel.cancel_shielded_checkpoint()

    execution = run(Program(program, (), "free", 100), Wishes([(1, 0), (0, 0), (1, 0), (1, 0)]))
    # Time passes while the task could go on, with a deadline left: when it goes on, it goes on.
    assert [task for task, _ in execution.schedule] == [1, 0, 1, 1]
    assert execution.preemptions == 1


def test_equal_deadlines_come_in_every_order() -> None:
    async def race() -> str:
        woken: list[str] = []

        async def rest(letter: str) -> None:
            await trio.sleep(1)
            woken.append(letter)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(rest, "a")
            nursery.start_soon(rest, "b")
        return "".join(woken)

    # Two orders to start in, times two to wake up in.
    assert check(race, strategy="every").outcomes == {"'ab'": 2, "'ba'": 2}


def test_a_child_of_a_child_and_a_started_service_are_tasks_like_any_other() -> None:
    async def serve(task_status: trio.TaskStatus[int]) -> None:
        await trio.lowlevel.checkpoint()
        task_status.started(3)
        await trio.sleep_forever()

    async def use() -> int:
        async with trio.open_nursery() as nursery:
            value: int = await nursery.start(serve)
            nursery.cancel_scope.cancel()
        return value

    async def program() -> list[int]:
        found: list[int] = []

        async def one() -> None:
            found.append(await use())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(one)
            nursery.start_soon(one)
        return found

    result = check(program, strategy="every", bound=1)
    assert set(result.outcomes) == {"[3, 3]"}
    assert result.findings == []


@pytest.mark.parametrize("cushion", [0.0, 0.01])
def test_a_task_that_waits_until_all_others_are_blocked_is_woken(cushion: float) -> None:
    async def program() -> float:
        async with trio.open_nursery() as nursery:
            if not cushion:
                nursery.start_soon(trio.sleep, 1)
            await trio.testing.wait_all_tasks_blocked(cushion)
            before = trio.current_time()
        return before

    assert check(program, strategy="every").outcomes == {"0.0": 1}


class Noting(EveryOrder):
    """Notes what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[int, ...]] = set()

    def pick(self, enabled: list[Task]) -> Task:
        self.asked.add(tuple(task.index for task in enabled))
        return super().pick(enabled)


def test_a_strategy_is_asked_in_order_of_creation_whoever_became_ready_first() -> None:
    async def program() -> None:
        events = [trio.Event(), trio.Event()]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(events[0].wait)
            nursery.start_soon(events[1].wait)
            await trio.testing.wait_all_tasks_blocked()
            events[1].set()
            events[0].set()

    noting = Noting()
    while noting.begin():
        run(Program(program, (), "idle", 100), noting)
    assert (2, 3) in noting.asked
    assert all(list(asked) == sorted(asked) for asked in noting.asked)


def test_a_program_that_keeps_something_from_run_to_run_is_told() -> None:
    kept: list[int] = []

    async def program() -> None:
        kept.append(1)
        async with trio.open_nursery() as nursery:
            for _ in range(1 + len(kept) % 2):
                nursery.start_soon(trio.lowlevel.checkpoint)

    with pytest.raises(NondeterminismError, match="does not do the same along the same schedule"):
        check(program, strategy="every")


def test_nothing_of_ours_is_left_behind() -> None:
    before = [vars(trio.Condition)["notify"], vars(trio.Event)["set"]]
    finding = check(racy.two_locks, strategy="every").findings[0]
    replay(racy.two_locks, finding.token)

    async def plain() -> int:
        await trio.lowlevel.checkpoint()
        return trio.lowlevel.current_statistics().tasks_living

    assert trio.run(plain) == 3  # trio's two own, and this one
    assert [vars(trio.Condition)["notify"], vars(trio.Event)["set"]] == before


def test_what_cannot_be_explored_is_refused() -> None:
    async def one(number: int) -> int:
        return number

    def plain() -> int:
        return 1

    async def within() -> None:
        check(one, 1)

    refused = pytest.raises(UsageError, match=r"check\(main, 1\), not what it returns")
    with refused:
        check(one(1))  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(UsageError, match="cannot be run: Trio expected an async function"):
        check(plain)  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(UsageError, match=r"cannot be run: .* missing 1 required"):
        check(one)  # type: ignore[arg-type]  # the mistake is the point
    with pytest.raises(UsageError, match="from within a trio run"):
        trio.run(within)
    with pytest.raises(UsageError, match="did you mean random"):
        check(one, 1, strategy="randon")
    with pytest.raises(UsageError, match="unknown clock 'fre'; did you mean free"):
        check(one, 1, clock="fre")
    with pytest.raises(
        UsageError, match="a bound on preemptions is for the strategy 'every', not 'random'"
    ):
        check(one, 1, bound=1)
    with pytest.raises(UsageError, match="a bound of -1 preemptions"):
        check(one, 1, strategy="every", bound=-1)
    with pytest.raises(UsageError, match="steps_max=0: expected 1 to 10000"):
        check(one, 1, steps_max=0)
    with pytest.raises(UsageError, match="0 executions"):
        check(one, 1, executions=0)


def test_a_thread_cannot_be_put_in_an_order() -> None:
    async def program() -> None:
        await trio.to_thread.run_sync(lambda: None)

    with pytest.raises(UsageError, match=r"program waits for a thread, a file or a socket"):
        check(program)


def test_an_interrupt_from_the_keyboard_is_no_finding() -> None:
    async def program() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        check(program)
