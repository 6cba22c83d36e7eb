"""The one CPU of a trace.dat: who has it, who sleeps, and what was written down."""

from __future__ import annotations

from dataclasses import dataclass, field

from lockwright.report.tracedat.formats import FORMATS, PRINT, Number, comm_of
from lockwright.report.tracedat.memory import UNKNOWN, Memory, ascii_of

APART = 1000
"""Nanoseconds between two events, at least: readers show microseconds."""
IDLE, PRIORITY = 0, 120
IDLE_COMM = "swapper/0"
RUNNABLE, INTERRUPTIBLE, UNINTERRUPTIBLE, DEAD = 0, 1, 2, 32
"""As libtraceevent and KernelShark know them."""
TEXT_MAX = 960
"""How much of a text one `print` has; what is longer is several."""
NAME_MAX = 240


def short(text: str) -> str:
    """A name in an event."""
    return ascii_of(text)[:NAME_MAX]


@dataclass(slots=True)
class Cpu:
    """What happens on it.

    `pids` and `names` are the tasks', `now` is the one that has it, None the idle one; `sleeping`
    are those that wait, with the state they sleep in.  `flags` are those of the next events.
    """

    pids: dict[int, int]
    names: dict[int, str]
    memory: Memory = field(default_factory=Memory)
    events: list[tuple[int, bytes]] = field(default_factory=list)
    now: int | None = None
    sleeping: dict[int, int] = field(default_factory=dict)
    flags: int = 0

    def comm(self, task: int | None) -> str:
        """A task's name, as far as the kernel has room for it."""
        if task is None:
            return IDLE_COMM
        return comm_of(ascii_of(self.names.get(task, f"task {task}")))

    def pid(self, task: int | None) -> int:
        """A task's pid."""
        return IDLE if task is None else self.pids[task]

    def comms(self) -> dict[int, str]:
        """The names of all tasks, by pid."""
        tasks = sorted(self.pids, key=self.pids.__getitem__)
        return {IDLE: "<idle>"} | {self.pids[task]: self.comm(task) for task in tasks}

    def emit(self, at: int, task: int | None, name: str, /, **values: Number) -> None:
        """Write an event down, at a time or just after the last one."""
        ts = max(at, self.events[-1][0] + APART if self.events else 0)
        self.events.append((ts, FORMATS[name].pack(self.flags, self.pid(task), values)))

    def say(self, at: int, task: int | None, text: str, code: int | None = None) -> None:
        """Write a text down."""
        line = ascii_of(text)
        ip = self.memory.code(UNKNOWN) if code is None else code
        for begin in range(0, max(len(line), 1), TEXT_MAX):
            self.emit(at, task, PRINT.name, ip=ip, buf=line[begin : begin + TEXT_MAX])

    def switch(self, at: int, task: int | None, state: int) -> None:
        """Give it to another task; the one that had it is in this state, or asleep."""
        if task == self.now:
            return
        if self.now is not None:
            state = self.sleeping.get(self.now, state)
        self.emit(
            at,
            self.now,
            "sched_switch",
            prev_comm=self.comm(self.now),
            prev_pid=self.pid(self.now),
            prev_prio=PRIORITY,
            prev_state=RUNNABLE if self.now is None else state,
            next_comm=self.comm(task),
            next_pid=self.pid(task),
            next_prio=PRIORITY,
        )
        self.now = task

    def wake(self, at: int, task: int) -> None:
        """Whoever has it wakes another task."""
        for name in ("sched_waking", "sched_wakeup"):
            who: dict[str, Number] = {"comm": self.comm(task), "pid": self.pid(task)}
            self.emit(at, self.now, name, **who, prio=PRIORITY, target_cpu=0)
