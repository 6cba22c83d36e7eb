"""Data races of whole explorations: one result, however it was come by, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from lockwright import searches
from lockwright.check import datarace
from lockwright.core.result import Verdict
from lockwright.core.world import World
from lockwright.explore import rounds
from lockwright.kernel.context import sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.options import RULES
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore
from lockwright.token import parse_token
from tests.check.oracle import building, hidden, scripts
from tests.check.racing import Box
from tests.test_checkpoint import disturbed

WITHOUT = tuple(name for name in RULES if name != "data-race")


SEEDS = (9, 101, 130, 176)
"""Programs in which it matters what was learnt of a race before, and in which piece."""


def scenario_of(seed: int) -> Scenario:
    """Random tasks: any, or those whose sections hide races."""
    random = Random(f"explored {seed}")
    tasks = hidden(random) if seed % 2 else scripts(random, 3, 4)
    return Scenario(f"test/races:{seed}", building(tasks))


def careless(world: World) -> None:
    """A race behind a section of each task: in most schedules the lock orders it."""
    box, mutex = Box(world, "b"), Mutex(world, "M")

    async def first() -> None:
        await sleepable("x")
        box.data = 1
        await mutex.lock()
        box.other = 1
        await mutex.unlock()

    async def second() -> None:
        await mutex.lock()
        box.flag = 1
        await mutex.unlock()
        box.data = 2

    world.spawn(first(), "one")
    world.spawn(second(), "two")


CARELESS = Scenario("test/races:careless", careless)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces in a small search."""
    monkeypatch.setattr(rounds, "FIRST", 2)
    monkeypatch.setattr(rounds, "MOST", 3)
    monkeypatch.setattr(searches, "RANGE", 7)
    monkeypatch.setattr("lockwright.parallel.RANGE", 7)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("strategy", ["dpor", "random", "dfs", "bounded"])
def test_a_search_that_is_taken_up_again_finds_the_same_races(strategy: str) -> None:
    raced = 0
    for seed in SEEDS:
        scenario = scenario_of(seed)
        options = Options(strategy, seed, 30, bound=2 if strategy == "bounded" else None)
        whole = explore(scenario, options)
        for every in (1, 3):
            assert disturbed(scenario, options, every)[0].to_text() == whole.to_text()
        raced += sum(finding.kind == "data race" for finding in whole.findings)
    assert raced >= len(SEEDS)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("strategy", ["dpor", "random"])
def test_several_processes_find_the_same_races(strategy: str) -> None:
    raced = 0
    for seed in SEEDS:
        scenario = scenario_of(seed)
        most = 30 if strategy == "random" else None
        whole = explore(scenario, Options(strategy, seed, most))
        shared = explore(scenario, Options(strategy, seed, most, jobs=2))
        assert shared.to_text() == whole.to_text()
        raced += sum(finding.kind == "data race" for finding in whole.findings)
    assert raced >= len(SEEDS)


@pytest.mark.parametrize("attempts", [0, 100])
def test_a_race_that_the_sections_hide_comes_with_a_schedule_that_shows_it(attempts: int) -> None:
    result = explore(CARELESS, Options(attempts=attempts))
    # the two orders of the writes; that of the sections is left open
    assert (result.executions, result.complete, result.granularity) == (2, True, "section")
    (finding,) = result.findings
    assert finding.signature == "box->data: first / second"
    assert "BUG: KCSAN: data-race in first / second" in finding.text
    session = Session(CARELESS, Options("replay"))
    token = parse_token(finding.token)
    record, (again,) = session.run_once(token.schedule, token.marks)
    assert (record.misfit, again.signature, again.text) == ("", finding.signature, finding.text)


def test_a_race_is_shrunk_to_the_accesses_that_make_it() -> None:
    (finding,) = explore(CARELESS, Options(attempts=200)).findings
    assert (finding.minimal, finding.preemptions) == (True, 0)
    # the lock orders the second task after the first, not the first after the second's last write
    assert [task for task, _ in finding.schedule][-1] == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_race_that_is_predicted_and_not_shown_prevents_a_proof(
    monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    def none(*_: object) -> Iterator[list[tuple[int, int]]]:
        return iter(())

    monkeypatch.setattr(datarace, "witnesses", none)
    result = explore(CARELESS, Options(jobs=jobs))
    assert (result.findings, result.unshown) == ([], ["box->data"])
    assert (result.verdict, result.complete, result.exhausted) == (Verdict.STOPPED, False, True)
    assert result.assumptions[0] == (
        "2 executions: a data race is predicted, and none of the schedules tried shows it: "
        "box->data"
    )


@pytest.mark.parametrize(
    ("memory", "rules", "said"),
    [
        ("sc", RULES, "plain accesses need none where nothing races"),
        ("sc", WITHOUT, "no plain accesses race: that was not judged"),
        ("tso", RULES, "that is judged under sequential consistency alone"),
        ("pso", RULES, "that is judged under sequential consistency alone"),
    ],
)
def test_a_result_says_what_it_assumes_of_plain_accesses(
    memory: str, rules: tuple[str, ...], said: str
) -> None:
    scenario = Scenario("test/races:memory", careless).with_parameters({"memory": memory})
    result = explore(scenario, Options(rules=rules))
    assert result.assumptions[2].endswith(said)
    assert [finding.kind for finding in result.findings] == (
        ["data race"] if memory == "sc" and "data-race" in rules else []
    )
