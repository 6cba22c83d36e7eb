"""One execution along a given schedule, written down as events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lockwright.core.errors import UsageError
from lockwright.core.event import Event, value_text
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.run import MakeWorld
from lockwright.schedule.replay import Replay


@dataclass(slots=True)
class Record:
    """What happened along a schedule.

    `world` is None until the scenario is set up; `misfit` says where the schedule stopped fitting,
    and is empty if it did not.
    """

    events: list[Event] = field(default_factory=list)
    misfit: str = ""
    world: World | None = None


def record(
    make: MakeWorld, schedule: Sequence[Choice], finish: Callable[[World], None] | None = None
) -> Record:
    """Run one execution along `schedule`; `finish` is called with its world at the end."""
    done = Record()

    def begin(names: Names) -> World:
        world = make(names)
        world.on_step = (*world.on_step, Recorder(world, done.events).step)
        done.world = world
        return world

    try:
        for run in guided_search(begin, Replay(schedule)):
            if len(run.schedule) < len(schedule):
                done.misfit = (
                    f"the schedule does not fit the model: it has {len(schedule)} steps, and the "
                    f"execution ended after {len(run.schedule)}"
                )
            if finish is not None:
                finish(run.world)
    except UsageError as error:
        if done.world is None:
            raise
        done.misfit = str(error)
    if done.world is not None:
        done.events.extend(ends(done.world))
        done.world.close()
    return done


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


def ends(world: World) -> Iterator[Event]:
    """What became of the tasks that are not done: events of step -1, "blocked" or "died"."""
    for task in world.tasks:
        op = task.pending
        if op is not None and op.blocking and not op.enabled():
            yield _end(task, "blocked", op.describe())
        elif task.died:
            kinds = [f.kind for f in world.findings if f.fatal and f.task == task.index]
            yield _end(task, "died", kinds[0] if kinds else "")


def _end(task: Task, kind: str, text: str) -> Event:
    chain = task.call_chain()
    return Event(-1, task.index, task.comm, task.context.value, kind, text, "", chain)
