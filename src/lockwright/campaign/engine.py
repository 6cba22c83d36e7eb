"""Who explores the pieces: what every engine can do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lockwright.campaign.plan import Limits

if TYPE_CHECKING:
    import trio

    from lockwright.campaign.piece import Ended, Piece


@dataclass(frozen=True, slots=True)
class Site:
    """Where the project is, and which version of its model the campaign is of."""

    root: Path
    version: str
    limits: Limits = field(default_factory=Limits)


class Engine(Protocol):
    """Some processes that explore pieces, on this machine or on others.

    `serve` takes pieces from `todo` as it can begin them (a few more than it has processes, so
    that none is idle, and no more than that) and sends each, once, to `done`, in whatever order
    they end.  It tries a piece once: whether to try again is the campaign's to say, which then
    sends it anew.  It returns when `todo` is closed and all it took has ended; when it is
    cancelled, all its processes are gone when it has returned.

    Raises UsageError if it cannot begin: no scheduler at the address, say.
    """

    name: str
    workers: int
    """How many processes it has, as far as it knows."""

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        """Explore until there is nothing more to explore."""
        ...
