"""What is committed, and what came of it now: a difference is said with both, and fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

NOTHING = "nothing"


class Difference(NamedTuple):
    """Where something differs, what is committed there, and what it is now."""

    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}:\nexpected: {self.expected}\ngot:      {self.got}"


def lines_that_differ(
    where: str, expected: Sequence[str], got: Sequence[str]
) -> Iterator[Difference]:
    """A difference for each line that was changed, is gone or is new."""
    matcher = SequenceMatcher(None, expected, got, autojunk=False)
    for what, *span in matcher.get_opcodes():
        if what == "equal":
            continue
        first, last, first_got, last_got = span
        for old, new in zip_longest(expected[first:last], got[first_got:last_got]):
            yield Difference(
                where, NOTHING if old is None else old, NOTHING if new is None else new
            )
