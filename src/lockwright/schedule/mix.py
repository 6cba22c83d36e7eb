"""A mix of random strategies, taken in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lockwright.core.errors import UsageError
from lockwright.core.task import Task
from lockwright.schedule.sampler import Sampler

Part = tuple[str, int]
"""A strategy's name, and its share: how many of the executions of one turn are its own."""

MakePart = Callable[[str, int, int], Sampler]
"""(name, executions, first): the strategy, for a range of its own executions."""


class Mix:
    """Executions `first` .. `first + executions - 1` of a mix.

    One turn has each part as often as its share says, spread evenly; execution i of the mix is the
    next one of its part, so that it depends on i and on the part's own stream alone.
    """

    def __init__(
        self, parts: Sequence[Part], make: MakePart, executions: int, *, first: int = 0
    ) -> None:
        check_parts(parts)
        self.turn = turn_of([share for _, share in parts])
        self.following = first
        self.end = first + executions
        self.owned = True
        self.samplers: list[Sampler] = []
        for part, (name, _) in enumerate(parts):
            mine = self._before(part, first)
            self.samplers.append(make(name, self._before(part, self.end) - mine, mine))
        self.sampler = self.samplers[0]

    def _before(self, part: int, execution: int) -> int:
        """How many of the executions before this one are the part's."""
        turns, rest = divmod(execution, len(self.turn))
        return turns * self.turn.count(part) + self.turn[:rest].count(part)

    def begin(self) -> bool:
        if self.following >= self.end:
            return False
        self.sampler = self.samplers[self.turn[self.following % len(self.turn)]]
        begun = self.sampler.begin()
        self.owned = self.sampler.owned
        self.following += self.owned
        return begun

    def pick(self, enabled: list[Task]) -> Task:
        return self.sampler.pick(enabled)

    def choose(self, options: int) -> int:
        return self.sampler.choose(options)

    def arrives(self, step: int) -> int:
        return self.sampler.arrives(step)


def turn_of(shares: Sequence[int]) -> list[int]:
    """The parts of one turn, by number, each as often as its share and spread evenly.

    Each part gains its share at every place; the one with most takes it and pays for a whole turn.
    `[2, 1]` gives `[0, 1, 0]`.
    """
    whole = sum(shares)
    credit = [0] * len(shares)
    turn = []
    for _ in range(whole):
        credit = [had + share for had, share in zip(credit, shares, strict=True)]
        part = credit.index(max(credit))
        credit[part] -= whole
        turn.append(part)
    return turn


def check_parts(parts: Sequence[Part]) -> None:
    """Raise UsageError for a mix of nothing, a part named twice or a share that is none."""
    if not parts:
        raise UsageError("a mix of no strategies: name some, say random,pct:2")
    names = [name for name, _ in parts]
    for name, share in parts:
        if share < 1:
            raise UsageError(f"a mix with {share} parts of {name}: expected 1 or more")
        if names.count(name) > 1:
            raise UsageError(f"a mix names {name} twice: give it a share instead, say {name}:2")
