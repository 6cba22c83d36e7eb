"""Who is told how a campaign goes on: the live view, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lockwright.campaign.item import Item
from lockwright.campaign.piece import Ended, Piece
from lockwright.campaign.record import Head, Record
from lockwright.core.finding import Finding


class Watcher(Protocol):
    """Called between two things that the campaign does, which waits meanwhile: be quick."""

    def began(
        self, head: Head, records: Sequence[Record], engine: str, workers: int, *, resumed: bool
    ) -> None:
        """A session of a campaign begins."""

    def given(self, pieces: Sequence[Piece]) -> None:
        """A generation begins, or goes on: these of its pieces are still to be explored."""

    def ended(self, ended: Ended) -> None:
        """A piece is done, and committed."""

    def died(self, ended: Ended, tries: int) -> None:
        """A try at a piece has failed, the how manyth; with DEATHS_MAX it is given up."""

    def found(self, finding: Finding, item: Item) -> None:
        """A finding that the campaign had not seen."""

    def closed(self, records: Sequence[Record]) -> None:
        """A generation was closed; the records as they are now."""

    def concluding(self, items: int) -> None:
        """Nothing more is explored: what there is of so many items is being judged."""


class Nobody:
    """A watcher that does nothing."""

    def began(
        self, head: Head, records: Sequence[Record], engine: str, workers: int, *, resumed: bool
    ) -> None:
        pass

    def given(self, pieces: Sequence[Piece]) -> None:
        pass

    def ended(self, ended: Ended) -> None:
        pass

    def died(self, ended: Ended, tries: int) -> None:
        pass

    def found(self, finding: Finding, item: Item) -> None:
        pass

    def closed(self, records: Sequence[Record]) -> None:
        pass

    def concluding(self, items: int) -> None:
        pass
