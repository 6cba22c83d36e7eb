"""Reduction by critical section: what happens under a lock as one step.

Source: Lipton, "Reduction: A Method of Proving Properties of Parallel Programs" (CACM 18(12),
1975).  An acquire can be put later and a release earlier without anybody noticing ("moves right",
"moves left"); plain accesses can be put anywhere, because a program in which they race is reported
for that.  An operation that others can see, an atomic say, does neither, unless its locations are
guarded: touched by operations only while one and the same lock is held.  So a section can be run
as one step if it consists of acquires, then at most one thing that others can see, then releases,
with guarded and plain accesses anywhere.  The lock is then no part of the step's footprint.

Whether that holds is found out while exploring.  Every class of locks is fused to begin with; what
is learned stays: which classes have to be kept apart, and which locations are guarded by what.
Where something that was relied upon turns out to be wrong, `Restart` is raised, and the search
begins anew with what is known by then.  A class is kept apart if a section of it

- waits for anything but a free lock of a fused class, or ends with the task;
- does two things that others can see, or takes a lock after one, or after a release, unless that
  lock is itself guarded;
- stands on a cycle of the graph of who is taken under whom, so that it can be part of a deadlock;
- belongs to a lock that is touched in another way as well, by a trylock or by asking who holds it.

Order of reading: `Sections.step`, `_Section.run` (one section), `_touch` (what is guarded).
"""

from __future__ import annotations

from lockwright.core.location import Value
from lockwright.core.lockuse import LockKey
from lockwright.core.operation import Operation
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import OpStep, endless


class Restart(Exception):  # not an error: the search goes on, from the beginning
    """The search has learned that it must not fuse what it has fused."""


class Fused(Operation):
    """Stands for a section where the search wants to know about the step's operation."""

    __slots__ = ()

    stable = False
    fused = True
    kind = "section"


FUSED = Fused()


