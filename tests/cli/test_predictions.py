"""What `lockwright check` says of the lock order of several scenarios, and compositions by name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.process import lockwright_in, make_project

SCENARIOS = '''
"""Scenarios over one ground."""
from dataclasses import dataclass
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import scenario


@dataclass
class Place:
    world: World
    a: Mutex
    b: Mutex
    gate: Mutex


def place(world):
    return Place(world, Mutex(world, "A"), Mutex(world, "B"), Mutex(world, "gate"))


async def nested(*locks):
    for lock in locks:
        await lock.lock()
    for lock in reversed(locks):
        await lock.unlock()


@scenario("open/locks:ab", ground=place)
def ab(at):
    """A, then B."""
    at.world.spawn(nested(at.a, at.b), "ab")


@scenario("open/locks:ba", ground=place)
def ba(at):
    """B, then A."""
    at.world.spawn(nested(at.b, at.a), "ba")


@scenario("gated/locks:ab", ground=place)
def gated_ab(at):
    """A, then B, under a gate."""
    at.world.spawn(nested(at.gate, at.a, at.b), "ab")


@scenario("gated/locks:ba", ground=place)
def gated_ba(at):
    """B, then A, under a gate."""
    at.world.spawn(nested(at.gate, at.b, at.a), "ba")
'''


@pytest.fixture(scope="module")
def open_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("open") / "project", scenarios=SCENARIOS)


def test_two_verified_scenarios_can_deadlock_together(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "open/locks")
    assert done.status == 1
    assert "predictions over 2 scenarios of open/locks\n" in done.out
    assert "  no scenario predicts it by itself\n" in done.out
    assert "\n  B with A held (EN): ab\n" in done.out
    assert re.search(
        r"\n  tried open/locks:(ab\+ba|ba\+ab): \d+ executions?, confirmed\n", done.out
    )
    assert "\nWARNING: possible circular locking dependency detected\n" in done.out
    (command,) = re.findall(r"^replay: lockwright replay '(.*)'$", done.out, re.MULTILINE)
    again = lockwright_in(open_project, "replay", command)
    assert again.status == 1
    assert "2 tasks wait for ever" in again.out


def test_a_refuted_prediction_breaks_nothing(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "gated/locks")
    assert done.status == 0
    assert "  refuted: no trace of the composition deadlocks on it\n" in done.out
    wide = [line for line in done.out.splitlines() if len(line) > 80]
    assert wide == []


def test_one_that_was_not_explored_to_its_end_is_open(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "gated/locks", "--predict-executions", "1")
    assert done.status == 3
    assert "  open: 1 execution of 1 composition did not deadlock on it, and not all" in done.out


def test_without_predictions_nothing_is_composed(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "open/locks", "--no-predict")
    assert (done.status, "predictions" in done.out) == (0, False)
    done = lockwright_in(open_project, "check", "open/locks", "--no-predict", "--format", "json")
    assert "predictions" not in json.loads(done.out)


def test_quietly_a_prediction_is_one_line(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "gated/locks", "--quiet")
    said = done.out.split("\n\n")[-1].splitlines()
    assert said[0] == "predictions over 2 scenarios of gated/locks"
    assert len(said) == 2
    assert said[1].startswith("possible circular locking dependency: ")
    assert said[1].endswith(": refuted")


def test_json_has_the_predictions_beside_the_results(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "--format", "json")
    data = json.loads(done.out)
    assert (done.status, len(data["results"]), len(data["predictions"])) == (1, 4, 2)
    by_design = {prediction["design"]: prediction for prediction in data["predictions"]}
    real, false = by_design["open/locks"], by_design["gated/locks"]
    assert (real["reality"], false["reality"]) == ("confirmed", "refuted")
    assert real["scenarios"] == ["open/locks:ab", "open/locks:ba"]
    assert sorted(real["classes"]) == ["A", "B"]
    assert real["token"].startswith(f"lw1~{real['composed']}~")
    assert real["deadlock"]["kind"] == "deadlock"
    assert (false["token"], false["deadlock"]) == ("", None)
    assert [attempt["outcome"] for attempt in false["attempts"]] == ["refuted"]


def test_a_composition_can_be_asked_for_by_name(open_project: Path) -> None:
    done = lockwright_in(open_project, "check", "open/locks:ab+ba", "--no-predict")
    assert done.status == 1
    assert "open/locks:ab+ba: ab, ba, together." in done.out
    listed = lockwright_in(open_project, "list", "open/locks:ab+ba")
    assert (listed.status, "open/locks:ab+ba" in listed.out) == (0, True)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("open/locks:ab+bb", "no scenario open/locks:bb"),
        ("open/locks:ab+", "'' is no part: expected CASE, CASE@TASK or writer(CLASS)"),
        ("open/locks:ab+writer(A)", "writer(A): A is no reader-writer lock"),
        ("open/locks:ab@cat", "lockwright: open/locks:ab@cat: ab has no task 'cat'; it has: ab"),
        ("open/locks:ab+writer(Z)", "+writer(Z): writer(Z): no lock of class Z at the beginning"),
    ],
)
def test_a_composition_that_cannot_be_is_a_usage_error(
    open_project: Path, target: str, said: str
) -> None:
    done = lockwright_in(open_project, "check", target)
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err
