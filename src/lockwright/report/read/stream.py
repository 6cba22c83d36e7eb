"""One stream of kernel lines: what one caller prints at one depth of mail quoting."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from lockwright.report.read.draft import Draft

BEFORE = 4
"""A ruler, a headline and the kernel's name may stand before the line that hints at a report."""


@dataclass(slots=True)
class Logical:
    """A line of the kernel's, wraps undone: `first` to `last` are its lines in the text.

    `aside` counts the lines that were left out between its pieces.
    """

    first: int
    last: int
    text: str
    pieces: int = 1
    aside: int = 0


@dataclass(slots=True)
class Stream:
    """The line that may go on, those before it, and the report that is being read.

    `blanks` counts the empty lines since the last other one, `seen` is the last line's number.
    """

    pending: Logical | None = None
    before: deque[Logical] = field(default_factory=lambda: deque(maxlen=BEFORE))
    draft: Draft | None = None
    blanks: int = 0
    seen: int = 0
