"""Which task of a scenario takes which locks in which order: the makers of the lock graph's edges.

The validator's graph forgets who made an edge.  Here it is learned again, from executions that are
run once more: those that taught the validator something.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lockwright.check.rule import Rule
from lockwright.compose import CasePart, task_name
from lockwright.core.daemon import is_daemon
from lockwright.core.irqs import HARDIRQS_ON, SOFTIRQS_ON
from lockwright.core.lockuse import EXCLUSIVE, RECURSIVE_READER, LockUse
from lockwright.core.operation import Operation
from lockwright.core.task import Context, Task
from lockwright.core.world import World
from lockwright.scenario import Scenario

INTERRUPT = (Context.SOFTIRQ, Context.HARDIRQ)
HARDIRQ, SOFTIRQ = "hardirq", "softirq"
PROCESS = ""


def taken_in(state: str) -> str:
    """What `Deed.how` says of a lock that a handler of this kind of interrupt takes."""
    return f"in {state}"


def taken_with(state: str) -> str:
    """And of one that is held while this kind of interrupt is on."""
    return f"with {state}s on"


def states_of(task: Task) -> list[str]:
    """What `Deed.how` says of the locks that a task takes or holds now."""
    states = [taken_in(task.context.value)] if task.context in INTERRUPT else []
    if not task.irqs_off and task.context is not Context.HARDIRQ:
        states.append(taken_with(HARDIRQ))
        if not task.bhs_off and task.context is not Context.SOFTIRQ:
            states.append(taken_with(SOFTIRQ))
    return states


@dataclass(frozen=True, slots=True)
class Deed:
    """A task took a lock of class `new`, while it held one of class `held` if that is not empty.

    `part` is the scenario's task that did it, or that began what did; `label` tells apart those
    that one of them began.  `held_lock` and `new_lock` are the locks, by name.  `how` says, of
    deeds without a held lock, what kinds of interrupt had to do with it: one deed for each.
    """

    scenario: str
    part: CasePart
    label: str
    held: str
    held_lock: str
    held_read: int
    new: str
    new_lock: str
    new_read: int
    trylock: bool
    how: str = PROCESS

    @property
    def type(self) -> str:
        """The edge's type: ER, EN, SR or SN."""
        held = "E" if self.held_read == EXCLUSIVE else "S"
        return held + ("R" if self.new_read == RECURSIVE_READER else "N")


class Makers(Rule):
    """Listens to executions of one scenario after another.

    `deeds` has every deed once, with the fewest steps that its part's task ever needed in all.
    """

    name = "makers"

    def __init__(self) -> None:
        self.deeds: dict[Deed, int] = {}
        self.scenario: Scenario | None = None
        self.world: World
        self.first: dict[str, str] = {}
        self.held: dict[int, list[tuple[LockUse, Context]]] = {}
        self.seen: dict[tuple[int, LockUse | None, LockUse, str], None] = {}
        self.steps: Counter[str] = Counter()

    def begin(self, world: World) -> None:
        self.world = world
        self.first = {}
        self.held = {}
        self.seen = {}
        self.steps = Counter()
        world.locks = []
        world.on_acquire += (self._acquired,)
        world.on_release += (self._released,)
        world.on_irq += (self._switched,)
        world.on_step += (self._stepped,)

    def started(self) -> None:
        """The world is set up: its tasks are the scenario's own."""
        tasks = self.world.tasks
        comms = [task.comm for task in tasks if not is_daemon(task)]
        # what a daemon does it does for the others: to have it done takes them all
        self.first = {
            task.name.label: "" if is_daemon(task) else task_name(comms, at)
            for at, task in enumerate(tasks)
        }

    def _root(self, label: str) -> str:
        """The label of the scenario's task that began a task, or the task that it began."""
        while label not in self.first:
            label = label.rpartition(".")[0]
        return label

    def finish(self, world: World) -> None:
        """Who waits for ever has not told of the acquire yet."""
        for task in world.blocked():
            attempt = getattr(task.pending, "attempt", None)
            if attempt is not None:
                self._acquired(task, attempt(task))

    def collect(self) -> None:
        """An execution is over: keep what was done in it."""
        scenario, tasks = self.scenario, self.world.tasks
        if scenario is None or scenario.parts is None:
            return
        names = {lock.address: lock.name for lock in self.world.locks or ()}
        for index, held, new, how in self.seen:
            label = tasks[index].name.label
            root = self._root(label)
            deed = Deed(
                scenario.name,
                CasePart(scenario.case, self.first[root]),
                label,
                "" if held is None else held.class_name,
                "" if held is None else _lock_name(names, held),
                0 if held is None else held.read,
                new.class_name,
                _lock_name(names, new),
                new.read,
                new.trylock,
                how,
            )
            steps = self.steps[root]
            self.deeds[deed] = min(self.deeds.get(deed, steps), steps)

    def _stepped(self, task: Task, operation: Operation, result: object) -> None:
        self.steps[self._root(task.name.label)] += 1

    def _acquired(self, task: Task, use: LockUse) -> None:
        held = self.held.setdefault(task.index, [])
        context = task.context
        for other, where in held:
            if where is context:
                self.seen[task.index, other, use, PROCESS] = None
        for state in states_of(task) or (PROCESS,):
            self.seen[task.index, None, use, state] = None
        if not use.sync:
            held.append((use, context))

    def _switched(self, task: Task, event: int) -> None:
        """What is held while interrupts are switched on is as if it was taken with them on."""
        if event in (HARDIRQS_ON, SOFTIRQS_ON):
            for use, where in self.held.get(task.index, ()):
                for state in states_of(task) if where is task.context else ():
                    self.seen[task.index, None, use, state] = None

    def _released(self, task: Task, address: int) -> None:
        held = self.held.get(task.index, [])
        for at in range(len(held) - 1, -1, -1):
            if held[at][0].instance == address:
                del held[at]
                return


def _lock_name(names: dict[int, str], use: LockUse) -> str:
    return names.get(use.instance, "") or f"{use.instance:x}"
