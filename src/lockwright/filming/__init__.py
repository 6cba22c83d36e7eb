"""The film of one execution: who ran where, held, waited and lived, seen between its steps.

    Film  ->  Places, Holds, Waits, Things  ->  core.timeline.Timeline

Nothing here is a part of the machine: `explore/record.py` lets a film look at the world before
each step and after the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.check.coverage import locations_of
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.timeline import NEVER, Lane, Timeline
from lockwright.core.world import World
from lockwright.explore.run import Run
from lockwright.filming.holds import Holds
from lockwright.filming.locks import ClassNames, Locks, locations_in, plain_name
from lockwright.filming.places import Places
from lockwright.filming.things import Things, inside
from lockwright.filming.waits import Waits

__all__ = ["ClassNames", "Film"]


class Film:
    """Looks at one execution.

    Invariant: all steps before `at` have been looked at; `pending` has the operations that the
    tasks stood before when they were looked at last, or before they were done.
    """

    def __init__(self, names: ClassNames = plain_name) -> None:
        self.names = names
        self.places = Places()
        self.chains: list[tuple[int, ...]] = []
        self.lanes: list[Lane] = []
        self.pending: dict[int, Operation] = {}
        self.at = 0
        self.world: World | None = None

    def begin(self, world: World) -> None:
        """The scenario is set up."""
        self.world = world
        self.locks = Locks(world, self.names)
        self.things = Things(world)
        self.holds = Holds(world, self.locks)
        self.waits = Waits(world, self.holds)
        world.on_step += (self._stepped,)
        self._look(NEVER, ())

    def look(self, run: Run) -> None:
        """A step was taken, unless this is the beginning."""
        steps = run.world.steps
        if steps != self.at:
            self.at = steps
            self._look(steps - 1, run.log[-1][3])

    def timeline(self) -> Timeline | None:
        """What was seen; None if it was nothing."""
        if self.world is None:
            return None
        things, changes = self.things.told()
        waits = self.waits.told()  # which may add to the locks
        return Timeline(
            self.places.listed,
            tuple(self.chains),
            tuple(self.lanes),
            tuple(self.locks.listed),
            tuple(self.holds.taken),
            waits,
            tuple(self.waits.periods),
            things,
            changes,
        )

    def _stepped(self, task: Task, operation: Operation, result: Value) -> None:
        self.chains.append(self.places.chain(task))

    def _look(self, step: int, codes: Sequence[int]) -> None:
        world = self.world
        assert world is not None, "it has begun"
        acc, world.acc = world.acc, []  # what is read here belongs to no step
        for task in world.tasks[len(self.lanes) :]:
            self.lanes.append(Lane(task.index, task.comm, task.pid, task.context.value, step))
        self._meet(world, step)
        self.things.look(step, codes)
        self.holds.look(step)
        self.waits.look(step)
        world.acc = acc

    def _meet(self, world: World, step: int) -> None:
        """Take notice of what is new: in new objects, and where tasks are about to go."""
        for obj in self.things.new_objects(step):
            for _, location in inside(obj):
                self.locks.meet(location)
        for location in locations_of(world) if step == NEVER else ():
            self.locks.meet(location)
            self.things.meet(location, step)
        for task in world.tasks:
            pending = task.pending
            if pending is not None and pending is not self.pending.get(task.index):
                self.pending[task.index] = pending
                for location in locations_in(pending):
                    self.locks.meet(location)
                    self.things.meet(location, step)
