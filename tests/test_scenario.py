"""Scenarios: names, parameters, variants."""

from __future__ import annotations

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.scenario import Scenario, scenario


@scenario("mine/abba:two", release="6.5.0", queued=False, tasks=2, comm="cat")
def two(world: World, *, queued: bool, tasks: int, comm: str) -> None:
    """Two tasks.

    And more to say.
    """
    world.state = (queued, tasks, comm)


def test_a_scenario_knows_its_design_case_title_and_defaults() -> None:
    assert isinstance(two, Scenario)
    assert (two.design, two.case, two.title) == ("mine/abba", "two", "Two tasks.")
    world = World()
    two.set_up(world)
    assert world.state == (False, 2, "cat")


def test_parameters_come_from_text() -> None:
    world = World()
    two.with_parameters({"queued": "yes", "tasks": "3", "comm": "dog"}).set_up(world)
    assert world.state == (True, 3, "dog")
    assert two.parameters["tasks"] == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"writer": "1"}, "has no parameter 'writer'; it has: queued, tasks, comm"),
        ({"queued": "maybe"}, "queued is true or false, not 'maybe'"),
        ({"tasks": "many"}, "tasks is a number, not 'many'"),
    ],
)
def test_an_impossible_parameter_is_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        two.with_parameters(given)


def test_what_was_given_is_what_differs_from_the_declaration() -> None:
    given = two.with_parameters({"tasks": "3", "queued": "no"})
    assert given.given == {"tasks": 3}
    assert given.with_parameters({"tasks": "2"}).given == {}
    assert given.with_parameters({"memory": "tso"}).given == {"tasks": 3, "memory": "tso"}
    assert two.given == {}


def test_a_variant_declares_its_parameters() -> None:
    three = two.variant("three", tasks=3)
    assert three.given == {}
    assert three.with_parameters({"tasks": "2"}).given == {"tasks": 2}


def test_a_variant_has_its_own_case_and_parameters() -> None:
    three = two.variant("three", title="Three tasks.", tasks=3)
    assert (three.name, three.title, three.parameters["tasks"]) == (
        "mine/abba:three",
        "Three tasks.",
        3,
    )
    assert two.variant("again").title == two.title


@pytest.mark.parametrize("name", ["mine", "mine:", ":two", "a b:c", "a:b:c", "a~b:c", "a*:c"])
def test_a_name_that_no_command_line_could_say_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a scenario name: expected DESIGN:CASE"):
        scenario(name)
