"""What a step of the models says it touches is all that matters to the other tasks.

Along random executions of the scenarios, neighbouring steps of different tasks that touch nothing
in common are swapped, and the execution is followed again: the same tasks can go on, and each
step touches the same.  A shared variable that is hidden from the machine would show here.
"""

from random import Random

import pytest

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.scenario import Scenario
from stress.scenarios import eventfs_v3, eventfs_v4

CASES = (
    "lookup_vs_deep_lookup",
    "open_close_vs_open_close",
    "list_vs_create",
    "list_vs_remove",
    "open_lookup_remove",
    "read_vs_remove_busy",
)
SCENARIOS = [
    scenario
    for scenario in (*eventfs_v3.SCENARIOS, *eventfs_v4.SCENARIOS)
    if scenario.case in CASES
]
EXECUTIONS = 15

Step = tuple[int, list[int]]
"""(task's number, what it touched)"""


def world_of(scenario: Scenario, names: Names) -> World:
    world = World(names)
    scenario.set_up(world)
    return world


def walk(scenario: Scenario, names: Names, random: Random) -> list[Step]:
    """A random execution that changes tasks every third step or so."""
    world = world_of(scenario, names)
    steps: list[Step] = []
    while enabled := world.enabled():
        again = [task for task in enabled if steps and task.number == steps[-1][0]]
        task = again[0] if again and random.random() < 0.7 else random.choice(enabled)
        steps.append((task.number, world.step(task)))
    world.close()
    return steps


def conflict(one: list[int], other: list[int]) -> bool:
    """Do two steps touch a location in common, and one of them write it?"""

    def locations(codes: list[int], *, writes: bool) -> set[int]:
        return {code >> 1 if code >= 0 else ~code for code in codes if not writes or wrote(code)}

    def wrote(code: int) -> bool:
        return code >= 0 and bool(code & 1)

    return bool(
        locations(one, writes=True) & locations(other, writes=False)
        or locations(other, writes=True) & locations(one, writes=False)
    )


def follow(scenario: Scenario, names: Names, steps: list[Step]) -> str:
    """Take the steps; says where they stop fitting, or nothing."""
    world = world_of(scenario, names)
    try:
        for at, (number, expected) in enumerate(steps):
            task = world.by_number[number] if number < len(world.by_number) else None
            if task is None or task not in world.enabled():
                return f"step {at}: task {number} cannot go on"
            op = task.pending
            said = op.describe() if op is not None else ""
            touched = world.step(task)
            if sorted(set(touched)) != sorted(set(expected)):
                return f"step {at}, {said}: touched {touched}, not {expected}"
    finally:
        world.close()
    return ""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_neighbours_that_touch_nothing_in_common_can_be_swapped(scenario: Scenario) -> None:
    random, names = Random(scenario.name), Names()
    swapped = 0
    for _ in range(EXECUTIONS):
        steps = walk(scenario, names, random)
        places = [
            at
            for at in range(len(steps) - 1)
            if steps[at][0] != steps[at + 1][0] and not conflict(steps[at][1], steps[at + 1][1])
        ]
        for at in random.sample(places, min(len(places), 5)):
            swapped += 1
            other = [*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :]]
            assert follow(scenario, names, other) == ""
    assert swapped > EXECUTIONS
