"""A piece of a campaign's work, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lockwright.campaign.item import Item
from lockwright.core.errors import UsageError
from lockwright.core.location import Value

DIED, LATE, MEMORY, ERROR = FAILURES = ("died", "late", "memory", "error")
"""Its process died; took too long; wanted too much memory; or an exception was raised, which
another try would raise again."""
DEATHS_MAX = 3
"""A piece that so many processes have died of, for whatever reason, is given up."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`work` is an object as JSON has them, which `worker.py` understands (`explored.py` says what
    can be in it).  (`generation`, `ordinal`) is the piece's place in the campaign; the item's
    number, whom it is for."""

    generation: int
    ordinal: int
    item: Item
    work: Mapping[str, Value]

    @property
    def key(self) -> tuple[int, int]:
        """Its place in the campaign."""
        return self.generation, self.ordinal

    def as_json(self) -> dict[str, Value]:
        """For another process."""
        return {
            "generation": self.generation,
            "ordinal": self.ordinal,
            "item": self.item.as_json(),
            "work": dict(self.work),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Value]) -> Piece:
        """Read what `as_json` wrote.  Raises UsageError for anything else."""
        try:
            item = Item.from_json(data["item"])
            return cls(int(data["generation"]), int(data["ordinal"]), item, dict(data["work"]))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"malformed piece: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a piece was not explored to its end: one of FAILURES, and how, in words:
    `SIGKILL`, `took more than 300 s`, `ModelError: ...`."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """One try at a piece has ended: with what was found (`told`, as JSON has it), or with why not.

    `seconds` is how long it took, `who` which worker had it; both for people alone.
    """

    piece: Piece
    told: Value = None
    failure: Failure | None = None
    seconds: float = 0.0
    who: str = ""
