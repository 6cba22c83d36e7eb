"""One execution of a world on a trio loop: a trio task for each task of the world.

An *actor* is the trio task that plays one task of the world.  It pauses, and does the task's next
step if the machine says that it is enabled; else it waits for a trio event.  Between the machine's
word and the step there is no checkpoint of trio's, so that nobody comes between.  After each step
whoever made it looks at all tasks (`Stage._cue`): new ones get an actor, those that can go on now
and could not before get the length of their pause, and are woken.  All draws are made there, in
the tasks' order of creation, and no two pauses end at the same tick: whatever order trio resumes
the tasks of a batch in, an execution on a clock that jumps depends on the seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import trio

from lockwright.core.errors import UsageError
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.task import Task
from lockwright.explore.run import Run, endless
from lockwright.kernel.signal import signals_of
from lockwright.trio_runtime.pacing import GRAIN, Draws


class Audience(Protocol):
    """Who is told what goes on beside the steps."""

    def waits(self, task: Task) -> None:
        """A task cannot go on."""

    def cancelled(self, task: Task) -> None:
        """The trio task that plays it was cancelled: a signal is sent to it."""


@dataclass(slots=True, eq=False)
class Actor:
    """Plays one task.

    `due` is when it is going to try the next step: a tick, or a number of scheduler rounds where
    pauses take no time; 0 while nobody has told it to, and then `woken` is what it waits for.
    `scope` can cancel it, for which `sender`, whom no actor plays, sends its task a signal.
    """

    task: Task
    due: int = 0
    begun: bool = False
    waiting: bool = False
    woken: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope | None = None
    sender: Task | None = None


class Stage:
    """Plays one execution.

    `pace` is the mean pause before a step in seconds of trio's clock; 0 makes them checkpoints.
    `timeouts` says for tasks, by comm, after what time of the clock their actors are cancelled.
    `stop` is asked after each step whether that is enough; `given_up` says that it was.
    Invariant: an actor waits for its event only while its task cannot go on.
    """

    def __init__(
        self,
        run: Run,
        draws: Draws,
        pace: float,
        *,
        timeouts: Mapping[str, float] | None = None,
        audience: Audience | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        self.run = run
        self.draws = draws
        self.tick = pace / GRAIN
        self.timeouts = timeouts or {}
        self.audience = audience
        self.stop = stop
        self.given_up = False
        self.actors: dict[int, Actor] = {}
        self.senders: set[int] = set()
        self.over = trio.Event()
        self.error: BaseException | None = None
        self.began = 0.0
        self.nursery: trio.Nursery

    async def play(self) -> None:
        """Play until no task can go on.  What a model raises is raised as it is.

        If it is cancelled, given up or fails, the world is closed; else it is the caller's.
        """
        ended = False
        self.began = trio.current_time()
        self._cast()
        try:
            async with trio.open_nursery() as self.nursery:
                self._begin()
                await self.over.wait()
                self.nursery.cancel_scope.cancel()
            ended = self.error is None and not self.given_up
        finally:
            if not ended:
                self.run.world.close()
        if self.error is not None:
            raise self.error

    def cancel(self, comm: str) -> None:
        """Cancel the actor of a task that `timeouts` names.  Raises UsageError for another."""
        for actor in self.actors.values():
            if actor.scope is not None and actor.task.comm == comm:
                actor.scope.cancel()
                return
        known = ", ".join(self.timeouts) or "none"
        raise UsageError(f"task {comm!r} has no timeout; those that have one: {known}")

    def _cast(self) -> None:
        """Make the actors that can be cancelled; the others are made when they are seen."""
        world = self.run.world
        signals = signals_of(world)
        for comm, seconds in self.timeouts.items():
            task = next(task for task in world.tasks if task.comm == comm)
            assert signals is not None, "a scenario with timeouts has somebody who sends signals"
            after = seconds
            if self.tick and seconds < math.inf:
                after = self.draws.reserve(round(seconds / self.tick)) * self.tick
            scope = trio.CancelScope(deadline=self.began + after)
            sender = signals.senders[task.index]
            self.senders.add(sender.index)
            self.actors[task.index] = Actor(task, scope=scope, sender=sender)

    def _cue(self) -> None:
        """Look at all tasks: who is new, who can go on, who has to wait; or is it over?"""
        now = round((trio.current_time() - self.began) / self.tick) if self.tick else 0
        over = True
        for task in self.run.world.tasks:
            op = task.pending
            if op is None:
                continue
            if task.index in self.senders:
                over = False
                continue
            actor = self.actors.get(task.index)
            if actor is None:
                actor = self.actors[task.index] = Actor(task)
            if op.blocking and not op.enabled():
                self._hold(actor)
            else:
                over = False
                if not actor.due:
                    draws, index = self.draws, task.index
                    actor.due = draws.draw(now, index) if self.tick else draws.rounds(index)
                    actor.waiting = False
                    actor.woken.set()
            if not actor.begun:
                actor.begun = True
                self.nursery.start_soon(self._act, actor, name=task.comm)
        if over:
            self.over.set()

    def _hold(self, actor: Actor) -> None:
        """Its task cannot go on; tell once, unless it is not going to try yet."""
        if not actor.due and not actor.waiting:
            actor.waiting = True
            if self.audience is not None:
                self.audience.waits(actor.task)

    def _begin(self) -> None:
        try:
            self._cue()
        except (Exception, SystemExit) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """It is over; whoever plays gets the error as the model raised it."""
        if self.error is None:
            self.error = error
        self.over.set()

    async def _act(self, actor: Actor) -> None:
        try:
            await self._play(actor)
        except (Exception, SystemExit) as error:
            self._fail(error)

    async def _play(self, actor: Actor) -> None:
        """Play a task to its end; if that is cancelled, send it a signal and go on."""
        if actor.scope is None or actor.sender is None:
            await self._perform(actor)
            return
        with actor.scope:
            await self._perform(actor)
        if actor.scope.cancelled_caught and self.audience is not None:
            self.audience.cancelled(actor.task)
        # a signal that comes after the end changes nothing, and is the end of the sender
        self._step(actor.sender)
        await self._perform(actor)

    async def _perform(self, actor: Actor) -> None:
        task = actor.task
        while task.pending is not None:
            if not actor.due:
                actor.woken = trio.Event()
                await actor.woken.wait()
            await self._pause(actor)
            op = task.pending
            if not op.blocking or op.enabled():
                self._step(task)
            else:
                self._hold(actor)

    async def _pause(self, actor: Actor) -> None:
        """Let the others be first, for as long as was drawn."""
        due = actor.due
        if self.tick:
            await trio.sleep_until(self.began + due * self.tick)
            self.draws.free(due)
        else:
            for _ in range(due):
                await trio.lowlevel.checkpoint()
        actor.due = 0

    def _step(self, task: Task) -> None:
        """Do one step; no checkpoint of trio's comes between the look whether it can be done and
        the end of it."""
        if self.over.is_set():
            return
        self.run.take(task, self._choice(task))
        if len(self.run.log) > STEPS_MAX:
            raise endless(task)
        if self.stop is not None and self.stop():
            self.given_up = True
            self.over.set()
        else:
            self._cue()

    def _choice(self, task: Task) -> int:
        op = task.pending
        if op is None or not op.chooses or (options := op.options()) < 2:
            return 0
        if op.arrives:
            return self.draws.arrives(self.run.world.steps)
        return self.draws.choose(options)
