"""Random programs with plain fields, and their data races by the definition, without clocks.

A task is a list of statements; its plain accesses happen between its operations.  While a program
runs it writes down what it does, in order; `raced` then takes the transitive closure of program
order and of what synchronises, pair by pair, and looks at all pairs of accesses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.context import sleepable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import (
    READ_ONCE,
    WRITE_ONCE,
    atomic_add,
    cmpxchg,
    smp_load_acquire,
    smp_store_release,
    xchg,
)
from lockwright.kernel.rwsem import RwSem
from tests.check.racing import Box

FIELDS = ("data", "other", "flag")
PLAIN = ("read", "write")
ATOMS = ("load", "store", "acquire", "release", "xchg", "cmpxchg", "add")
SECTIONS = (("lock", "unlock"), ("down_read", "up_read"), ("down_write", "up_write"))
WRITES = ("write", "store", "release", "xchg", "cmpxchg", "add")

STORES = ("store", "release", "add", "xchg", "cmpxchg")
LOADS = ("load", "acquire", "add", "xchg", "cmpxchg")
BARRIERS = ("xchg", "cmpxchg")
HANDOVERS = (
    ("unlock", "lock"),
    ("up_write", "down_read"),
    ("up_write", "down_write"),
    ("up_read", "down_write"),
)

Sections = tuple[tuple[str, str], ...]
Script = list[tuple[str, str]]
"""Statements: what, and on what."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a task has done; `entry` counts the operations of all tasks."""

    task: int
    entry: int
    what: str
    where: str
    failed: bool = False

    @property
    def accesses(self) -> bool:
        return self.what in PLAIN + ATOMS

    @property
    def writes(self) -> bool:
        return self.what in WRITES


class Program:
    """One execution of some scripts.  `events` has what happened, in order."""

    def __init__(self, world: World, scripts: list[Script]) -> None:
        self.world = world
        self.events: list[Event] = []
        self.box = Box(world, "b")
        self.locks = {name: Mutex(world, name) for name in "MN"}
        self.sem = RwSem(world, "S")
        self.done = Completion(world, "C")
        world.state = self
        for at, script in enumerate(scripts):
            world.spawn(self.run(script), f"t{at}")

    async def run(self, script: Script) -> None:
        await sleepable("start")
        for what, where in script:
            failed = False
            if what == "read":
                getattr(self.box, where)
            elif what == "write":
                setattr(self.box, where, 1)
            else:
                failed = await self.operation(what, where)
            task = self.world.creator
            assert isinstance(task, Task)
            self.events.append(Event(task.number, self.world.steps, what, where, failed))

    async def operation(self, what: str, where: str) -> bool:
        """Do it; True if it is a cmpxchg that failed."""
        box = self.box
        if what in ("lock", "unlock"):
            await getattr(self.locks[where], what)()
        elif what in ("down_read", "up_read", "down_write", "up_write"):
            await getattr(self.sem, what)()
        elif what == "complete":
            await self.done.complete()
        elif what == "wait":
            await self.done.wait_for_completion()
        elif what == "load":
            await READ_ONCE(box, where)
        elif what == "acquire":
            await smp_load_acquire(box, where)
        elif what == "store":
            await WRITE_ONCE(box, where, 1)
        elif what == "release":
            await smp_store_release(box, where, 1)
        elif what == "xchg":
            await xchg(box, where, 1)
        elif what == "add":
            await atomic_add(box, where, 1)
        else:
            assert what == "cmpxchg", what
            return bool(await cmpxchg(box, where, 1, 1) != 1)
        return False


def synchronises(events: list[Event], one: int, other: int) -> list[tuple[int, int]]:
    """What an event and a later one of another task put in order: pairs of events.

    A store and a load that reads from it, or from read-modify-writes that go on from it, order the
    store, or the barrier before it, before the load, or the barrier after it.
    """
    first, second = events[one], events[other]
    here = [(one, other)]
    if (first.what, second.what) == ("complete", "wait"):
        return here
    if first.where != second.where:
        return []
    if (first.what, second.what) in HANDOVERS:
        return here
    if first.failed or first.what not in STORES or second.what not in LOADS:
        return []
    if any(
        event.where == first.where and event.what in ("store", "release", "write")
        for event in events[one + 1 : other]
    ):
        return []
    sources, sinks = [one], [other]
    if first.what not in ("release", *BARRIERS):
        sources = [at for at in range(one) if _is_barrier(events[at], first.task)][-1:]
    if second.failed or second.what not in ("acquire", *BARRIERS):
        later = range(other + 1, len(events))
        sinks = [at for at in later if _is_barrier(events[at], second.task)][:1]
    return [(source, sink) for source in sources for sink in sinks]


def _is_barrier(event: Event, task: int) -> bool:
    return event.task == task and event.what in BARRIERS and not event.failed


def raced(events: list[Event]) -> set[tuple[int, int, str]]:
    """The data races: entries of both accesses and the field."""
    number = len(events)
    before = [[False] * number for _ in events]
    for one in range(number):
        for other in range(one + 1, number):
            if events[one].task == events[other].task:
                before[one][other] = True
                continue
            for source, sink in synchronises(events, one, other):
                before[source][sink] = True
    for middle in range(number):
        for one in range(middle):
            if before[one][middle]:
                for other in range(middle + 1, number):
                    before[one][other] |= before[middle][other]
    found = set()
    for one, first in enumerate(events):
        for other in range(one + 1, number):
            second = events[other]
            if (
                first.accesses
                and second.accesses
                and first.where == second.where
                and (first.what in PLAIN or second.what in PLAIN)
                and (first.writes or second.writes)
                and not before[one][other]
            ):
                found.add((first.entry, second.entry, f"box->{first.where}"))
    return found


def scripts(
    random: Random, tasks: int, statements: int, *, sections: Sections = SECTIONS
) -> list[Script]:
    """Some scripts; locks are taken and dropped in pairs, and at most one is held."""
    return [_script(random, statements, sections) for _ in range(tasks)]


def _script(random: Random, statements: int, sections: Sections) -> Script:
    script: Script = []
    while len(script) < statements:
        kind = random.randrange(8)
        if kind < 3:
            script.append((random.choice(PLAIN), random.choice(FIELDS)))
        elif kind < 5:
            script.append((random.choice(ATOMS), "flag"))
        elif kind < 7:
            take, drop = random.choice(sections)
            where = random.choice("MN") if take == "lock" else "S"
            inside = [
                (random.choice(PLAIN), random.choice(FIELDS)) for _ in range(random.randrange(2))
            ]
            script += [(take, where), *inside, (drop, where)]
        else:
            script.append((random.choice(("complete", "wait")), "C"))
    return script


def building(chosen: list[Script]) -> Callable[[World], None]:
    """A function that builds the world of some scripts."""

    def build(world: World) -> None:
        Program(world, chosen)

    return build


def hidden(random: Random) -> list[Script]:
    """Two scripts with few accesses between critical sections, most of them empty: what order the
    sections have decides whether the accesses race."""
    made: list[Script] = []
    for _ in range(2):
        script: Script = []
        for _ in range(random.randrange(1, 4)):
            where = random.choice("MN")
            access = (random.choice(PLAIN), random.choice(FIELDS[:2]))
            inside = [access] if random.randrange(3) == 0 else []
            script += [("lock", where), *inside, ("unlock", where)]
            if random.randrange(3) == 0:
                script.append((random.choice(PLAIN), random.choice(FIELDS[:2])))
        if random.randrange(2):
            script.insert(0, ("write", random.choice(FIELDS[:2])))
        made.append(script)
    return made
