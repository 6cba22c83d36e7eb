"""How many pieces are with Dask at a time, whatever the cluster does; the cluster is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from lockwright.campaign import dask_engine
from lockwright.campaign.dask_engine import Dask, DaskEngine
from lockwright.campaign.engine import Site
from lockwright.campaign.piece import Ended, Failure, Piece
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from tests.campaign.test_workers import pieces, served

SITE = Site(Path("nowhere"), "1")


class MadeUp:
    """`there` says how many places there are after so many answers."""

    def __init__(self, there: Callable[[int], int]) -> None:
        self.there = there
        self.now = 0
        self.most: list[int] = []
        self.answers = 0
        self.said: list[str] = []
        self.hangs = ""

    async def begin(self) -> None:
        await self.say("begin")

    async def say(self, what: str) -> None:
        self.said.append(what)
        if self.hangs == what:
            await asyncio.Event().wait()

    async def places(self) -> int:
        return self.there(self.answers)

    async def explore(self, order: Value) -> Value:
        self.now += 1
        for _ in range(5):  # so that others can begin
            await asyncio.sleep(0.002)
        if self.hangs == "explore":
            await self.say("explore")
        self.most.append(self.now)
        self.now -= 1
        self.answers += 1
        work = order["piece"]["work"]
        return {"who": "worker x", "seconds": 0.25, **work}

    async def end(self) -> None:
        self.said.append("end")


class Engine(DaskEngine):
    def __init__(self, made_up: MadeUp) -> None:
        super().__init__(SITE, "tcp://made.up:1", 3)
        self.made_up = made_up

    def cluster(self, campaign: str) -> Dask:
        return self.made_up


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "LOOK_S", 0.001)


def test_two_pieces_for_each_place_are_with_dask() -> None:
    made_up = MadeUp(lambda answers: 3)
    engine = Engine(made_up)

    found = served(engine, pieces({"told": n} for n in range(50)))

    assert sorted(ended.told for ended in found) == list(range(50))
    assert max(made_up.most) == 6
    assert engine.workers == 3
    assert made_up.said == ["begin", "end"]


def test_places_that_come_and_go_are_followed() -> None:
    def there(answers: int) -> int:
        return 1 if answers < 20 else 4 if answers < 80 else 2

    made_up = MadeUp(there)
    served(Engine(made_up), pieces({"told": n} for n in range(140)))

    assert max(made_up.most[:20]) == 2
    assert max(made_up.most[40:80]) == 8
    assert max(made_up.most[100:]) == 4


def test_a_cluster_that_has_lost_its_workers_is_waited_for() -> None:
    made_up = MadeUp(lambda answers: 2 if answers < 4 else 0)
    engine = Engine(made_up)

    found = served(engine, pieces({"told": n} for n in range(20)))

    assert len(found) == 20
    assert made_up.most[-1] == 1
    assert engine.workers == 2


def test_a_failure_and_who_had_it_are_told() -> None:
    (given,) = pieces([{"failure": ["died", "SIGKILL"]}])
    failure = Failure("died", "SIGKILL")
    assert served(Engine(MadeUp(lambda answers: 1)), [given]) == [
        Ended(given, None, failure, 0.25, "worker x")
    ]


def test_a_refusal_ends_the_session() -> None:
    made_up = MadeUp(lambda answers: 2)
    given = pieces([{"told": 0}, {"refused": "no project"}, {"told": 2}])
    with pytest.raises(
        UsageError, match=r"^worker x of the Dask cluster cannot explore this: no project$"
    ):
        served(Engine(made_up), given)
    assert made_up.said == ["begin", "end"]


def test_nothing_to_do_is_done_at_once() -> None:
    made_up = MadeUp(lambda answers: 2)
    assert served(Engine(made_up), []) == []
    assert made_up.said == ["begin", "end"]


@pytest.mark.parametrize("moment", ["begin", "explore"])
def test_a_session_that_is_cancelled_ends_what_it_has_begun(moment: str) -> None:
    made_up = MadeUp(lambda answers: 1)
    made_up.hangs = moment

    async def main() -> None:
        todo_in, todo = trio.open_memory_channel[Piece](1)
        done, _done_out = trio.open_memory_channel[Ended](0)
        todo_in.send_nowait(*pieces([{"told": 0}]))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Engine(made_up).serve, todo, done)
            while moment not in made_up.said:
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert made_up.said[-1] == "end"
