"""The path that a search has taken: the steps of the current execution, as far as they are kept."""

from __future__ import annotations

from lockwright.core.errors import InternalError, NondeterminismError
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.schedule import schedule_text
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.clocks import Past, masks
from lockwright.explore.run import CHOICE_SHIFT, TASK_MASK, OpStep
from lockwright.explore.sections import FUSED, Sections
from lockwright.explore.wakeup import Footprint, Sequence, Step


class Path:
    """Steps that were taken, and that can be taken again in another world.

    A step is an operation, or a section of several.  `keys[n]` is the step at depth n: the task's
    number and the value chosen.  `log` and `trail` have the operations one by one with their keys,
    and `ends[n]` tells how many there are up to step n.  `past` is what is known of the steps.
    `options[n]` is how many outcomes the operation of step n had.
    """

    __slots__ = ("ends", "keys", "log", "options", "past", "sections", "trail")

    def __init__(self, sections: Sections | None) -> None:
        self.sections = sections
        self.past = Past()
        self.keys: list[int] = []
        self.trail: list[int] = []
        self.log: list[OpStep] = []
        self.ends: list[int] = []
        self.options: list[int] = []

    def again(self, world: World) -> None:
        """Take all steps again.  Raises NondeterminismError."""
        by_number, trail = world.by_number, self.trail
        step = world.step
        for at, (number, _, _, touched) in enumerate(self.log):
            task = by_number[number] if number < len(by_number) else None
            if task is None or (op := task.pending) is None:
                raise self._changed(world, at, "the task is not there", "a task that can run")
            if op.blocking and not op.enabled():
                raise self._changed(world, at, f"{op.describe()} is held up", "it could run")
            if step(task, trail[at] >> CHOICE_SHIFT) != touched:
                raise self._changed(
                    world,
                    at,
                    f"{op.describe()} with what follows it",
                    "another operation, or the same one on other objects",
                )

    def _changed(self, world: World, at: int, got: str, expected: str) -> NondeterminismError:
        number = self.log[at][0]
        who = world.by_number[number] if number < len(world.by_number) else None
        name = who.comm if who is not None else "a task"
        return NondeterminismError(
            f"the model is not deterministic: step {at} of {name} is not what it was under the "
            f"same schedule\nexpected: {expected}\ngot: {got}"
        )

    def step(self, world: World, key: int) -> Footprint:
        """Take one new step; returns its footprint.  Raises Restart."""
        task = self._able(world, key)
        op = task.pending
        assert op is not None
        self.options.append(op.options() if op.chooses else 1)
        location: int = -1
        value: Value = None
        sections, log = self.sections, self.log
        if sections is not None and sections.begins(op):
            done = len(log)
            touched, value = sections.section(world, task, log)
            self.trail.extend(task.number for _ in range(len(log) - done))
            marked = len(touched)
            op = FUSED
        else:
            loc = op.loc
            location, value = loc.number, loc.value
            touched = world.step(task, key >> CHOICE_SHIFT)
            marked = world.marked
            log.append((task.number, op, marked, touched))
            self.trail.append(key)
            if sections is not None:
                sections.outside(op, touched, marked)
            if len(touched) == marked + 1 and touched[-1] == 2 * task.name.done + 1:
                marked += 1  # the task's end is nobody's plain access
        self.keys.append(key)
        self.ends.append(len(log))
        announced = (op if op.varies else None, value, location)
        return self.past.record(task.number, touched, marked, announced)

    def _able(self, world: World, key: int) -> Task:
        number = key & TASK_MASK
        by_number = world.by_number
        task = by_number[number] if number < len(by_number) else None
        op: Operation | None = task.pending if task is not None else None
        if task is None or op is None or (op.blocking and not op.enabled()):
            raise InternalError(
                f"a wakeup sequence cannot be run: task number {number} at step {len(self.keys)} "
                f"after {schedule_text([(k & TASK_MASK, k >> CHOICE_SHIFT) for k in self.keys])}"
            )
        return task

    def forget(self, depth: int) -> None:
        """Let go of the steps from a depth on."""
        if depth < len(self.keys):
            self.past.truncate(depth)
        del self.keys[depth:], self.ends[depth:], self.options[depth:]
        done = self.ends[-1] if depth else 0
        del self.log[done:], self.trail[done:]

    def not_after(self, first: int, second: int) -> tuple[list[Step], int]:
        """notdep(first, E): the later steps that do not happen after step `first`; and the mask
        of what is written by the others before `second`."""
        past, keys = self.past, self.keys
        read, write, before_of = past.read, past.write, past.before_of
        bit = 1 << first
        changed = write[first]
        v: list[Step] = []
        for at in range(first + 1, len(keys)):
            if not before_of[at] & bit:
                v.append((keys[at], read[at], write[at]))
            elif at < second:
                changed |= write[at]
        return v, changed

    def arrives(self, depth: int) -> bool:
        """Was the step one of an interrupt that may come here or elsewhere?"""
        op = self.log[self.ends[depth] - 1][1]
        return op.arrives or op.raises

    def taken_before(self, first: int, second: int) -> Sequence:
        """What leads to the interrupt that step `second` was offered in vain being taken there,
        before step `first` takes it."""
        past, keys = self.past, self.keys
        v: list[Step] = []
        for at in range(first + 1, len(keys)):
            if not past.before_of[at] >> first & 1 and not past.before_of[at] >> second & 1:
                v.append((keys[at], past.read[at], past.write[at]))
        bit = 1 << past.announced[second][2]
        taken = keys[second] & TASK_MASK | 1 << CHOICE_SHIFT
        return Sequence([*v, (taken, 0, bit)], exact=False)

    def footprint(self, world: World, depth: int, keys: list[int]) -> Footprint:
        """What the last of these steps touches when they are taken from a node of the path."""
        touched = self._taken(world, depth, keys)
        world.close()
        return masks(touched)

    def outcomes(self, world: World, depth: int, keys: list[int], number: int) -> int:
        """How many outcomes a task's operation has when these steps were taken."""
        self._taken(world, depth, keys)
        op = self._able(world, number).pending
        options = op.options() if op is not None and op.chooses else 1
        world.close()
        return options

    def _taken(self, world: World, depth: int, keys: list[int]) -> list[int]:
        by_number, trail = world.by_number, self.trail
        for at in range(self.ends[depth - 1] if depth else 0):
            task = by_number[self.log[at][0]]
            assert task is not None
            world.step(task, trail[at] >> CHOICE_SHIFT)
        touched: list[int] = []
        for key in keys:
            task = self._able(world, key)
            op = task.pending
            assert op is not None
            if self.sections is not None and self.sections.begins(op):
                touched, _ = self.sections.section(world, task, [])
            else:
                touched = world.step(task, key >> CHOICE_SHIFT)
        return touched
