"""Whoever watches a campaign, on standard error: a live view on a terminal, else plain lines.

A finding and a death are lines that stay; the live view is below them, and gone at the end.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from threading import Lock
from types import TracebackType
from typing import Self

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lockwright.campaign.item import Item
from lockwright.campaign.piece import Ended, Piece
from lockwright.campaign.record import GOING, TODO, Head, Record
from lockwright.campaign.watcher import Nobody
from lockwright.commands.campaign_tally import Part, Tally
from lockwright.core.finding import Finding
from lockwright.report.campaign import many

EVERY_S = 10.0
"""How often plain lines say how far it is, at most."""
REFRESHES_PER_S = 2
COLUMNS = (
    ("executions", 32),
    ("findings", 56),
    ("a second", 72),
    ("covered", 88),
    ("pieces", 98),
)
"""Beside the items' names, if the screen has so many columns."""
LINES_KEPT = 4
"""Lines of the screen that the items leave: two above them, one below, one for the cursor."""


class Lines:
    """Plain lines: one for each finding and death, and now and then how far it is."""

    def __init__(self, tally: Tally, say: Callable[[str], None]) -> None:
        self.tally = tally
        self.say = say
        self.next = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        pass

    def began(
        self, head: Head, records: Sequence[Record], engine: str, workers: int, *, resumed: bool
    ) -> None:
        """A session of a campaign begins."""
        self.tally.begin(head, records, engine, workers)
        self.say(beginning(self.tally, resumed=resumed))
        self.next = self.tally.clock() + EVERY_S

    def given(self, pieces: Sequence[Piece]) -> None:
        """A generation begins."""
        self.tally.give(pieces)

    def ended(self, ended: Ended) -> None:
        """A piece is done."""
        self.tally.end(ended)

    def died(self, ended: Ended, tries: int) -> None:
        """A try at a piece has failed."""
        self.say(self.tally.die(ended, tries))

    def found(self, finding: Finding, item: Item) -> None:
        """A finding that the campaign had not seen."""
        self.say(self.tally.find(finding, item))

    def closed(self, records: Sequence[Record]) -> None:
        """A generation was closed."""
        tally = self.tally
        tally.close(records)
        if tally.clock() >= self.next:
            self.next = tally.clock() + EVERY_S
            self.say(f"{tally.standing()}; {tally.progress()}")

    def concluding(self, items: int) -> None:
        """What there is of so many items is being judged."""
        self.say(ending(items))


class Screen:
    """The live view.  Its thread draws now and then; `lock` keeps it from what is being changed.

    Invariant: nothing is printed while the lock is held, since whoever prints may wait for the
    thread that draws.
    """

    def __init__(self, tally: Tally, console: Console, *, auto_refresh: bool = True) -> None:
        self.tally = tally
        self.console = console
        self.lock = Lock()
        self.live = Live(
            console=console,
            get_renderable=self.drawn,
            auto_refresh=auto_refresh,
            refresh_per_second=REFRESHES_PER_S,
            transient=True,
        )

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.live.stop()

    def began(
        self, head: Head, records: Sequence[Record], engine: str, workers: int, *, resumed: bool
    ) -> None:
        """A session of a campaign begins."""
        with self.lock:
            self.tally.begin(head, records, engine, workers)
            said = beginning(self.tally, resumed=resumed)
        self._say(said)

    def given(self, pieces: Sequence[Piece]) -> None:
        """A generation begins."""
        with self.lock:
            self.tally.give(pieces)

    def ended(self, ended: Ended) -> None:
        """A piece is done."""
        with self.lock:
            self.tally.end(ended)

    def died(self, ended: Ended, tries: int) -> None:
        """A try at a piece has failed."""
        with self.lock:
            said = self.tally.die(ended, tries)
        self._say(said, "yellow")

    def found(self, finding: Finding, item: Item) -> None:
        """A finding that the campaign had not seen."""
        with self.lock:
            said = self.tally.find(finding, item)
        self._say(said, "bold red")

    def closed(self, records: Sequence[Record]) -> None:
        """A generation was closed."""
        with self.lock:
            self.tally.close(records)

    def concluding(self, items: int) -> None:
        """What there is of so many items is being judged."""
        self._say(ending(items))

    def _say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text, style=style))

    def drawn(self) -> RenderableType:
        """What the screen shows now."""
        with self.lock:
            return drawing(self.tally, self.console.width, self.console.height)


