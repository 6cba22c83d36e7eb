"""Optimal dynamic partial-order reduction: every Mazurkiewicz trace, once.

Source: Abdulla, Aronis, Jonsson, Sagonas, JACM 64(4), 2017, algorithm 2 (optimal DPOR), extended
to blocking operations as `clocks.py` says, and with critical sections as steps as `sections.py`
says.  Names, and the paper's symbols:

    path        the steps of E; its keys[n] is the one taken at depth n (path.py)
    sleep[n]    sleep(E'), for E' the first n steps, including what is done there
    wut[n]      wut(E'), without the branch that is being explored
    past        footprints, happens-before and races of the path's steps (clocks.py)

Order of reading: `Dpor.__iter__` (the search), `_execute` (one execution), `_plan` (at its end:
the races to reverse), `_backtrack`.

Races are reversed at the end of each execution that has them, also those that were there before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from lockwright.core.errors import InternalError
from lockwright.core.location import Names
from lockwright.core.operation import Operation
from lockwright.core.schedule import STEPS_MAX
from lockwright.core.world import World
from lockwright.explore.choose import SLEEPING, choose
from lockwright.explore.path import Path
from lockwright.explore.run import CHOICE_SHIFT, TASK_MASK, MakeWorld, Run, endless
from lockwright.explore.sections import Restart, Sections
from lockwright.explore.unit import Ordered, Unit
from lockwright.explore.wakeup import (
    Branch,
    Footprint,
    Sequence,
    Sleep,
    Step,
    asleep,
    awake,
    independent,
    insert,
    paths,
    sleeps,
)


class Dpor:
    """One search.

    With sections, critical sections are single steps where that is sound; what makes it unsound is
    learned on the way, and then the search begins anew: the next run is `fresh`, and the runs
    before it do not count; `on_restart` is called.  `probe` makes worlds that no rule listens to.
    Invariant: `sleep` and `wut` are one longer than `keys` between executions, the last entries
    being those of the node to go on from.
    """

    def __init__(
        self, make: MakeWorld, *, granularity: str = "operation", probe: MakeWorld | None = None
    ) -> None:
        self.make = make
        self.bare = probe or make
        self.granularity = granularity
        self.sections = Sections() if granularity == "section" else None
        self.names = Names()
        self.restarts = 0
        self.on_restart: Callable[[], None] | None = None
        self.world: World | None = None
        self._begin()

    def _begin(self) -> None:
        self.path = Path(self.sections)
        self.sleep: list[Sleep] = [{}]
        self.wut: list[list[Branch]] = [[]]
        self.tried: list[int] = [0]
        self.base = 0
        self.outgoing: list[tuple[int, list[Step]]] = []
        self.sent: set[tuple[int, ...]] = set()
        self.ahead: list[int] = []
        self.planned = self.analysed = 0
        self.races: list[tuple[int, int]] = []
        self.missed: list[tuple[int, int]] = []
        self.fresh, self.ended = True, False

    def __iter__(self) -> Iterator[Run]:
        while not self.ended:
            try:
                run = self.execute()
            except Restart:
                self._begin_again()
                continue
            yield run

    def execute(self) -> Run:
        """The next execution.  Raises Restart if the search has to begin anew."""
        run = self._execute()
        self._plan(run)
        if self.sections is not None:
            run.ends = list(self.path.ends)
            run.ordered = Ordered(run.ends, list(self.path.past.before_of))
        self.ended = not self._backtrack()
        return run

    def _begin_again(self) -> None:
        self.close()
        if self.sections is not None:
            self.sections.begin_again()
        self.restarts += 1
        if self.on_restart is not None:
            self.on_restart()
        self._begin()

    def load(self, unit: Unit) -> None:
        """Go on with a part of a search, and with nothing else.

        What is found to be explored above the part goes to `outgoing`, as (depth, sequence).
        """
        shared = 0
        self.path.sections = self.sections
        for mine, theirs in zip(self.path.keys, unit.keys, strict=False):
            if mine != theirs:
                break
            shared += 1
        self.path.forget(shared)
        self.analysed = min(self.analysed, shared)
        self.ahead = unit.keys[shared:]
        self.planned = unit.planned
        self.base = unit.base
        self.sleep = [{} for _ in range(unit.base)]
        self.wut = [[] for _ in range(unit.base)]
        self.tried = [0] * unit.base
        for sleep, branches, tried in unit.nodes:
            self.sleep.append(sleep)
            self.wut.append(branches)
            self.tried.append(tried)
        self.outgoing = []
        self.sent.clear()
        self.ended = False

    def begin_piece(self) -> None:
        """Keep no steps: what they teach about sections belongs to each piece of a search."""
        self.path.forget(0)
        self.analysed = 0

    def taken_up(self, outgoing: list[tuple[int, list[Step]]]) -> None:
        """The part was begun in another process, where it has sent this up."""
        self.outgoing = outgoing
        self.sent.update((depth, *(step[0] for step in v)) for depth, v in outgoing)
        world = self.bare(self.names)
        self.path.again(world)
        for key in self.ahead:
            self.path.step(world, key)
        self.ahead = []
        world.close()
        past, steps = self.path.past, len(self.path.keys)
        self.races = [(first, step) for step in range(steps) for first in past.analyse(step)]
        self.missed, past.missed, self.analysed = past.missed, [], steps

    def unit(self, *, exact: bool = True) -> Unit:
        """What is left to explore, between two executions; `exact` finds out what all touches."""
        base = self.base
        for depth in range(base, len(self.wut)) if exact else ():
            self._resolve(depth, [], self.wut[depth])
        nodes = zip(self.sleep[base:], self.wut[base:], self.tried[base:], strict=True)
        past, keys = self.path.past, self.path.keys
        footprints = zip(past.read[base:], past.write[base:], strict=True)
        return Unit(list(keys), base, list(nodes), list(footprints), len(keys))

    def _resolve(self, depth: int, above: list[int], branches: list[Branch]) -> None:
        """Find out what all branches touch."""
        for branch in branches:
            path = [*above, branch.key]
            if not branch.exact:
                branch.read, branch.write = self._footprint(depth, path)
                branch.exact = True
            self._resolve(depth, path, branch.children)

    def unfused(self) -> dict[str, str]:
        """The lock classes whose sections are not single steps, and why; in order of discovery."""
        return {} if self.sections is None else self.sections.unfused()

    def close(self) -> None:
        """Abandon the execution that was running."""
        if self.world is not None:
            self.world.close()

    def branching(self) -> list[tuple[int, int]]:
        """For each depth of the path to the next execution: how many branches are explored to
        their end there, and known."""
        above = [
            (tried - 1, tried + len(branches))
            for tried, branches in zip(self.tried[:-1], self.wut[:-1], strict=True)
        ]
        return [*above[self.base :], (self.tried[-1], self.tried[-1] + len(self.wut[-1]))]

    def _execute(self) -> Run:
        """Replay the shared prefix, follow the wakeup tree, then run on freely."""
        world = self.world = self.make(self.names)
        path = self.path
        path.again(world)
        keys, log = path.keys, path.log
        shared = len(log)
        for key in self.ahead:
            path.step(world, key)
        self.ahead = []
        sleep, branches = self.sleep.pop(), self.wut.pop()
        last = keys[-1] & TASK_MASK if keys else -1
        tried = self.tried.pop()
        while True:
            children: list[Branch] = []
            if branches:
                following = branches.pop(0)
                key, children = following.key, following.children
                if key in sleep:
                    key = SLEEPING
                    break
            else:
                key = choose(world, last, sleep)
                if key < 0:
                    break
            self.sleep.append(sleep)
            self.wut.append(branches)
            self.tried.append(tried + 1)
            tried = 0
            read, write = path.step(world, key)
            if path.options[-1] > 1:
                self._spread(path.options[-1], read, write, children)
            if sleep:
                sleep = awake(sleep, key, read, write)
            branches = children
            last = key & TASK_MASK
            if len(log) > STEPS_MAX:
                raise endless(world.by_number[last])
        run = Run(world, list(path.trail), list(log), shared)
        run.sleeping = key == SLEEPING
        run.fresh, self.fresh = self.fresh, False
        return run

    def _spread(self, options: int, read: int, write: int, children: list[Branch]) -> None:
        """Let the other outcomes of the last step be explored too, each followed by whatever was
        to follow this one and does not depend on it: that is what wakes the sleeping steps."""
        depth = len(self.path.keys) - 1
        key = self.path.keys[depth]
        sleep, branches = self.sleep[depth], self.wut[depth]
        arrives = self.path.arrives(depth)
        probe = partial(self._footprint, depth)

        for choice in range(options):
            other = (key & TASK_MASK) | choice << CHOICE_SHIFT
            if other == key or other in sleep or any(branch.key == other for branch in branches):
                continue
            first = (other, *probe([other]))
            # who takes an interrupt leaves none for who comes after
            depends = (read | first[1], write | first[2]) if arrives else (read, write)
            for path, exact in paths(children):
                v = Sequence([first, *independent(path, key, *depends)], exact=exact)
                if not asleep(v, sleep, probe):
                    insert(branches, v, probe)

    def _spread_above(self, depth: int) -> None:
        """The same for a new step above the part."""
        past, keys = self.path.past, self.path.keys
        key = keys[depth]
        below = range(depth + 1, self.base)
        follow = [(keys[at], past.read[at], past.write[at]) for at in below]
        own = past.read[depth], past.write[depth]
        for choice in range(self.path.options[depth]):
            other = (key & TASK_MASK) | choice << CHOICE_SHIFT
            if other != key:
                read, write = self._footprint(depth, [other])
                both = own[0] | read, own[1] | write
                depends = both if self.path.arrives(depth) else own
                left = independent(follow, key, *depends)
                self._send(depth, Sequence([(other, read, write), *left]))

    def _plan(self, run: Run) -> None:
        """Insert the reversal of every race into the wakeup tree of its first step's node."""
        past, steps = self.path.past, len(self.path.keys)
        # those of earlier executions again: other steps that do not happen after the first one
        # stand before the second now, and what sleeps may not be an initial of these any more
        races = self.races = [race for race in self.races if race[1] < self.analysed]
        missed = self.missed = [pair for pair in self.missed if pair[1] < self.analysed]
        for step in range(self.analysed, steps):
            races += [(first, step) for first in past.analyse(step)]
        for step in range(self.planned, self.base):
            if self.path.options[step] > 1:
                self._spread_above(step)
        missed += past.missed
        past.missed, self.analysed, self.planned = [], steps, self.base
        run.races = races
        for first, step in races:
            self._reverse(first, step)
        for first, step in missed:  # a taker that had a choice had "not now", which leads there
            if self.path.options[first] == 1:
                self._insert(first, self.path.taken_before(first, step))
        for task in run.world.tasks:
            op = task.pending
            if op is not None and op.blocking and not op.enabled():
                if self.sections is not None:
                    self.sections.waits(op)
                for first in past.races_of_blocked(task.number, task.name.done, op):
                    run.held_off.append((first, task.number))
                    self._let_in(first, task.number, op)

    def _reverse(self, first: int, second: int) -> None:
        """Let step `second` be explored before step `first`, with all outcomes that it has there:
        one that sleeps says nothing of the others."""
        v, changed = self.path.not_after(first, second)
        path = self.path
        key = path.keys[second]
        read, write, exact = path.past.before(first, second, changed)
        options = path.options[second]
        op = path.log[path.ends[second] - 1][1]
        if op.chooses and changed & self._decides(second):
            keys = [step[0] for step in v]
            options = path.outcomes(self.bare(self.names), first, keys, key & TASK_MASK)
        if not op.chooses or options == 1 == path.options[second]:
            self._before(first, Sequence([*v, (key, read, write)], exact=exact))
            return
        for choice in range(options):
            last = Sequence([*v, (key & TASK_MASK | choice << CHOICE_SHIFT, 0, 0)], exact=False)
            last.resolve(lambda keys: self._footprint(first, keys))
            if not sleeps(
                last.steps, {path.keys[first]: (path.past.read[first], path.past.write[first])}
            ):
                self._before(first, last)

    def _before(self, first: int, v: Sequence) -> None:
        """Let v be explored before step `first`; where that step has several outcomes, before this
        one: if it sleeps with another outcome, that covers v, but not v before this outcome."""
        path = self.path
        if path.options[first] > 1:
            if not v.exact:
                v.resolve(lambda keys: self._footprint(first, keys))
            if not any(w & self._decides(first) for _, _, w in v.steps):
                v = Sequence([*v.steps, (path.keys[first], 0, 0)], exact=False)
                v.resolve(lambda keys: self._footprint(first, keys))
        self._insert(first, v)

    def _decides(self, step: int) -> int:
        """The mask of what the possible outcomes of a step's operation depend on."""
        path = self.path
        number = path.log[path.ends[step] - 1][1].loc.number
        return path.past.read[step] | (1 << number if number >= 0 else 0)

    def _let_in(self, first: int, number: int, op: Operation) -> None:
        """Let a blocked task's operation be explored before step `first`."""
        v, _ = self.path.not_after(first, len(self.path.keys))
        bit = 1 << op.loc.number
        read, write = (0, bit) if op.writes else (bit, 0)
        v.append((number, read, write) if op.stable else (number, 0, 0))
        # the plain code after the operation, which has not run, belongs to the step too
        self._insert(first, Sequence(v, exact=False))

    def _insert(self, depth: int, v: Sequence) -> None:
        if depth < self.base:
            self._send(depth, v)
            return
        sleep, branches = self.sleep[depth], self.wut[depth]
        if not sleep and not branches and v.exact:
            insert(branches, v, _unused)
            return
        probe = partial(self._footprint, depth)
        if not sleep or not asleep(v, sleep, probe):
            insert(branches, v, probe)

    def _send(self, depth: int, v: Sequence) -> None:
        """Keep a sequence for a node that belongs to whoever gave out this part of the search."""
        told = (depth, *(step[0] for step in v.steps))
        if told in self.sent:
            return
        self.sent.add(told)
        if not v.exact:
            v.resolve(lambda keys: self._footprint(depth, keys))
        self.outgoing.append((depth, v.steps))

    def _footprint(self, depth: int, keys: list[int]) -> Footprint:
        return self.path.footprint(self.bare(self.names), depth, keys)

    def _backtrack(self) -> bool:
        """Go back to the deepest node with something left; False if there is none."""
        wut = self.wut
        depth = len(wut) - 1
        while depth >= self.base and not wut[depth]:
            depth -= 1
        if depth < self.base:
            return False
        key, past = self.path.keys[depth], self.path.past
        footprint = past.read[depth], past.write[depth]
        self.path.forget(depth)
        self.analysed = depth
        for nodes in (self.sleep, wut, self.tried):
            del nodes[depth + 1 :]
        self.sleep[depth] = {**self.sleep[depth], key: footprint}
        return True


def _unused(keys: list[int]) -> Footprint:
    raise InternalError("the footprint of an exact sequence was asked for")
