"""The strategies by name, and the search that each one makes.

A search is iterated: one `Run` for each execution.  What else it can do it offers by methods:
`branching()` for an estimate of its size, `export()` for a checkpoint, from which `resumed` makes
the search that goes on.  A new strategy is one line in `STRATEGY`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.explore.below import After, Below
from lockwright.explore.bounded import Bounded
from lockwright.explore.estimate import estimated
from lockwright.explore.guided import guided_search
from lockwright.explore.lasso import LIVENESS, LassoSearch
from lockwright.explore.plain import PlainSearch
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import MakeWorld, Run
from lockwright.options import OPERATION, Options, check_name
from lockwright.schedule.coverage import PIECE
from lockwright.schedule.mix import Mix
from lockwright.schedule.sampler import Sampler
from lockwright.schedule.slow import Slow
from lockwright.schedule.strategies import mix, parse_mix, sampler

State = dict[str, Value]
"""What a search exports: an object as JSON has them."""


class Search(Protocol):
    """What every search can do."""

    def __iter__(self) -> Iterator[Run]:
        """The executions."""
        ...


@runtime_checkable
class Branching(Search, Protocol):
    """A search that knows how large it is, as far as it has seen."""

    def branching(self) -> list[tuple[int, int]]:
        """For each depth of the current path: branches explored to their end, branches known."""
        ...


@runtime_checkable
class Resumable(Search, Protocol):
    """A search that can be taken up again from what it exports between two runs."""

    def export(self) -> State:
        """The state after the run that was yielded last."""
        ...


@dataclass(frozen=True, slots=True)
class Worlds:
    """How a search makes its worlds: `judged` for the executions that it yields, and `bare`,
    without rules, for those that only measure.  `begin_again` is called when a search finds that
    it has to begin anew; what it yielded before does not count."""

    judged: MakeWorld
    bare: MakeWorld | None = None
    begin_again: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Strategy:
    """`make(worlds, options, state)` gives the search; with a state, one that goes on there.
    An exhaustive one ends by itself."""

    about: str
    make: Callable[[Worlds, Options, State | None], Search]
    exhaustive: bool = False


RANGE = PIECE
"""How many executions of a random strategy make a piece."""


class Sampling:
    """The executions of a random strategy, which have numbers, from one of them on."""

    def __init__(self, worlds: Worlds, oracle: Sampler | Mix | Slow) -> None:
        self.worlds = worlds
        self.oracle = oracle

    def __iter__(self) -> Iterator[Run]:
        for run in guided_search(self.worlds.judged, self.oracle, self.worlds.bare):
            run.begins = not (self.next - 1) % RANGE
            yield run

    @property
    def next(self) -> int:
        """The number of the next execution, of those that are not only measured."""
        return max(self.oracle.following, getattr(self.oracle, "first", 0))

    @property
    def end(self) -> int:
        """The number after that of the last execution."""
        return self.oracle.end

    def pieces(self, most: int) -> list[tuple[int, int]]:
        """The next of what is left, in at most so many ranges of numbers, each from the first on
        up to before the second."""
        cuts = range(self.next - self.next % RANGE, self.end, RANGE)[:most]
        bounds = [(max(cut, self.next), min(cut + RANGE, self.end)) for cut in cuts]
        return [(first, end) for first, end in bounds if first < end]

    def skip_to(self, number: int) -> None:
        """Others have seen to the executions before this one."""
        self.oracle.following = number

    def export(self) -> State:
        """The number of the next execution."""
        return {"first": self.next}


def _dpor(worlds: Worlds, options: Options, state: State | None) -> Search:
    rounds = Rounds(worlds.judged, granularity=options.granularity, probe=worlds.bare)
    rounds.on_restart = worlds.begin_again
    if state is not None:
        rounds.restore(state)
    return rounds


def _dfs(worlds: Worlds, options: Options, state: State | None) -> Search:
    make = worlds.judged
    return PlainSearch(make) if state is None else PlainSearch.restore(make, state)


def _bounded(worlds: Worlds, options: Options, state: State | None) -> Search:
    make, bound = worlds.judged, options.bound
    return Bounded(make, bound) if state is None else Bounded.restore(make, state, bound)


def _liveness(worlds: Worlds, options: Options, state: State | None) -> Search:
    return LassoSearch(worlds.judged)


def _sampled(worlds: Worlds, options: Options, state: State | None) -> Search:
    first, count = _range(options, state)
    name, seed, depth = options.strategy, options.seed, options.depth
    made = sampler(name, seed, count, first=first, depth=depth)
    return Sampling(worlds, _slowed(made, options))


def _mixed(worlds: Worlds, options: Options, state: State | None) -> Search:
    first, count = _range(options, state)
    parts, seed, depth = parse_mix(options.mix), options.seed, options.depth
    return Sampling(worlds, _slowed(mix(parts, seed, count, first=first, depth=depth), options))


def _slowed(made: Sampler | Mix, options: Options) -> Sampler | Mix | Slow:
    return Slow(made, options.slow) if options.slow else made


def _range(options: Options, state: State | None) -> tuple[int, int]:
    """The first execution's number, and how many there are from there on."""
    if options.executions is None:
        raise UsageError(
            f"strategy {options.strategy} never ends by itself: say how many executions"
        )
    first = 0 if state is None else int(state["first"])
    return first, max(options.executions - first, 0)


