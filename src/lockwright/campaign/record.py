"""What a campaign's store holds: which campaign it is, and how far each of its items has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.campaign.item import Item
from lockwright.campaign.piece import Failure
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result

TODO, GOING, DONE, FAILED = PHASES = ("todo", "going", "done", "failed")
"""Nothing of the item is explored; some is; it has ended; it cannot be explored to its end."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a campaign is: written when the store is made, and never changed.

    `plan` is the text of the plan's file, `model_version` the digest of the model's sources.
    """

    name: str
    plan: str
    model_version: str
    lockwright_version: str
    guidance: str


@dataclass(slots=True)
class Record:
    """An item, as of the last generation that was closed.

    `served` counts the generations that it had pieces in; `covered` what was covered of it, as
    `Coverage.score` counts; `seconds` what its pieces took, together; `failure` says in one line
    why it failed.  `result` is what it ended with, or what there was of it when the campaign
    stopped; its findings have no events.
    """

    item: Item
    phase: str = TODO
    served: int = 0
    executions: int = 0
    steps: int = 0
    covered: int = 0
    seconds: float = 0.0
    failure: str = ""
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class CorpusEntry:
    """A schedule that covered something new: which features (`features.py`), sorted, and which arm
    found it."""

    schedule: str
    features: tuple[int, ...]
    arm: str


@dataclass(slots=True)
class Change:
    """What becomes of an item's record when a generation is closed.

    `state` is what the conductor goes on from, as JSON has it; None drops what there was.
    `findings` are all of the item so far, `corpus` all of its entries: they replace what there was;
    None leaves it.
    """

    record: Record
    state: Value = None
    findings: list[Finding] | None = None
    corpus: list[CorpusEntry] | None = None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A piece that was given up: the item's name, the kind of its work, and why each try failed."""

    item: str
    work: str
    failures: tuple[Failure, ...]


@dataclass(slots=True)
class Found:
    """A finding of a campaign, by its identity (`identity.py`): the one with the shortest schedule,
    in how many executions it was seen, and in how many of each item by its name."""

    identity: str
    finding: Finding
    executions: int = 0
    items: Mapping[str, int] = field(default_factory=dict)
