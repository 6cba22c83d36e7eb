"""Goals in an exploration: its verdict, its result, its checkpoint and its text."""

from __future__ import annotations

from itertools import count

import pytest

from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.errors import UsageError
from lockwright.core.promise import Goal, reached
from lockwright.core.result import Progress, Result, Verdict
from lockwright.core.schedule import parse_schedule
from lockwright.core.world import World
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.report.findings import finding_text, repeated_text
from lockwright.report.goals import goal_lines
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore
from lockwright.token import parse_token

EARLY, LATE, NEVER = "the read comes early", "the read comes late", "the read comes twice"


def build(world: World) -> None:
    """A read, early or late, and ten writes."""
    x = Variable(world, 0, "x")
    world.state = x

    async def reader() -> None:
        reached(world, EARLY if await READ_ONCE(x) < 5 else LATE)

    async def writer() -> None:
        for value in range(1, 11):
            await WRITE_ONCE(x, value)

    world.spawn(reader(), "reader")
    world.spawn(writer(), "writer")


def case(*goals: Goal) -> Scenario:
    return Scenario("test/goals:case", build, sometimes=goals)


def test_goals_that_are_reached_break_nothing() -> None:
    result = explore(case(EARLY, LATE, ("x is 10", lambda world: bool(world.state.value == 10))))
    assert (result.verdict, result.findings) == (Verdict.VERIFIED, [])
    # the read before all writes, and after each of the ten: the first five see less than 5
    assert [(goal.sentence, goal.executions) for goal in result.goals] == [
        (EARLY, 5),
        (LATE, 6),
        ("x is 10", 11),
    ]
    assert goal_lines(result) == [
        f"goal reached in 5 of 11 executions: {EARLY}",
        f"goal reached in 6 of 11 executions: {LATE}",
        "goal reached in 11 of 11 executions: x is 10",
    ]
    for goal in result.goals:
        assert parse_token(goal.token).schedule == goal.schedule


def test_a_goal_never_reached_is_a_finding_of_a_complete_exploration() -> None:
    result = explore(case(EARLY, NEVER))
    assert (result.verdict, result.complete) == (Verdict.VIOLATED, True)
    (finding,) = result.findings
    assert (finding.kind, finding.message) == ("goal never reached", NEVER)
    assert (finding.token, finding.events, finding.schedule) == ("", (), ())
    assert finding_text(finding) == (
        f"goal never reached: {NEVER}\nnone of the 11 executions that there are reaches it"
    )
    assert repeated_text(finding, "test/goals:other") == (
        f"goal never reached: {NEVER}: as in test/goals:other"
    )
    assert goal_lines(result) == [f"goal reached in 5 of 11 executions: {EARLY}"]


@pytest.mark.parametrize(
    "options",
    [
        Options(executions=2),
        Options(strategy="random", executions=5),
        Options(strategy="bounded", bound=0),
    ],
)
def test_after_an_incomplete_exploration_it_is_only_said(options: Options) -> None:
    result = explore(case(NEVER), options)
    assert (result.findings, result.complete) == ([], False)
    assert goal_lines(result) == [f"goal not reached so far: {NEVER}"]


def test_a_bounded_search_that_left_nothing_out_has_the_last_word() -> None:
    result = explore(case(NEVER), Options(strategy="bounded", bound=5))
    assert [finding.kind for finding in result.findings] == ["goal never reached"]


def test_the_rule_can_be_left_out() -> None:
    result = explore(case(NEVER), Options(rules=("deadlock",)))
    assert (result.findings, result.goals) == ([], [])


def test_a_result_with_goals_reads_back() -> None:
    result = explore(case(EARLY, NEVER))
    again = Result.from_json(result.as_json())
    assert again.goals == result.goals
    assert again.to_text() == result.to_text()
    assert parse_schedule(result.as_json()["goals"][0]["schedule"]) is not None
    assert result.as_json()["goals"][1] == {
        "sentence": NEVER,
        "executions": 0,
        "steps": 0,
        "schedule": None,
        "token": "",
    }


class Stop(Exception):
    """The exploration is left."""


def test_a_checkpoint_keeps_what_was_reached() -> None:
    options = Options(strategy="dfs")
    scenario = case(EARLY, LATE, NEVER)
    whole = explore(scenario, options)
    for at in range(1, 11):
        session = Session(scenario, options)
        counter = count(1)

        def stop(progress: Progress, at: int = at, counter: count[int] = counter) -> None:
            if next(counter) == at:
                raise Stop("here")

        with pytest.raises(Stop, match="here"):
            session.explore(stop)
        text = checkpoint_text(session)
        again = resumed(scenario, options, read_checkpoint(text)).explore()
        assert again.to_text() == whole.to_text()


@pytest.mark.parametrize(
    ("goals", "message"),
    [
        ((7,), "7 is no goal: expected a sentence"),
        (((EARLY, lambda: True),), "its condition of a goal .* cannot be called with the world"),
    ],
)
def test_what_is_no_goal_is_refused(goals: tuple[Goal, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        explore(case(*goals))


def test_what_begins_with_a_prefix_does_not_tell_that_a_goal_is_never_reached() -> None:
    late = Options(strategy="dfs", prefix=((1, 0),) * 5)
    result = explore(case(EARLY), late)
    assert (result.goals[0].executions, result.findings) == (0, [])
    assert goal_lines(result) == [f"goal not reached so far: {EARLY}"]
