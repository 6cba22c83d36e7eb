"""How far a campaign is, how fast it goes and how long it may take, as those who watch it count."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from lockwright.campaign.item import Item
from lockwright.campaign.piece import DEATHS_MAX, ERROR, Ended, Piece
from lockwright.campaign.plan import Stop
from lockwright.campaign.record import DONE, FAILED, GOING, TODO, Head, Record
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.report.campaign import many
from lockwright.report.extent import time_left
from lockwright.report.findings import headline

WINDOW_S = 60.0
"""A rate is that of the last minute: pieces end in bursts."""


@dataclass(frozen=True, slots=True)
class Ends:
    """What a session ends at: what the plan says, of which other sessions took `before` seconds,
    and its own seconds."""

    stop: Stop = field(default_factory=Stop)
    before: float = 0.0
    seconds: float | None = None

    def seconds_left(self, gone: float) -> float:
        """How long the session may still go on, when it has taken so many seconds."""
        planned = inf if self.stop.seconds is None else self.stop.seconds - self.before
        own = inf if self.seconds is None else self.seconds
        return max(min(planned, own) - gone, 0.0)


@dataclass(slots=True)
class Part:
    """An item that has pieces in the open generation: how many of how many are done, and how many
    executions these had.  `phase` is DONE or FAILED when one of them has told so."""

    pieces: int = 0
    done: int = 0
    executions: int = 0
    phase: str = ""

    @property
    def busy(self) -> bool:
        """Is there more of it to come in this generation?"""
        return not self.phase and self.done < self.pieces

    def enter(self, told: Value) -> None:
        """What a piece has told."""
        self.executions += told["executions"]
        if "result" in told:
            self.phase = DONE


@dataclass(slots=True)
class Tally:
    """Invariant: `records` are as of the last generation that was closed, and `open` has what came
    since, by the item's number; so the sum of both is what is known.  `found` counts the different
    findings, and `seen` those of each item, by its name, as far as they were new."""

    ends: Ends = field(default_factory=Ends)
    clock: Callable[[], float] = monotonic
    name: str = ""
    engine: str = ""
    workers: int = 0
    begun: float = 0.0
    generation: int = 0
    deaths: int = 0
    found: int = 0
    records: list[Record] = field(default_factory=list)
    open: dict[int, Part] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    def begin(self, head: Head, records: Sequence[Record], engine: str, workers: int) -> None:
        """A session begins."""
        self.name, self.engine, self.workers = head.name, engine, workers
        self.records = list(records)
        self.begun = self.clock()
        self.before = {each.item.number: self.executions_of(each) for each in self.records}
        self.marks = deque([(self.begun, self.executions)])

    def recall(self, told: Sequence[tuple[int, Value]]) -> None:
        """What pieces of the open generation have told before the session began, by the numbers of
        their items."""
        for number, each in told:
            part = self.open.setdefault(number, Part())
            part.pieces += 1
            part.done += 1
            part.enter(each)

    def give(self, pieces: Sequence[Piece]) -> None:
        """A generation begins, or goes on."""
        for piece in pieces:
            self.generation = piece.generation
            self.open.setdefault(piece.item.number, Part()).pieces += 1

    def end(self, ended: Ended) -> None:
        """A piece is done."""
        part = self.open.setdefault(ended.piece.item.number, Part(1))
        part.done += 1
        part.enter(ended.told)
        self._mark()

    def die(self, ended: Ended, tries: int) -> str:
        """A try at a piece has failed; returns what to say of it."""
        failure = ended.failure
        assert failure is not None
        self.deaths += 1
        item = ended.piece.item.name
        if failure.kind != ERROR and tries < DEATHS_MAX:
            return f"{item}: {failure.text}; the piece is tried again (try {tries} of {DEATHS_MAX})"
        part = self.open.setdefault(ended.piece.item.number, Part(1))
        part.done += 1
        if failure.kind == ERROR:
            part.phase = FAILED
            return f"{item} cannot be explored: {failure.text}"
        return f"{item}: {failure.text}; the piece is given up"

    def find(self, finding: Finding, item: Item) -> str:
        """Something that the campaign had not seen; returns what to say of it."""
        self.found += 1
        self.seen[item.name] = self.seen.get(item.name, 0) + 1
        return f"found in {item.name}: {headline(finding)}"

    def close(self, records: Sequence[Record]) -> None:
        """A generation was closed."""
        self.records = list(records)
        self.open = {}
        self._mark()

    def _mark(self) -> None:
        now = self.clock()
        self.marks.append((now, self.executions))
        while len(self.marks) > 2 and self.marks[1][0] <= now - WINDOW_S:
            self.marks.popleft()

    @property
    def executions(self) -> int:
        """Of all items and sessions."""
        return sum(map(self.executions_of, self.records))

    def executions_of(self, record: Record) -> int:
        """Of one item."""
        part = self.open.get(record.item.number)
        return record.executions + (part.executions if part else 0)

    @property
    def seconds(self) -> float:
        """Since the session began."""
        return self.clock() - self.begun

    @property
    def rate(self) -> float:
        """Executions a second."""
        if not self.marks:
            return 0.0
        at, executions = self.marks[0]
        return max(self.executions - executions, 0) / max(self.clock() - at, 0.001)

    def rate_of(self, record: Record) -> float:
        """Those of an item, over the whole session."""
        more = self.executions_of(record) - self.before.get(record.item.number, 0)
        return more / max(self.seconds, 0.001)

    def count(self, *phases: str) -> int:
        """How many items are so far."""
        return sum(self.phase_of(record) in phases for record in self.records)

    def phase_of(self, record: Record) -> str:
        """How far an item is."""
        part = self.open.get(record.item.number)
        return record.phase if part is None else part.phase or record.phase

    def standing(self) -> str:
        """`3 of 40 items done, 1 failed`"""
        failed = self.count(FAILED)
        said = f"{self.count(DONE):,} of {many(len(self.records), 'item')} done"
        return f"{said}, {failed:,} failed" if failed else said

    def progress(self) -> str:
        """`12,345 executions, 310 a second, 2 findings, about 3 minutes left`"""
        said = [many(self.executions, "execution"), f"{self.rate:,.0f} a second"]
        said.append(many(self.found, "finding"))
        if self.deaths:
            said.append(f"{many(self.deaths, 'try', 'tries')} failed")
        return ", ".join([*said, self.left()])

    def left(self) -> str:
        """How long it may take, as far as that can be told; else what it ends at."""
        seconds, certain = self._seconds_left()
        if seconds < inf:
            return time_left(seconds) if certain else f"at most {time_left(seconds)}"
        most = self.ends.stop.findings
        return f"until {many(most, 'finding')}" if most is not None else "until all is explored"

    def _seconds_left(self) -> tuple[float, bool]:
        """And whether it cannot be less: an exhaustive search may end long before its bound."""
        unfinished = [each for each in self.records if self.phase_of(each) in (TODO, GOING)]
        least = self.ends.seconds_left(self.seconds)
        certain = not any(record.item.exhaustive for record in unfinished)
        if self.ends.stop.findings is not None:
            certain = False
        rate = self.rate
        executions = seconds = 0.0
        for record in unfinished:
            most = record.item.options.executions
            if most is not None:
                executions += max(most - self.executions_of(record), 0)
            elif record.item.options.seconds is not None:
                seconds += max(record.item.options.seconds - record.seconds, 0.0)
            else:
                executions = inf
        if self.ends.stop.executions is not None:
            executions = min(executions, max(self.ends.stop.executions - self.executions, 0))
        if rate > 0:
            least = min(least, executions / rate + seconds / max(self.workers, 1))
        return least, certain
