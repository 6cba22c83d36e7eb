"""What holds where several places say how to explore, and what is no option."""

from __future__ import annotations

import pytest

from lockwright import pytest_plugin
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.options import RULES, Options
from lockwright.pytest_plugin.asked import CHECKS, Layer, asked, of_profile
from lockwright.testing import profiles
from lockwright.testing.choice import NAMES


def call(**values: Value) -> Layer:
    return Layer("explore()", values)


def test_the_first_that_says_something_holds() -> None:
    layers = (
        call(seed=1),
        Layer("the test", {"seed": 2, "strategy": "pct"}),
        Layer("the class", {"strategy": "pos", "executions": 7}),
        of_profile(profiles.PROFILES["dev"]),
    )
    how = asked(layers)
    assert how.options == Options("pct", seed=1, executions=7, seconds=20.0)
    assert how.sources == {
        "seed": "explore()",
        "strategy": "the test",
        "executions": "the class",
        "seconds": "the profile dev",
    }


def test_a_bound_that_is_taken_away_is_gone() -> None:
    how = asked((call(seconds=None, executions=None), of_profile(profiles.PROFILES["dev"])))
    assert (how.options.executions, how.options.seconds) == (None, None)


def test_parameters_of_all_places_are_put_together() -> None:
    layers = (
        call(parameters={"rounds": 2, "gate": True}),
        Layer("the test", {"parameters": {"rounds": 1, "name": "x"}, "memory": "tso"}),
    )
    assert asked(layers).parameters == {
        "memory": "tso",
        "rounds": "2",
        "gate": "True",
        "name": "x",
    }


def test_a_list_of_rules_becomes_a_tuple() -> None:
    assert asked((call(rules=["leak", "deadlock"]),)).options.rules == ("leak", "deadlock")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"stratgy": "pct"}, "unknown option 'stratgy'; did you mean strategy"),
        ({"version": "x"}, "unknown option 'version'"),
        ({"strategy": "ptc"}, "unknown strategy 'ptc'; did you mean pct"),
        ({"strategy": 7}, "unknown strategy '7'"),
        ({"granularity": "line"}, "unknown granularity 'line'"),
        ({"executions": 0}, "executions=0: expected a number, 1 or more"),
        ({"executions": True}, "executions=True: expected a number"),
        ({"executions": "all"}, "executions='all': expected a number"),
        ({"seconds": 0}, "seconds=0: expected a length of time above 0"),
        ({"seconds": float("inf")}, "seconds=inf: expected a length of time"),
        ({"seconds": "1"}, "seconds='1': expected a length of time"),
        ({"seed": None}, "seed=None: expected a number"),
        ({"seed": 1.5}, "seed=1.5: expected a number"),
        ({"rules": "deadlock"}, "rules='deadlock': expected a list of rules, of: deadlock"),
        ({"rules": ()}, r"rules=\(\): expected a list"),
        ({"rules": ("deadlok",)}, "unknown rule 'deadlok'; did you mean deadlock"),
        ({"depth": 0}, "depth=0: expected a number, 1 or more"),
        ({"bound": -1}, "bound=-1: expected a number, 0 or more"),
        ({"mix": "pct:x"}, "malformed mix"),
        ({"mix": 3}, "mix=3: expected a text"),
        ({"attempts": -1}, "attempts=-1: expected a number, 0 or more"),
        ({"jobs": 0}, "jobs=0: expected a number, 1 or more"),
        ({"coverage": 1}, "coverage=1: expected True or False"),
        ({"slow": "work"}, "slow='work': expected a list, of: grace periods, work"),
        ({"slow": ["wrok"]}, "unknown delay 'wrok'; did you mean work"),
        ({"memory": "weak"}, "unknown memory 'weak'"),
        ({"parameters": ["a"]}, "parameters=.*: expected a mapping"),
        ({"parameters": {"a": None}}, "parameters: 'a': None is no text, number, True or False"),
        ({"parameters": {"a": "b c"}}, ".*: expected texts without space, comma, ' and ~"),
        ({"parameters": {"a=b": 1}}, ".*: expected texts without space, comma, ' and ~"),
    ],
)
def test_what_is_no_option_is_refused(values: dict[str, Value], said: str) -> None:
    with pytest.raises(UsageError, match=f"explore\\(\\): {said}"):
        asked((call(**values),))


def test_all_options_that_an_exploration_has_can_be_said() -> None:
    ours = {"version", "events", "prefix"}
    assert set(CHECKS) - {"memory", "parameters"} == set(Options.__slots__) - ours


def test_what_stopped_a_search_is_named() -> None:
    how = asked((call(executions=5), of_profile(profiles.PROFILES["dev"])))
    (said,) = how.stopped(5)
    assert said == "It stopped at the bound of 5 executions, given by explore()."
    (said,) = how.stopped(4)
    assert said == "It stopped at the bound of 20 seconds, given by the profile dev."
    how = asked((call(strategy="pct", seconds=0.5),))
    assert how.stopped(4) == ("Strategy pct draws its schedules: it never verifies.",)


def test_the_profiles_are_those_that_can_be_chosen() -> None:
    assert tuple(profiles.PROFILES) == NAMES == pytest_plugin.PROFILES
    assert profiles.DEFAULT == pytest_plugin.DEFAULT
    assert set(RULES) >= {"deadlock", "data-race"}


def test_the_profile_of_the_process_is_dev_until_another_is_used() -> None:
    before = profiles.use("dev")
    try:
        assert profiles.current() is profiles.PROFILES["dev"]
        assert profiles.use("thorough") == "dev"
        assert profiles.current() is profiles.PROFILES["thorough"]
        with pytest.raises(UsageError, match="unknown profile 'fast'; there are: dev, ci, thoro"):
            profiles.use("fast")
        assert profiles.current().name == "thorough"
    finally:
        profiles.use(before)
