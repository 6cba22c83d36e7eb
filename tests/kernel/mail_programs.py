"""Random programs of tasks that send each other mail, and daemons that answer.

Each task has a mailbox of its own.  Daemons receive, and do one thing for each message: take it in,
under a lock or not, pass it on, or let somebody go on who waits.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random

from lockwright.core.daemon import idle_tasks, start_daemons
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.mailbox import Mailbox
from lockwright.kernel.slab import Field, Slab
from lockwright.kernel.spinlock import SpinLock

HOPS = 2
"""A message is passed on so often, so that no program goes on for ever."""


class Shared(Slab):
    """What everybody can touch, guarded by the lock."""

    count: Field[int] = Field(0)


@dataclass(frozen=True)
class Program:
    """`tasks` has the actions of each task, `daemons` what each daemon does for a message."""

    tasks: tuple[tuple[str, ...], ...]
    daemons: tuple[str, ...]

    def build(self, world: World) -> None:
        """Set the world up; what each task saw is in `world.state.logs`."""
        mail = Mail(world, self)
        world.state = mail
        for at, task in enumerate(self.tasks):
            world.spawn(mail.does(at, task), f"t{at}")
        for at, what in enumerate(self.daemons):
            world.daemon(mail.serving(len(self.tasks) + at, what), f"d{at}")
        start_daemons(world)


class Mail:
    """The objects of one execution."""

    def __init__(self, world: World, program: Program) -> None:
        self.world = world
        self.count = len(program.tasks) + len(program.daemons)
        self.boxes = [Mailbox(world, f"box{at}", 16) for at in range(self.count)]
        self.lock = SpinLock(world, "&lock")
        self.shared = Shared(world, "shared")
        self.done = Completion(world, "&done")
        self.logs: list[list[str]] = [[] for _ in range(self.count)]

    async def does(self, at: int, actions: tuple[str, ...]) -> None:
        """A task's actions: `send:N`, `locked:N` (send under the lock), `receive`, `write`, `read`,
        `wait`."""
        log = self.logs[at]
        for nth, action in enumerate(actions):
            kind, _, to = action.partition(":")
            box = self.boxes[int(to or at) % self.count]
            if kind == "send":
                await box.send((f"t{at}.{nth}", 0))
            elif kind == "locked":
                await self.lock.lock()
                self.shared.count += 1
                await box.send((f"t{at}.{nth}", 0))
                await self.lock.unlock()
            elif kind == "receive":
                log.append((await box.receive())[0])
            elif kind == "write":
                await cpu_relax()
                self.shared.count = nth
            elif kind == "read":
                await cpu_relax()
                log.append(str(self.shared.count))
            elif kind == "wait":
                await self.done.wait_for_completion()

    def serving(self, at: int, what: str) -> Callable[[], Coroutine[object, object, None]]:
        """What makes a daemon's loop."""
        return lambda: self._serves(at, what)

    async def _serves(self, at: int, what: str) -> None:
        log, kind = self.logs[at], what.partition(":")[0]
        while True:
            name, hops = await self.boxes[at].receive()
            log.append(name)
            if kind == "take":
                await self.lock.lock()
                self.shared.count += 1
                await self.lock.unlock()
            elif kind == "keep":  # takes the lock and does not let it go
                await self.lock.lock()
            elif kind == "pass" and hops < HOPS:
                await self.boxes[int(what[5:]) % self.count].send((name, hops + 1))
            elif kind == "complete":
                await self.done.complete()
            elif kind == "write":
                self.shared.count = 0


def final_state(world: World) -> tuple[object, ...]:
    """All that an execution ended in."""
    mail: Mail = world.state
    return (
        tuple(tuple(log) for log in mail.logs),
        tuple(tuple(box.waiting()) for box in mail.boxes),
        mail.shared.peek("count"),
        tuple(_names(world.blocked())),
        tuple(_names(idle_tasks(world))),
    )


def _names(tasks: list[Task]) -> list[str]:
    return [f"{task.comm} in {task.pending.describe()}" for task in tasks if task.pending]


def random_program(seed: int) -> Program:
    """Two or three tasks and up to two daemons."""
    draw = Random(seed)
    tasks, daemons = draw.choice(((2, 0), (2, 1), (2, 1), (1, 2), (2, 2), (3, 0), (3, 1)))
    count = tasks + daemons
    most = 4 if count < 4 else 2

    def action() -> str:
        kind = draw.choices(
            ("send", "locked", "receive", "write", "read", "wait"), (6, 3, 4, 1, 1, 1)
        )[0]
        return f"{kind}:{draw.randrange(count)}" if kind in ("send", "locked") else kind

    def service() -> str:
        kind = draw.choice(("take", "take", "keep", "pass", "pass", "complete", "write", "log"))
        return f"pass:{draw.randrange(count)}" if kind == "pass" else kind

    return Program(
        tuple(tuple(action() for _ in range(draw.randint(1, most))) for _ in range(tasks)),
        tuple(service() for _ in range(daemons)),
    )
