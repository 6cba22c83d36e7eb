"""A campaign ends the same whoever explored its pieces, in what order, and however often it was
left; and it stops when it is to."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
import trio

from lockwright.campaign import conduct, generations
from lockwright.campaign.engine import Site
from lockwright.campaign.expand import items_of
from lockwright.campaign.explored import Explorer
from lockwright.campaign.export import facts
from lockwright.campaign.identity import identity
from lockwright.campaign.inline import Inline
from lockwright.campaign.item import Item
from lockwright.campaign.piece import DEATHS_MAX, DIED, ERROR, Ended, Failure, Piece
from lockwright.campaign.plan import Plan
from lockwright.campaign.planfile import read_plan
from lockwright.campaign.record import DONE, FAILED, GOING, TODO, Record
from lockwright.campaign.store import Store
from lockwright.campaign.watcher import Nobody
from lockwright.commands.campaign_answers import answers_of
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Verdict
from lockwright.project import Project
from tests.campaign.test_conductor import PROJECT, cut_finely

PLAN = """
[campaign]
name = "small"
attempts = 5
{stop}
[[explore]]
scenarios = ["test/losing:three", "test/turning:two"]

[[explore]]
scenarios = ["test/faulty:three", "test/losing:three"]
strategies = ["random", "pct"]
executions = 520
"""


@pytest.fixture(scope="module", autouse=True)
def _finely_cut() -> Iterator[None]:
    """There are many pieces, and many generations."""
    with pytest.MonkeyPatch.context() as patching:
        cut_finely(patching)
        patching.setattr(generations, "WIDTH", 6)
        yield


class Seen(Nobody):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.closings = 0
        self.tries: list[int] = []
        self.identities: list[str] = []
        self.concluded = 0

    def died(self, ended: Ended, tries: int) -> None:
        self.tries.append(tries)

    def found(self, finding: Finding, item: Item) -> None:
        self.identities.append(identity(finding))

    def closed(self, records: Sequence[Record]) -> None:
        self.closings += 1

    def concluding(self, items: int) -> None:
        self.concluded += items


class Disorderly:
    """An engine that takes many pieces at once, ends them in any order, and some not at all.

    `fails(piece, times)` says why the try fails, after so many others at that piece; `most` is how
    many pieces it ends before somebody interrupts the campaign.
    """

    name = "disorderly"
    workers = 3

    def __init__(
        self, seed: int, most: int | None = None, fails: Value = lambda piece, times: None
    ) -> None:
        self.random = Random(seed)
        self.most = most
        self.fails = fails
        self.explorer = Explorer(PROJECT)
        self.tries: dict[tuple[int, int], int] = {}

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        waiting: list[Piece] = []
        while True:
            with trio.move_on_after(0 if waiting else trio.current_time() + 1e6):
                try:
                    waiting.append(await todo.receive())
                    if len(waiting) < 4:
                        continue
                except trio.EndOfChannel:
                    if not waiting:
                        return
            piece = waiting.pop(self.random.randrange(len(waiting)))
            if self.most == 0:
                os.kill(os.getpid(), signal.SIGTERM)
                await trio.sleep_forever()
            if self.most is not None:
                self.most -= 1
            await done.send(self._ended(piece))

    def _ended(self, piece: Piece) -> Ended:
        times = self.tries.get(piece.key, 0)
        self.tries[piece.key] = times + 1
        if (failure := self.fails(piece, times)) is not None:
            return Ended(piece, failure=failure)
        return Ended(piece, json.loads(json.dumps(self.explorer.explore(piece))))


def planned(stop: str = "") -> Plan:
    return read_plan(PLAN.format(stop=stop), "plan.toml")


def begun(path: Path, plan: Plan) -> Store:
    return conduct.begin(path, plan, items_of(plan, PROJECT), PROJECT)


def inline() -> Inline:
    return Inline(Site(Path(), PROJECT.version), PROJECT)


def contents(store: Store) -> list[Value]:
    """All that a store knows but how long things took."""
    lines = list(facts(store))
    for line in lines:
        line.pop("seconds", None)
    return lines


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, _finely_cut: None) -> list[Value]:
    with begun(tmp_path_factory.mktemp("undisturbed") / "store", planned()) as store:
        assert conduct.run(store, planned(), PROJECT, inline(), Nobody()) == "explored"
        assert {record.phase for record in store.records()} == {DONE}
        return contents(store)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_pieces_end_changes_nothing(
    tmp_path: Path, undisturbed: list[Value], seed: int
) -> None:
    with begun(tmp_path / "store", planned()) as store:
        conduct.run(store, planned(), PROJECT, Disorderly(seed), Nobody())
        assert contents(store) == undisturbed


@pytest.mark.parametrize("every", [2, 9])
def test_a_campaign_that_is_left_again_and_again_ends_the_same(
    tmp_path: Path, undisturbed: list[Value], every: int
) -> None:
    path, plan, times = tmp_path / "store", planned(), 0
    begun(path, plan).close()
    for seed in itertools.count():
        with Store.open(path, write=True) as store:
            reason = conduct.run(store, plan, PROJECT, Disorderly(seed, every), Nobody())
            if reason != "interrupted":
                assert contents(store) == undisturbed
                break
            times += 1
    assert times >= 18 // every


def test_a_piece_that_fails_twice_is_tried_again(tmp_path: Path, undisturbed: list[Value]) -> None:
    def fails(piece: Piece, times: int) -> Failure | None:
        return Failure(DIED, "SIGKILL") if times < piece.ordinal % DEATHS_MAX else None

    seen = Seen()
    with begun(tmp_path / "store", planned()) as store:
        conduct.run(store, planned(), PROJECT, Disorderly(0, fails=fails), seen)
        assert contents(store) == undisturbed
        assert store.given_up() == []
    assert set(seen.tries) == {1, 2}


def test_a_piece_that_kills_three_workers_is_given_up_and_said_so(tmp_path: Path) -> None:
    def fails(piece: Piece, times: int) -> Failure | None:
        lethal = piece.work["kind"] == "range" and piece.work["range"][0] == 256
        return Failure(DIED, f"SIGSEGV {times}") if lethal else None

    seen = Seen()
    with begun(tmp_path / "store", planned()) as store:
        assert conduct.run(store, planned(), PROJECT, Disorderly(0, fails=fails), seen) == (
            "explored"
        )
        given_up = store.given_up()
        assert given_up
        assert {tuple(failure.text for failure in each.failures) for each in given_up} == {
            ("SIGSEGV 0", "SIGSEGV 1", "SIGSEGV 2")
        }
        said = {item.name: item.failure for item in answers_of(store).items}
        assert said[given_up[0].item].endswith("of it given up")
        arms = sum(each.work == "range" for each in given_up)
        sampled_ones = [record for record in store.records() if record.item.arms]
        assert sum(record.executions for record in sampled_ones) == 2 * 1040 - arms * 256
        assert {record.phase for record in store.records()} == {DONE}
    assert max(seen.tries) == DEATHS_MAX


def test_a_piece_that_is_given_up_in_two_sessions_counts_its_tries(tmp_path: Path) -> None:
    path, plan = tmp_path / "store", planned()
    begun(path, plan).close()
    tries = 0

    def fails(piece: Piece, times: int) -> Failure | None:
        nonlocal tries
        if piece.item.number == 0:
            tries += 1
            return Failure(DIED, "SIGKILL")
        return None

    for seed in itertools.count():
        with Store.open(path, write=True) as store:
            engine = Disorderly(seed, 1, fails)
            if conduct.run(store, plan, PROJECT, engine, Nobody()) != "interrupted":
                assert store.records()[0].phase == FAILED
                assert len(store.given_up()) == 1
                break
    assert tries == DEATHS_MAX


def test_an_error_of_the_model_ends_its_item_at_once_and_no_other(tmp_path: Path) -> None:
    def fails(piece: Piece, times: int) -> Failure | None:
        assert not times
        return Failure(ERROR, "ValueError: no") if piece.item.number == 2 else None

    with begun(tmp_path / "store", planned()) as store:
        conduct.run(store, planned(), PROJECT, Disorderly(0, fails=fails), Nobody())
        phases = [(record.phase, record.failure) for record in store.records()]
        assert phases[2] == (FAILED, "ValueError: no")
        assert {phase for at, phase in enumerate(phases) if at != 2} == {(DONE, "")}


@pytest.mark.parametrize("most", [1, 300, 1000, 1234])
def test_it_stops_at_exactly_so_many_executions(tmp_path: Path, most: int) -> None:
    plan = planned(f"[stop]\nexecutions = {most}")
    with begun(tmp_path / "store", plan) as store:
        assert conduct.run(store, plan, PROJECT, inline(), Nobody()) == "executions"
        records = store.records()
        assert sum(record.executions for record in records) == most
        # what has not ended is judged as far as it was explored
        for record in records:
            assert record.phase in (TODO, GOING, DONE)
            assert (record.result is None) == (record.phase == TODO)
            if record.result is not None:
                assert record.result.executions == record.executions
        before = contents(store)
        assert conduct.run(store, plan, PROJECT, inline(), Nobody()) == "executions"
        assert contents(store) == before


def test_it_stops_when_so_much_was_found(tmp_path: Path) -> None:
    plan = planned("[stop]\nfindings = 2")
    seen = Seen()
    with begun(tmp_path / "store", plan) as store:
        assert conduct.run(store, plan, PROJECT, inline(), seen) == "findings"
        assert len(store.findings()) >= 2
        assert any(record.phase != DONE for record in store.records())
    assert seen.closings == 1
    assert len(seen.identities) >= 2


def test_when_the_time_is_up_there_are_answers_and_it_can_go_on(
    tmp_path: Path, undisturbed: list[Value], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "GRACE_S", 0.1)

    class Stuck(Disorderly):
        """Ends some pieces, and then none, until it serves anew: those that conclude."""

        async def serve(
            self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
        ) -> None:
            async for piece in todo:
                if self.most == 0 and piece.generation >= 0:
                    await trio.sleep_forever()
                self.most = (self.most or 0) - 1 if piece.generation >= 0 else self.most
                await done.send(self._ended(piece))

    seen, path = Seen(), tmp_path / "store"
    with begun(path, planned()) as store:
        reason = conduct.run(store, planned(), PROJECT, Stuck(0, 9), seen, seconds=1)
        assert reason == "seconds"
        going = [record for record in store.records() if record.phase == GOING]
        assert len(going) == seen.concluded > 0
        for record in going:
            assert record.result is not None
            assert record.result.verdict in (Verdict.STOPPED, Verdict.VIOLATED)
        assert store.seconds >= 1
    with Store.open(path, write=True) as store:
        assert conduct.run(store, planned(), PROJECT, inline(), Nobody()) == "explored"
        assert contents(store) == undisturbed


class Slow(Disorderly):
    """Takes longer to start, and for each piece, than a session may take."""

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        await trio.sleep(0.2)
        async for piece in todo:
            await trio.sleep(0.2)
            await done.send(self._ended(piece))


def test_sessions_that_are_shorter_than_a_piece_come_to_something(tmp_path: Path) -> None:
    done = []
    with begun(tmp_path / "store", planned()) as store:
        for _ in range(3):
            reason = conduct.run(store, planned(), PROJECT, Slow(0), Nobody(), seconds=0.05)
            assert reason == "seconds"
            done.append(len(store.ended()))
    assert done == [1, 2, 3]


def test_a_piece_that_is_in_hand_when_the_time_is_up_is_not_waited_for_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "GRACE_S", 0.01)
    with begun(tmp_path / "store", planned()) as store:
        reason = conduct.run(store, planned(), PROJECT, Slow(0), Nobody(), seconds=0.05)
        assert (reason, store.ended()) == ("seconds", {})


def test_a_session_of_no_time_explores_nothing(tmp_path: Path) -> None:
    with begun(tmp_path / "store", planned()) as store:
        assert conduct.run(store, planned(), PROJECT, inline(), Nobody(), seconds=0) == "seconds"
        assert store.generation == 0


def test_another_version_of_the_model_is_refused(tmp_path: Path) -> None:
    with begun(tmp_path / "store", planned()) as store:
        other = Project(PROJECT.scenarios, "2")
        with pytest.raises(UsageError, match="another version of the model: begin a new one"):
            conduct.run(store, planned(), other, inline(), Nobody())


def test_a_finding_is_told_of_once(tmp_path: Path) -> None:
    seen = Seen()
    with begun(tmp_path / "store", planned()) as store:
        conduct.run(store, planned(), PROJECT, inline(), seen)
        assert {found.identity for found in store.findings()} <= {*seen.identities}
    assert len(seen.identities) == len({*seen.identities})