def beginning(tally: Tally, *, resumed: bool) -> str:
    """The first line of a session."""
    begun = "goes on" if resumed else "begins"
    who = f"{many(tally.workers, 'worker')} ({tally.engine})"
    return f"campaign {tally.name} {begun}: {tally.standing()}, {who}"


def ending(items: int) -> str:
    """The line of a session that stops before its items have ended."""
    return f"no more is explored; judging what there is of {many(items, 'item')}"


def drawing(tally: Tally, width: int, height: int) -> RenderableType:
    """Two lines about the whole, one for each item that is being explored as far as the screen
    has room, and what is left out."""
    if not tally.name:
        return Text()
    who = f"{many(tally.workers, 'worker')} ({tally.engine})"
    first = f"{tally.name}: {tally.standing()}, generation {tally.generation}, {who}, "
    lines = [_cut(first + _clock(tally.seconds), width, "bold"), _cut(tally.progress(), width)]
    busy = [
        (record, part)
        for record in tally.records
        if (part := tally.open.get(record.item.number)) is not None and part.busy
    ]
    shown = busy[: max(height - LINES_KEPT - 1, 1)]
    rest = []
    if more := len(busy) - len(shown):
        rest.append(f"{more:,} more are being explored")
    if waiting := tally.count(GOING, TODO) - len(busy):
        rest.append(f"{waiting:,} wait for their turn")
    last = [_cut("; ".join(rest), width, "dim")] if rest else []
    return Group(*lines, *([_table(tally, shown, width)] if shown else []), *last)


def _cut(text: str, width: int, style: str = "") -> Text:
    """A line that is never folded."""
    line = Text(text, style=style, no_wrap=True, overflow="ellipsis")
    line.truncate(width, overflow="ellipsis")
    return line


def _table(tally: Tally, busy: Sequence[tuple[Record, Part]], width: int) -> Table:
    heads = [head for head, least in COLUMNS if width >= least]
    table = Table(box=None, padding=(0, 2, 0, 0), expand=True, pad_edge=False)
    table.add_column("item", ratio=1, no_wrap=True, overflow="ellipsis")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True, overflow="ellipsis")
    for record, part in busy:
        texts = _cells(tally, record, part)
        table.add_row(Text(record.item.name), *(Text(texts[head]) for head in heads))
    return table


def _cells(tally: Tally, record: Record, part: Part) -> dict[str, str]:
    executions, most = tally.executions_of(record), record.item.options.executions
    return {
        "executions": f"{executions:,}" if most is None else f"{executions:,} of {most:,}",
        "findings": f"{tally.seen.get(record.item.name, 0):,}",
        "a second": f"{tally.rate_of(record):,.0f}",
        "covered": f"{record.covered:,}",
        "pieces": f"{part.done} of {part.pieces}",
    }


def _clock(seconds: float) -> str:
    """`1:02:03`"""
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}"


def watching(tally: Tally, *, quiet: bool) -> Lines | Screen | nullcontext[Nobody]:
    """Who is to watch a session: nobody, the live view, or plain lines where there is no
    terminal."""
    if quiet or sys.stderr is None:
        return nullcontext(Nobody())
    console = Console(stderr=True, highlight=False)
    if sys.stderr.isatty() and not console.is_dumb_terminal:
        return Screen(tally, console)
    return Lines(tally, _say)


def _say(text: str) -> None:
    click.echo(text, err=True)
