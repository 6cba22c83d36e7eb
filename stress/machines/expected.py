"""What a call may give, as the reference says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lockwright.core.location import Value

Then = Callable[[Value], None]


class Like:
    """Stands for every value that `judge` says True to: it is equal to each of them.

    `said` describes them for people.
    """

    __slots__ = ("judge", "said")

    def __init__(self, judge: Callable[[Value], bool], said: str) -> None:
        self.judge = judge
        self.said = said

    def __eq__(self, other: object) -> bool:
        return self is other or self.judge(other)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return self.said


@dataclass(frozen=True, slots=True)
class Expected:
    """One of `values`; `then` is told which, before the next call."""

    values: tuple[Value, ...]
    then: Then | None = None

    def allows(self, result: Value) -> bool:
        """Is it one of them?"""
        return any(
            value == result and (isinstance(value, Like) or type(value) is type(result))
            for value in self.values
        )

    def accept(self, result: Value) -> None:
        """It was this one."""
        if self.then is not None:
            self.then(result)

    def __str__(self) -> str:
        return " or ".join(map(repr, self.values))


def one_of(*values: Value, then: Then | None = None) -> Expected:
    """Any of these."""
    return Expected(values, then)


def names(there: Sequence[str], perhaps: Sequence[str] = ()) -> Like:
    """These names, each as often as it is there, in any order; some may be left out."""
    wanted, left_out = sorted(there), sorted(perhaps)

    def judge(got: Value) -> bool:
        if not isinstance(got, tuple):
            return False
        sure = sorted(name for name in got if name not in left_out)
        return sure == wanted and len({*got}) == len({*sure}) + len(got) - len(sure)

    return Like(judge, f"the names {', '.join(wanted) or '(none)'}")


def or_refused(expected: Expected, errors: tuple[int, ...]) -> Expected:
    """The same, or one of these errnos, and nothing was done."""
    return Expected(
        tuple(dict.fromkeys((*expected.values, *errors))),
        lambda got: None if got in errors else expected.accept(got),
    )


def any_text(said: str) -> Like:
    """Some text."""
    return Like(lambda got: isinstance(got, str), said)


def _is_number(got: Value) -> bool:
    return isinstance(got, int)


ANY_MODE = Like(_is_number, "its usual mode")
