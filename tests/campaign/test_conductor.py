"""An item that is explored piece by piece ends as an exploration in one go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from math import inf

import pytest

from lockwright.campaign import conductor as conducting
from lockwright.campaign import sampled
from lockwright.campaign.conductor import Conductor, Exhaustive
from lockwright.campaign.explored import Explorer
from lockwright.campaign.item import CORPUS, Arm, Item
from lockwright.campaign.piece import Piece
from lockwright.campaign.record import DONE, FAILED, GOING, CorpusEntry, Record
from lockwright.campaign.sampled import Sampled
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.explore import rounds, spine
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.options import Options
from lockwright.project import Project
from lockwright.scenario import Scenario
from lockwright.session import explore
from tests.test_checkpoint import TURNING
from tests.test_parallel import FAULTY, KEEPING


def losing(world: World) -> None:
    """Three tasks that lose increments, and a lock order that turns with what they see."""
    a, b = Mutex(world, "A"), Mutex(world, "B")
    count = Variable(world, 0, "count")
    world.state = count

    async def adds() -> None:
        seen = await READ_ONCE(count)
        first, second = (b, a) if seen == 2 else (a, b)
        await first.lock()
        await second.lock()
        await WRITE_ONCE(count, seen + 1)
        await second.unlock()
        await first.unlock()
        await READ_ONCE(count)

    for nth in range(3):
        world.spawn(adds(), f"adds{nth}")


BIG = Scenario("test/losing:three", losing, outcome=lambda world: str(world.state.value))
SCENARIOS = (TURNING, replace(TURNING, parameters={"orders": "AB BC CA"}), KEEPING, FAULTY, BIG)
PROJECT = Project({scenario.name: scenario for scenario in SCENARIOS}, "1")


@pytest.fixture(autouse=True)
def _finely_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_finely(monkeypatch)


def cut_finely(patching: pytest.MonkeyPatch) -> None:
    """Let searches be cut into many pieces."""
    for module, name, size in (
        (rounds, "FIRST", 4),
        (rounds, "MOST", 16),
        (rounds, "BATCHES", 8),
        (rounds, "PARTS", 16),
        (spine, "BRANCHES", 2),
        (conducting, "FIRST", 10),
        (conducting, "LENGTH", 25),
        (sampled, "PIECE", 256),
    ):
        patching.setattr(module, name, size)


def begun(record: Record, state: Value, corpus: list[CorpusEntry], scenario: Scenario) -> Conductor:
    if record.item.arms:
        return Sampled(record, scenario, state, corpus)
    return Exhaustive(record, scenario, state)


def generations(
    item: Item, scenario: Scenario, *, anew: bool, left: float = inf, pieces: int = 6
) -> Iterator[tuple[Conductor, list[Value]]]:
    """Explore an item; each generation with its works.  `anew`: every one by another conductor,
    which knows what a store would have kept."""
    explorer = Explorer(Project({scenario.name: scenario}, "1"))
    conductor = begun(Record(item), None, [], scenario)
    while True:
        works = conductor.works(pieces, left)
        left -= sum(_explored(explorer, conductor, work) for work in works)
        change = conductor.change()
        yield conductor, works
        if change.record.phase != GOING:
            return
        if anew:
            state = json.loads(json.dumps(change.state))
            conductor = begun(change.record, state, change.corpus or [], scenario)


def _explored(explorer: Explorer, conductor: Conductor, work: Value) -> int:
    """Explore a piece as another process does, that sees JSON only; how many executions it had."""
    piece = Piece.from_json(json.loads(json.dumps(Piece(0, 0, conductor.item, work).as_json())))
    told = json.loads(json.dumps(explorer.explore(piece)))
    conductor.enter(work, told)
    return int(told["executions"])


def ended(item: Item, scenario: Scenario, *, anew: bool) -> Result:
    *_, (conductor, _) = generations(item, scenario, anew=anew)
    assert conductor.record.phase == DONE, conductor.record.failure
    assert conductor.record.result is not None
    return conductor.record.result


def said(result: Result) -> str:
    """All that a Result says but the interleavings themselves."""
    data = result.as_json()
    for finding in data["findings"]:
        finding["events"], finding["timeline"] = [], None
        if finding["nearest"]:
            finding["nearest"]["events"] = []
    return json.dumps(data, sort_keys=True, indent=1)


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("strategy", ["dpor", "dfs", "bounded"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_an_exhaustive_search_in_pieces_ends_as_in_one_go(
    scenario: Scenario, strategy: str, *, anew: bool
) -> None:
    executions = 300 if strategy != "dpor" else None
    options = Options(strategy, executions=executions, version="1", attempts=5)
    item = Item(0, scenario.name, (), options)
    assert said(ended(item, scenario, anew=anew)) == said(explore(scenario, options))


def test_the_largest_of_these_was_shared_out() -> None:
    item = Item(0, BIG.name, (), Options(version="1"))
    kinds = [work["kind"] for _, works in generations(item, BIG, anew=True) for work in works]
    assert kinds[0] == "slice"
    assert kinds.count("batch") > 20
    assert kinds[-1] == "slice"


@pytest.mark.parametrize("executions", [7, 10, 11, 40, 97])
def test_a_bound_on_executions_is_kept_exactly(executions: int) -> None:
    options = Options(executions=executions, version="1")
    item = Item(0, BIG.name, (), options)
    assert said(ended(item, BIG, anew=True)) == said(explore(BIG, options))


def test_the_strategy_that_cannot_be_left_ends_in_one_piece() -> None:
    options = Options("liveness", version="1")
    item = Item(0, TURNING.name, (), options)
    made = list(generations(item, TURNING, anew=True))
    assert len(made) == 1
    assert made[0][0].record.result is not None
    assert said(made[0][0].record.result) == said(explore(TURNING, options))


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("strategy", ["random", "pct", "coverage"])
def test_one_random_strategy_without_guidance_ends_as_in_one_go(
    strategy: str, *, anew: bool
) -> None:
    options = Options(strategy, 3, executions=700, version="1")
    item = Item(0, FAULTY.name, (), options, (Arm(strategy, 3, 700),))
    assert said(ended(item, FAULTY, anew=anew)) == said(explore(FAULTY, options))


def sampled_item(*, guided: bool) -> Item:
    arms = [Arm("random", 1, 600), Arm("random", 2, 600), Arm("pct", 1, 600)]
    if guided:
        arms.append(Arm(CORPUS, 1, 0))
    options = Options(
        "mix", 1, executions=1800, version="1", mix="random,pct", coverage=guided, attempts=5
    )
    return Item(0, FAULTY.name, (), options, tuple(arms))


@pytest.mark.parametrize("guided", [False, True])
def test_several_arms_find_the_same_whoever_conducts_them(*, guided: bool) -> None:
    item = sampled_item(guided=guided)
    one, other = (list(generations(item, FAULTY, anew=anew)) for anew in (False, True))
    assert [works for _, works in one] == [works for _, works in other]
    results = [made[-1][0].record.result for made in (one, other)]
    assert results[0] is not None
    assert results[1] is not None
    assert said(results[0]) == said(results[1])
    assert results[0].executions == 1800
    assert results[0].strategy == item.strategy
    assert {finding.kind for finding in results[0].findings} >= {"deadlock", "use-after-free"}


def test_without_guidance_each_arm_has_its_own_executions() -> None:
    had: dict[str, int] = {}
    for _, works in generations(sampled_item(guided=False), FAULTY, anew=True):
        for work in works:
            if work["kind"] == "range":
                name, (first, end) = Arm(**work["arm"]).name, work["range"]
                assert first == had.get(name, 0)
                had[name] = end
    assert had == {"random:1": 600, "random:2": 600, "pct:1": 600}


def test_with_guidance_schedules_that_covered_something_are_mutated() -> None:
    kinds = [
        (work["arm"]["strategy"], bool(work.get("parents")))
        for _, works in generations(sampled_item(guided=True), FAULTY, anew=False, pieces=4)
        for work in works
        if work["kind"] == "range"
    ]
    assert (CORPUS, True) in kinds
    assert (CORPUS, False) not in kinds
    assert {strategy for strategy, _ in kinds} == {"random", "pct", CORPUS}


def test_no_more_executions_are_given_out_than_are_left() -> None:
    for item, scenario in (
        (sampled_item(guided=True), FAULTY),
        (Item(0, BIG.name, (), Options(version="1")), BIG),
    ):
        conductor = begun(Record(item), None, [], scenario)
        explorer, left = Explorer(PROJECT), 500
        while left > 0 and conductor.record.phase != DONE:
            works = conductor.works(6, left)
            had = sum(_explored(explorer, conductor, work) for work in works)
            assert had <= conductor.most <= left
            left -= had
            conductor.change()
        assert left == 0 or conductor.record.phase == DONE


def test_what_was_explored_so_far_can_be_judged() -> None:
    conductor = begun(Record(sampled_item(guided=False)), None, [], FAULTY)
    explorer = Explorer(PROJECT)
    for work in conductor.works(6, inf)[:3]:
        _explored(explorer, conductor, work)
    conductor.change()
    work = conductor.finish()
    told = explorer.explore(Piece(-1, 0, conductor.item, work))
    result = Result.from_json(told["result"])
    assert result.executions == conductor.record.executions > 0
    assert result.findings


def test_a_search_whose_piece_was_given_up_has_failed() -> None:
    conductor = begun(Record(Item(0, BIG.name, (), Options(version="1"))), None, [], BIG)
    (work,) = conductor.works(6, inf)
    conductor.enter(work, None)
    assert conductor.change().record.phase == FAILED


def test_random_executions_that_were_given_up_are_left_out() -> None:
    item = sampled_item(guided=False)
    explorer = Explorer(PROJECT)
    conductor = begun(Record(item), None, [], FAULTY)
    for at, work in enumerate(conductor.works(6, inf)):
        if at:
            _explored(explorer, conductor, work)
        else:
            conductor.enter(work, None)
    conductor.change()
    while conductor.record.phase == GOING:
        for work in conductor.works(6, inf):
            _explored(explorer, conductor, work)
        conductor.change()
    assert conductor.record.phase == DONE
    assert conductor.record.executions == 1800 - 256
