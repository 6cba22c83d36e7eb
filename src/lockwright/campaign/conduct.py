"""A campaign from end to end: generation by generation, until there is nothing more to explore, it
is to stop, or somebody interrupts it.

Order of reading: `begin` (a new campaign), `run` (one session of it), `Session`.
"""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from time import monotonic
from typing import TypeVar

import trio

import lockwright
from lockwright.campaign.engine import Engine
from lockwright.campaign.generations import Generations
from lockwright.campaign.identity import identity
from lockwright.campaign.item import Item
from lockwright.campaign.piece import Ended, Piece
from lockwright.campaign.plan import Plan
from lockwright.campaign.record import Head
from lockwright.campaign.store import Store
from lockwright.campaign.watcher import Watcher
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.project import Project

SECONDS, INTERRUPTED = "seconds", "interrupted"
"""Why a session ended, beside what `generations.py` has."""
GRACE_S = 10.0
"""What the workers have in hand when the time is up may still end for so long, so that sessions
which are shorter than a piece come to something, too."""
T = TypeVar("T")


def begin(path: Path, plan: Plan, items: Sequence[Item], project: Project) -> Store:
    """The store of a new campaign.  Raises UsageError if there is a file already."""
    head = Head(plan.name, plan.text, project.version, lockwright.__version__, plan.guidance)
    return Store.create(path, head, items)


def run(
    store: Store,
    plan: Plan,
    project: Project,
    engine: Engine,
    watcher: Watcher,
    *,
    seconds: float | None = None,
) -> str:
    """One session of a campaign: go on with what the store has, for so many seconds at most.

    Returns why it ended: "explored", "executions", "seconds", "findings" or "interrupted".  By then
    all that was found is committed, and the engine's processes are gone.  Raises UsageError for a
    store of another version of the model, and what the store and the engine raise.
    """
    check_same(store.head, project)
    session = Session(store, plan, project, engine, watcher)
    try:
        return trio.run(partial(session.run, seconds), strict_exception_groups=True)
    except BaseExceptionGroup as group:
        raise _only(group) from None
    finally:
        with suppress(UsageError):  # a disk that is full has been told of
            store.spend(monotonic() - session.begun)


def check_same(head: Head, project: Project) -> None:
    """Raise UsageError if a campaign was begun with other sources than those that are there now."""
    pairs = [
        ("version of the model", head.model_version, project.version),
        ("lockwright", head.lockwright_version, lockwright.__version__),
    ]
    for what, then, now in pairs:
        if then != now:
            raise UsageError(
                f"the campaign is of another {what}: begin a new one, and compare the two\n"
                f"the campaign's: {then}\nnow: {now}"
            )


def _only(error: BaseException) -> BaseException:
    """What a group of exceptions is about: the first one of ours, or else the first."""
    while isinstance(error, BaseExceptionGroup):
        ours = error.subgroup(UsageError)
        error = (error if ours is None else ours).exceptions[0]
    return error


@dataclass(slots=True)
class Session:
    """What one process does for a campaign, from its beginning or resumption on."""

    store: Store
    plan: Plan
    project: Project
    engine: Engine
    watcher: Watcher
    generations: Generations = field(init=False)
    seen: set[str] = field(init=False)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.generations = Generations(self.store, self.plan, self.project)
        self.seen = {found.identity for found in self.store.findings()}
        self.begun = monotonic()

    async def run(self, seconds: float | None) -> str:
        """Explore until there is a reason to stop; returns that."""
        watcher, engine, store = self.watcher, self.engine, self.store
        resumed = store.generation > 0 or bool(store.ended())
        records = self.generations.records
        watcher.began(store.head, records, engine.name, engine.workers, resumed=resumed)
        reason = INTERRUPTED
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancelled_by_signals, nursery.cancel_scope)
            reason = await self._explore(self._time(seconds))
            await self._conclude()
            nursery.cancel_scope.cancel()
        return reason

    def _time(self, seconds: float | None) -> float:
        """How many seconds there are, by the plan and for this session."""
        stop = self.plan.stop.seconds
        planned = inf if stop is None else max(stop - self.store.seconds, 0.0)
        return planned if seconds is None else min(seconds, planned)

    async def _explore(self, seconds: float) -> str:
        """Generation after generation."""
        if seconds <= 0:
            return SECONDS
        reason = SECONDS
        with trio.move_on_after(seconds + GRACE_S):
            async with serving(self.engine, seconds) as served:
                while not (ended := await _aside(self.generations.begin)):
                    await self._generation(served)
                    if served.stopped:
                        return SECONDS
                reason = ended
        return reason

    async def _generation(self, served: Served) -> None:
        """Explore what is left of a generation, and close it unless the time is up."""
        generations, watcher = self.generations, self.watcher
        todo = generations.todo
        watcher.given(todo)
        served.hand(todo)
        while ended := await served.next():
            if ended.failure is None:
                await _aside(partial(generations.enter, ended))
                self._look(ended)
                watcher.ended(ended)
                continue
            tries, given_up = await _aside(partial(generations.died, ended))
            watcher.died(ended, tries)
            if not given_up:
                served.hand([ended.piece])
        if generations.todo:
            return
        now = monotonic()
        await _aside(partial(generations.close, now - self.begun))
        self.begun = now
        await _aside(self.store.take_in_log)
        watcher.closed(generations.records)

    def _look(self, ended: Ended) -> None:
        """Tell of what nobody has seen yet."""
        for data in ended.told["findings"]:
            finding = Finding.from_json({**data, "report": None})
            if (what := identity(finding)) not in self.seen:
                self.seen.add(what)
                self.watcher.found(finding, ended.piece.item)

    async def _conclude(self) -> None:
        """Judge what there is of the items that have not ended."""
        pieces = await _aside(self.generations.unfinished)
        if not pieces:
            return
        self.watcher.concluding(len(pieces))
        async with serving(self.engine) as served:
            served.hand(pieces)
            while ended := await served.next():
                if ended.failure is None:
                    await _aside(partial(self.generations.note, ended))


