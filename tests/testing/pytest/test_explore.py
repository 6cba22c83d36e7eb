"""The fixture `explore`, in a test of our own project."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from functools import partial

import pytest

from lockwright.calls import Call, Calls
from lockwright.core.errors import UsageError
from lockwright.core.result import Verdict
from lockwright.core.schedule import parse_schedule
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab
from lockwright.options import Options
from lockwright.pytest_plugin.explorer import Explore
from lockwright.scenario import Scenario, scenario
from lockwright.session import explore as explore_it
from lockwright.testing.assertions import assert_finds, assert_verified
from lockwright.testing.explored import Replayed
from lockwright.testing.failure import Failure
from lockwright.token import Token
from tests.cli.process import SCENARIOS
from tests.testing.pytest.sample import CALLS

DEMO: dict[str, object] = {}
exec(SCENARIOS, DEMO)


def demo(name: str) -> Scenario:
    made = DEMO[name]
    assert isinstance(made, Scenario)
    return made


def vocabulary(name: str) -> Calls:
    made: dict[str, object] = {}
    exec(CALLS, made)
    calls = made[name]
    assert isinstance(calls, Calls)
    return calls


class Number(Slab):
    """A number under a mutex."""

    value: Field[int] = Field(0)


@scenario("demo/counter:two", atomic=False)
def counter(world: World, *, atomic: bool) -> None:
    """Two tasks add one to a number."""
    mutex, number = Mutex(world, "mutex"), Number(world, "number")
    world.state = number

    async def add() -> None:
        await mutex.lock()
        seen = number.value
        if not atomic:
            await mutex.unlock()
            await mutex.lock()
        number.value = seen + 1
        await mutex.unlock()

    world.spawn(add(), "one")
    world.spawn(add(), "two")


def total(world: World) -> str:
    return str(world.state.value)


def nothing_is_lost(world: World) -> list[str]:
    return [] if world.state.value == 2 else ["an addition is lost"]


def test_a_result_answers_what_a_test_asks(explore: Explore) -> None:
    explored = explore(counter, outcome=total)
    assert explored.assert_verified() is explored
    # the sections are four, two a task: either task's second comes last, or none is between
    explored.assert_outcomes({"1", "2"})
    assert set(explored.outcomes) == {"1", "2"}
    explored.assert_outcomes(explored.outcomes)
    with pytest.raises(Failure, match=r"(?s)in no execution: 3.*, in \d+ executions?: 1$"):
        explored.assert_outcomes({"2", "3"})
    fewer = {**explored.outcomes, "1": explored.outcomes["1"] - 1}
    with pytest.raises(Failure, match=r"expected in \d+ executions?, in \d+: 1$"):
        explored.assert_outcomes(fewer)
    with pytest.raises(UsageError, match=r"a set of outcomes, as \{'2'\}, not one text"):
        explored.assert_outcomes("2")


def test_parameters_and_promises_come_from_the_test(explore: Explore) -> None:
    explored = explore(counter, at_end=[nothing_is_lost])
    explored.assert_finds("broken promise", says="^an addition is lost$")
    with pytest.raises(Failure, match="broken promise: an addition is lost"):
        explored.assert_verified()
    safe = {"atomic": True}
    explore(counter, at_end=[nothing_is_lost], outcome=total, parameters=safe).assert_outcomes(
        {"2"}
    )
    explore(counter, sometimes=["it rains"]).assert_finds("goal never reached", says="it rains")


@pytest.mark.interleavings(strategy="random", executions=3, seed=5)
class TestMarkers:
    def test_the_class_says(self, explore: Explore) -> None:
        result = explore(counter).result
        assert (result.strategy, result.executions, result.seed) == ("random", 3, 5)

    @pytest.mark.interleavings(seed=6, executions=2)
    def test_the_function_says_first(self, explore: Explore) -> None:
        result = explore(counter).result
        assert (result.strategy, result.executions, result.seed) == ("random", 2, 6)
        assert explore(counter, seed=7).result.seed == 7


def test_a_search_that_was_stopped_does_not_verify(explore: Explore) -> None:
    stopped = explore(counter, executions=1).assert_no_findings()
    assert stopped.verdict is Verdict.STOPPED
    with pytest.raises(Failure, match="not verified") as caught:
        stopped.assert_verified(within_bound=True)
    said = " ".join(caught.value.text.split())
    assert said.startswith("demo/counter:two: not verified: stopped: 1 execution, not all interl")
    assert "It stopped at the bound of 1 execution, given by explore()." in said
    assert "assert_no_findings() wants no more" in said
    with pytest.raises(Failure, match="these outcomes, but maybe not all: stopped"):
        explore(counter, executions=1, outcome=total).assert_outcomes({"2"})
    with pytest.raises(Failure, match="Strategy pct draws its schedules: it never verifies"):
        explore(counter, strategy="pct", executions=100).assert_verified()


def test_a_bound_can_be_accepted(explore: Explore) -> None:
    bounded = explore(counter, strategy="bounded", bound=0, outcome=total)
    bounded.assert_verified(within_bound=True).assert_outcomes({"2"}, within_bound=True)
    with pytest.raises(Failure, match=r"assert_verified\(within_bound=True\) accepts the bound"):
        bounded.assert_verified()


def test_a_finding_that_is_not_there_is_told_with_what_is(explore: Explore) -> None:
    explored = explore(demo("two"), rules=["deadlock"])
    with pytest.raises(Failure, match="no finding") as caught:
        explored.assert_finds("deadlok")
    assert caught.value.text.splitlines()[:2] == [
        "demo/abba:two: no finding of kind 'deadlok'",
        "violated: 3 executions",
    ]
    assert "did you mean 'deadlock'?\nfound: deadlock: 2 tasks wait" in caught.value.text
    with pytest.raises(Failure, match="no finding of kind 'deadlock' says 'three'\n"):
        explored.assert_finds("deadlock", says="three")
    with pytest.raises(UsageError, match="is no regular expression"):
        explored.assert_finds("deadlock", says="(")


def test_plain_results_can_be_asked_the_same(explore: Explore) -> None:
    result = explore_it(demo("two"), Options(rules=("deadlock",)))
    assert assert_finds(result, "deadlock", says="holds: A").kind == "deadlock"
    with pytest.raises(AssertionError, match="deadlock") as caught:
        assert_verified(result)
    failure = caught.value
    assert isinstance(failure, Failure)
    assert failure.result is result
    assert failure.findings == tuple(result.findings)
    assert failure.summary.startswith("demo/abba:two: deadlock: 2 tasks wait for ever")
    again = pickle.loads(pickle.dumps(failure))
    assert (again.text, again.summary) == (failure.text, failure.summary)


def test_a_scenario_of_the_project_goes_by_its_name(explore: Explore) -> None:
    explored = explore("eventfs/v3:remove_alone")
    explored.assert_verified()
    assert explored.replay == "lockwright replay"
    assert explored.result.model_version


def test_a_composition_and_a_program_go_by_their_names(explore: Explore) -> None:
    both = explore("eventfs/v3:write_alone+remove_alone", executions=1)
    assert both.replay == "lockwright replay"
    program = explore("eventfs/v3:calls(stat:kprobes|stat:kprobes)", executions=1)
    assert program.replay == "lockwright replay"


def test_a_function_is_a_scenario_under_its_own_name(explore: Explore) -> None:
    def at_once(world: World) -> None:
        """Two tasks at once."""
        counter.build(world, atomic=True)

    explored = explore(at_once)
    explored.assert_verified()
    name = "test_explore:test_a_function_is_a_scenario_under_its_own_name.at_once"
    assert (explored.result.scenario, explored.result.title) == (name, "Two tasks at once.")
    assert explored.replay.startswith("pytest tests/testing/pytest/test_explore.py::test_a_fun")
    assert explored.replay.endswith(" --lockwright-replay")


def made_with(world: World, *, atomic: bool) -> None:
    counter.build(world, atomic=atomic)


def test_what_is_made_in_a_test_has_the_name_of_the_test(explore: Explore) -> None:
    before = "test_explore:test_what_is_made_in_a_test_has_the_name_of_the_test"
    made = partial(made_with, atomic=True)
    assert explore(made).result.scenario == f"{before}.made_with"
    nameless = explore(lambda world: made_with(world, atomic=True))
    assert nameless.result.scenario == f"{before}.lambda"
    assert explore(one_alone).result.scenario == "test_explore:one_alone"
    # all of them stand in this file
    assert explore(made).result.model_version == nameless.result.model_version


def one_alone(world: World) -> None:
    """A task that does nothing."""
    Mutex(world, "mutex")


def test_a_scenario_that_only_has_the_name_of_one_is_not_replayed_as_that(
    explore: Explore,
) -> None:
    name = "eventfs/v3:remove_alone"
    theirs = explore(name)
    ours = explore(replace(counter, name=name))
    assert ours.replay.endswith("--lockwright-replay")
    assert ours.result.model_version != theirs.result.model_version
    other_promises = explore(name, at_end=())
    assert other_promises.replay.endswith("--lockwright-replay")


def test_a_token_is_replayed(explore: Explore) -> None:
    (token,) = explore(demo("two"), rules=["deadlock"]).tokens
    replayed = explore.replay(token, scenario=demo("two"))
    assert isinstance(replayed, Replayed)
    replayed.assert_finds("deadlock").assert_outcomes({"whatever"})
    assert [event.text for event in replayed.events if event.step >= 0] == [
        "mutex_lock(A)",
        "mutex_lock(B)",
    ]
    with pytest.raises(Failure, match="deadlock: 2 tasks wait for ever"):
        replayed.assert_verified()
    with pytest.raises(UsageError, match="the token is of demo/abba:two, not of demo/abba:gated"):
        explore.replay(token, scenario=demo("gated"))
    with pytest.raises(UsageError, match="no scenario 'demo/abba:two'"):
        explore.replay(token)


def test_a_replay_of_another_model_is_refused_unless_forced(explore: Explore) -> None:
    explored = explore(counter, at_end=[nothing_is_lost])
    (token,) = explored.tokens
    with pytest.raises(UsageError, match="malformed token"):
        explore.replay(token[:-1], scenario=counter)
    foreign = explore_it(counter, Options(version="00000000")).scenario
    assert foreign == counter.name
    result = explore_it(demo("two"), Options(version="00000000", rules=("deadlock",)))
    (finding,) = result.findings
    with pytest.raises(UsageError, match=r"made with 00000000, the model here is \w{8}; .*force"):
        explore.replay(finding.token, scenario=demo("two"))
    explore.replay(finding.token, scenario=demo("two"), force=True).assert_finds("deadlock")


def test_an_outcome_of_a_replay_is_among_the_expected_ones(explore: Explore) -> None:
    explored = explore(counter, outcome=total)
    token = Token(counter.name, (), explored.result.model_version, tuple(parse_schedule("2x0")))
    replayed = explore.replay(str(token), scenario=counter)
    assert replayed.outcomes == {}
    replayed.assert_verified().assert_outcomes({"1"})


def test_a_scope_is_explored_as_a_whole(explore: Explore) -> None:
    there = vocabulary("THERE")
    explored = explore.scope(there, tasks=2, operations=1).assert_verified()
    assert (explored.result.scenario, explored.result.title) == (
        "demo/table tasks=2,operations=1",
        "2 programs",
    )
    both = explore.scope(vocabulary("CALLS"), tasks=2, operations=1, rules=["deadlock"])
    both.assert_finds("deadlock", says=r"mutex_lock\(A\)")
    with pytest.raises(Failure, match=re.escape("demo/table:calls(there|back)")):
        both.assert_verified()
    with pytest.raises(UsageError, match="a scope with tasks=0: expected 1 or more"):
        explore.scope(there, tasks=0, operations=1)
    with pytest.raises(UsageError, match="'demo/table' does not say its calls"):
        explore.scope("demo/table", tasks=1, operations=1)
    stopped = explore.scope(
        vocabulary("CALLS"), tasks=2, operations=1, rules=["leak"], executions=1
    )
    with pytest.raises(Failure, match=r"programs? not to the end, first demo/table:calls"):
        stopped.assert_verified()


def test_a_program_of_a_scope_that_raises_is_told(explore: Explore) -> None:
    async def fails(at: object) -> None:
        raise ValueError("no such thing")

    calls = Calls("demo/fails", lambda world: world, {"fail": fails}, alphabet=(Call("fail"),))
    with pytest.raises(Failure, match="the model raised ValueError: no such thing"):
        explore.scope(calls, tasks=1, operations=1)


def test_what_is_asked_for_twice_is_the_same(explore: Explore) -> None:
    texts = {explore(demo("two"), strategy="pct", executions=40).result.to_text() for _ in "ab"}
    assert len(texts) == 1
