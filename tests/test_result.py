"""Results go to JSON and come back."""

from __future__ import annotations

import json

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import Scenario
from lockwright.session import Options, explore


def abba(world: World) -> None:
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def task(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(task(a, b), "one")
    world.spawn(task(b, a), "two")


def result() -> Result:
    return explore(Scenario("test/result:abba", abba), Options(version="0123abcd"))


def test_a_result_reads_back_as_it_was() -> None:
    made = result()
    again = Result.from_json(json.loads(made.to_text()))
    assert again.to_text() == made.to_text()
    assert [f.token for f in again.findings] == [f.token for f in made.findings]
    assert again.findings[0].events == made.findings[0].events


def test_two_explorations_give_the_same_text() -> None:
    assert result().to_text() == result().to_text()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "malformed result: expected an object with a version"),
        ({"version": 99}, "result of version 99: this lockwright reads version 1"),
        ({"version": 1}, "malformed result: KeyError: 'verdict'"),
        ({"version": 1, "verdict": "fine", "findings": []}, "malformed result: ValueError"),
        ({"version": 1, "verdict": "verified", "findings": [{}]}, "malformed result: KeyError"),
        ({"version": 1, "verdict": "verified", "findings": 3}, "malformed result: TypeError"),
        ({"version": 1, "verdict": "verified", "findings": []}, "malformed result: TypeError"),
    ],
)
def test_what_is_no_result_is_refused(data: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Result.from_json(data)
