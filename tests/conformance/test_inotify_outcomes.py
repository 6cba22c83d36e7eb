"""What two processes at once came to on a kernel is reached by exploring the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.kernel.mutex import Mutex
from model.fsnotify import notification
from model.fsnotify.objects import Client
from stress.conformance import inotify_races
from stress.conformance.inotify_calls import Result
from stress.conformance.inotify_model import Model
from stress.conformance.inotify_races import (
    RACES,
    Race,
    outcome_text,
    reached,
    recorded,
    write,
)

SEEN = recorded()
BY_NAME = {race.name: race for race in RACES}
LEAST = 500


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_all_that_the_kernel_came_to_is_reached(race: Race) -> None:
    assert set(SEEN[race.name]) - reached(race) == set()


def test_every_race_was_done_on_the_kernel_often() -> None:
    assert set(SEEN) == set(BY_NAME)
    assert len(BY_NAME) == len(RACES)
    assert [name for name, seen in SEEN.items() if sum(seen.values()) < LEAST] == []


def test_the_kernel_showed_races() -> None:
    """Where there are two outcomes, both processes were at work at once, or either came first."""
    assert sum(len(seen) > 1 for seen in SEEN.values()) >= len(RACES) // 2


def test_two_calls_that_both_find_the_watch_both_succeed_and_it_ends_once() -> None:
    name = "rm g1 1, rm g1 1 after add g1 f1 MODIFY"
    after = "0, 0, [IGNORED 1], []"
    expected = {f"0; 0; {after}", f"0; EINVAL; {after}", f"EINVAL; 0; {after}"}
    assert set(SEEN[name]) == reached(BY_NAME[name]) == expected


def test_an_outcome_that_cannot_be_is_not_reached() -> None:
    race = BY_NAME["rm g1 1, rm g1 1 after add g1 f1 MODIFY"]
    assert "EINVAL; EINVAL; 0, 0, EAGAIN, []" not in reached(race)


FEW = (
    "add g1 f1 ACCESS, rm g1 1 after add g1 f1 MODIFY",
    "modify f1, rm g1 1 after add g1 f1 MODIFY, open f1",
    "modify f1, modify f1 after add g1 f1 MODIFY",
    "rm g1 1, rm g1 1 after add g1 f1 MODIFY",
    "release f1, rm g1 1 after add g1 f1 MODIFY|DELETE_SELF, open f1, unlink f1",
)


def lacking() -> list[str]:
    """Those of a few races of which the model, as it is now, does not reach all that was seen."""
    anew = reached.__wrapped__
    return [name for name in FEW if set(SEEN[name]) - anew(BY_NAME[name])]


def test_the_model_lacks_nothing() -> None:
    assert lacking() == []


def test_a_model_that_merges_no_events_lacks_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "inotify_merge", lambda *event: None)
    assert lacking() == ["modify f1, modify f1 after add g1 f1 MODIFY"]


class OneAtATime(Model):
    """A call begins when none is at work."""

    def __init__(self, at: Client) -> None:
        super().__init__(at)
        self.lock = Mutex(at.world, "one at a time")

    async def do(self, call: str) -> Result:
        await self.lock.lock()
        result = await super().do(call)
        await self.lock.unlock()
        return result


def test_what_the_kernel_showed_needs_calls_that_are_at_work_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inotify_races, "Model", OneAtATime)
    assert lacking() == [name for name in FEW if "rm g1 1" in name and "ACCESS" not in name]


@pytest.mark.parametrize("race", [race for race in RACES if race.split], ids=lambda race: race.name)
def test_a_sum_in_two_steps_only_adds_outcomes(race: Race) -> None:
    """What it adds is the lost bit, which the kernel may have shown or not."""
    lost = reached(race) - reached(replace(race, split=False))
    assert lost
    assert all("[ACCESS 1], [1 f1 ACCESS|MODIFY]" in outcome for outcome in lost)


def test_outcomes_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.json"
    write(path, "1.2.3", {"b": (3, {"x": 2, "a": 1}), "a": (1, {"y": 1})})
    assert recorded(path) == {"b": {"a": 1, "x": 2}, "a": {"y": 1}}
    assert '"kernel": "1.2.3"' in path.read_text(encoding="utf-8")


def test_results_are_told_process_by_process() -> None:
    results: list[list[Result]] = [[1, "EINVAL"], [0], [["MODIFY 1", "IGNORED 1"], []]]
    assert outcome_text(results) == "1, EINVAL; 0; [MODIFY 1, IGNORED 1], []"
