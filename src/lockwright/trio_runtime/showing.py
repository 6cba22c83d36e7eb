"""What happens on the stage, told line by line as it happens.

 time  step  task
0.007     0  trace-cmd        eventfs_root_lookup
0.007     0  trace-cmd          srcu_read_lock(&eventfs_srcu) = 0
0.012        cat              waits in mutex_lock(&eventfs_mutex)
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from lockwright.core.event import value_text
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.record import ends
from lockwright.report.columns import ARRIVALS, NOT_NOW, counted

COMM_WIDTH = 15
HEAD = f"{'time':>9} {'step':>5}  task"


class Lines:
    """A watcher that tells by `say`; times are seconds of trio's clock since the execution began.

    Invariant: `functions` has for each task, by index, the model function told last.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.began = 0.0
        self.executions = 0
        self.functions: dict[int, str] = {}

    def begins(self, world: World) -> None:
        """A heading, and a note for all steps that come."""
        self.began = trio.current_time()
        self.functions = {}
        if self.executions:
            self.say("")
        self.executions += 1
        self.say(HEAD)
        world.on_step += (self._stepped,)

    def ends(self, world: World) -> None:
        """Who will never go on, who died, what was broken."""
        for event in ends(world):
            said = f"{event.kind}: {event.text}" if event.text else event.kind
            self._tell(world.tasks[event.task], said)
        for finding in world.findings:
            self.say(f"{'':>9} {finding.step:>5}  {finding.comm:{COMM_WIDTH}}  {finding.kind}")
        self.say(f"{self._time()}        {counted(world.steps, 'step')}, and nobody can go on")

    def waits(self, task: Task) -> None:
        """A task cannot go on."""
        if task.pending is not None:
            self._tell(task, f"  waits in {task.pending.describe()}")

    def cancelled(self, task: Task) -> None:
        """The trio task that plays it was cancelled."""
        self._tell(task, "  cancelled by trio")

    def _stepped(self, task: Task, operation: Operation, result: Value) -> None:
        said, step = value_text(result), task.world.steps
        if operation.kind in ARRIVALS and said == NOT_NOW:
            return
        site = task.call_site()
        function = site.function if site is not None else ""
        if function != self.functions.get(task.index, ""):
            self.functions[task.index] = function
            self._tell(task, function, step)
        self._tell(task, f"  {operation.describe()}{f' = {said}' if said else ''}", step)

    def _tell(self, task: Task, said: str, step: int | None = None) -> None:
        number = "" if step is None else str(step)
        self.say(f"{self._time()} {number:>5}  {task.comm:{COMM_WIDTH}}  {said}".rstrip())

    def _time(self) -> str:
        return f"{trio.current_time() - self.began:9.3f}"
