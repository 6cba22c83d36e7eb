"""Random programs small enough for brute force: what each task does, and how it is run.

A task is a list of actions; an action is a tuple whose first item is its name, and whose last one
may be a list of actions, done inside the section that it opens.  Everything that a program uses is
made for each execution in the same order, so that two searches that share `Names` agree on what
each location is called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, TypeAlias

from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld
from lockwright.kernel.completion import Completion
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.waitqueue import CondVar, WaitQueue, wait_event
from lockwright.kernel.workqueue import Work, WorkQueue, cancel_work_sync, flush_work
from lockwright.program.machine import Add, Await, CompareSwap

Call: TypeAlias = Callable[..., Awaitable[Any]]
Action: TypeAlias = tuple[Any, ...]
Actions: TypeAlias = list[Action]

# Steps of the tasks that give at most about 2,500 interleavings if nothing waits for anything.
SHAPES = (
    (5, 4),
    (6, 3),
    (5, 5),
    (3, 3, 2),
    (4, 2, 2),
    (3, 2, 2),
    (4, 3, 1),
    (2, 2, 1, 1),
    (3, 1, 1, 1),
)
SMALL_SHAPES = ((3, 2), (2, 2), (4, 1), (3, 1, 1), (2, 1, 1))
SECTIONS = (
    *("lock", "try", "spin", "read_sem", "write_sem", "try_sem", "try_read_sem", "srcu"),
    *("read_lock", "write_lock", "read_fair", "read_recursive", "write_fair"),
)


STEPS = {**dict.fromkeys(SECTIONS, 2), "cond": 4, "sleep": 3, "post": 2}
STEPS |= {"sync": 2, "flush": 2, "cancel": 2, "call": 2}


class Objects:
    """What programs share."""

    def __init__(self, world: World, works: list[Actions]) -> None:
        self.world = world
        self.mutexes = [Mutex(world, "a"), Mutex(world, "b")]
        self.variables = [Variable(world, 0, "x"), Variable(world, 0, "y")]
        self.sem = RwSem(world, "sem")
        self.rwlock = RwLock(world, "rw", queued=False)
        self.fair = RwLock(world, "fair")
        self.spin = SpinLock(world, "spin")
        self.cond = CondVar(world, "cond")
        self.sleepers = WaitQueue(world, "sleepers")
        self.done = Completion(world, "done")
        self.srcu = Srcu(world, "srcu")
        self.queue = WorkQueue(world, "wq")
        self.works = [Work(world, f"w{n}", self._work(actions)) for n, actions in enumerate(works)]
        self.results: dict[str, list[Any]] = {}

    async def called(self) -> None:
        """The callback of call_srcu()."""
        await Add(self.variables[0], 1)

    def _work(self, actions: Actions) -> Callable[[], Any]:
        return lambda: play(self, "work", actions)

    def ends(self, kind: str, which: list[int]) -> tuple[Call, Call]:
        """How a section is entered and left."""
        mutex = self.mutexes[which[0] if which else 0]
        sem, srcu = self.sem, self.srcu
        plain, fair = self.rwlock, self.fair
        ends: dict[str, tuple[Call, Call]] = {
            "lock": (mutex.lock, mutex.unlock),
            "try": (mutex.trylock, mutex.unlock),
            "spin": (self.spin.lock, self.spin.unlock),
            "read_sem": (sem.down_read, sem.up_read),
            "write_sem": (sem.down_write, sem.up_write),
            "try_sem": (sem.down_write_trylock, sem.up_write),
            "try_read_sem": (sem.down_read_trylock, sem.up_read),
            "srcu": (srcu.read_lock, srcu.read_unlock),
            "read_lock": (plain.read_lock, plain.read_unlock),
            "write_lock": (plain.write_lock, plain.write_unlock),
            "read_fair": (fair.read_lock, fair.read_unlock),
            "read_recursive": (lambda: fair.read_lock(recursive=True), fair.read_unlock),
            "write_fair": (fair.write_lock, fair.write_unlock),
        }
        return ends[kind]


async def play(at: Objects, name: str, actions: Actions) -> None:
    """Do all actions; what they gave goes to `results`, which no other task sees."""
    results = at.results.setdefault(f"{name} {at.world.creator.name.number}", [])
    for action in actions:
        await _do(at, results, action)


async def _do(at: Objects, results: list[Any], action: Action) -> None:
    kind, *args = action
    if kind in SECTIONS:
        await _section(at, results, kind, args)
    elif kind == "cond":
        mutex = at.mutexes[0]
        await mutex.lock()
        await at.cond.wait(mutex)
        await mutex.unlock()
    elif kind == "sleep":
        variable = at.variables[args[0]]

        async def is_set() -> bool:
            return bool(await READ_ONCE(variable))

        await wait_event(at.sleepers, is_set)
    elif kind == "post":
        await WRITE_ONCE(at.variables[args[0]], 1)
        await at.sleepers.wake_up()
    else:
        result = await _single(at, kind, args)
        results.append(result if isinstance(result, (int, bool, type(None))) else str(result))


async def _section(at: Objects, results: list[Any], kind: str, args: list[Any]) -> None:
    *which, actions = args
    enter, leave = at.ends(kind, which)
    got = await enter()
    if kind.startswith("try"):
        results.append(got)
        if not got:
            return
    for action in actions:
        await _do(at, results, action)
    await (leave(got) if kind == "srcu" else leave())


def _single(at: Objects, kind: str, args: list[Any]) -> Operation:
    variable = at.variables[args[0]] if kind in ("read", "write", "add", "cas", "await") else None
    if variable is not None:
        accesses: dict[str, Callable[[], Operation]] = {
            "read": lambda: READ_ONCE(variable),
            "write": lambda: WRITE_ONCE(variable, args[1]),
            "add": lambda: Add(variable, 1),
            "cas": lambda: CompareSwap(variable, args[1], args[2]),
            "await": lambda: Await(variable, args[1], args[2]),
        }
        return accesses[kind]()
    if kind in ("queue", "flush", "cancel"):
        work = at.works[args[0] % len(at.works)]
        works: dict[str, Callable[[], Operation]] = {
            "queue": lambda: at.queue.queue_work(work),
            "flush": lambda: flush_work(work),
            "cancel": lambda: cancel_work_sync(work),
        }
        return works[kind]()
    others: dict[str, Callable[[], Operation]] = {
        "signal": at.cond.signal,
        "broadcast": at.cond.broadcast,
        "complete": at.done.complete,
        "wait": at.done.wait_for_completion,
        "try_wait": at.done.try_wait_for_completion,
        "sync": at.srcu.synchronize_srcu,
        "call": lambda: at.srcu.call_srcu(at.called),
        "wake": at.sleepers.wake_up,
        "unlock": at.mutexes[0].unlock,
    }
    return others[kind]()


class Program:
    """A random program.  `tasks` run from the beginning, `works` when they are queued."""

    def __init__(self, tasks: list[Actions], works: list[Actions]) -> None:
        self.tasks = tasks
        self.works = works

    def __repr__(self) -> str:
        return f"Program({self.tasks!r}, {self.works!r})"

    def build(self, world: World) -> None:
        """Make the objects and spawn the tasks."""
        at = Objects(world, self.works)
        world.state = at
        for number, actions in enumerate(self.tasks):
            world.spawn(play(at, "task", actions), f"t{number}")

    def make(self, names: Names) -> MakeWorld:
        """Builds worlds that all share `names`."""

        def make(_: Names) -> World:
            world = World(names)
            self.build(world)
            return world

        return make


def final_state(world: World) -> tuple[Any, ...]:
    """All that can be seen when an execution has ended."""
    at: Objects = world.state
    blocked = sorted(
        f"{task.number}: {task.pending.describe()}" for task in world.blocked() if task.pending
    )
    return (
        tuple(variable.value for variable in at.variables),
        tuple(sorted((name, tuple(results)) for name, results in at.results.items())),
        tuple(blocked),
        tuple(sorted({(finding.kind, finding.message) for finding in world.findings})),
        at.done.value,
    )


# Making them up

THEMES: dict[str, tuple[str, ...]] = {
    "memory": ("read", "write", "add", "cas", "await"),
    "mutex": ("lock", "lock", "lock", "try", "read", "write"),
    "mutex_memory": ("lock", "lock", "try", "read", "write", "add", "cas", "await"),
    "condition": ("cond", "cond", "signal", "signal", "broadcast", "lock", "read", "write"),
    "sem": (
        *("read_sem", "read_sem", "write_sem", "write_sem", "try_sem", "try_read_sem"),
        *("lock", "read", "write"),
    ),
    "rwlock": ("read_lock", "read_lock", "write_lock", "lock", "try", "read", "write"),
    "fair_rwlock": ("read_fair", "read_recursive", "write_fair", "spin", "read", "write"),
    "sleep": ("sleep", "sleep", "post", "wake", "post", "write", "read", "lock"),
    "completion": ("wait", "complete", "try_wait", "lock", "read", "write", "await"),
    "srcu": ("srcu", "srcu", "sync", "call", "lock", "read", "write"),
    "work": ("queue", "queue", "flush", "cancel", "lock", "read", "write"),
    "all": (
        *("lock", "try", "read", "write", "add", "cas", "await", "signal", "broadcast", "cond"),
        *("read_sem", "write_sem", "try_sem", "read_lock", "write_lock", "wait", "complete"),
        *("srcu", "sync", "queue", "flush", "cancel", "unlock", "spin", "read_fair"),
        *("read_recursive", "write_fair", "call", "sleep", "post", "wake"),
    ),
}


def random_program(seed: int) -> Program:
    """The program of this number."""
    random = Random(seed)
    theme = THEMES[sorted(THEMES)[seed % len(THEMES)]]
    shape = random.choice(SHAPES)
    works: list[Actions] = [[]]
    if "queue" in theme:
        # a work that queues itself may never end
        inside = tuple(kind for kind in theme if kind not in ("queue", "cond"))
        works = [_actions(random, inside, random.randint(1, 2)) for _ in range(2)]
    if "queue" in theme or "sleep" in theme:
        shape = random.choice(SMALL_SHAPES)
    return Program([_actions(random, theme, steps) for steps in shape], works)


def _actions(random: Random, theme: tuple[str, ...], steps: int) -> Actions:
    actions: Actions = []
    while steps > 0:
        kind = random.choice(theme)
        cost = STEPS.get(kind, 1)
        if cost > steps:
            if kind not in SECTIONS and cost <= steps + 2:
                cost = steps
            else:
                kind, cost = random.choice([("read", 1), ("write", 1)])
        inside = random.randint(0, steps - cost) if kind in SECTIONS else 0
        actions.append(_action(random, theme, kind, inside))
        steps -= cost + inside
    return actions


def _action(random: Random, theme: tuple[str, ...], kind: str, inside: int) -> Action:
    if kind in SECTIONS:
        which = [random.randrange(2)] if kind in ("lock", "try") else []
        return (kind, *which, _actions(random, theme, inside))
    variable = random.randrange(2)
    actions: dict[str, Callable[[], Action]] = {
        "read": lambda: (kind, variable),
        "write": lambda: (kind, variable, random.randint(1, 2)),
        "add": lambda: (kind, variable),
        "cas": lambda: (kind, variable, random.randint(0, 1), random.randint(1, 2)),
        "await": lambda: (kind, variable, random.choice(("==", "!=")), random.randint(0, 2)),
        "queue": lambda: (kind, variable),
        "sleep": lambda: (kind, variable),
        "post": lambda: (kind, variable),
        "flush": lambda: (kind, variable),
        "cancel": lambda: (kind, variable),
    }
    return actions.get(kind, lambda: (kind,))()
