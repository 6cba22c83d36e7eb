"""Random programs of three to five tasks that all want the same few things.

What DPOR gets wrong it gets wrong where several tasks stand beside a race: so there are more tasks
than in the other random programs, each does little, and a program uses only a few locks and
operations of all that there are.  The actions are those of `section_programs.py`; beyond these

    ("keep", lock)            take it and never release it
    the locks r2, w2          a second rwsem, for reading and writing
    ("poll2", actions)        what polls and then writes under that
    ("irqs", actions)         with interrupts off
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from lockwright.core.location import Names
from lockwright.core.task import Context
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld
from lockwright.kernel.irq import interrupt
from lockwright.kernel.irqflags import local_irq_restore, local_irq_save
from lockwright.kernel.rwsem import RwSem
from tests.explore.section_programs import (
    NESTING,
    SINGLE,
    Action,
    Actions,
    Call,
    Objects,
    Program,
    Unfiltered,
    play,
    task_body,
)

FAMILIES = (
    *(("rd", "wr"), ("r2", "w2"), ("rd", "wr", "r2", "w2"), ("rr", "rw"), ("rr", "rc", "rw")),
    *(("or", "ow"), ("a",), ("a", "b"), ("s",), ("s", "t"), ("rd", "wr", "a"), ("rr", "rw", "s")),
    *(("rd", "wr", "rr", "rw"), ("a", "s")),
)
"""Locks that a program may use."""

GROUPS = (
    *(("read", "write"), ("add",), ("cas", "read"), ("await", "write"), ("read", "write", "add")),
    *(("wait", "complete"), ("wait", "complete", "try_wait"), ("cond", "signal"), ("try",)),
    *(("cond", "signal", "broadcast"), ("sleep", "post"), ("sleep", "wake", "write")),
    *(("srcu", "sync"), ("srcu", "call", "sync"), ("queue", "flush"), ("spawn", "join")),
    *(("spawn", "ended"), ("poll",), ("poll2",), ("down",), ("keep",), ("keep", "try"), ()),
)
"""What else it may do."""

SHAPES = (
    *(
        (4, 4, 1, 1),
        (4, 3, 1, 1),
        (3, 3, 2),
        (4, 2, 2),
        (2, 2, 2, 2),
        (3, 2, 2, 1),
        (2, 2, 1, 1, 1),
    ),
    *((3, 1, 1, 1, 1), (4, 4, 2), (3, 3, 3), (2, 2, 2, 1, 1), (4, 1, 1, 1), (4, 3, 2), (2, 2, 2)),
)
"""Operations of each task, about."""

COSTS = {"in": 2, "try": 2, "poll": 2, "poll2": 2, "srcu": 2, "down": 3, "sleep": 2, "post": 2}
NESTED = ("in", "try", "poll", "poll2", "srcu", "down", "irqs")
FAMILY = ("spawn", "join", "ended")
SPINNING = ("s", "t", "rr", "rc", "rw", "or", "ow")
SLEEPING = ("wait", "cond", "sleep", "sync", "flush", "join", "poll", "poll2", "down")


@dataclass(frozen=True, slots=True)
class Handler:
    """An interrupt line: what its handler does, on top of which tasks, on an idle CPU too?"""

    actions: Actions
    on: tuple[int, ...]
    hard: bool
    idle: bool


class Contended(Objects):
    """With a second rwsem."""

    def __init__(self, world: World, program: Program) -> None:
        super().__init__(world, program)
        self.second = RwSem(world, "second")

    def ends(self, name: str) -> tuple[Call, Call, Call]:
        """How a lock is taken, tried and released."""
        second = self.second
        if name == "r2":
            return second.down_read, second.down_read_trylock, second.up_read
        if name == "w2":
            return second.down_write, second.down_write_trylock, second.up_write
        return super().ends(name)


async def _poll_second(at: Contended, seen: list[Any], inside: Actions) -> None:
    while not await at.second.down_write_trylock():
        await at.second.poll(10)
    await play(at, seen, inside)
    await at.second.up_write()


async def _irqs_off(at: Contended, seen: list[Any], inside: Actions) -> None:
    await local_irq_save()
    await play(at, seen, inside)
    await local_irq_restore()


NESTING.setdefault("poll2", _poll_second)
NESTING.setdefault("irqs", _irqs_off)
SINGLE.setdefault("keep", lambda at, name: at.ends(name)[0]())


@dataclass(frozen=True, slots=True)
class ContendedProgram(Program):
    """With interrupts, and any order of spawning."""

    handlers: tuple[Handler, ...] = ()
    order: tuple[int, ...] = ()

    def build(self, world: World) -> None:
        """Make the objects and spawn the tasks, in their order."""
        at = Contended(world, self)
        world.state = at
        order = self.order or range(len(self.tasks))
        made = {
            number: world.spawn(task_body(at, f"t{number}", self.tasks[number]), f"t{number}")
            for number in order
        }
        for number, handler in enumerate(self.handlers):
            seen: list[Any] = []
            at.seen[f"h{number}"] = seen
            interrupt(
                world,
                partial(play, at, seen, handler.actions),
                f"irq{number}",
                on=[made[task] for task in handler.on],
                context=Context.HARDIRQ if handler.hard else Context.SOFTIRQ,
                idle=handler.idle,
            )

    def make(self, names: Names) -> MakeWorld:
        """Builds worlds that all share `names`."""

        def make(_: Names) -> World:
            world = Unfiltered(names)
            self.build(world)
            return world

        return make


def contended_program(seed: int) -> ContendedProgram:
    """The program of this number."""
    random = Random(f"contended {seed}")
    maker = _Maker(random)
    shape = random.choice(SHAPES)
    tasks = [maker.actions(shape[0], ())]
    # who knows of the child is the first task alone
    children = "spawn" in maker.kinds
    maker.kinds = tuple(kind for kind in maker.kinds if kind not in FAMILY)
    tasks += [maker.actions(size, ()) for size in shape[1:]]
    born = (maker.actions(2, ()),) if children else ()
    handlers: list[Handler] = []
    if random.random() < 0.2:
        for _ in range(random.choice((1, 1, 2))):
            on = tuple(task for task in range(len(tasks)) if random.random() < 0.5)
            handlers.append(maker.handler(on))
    return ContendedProgram(tuple(tasks), born, handlers=tuple(handlers))


class _Maker:
    """Makes up the tasks of one program, from a few locks and kinds of actions."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.locks: tuple[str, ...] = random.choice(FAMILIES)
        groups = random.sample(GROUPS, random.choice((0, 1, 1, 2)))
        self.kinds = tuple(kind for group in groups for kind in group)
        self.variables = random.choice((("x",), ("x",), ("x", "y")))
        self.weight = random.choice((1, 2, 4))

    def actions(self, budget: int, held: tuple[str, ...]) -> Actions:
        """Actions of about so many operations, while `held` are held."""
        made: Actions = []
        while budget > 0:
            kind = self._kind(budget, held)
            cost = COSTS.get(kind, 1)
            inside = self.random.randint(0, max(0, budget - cost)) if kind in NESTED else 0
            made.append(self._action(kind, inside, held))
            budget -= cost + inside
        return made

    def _kind(self, budget: int, held: tuple[str, ...]) -> str:
        """What comes next, of what may be done here."""
        kinds = [*("in" for _ in range(self.weight)), *(self.kinds or ("in",))]
        atomic = any(lock in (*SPINNING, "irqs") for lock in held)
        kind = self.random.choice(kinds)
        if atomic and kind in SLEEPING:
            kind = "read"
        if kind == "in" and budget == 1:
            kind = self.random.choice(("keep", "read", "write"))
        if kind == "cond" and "a" not in held:
            kind = "signal"
        return kind

    def _action(self, kind: str, inside: int, held: tuple[str, ...]) -> Action:
        random = self.random
        if kind in ("in", "try", "keep"):
            lock = self._lock(held)
            if kind == "keep":
                return (kind, lock) if lock else self._action("read", 0, held)
            if not lock:
                return self._action("add", 0, held)
            return (kind, lock, self.actions(inside, (*held, lock)))
        if kind in ("srcu", "poll", "poll2", "down", "irqs"):
            lock = {"poll": "wr", "poll2": "w2", "down": "wr"}.get(kind, kind)
            if lock in held or ("rd" in held and lock == "wr") or ("r2" in held and lock == "w2"):
                return self._action("write", 0, held)
            return (kind, self.actions(inside, (*held, lock)))
        variable = random.choice(self.variables)
        table: dict[str, Action] = {
            "read": (kind, variable),
            "write": (kind, variable, random.randint(1, 2)),
            "add": (kind, variable),
            "cas": (kind, variable, random.randint(0, 1), random.randint(1, 2)),
            "await": (kind, variable, random.choice(("==", "!=")), random.randint(0, 1)),
            "sleep": (kind, variable),
            "post": (kind, variable),
            "spawn": (kind, 0),
            "join": (kind, 0),
            "ended": (kind, 0),
        }
        return table.get(kind, (kind,))

    def _lock(self, held: tuple[str, ...]) -> str:
        """One that the task does not hold in any way; empty if there is none."""
        locks: tuple[str, ...] = self.locks
        atomic = any(lock in (*SPINNING, "irqs") for lock in held)
        if atomic:
            locks = tuple(
                lock for lock in locks if lock in ("s", "t", "rr", "rc", "rw", "or", "ow")
            )
        free = [lock for lock in locks if not any(_same(lock, other) for other in held)]
        return self.random.choice(free) if free else ""

    def handler(self, on: tuple[int, ...]) -> Handler:
        """An interrupt that comes on some of the tasks."""
        random = self.random
        locks, kinds = self.locks, self.kinds
        self.locks = tuple(lock for lock in locks if lock in ("s", "t", "rr", "rw")) or ("s",)
        self.kinds = tuple(
            kind for kind in kinds if kind in ("read", "write", "add", "cas", "complete", "wake")
        ) or ("read", "write")
        actions = self.actions(random.choice((1, 1, 2)), ("irqs",))
        self.locks, self.kinds = locks, kinds
        return Handler(actions, on, random.random() < 0.6, not on or random.random() < 0.3)


SIDES = (("rd", "wr"), ("r2", "w2"), ("rr", "rc", "rw"), ("or", "ow"))


def _same(lock: str, other: str) -> bool:
    """Is it the same lock, or another side of it?"""
    return lock == other or any(lock in sides and other in sides for sides in SIDES)
