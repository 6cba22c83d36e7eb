"""What a Dask worker does with a piece: the task that `dask_engine.py` submits, and how it ends.

A task has its piece explored by a process of its own (`workers.Supervised`), as the engine of one
machine has, so that what a piece may take, and what becomes of one that takes more, is the same
here.  The process stays for the next piece of the campaign, until the campaign ends or has had
nothing to do for it for a while.

Order and answer are bytes, JSON that is compressed:

    {"campaign": NAME, "lockwright": VERSION, "root": PATH, "elsewhere": BOOL, "version": VERSION,
     "seconds": S, "memory_mb": N, "explorer": MODULE:ATTRIBUTE, "piece": Piece.as_json()}
        ──► {"who": NAME, "seconds": S} with "told", "failure": [KIND, TEXT] or "refused": TEXT

An order that is "elsewhere" may have come from another machine: LOCKWRIGHT_PROJECT, in the
environment of the Dask worker, says where the project is there.
"""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Timer

import trio
from distributed import get_worker

import lockwright
from lockwright.campaign.engine import Site
from lockwright.campaign.piece import Ended, Piece
from lockwright.campaign.plan import Limits
from lockwright.campaign.workers import Supervised
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.project import CONFIG

PROJECT = "LOCKWRIGHT_PROJECT"
IDLE_S = 60.0
"""A process that has had no piece for so long is ended: its campaign may be dead."""
FAST = 1
"""Of zlib's levels; what is sent is read once."""


def packed(message: Value) -> bytes:
    """An order or an answer, as it is sent."""
    return zlib.compress(json.dumps(message, separators=(",", ":")).encode(), FAST)


def unpacked(data: bytes) -> Value:
    """An order or an answer that was sent."""
    return json.loads(zlib.decompress(data))


def explore(data: bytes) -> bytes:
    """Have a piece explored: the answer to an order.  Raises Stopped if the campaign has ended."""
    order = unpacked(data)
    who = f"worker {get_worker().name}"
    try:
        site = _site(order)
        piece = Piece.from_json(order["piece"])
        ended = BENCH.explore(order["campaign"], site, order["explorer"], piece)
    except UsageError as error:
        return packed({"who": who, "seconds": 0.0, "refused": str(error)})
    answer = {"who": who, "seconds": ended.seconds}
    if ended.failure is None:
        return packed({**answer, "told": ended.told})
    return packed({**answer, "failure": [ended.failure.kind, ended.failure.text]})


async def end(campaign: str) -> None:
    """End the processes of a campaign here: they are gone when this returns."""
    await asyncio.to_thread(BENCH.end, campaign)


def _site(order: Value) -> Site:
    """Where the project is here.  Raises UsageError if this cannot be the campaign's."""
    if order["lockwright"] != lockwright.__version__:
        raise UsageError(
            f"it has another lockwright\n"
            f"expected: {order['lockwright']}\ngot: {lockwright.__version__}"
        )
    root, given = Path(order["root"]), os.environ.get(PROJECT)
    if order["elsewhere"] and given:
        root = Path(given)
    if not (root / CONFIG).is_file():
        asked = f"there is no project at {root}"
        if not order["elsewhere"]:
            raise UsageError(asked)
        why = f", which {PROJECT} says" if given else f"; {PROJECT} can say where it is"
        raise UsageError(asked + why)
    return Site(root, order["version"], Limits(order["seconds"], order["memory_mb"]))


class Stopped(Exception):
    """The campaign has ended, and nobody wants to know any more."""


@dataclass(slots=True, eq=False)
class Place:
    """A process for the pieces of one site, `timer` ends it when it has had none for a while.

    `stop` makes the thread that waits for it wait no longer; None until it waits.
    """

    campaign: str
    site: Site
    explorer: str
    worker: Supervised
    timer: Timer | None = None
    stop: Callable[[], None] | None = None

    def close(self) -> None:
        """End the process: it is gone when this returns."""
        trio.run(self.worker.aclose)


class Bench:
    """The processes of a Dask worker, one for each of its threads that explores.

    Invariant: a process that is there is in `idle` or in `busy`, or is being ended; when `end` has
    returned, none is of that campaign, nor will be.
    """

    def __init__(self) -> None:
        self.idle: list[Place] = []
        self.busy: list[Place] = []
        self.over: set[str] = set()
        self.change = Condition()

    def explore(self, campaign: str, site: Site, explorer: str, piece: Piece) -> Ended:
        """Have a piece explored.  Raises Stopped if the campaign ends meanwhile."""
        place = self._take(campaign, site, explorer)

        async def explore() -> Ended:
            token = trio.lowlevel.current_trio_token()
            with trio.CancelScope() as scope:
                place.stop = lambda: token.run_sync_soon(scope.cancel)
                if campaign in self.over:  # `end` may have looked before there was a `stop`
                    scope.cancel()
                return await place.worker.explore(piece)
            raise Stopped

        try:
            return trio.run(explore)
        finally:
            place.stop = None
            self._put_back(place)

    def end(self, campaign: str) -> None:
        """End the processes of a campaign."""
        with self.change:
            self.over.add(campaign)
            idle = [place for place in self.idle if place.campaign == campaign]
            self.idle = [place for place in self.idle if place.campaign != campaign]
            for place in self.busy:
                stop = place.stop
                if place.campaign == campaign and stop is not None:
                    with suppress(trio.RunFinishedError):
                        stop()
        for place in idle:
            place.close()
        with self.change:
            self.change.wait_for(lambda: all(place.campaign != campaign for place in self.busy))

    def _take(self, campaign: str, site: Site, explorer: str) -> Place:
        wanted = (campaign, site, explorer)
        with self.change:
            found = [p for p in self.idle if (p.campaign, p.site, p.explorer) == wanted]
            place = found[0] if found else Place(*wanted, Supervised(site, explorer=explorer))
            if place.timer is not None:
                place.timer.cancel()
            self.idle = [other for other in self.idle if other is not place]
            self.busy.append(place)
        return place

    def _put_back(self, place: Place) -> None:
        with self.change:
            over = place.campaign in self.over
            if not over:
                place.timer = Timer(IDLE_S, self._expire, [place])
                place.timer.daemon = True
                place.timer.start()
                self.busy.remove(place)
                self.idle.append(place)
        if over:
            place.close()
            with self.change:
                self.busy.remove(place)
                self.change.notify_all()

    def _expire(self, place: Place) -> None:
        with self.change:
            if place not in self.idle:
                return
            self.idle.remove(place)
        place.close()


BENCH = Bench()
"""This Dask worker's: its processes outlive a task, and Dask has nothing that would hold them."""
