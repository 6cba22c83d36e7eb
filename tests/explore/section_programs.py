"""Programs of nested sections: what each task does, and a world that runs it.

A task is a list of actions; an action is a tuple whose first item is its name, and whose last one
may be a list of actions, done inside.  Everything is named, tasks too, so that the states of two
searches compare without sharing `Names`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from lockwright.core.errors import KernelOops
from lockwright.core.lockuse import LockKey
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable, xchg
from lockwright.kernel.refcount import (
    Kref,
    Lockref,
    lockref_get_not_dead,
    lockref_mark_dead,
    lockref_put_return,
)
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.slab import Faults, Field, Slab, kfree, kmalloc
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event
from lockwright.kernel.workqueue import Work, WorkQueue, flush_work
from lockwright.program.machine import Add, Await, CompareSwap
from tests.explore.section_operations import Ended, Join, Pause, Start

Call: TypeAlias = Callable[[], Awaitable[Any]]
Action: TypeAlias = tuple[Any, ...]
Actions: TypeAlias = list[Action]

MUTEXES = ("a", "b", "c", "p", "q")
SPINS = ("s", "t")
SHARED = ("rd", "wr", "rr", "rc", "rw", "or", "ow")
LOCKS = (*MUTEXES, *SPINS, *SHARED)
"""`p` and `q` are of one class.  `rd` and `wr` take an rwsem for reading and writing; `rr`, `rc`
and `rw` a queued rwlock for reading, recursive reading and writing; `or` and `ow` one without a
queue."""

VARIABLES = ("x", "y", "z")
FIELDS = ("f", "g", "h")


class Box(Slab):
    """The object that tasks share: fields that are plainly touched."""

    cache = "box"
    f: Field[int] = Field(0)
    g: Field[int] = Field(0)
    h: Field[int] = Field(0)


class Unfiltered(World):
    """A world that keeps every finding: which of several oopses came first does not matter."""

    __slots__ = ()

    @property
    def oopsed(self) -> bool:
        return False


class Objects:
    """What the tasks of a program share, and what each has seen."""

    def __init__(self, world: World, program: Program) -> None:
        self.world = world
        self.program = program
        nested = LockKey("pq", "", 0, Mutex.wait_inner)
        self.mutexes = {name: Mutex(world, name) for name in MUTEXES[:3]}
        self.mutexes |= {name: Mutex(world, name, cls=nested) for name in MUTEXES[3:]}
        self.spins = {name: SpinLock(world, name) for name in SPINS}
        self.sem = RwSem(world, "sem")
        self.fair = RwLock(world, "fair")
        self.open = RwLock(world, "open", queued=False)
        self.srcu = Srcu(world, "srcu")
        self.variables = {name: Variable(world, 0, name) for name in VARIABLES}
        self.box = Box(world, "box")
        self.ref = Kref(world, program.references, "ref", owner=self.box)
        self.lockref = Lockref(world, 1, "lockref", lock=self.spins["s"])
        self.done = Completion(world, "done")
        self.queue = WaitQueue(world, "queue")
        self.cond = CondVar(world, "cond")
        self.works = WorkQueue(world, "works")
        self.work = Work(world, "work", self.worked)
        self.children: dict[str, Task] = {}
        self.kept: list[Box] = []
        self.seen: dict[str, list[Any]] = {}
        world.faults = Faults(world, program.faults)

    async def worked(self) -> None:
        """What the work and the callback do: one write under a lock."""
        await self.mutexes["a"].lock()
        self.box.f = 3
        await self.mutexes["a"].unlock()

    async def called(self) -> None:
        """The callback of call_srcu()."""
        await WRITE_ONCE(self.variables["z"], 3)

    def ends(self, name: str) -> tuple[Call, Call, Call]:
        """How a lock is taken, tried and released."""
        sem, fair, plain = self.sem, self.fair, self.open
        if name in self.mutexes:
            mutex = self.mutexes[name]
            return mutex.lock, mutex.trylock, mutex.unlock
        if name in self.spins:
            spin = self.spins[name]
            return spin.lock, spin.trylock, spin.unlock
        table: dict[str, tuple[Call, Call, Call]] = {
            "rd": (sem.down_read, sem.down_read_trylock, sem.up_read),
            "wr": (sem.down_write, sem.down_write_trylock, sem.up_write),
            "rr": (fair.read_lock, fair.read_trylock, fair.read_unlock),
            "rc": (lambda: fair.read_lock(recursive=True), fair.read_trylock, fair.read_unlock),
            "rw": (fair.write_lock, fair.write_trylock, fair.write_unlock),
            "or": (plain.read_lock, plain.read_trylock, plain.read_unlock),
            "ow": (plain.write_lock, plain.write_trylock, plain.write_unlock),
        }
        return table[name]


@dataclass(frozen=True, slots=True)
class Program:
    """`tasks` run from the beginning, `children` when somebody spawns them; `references` is what
    the shared object's count begins with, and `faults` how many allocations may fail."""

    tasks: tuple[Actions, ...]
    children: tuple[Actions, ...] = ()
    references: int = 1
    faults: int = 0

    def build(self, world: World) -> None:
        """Make the objects and spawn the tasks."""
        at = Objects(world, self)
        world.state = at
        for number, actions in enumerate(self.tasks):
            world.spawn(task_body(at, f"t{number}", actions), f"t{number}")


