"""Grace periods and work that end as late as they can, whatever random strategy draws."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.errors import UsageError
from lockwright.core.result import Progress
from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.work import Work, WorkQueue
from lockwright.options import Options
from lockwright.scenario import Scenario
from lockwright.schedule.slow import EASES, GRACE_PERIODS, SLOW, WORK
from lockwright.schedule.strategies import SAMPLERS
from lockwright.searches import EXHAUSTIVE, Worlds, search
from lockwright.session import Session, explore
from lockwright.token import parse_token
from tests.explore.making import making
from tests.schedule.sampling import Schedule

STEPS = 8
"""How many steps the bug needs what is late to be late by."""


def _callback(world: World) -> None:
    """A task trusts that a callback has run by the time that it has done so many steps."""
    rcu, word, done = Rcu(world), Variable(world, 0, "word"), Variable(world, 0, "done")

    async def freed() -> None:
        await WRITE_ONCE(done, 1)

    async def task() -> bool:
        await rcu.rcu_read_lock()
        await rcu.rcu_read_unlock()
        await rcu.call_rcu(freed, "node")
        for _ in range(STEPS):
            await READ_ONCE(word)
        return bool(await READ_ONCE(done))

    world.state = world.spawn(task(), "task")


def _synchronizes(world: World) -> None:
    """The same of one that waits in synchronize_srcu()."""
    srcu, word, done = Srcu(world, "s"), Variable(world, 0, "word"), Variable(world, 0, "done")

    async def updater() -> None:
        await srcu.synchronize_srcu()
        await WRITE_ONCE(done, 1)

    async def task() -> bool:
        idx = await srcu.read_lock()
        await srcu.read_unlock(idx)
        for _ in range(STEPS):
            await READ_ONCE(word)
        return bool(await READ_ONCE(done))

    world.state = world.spawn(task(), "task")
    world.spawn(updater(), "updater")


def _works(world: World, *, bh: bool) -> None:
    """The same of a work, on a worker or in softirq."""
    queue = WorkQueue(world, "events", bh=bh)
    word, done = Variable(world, 0, "word"), Variable(world, 0, "done")

    async def work() -> None:
        await WRITE_ONCE(done, 1)

    item = Work(world, "&w", work)

    async def task() -> bool:
        await queue.queue_work(item)
        for _ in range(STEPS):
            await READ_ONCE(word)
        return bool(await READ_ONCE(done))

    world.state = world.spawn(task(), "task")


def late(world: World) -> list[str]:
    return [] if world.state.result else ["it is late"]


CALLBACK = Scenario("test/slow:callback", _callback, at_end=(late,))
SYNCHRONIZES = Scenario("test/slow:synchronizes", _synchronizes, at_end=(late,))
WORKS = Scenario("test/slow:works", _works, at_end=(late,), parameters={"bh": False})
BH = replace(WORKS, parameters={"bh": True})
EACH = [(CALLBACK, GRACE_PERIODS), (WORKS, WORK), (BH, WORK)]


def shown(made: Scenario, executions: int, *slow: str, **options: int | str) -> float:
    """The share of executions that show the bug."""
    given = {"strategy": "random", "rules": ("promises",), **options}
    asked = Options(slow=slow, executions=executions, **given)  # type: ignore[arg-type]  # by name
    result = explore(made, asked)
    assert result.executions == executions
    return sum(finding.executions for finding in result.findings) / executions


def chance(ease: float, then: float) -> float:
    """The probability of the bug: the task does STEPS + 1 steps before the other has done two, of
    which the first comes with a probability of ease / 2 a step, and the second with `then` / 2."""
    first, second, steps = ease / 2, then / 2, STEPS + 1
    never = (1 - first) ** steps
    return never + sum(
        (1 - first) ** at * first * (1 - second) ** (steps - at) for at in range(steps)
    )


@pytest.mark.parametrize(("made", "what"), EACH)
def test_the_bug_shows_as_often_as_the_eases_say(made: Scenario, what: str) -> None:
    """Of a worker each step is late; of a grace period its end, and of a work in softirq its begin,
    and not what comes after that."""
    wanted = [chance(ease, ease if made is WORKS else 1) for ease in EASES]
    assert shown(made, 2000) == pytest.approx(chance(1, 1), rel=0.5)  # 11 / 1024
    assert shown(made, 1000, what) == pytest.approx(sum(wanted) / 4, rel=0.07)  # about 2 / 3
    (other,) = {*SLOW} - {what}
    assert shown(made, 400, other) < 0.1


@pytest.mark.parametrize("strategy", [*SAMPLERS, "mix"])
@pytest.mark.parametrize(("made", "what"), EACH[:2])
def test_whatever_strategy_draws_what_is_slow_comes_later(
    strategy: str, made: Scenario, what: str
) -> None:
    plain = shown(made, 60, strategy=strategy)
    assert shown(made, 60, what, strategy=strategy) > max(plain, 0.4)


def mean_found_at(made: Scenario, seeds: int, *slow: str) -> float:
    """In which execution the bug is found, on average; 1000 if it is in none of those before."""
    total = 0
    for seed in range(seeds):
        options = Options(
            strategy="random", seed=seed, executions=999, rules=("promises",), slow=slow
        )
        session = Session(made, options)

        def tell(progress: Progress) -> None:
            if progress.findings:
                raise StopIteration

        with contextlib.suppress(StopIteration):
            session.advance(tell)
        total += session.result.executions + (not session.judge.findings)
    return total / seeds


@pytest.mark.slow
@pytest.mark.parametrize(("made", "what"), EACH)
def test_over_200_seeds_the_bug_is_found_many_times_sooner(made: Scenario, what: str) -> None:
    assert mean_found_at(made, 200, what) < 2
    assert mean_found_at(made, 200) > 70


def test_who_waits_in_synchronize_is_held_back() -> None:
    assert shown(SYNCHRONIZES, 400, GRACE_PERIODS) > 2 * shown(SYNCHRONIZES, 400) > 0


def _several(world: World) -> None:
    """A work, a callback and a task, each of which reads a word and writes it."""
    rcu, queue, word = Rcu(world), WorkQueue(world, "events"), Variable(world, "", "word")

    async def writes(name: str) -> None:
        seen = await READ_ONCE(word)
        await WRITE_ONCE(word, f"{seen}{name}")

    async def task() -> None:
        await rcu.call_rcu(lambda: writes("c"), "node")
        await queue.queue_work(Work(world, "&w", lambda: writes("w")))
        await writes("t")

    world.state = word
    world.spawn(task(), "task")


SEVERAL = replace(Scenario("test/slow:several", _several), outcome=lambda w: str(w.state.value))


@pytest.mark.parametrize("slow", [(GRACE_PERIODS,), (WORK,), SLOW])
def test_no_outcome_is_lost(slow: tuple[str, ...]) -> None:
    every = explore(SEVERAL, Options(rules=()))
    assert every.complete
    assert len(every.outcomes) == 15  # one to three of three letters, in some order
    options = Options(strategy="random", executions=1000, rules=(), slow=slow)
    assert set(explore(SEVERAL, options).outcomes) == set(every.outcomes)


def test_who_polls_for_what_is_late_gets_it() -> None:
    """Held back for ever it would be a deadlock that is none."""

    def build(world: World) -> None:
        queue, done = WorkQueue(world, "events"), Variable(world, 0, "done")

        async def work() -> None:
            await WRITE_ONCE(done, 1)

        async def task() -> None:
            await queue.queue_work(Work(world, "&w", work))
            while not await READ_ONCE(done):
                pass

        world.spawn(task(), "task")

    made = Scenario("test/slow:polls", build)
    assert shown(made, 40, *SLOW) == 0


def of_range(first: int, executions: int, strategy: str) -> list[Schedule]:
    """The schedules of a range of executions."""
    asked = Options(strategy=strategy, seed=7, executions=first + executions, slow=SLOW)
    found = search(Worlds(making(_several)), asked, {"first": first})
    return [tuple(run.schedule) for run in found]


@pytest.mark.parametrize("strategy", [*SAMPLERS, "mix"])
def test_any_range_of_executions_is_a_part_of_the_whole(strategy: str) -> None:
    whole = of_range(0, 30, strategy)
    assert len(set(whole)) > 5
    for first, executions in ((0, 3), (1, 5), (7, 1), (9, 21), (29, 1)):
        assert of_range(first, executions, strategy) == whole[first : first + executions]


RANDOM = Options(strategy="random", executions=600, rules=("promises",), slow=SLOW)


def test_several_processes_give_the_result_of_one() -> None:
    alone = explore(CALLBACK, RANDOM).as_json()
    assert explore(CALLBACK, replace(RANDOM, jobs=2)).as_json() == alone


def test_a_search_that_was_written_down_goes_on_with_what_was_slow() -> None:
    whole = explore(CALLBACK, RANDOM)
    session = Session(CALLBACK, replace(RANDOM, executions=250))
    session.explore()
    saved = read_checkpoint(checkpoint_text(session))
    assert saved.options["slow"] == list(SLOW)
    again = resumed(CALLBACK, RANDOM, saved)
    assert again.explore().as_json() == whole.as_json()
    with pytest.raises(UsageError, match="slow"):
        resumed(CALLBACK, replace(RANDOM, slow=()), saved)


def test_a_token_needs_no_word_of_it() -> None:
    (found,) = explore(CALLBACK, replace(RANDOM, executions=20)).findings
    token = parse_token(found.token)
    assert token.parameters == ()
    _, broken = Session(CALLBACK, Options(rules=("promises",))).run_once(token.schedule)
    assert [finding.message for finding in broken] == ["it is late"]


@pytest.mark.parametrize("strategy", EXHAUSTIVE)
def test_a_strategy_that_tries_every_delay_is_not_asked_for_some(strategy: str) -> None:
    said = f"^slow work is for random strategies: {strategy} tries every delay$"
    with pytest.raises(UsageError, match=said):
        explore(CALLBACK, Options(strategy=strategy, slow=(WORK,)))


def test_a_delay_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"unknown delay 'wrok'; did you mean work\?"):
        explore(CALLBACK, replace(RANDOM, slow=("wrok",)))
