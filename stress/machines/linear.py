"""The reference, for histories: is what several users got possible one call after the other?

`linearizability(calls)` gives a vocabulary that keeps histories.  Each call takes effect at one
moment, but for those that are several calls in one, and these are left out: `ls` and `getdents`
say of two names what was so at two moments.  `has` says it of one name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace

from lockwright.calls import Calls
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.scenario import Parameter
from stress.machines.expected import Like
from stress.machines.reference import Tracefs, reference_of

NOT_ATOMIC = ("ls", "getdents")


class State:
    """A tree that nobody changes any more; `key` is all that counts of it."""

    __slots__ = ("key", "tree")

    def __init__(self, tree: Tracefs) -> None:
        self.tree = tree
        self.key = _key(tree)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _key(tree: Tracefs) -> Hashable:
    numbers: dict[int, int] = {}
    nodes = [*tree.root.walk()]
    for file in tree.opened.values():
        nodes += [file.node] if file.node.gone else []
    there = []
    for node in nodes:
        # identity tells nodes apart; what they are called by is where they come in the tree
        number = numbers.setdefault(id(node), len(numbers))
        above = -1 if node.above is None else numbers.get(id(node.above), -1)
        there.append((number, above, node.name, node.owners, node.mode, node.gone))
    opened = [
        (number, numbers[id(file.node)], file.flags, file.pos)
        for number, file in sorted(tree.opened.items())
    ]
    filters = sorted((key, text or "") for key, text in tree.filters.items())
    return (
        tuple(there),
        tuple(opened),
        frozenset(tree.enabled),
        tuple(filters),
        tuple(sorted(tree.usual.items())),
        tree.mounted,
    )


class LinearReference:
    """The tree as a reference of `check/linearizability.py`."""

    name = "tracefs"

    def __init__(self, design: str, parameters: Mapping[str, Parameter]) -> None:
        self.design = design
        self.parameters = parameters

    def initial(self) -> State:
        """What there is at the beginning."""
        return State(reference_of(self.design, self.parameters))

    def apply(
        self, state: State, call: str, arguments: tuple[Value, ...]
    ) -> Iterator[tuple[Value, State]]:
        """What a call may give, each with the tree after it."""
        if call in NOT_ATOMIC:
            raise UsageError(f"{call} is not one call at one moment; use `has`")
        for nth in range(len(state.tree.expects(call, *arguments).values)):
            tree = deepcopy(state.tree)
            expected = tree.expects(call, *arguments)
            value = expected.values[nth]
            expected.accept("" if isinstance(value, Like) else value)
            yield value, State(tree)


def linearizability(calls: Calls, parameters: Mapping[str, Parameter] | None = None) -> Calls:
    """The same vocabulary, whose every execution has to be possible one call after the other;
    `parameters` are those that programs are run with, as far as they differ."""
    functions = {name: one for name, one in calls.functions.items() if name not in NOT_ATOMIC}
    given = {**calls.parameters, **(parameters or {})}
    return replace(
        calls,
        functions=functions,
        alphabet=tuple(call for call in calls.alphabet if call.name in functions),
        reference=LinearReference(calls.design, given),
    )
