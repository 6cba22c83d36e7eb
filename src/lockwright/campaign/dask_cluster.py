"""A Dask cluster, as one session of a campaign sees it; for asyncio.  `dask_engine.py` is its user.

Order of reading: `Cluster`, `quiet`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from multiprocessing import active_children

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, Status

import lockwright
from lockwright.campaign import dask_task
from lockwright.campaign.dask_task import packed, unpacked
from lockwright.campaign.piece import DIED
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.project import shown_error

CONNECT_S = 10.0
"""A scheduler that has not answered after so long is not there."""
WORKERS_S = 30.0
"""A scheduler that has had no worker for so long, when a campaign begins, has none."""
END_S = 30.0
"""Workers that have not answered after so long will not."""
SILENT_S = 30.0
"""A worker of ours that has said nothing for so long is taken for dead, and its pieces are given to
another one.  (Dask's own default is five minutes; pieces have processes of their own, so that none
keeps a worker from speaking.)"""
CLOSE_S = 10.0
"""Workers of ours that have not ended by themselves after so long are killed."""
WORKER_PROCESS = "Dask Worker process"
"""What Dask calls a process that it has started for a worker begins so."""
MOMENT_S = 0.1
EXPLORE = "__import__('lockwright.campaign.dask_task', fromlist=['explore']).explore(order)"
"""What a task evaluates.  To send the function itself would be to make a worker that has no
lockwright fail as it reads the message, and again, and nobody would be told."""
NOISY = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")
"""Loggers that `distributed` gives a handler."""


class Cluster:
    """Dask's scheduler and workers, as one session of a campaign sees them.

    Invariant: what `begin` has begun, however far it came, is in `local` and `client`.
    """

    def __init__(self, campaign: str, scheduler: str | None, workers: int) -> None:
        self.campaign = campaign
        self.scheduler = scheduler
        self.address = scheduler or ""
        self.workers = workers
        self.tasks = 0
        self.client: Client | None = None
        self.local: asyncio.Task[LocalCluster] | None = None

    async def begin(self) -> None:
        """Raises UsageError if there is no cluster, or if it has no worker."""
        if self.scheduler is None:
            self.local = asyncio.create_task(_local_cluster())
            self.address = (await asyncio.shield(self.local)).scheduler_address
        self.client = client = Client(
            self.address, asynchronous=True, set_as_default=False, timeout=f"{CONNECT_S} s"
        )
        try:
            await client
        except Exception as error:  # what it raises depends on what is at the address
            raise UsageError(f"no Dask scheduler at {self.address}: {shown_error(error)}") from None
        with suppress(TimeoutError):
            async with asyncio.timeout(WORKERS_S):
                while not await self.places():
                    await asyncio.sleep(MOMENT_S)
                return
        waited = f"(waited {WORKERS_S:g} s)"
        if self.local is not None:
            raise UsageError(f"no Dask worker could be started on this machine {waited}")
        raise UsageError(
            f"the Dask scheduler at {self.address} has no worker {waited}: "
            f"`dask worker {self.address}` starts one"
        )

    async def places(self) -> int:
        """How many threads the workers have together; 0 if the scheduler does not answer."""
        assert self.client is not None
        if self.local is not None:
            _mend(await self.local, self.workers)
        try:
            threads: dict[str, int] = await self.client.nthreads()
        except (OSError, AttributeError):  # the connection is lost: `explore` says more
            return 0
        return sum(threads.values())

    async def explore(self, order: Value) -> Value:
        """The answer to an order.  Raises UsageError if there will be none."""
        client, data = self.client, packed(order)
        assert client is not None
        while True:
            self.tasks += 1
            key = (self.campaign, self.tasks)
            future: Future[bytes] = client.submit(
                eval, EXPLORE, {"order": data}, key=key, pure=False
            )
            try:
                return unpacked(await future)
            except KilledWorker as error:
                how = f"{error.allowed_failures + 1} Dask workers died with it"
                return {"who": "", "seconds": 0.0, "failure": [DIED, how]}
            except CancelledError:  # asyncio has another: the scheduler has let go of it
                await self._connected()
            except Exception as error:
                raise UsageError(
                    f"the Dask cluster cannot explore this: {shown_error(error)}; has each worker "
                    f"lockwright {lockwright.__version__}?"
                ) from None
            finally:
                future.release()

    async def _connected(self) -> None:
        """Wait until the scheduler is there again.  Raises UsageError if it is not."""
        assert self.client is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                while self.client.status != "running":
                    await asyncio.sleep(MOMENT_S)
                return
        raise UsageError(f"the Dask scheduler at {self.address} is gone")

    async def end(self) -> None:
        """End whatever there is of the campaign in the cluster, however far `begin` has come."""
        client = self.client
        if client is not None:
            if client.status == "running":
                with suppress(Exception):  # a worker may die meanwhile, and its processes with it
                    async with asyncio.timeout(END_S):
                        await client.run(dask_task.end, self.campaign, on_error="ignore")
            with suppress(Exception):
                await client.close()
        if self.local is not None:
            with suppress(Exception):  # it has not even begun
                await _close(await self.local)


async def _local_cluster() -> LocalCluster:
    """A scheduler, in this thread, whose workers will be processes of this machine.

    Their memory is not limited: a piece has a process of its own, which has a limit.
    """
    # Without an address the scheduler serves HTTP at 8787, or warns that somebody else does.
    http = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with dask.config.set({"distributed.scheduler.worker-ttl": f"{SILENT_S:g} s"}):
        return await LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=0,
            scheduler_kwargs=http,
            silence_logs=logging.CRITICAL,
            asynchronous=True,
        )


async def _close(cluster: LocalCluster) -> None:
    """End a cluster of ours.  Before its release 2026.8, Dask may wait for ever for a worker that
    has died as it started."""
    try:
        async with asyncio.timeout(CLOSE_S):
            closed: Awaitable[object] | None = cluster.close()
            assert closed is not None  # as it is asynchronous
            await closed
    except Exception:
        for process in active_children():
            if process.name.startswith(WORKER_PROCESS):
                process.kill()
                process.join()
        if cluster.scheduler is not None:
            async with asyncio.timeout(CLOSE_S):
                await cluster.scheduler.close()
        cluster.status = Status.closed


def _mend(cluster: LocalCluster, workers: int) -> None:
    """Have so many workers started as there are to be.

    One that dies is started again by Dask, but given up when it dies as it starts.
    """
    for name, worker in list(cluster.workers.items()):
        if worker.status in (Status.closed, Status.failed):
            del cluster.workers[name]
    if len(cluster.workers) < workers:
        cluster.scale(workers)


@contextmanager
def quiet(thread: int) -> Iterator[None]:
    """Keep what Dask logs in a thread from the terminal: what matters of it is raised here."""

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != thread

    places: list[logging.Filterer] = [logging.getLogger("asyncio")]
    for name in NOISY:
        places += logging.getLogger(name).handlers
    for place in places:
        place.addFilter(of_others)
    try:
        yield
    finally:
        for place in places:
            place.removeFilter(of_others)