@asynccontextmanager
async def serving(engine: Engine, seconds: float = inf) -> AsyncIterator[Served]:
    """An engine at work; after so many seconds it is given no more pieces."""
    todo_in, todo_out = trio.open_memory_channel[Piece](0)
    done_in, done_out = trio.open_memory_channel[Ended](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.serve, todo_out, done_in)
        served = Served(todo_in, done_out)
        nursery.start_soon(served.feed)
        clock = trio.CancelScope()
        nursery.start_soon(served.stop_after, seconds, clock)
        yield served
        clock.cancel()
        served.close()


class Served:
    """What there is to hand over to an engine, and what comes back.

    Invariant: `waiting` are to be handed over yet; `left` counts the pieces that have not come
    back.  When it is `stopped`, nothing more is handed over.
    """

    def __init__(
        self, todo: trio.MemorySendChannel[Piece], done: trio.MemoryReceiveChannel[Ended]
    ) -> None:
        self.todo = todo
        self.done = done
        self.waiting: list[Piece] = []
        self.left = 0
        self.closed = False
        self.stopped = False
        self.handing = trio.CancelScope()
        self.receiving = trio.CancelScope()
        self.more = trio.Event()
        self.begun = trio.Event()

    async def feed(self) -> None:
        """Hand over pieces as the engine takes them."""
        async with self.todo:
            while not self.closed:
                while self.waiting:
                    await self._send(self.waiting.pop(0))
                await self.more.wait()
                self.more = trio.Event()

    async def _send(self, piece: Piece) -> None:
        sent = False
        with trio.CancelScope() as self.handing:
            await self.todo.send(piece)
            sent = True
            self.begun.set()
        if not sent:
            self._let_go(1)

    async def next(self) -> Ended | None:
        """The next try at a piece that has ended; None if there is none to come."""
        while self.left:
            with trio.CancelScope() as self.receiving:
                ended = await self.done.receive()
                self.left -= 1
                return ended
        return None

    def _let_go(self, pieces: int) -> None:
        """So many pieces will not come back, as they were not handed over."""
        self.left -= pieces
        if not self.left:
            self.receiving.cancel()

    async def stop_after(self, seconds: float, clock: trio.CancelScope) -> None:
        """Hand over nothing more after so many seconds, and the first piece: workers take a while
        to start."""
        with clock:
            if seconds < inf:
                await trio.sleep(seconds)
                await self.begun.wait()
                self.stopped = True
                self.handing.cancel()
                waiting, self.waiting = len(self.waiting), []
                self._let_go(waiting)

    def hand(self, pieces: Sequence[Piece]) -> None:
        """Have pieces explored."""
        if self.stopped:
            return
        self.left += len(pieces)
        self.waiting += pieces
        self.more.set()

    def close(self) -> None:
        """There is nothing more to explore."""
        self.closed = True
        self.more.set()


async def _aside(what: Callable[[], T]) -> T:
    """Do something that takes a while, such as a commit, while the engine goes on."""
    return await trio.to_thread.run_sync(what)


async def _cancelled_by_signals(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
