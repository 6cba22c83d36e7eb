"""Grace periods and work that end as late as they can.

A kernel's grace period takes milliseconds, and a work item waits for a free worker; a random
strategy that draws among tasks lets both be over soon.  Here the tasks that wait for a grace period
(an updater in synchronize_rcu(), a callback of call_rcu()), and the workers of work queues, are
held back from whatever strategy draws: it is asked among the others as long as there are any.

So that no schedule is lost, each step lets go of what is held back with a small probability, drawn
for the whole execution from `EASES`; 1 holds nothing back.  Every execution of the strategy keeps a
quarter of its probability, whatever is slow.

Source: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic
Guarantees of Finding Bugs" (ASPLOS 2010), section 2: a bug of small depth shows when few steps come
unusually late.  kernel/rcu/rcutorture.c and CONFIG_RCU_STRICT_GRACE_PERIOD are the opposite, grace
periods as short as they can be, which the strategies have by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from lockwright.core.task import Context, Task
from lockwright.schedule.mix import Mix
from lockwright.schedule.sampler import Sampler

GRACE_PERIODS, WORK = SLOW = ("grace periods", "work")
WAITS = ("grace_period", "kvfree_rcu")
"""The kinds of the operations that wait for a grace period, or for callbacks that do."""
STARTS = "process_one_work"
"""The kind of a worker's first operation; one of WQ_BH runs in softirq."""
EASES = (1 / 512, 1 / 64, 1 / 8, 1.0)
"""How likely a step is to let go of what is held back: one of these for each execution."""


class Slow:
    """The executions of another strategy, with some tasks held back.

    Execution i depends on that strategy's execution i, and on its seed and i.
    """

    def __init__(self, then: Sampler | Mix, slow: Sequence[str]) -> None:
        self.then = then
        self.graces = GRACE_PERIODS in slow
        self.work = WORK in slow
        self.ease = 1.0
        self.random = Random()

    @property
    def owned(self) -> bool:
        """As `Ranged` has it."""
        return self.then.owned

    @property
    def first(self) -> int:
        """The number of the first execution of the range."""
        return getattr(self.then, "first", 0)

    @property
    def end(self) -> int:
        """The number after that of the last execution."""
        return self.then.end

    @property
    def following(self) -> int:
        """The number of the next execution."""
        return self.then.following

    @following.setter
    def following(self, number: int) -> None:
        self.then.following = number

    def begin(self) -> bool:
        begun = self.then.begin()
        sampler = self.then.sampler if isinstance(self.then, Mix) else self.then
        self.random = Random(f"slow {sampler.name} {sampler.seed} {sampler.at}")
        self.ease = self.random.choice(EASES)
        return begun

    def pick(self, enabled: list[Task]) -> Task:
        if self.ease < 1 and len(enabled) > 1:
            others = [task for task in enabled if not self._held(task)]
            if 0 < len(others) < len(enabled) and self.random.random() >= self.ease:
                return self.then.pick(others)
        return self.then.pick(enabled)

    def _held(self, task: Task) -> bool:
        operation = task.pending
        kind = operation.kind if operation is not None else ""
        if self.graces and kind in WAITS:
            return True
        return self.work and (task.context is Context.WORKQUEUE or kind == STARTS)

    def choose(self, options: int) -> int:
        return self.then.choose(options)

    def arrives(self, step: int) -> int:
        return self.then.arrives(step)
