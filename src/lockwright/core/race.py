"""A data race as facts: what the check found, and what a report prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lockwright.core.frame import Frame


@dataclass(frozen=True, slots=True)
class RaceAccess:
    """One of the two accesses; `marked` ones are those of READ_ONCE(), atomics and the like.

    `interrupt` tells that it was made in interrupt context, `stack` who made it, innermost first.
    """

    write: bool
    marked: bool
    comm: str
    pid: int
    cpu: int
    interrupt: bool
    stack: tuple[Frame, ...]

    @property
    def function(self) -> str:
        """The function that the access is in."""
        return self.stack[0].function if self.stack else self.comm

    @property
    def how(self) -> str:
        """`read`, `write (marked)`."""
        return ("write" if self.write else "read") + " (marked)" * self.marked


@dataclass(frozen=True, slots=True)
class RaceReport:
    """Two accesses to one place that nothing orders; `first` came first in this execution.

    `values` is what the place held before the second access and after it, if that is a write and
    both can be said as numbers.
    """

    kind: ClassVar[str] = "data race"

    field: str
    address: int
    size: int
    first: RaceAccess
    second: RaceAccess
    values: tuple[int, int] | None = None

    @property
    def functions(self) -> tuple[str, str]:
        """Both functions in alphabetical order, so that it does not matter who came first."""
        one, other = sorted((self.first.function, self.second.function))
        return one, other
