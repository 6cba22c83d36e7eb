"""A campaign's store: one SQLite file that holds all there is of a campaign.

What was entered is on disk when the call returns: each call that writes is one transaction, in
SQLite's write-ahead log, synchronized.  A process that is killed at any moment leaves the store as
its last transaction left it.  One process writes; any number read, at any time.

    store.py           the store: what can be entered and asked
    store_rows.py      what stands in its rows
    store_findings.py  its findings, each once
    schema.py          its tables, versions and seals
    store_file.py      making, locking and opening the file
    store_errors.py    what can be wrong with it
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Self

from filelock import BaseFileLock

from lockwright.campaign import store_rows as stored
from lockwright.campaign.item import Item
from lockwright.campaign.piece import DEATHS_MAX, Ended, Failure, Piece
from lockwright.campaign.record import Change, CorpusEntry, Found, GivenUp, Head, Record
from lockwright.campaign.schema import drop, put, roll_back, rows
from lockwright.campaign.store_errors import trouble
from lockwright.campaign.store_file import check_header, locked, make, reader, take_in_log, writer
from lockwright.campaign.store_findings import gathered
from lockwright.core.errors import InternalError
from lockwright.core.finding import Finding
from lockwright.core.location import Value


class Store:
    """A campaign's store that is open.  Any thread may call it; they wait for each other.

    Every method that reads or writes raises UsageError, which names the file and says what to do,
    if the file cannot be used; what was committed before stays.
    Invariant: `_lock` is there if it was opened to write, and then no other process writes.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock: BaseFileLock | None = None
    ) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock
        self._one_at_a_time = RLock()
        try:
            with self._reading() as db:
                self.head = stored.campaign(db)[0]
        except BaseException:
            connection.close()
            raise

    @classmethod
    def create(cls, path: Path, head: Head, items: Sequence[Item]) -> Self:
        """Make the store of a new campaign, and open it to write.

        Raises UsageError if there is a file of that name already, whatever it is.
        """

        def fill(connection: sqlite3.Connection) -> None:
            stored.put_campaign(connection, head, 0, 0.0)
            for item in items:
                stored.put_item(connection, item)
                stored.put_record(connection, Record(item))

        lock = locked(path)
        try:
            make(path, fill)
            return cls(path, writer(path), lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Self:
        """Open the store of a campaign that has begun.

        Raises UsageError for what is no store, for one of a newer version, for one that is damaged,
        and, if it is to be written, for one that cannot be or that somebody else writes.
        """
        if not write:
            return cls(path, reader(path))
        check_header(path)  # no lock is put beside what is no store
        lock = locked(path)
        try:
            return cls(path, writer(path), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Close the file, and let others write it."""
        with self._one_at_a_time:
            try:
                if self._lock is not None:
                    take_in_log(self._connection)
            finally:
                self._connection.close()
                if self._lock is not None:
                    self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it, all that is read is of one moment, whatever is written meanwhile."""
        db = self._connection
        with self._one_at_a_time:
            if db.in_transaction:  # within another one
                yield
                return
            with trouble(self.path):
                db.execute("BEGIN")
            try:
                yield
            finally:
                roll_back(db)

    @property
    def generation(self) -> int:
        """The generation that is open."""
        with self._reading() as db:
            return stored.campaign(db)[1]

    @property
    def seconds(self) -> float:
        """How long the campaign has taken, as far as it was said."""
        with self._reading() as db:
            return stored.campaign(db)[2]

    def records(self, *, results: bool = True) -> list[Record]:
        """The items' records, in order; without results if these are not wanted."""
        with self._reading() as db:
            return stored.records(db, results=results)

    def state(self, number: int) -> Value:
        """What the conductor of an item goes on from; None for nothing."""
        with self._reading() as db:
            return stored.data_of(db, "state", number)

    def corpus(self, number: int) -> list[CorpusEntry]:
        """The corpus of an item."""
        with self._reading() as db:
            return stored.corpus_of(db, number)

    def ended(self) -> dict[int, Value]:
        """What the pieces of the open generation that are done have told, by ordinal."""
        with self._reading() as db:
            return {at: stored.unpacked(data) for at, *_, data in rows(db, "piece")}

    def told(self) -> list[tuple[int, Value]]:
        """The same as `ended`, with the number of the item that each piece is of."""
        with self._reading() as db:
            return [(item, stored.unpacked(data)) for _, item, *_, data in rows(db, "piece")]

    def deaths(self) -> dict[int, list[Failure]]:
        """Why tries at pieces of the open generation have failed, by ordinal, in order."""
        found: dict[int, list[Failure]] = {}
        with self._reading() as db:
            for ordinal, _, _, _, kind, text, _, _ in rows(db, "death"):
                found.setdefault(ordinal, []).append(Failure(kind, text))
        return found

    def enter(self, ended: Ended) -> None:
        """Commit a piece that is done.

        A second time, or after its generation was closed, this changes nothing.
        """
        piece = ended.piece
        if ended.failure is not None:
            raise InternalError(f"a piece is entered that has failed: {ended.failure.text}")
        with self._writing() as db:
            if not _is_open(db, piece) or any(rows(db, "piece", ordinal=piece.ordinal)):
                return
            told = (str(piece.work.get("kind", "")), float(ended.seconds), ended.who)
            data = stored.packed(ended.told)
            put(db, "piece", piece.ordinal, piece.item.number, *told, data)

    def enter_death(self, ended: Ended) -> int:
        """Commit a try that failed; returns how many of that piece have.

        Of a piece that is done, or of a closed generation, this changes nothing.
        """
        piece, failure = ended.piece, ended.failure
        if failure is None:
            raise InternalError("a death is entered of a piece that is done")
        with self._writing() as db:
            if not _is_open(db, piece):
                return 0
            tries = len(list(rows(db, "death", ordinal=piece.ordinal)))
            if any(rows(db, "piece", ordinal=piece.ordinal)):
                return tries
            whose = (piece.item.number, str(piece.work.get("kind", "")))
            why = (failure.kind, failure.text, float(ended.seconds), ended.who)
            put(db, "death", piece.ordinal, tries, *whose, *why)
            return tries + 1

    def close_generation(self, changes: Sequence[Change], seconds: float) -> None:
        """Commit what became of the items, and open the next generation, all in one transaction.

        `seconds` is how long the campaign has gone on since the last generation was closed, or
        since it was taken up.  The pieces of the generation are dropped; those that were given up
        are noted.
        """
        with self._writing() as db:
            head, generation, so_far = stored.campaign(db)
            for change in changes:
                number = change.record.item.number
                stored.put_record(db, change.record)
                stored.put_data(db, "state", number, change.state)
                if change.findings is not None:
                    stored.put_findings(db, number, change.findings)
                if change.corpus is not None:
                    stored.put_corpus(db, number, change.corpus)
            for ordinal, deaths in _given_up(db).items():
                stored.put_given_up(db, generation, ordinal, deaths)
            drop(db, "piece")
            drop(db, "death")
            stored.put_campaign(db, head, generation + 1, so_far + seconds)

    def take_in_log(self) -> None:
        """Bring what was committed into the file itself, if nobody is reading: whoever copies the
        file alone has all of it but for what is committed later."""
        with self._one_at_a_time:
            take_in_log(self._connection)

    def spend(self, seconds: float) -> None:
        """Commit that the campaign has gone on for so long, since the last generation was closed or
        since it was taken up."""
        with self._writing() as db:
            head, generation, so_far = stored.campaign(db)
            stored.put_campaign(db, head, generation, so_far + seconds)

    def note(self, record: Record) -> None:
        """Commit what there is of an item that has not ended, outside of any generation."""
        with self._writing() as db:
            stored.put_record(db, record)

    def replace_corpus(self, number: int, entries: Sequence[CorpusEntry]) -> None:
        """Commit another corpus of an item."""
        with self._writing() as db:
            stored.put_corpus(db, number, entries)

    def replace_finding(self, number: int, finding: Finding) -> None:
        """Commit another schedule for a finding of an item, also in the item's result."""
        key = (finding.kind, finding.signature)
        with self._writing() as db:
            for _, position, *_, data in list(rows(db, "finding", item=number)):
                known = stored.finding_of(data)
                if (known.kind, known.signature) == key:
                    stored.put_finding(db, number, position, finding)
                    break
            else:
                raise InternalError(f"item {number} has no finding {key} to replace")
            told = stored.data_of(db, "result", number)
            if told is not None:
                told["findings"] = [
                    finding.as_json() if (each["kind"], each["signature"]) == key else each
                    for each in told["findings"]
                ]
                stored.put_data(db, "result", number, told)

    def given_up(self) -> list[GivenUp]:
        """The pieces that were given up, in order."""
        with self._reading() as db:
            names = {item.number: item.name for item in stored.items(db)}
            found = [
                GivenUp(names[item], work, stored.failures_of(data))
                for _, _, item, work, data in rows(db, "given_up")
            ]
            for deaths in _given_up(db).values():
                failures = tuple(Failure(kind, text) for _, _, _, _, kind, text, _, _ in deaths)
                found.append(GivenUp(names[deaths[0][2]], deaths[0][3], failures))
        return found

    def findings_of(self, number: int) -> list[Finding]:
        """All findings of an item, as of the last closed generation, in their order."""
        with self._reading() as db:
            return [stored.finding_of(row[-1]) for row in rows(db, "finding", item=number)]

    def findings(self) -> list[Found]:
        """Everything that was found, once each, in order of the items.

        Also what pieces of the open generation have told: each counts what it has seen, but for
        those that tell of all of their item so far.
        """
        with self._reading() as db:
            return gathered(db)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """All statements within it see one moment."""
        with self._one_at_a_time, trouble(self.path):
            db = self._connection
            if db.in_transaction:  # within a snapshot
                yield db
                return
            db.execute("BEGIN")
            try:
                yield db
            finally:
                roll_back(db)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """All statements within it are committed together, or none."""
        if self._lock is None:
            raise InternalError(f"{self.path} was opened to read")
        with self._one_at_a_time, trouble(self.path):
            db = self._connection
            if db.in_transaction:
                raise InternalError(f"{self.path} is written within a snapshot of it")
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                roll_back(db)
                raise


def _is_open(db: sqlite3.Connection, piece: Piece) -> bool:
    """Is it a piece of the open generation?  Raises InternalError for one of a later."""
    generation = stored.campaign(db)[1]
    if piece.generation > generation:
        raise InternalError(f"a piece of generation {piece.generation} while {generation} is open")
    return piece.generation == generation


def _given_up(db: sqlite3.Connection) -> dict[int, list[tuple[Value, ...]]]:
    """The deaths of each piece of the open generation that is not tried again."""
    done = {ordinal for ordinal, *_ in rows(db, "piece")}
    found: dict[int, list[tuple[Value, ...]]] = {}
    for death in rows(db, "death"):
        found.setdefault(death[0], []).append(death)
    return {
        ordinal: deaths
        for ordinal, deaths in found.items()
        if len(deaths) >= DEATHS_MAX and ordinal not in done
    }
