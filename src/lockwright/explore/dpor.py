"""Optimal dynamic partial-order reduction: every Mazurkiewicz trace, once.

Source: Abdulla, Aronis, Jonsson, Sagonas, JACM 64(4), 2017, algorithm 2 (optimal DPOR), extended
to blocking operations as `clocks.py` says.  Names, and the paper's symbols:

    keys[n]     the step taken at depth n: the task's number and the value chosen; together E
    sleep[n]    sleep(E'), for E' the first n steps, including what is done there
    wut[n]      wut(E'), without the branch that is being explored
    past        footprints, happens-before and races of E (clocks.py)

Order of reading: `Dpor.__iter__` (the search), `_execute` (one execution), `_plan` (at its end:
the races to reverse), `_backtrack`.

Races are reversed at the end of an execution, and only those whose second step is new: the others
were dealt with when they were new.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.errors import InternalError, NondeterminismError
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.schedule import STEPS_MAX, schedule_text
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.clocks import EVERYTHING, Past
from lockwright.explore.run import CHOICE_SHIFT, TASK_MASK, MakeWorld, Run, endless
from lockwright.explore.wakeup import Branch, Sleep, Step, awake, insert, sleeps

ENDED = -1
SLEEPING = -2


class Dpor:
    """One search.  Invariant: `sleep` and `wut` are one longer than `keys` between executions,
    the last entries being those of the node to go on from."""

    def __init__(self, make: MakeWorld) -> None:
        self.make = make
        self.names = Names()
        self.past = Past()
        self.keys: list[int] = []
        self.sleep: list[Sleep] = [{}]
        self.wut: list[list[Branch]] = [[]]
        self.analysed = 0

    def __iter__(self) -> Iterator[Run]:
        while True:
            run = self._execute()
            self._plan(run)
            yield run
            if not self._backtrack():
                return

    def _execute(self) -> Run:
        """Replay the shared prefix, follow the wakeup tree, then run on freely."""
        world = self.make(self.names)
        self._replay(world)
        keys = self.keys
        sleep, branches = self.sleep.pop(), self.wut.pop()
        last = keys[-1] & TASK_MASK if keys else -1
        while True:
            children: list[Branch] = []
            if branches:
                following = branches.pop(0)
                key, children = following.key, following.children
                if key in sleep:
                    # inserted for a footprint that was only guessed; it has been explored
                    key = SLEEPING
                    break
            else:
                key = _choose(world, last, sleep)
                if key < 0:
                    break
            self.sleep.append(sleep)
            self.wut.append(branches)
            read, write = self._step(world, key)
            if sleep:
                sleep = awake(sleep, key, read, write)
            branches = children
            last = key & TASK_MASK
            if len(keys) > STEPS_MAX:
                raise endless(world.by_number[last])
        run = Run.of_keys(world, keys, self.past.task, self.past.touched)
        run.sleeping = key == SLEEPING
        return run

    def _replay(self, world: World) -> None:
        """Take the steps of the shared prefix again.  Raises NondeterminismError."""
        touched = self.past.touched
        by_number = world.by_number
        for at, key in enumerate(self.keys):
            number = key & TASK_MASK
            task = by_number[number] if number < len(by_number) else None
            if task is None or (op := task.pending) is None:
                raise self._changed(world, at, "the task is not there", "a task that can run")
            if op.blocking and not op.enabled():
                raise self._changed(world, at, f"{op.describe()} is held up", "it could run")
            now = world.step(task, key >> CHOICE_SHIFT)
            if now != touched[at]:
                raise self._changed(
                    world,
                    at,
                    f"{op.describe()} with what follows it",
                    "another operation, or the same one on other objects",
                )

    def _changed(self, world: World, at: int, got: str, expected: str) -> NondeterminismError:
        who = world.by_number[self.keys[at] & TASK_MASK : (self.keys[at] & TASK_MASK) + 1]
        name = who[0].comm if who and who[0] is not None else "a task"
        return NondeterminismError(
            f"the model is not deterministic: step {at} of {name} is not what it was under the "
            f"same schedule\nexpected: {expected}\ngot: {got}"
        )

    def _step(self, world: World, key: int) -> tuple[int, int]:
        """Take one new step; returns its footprint."""
        number = key & TASK_MASK
        task = world.by_number[number] if number < len(world.by_number) else None
        op = task.pending if task is not None else None
        if task is None or op is None or (op.blocking and not op.enabled()):
            raise InternalError(
                f"a wakeup sequence cannot be run: task number {number} at step {len(self.keys)} "
                f"after {schedule_text([(k & TASK_MASK, k >> CHOICE_SHIFT) for k in self.keys])}"
            )
        if op.chooses:
            self._spread(op, number, key >> CHOICE_SHIFT)
        loc = op.loc
        announced = (op if op.varies else None, loc.value, loc.number)
        touched = world.step(task, key >> CHOICE_SHIFT)
        self.keys.append(key)
        return self.past.record(number, touched, world.marked, announced)

    def _spread(self, op: Operation, number: int, chosen: int) -> None:
        """Let the operation's other outcomes be explored too."""
        sleep, branches = self.sleep[-1], self.wut[-1]
        for choice in range(op.options()):
            key = number | choice << CHOICE_SHIFT
            if choice == chosen or any(branch.key == key for branch in branches):
                continue
            read = write = 0
            for code in op.announce(choice):
                if code & 1:
                    write |= 1 << (code >> 1)
                else:
                    read |= 1 << (code >> 1)
            if not sleeps([(key, read, write)], sleep):
                branches.append(Branch(key, read, write))

    def _plan(self, run: Run) -> None:
        """Insert the reversal of every new race into the wakeup tree of its first step's node."""
        past = self.past
        races: list[tuple[int, Step]] = []
        for step in range(self.analysed, len(self.keys)):
            for first in past.analyse(step):
                races.append((first, (past.task[step], *past.before(first, step))))
                if past.plain[step] | past.plain[first]:
                    self._plain_race(run, first, step)
        for task in run.world.tasks:
            op = task.pending
            if op is not None and op.blocking and not op.enabled():
                for first in past.races_of_blocked(task.number, op):
                    races.append((first, (task.number, *_announced(op))))
        for first, second in races:
            self._reverse(first, second)
        self.analysed = len(self.keys)

    def _plain_race(self, run: Run, first: int, second: int) -> None:
        """Note a race that only plain accesses to fields make."""
        conflict = self.past.plain_conflict(first, second)
        while conflict:
            location = conflict.bit_length() - 1
            conflict ^= 1 << location
            if location in self.names.fields:
                run.plain_races.append((first, second, location))

    def _reverse(self, first: int, second: Step) -> None:
        past, keys = self.past, self.keys
        read, write = past.read, past.write
        bit, before_of = 1 << first, past.before_of
        # notdep(e, E): the later steps that do not happen after the first one
        v = [
            (keys[at], read[at], write[at])
            for at in range(first + 1, len(keys))
            if not before_of[at] & bit
        ]
        v.append(second)
        sleep = self.sleep[first]
        if not sleep or not sleeps(v, sleep):
            insert(self.wut[first], v)

    def _backtrack(self) -> bool:
        """Go back to the deepest node with something left; False if there is none."""
        wut = self.wut
        depth = len(wut) - 1
        while depth >= 0 and not wut[depth]:
            depth -= 1
        if depth < 0:
            return False
        key = self.keys[depth]
        footprint = self.past.truncate(depth)
        del self.keys[depth:]
        del self.sleep[depth + 1 :]
        del wut[depth + 1 :]
        self.sleep[depth] = {**self.sleep[depth], key: footprint}
        self.analysed = depth
        return True


