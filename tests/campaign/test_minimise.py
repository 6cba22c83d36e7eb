"""A corpus and findings made small."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lockwright
from lockwright.campaign import sampled
from lockwright.campaign.conduct import begin, run
from lockwright.campaign.engine import Site
from lockwright.campaign.features import features_of
from lockwright.campaign.identity import identity
from lockwright.campaign.inline import Inline
from lockwright.campaign.item import CORPUS, Arm, Item
from lockwright.campaign.minimise import _smaller, _Trial, minimise
from lockwright.campaign.piece import Ended, Piece
from lockwright.campaign.plan import Entry, Plan
from lockwright.campaign.record import GOING, Change, CorpusEntry, Head, Record
from lockwright.campaign.store import Store
from lockwright.campaign.watcher import Nobody
from lockwright.core.errors import UsageError
from lockwright.core.schedule import Choice, parse_schedule, schedule_text
from lockwright.explore.guided import guided_search
from lockwright.explore.shrink import simpler
from lockwright.judge import cost
from lockwright.options import Options
from lockwright.project import Project
from lockwright.scenario import Scenario
from lockwright.schedule.pct import Pct
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.replay import Replay
from lockwright.session import Session
from lockwright.token import parse_token
from tests.campaign.guided import gates
from tests.explore.making import making
from tests.explore.small_programs import random_program
from tests.test_parallel import FAULTY

PROGRAMS = [
    Scenario(f"test/program:p{seed}", random_program(seed).build) for seed in range(400, 424)
]
GATES = gates(3)
SCENARIOS = (FAULTY, GATES, *PROGRAMS)
PROJECT = Project({scenario.name: scenario for scenario in SCENARIOS}, "1")
PLAN = Plan("small", (Entry(("*",)),))


def item(scenario: Scenario, number: int = 0) -> Item:
    arms = (Arm("random", 1, 0), Arm("pct", 1, 0), Arm(CORPUS, 1, 0))
    options = Options("mix", 1, executions=300, version="1", mix="random,pct", coverage=True)
    return Item(number, scenario.name, (), options, arms)


@pytest.fixture(autouse=True)
def _short_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampled, "PIECE", 20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A campaign that has ended."""
    items = [item(FAULTY), item(GATES, 1)]
    with begin(tmp_path / "small.lwc", PLAN, items, PROJECT) as made:
        site = Site(tmp_path, "1")
        assert run(made, PLAN, PROJECT, Inline(site, PROJECT), Nobody()) == "explored"
        yield made


def union(entries: list[CorpusEntry]) -> set[int]:
    return {feature for entry in entries for feature in entry.features}


def switches(entries: list[CorpusEntry]) -> int:
    return sum(cost(parse_schedule(entry.schedule))[0] for entry in entries)


def shown(scenario: Scenario, schedule: str) -> set[int]:
    """The features of an execution, found out by a session of its own."""
    session = Session(scenario, Options(coverage=True, rules=("lock-order",)))
    (done,) = guided_search(session.make, Replay(parse_schedule(schedule)))
    assert schedule_text(done.schedule) == schedule  # it goes to the end
    session.judge.judge(done)
    covered = session.judge.covered()
    assert covered is not None
    return set(features_of(covered))


def corpus_of(scenario: Scenario, seed: int) -> list[CorpusEntry]:
    """Some schedules with what they cover, most of which is of no use."""
    make = making(scenario.set_up)
    runs = [
        *guided_search(make, RandomWalk(seed, 8)),
        *guided_search(make, Pct(seed, 4, horizon=9)),
    ]
    texts = dict.fromkeys(schedule_text(run.schedule) for run in runs)
    return [CorpusEntry(text, tuple(sorted(shown(scenario, text))), "random:1") for text in texts]


@given(st.sampled_from(PROGRAMS), st.integers(0, 99))
@settings(deadline=None, max_examples=25, derandomize=True)
def test_no_feature_is_lost_and_nothing_gets_larger(scenario: Scenario, seed: int) -> None:
    before = corpus_of(scenario, seed)
    after = _smaller(_Trial(item(scenario), scenario), before, 30)
    assert union(after) >= union(before)
    assert len(after) <= len(before)
    assert switches(after) <= switches(before)
    for at, entry in enumerate(after):
        assert set(entry.features) == shown(scenario, entry.schedule)
        assert not set(entry.features) <= union([*after[:at], *after[at + 1 :]])


def test_schedules_lose_the_switches_that_nothing_needs() -> None:
    zigzag = CorpusEntry("0.1.0.1.4x0", tuple(sorted(shown(GATES, "0.1.0.1.4x0"))), "random:1")
    steady = CorpusEntry("0.2x1.5x0", tuple(sorted(shown(GATES, "0.2x1.5x0"))), "random:1")
    assert set(zigzag.features) <= set(steady.features)
    (after,) = _smaller(_Trial(item(GATES), GATES), [zigzag], 100)
    assert switches([after]) == 2


class Pretended(_Trial):
    """Schedules that cover what is said here."""

    def __init__(self, covering: dict[str, set[int]]) -> None:
        self.covering = covering

    def covered(self, wishes: Sequence[Choice]) -> tuple[str, frozenset[int]]:
        text = schedule_text(wishes)
        return text, frozenset(self.covering.get(text, ()))


def test_what_a_shrunk_schedule_covers_no_other_one_is_kept_for() -> None:
    large, small = CorpusEntry("0.1.0", (1, 2), "a"), CorpusEntry("0.1", (2, 3), "b")
    trial = Pretended({"0.1.0": {1, 2}, "0.1": {2, 3}, "2x0.1": {1, 2, 3}})
    assert _smaller(trial, [large, small], 100) == [CorpusEntry("2x0.1", (1, 2, 3), "a")]


