"""The engine of many machines: pieces as tasks of Dask.

Dask hands the tasks out, notices workers that join and die, and has a task of a dead worker done
again by another one; `dask_task.py` is what a worker does.  A piece's outcome depends on nothing
but the piece, so that none of this changes what a campaign finds.

Dask is written for asyncio; here it runs in a thread of its own (`asyncio_thread.py`).

Order of reading: `DaskEngine`, `_Serving`; then `dask_cluster.py`, where pieces become tasks.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Protocol

import trio

import lockwright
from lockwright.campaign.asyncio_thread import Caller, asyncio_thread
from lockwright.campaign.engine import Site
from lockwright.campaign.piece import Ended, Failure, Piece
from lockwright.campaign.worker import EXPLORER
from lockwright.core.errors import UsageError
from lockwright.core.location import Value

AHEAD = 2
"""So many pieces for each thread of a worker are with Dask, so that none waits for this process."""
LOOK_S = 1.0
"""So often it is looked how many workers there are."""


class Dask(Protocol):
    """What `Cluster` is; called in the asyncio thread."""

    async def begin(self) -> None:
        """Raises UsageError if there is no cluster, or if it has no worker."""

    async def places(self) -> int:
        """How many pieces are explored at a time."""

    async def explore(self, order: Value) -> Value:
        """The answer to an order of `dask_task.py`'s.  Raises UsageError if there will be none."""

    async def end(self) -> None:
        """End whatever there is of the campaign in the cluster, however far `begin` has come."""


class DaskEngine:
    """A Dask cluster: the scheduler's at an address, or one on this machine that it begins.

    Raises UsageError if Dask is not installed.
    """

    name = "dask"

    def __init__(
        self, site: Site, scheduler: str | None, workers: int, *, explorer: str = EXPLORER
    ) -> None:
        if workers < 1:
            raise UsageError(f"{workers} workers: expected 1 or more")
        _installed()
        self.site = site
        self.scheduler = scheduler
        self.workers = workers
        self.explorer = explorer

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        """Explore until there is nothing more to explore.

        Raises UsageError if there is no cluster, or if a worker of it has another project.
        """
        quiet = _installed().quiet
        campaign = f"lockwright-{secrets.token_hex(8)}"
        async with asyncio_thread() as call:
            cluster = self.cluster(campaign)
            serving = _Serving(self, campaign, cluster, call, todo, done)
            with quiet(call.ident):
                try:
                    await serving.serve()
                finally:
                    with trio.CancelScope(shield=True):
                        await call(cluster.end)
        if serving.refused is not None:
            raise serving.refused

    def cluster(self, campaign: str) -> Dask:
        """The cluster for one session of a campaign."""
        cluster: Dask = _installed().Cluster(campaign, self.scheduler, self.workers)
        return cluster

    def order(self, campaign: str, piece: Piece) -> Value:
        """What `dask_task.py` takes."""
        site = self.site
        return {
            "campaign": campaign,
            "lockwright": lockwright.__version__,
            "root": str(site.root.absolute()),
            "elsewhere": self.scheduler is not None,
            "version": site.version,
            "seconds": site.limits.seconds,
            "memory_mb": site.limits.memory_mb,
            "explorer": self.explorer,
            "piece": piece.as_json(),
        }


def _installed() -> ModuleType:
    """`dask_cluster.py`, if Dask is there: whoever does not use it need not have it."""
    try:
        return import_module("lockwright.campaign.dask_cluster")
    except ImportError as error:
        raise UsageError(
            f"Dask is not installed ({error}): pip install 'lockwright[dask]'"
        ) from None


@dataclass(slots=True)
class _Serving:
    """One session: each of its `slots` has one piece with Dask.

    What ends it is kept in `refused`, and raised when no thread and no nursery is left.
    """

    engine: DaskEngine
    campaign: str
    cluster: Dask
    call: Caller
    todo: trio.MemoryReceiveChannel[Piece]
    done: trio.MemorySendChannel[Ended]
    slots: int = 0
    wanted: int = 1
    refused: UsageError | None = None

    async def serve(self) -> None:
        """Explore until there is nothing more to explore, or `refused` says why not."""
        try:
            await self.call(self.cluster.begin)
        except UsageError as error:
            self.refused = error
            return
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, nursery)

    async def _follow(self, nursery: trio.Nursery) -> None:
        """Have as many slots as the workers that there are can use."""
        while True:
            places = await self.call(self.cluster.places)
            if places:
                self.engine.workers = places
            self.wanted = max(AHEAD * places, 1)
            for _ in range(self.slots, self.wanted):
                self.slots += 1
                nursery.start_soon(self._slot, nursery)
            await trio.sleep(LOOK_S)

    async def _slot(self, nursery: trio.Nursery) -> None:
        """One piece after the other; who leaves last ends the session."""
        try:
            await self._pieces()
        except UsageError as error:
            self.refused = self.refused or error
            nursery.cancel_scope.cancel()
        self.slots -= 1
        if not self.slots:
            nursery.cancel_scope.cancel()

    async def _pieces(self) -> None:
        while self.slots <= self.wanted:
            try:
                piece = await self.todo.receive()
            except trio.EndOfChannel:
                return
            order = self.engine.order(self.campaign, piece)
            answer = await self.call(partial(self.cluster.explore, order))
            await self.done.send(_ended(piece, answer))


def _ended(piece: Piece, answer: Value) -> Ended:
    who, seconds = answer["who"], answer["seconds"]
    if "refused" in answer:
        raise UsageError(f"{who} of the Dask cluster cannot explore this: {answer['refused']}")
    if "failure" in answer:
        return Ended(piece, None, Failure(*answer["failure"]), seconds, who)
    return Ended(piece, answer["told"], None, seconds, who)