class Sections:
    """What is known about critical sections, for the whole search.

    `apart` says why the sections of a class are not fused, in order of discovery.  `guards[n]` is
    the mask of the locks that were held at each operation on location n, and `relied` the mask of
    the locations for which that made a difference.  `awaited` is the mask of the locations that
    somebody waits for, and `several` that of those which a section touched beside another, so that
    nobody knows what they held before.  `asked` is the mask of what plain code has touched.
    """

    __slots__ = (
        "apart",
        "asked",
        "awaited",
        "guards",
        "locks",
        "nests",
        "relied",
        "several",
        "under",
    )

    def __init__(self) -> None:
        self.apart: dict[LockKey, str] = {}
        self.locks: dict[int, LockKey] = {}
        self.guards: dict[int, int] = {}
        self.nests: dict[int, int] = {}
        self.relied = 0
        self.awaited = 0
        self.several = 0
        self.asked = 0
        self.under: dict[LockKey, dict[LockKey, None]] = {}

    def begin_again(self) -> None:
        """Forget what holds only for the sections that were fused so far."""
        self.guards = {location: 0 for location, held in self.guards.items() if not held}
        self.nests = {location: 0 for location, held in self.nests.items() if not held}
        self.relied = 0
        self.several = 0

    def unfused(self) -> dict[str, str]:
        """The classes that are kept apart, by name, and why."""
        return {cls.name: why for cls, why in self.apart.items()}

    def copy(self) -> Sections:
        """The same knowledge, to be added to by somebody else."""
        other = Sections()
        other.apart = dict(self.apart)
        other.locks = dict(self.locks)
        other.guards = dict(self.guards)
        other.nests = dict(self.nests)
        other.relied = self.relied
        other.awaited = self.awaited
        other.several = self.several
        other.asked = self.asked
        other.under = {outer: dict(inner) for outer, inner in self.under.items()}
        return other

    def learn(self, other: Sections) -> None:
        """Add what somebody else has learned.  Raises Restart if that shows something wrong that
        was relied upon by either."""
        for cls, why in other.apart.items():
            self.apart.setdefault(cls, why)
        self.locks.update(other.locks)
        self.relied |= other.relied
        self.awaited |= other.awaited
        self.several |= other.several
        self.asked |= other.asked
        for mine, theirs in ((self.guards, other.guards), (self.nests, other.nests)):
            for location, held in theirs.items():
                mine[location] = mine.get(location, held) & held
        for outer, inner in other.under.items():
            for cls in inner:
                self.taken_under([outer], cls)
        for location, cls in self.locks.items():
            seen = location in self.guards or self.asked >> location & 1
            if seen and cls not in self.apart:
                self.keep_apart([cls], "it is also touched otherwise, by a trylock say")
        wrong = 0
        for known in (self.guards, self.nests):
            for location, held in known.items():
                if not held:
                    wrong |= 1 << location
        if wrong & self.relied or self.awaited & self.several:
            raise Restart

    def begins(self, op: Operation) -> bool:
        """Does the operation begin a section that is to be one step?"""
        return op.enters and op.loc.cls not in self.apart  # type: ignore[attr-defined]  # a lock

    def section(
        self, world: World, task: Task, log: list[OpStep]
    ) -> tuple[list[int], dict[int, Value]]:
        """Run a whole section; returns its access codes, and what the locations of its operations
        held before.  Raises Restart."""
        section = _Section(self, world, task)
        section.run(log)
        return section.codes, section.values

    def outside(self, op: Operation, touched: list[int], marked: int) -> None:
        """Take note of an operation that is part of no section.  Raises Restart."""
        self.touch(touched[:marked], 0)
        self.ask(touched[marked:])
        if op.blocking and not op.enters and op.loc.number >= 0:
            self.wait_for(op.loc.number)

    def ask(self, codes: list[int]) -> None:
        """Take note of plain code: it may look at a lock, at who is queued say.  Raises Restart."""
        for code in codes:
            if code >= 0:
                self.asked |= 1 << (code >> 1)
                cls = self.locks.get(code >> 1)
                if cls is not None and cls not in self.apart:
                    self.keep_apart([cls], "plain code looks at it")

    def waits(self, op: Operation) -> None:
        """Take note of an operation that is held up for ever: it has looked, all the time.  Raises
        Restart."""
        if not op.enters and op.loc.number >= 0:
            self.touch([op.loc.reading], 0)
            self.wait_for(op.loc.number)

    def wait_for(self, location: int) -> None:
        """Take note of a location that somebody waits for.  Raises Restart."""
        self.awaited |= 1 << location
        if self.several >> location & 1:
            raise Restart

    def touch(self, own: list[int], held: int) -> bool:
        """Note an operation's accesses; are all of them guarded?  Raises Restart."""
        guards = self.guards
        guarded = True
        for code in own:
            if code < 0:
                continue  # it orders, and cannot be raced with
            location = code >> 1
            known = guards.get(location)
            if known is None:
                if location in self.locks:
                    self._touched_otherwise(location)
                now = guards[location] = held
            elif known:
                now = known & held
                if now != known:
                    guards[location] = now
            else:
                now = 0
            if not now:
                guarded = False
                if self.relied >> location & 1:
                    self.relied ^= 1 << location
                    raise Restart
            elif not self.relied >> location & 1:
                self.relied |= 1 << location
        return guarded

    def _touched_otherwise(self, location: int) -> None:
        cls = self.locks[location]
        if cls not in self.apart:
            self.guards[location] = 0
            self.keep_apart([cls], "it is also touched otherwise, by a trylock say")

    def keep_apart(self, classes: list[LockKey], why: str) -> None:
        """Fuse the sections of these classes no more.  Raises Restart."""
        for cls in classes:
            self.apart.setdefault(cls, why)
        raise Restart

    def taken_under(self, held: list[LockKey], cls: LockKey) -> None:
        """Note an acquire under held locks.  Raises Restart if that makes a cycle."""
        for outer in held:
            inner = self.under.setdefault(outer, {})
            if cls not in inner:
                inner[cls] = None
                cycle = self._path(cls, outer)
                if cycle:
                    self.keep_apart(cycle, "its class stands on a cycle of the lock graph")

    def _path(self, start: LockKey, end: LockKey) -> list[LockKey]:
        """The classes from `start` to `end`, if `end` was ever taken under `start`."""
        came: dict[LockKey, LockKey | None] = {start: None}
        todo = [start]
        while todo:
            at = todo.pop()
            if at == end:
                path = []
                back: LockKey | None = at
                while back is not None:
                    path.append(back)
                    back = came[back]
                return path
            for following in self.under.get(at, ()):
                if following not in came:
                    came[following] = at
                    todo.append(following)
        return []