STRATEGY = {
    "dpor": Strategy("every trace, once", _dpor, exhaustive=True),
    "dfs": Strategy("every interleaving", _dfs, exhaustive=True),
    "bounded": Strategy(
        "every schedule, those with few preemptions first", _bounded, exhaustive=True
    ),
    "random": Strategy("each task that can run is as likely as any other", _sampled),
    "pct": Strategy("bugs of a given depth, with a known probability", _sampled),
    "pos": Strategy("random priorities of steps, drawn anew where they conflict", _sampled),
    "urw": Strategy("each interleaving is as likely as any other", _sampled),
    "surw": Strategy("the same for the order of what is contended", _sampled),
    "coverage": Strategy("orders of racing events that were not seen yet", _sampled),
    "mix": Strategy("several random ones in turn", _mixed),
    LIVENESS: Strategy(
        "every state, once, and the cycles that can last for ever", _liveness, exhaustive=True
    ),
}
STRATEGIES = tuple(STRATEGY)
EXHAUSTIVE = tuple(name for name, strategy in STRATEGY.items() if strategy.exhaustive)


def check_slow(options: Options) -> None:
    """Raise UsageError for delays that are asked of a strategy which tries them all."""
    if options.slow and options.strategy in EXHAUSTIVE:
        raise UsageError(
            f"slow {' and '.join(options.slow)} is for random strategies: "
            f"{options.strategy} tries every delay"
        )


def search(make: MakeWorld | Worlds, options: Options, state: State | None = None) -> Search:
    """The search of a strategy; with a state that it exported, one that goes on there.

    Raises UsageError for an unknown strategy or a missing bound, KeyError, TypeError or ValueError
    for a state that is none.
    """
    check_name("strategy", options.strategy, STRATEGIES)
    worlds = make if isinstance(make, Worlds) else Worlds(make)
    strategy = STRATEGY[options.strategy]
    check_slow(options)
    if not options.prefix:
        return strategy.make(worlds, options, state)
    after = After(worlds.judged, options.prefix)
    bare = None if worlds.bare is None else After(worlds.bare, options.prefix)
    return Below(after, strategy.make(Worlds(after, bare, worlds.begin_again), options, state))


def estimate_of(searching: Search, executions: int) -> int | None:
    """How many executions a search will have in all, or None if that cannot be told."""
    searching = getattr(searching, "searching", searching)
    if isinstance(searching, Rounds):
        return searching.estimate(executions) if executions else None
    if not executions or not isinstance(searching, Branching):
        return None
    if isinstance(searching, Bounded):
        if searching.bound != searching.most:
            return None  # of the bounds to come, nothing was seen yet
        before = searching.before
        return before + estimated(executions - before, searching.branching())
    return estimated(executions, searching.branching())


def describe(searching: Search, options: Options, result: Result) -> None:
    """Enter into the result what only the search knows: what it went by, and what it left out."""
    result.granularity = getattr(searching, "granularity", OPERATION)
    result.unfused = dict(getattr(searching, "unfused", dict)())
    result.restarts = getattr(searching, "restarts", 0)
    result.bound = getattr(searching, "bound", None)
    within = getattr(searching, "searching", searching)
    if getattr(within, "stopped", ""):
        result.exhausted = False
    cut_off = getattr(searching, "cut_off", False) or bool(options.prefix)
    result.complete = result.exhausted and not cut_off