def test_no_more_attempts_are_spent_than_there_are() -> None:
    large = CorpusEntry("0.1.0", (1, 2), "a")
    trial = Pretended({"0.1.0": {1, 2}, "2x0.1": {1, 2}})
    spent = list(simpler(parse_schedule("0.1.0"))).index(tuple(parse_schedule("2x0.1")))
    assert spent > 0
    assert _smaller(trial, [large], spent) == [large]
    assert _smaller(trial, [large], spent + 1) == [CorpusEntry("2x0.1", (1, 2), "a")]


def test_what_cannot_be_shown_again_is_kept_as_it_is() -> None:
    whole = shown(GATES, "0.1.0.1.4x0")
    claims = CorpusEntry("0.1.0.1.4x0", (*sorted(whole), 2**32), "random:1")
    nonsense = CorpusEntry("0.1.0.9", (7,), "random:1")
    after = _smaller(_Trial(item(GATES), GATES), [claims, nonsense], 100)
    assert [entry.schedule for entry in after] == [claims.schedule, nonsense.schedule]
    assert union(after) >= whole | {7, 2**32}


def test_a_campaign_is_made_small(store: Store) -> None:
    before = {number: store.corpus(number) for number in (0, 1)}
    findings = {found.identity: found for found in store.findings()}
    heard: list[str] = []
    done = minimise(store, PROJECT, attempts=200, tell=heard.append)
    for number, scenario in enumerate((FAULTY, GATES)):
        after = store.corpus(number)
        reduced = done.corpora[number]
        assert union(after) >= union(before[number])
        assert reduced.item == item(scenario).name
        assert reduced.schedules == (len(before[number]), len(after))
        assert reduced.switches == (switches(before[number]), switches(after))
        assert reduced.features == len(union(after))
        assert reduced.schedules[1] < reduced.schedules[0]
    after_all = {found.identity: found for found in store.findings()}
    assert after_all.keys() == findings.keys() == {told.finding for told in done.findings}
    shorter = 0
    for told in done.findings:
        best = after_all[told.finding].finding
        assert cost(best.schedule) == (told.switches[1], told.steps[1])
        assert cost(findings[told.finding].finding.schedule) == (told.switches[0], told.steps[0])
        assert told.switches[1] <= told.switches[0]
        shorter += told.steps[1] < told.steps[0]
        assert after_all[told.finding].executions == findings[told.finding].executions
    assert shorter > 0
    assert heard == [
        *(told.item for told in done.corpora),
        *(told.finding for told in done.findings),
    ]
    assert done.left == []


def test_a_shorter_schedule_still_shows_its_finding_and_its_token_replays_it(store: Store) -> None:
    minimise(store, PROJECT, attempts=200)
    replayed = 0
    for found in store.findings():
        token = parse_token(found.finding.token)
        assert token.schedule == found.finding.schedule
        scenario = PROJECT.scenario(token.scenario)
        session = Session(scenario, Options(version="1"))
        _, findings = session.run_once(token.schedule, token.marks)
        assert found.identity in {identity(finding) for finding in findings}
        replayed += bool(token.marks)
        assert (found.finding.events, found.finding.timeline) == ((), None)
    assert replayed > 0


def test_made_small_again_nothing_changes(store: Store) -> None:
    minimise(store, PROJECT, attempts=400)
    entries, found = store.corpus(0), store.findings()
    done = minimise(store, PROJECT, attempts=400)
    assert store.corpus(0) == entries
    assert store.findings() == found
    assert all(told.switches[0] == told.switches[1] for told in done.corpora)
    assert all(told.steps[0] == told.steps[1] for told in done.findings)


def test_an_item_of_which_a_generation_is_half_done_is_left_alone(tmp_path: Path) -> None:
    corpus = corpus_of(GATES, 1)
    items = [item(GATES), item(GATES, 1)]
    with Store.create(tmp_path / "half.lwc", head(), items) as store:
        going = Change(Record(items[0], GOING), {}, [], corpus)
        ended = Change(Record(items[1], "done"), None, [], corpus)
        store.close_generation([going, ended], 1.0)
        piece = Piece(1, 0, items[0], {"kind": "range"})
        store.enter(Ended(piece, {"executions": 1, "findings": []}))
        done = minimise(store, PROJECT, attempts=20)
        assert done.left == [items[0].name]
        assert [told.item for told in done.corpora] == [items[1].name]
        assert store.corpus(0) == corpus
        assert len(store.corpus(1)) < len(corpus)


def test_between_two_generations_nothing_is_left_alone(tmp_path: Path) -> None:
    corpus = corpus_of(GATES, 1)
    with Store.create(tmp_path / "whole.lwc", head(), [item(GATES)]) as store:
        store.close_generation([Change(Record(item(GATES), GOING), {}, [], corpus)], 1.0)
        done = minimise(store, PROJECT, attempts=20)
        assert done.left == []
        assert len(store.corpus(0)) < len(corpus)


def head(version: str = "1") -> Head:
    return Head("small", "", version, lockwright.__version__, "coverage")


def test_a_campaign_of_another_model_is_left_alone(tmp_path: Path) -> None:
    with (
        Store.create(tmp_path / "old.lwc", head("2"), [item(GATES)]) as store,
        pytest.raises(UsageError, match="another version of the model"),
    ):
        minimise(store, PROJECT)


def test_it_says_what_it_did_as_json(store: Store) -> None:
    told = minimise(store, PROJECT, attempts=20).as_json()
    assert set(told) == {"corpora", "findings", "left"}
    assert told["corpora"][0]["item"] == item(FAULTY).name
    assert len(told["findings"][0]["switches"]) == 2
