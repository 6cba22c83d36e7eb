"""The reference's view of a program that is being drawn, for preconditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lockwright.core import history
from lockwright.core.history import Reference
from lockwright.core.location import Value


class Awaited(NamedTuple):
    """Stands for what the call that was drawn as number `nth` will give."""

    nth: int
    name: str


def with_results(argument: Value, results: Sequence[Value]) -> Value:
    """An argument as it was drawn, with `results[n]` for what call number n will give."""
    if isinstance(argument, Awaited):
        return results[argument.nth]
    if type(argument) in (list, tuple, set, frozenset):
        return type(argument)(with_results(item, results) for item in argument)
    if type(argument) is dict:
        return {
            with_results(key, results): with_results(item, results)
            for key, item in argument.items()
        }
    return argument


class Model:
    """A reference that makes the drawn calls one after the other; where it allows several results,
    the first one that it names.  A call that it does not allow at all changes nothing."""

    def __init__(self, reference: Reference | None) -> None:
        self.reference = reference
        self.state = None if reference is None else reference.initial()
        self.results: list[Value] = []

    def drew(self, name: str, arguments: tuple[Value, ...]) -> None:
        """One more call was drawn."""
        if self.reference is None:
            return
        told = with_results(arguments, self.results)
        outcomes = iter(self.reference.apply(self.state, name, told))
        result, self.state = next(outcomes, (None, self.state))
        self.results.append(result.key if isinstance(result, history.Made) else result)
