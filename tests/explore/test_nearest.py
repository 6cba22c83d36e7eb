"""The nearest passing run against brute force, and where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from lockwright.core.finding import Finding
from lockwright.core.nearest import Nearest
from lockwright.core.schedule import Choice
from lockwright.core.world import World
from lockwright.explore.attempt import Finish, Key
from lockwright.explore.nearest import nearest_pass
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, Variable
from tests.abba import two_orders
from tests.explore.making import making
from tests.explore.planting import Planted, costs, planted
from tests.explore.small_programs import random_program

SEEDS = range(300, 345)
PLAIN_MAX = 400
ENOUGH = 100_000

Schedules = set[tuple[Choice, ...]]


@cache
def failing_programs() -> list[tuple[Planted, Key, list[Choice], Schedules]]:
    """Programs in which the smaller half of the final states, by their text, is a bug: one of its
    schedules, and all that pass.  With one state only, that is the bug."""
    found = []
    for seed in SEEDS:
        program = random_program(seed)
        known = costs(Planted(program), PLAIN_MAX)
        if known is None:
            continue
        states = sorted(key for key in known if key[0] == "state")
        broken = frozenset(states[: (len(states) + 1) // 2])
        planting = Planted(program, broken)
        again = costs(Planted(program, None, planting.names), PLAIN_MAX)
        assert again is not None
        if set(again) != set(known):
            continue  # tasks that are made in another order have other numbers
        good = {
            tuple(schedule) for key in states if key not in broken for _, schedule in again[key]
        }
        found += [(planting, key, min(again[key])[1], good) for key in states if key in broken]
    assert len(found) > 40
    return found


def common(one: Sequence[Choice], other: Sequence[Choice]) -> int:
    """How many choices at the beginning are the same."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def looked(planting: Planted, key: Key, schedule: list[Choice], budget: int = ENOUGH) -> Nearest:
    nearest = nearest_pass(planting.fresh, key, schedule, budget)
    assert nearest is not None
    return nearest


def test_a_passing_run_is_found_if_there_is_one() -> None:
    none = 0
    for planting, key, schedule, good in failing_programs():
        nearest = looked(planting, key, schedule)
        assert bool(nearest.schedule) == bool(good)
        assert nearest.exhausted == (not good)
        none += not good
    assert none > 5


def test_it_passes_and_differs_first_where_it_says() -> None:
    for planting, key, schedule, good in failing_programs():
        nearest = looked(planting, key, schedule)
        if good:
            assert nearest.schedule in good
            assert nearest.step == common(nearest.schedule, schedule) < len(schedule)
        else:
            assert (nearest.step, nearest.schedule) == (-1, ())


def test_it_is_mostly_as_near_as_can_be_and_never_said_to_be_nearer() -> None:
    best = 0
    compared = [each for each in failing_programs() if each[3]]
    for planting, key, schedule, good in compared:
        nearest = looked(planting, key, schedule)
        longest = max(common(schedule, other) for other in good)
        assert nearest.step <= longest
        best += nearest.step == longest
    assert best > 0.9 * len(compared)


def test_a_budget_is_kept_and_nothing_is_claimed_beyond_it() -> None:
    for planting, key, schedule, good in failing_programs():
        for budget in (1, 2, 5):
            nearest = looked(planting, key, schedule, budget)
            assert nearest.attempts <= budget
            assert not nearest.schedule or nearest.schedule in good
            assert not (nearest.exhausted and good)


def test_the_answer_is_the_same_again() -> None:
    for planting, key, schedule, _ in failing_programs()[:20]:
        assert looked(planting, key, schedule) == looked(planting, key, schedule)


def test_a_finding_that_one_execution_does_not_show_has_none_beside_it() -> None:
    planting, _, schedule, _ = failing_programs()[0]
    assert nearest_pass(planting.fresh, ("another", "finding"), schedule) is None


def stuck(run: Run) -> Sequence[Finding]:
    if run.world.blocked() and not run.world.enabled():
        run.world.report(planted("dead", "lock"))
    return run.world.findings


DEADLOCK: list[Choice] = [(0, 0), (1, 0)]


def test_beside_a_deadlock_the_first_goes_on_instead() -> None:
    nearest = nearest_pass(lambda: (making(two_orders), stuck), ("dead", "lock"), DEADLOCK)
    # the other's step is taken as soon as it can be: when B, the inner one, is free
    tasks = [task for task, _ in nearest.schedule] if nearest is not None else []
    assert tasks == [0, 0, 0, 1, 0, 1, 1, 1]
    assert nearest is not None
    assert (nearest.step, nearest.attempts, nearest.still) == (1, 2, ())


def test_the_rest_of_the_failing_schedule_is_followed() -> None:
    def build(world: World) -> None:
        x = Variable(world, 0, "x")

        async def reader(count: int) -> None:
            for _ in range(count):
                await READ_ONCE(x)

        world.spawn(reader(3), "three")
        world.spawn(reader(2), "two")

    def judged(run: Run) -> Sequence[Finding]:
        if [task for task, _ in run.schedule][1] == 0:
            run.world.report(planted("second", "step"))
        return run.world.findings

    failing: list[Choice] = [(0, 0), (0, 0), (1, 0), (0, 0), (1, 0)]
    nearest = nearest_pass(lambda: (making(build), judged), ("second", "step"), failing)
    assert nearest is not None
    # the step that the other takes now is not taken once more where it was
    assert [task for task, _ in nearest.schedule] == [0, 1, 0, 0, 1]
    assert nearest.step == 1


def test_a_prediction_is_no_failure_and_is_named() -> None:
    def judged(run: Run) -> Sequence[Finding]:
        prediction = Finding("cycle", "A -> B -> A", "A B", 0, "one", classes=("A", "B"))
        prediction.report, prediction.fatal = "a splat", False
        run.world.report(prediction)
        return stuck(run)

    nearest = nearest_pass(lambda: (making(two_orders), judged), ("dead", "lock"), DEADLOCK)
    assert nearest is not None
    assert (nearest.step, nearest.still) == (1, ("cycle",))
    # but beside the prediction itself it is
    nearest = nearest_pass(lambda: (making(two_orders), judged), ("cycle", "A B"), DEADLOCK)
    assert nearest is not None
    assert (nearest.schedule, nearest.exhausted) == ((), True)


def test_a_run_in_which_the_model_fails_does_not_pass() -> None:
    def build(world: World) -> None:
        a = Mutex(world, "A")

        async def first() -> None:
            await a.lock()
            world.report(planted("dead", "lock"))
            await a.unlock()

        async def second() -> None:
            if await a.trylock():
                raise IndexError("of the model")

        world.spawn(first(), "first")
        world.spawn(second(), "second")

    def fresh() -> tuple[MakeWorld, Finish]:
        return making(build), lambda run: run.world.findings

    nearest = nearest_pass(fresh, ("dead", "lock"), [(0, 0), (1, 0), (0, 0)])
    assert nearest is not None
    assert (nearest.schedule, nearest.exhausted) == ((), True)


def test_the_json_reads_back() -> None:
    nearest = Nearest(1, ((0, 0), (1, 2)), ("cycle",), 7, exhausted=False, token="lw1~")
    assert Nearest.from_json(nearest.as_json()) == nearest
