"""One execution along a given schedule, written down as events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lockwright.core.event import IDLE, Event, value_text
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.timeline import Timeline
from lockwright.core.world import World
from lockwright.explore.guided import follow
from lockwright.explore.run import MakeWorld, Run
from lockwright.schedule.replay import Misfit, Replay


@dataclass(slots=True)
class Record:
    """What happened along a schedule.

    `world` is None until the scenario is set up; `misfit` says where the schedule stopped fitting,
    and is empty if it did not; `difference` says which step was the first to do something else than
    when the token was made.  `fits` is the number of steps before either.  `marks` tells what the
    steps did (`core.schedule.mark`).  `stopped` says that the execution ended with the schedule
    although it could have gone on.  `timeline` is what a film has seen, if there was one.
    """

    events: list[Event] = field(default_factory=list)
    misfit: str = ""
    difference: str = ""
    world: World | None = None
    run: Run | None = None
    fits: int = 0
    marks: str = ""
    stopped: bool = False
    timeline: Timeline | None = None


class Watcher(Protocol):
    """Who looks at an execution between its steps (`filming`)."""

    def begin(self, world: World) -> None:
        """The scenario is set up."""

    def look(self, run: Run) -> None:
        """The last step of the run is over."""

    def timeline(self) -> Timeline | None:
        """What there was to see."""


Stop = Callable[[Run], bool]
"""Asked at the end of the schedule: is this all there is to see?"""


def record(
    make: MakeWorld,
    schedule: Sequence[Choice],
    finish: Callable[[World], None] | None = None,
    *,
    marks: str = "",
    stop: Stop | None = None,
    film: Watcher | None = None,
) -> Record:
    """Run one execution along `schedule`, and on to its end unless `stop` says that this is it.

    `finish` is called with its world if it came to its end.  `marks` is as in `Replay`.  A `film`
    looks at each step.
    """
    done = Record()
    oracle = _Stopping(schedule, marks, stop, film)

    def begin(names: Names) -> World:
        world = make(names)
        world.on_step = (*world.on_step, Recorder(world, done.events).step)
        done.world = world
        if film is not None:
            film.begin(world)
        return world

    try:
        done.run = oracle.run = Run(begin(Names()))
        follow(done.run, oracle)
        if (steps := len(done.run.keys)) < len(schedule):
            done.misfit = (
                f"the schedule does not fit the model: it has {len(schedule)} steps, and the "
                f"execution ended after {steps}"
            )
        if finish is not None:
            finish(done.run.world)
    except _Stopped:
        done.stopped = True
    except Misfit as misfit:
        done.misfit = str(misfit) if misfit.why else _cannot_run(misfit, done.run)
    done.fits, done.difference = oracle.matching, oracle.difference
    done.marks = "".join(oracle.seen)
    if film is not None:
        oracle.look()
        done.timeline = film.timeline()
    if done.world is not None:
        begun = {event.task for event in done.events}
        for end in ends(done.world, stopped=done.stopped):
            if end.kind != IDLE or end.task in begun:  # who never had anything to do took no part
                done.events.append(end)
        done.world.close()
    return done


class _Stopped(Exception):
    """The schedule is over, and there is nothing more to see."""


class _Stopping(Replay):
    """A replay that may end where the schedule does, and that may be looked at."""

    def __init__(
        self, schedule: Sequence[Choice], marks: str, stop: Stop | None, film: Watcher | None
    ) -> None:
        super().__init__(schedule, marks)
        self.stop = stop
        self.film = film
        self.run: Run | None = None

    def look(self) -> None:
        """Let the film see what the last step has done."""
        if self.film is not None and self.run is not None:
            self.film.look(self.run)

    def pick(self, enabled: list[Task]) -> Task:
        self.look()
        over = self.at + 1 == len(self.schedule)
        if over and self.stop is not None and self.run is not None and self.stop(self.run):
            raise _Stopped
        return super().pick(enabled)


def _cannot_run(misfit: Misfit, run: Run | None) -> str:
    """What the task that the schedule wants is doing instead, and who could run."""
    tasks = run.world.tasks if run is not None else []
    said = f"the schedule does not fit the model: step {misfit.step} is for task {misfit.task}"
    if misfit.task < len(tasks):
        task = tasks[misfit.task]
        what = "has ended" if task.ended else "has died"
        if task.pending is not None:
            what = f"waits in {task.pending.describe()}"
        said += f" ({task.comm}), which {what}"
    else:
        said += f", and there are {len(tasks)}"
    able = run.world.enabled() if run is not None else []
    return f"{said}; only {', '.join(f'{task.index} ({task.comm})' for task in able)} can run"


@dataclass(slots=True)
class Recorder:
    """Turns steps into events."""

    world: World
    events: list[Event] = field(default_factory=list)

    def step(self, task: Task, operation: Operation, result: Value) -> None:
        """One step was taken."""
        self.events.append(
            Event(
                self.world.steps,
                task.index,
                task.comm,
                task.context.value,
                operation.kind,
                operation.describe(),
                value_text(result),
                task.call_chain(),
            )
        )


def ends(world: World, *, stopped: bool = False) -> Iterator[Event]:
    """What became of the tasks that are not done: events of step -1, "blocked", "idle" or "died".

    Of an execution that was stopped, only who died: who waits might not have waited for ever.
    """
    for task in world.tasks:
        op = task.pending
        if op is not None and op.blocking and not op.enabled():
            if not stopped:
                yield _end(task, IDLE if op.idle else "blocked", op.describe())
        elif task.died:
            kinds = [f.kind for f in world.findings if f.fatal and f.task == task.index]
            yield _end(task, "died", kinds[0] if kinds else "")


def _end(task: Task, kind: str, text: str) -> Event:
    chain = task.call_chain()
    return Event(-1, task.index, task.comm, task.context.value, kind, text, "", chain)