async def task_body(at: Objects, comm: str, actions: Actions) -> None:
    """A task: all its actions, one after the other."""
    seen: list[Any] = []
    at.seen[comm] = seen
    if actions and (actions[0][0] in PLAIN or actions[0][0] == "if"):
        await Pause()  # nothing may be touched before the first operation
    await play(at, seen, actions)


async def play(at: Objects, seen: list[Any], actions: Actions) -> None:
    """Do all actions, and note what they gave."""
    for action in actions:
        await _do(at, seen, action)


async def _do(at: Objects, seen: list[Any], action: Action) -> Any:  # noqa: ANN401  # by action
    """One action; what it gave is noted and returned."""
    kind, *args = action
    if kind in NESTING:
        return await NESTING[kind](at, seen, *args)
    if kind in PLAIN:
        result = PLAIN[kind](at, *args)
    else:
        result = await SINGLE[kind](at, *args)
    if result is not None:
        seen.append(result)
    return result


async def _section(at: Objects, seen: list[Any], name: str, inside: Actions) -> None:
    enter, _, leave = at.ends(name)
    await enter()
    await play(at, seen, inside)
    await leave()


async def _try(at: Objects, seen: list[Any], name: str, inside: Actions) -> None:
    _, attempt, leave = at.ends(name)
    got = await attempt()
    seen.append(got)
    if got:
        await play(at, seen, inside)
        await leave()


async def _read_side(at: Objects, seen: list[Any], inside: Actions) -> None:
    idx = await at.srcu.read_lock()
    await play(at, seen, inside)
    await at.srcu.read_unlock(idx)


async def _downgrade(at: Objects, seen: list[Any], inside: Actions) -> None:
    await at.sem.down_write()
    await play(at, seen, inside)
    await at.sem.downgrade_write()
    await at.sem.up_read()


async def _poll(at: Objects, seen: list[Any], inside: Actions) -> None:
    while not await at.sem.down_write_trylock():
        await at.sem.poll(10)
    await play(at, seen, inside)
    await at.sem.up_write()


async def _if(at: Objects, seen: list[Any], test: Action, value: int, inside: Actions) -> None:
    if await _do(at, seen, test) == value:
        await play(at, seen, inside)


async def _check(at: Objects, seen: list[Any], test: Action, value: int) -> None:
    got = await _do(at, seen, test)
    if got != value:
        raise KernelOops("assertion", f"{test} gives {got}", f"{test} gives {got}")


async def _sleep(at: Objects, seen: list[Any], name: str) -> None:
    async def is_set() -> bool:
        return bool(await READ_ONCE(at.variables[name]))

    await wait_event(at.queue, is_set)


async def _post(at: Objects, seen: list[Any], name: str) -> None:
    await WRITE_ONCE(at.variables[name], 1)
    await at.queue.wake_up()


async def _put(at: Objects, seen: list[Any]) -> None:
    async def release() -> None:
        await kfree(at.box)

    seen.append(await at.ref.put(release))


async def _allocate(at: Objects, seen: list[Any]) -> None:
    box = await kmalloc(at.world, lambda: Box(at.world, "new"), "box")
    seen.append(box is not None)
    at.kept.append(box)


