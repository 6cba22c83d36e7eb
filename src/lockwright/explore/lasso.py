"""Every state of a bounded scenario, once, and the cycles among them that can last for ever.

DPOR and plain search cannot end on a program with a loop that polls: its executions have no end.
Its states are finite all the same.  `LassoSearch` captures the state after each step
(`core/snapshot.py`), and tries every choice in every state once: an execution runs on until it
ends or comes to a state that is known, and the choices left on the way are kept for later, the
newest and the oldest of them in turn.  A coroutine cannot be copied, so each execution starts from
the beginning and replays the way to its state, which must have the same key again.

A cycle of states in which no task is left standing that could go on all the time (weak fairness,
`fairness.py`) is a *lasso*: an execution that the scheduler cannot be blamed for, and that has no
end.  It is not believed but run: from the beginning, with the cycle `ROUNDS` times over, and the
state must be the same after each.  If it is strongly fair as well, the finding is a livelock.  If
it is not, a task could go on again and again and never does, as with a lock that is free whenever
it is somebody else's turn: that is starvation, which the hand-over of some locks rules out.

What the reports of a single execution need beyond its state (which task holds which locks, in
which order) belongs to the state here, so that the rules miss nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from lockwright.core.errors import NondeterminismError
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.lockuse import LockUse
from lockwright.core.schedule import STEPS_MAX, Choice, schedule_text
from lockwright.core.snapshot import Opaque, Snapshots
from lockwright.core.task import Task
from lockwright.core.walk import Address
from lockwright.core.world import World
from lockwright.explore.fairness import (
    Graph,
    Step,
    components,
    cycle,
    path,
    strongly_fair_part,
    weakly_fair,
)
from lockwright.explore.livelock import Turn, lasso_finding
from lockwright.explore.run import MakeWorld, Run

LIVENESS = "liveness"
"""The name of the strategy."""
STATES_MAX = 500_000
ROUNDS = 50
LOOK = 256
"""With so many states, and whenever they have doubled, cycles are looked for on the way."""


def unfinished(run: Run) -> bool:
    """Was an execution left before its end, in a state that the search knows, or that comes again
    for ever?  Then no rule may judge how it ended; what it reported on the way counts."""
    return bool(run.world.enabled())


class LassoSearch:
    """All states, by way of executions.

    `stopped` says why some are missing, and is empty if none is; `over` that there is no more to
    come.  Invariant: `graph` has for each
    state that was met the choices that were tried; `came[s]` is the step by which state s was met
    first, None for the first state of all; `agenda` has the choices that were met and not tried.
    """

    def __init__(self, make: MakeWorld, *, states_max: int = STATES_MAX) -> None:
        self.make = make
        self.states_max = states_max
        self.names = Names()
        self.graph = Graph()
        self.keys: list[bytes] = []
        self.numbers: dict[bytes, int] = {}
        self.came: list[Step | None] = []
        self.agenda: deque[Step] = deque()
        self.stopped = ""
        self.over = False
        self.told: set[tuple[str, str]] = set()
        self.snapshots: Snapshots | None = None

    @property
    def cut_off(self) -> bool:
        """Was something left out?"""
        return bool(self.stopped)

    @property
    def states(self) -> int:
        """How many states were met."""
        return len(self.keys)

    def remarks(self) -> list[str]:
        """What there is to say of the search beyond its executions."""
        if self.stopped:
            return [f"not every state was explored: {self.stopped}"]
        count = len(self.keys)
        states = f"{count} state{'s' * (count != 1)}"
        if not self.over:
            return [f"{states} so far"]
        states = f"{states}, each explored once"
        return [
            f"{states}; no task is left standing for ever that could go on all the time",
            "data races are looked for along the ways taken, one to each state, not in all orders",
        ]

    def __iter__(self) -> Iterator[Run]:
        try:
            self.snapshots = Snapshots()
        except Opaque as why:
            self.stopped = str(why)
            return
        first: Step | None = None
        looked = 1
        newest = True
        while True:
            run = self._run(first)
            self._tell(run)
            yield run
            if self.stopped or not self.agenda:
                break
            if len(self.keys) >= LOOK * looked:
                looked *= 2
                yield from self._lassos()
            # the newest leads to the ends early, the oldest keeps the ways short
            first = self.agenda.pop() if newest else self.agenda.popleft()
            newest = not newest
        yield from self._lassos()
        self.over = True

    def _tell(self, run: Run) -> None:
        """Forget what was reported before: a shorter way to it has been handed on."""
        if unfinished(run):
            found = run.world.findings
            found[:] = [each for each in found if (each.kind, each.signature) not in self.told]
            for each in found:
                each.preemptions = self._preemptions(run.schedule)
        self.told.update((each.kind, each.signature) for each in run.world.findings)

    def _run(self, first: Step | None) -> Run:
        """An execution that makes one new choice, and goes on from there for as long as it meets
        new states."""
        run, held = self._begin([] if first is None else self._way_to(first[0]))
        try:
            at = self._arrive(run, held, None if first is None else first[0])
            step: Choice | None = self._first(at) if first is None else first[1]
            while step is not None and not self.stopped:
                run.take(run.world.tasks[step[0]], step[1])
                known = len(self.keys)
                to = self.graph.after[at][step] = self._state(run, held, (at, step))
                if to < known:
                    break
                at, step = to, self._first(to)
        except Opaque as why:
            self.stopped = str(why)
        return run

    def _begin(self, schedule: Sequence[Choice]) -> tuple[Run, Holding]:
        """A fresh execution, as far as a schedule goes."""
        run = Run(self.make(self.names))
        held = Holding(run.world)
        for index, value in schedule:
            tasks = run.world.tasks
            task = tasks[index] if index < len(tasks) else None
            if task is None or task not in run.world.enabled():
                raise _differs(schedule, f"task {index} can run", "it cannot")
            run.take(task, value)
        return run, held

    def _arrive(self, run: Run, held: Holding, expected: int | None) -> int:
        """The number of the state that a replay led to.  Raises NondeterminismError for another
        one than expected."""
        if expected is None:
            return self._state(run, held, None)
        if self._key(run, held) != self.keys[expected]:
            raise _differs(run.schedule, "the same state", "another one")
        return expected

    def _key(self, run: Run, held: Holding) -> bytes:
        assert self.snapshots is not None
        return self.snapshots.take(run.world, sorted(held.locks.items()))

    def _state(self, run: Run, held: Holding, came: Step | None) -> int:
        """The number of the state that a run is in; a new one is entered."""
        key = self._key(run, held)
        number = self.numbers.setdefault(key, len(self.keys))
        if number == len(self.keys):
            enabled = run.world.enabled()
            self.keys.append(key)
            self.came.append(came)
            self.graph.after.append({})
            self.graph.able.append(tuple(task.index for task in enabled))
            self.agenda.extend((number, choice) for choice in _choices(enabled)[1:])
            if len(self.keys) > self.states_max:
                self.stopped = f"there are more than {self.states_max} states"
            elif len(run.schedule) >= STEPS_MAX:
                self.stopped = f"an execution has more than {STEPS_MAX} steps, each in a new state"
        return number

    def _first(self, state: int) -> Choice | None:
        able = self.graph.able[state]
        return (able[0], 0) if able else None

    def _way_to(self, state: int) -> list[Choice]:
        """The schedule by which a state was met first."""
        schedule: list[Choice] = []
        came = self.came[state]
        while came is not None:
            schedule.append(came[1])
            came = self.came[came[0]]
        schedule.reverse()
        return schedule

    def _preemptions(self, schedule: Sequence[Choice]) -> int:
        """How often a schedule takes the turn from a task that could go on."""
        count, at, last = 0, 0, -1
        for choice in schedule:
            count += choice[0] != last and last in self.graph.able[at]
            at, last = self.graph.after[at][choice], choice[0]
        return count

    def _lassos(self) -> Iterator[Run]:
        """Runs into the fair cycles, each the shortest way; of those that look alike one."""
        graph = self.graph
        everything = range(len(self.keys))
        for part in components(graph, everything):
            if not weakly_fair(graph, part):
                continue
            strong = strongly_fair_part(graph, part)
            states = part if strong is None else strong
            stem = path(graph, 0, states, everything)
            start = graph.after[stem[-1][0]][stem[-1][1]] if stem else 0
            run = self._lasso(stem, cycle(graph, states, start))
            if run is not None:
                yield run

    def _lasso(self, stem: list[Step], steps: list[Step]) -> Run | None:
        """Run into a cycle, and see that it lasts; None if one like it is known."""
        starved = self.graph.eager({state for state, _ in steps})
        starved -= {choice[0] for _, choice in steps}
        run, held = self._begin([choice for _, choice in stem])
        start = steps[0][0]
        self._arrive(run, held, start)
        assert self.snapshots is not None
        locations = self.snapshots.locations
        turns: list[Turn] = []
        for _, (index, value) in steps:
            task = run.world.tasks[index]
            turn = Turn.of(task)
            turn.codes = run.take(task, value)
            turns.append(turn)
        finding = lasso_finding(run.world, turns, sorted(starved), held.names(), locations)
        taken = len(run.schedule)
        finding.lines += (f"The last {len(steps)} of {taken} steps were run {ROUNDS} times over.",)
        if (finding.kind, finding.signature) in self.told:
            run.world.close()
            return None
        self.told.add((finding.kind, finding.signature))
        run.world.findings[:] = [finding]
        finding.step = run.world.steps
        finding.preemptions = self._preemptions(run.schedule)
        self._arrive(run, held, start)
        for _ in range(ROUNDS - 1):
            for _, (index, value) in steps:
                run.world.step(run.world.tasks[index], value)
            self._arrive(run, held, start)
        return run

    def follow(self, schedule: Sequence[Choice]) -> Finding | None:
        """The finding of a schedule that ends with a fair cycle, or None if it does not."""
        self.snapshots = Snapshots()
        run, held = self._begin([])
        at = self._state(run, held, None)
        taken: list[Step] = []
        for index, value in schedule:
            task = next((each for each in run.world.enabled() if each.index == index), None)
            if task is None:
                break
            taken.append((at, (index, value)))
            run.take(task, value)
            at = self._state(run, held, taken[-1])
            self.graph.after[taken[-1][0]][index, value] = at
        run.world.close()
        begin = next((n for n, (state, _) in enumerate(taken) if state == at), len(taken))
        states = {state for state, _ in taken[begin:]}
        moving = {choice[0] for _, choice in taken[begin:]}
        if not states or not self.graph.patient(states) <= moving:
            return None
        lasso = self._lasso(taken[:begin], taken[begin:])
        assert lasso is not None, "nothing was told before"
        lasso.world.close()
        return lasso.world.findings[0]


class Holding:
    """Which locks each task holds, in the order in which it took them."""

    def __init__(self, world: World) -> None:
        self.uses: dict[int, list[LockUse]] = {}
        self.locks: dict[int, list[tuple[object, ...]]] = {}
        world.on_acquire += (self._acquired,)
        world.on_release += (self._released,)

    def names(self) -> dict[int, list[str]]:
        """The same for people."""
        return {
            index: [f"{use.class_name} ({use.function})" for use in uses]
            for index, uses in self.uses.items()
        }

    def _acquired(self, task: Task, use: LockUse) -> None:
        if use.sync:
            return
        self.uses.setdefault(task.index, []).append(use)
        nest = None if use.nest is None else Address(use.nest)
        what = (*use._replace(instance=0, nest=None), Address(use.instance), nest)
        self.locks.setdefault(task.index, []).append(what)

    def _released(self, task: Task, address: int) -> None:
        uses = self.uses.get(task.index, [])
        for at in range(len(uses) - 1, -1, -1):
            if uses[at].instance == address:
                del uses[at]
                del self.locks[task.index][at]
                if not uses:
                    del self.locks[task.index]
                return


def lasso_at(make: MakeWorld, schedule: Sequence[Choice]) -> Finding | None:
    """The finding of a schedule that goes round for ever at its end: for replays.  None if it does
    not, or if that cannot be told."""
    try:
        return LassoSearch(make).follow(schedule)
    except Opaque:
        return None


def lasso_search(make: MakeWorld, *, states_max: int = STATES_MAX) -> Iterator[Run]:
    """Yield a run for each execution of a `LassoSearch`."""
    return iter(LassoSearch(make, states_max=states_max))


def _choices(enabled: list[Task]) -> list[Choice]:
    choices: list[Choice] = []
    for task in enabled:
        op = task.pending
        options = op.options() if op is not None and op.chooses else 1
        choices.extend((task.index, value) for value in range(options))
    return choices


def _differs(schedule: Sequence[Choice], expected: str, got: str) -> NondeterminismError:
    return NondeterminismError(
        f"the model is not deterministic: schedule {schedule_text(schedule)} leads somewhere else "
        f"when it is followed again\nexpected: {expected}\ngot: {got}"
    )
