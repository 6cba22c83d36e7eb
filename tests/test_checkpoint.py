"""An exploration that is left and taken up again ends as one that nobody disturbed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.errors import InternalError, NondeterminismError, UsageError
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.result import Progress, Result
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.scenario import Scenario
from lockwright.searches import EXHAUSTIVE, STRATEGY, Resumable
from lockwright.session import Options, Session, explore
from tests.explore.small_programs import final_state, random_program

STRATEGIES = [name for name in STRATEGY if name != "liveness"]  # which keeps states, not a path
MOST = 120
CYCLE = "possible circular locking dependency"


class Left(BaseException):
    """Somebody leaves an exploration."""


def leave_at(session: Session, executions: int) -> str | None:
    """Explore until so many executions are done; what is written down then, None if it ended."""

    def told(progress: Progress) -> None:
        if progress.executions == executions:
            raise Left

    try:
        session.explore(told)
    except Left:
        return checkpoint_text(session)
    return None


def disturbed(scenario: Scenario, options: Options, every: int) -> tuple[Result, int]:
    """Explore, left and taken up again every so many executions; how often that was."""
    session, times = Session(scenario, options), 0
    while True:
        text = leave_at(session, session.result.executions + every)
        if text is None:
            return session.result, times
        session = resumed(scenario, options, read_checkpoint(text))
        times += 1


def program(seed: int) -> Scenario:
    """A random program, with all that can be seen at its end as the outcome."""
    return Scenario(
        f"random/program:{seed}",
        random_program(seed).build,
        outcome=lambda world: repr(final_state(world)),
    )


def turning(world: World, *, orders: str = "AB AC") -> None:
    """One task for each word, which takes these locks in this order, or in the other one if a
    variable says so when it begins; and a task that sets the variable.

    So the lock validator learns in several executions, not in the first alone.
    """
    locks = {name: Mutex(world, name) for name in "ABC"}
    turned = Variable(world, 0, "turned")

    async def worker(names: str) -> None:
        taken = names[::-1] if await READ_ONCE(turned) else names
        for name in taken:
            await locks[name].lock()
        for name in reversed(taken):
            await locks[name].unlock()

    async def turner() -> None:
        await WRITE_ONCE(turned, 1)

    for names in orders.split():
        world.spawn(worker(names), names)
    world.spawn(turner(), "turner")


TURNING = Scenario("test/turning:two", turning, parameters={"orders": "AB AC"})


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("seed", range(8))
def test_the_result_is_that_of_an_undisturbed_run(strategy: str, seed: int) -> None:
    scenario = program(600 + seed)
    options = Options(strategy, seed, MOST, version="1")
    whole = explore(scenario, options)
    for every in (1, 7):
        result, times = disturbed(scenario, options, every)
        assert result.to_text() == whole.to_text()
        assert times >= min(whole.executions, MOST) // every - 1


@pytest.mark.parametrize(
    ("orders", "kinds"),
    [("AB AC", [CYCLE, CYCLE]), ("AB AB", [CYCLE, "deadlock"])],
)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_the_validator_learnt_before_is_known_again(
    strategy: str, orders: str, kinds: list[str]
) -> None:
    scenario = replace(TURNING, parameters={"orders": orders})
    options = Options(strategy, 3, 400, version="1")
    whole = explore(scenario, options)
    assert [finding.kind for finding in whole.findings] == kinds
    result, times = disturbed(scenario, options, 3)
    assert times > (1 if strategy == "dpor" else 2)  # it has fewer executions
    assert result.to_text() == whole.to_text()
    assert [finding.text for finding in result.findings] == [f.text for f in whole.findings]


def keeping(world: World) -> None:
    """A task takes B and, if a variable says so, ends with it; another takes B under A, and may
    wait for ever."""
    a, b, kept = Mutex(world, "A"), Mutex(world, "B"), Variable(world, 0, "kept")

    async def keeper() -> None:
        await b.lock()
        if not await READ_ONCE(kept):
            await b.unlock()

    async def taker() -> None:
        await a.lock()
        await b.lock()
        await b.unlock()
        await a.unlock()

    async def setter() -> None:
        await WRITE_ONCE(kept, 1)

    for task in (setter, keeper, taker):
        world.spawn(task(), task.__name__)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_the_validator_hears_at_the_end_is_known_again(strategy: str) -> None:
    # who waits for ever tells of its acquire at the end; who ends with a lock gives a report
    scenario = Scenario("test/keeping:three", keeping)
    options = Options(strategy, 3, 60, version="1")
    whole = explore(scenario, options)
    assert len(whole.findings) == 2
    result, times = disturbed(scenario, options, 1)
    assert times > (3 if strategy == "dpor" else 20)
    assert result.to_text() == whole.to_text()


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name in EXHAUSTIVE])
def test_an_exhaustive_search_goes_on_to_its_end(strategy: str) -> None:
    whole = explore(TURNING, Options(strategy, version="1"))
    most = 5 if strategy == "dpor" else 17
    bounded = Session(TURNING, Options(strategy, executions=most, version="1"))
    bounded.explore()
    assert not bounded.settled  # it has seen that there is more
    text = leave_at(Session(TURNING, Options(strategy, executions=most, version="1")), most)
    assert text is not None
    result = resumed(TURNING, Options(strategy, version="1"), read_checkpoint(text)).explore()
    assert result.complete
    assert result.to_text() == whole.to_text()


@pytest.mark.parametrize(("orders", "at"), [("AB AC", 140), ("AB AB", 160)])
def test_what_was_found_before_the_search_began_anew_is_kept(orders: str, at: int) -> None:
    scenario = replace(TURNING, parameters={"orders": orders})
    options = Options("dfs", version="1")

    def anew(times: list[int], leave: int) -> Callable[[Progress], None]:
        def told(progress: Progress) -> None:
            times[0] += 1
            if times[0] == at:
                session.judge.begin_again()
            if times[0] == leave:
                raise Left("left")

        return told

    calm = explore(scenario, options)
    session = Session(scenario, options)
    whole = session.explore(anew([0], 0))
    assert whole.executions == calm.executions - at
    assert {finding.signature for finding in whole.findings} >= {
        finding.signature for finding in calm.findings
    }
    assert {key[1] for key in session.judge.findings} < {f.signature for f in whole.findings}
    for leave in (at - 1, at + 1):
        times = [0]
        session = Session(scenario, options)
        with pytest.raises(Left, match="left"):
            session.explore(anew(times, leave))
        checkpoint = read_checkpoint(checkpoint_text(session))
        session = resumed(scenario, options, checkpoint)
        assert session.explore(anew(times, 0)).to_text() == whole.to_text()
        assert [finding.text for finding in session.result.findings] == [
            finding.text for finding in whole.findings
        ]
        assert len(session.judge.lessons) == 2


def test_goals_are_counted_on() -> None:
    scenario = replace(
        TURNING,
        sometimes=(
            ("somebody is left waiting", lambda world: False),
            ("A is free", lambda world: bool(world.tasks)),
        ),
    )
    for strategy in ("dfs", "random"):
        options = Options(strategy, executions=400, version="1")
        whole = explore(scenario, options)
        assert [goal.executions > 0 for goal in whole.goals] == [False, True]
        assert disturbed(scenario, options, 30)[0].to_text() == whole.to_text()
    assert explore(scenario, Options("dfs")).findings[-1].kind == "goal never reached"


def test_few_executions_are_lessons() -> None:
    session = Session(TURNING, Options("dfs", version="1"))
    session.explore()
    assert session.result.executions == 300
    assert [len(lessons) for lessons in session.judge.lessons] == [
        3
    ]  # A before B and C, then each the other way round


def test_within_an_execution_nothing_is_written() -> None:
    sessions: list[Session] = []
    scenario = replace(TURNING, outcome=lambda world: checkpoint_text(sessions[0]))
    sessions.append(Session(scenario, Options("dfs", version="1")))
    with pytest.raises(InternalError, match="a checkpoint within an execution"):
        sessions[0].explore()


def text_of(scenario: Scenario = TURNING, strategy: str = "dfs", version: str = "1") -> str:
    text = leave_at(Session(scenario, Options(strategy, executions=50, version=version)), 20)
    assert text is not None
    return text


@pytest.mark.parametrize(
    ("scenario", "options", "message"),
    [
        (
            replace(TURNING, name="test/turning:one"),
            Options("dfs", version="1"),
            "of another scenario\nexpected: test/turning:one\ngot: test/turning:two",
        ),
        (
            replace(TURNING, parameters={"orders": "AB BC"}),
            Options("dfs", version="1"),
            "of another parameter orders\nexpected: AB BC\ngot: AB AC",
        ),
        (
            TURNING,
            Options("dfs", version="2"),
            "the checkpoint is of another version of the model\nexpected: 2\ngot: 1",
        ),
        (
            TURNING,
            Options("random", executions=5, version="1"),
            "the checkpoint is of another option strategy\nexpected: random\ngot: dfs",
        ),
        (
            TURNING,
            Options("dfs", rules=("deadlock", "leak"), version="1"),
            "of another option rules\nexpected: deadlock,leak\ngot: deadlock,lock-order,",
        ),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    scenario: Scenario, options: Options, message: str
) -> None:
    checkpoint = read_checkpoint(text_of())
    with pytest.raises(UsageError, match=re.escape(message)):
        resumed(scenario, options, checkpoint)


def test_a_text_that_was_cut_anywhere_is_refused() -> None:
    text = text_of()
    for length in (*range(200), *range(200, len(text), 37), len(text) - 1):
        with pytest.raises(UsageError, match=r"no checkpoint|malformed checkpoint|of version"):
            read_checkpoint(text[:length])


def test_a_text_with_another_letter_is_refused() -> None:
    text = text_of()
    for at in range(len("lockwright checkpoint 1 "), len(text), 41):
        other = "x" if text[at] != "x" else "y"
        with pytest.raises(UsageError, match="its check does not fit"):
            read_checkpoint(text[:at] + other + text[at + 1 :])


def test_a_checkpoint_of_a_later_version_is_refused() -> None:
    text = text_of().replace("lockwright checkpoint 1", "lockwright checkpoint 2")
    message = "checkpoint of version '2': this lockwright reads version 1"
    with pytest.raises(UsageError, match=message):
        read_checkpoint(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("search", {}),
        ("search", {"left": [[[0, 0]]], "known": [0]}),
        ("search", None),
        ("counts", {"executions": 3}),
        ("lessons", [[["0", True, 1]]]),
        ("lessons", 3),
        ("findings", [{"kind": "deadlock"}]),
        ("learnt", 10**6),
    ],
)
def test_what_its_parts_cannot_be_is_refused(key: str, value: object) -> None:
    checkpoint = read_checkpoint(text_of())
    broken = replace(checkpoint, data={**checkpoint.data, key: value})
    with pytest.raises(UsageError, match=r"malformed checkpoint|does not fit the model"):
        resumed(TURNING, Options("dfs", version="1"), broken)


def test_a_lesson_that_the_model_cannot_follow_is_refused() -> None:
    checkpoint = read_checkpoint(text_of())
    broken = replace(checkpoint, data={**checkpoint.data, "lessons": [[["0.7", True]]]})
    message = "the checkpoint does not fit the model: task 7 cannot run at step 1"
    with pytest.raises(UsageError, match=message):
        resumed(TURNING, Options("dfs", version="1"), broken)


def test_a_model_that_fails_where_it_did_not_is_not_deterministic() -> None:
    checkpoint = read_checkpoint(text_of())

    def build(world: World, *, orders: str) -> None:
        turning(world, orders=orders)

        def failing(task: Task, operation: Operation, result: Value) -> None:
            raise ValueError("it did not do that before")

        world.on_step += (failing,)

    with pytest.raises(NondeterminismError, match="that is run once more raised ValueError"):
        resumed(replace(TURNING, build=build), Options("dfs", version="1"), checkpoint)


def test_every_strategy_can_be_taken_up_again() -> None:
    makers: list[Callable[[], Session]] = [
        lambda name=name: Session(TURNING, Options(name, executions=3))  # type: ignore[misc]  # bound
        for name in STRATEGIES
    ]
    for make in makers:
        session = make()
        session.begin()
        assert isinstance(session.search, Resumable)
