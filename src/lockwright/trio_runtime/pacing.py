"""How long tasks pause before their steps: drawn from a seed, never twice to the same moment.

A pause has an exponential distribution, which knows no past: whoever has waited long is not more
likely to be next than others.  Were that all, it would be a random walk, in which nobody ever does
much while another does nothing.  So each task of an execution has a speed of its own, between a
quarter of the usual and four times as much, and one pause in ten is long, as a preemption is.
(Measured on 38 scenarios of early eventfs designs: of 106 kinds of findings 60 executions of the
random walk miss 49, with speeds 30, with long pauses as well 19.)

Pauses are counted in ticks, of which the usual mean pause has GRAIN; on a clock that does only
what it is told (trio's MockClock) all arithmetic on them is exact.
"""

from __future__ import annotations

from random import Random

GRAIN = 1024
"""Ticks of the mean pause; a power of two, so that a tick of a clock's second is exact."""
SPEEDS = 2
"""The base-2 logarithm of how much slower, or faster, than usual a task may be."""
LONG = 0.1
"""How many of the pauses are long."""
LONGER = 16
"""How much longer these are."""


class Draws:
    """The draws of one execution, which depend on the seed and its number alone.

    Invariant: `taken` has the ticks at which something is going to happen, each once; `means` the
    mean pause of each task that was asked for, by index, in usual ones.
    """

    def __init__(self, seed: int, number: int) -> None:
        self.random = Random(f"trio {seed} {number}")
        self.taken: set[int] = set()
        self.means: dict[int, float] = {}

    def pause(self, task: int) -> float:
        """How long a task pauses, in usual mean pauses."""
        if task not in self.means:
            self.means[task] = 2 ** self.random.uniform(-SPEEDS, SPEEDS)
        longer = LONGER if self.random.random() < LONG else 1
        return self.random.expovariate(1.0) * self.means[task] * longer

    def draw(self, now: int, task: int) -> int:
        """When a task tries its next step: a tick after `now` at which nothing else happens."""
        return self.reserve(now + 1 + int(self.pause(task) * GRAIN))

    def reserve(self, tick: int) -> int:
        """This tick, or the next one at which nothing else happens."""
        while tick in self.taken:
            tick += 1
        self.taken.add(tick)
        return tick

    def free(self, tick: int) -> None:
        """It has happened."""
        self.taken.discard(tick)

    def rounds(self, task: int) -> int:
        """After how many rounds of the scheduler, if pauses are to take no time."""
        return 1 + int(self.pause(task))

    def choose(self, options: int) -> int:
        """One of a step's outcomes."""
        return self.random.randrange(options)

    def arrives(self, step: int) -> int:
        """Does an interrupt come now?  As for the random strategies (`schedule/sampler.py`)."""
        return int(self.random.randrange(2 + step) == 1)
