"""Who gets the next pieces: seeds and strategies by what they have added to what is covered.

Each arm, a strategy with a seed, is a one-armed bandit: a piece of it is a pull, and what it gains
the features (`features.py`) that were not known when it was given out.  Gains dry up, at different
times for different arms, so that what counts is what an arm has gained lately.

    shares(arms, pieces):
        every arm has its floor, and of what is left
        each piece goes to the arm with the highest  mean / best mean + EXPLORE * sqrt(ln n / n_i)

with n_i the pieces of the arm, n those of all of them, and all sums discounted: they shrink with
each generation.  What is given out counts in n_i at once, as if it gained the mean.

Source: Garivier, Moulines, "On Upper-Confidence Bound Policies for Switching Bandit Problems" (ALT
2011), section 3, D-UCB; Desautels, Krause, Burdick, "Parallelizing Exploration-Exploitation
Tradeoffs in Gaussian Process Bandit Optimization" (JMLR 15, 2014), section 3.3, for pulls whose
outcome is not known yet.  The constant is smaller than the theorem's; the floor makes up for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, log, log2, sqrt

from lockwright.core.location import Value

DISCOUNT = 0.5
"""What an arm's pieces count for when it has had some of the next generation, too."""
IDLE = 0.9
"""And when it had none of it: it was others that have found things since."""
EXPLORE = 0.5
FLOOR = 4
"""One piece in so many is shared out evenly."""
DRY = 0.05
"""Arms that gain less than this, a piece, all count as dry: what little there is, is chance."""


@dataclass(slots=True)
class ArmRecord:
    """What an arm has had, and what it has gained.

    `executions` and `gained` are those of the whole campaign; `played` and `paid` its pieces and
    their worth, discounted; `idle` says that it had none of the open generation.  A piece is worth
    log2(1 + features): the first one of any arm finds nearly everything, and that tells of nothing
    to come.
    """

    executions: int = 0
    gained: int = 0
    played: float = 0.0
    paid: float = 0.0
    idle: bool = True

    def add(self, executions: int, gained: int) -> None:
        """A piece is done."""
        self.idle = False
        self.executions += executions
        self.gained += gained
        self.played += 1
        self.paid += log2(1 + gained)

    def close(self) -> None:
        """A generation is over."""
        discount = IDLE if self.idle else DISCOUNT
        self.played *= discount
        self.paid *= discount
        self.idle = True

    @property
    def mean(self) -> float:
        """What a piece was worth lately."""
        return self.paid / self.played if self.played else 0.0

    def as_json(self) -> dict[str, Value]:
        """For the store."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Value]) -> ArmRecord:
        """Read what `as_json` wrote.  Raises KeyError, TypeError or ValueError for anything
        else."""
        return cls(
            int(data["executions"]),
            int(data["gained"]),
            float(data["played"]),
            float(data["paid"]),
            bool(data["idle"]),
        )


def shares(arms: Sequence[ArmRecord], pieces: int) -> list[int]:
    """How many of the next pieces each arm gets: all of them together, none without an arm."""
    if not arms:
        return []
    floor = pieces // (FLOOR * len(arms)) or int(pieces >= 2 * len(arms))
    counts = [floor] * len(arms)
    best = max(DRY, *(arm.mean for arm in arms))
    worth = [arm.mean / best for arm in arms]
    whole = sum(arm.played for arm in arms) + sum(counts)
    for _ in range(pieces - sum(counts)):
        whole += 1
        index = [_bound(worth[at], arm.played + counts[at], whole) for at, arm in enumerate(arms)]
        counts[index.index(max(index))] += 1
    return counts


def _bound(worth: float, played: float, whole: float) -> float:
    """As much as an arm may well be worth."""
    return worth + EXPLORE * sqrt(log(1 + whole) / played) if played else inf