async def _spawn(at: Objects, seen: list[Any], which: int) -> None:
    children = at.program.children
    comm = f"c{which % len(children)}"
    if comm not in at.seen:
        at.seen[comm] = []
        actions = children[which % len(children)]
        body = partial(task_body, at, comm, actions)
        at.children[comm] = await Start(at.world, comm, body)


async def _join(at: Objects, seen: list[Any], which: int) -> None:
    child = at.children.get(f"c{which}")
    if child is not None:
        await Join(child)


async def _ended(at: Objects, seen: list[Any], which: int) -> None:
    child = at.children.get(f"c{which}")
    if child is not None:
        seen.append(await Ended(child))


NESTING: dict[str, Callable[..., Awaitable[None]]] = {
    "in": _section,
    "try": _try,
    "srcu": _read_side,
    "down": _downgrade,
    "poll": _poll,
    "if": _if,
    "check": _check,
    "sleep": _sleep,
    "post": _post,
    "put": _put,
    "kmalloc": _allocate,
    "spawn": _spawn,
    "join": _join,
    "ended": _ended,
}
SINGLE: dict[str, Callable[..., Awaitable[Any]]] = {
    "pause": lambda at: Pause(),
    "hold": lambda at, name: at.ends(name)[0](),
    "free": lambda at, name: at.ends(name)[2](),
    "read": lambda at, name: READ_ONCE(at.variables[name]),
    "write": lambda at, name, value: WRITE_ONCE(at.variables[name], value),
    "add": lambda at, name: Add(at.variables[name], 1),
    "cas": lambda at, name, old, new: CompareSwap(at.variables[name], old, new),
    "await": lambda at, name, relation, value: Await(at.variables[name], relation, value),
    "peek": lambda at, name: READ_ONCE(at.box, name),
    "poke": lambda at, name, value: WRITE_ONCE(at.box, name, value),
    "xchg": lambda at, name, value: xchg(at.box, name, value),
    "get": lambda at: at.ref.get(),
    "get_unless": lambda at: at.ref.get_unless_zero(),
    "kfree": lambda at: kfree(at.box),
    "complete": lambda at: at.done.complete(),
    "wait": lambda at: at.done.wait_for_completion(),
    "try_wait": lambda at: at.done.try_wait_for_completion(),
    "wake": lambda at: at.queue.wake_up(),
    "cond": lambda at: at.cond.wait(at.mutexes["a"]),
    "signal": lambda at: at.cond.signal(),
    "broadcast": lambda at: at.cond.broadcast(),
    "lget": lambda at: lockref_get_not_dead(at.lockref),
    "lput": lambda at: lockref_put_return(at.lockref),
    "ldead": lambda at: lockref_mark_dead(at.lockref),
    "queue": lambda at: at.works.queue_work(at.work),
    "flush": lambda at: flush_work(at.work),
    "call": lambda at: at.srcu.call_srcu(at.called),
    "sync": lambda at: at.srcu.synchronize_srcu(),
}


def _store(at: Objects, name: str, value: int) -> None:
    setattr(at.box, name, value)


def _increase(at: Objects, name: str) -> None:
    setattr(at.box, name, getattr(at.box, name) + 1)


def _oops(at: Objects) -> None:
    raise KernelOops("oops", "oops")


PLAIN: dict[str, Callable[..., Any]] = {
    "load": lambda at, name: getattr(at.box, name),
    "store": _store,
    "inc": _increase,
    "lcount": lambda at: at.lockref.count,
    "oops": _oops,
}
"""What is done without an operation: part of the step before it."""


def final_state(world: World) -> tuple[Any, ...]:
    """All that can be seen when an execution has ended: values, what each task saw, who waits for
    what, who died, and what was warned of.  The lock validator's reports are left out: it gives
    each one once in a search."""
    at: Objects = world.state
    return (
        tuple(variable.value for variable in at.variables.values()),
        tuple(at.box.peek(name) for name in FIELDS),
        (at.box.alive, at.ref.value, at.lockref.value, at.done.value, len(at.kept)),
        tuple(sorted((comm, tuple(seen)) for comm, seen in at.seen.items())),
        tuple(sorted(f"{task.comm} in {_pending(task)}" for task in world.blocked())),
        tuple(sorted((task.comm, task.ended, task.died) for task in world.tasks)),
        tuple(
            sorted(
                {(found.kind, found.message) for found in world.findings if found.report is None}
            )
        ),
    )


def _pending(task: Task) -> str:
    return task.pending.describe() if task.pending is not None else ""