class _Section:
    """One section while it runs.

    `held` are the numbers of the locks that are held, `exclusive` the mask of those that nobody
    else can hold.  `late` says that the acquires that can still move are over, because of what is
    named by it.
    """

    __slots__ = (
        "classes",
        "codes",
        "exclusive",
        "held",
        "known",
        "late",
        "task",
        "values",
        "world",
    )

    def __init__(self, known: Sections, world: World, task: Task) -> None:
        self.known = known
        self.world = world
        self.task = task
        self.held: list[int] = []
        self.classes: list[LockKey] = []
        self.exclusive = 0
        self.codes: list[int] = []
        self.values: dict[int, Value] = {}
        self.late = ""

    def run(self, log: list[OpStep]) -> None:
        """Until the last lock is released."""
        world, task = self.world, self.task
        number = task.number
        while True:
            op = task.pending
            if op is None:
                self._give_up("a task ends with it")
                return
            if self.held and (op.arrives or op.looks):
                self._give_up("an interrupt can come under it")
            if op.enters:
                self._before_acquire(op)
            elif op.blocking:
                self._give_up(f"{op.describe()} waits under it")
            elif op.chooses and op.options() > 1:
                self._give_up(f"{op.describe()} has several outcomes under it")
            else:
                self.values.setdefault(op.loc.number, op.loc.value)
            tasks = len(world.tasks)
            touched = world.step(task)
            marked = world.marked
            log.append((number, op, marked, touched))
            if len(log) > STEPS_MAX:
                raise endless(task)
            self._after(op, touched, marked)
            if len(world.tasks) > tasks and not self.late:
                self.late = "it spawns a task"
            if not self.held:
                return

    def _before_acquire(self, op: Operation) -> None:
        known, lock = self.known, op.loc
        cls: LockKey = lock.cls  # type: ignore[attr-defined]  # a lock
        number = lock.number
        if cls in known.apart:
            self._give_up(f"a lock of {cls.name} is taken under it")
        if self.task.atomic and getattr(op, "sleeps", False):
            known.keep_apart([*self.classes, cls], "it sleeps where that is seen")
        if number not in known.locks:
            known.locks[number] = cls
            if number in known.guards or known.asked >> number & 1:
                known.keep_apart([cls], "it is also touched otherwise, by a trylock say")
        if lock.holders():  # type: ignore[attr-defined]  # a lock
            known.keep_apart([*self.classes, cls], "somebody waits for it")
        if self.classes:
            known.taken_under(self.classes, cls)
        nests = known.nests.get(number, self.exclusive) & self.exclusive
        known.nests[number] = nests
        if not nests:
            if known.relied >> number & 1:
                known.relied ^= 1 << number
                raise Restart
            if self.late:
                self._give_up(f"a lock of {cls.name} is taken after {self.late}")
        elif self.late:
            known.relied |= 1 << number

    def _after(self, op: Operation, touched: list[int], marked: int) -> None:
        number = op.loc.number
        self.known.ask(touched[marked:])
        if op.enters:
            self.held.append(number)
            self.classes.append(op.loc.cls)  # type: ignore[attr-defined]  # a lock
            if not op.shares:
                self.exclusive |= 1 << number
            self.codes.extend(code for code in touched if code >> 1 != number)
            return
        if op.leaves and number in self.held and touched[0] >> 1 == number:
            ended = self.task.pending is None and self._end_is_seen()
            if ended and self.late:
                self._give_up(f"the task ends after {self.late}")
            at = len(self.held) - 1 - self.held[::-1].index(number)
            del self.held[at], self.classes[at]
            if number not in self.held:
                self.exclusive &= ~(1 << number)
            self.late = self.late or "a release"
            self.codes.extend(code for code in touched if code >> 1 != number)
            return
        own = touched[:marked]
        for code in own:
            if number >= 0 and code >= 0 and code >> 1 != number:
                # what it held before is not kept, and something may wait for it
                if self.known.awaited >> (code >> 1) & 1:
                    self._give_up(f"{op.describe()} touches several things")
                self.known.several |= 1 << (code >> 1)
        if own and not self.known.touch(own, self.exclusive):
            if self.late:
                self._give_up(f"{op.describe()} comes after {self.late}")
            self.late = op.describe()
        self.codes.extend(touched)

    def _end_is_seen(self) -> bool:
        """Does somebody look whether the task has ended, instead of waiting for it?"""
        number, known = self.task.name.done, self.known
        if number in known.guards:
            return True
        known.relied |= 1 << number
        return False

    def _give_up(self, why: str) -> None:
        self.known.keep_apart(self.classes, why)
