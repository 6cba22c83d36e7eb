"""Steered by what was covered: racing events are made to come in the orders that were not seen.

Source: Wolff, Shi, Duck, Mathur, Roychoudhury, "Greybox Fuzzing for Concurrency Testing" (ASPLOS
2024), sections 3 and 4: constraints on the order of events, each tried by holding the event back
that is to come later, and drawn by how rarely they were met.  Yu, Narayanasamy, Pereira, Pokam,
"Maple: A Coverage-Driven Testing Tool for Multithreaded Programs" (OOPSLA 2012), section 5: a pair
seen in one order is tried in the other.  Here pairs are those that an oracle can see: two tasks'
operations that aim at one location, one of them to write it, with none that conflicts between them;
of a lock, its acquires.  What is not held back goes by random priorities, as `pos` has them.

What an execution does depends on those before it in its piece, and on no others: after `PIECE`
executions everything is forgotten.  So a range of executions needs those of its piece that come
before it, which are run unseen, and the result is the same however many processes there are.

Order of reading: `started` (what is to be tried), `pick`, `_enter` (what was seen).
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from lockwright.core.task import Task
from lockwright.schedule.aim import aim, races
from lockwright.schedule.pos import Priorities
from lockwright.schedule.sampler import Sampler

PIECE = 256
"""So many executions learn from each other."""
FREE = 0.25
"""The share of executions that hold nothing back: they find pairs that nobody has seen yet."""
MORE = 0.5
"""How likely one more order is to be tried at the same time."""
NEW = 0.5
"""How likely it is to be one that was not seen yet, if there are any."""


class Site(NamedTuple):
    """What a task does where: the same in every execution of a search."""

    task: int
    location: int
    kind: str


Order = tuple[Site, Site]
"""What comes first, and what comes later."""


class Coverage(Sampler):
    """Invariant: `seen` counts the executions of this piece that have shown each order, in the
    order of first sight, `tried` those that were to show it.  In this execution, `wanted` are the
    orders that are still to come, `last` has by location the events since the last write of it,
    that one first, and `shown` the orders so far.
    """

    name = "coverage"

    def __init__(self, seed: int, executions: int, *, first: int = 0) -> None:
        super().__init__(seed, executions, first=first)
        self.following = first - first % PIECE if executions else first
        self.seen: dict[Order, int] = {}
        self.tried: dict[Order, int] = {}
        self.wanted: list[Order] = []
        self.last: dict[int, list[tuple[Site, bool]]] = {}
        self.shown: dict[Order, None] = {}

    def begin(self) -> bool:
        for order in self.shown:
            self.seen[order] = self.seen.get(order, 0) + 1
        self.shown = {}
        if self.following >= self.end:
            return False
        self.at = at = self.following
        self.owned = at >= self.first
        self.following = at + 1
        if at % PIECE == 0:
            self.seen, self.tried = {}, {}
        self.random = Random(f"{self.name} {self.seed} {at}")
        self.started()
        return True

    def started(self) -> None:
        self.priorities = Priorities(self.random)
        self.last = {}
        self.wanted = []
        if not self.seen or self.random.random() < FREE:
            return
        fresh = [(b, a) for a, b in self.seen if (b, a) not in self.seen]
        while True:
            order = self._drawn(fresh)
            if order not in self.wanted and order[::-1] not in self.wanted:
                self.wanted.append(order)
                self.tried[order] = self.tried.get(order, 0) + 1
            if self.random.random() >= MORE:
                return

    def _drawn(self, fresh: list[Order]) -> Order:
        """An order to try: one that nobody has seen, the less often it was tried, the likelier; or
        any."""
        if fresh and self.random.random() < NEW:
            weights = [1 / (1 + self.tried.get(order, 0)) for order in fresh]
            return self.random.choices(fresh, weights)[0]
        one, other = self.random.choice(list(self.seen))
        return (one, other) if self.random.random() < 0.5 else (other, one)

    def pick(self, enabled: list[Task]) -> Task:
        best = self.priorities.highest(enabled)
        if self.wanted and len(enabled) > 1:
            later = {then for _, then in self.wanted}
            free = [task for task in enabled if _site(task) not in later]
            if 0 < len(free) < len(enabled):
                best = self.priorities.highest(free)
        done = aim(best)
        for task in enabled:
            if task is best or (done[0] >= 0 and races(aim(task), done)):
                self.priorities.forget(task)
        self._enter(best)
        return best

    def _enter(self, task: Task) -> None:
        """The task takes its step: which orders does that show?"""
        location, writes = aim(task)
        operation = task.pending
        if location < 0 or operation is None or operation.leaves:
            return
        site = Site(task.number, location, operation.kind)
        events = self.last.setdefault(location, [])
        for other, wrote in events:
            if other.task != site.task and (wrote or writes):
                self.shown[other, site] = None
        if writes:
            events.clear()
        events.append((site, writes))
        if self.wanted:
            self.wanted = [order for order in self.wanted if site not in order]


def _site(task: Task) -> Site | None:
    """Where a task is, if what it does there can be ordered."""
    location, _ = aim(task)
    operation = task.pending
    if location < 0 or operation is None:
        return None
    return Site(task.number, location, operation.kind)
