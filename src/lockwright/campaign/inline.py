"""Pieces explored by this process, one after the other: for tests, and for a single item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.campaign.engine import Site
from lockwright.campaign.explored import Explorer
from lockwright.campaign.piece import ERROR, MEMORY, Ended, Failure
from lockwright.project import Project

if TYPE_CHECKING:
    import trio

    from lockwright.campaign.piece import Piece


class Inline:
    """An engine without processes of its own, and without limits."""

    name = "inline"
    workers = 1

    def __init__(self, site: Site, project: Project) -> None:
        self.site = site
        self.explorer = Explorer(project)

    async def serve(
        self, todo: trio.MemoryReceiveChannel[Piece], done: trio.MemorySendChannel[Ended]
    ) -> None:
        """Explore until there is nothing more to explore."""
        async for piece in todo:
            await done.send(self._explored(piece))

    def _explored(self, piece: Piece) -> Ended:
        try:
            return Ended(piece, self.explorer.explore(piece))
        except MemoryError as error:
            return Ended(piece, failure=Failure(MEMORY, str(error) or "no memory is left"))
        except Exception as error:
            return Ended(piece, failure=Failure(ERROR, f"{type(error).__name__}: {error}"))
