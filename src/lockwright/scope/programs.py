"""Which programs a small scope has: each once, whichever way it could be written down.

Two programs are the same if they differ in the order of their tasks, or in the names of arguments
that are `alike`.  Arguments are exchanged if that maps the alphabet onto itself; all such exchanges
form a group, and of the programs that it maps onto each other the first one stands for all.

Words: an entry is the number of a call in the alphabet.  A step is an entry with its picks: for
each of its arguments that is a `Given`, the place of the earlier call of the same task that gave
it.  A deal is a program as a tuple of tasks, each a tuple of steps.

How many there are is not counted one by one.  The deals of t tasks that an exchange leaves as they
are number h(t), with t h(t) = sum over m of f(m) h(t - m), f(m) being the tasks that the exchange
leaves as they are when it is done m times; and the programs are the mean of h over the exchanges.

Source: Burnside's lemma, and Pólya's cycle index of the symmetric group (Harary and Palmer,
"Graphical Enumeration", 1973, chapter 2), with the number of calls as the weight.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, permutations, product
from math import factorial, prod
from typing import TypeAlias

from lockwright.calls import Argument, Call, Calls, Given, Program, givens, resolved
from lockwright.core.errors import UsageError

EXCHANGES_MAX = 5040
"""So many ways to exchange arguments are gone through, those of seven that are alike."""
CALLS_MAX = 200
"""Of two calls there are more programs of so many calls than could ever be explored."""
FORM = "tasks=N,operations=N"

Step: TypeAlias = tuple[int, tuple[int, ...]]
Task: TypeAlias = tuple[Step, ...]
Deal: TypeAlias = tuple[Task, ...]
Exchange: TypeAlias = tuple[int, ...]
"""Which entry each entry becomes."""


@dataclass(frozen=True)
class Scope:
    """The programs of a vocabulary with at most `tasks` tasks of at most `operations` calls each.

    A call of the alphabet with an argument `Given(N)` takes what the call number N of the alphabet
    gave, earlier in the same task; where that was made several times, each is a program of its own,
    and where it was not, there is none.
    Raises UsageError for an alphabet that no programs can be made of.
    """

    calls: Calls
    tasks: int
    operations: int

    def __post_init__(self) -> None:
        for name, value in (("tasks", self.tasks), ("operations", self.operations)):
            if value < 1:
                raise UsageError(f"a scope with {name}={value}: expected 1 or more")
        if self.tasks * self.operations > CALLS_MAX:
            raise UsageError(
                f"a scope with {self}: expected programs of at most {CALLS_MAX} calls in all"
            )
        design, seen = self.calls.design, []
        if not self.calls.alphabet:
            raise UsageError(
                f"{design} has no alphabet: Calls(..., alphabet=...) says which calls small scopes "
                "are made of"
            )
        for at, call in enumerate(self.calls.alphabet):
            self.calls.check_arguments(f"{design}: in its alphabet", call)
            for given in givens(call.arguments):
                if given.call >= at:
                    raise UsageError(
                        f"{design}: in its alphabet &{given.call} is no call before {call.name}"
                    )
            if (text := _text(call)) in seen:
                raise UsageError(f"{design}: its alphabet has the call {text} twice")
            seen.append(text)

    def __str__(self) -> str:
        return f"tasks={self.tasks},operations={self.operations}"

    @property
    def name(self) -> str:
        """`eventfs/v3 tasks=2,operations=2`."""
        return f"{self.calls.design} {self}"

    def programs(self) -> Iterator[Program]:
        """Each once, those with fewer calls first, and of these those with fewer tasks."""
        for calls in range(1, self.tasks * self.operations + 1):
            for tasks in range(-(-calls // self.operations), min(self.tasks, calls) + 1):
                for lengths in _parts(calls, tasks, self.operations):
                    for deal in self._deals(lengths):
                        if self._is_first(deal):
                            yield self._program(deal)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many programs there are with one call, with two, and so on."""
        most = self.tasks * self.operations
        totals = [0] * (most + 1)
        for exchange in self.exchanges:
            fixed = [self._fixed(_power(exchange, m)) for m in range(1, self.tasks + 1)]
            for row in _multisets(fixed, self.tasks, most)[1:]:
                totals = [total + count for total, count in zip(totals, row, strict=True)]
        return tuple(total // len(self.exchanges) for total in totals[1:])

    @property
    def count(self) -> int:
        """How many programs there are."""
        return sum(self.sizes)

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What exchanging alike arguments makes of the entries, first what changes nothing."""
        alphabet = self.calls.alphabet
        used = {_key(argument) for call in alphabet for argument in call.arguments}
        alike = [[_key(argument) for argument in group] for group in self.calls.alike]
        groups = [[key for key in group if key in used] for group in alike]
        flat = [key for group in groups for key in group]
        if len(dict.fromkeys(flat)) < len(flat):
            raise UsageError(f"{self.calls.design}: an argument is alike to others twice")
        ways = prod(factorial(len(group)) for group in groups)
        if ways > EXCHANGES_MAX:
            raise UsageError(
                f"{self.calls.design}: its alike arguments can be exchanged in {ways} ways; "
                f"expected at most {EXCHANGES_MAX}"
            )
        found: dict[Exchange, None] = {tuple(range(len(alphabet))): None}
        for orders in product(*(permutations(group) for group in groups)):
            renamed = dict(zip(flat, (key for order in orders for key in order), strict=True))
            if (exchange := self._exchange(renamed)) is not None:
                found[exchange] = None
        return tuple(found)

    def _exchange(self, renamed: dict[str, str]) -> Exchange | None:
        """What a renaming makes of each entry; None if that is not in the alphabet."""
        alphabet = self.calls.alphabet
        places = {(call.name, *map(_key, call.arguments)): at for at, call in enumerate(alphabet)}
        made: list[int] = []

        def other(given: Given) -> Given:
            return Given(made[given.call])

        for call in alphabet:
            keys = (
                renamed.get(_key(argument)) or _key(resolved(argument, other))
                for argument in call.arguments
            )
            place = places.get((call.name, *keys))
            if place is None:
                return None
            made.append(place)
        return tuple(made)

    @cached_property
    def _targets(self) -> tuple[tuple[int, ...], ...]:
        """Of each entry, the entries that give its arguments."""
        return tuple(
            tuple(given.call for given in givens(call.arguments)) for call in self.calls.alphabet
        )

    @cached_property
    def _by_length(self) -> dict[int, list[Task]]:
        return {0: [()]}

    def _tasks(self, length: int) -> list[Task]:
        """All tasks with so many calls, in order."""
        known = self._by_length
        if length not in known:
            known[length] = [
                (*task, (entry, picks))
                for task in self._tasks(length - 1)
                for entry, targets in enumerate(self._targets)
                for picks in product(*(_places(task, target) for target in targets))
            ]
        return known[length]

    def _deals(self, lengths: Sequence[int]) -> Iterator[Deal]:
        """All deals of tasks with these lengths, which ascend; tasks of one length are in order."""
        if not lengths:
            yield ()
            return
        alike = lengths.count(lengths[0])
        for some in combinations_with_replacement(self._tasks(lengths[0]), alike):
            for rest in self._deals(lengths[alike:]):
                yield (*some, *rest)

    def _is_first(self, deal: Deal) -> bool:
        """Does no exchange make one of it that comes before it?"""
        mine = [(len(task), task) for task in deal]
        for exchange in self.exchanges[1:]:
            other = [tuple((exchange[entry], picks) for entry, picks in task) for task in deal]
            if sorted((len(task), task) for task in other) < mine:
                return False
        return True

    def _program(self, deal: Deal) -> Program:
        tasks: list[tuple[Call, ...]] = []
        first = 0
        for task in deal:
            tasks.append(tuple(self._call(entry, picks, first) for entry, picks in task))
            first += len(task)
        return Program(tuple(tasks))

    def _call(self, entry: int, picks: tuple[int, ...], first: int) -> Call:
        """An entry as a call of a task whose first call has this number."""
        call, left = self.calls.alphabet[entry], iter(picks)
        return Call(call.name, resolved(call.arguments, lambda _: Given(first + next(left))))

    def _fixed(self, exchange: Exchange) -> list[int]:
        """How many tasks an exchange leaves as they are, by their number of calls."""
        entries = [entry for entry, other in enumerate(exchange) if entry == other]
        asked = sorted({target for entry in entries for target in self._targets[entry]})
        ways = {(0,) * len(asked): 1}
        numbers = [0]
        for _ in range(self.operations):
            after: dict[tuple[int, ...], int] = {}
            for made, count in ways.items():
                for entry in entries:
                    each = prod(made[asked.index(target)] for target in self._targets[entry])
                    more = tuple(n + (entry == a) for n, a in zip(made, asked, strict=True))
                    after[more] = after.get(more, 0) + count * each
            ways = after
            numbers.append(sum(ways.values()))
        return numbers


def scope(calls: Calls, *, tasks: int, operations: int) -> Iterator[Program]:
    """The programs of a scope, each once, the smallest first.  Raises UsageError."""
    return Scope(calls, tasks, operations).programs()


def parse_scope(text: str) -> tuple[int, int]:
    """The numbers of tasks and operations of `tasks=3,operations=2`.  Raises UsageError."""
    found: dict[str, int] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(tasks|operations)=([0-9]{1,18})\s*", part, re.ASCII)
        if match is None or match[1] in found or int(match[2]) < 1:
            break
        found[match[1]] = int(match[2])
    else:
        if len(found) == 2:
            return found["tasks"], found["operations"]
    raise UsageError(f"{text!r} is no scope: expected {FORM}, each 1 or more")


def _key(argument: Argument) -> str:
    """An argument as a name has it: 1, "1" and True are three."""
    return _text(Call("", (argument,)))


def _text(call: Call) -> str:
    """`remove:kp1`."""
    return str(Program(((call,),))).removeprefix("calls(").removesuffix(")")


def _places(task: Task, target: int) -> list[int]:
    """Where in a task an entry was called."""
    return [at for at, (entry, _) in enumerate(task) if entry == target]


def _parts(total: int, count: int, most: int, least: int = 1) -> Iterator[list[int]]:
    """So many ascending numbers, each within bounds, with this sum."""
    if not count:
        if not total:
            yield []
        return
    for first in range(least, min(most, total // count) + 1):
        for rest in _parts(total - first, count - 1, most, first):
            yield [first, *rest]


def _power(exchange: Exchange, times: int) -> Exchange:
    """An exchange that is done so many times."""
    made = tuple(range(len(exchange)))
    for _ in range(times):
        made = tuple(exchange[entry] for entry in made)
    return made


def _multisets(fixed: Sequence[Sequence[int]], tasks: int, most: int) -> list[list[int]]:
    """How many deals are left as they are, by their number of tasks, and of calls up to `most`;
    `fixed` has at m - 1 the tasks that are when the exchange is done m times, by their calls."""
    table = [[1, *[0] * most]]
    for count in range(1, tasks + 1):
        row = [0] * (most + 1)
        for times in range(1, count + 1):
            for length, ways in enumerate(fixed[times - 1]):
                weight = times * length
                for calls in range(weight, most + 1) if ways else ():
                    row[calls] += ways * table[count - times][calls - weight]
        table.append([number // count for number in row])
    return table