def _announced(op: Operation) -> tuple[int, int]:
    """The footprint of a blocking operation that has not run."""
    if not op.stable:
        return 0, EVERYTHING
    bit = 1 << op.loc.number
    return (0, bit) if op.writes else (bit, 0)


def _choose(world: World, last: int, sleep: Sleep) -> int:
    """The next step where the wakeup tree says nothing: the same task again if it can, else the
    first that can; ENDED if none can, SLEEPING if all that can are asleep."""
    by_number = world.by_number
    if last >= 0:
        task = by_number[last]
        op = task.pending if task is not None else None
        if not sleep and op is not None and (not op.blocking or op.enabled()):
            return last
        key = _key(task, sleep)
        if key >= 0:
            return key
    found = ENDED
    for task in by_number:
        key = _key(task, sleep)
        if key >= 0:
            return key
        if key == SLEEPING:
            found = SLEEPING
    return found


def _key(task: Task | None, sleep: Sleep) -> int:
    op = task.pending if task is not None else None
    if task is None or op is None or (op.blocking and not op.enabled()):
        return ENDED
    number = task.number
    if not sleep:
        return number
    for choice in range(op.options() if op.chooses else 1):
        key = number | choice << CHOICE_SHIFT
        if key not in sleep:
            return key
    return SLEEPING
