"""What stands in a store's rows, as the objects that it is of, and back."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace

from lockwright.campaign.identity import identity
from lockwright.campaign.item import Item
from lockwright.campaign.piece import Failure
from lockwright.campaign.plan import Expectation
from lockwright.campaign.record import CorpusEntry, Head, Record
from lockwright.campaign.schema import Damaged, drop, put, row, rows
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.judge import cost

THE_ONE = 1
"""The key of the only row of `campaign`."""


def packed(value: Value) -> bytes:
    """JSON, compressed; the order of what is in an object stays."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpacked(data: Value) -> Value:
    """What was packed.  Raises Damaged for anything else."""
    try:
        return json.loads(zlib.decompress(data))
    except (zlib.error, ValueError, TypeError) as error:
        raise Damaged(f"what is in a row is not what was written: {error}") from None


def put_campaign(
    connection: sqlite3.Connection, head: Head, generation: int, seconds: float
) -> None:
    """Which campaign it is, and how far it has come."""
    told = (head.name, head.plan, head.model_version, head.lockwright_version, head.guidance)
    put(connection, "campaign", THE_ONE, *told, generation, float(seconds))


def campaign(connection: sqlite3.Connection) -> tuple[Head, int, float]:
    """Which campaign it is, its open generation, and the seconds that it took."""
    found = row(connection, "campaign")
    if found is None:
        raise Damaged("it does not say which campaign it is of")
    _, *told, generation, seconds = found
    return Head(*told), generation, seconds


def put_item(connection: sqlite3.Connection, item: Item) -> None:
    """An item, and what it is expected to end with."""
    told = {**item.as_json(), "expected": [asdict(each) for each in item.expected]}
    put(connection, "item", item.number, packed(told))


def items(connection: sqlite3.Connection) -> list[Item]:
    """The items, in order."""
    found = []
    for _, data in rows(connection, "item"):
        told = unpacked(data)
        expected = tuple(_expectation(each) for each in told["expected"])
        found.append(replace(Item.from_json(told), expected=expected))
    return found


def _expectation(told: Value) -> Expectation:
    lists = {name: None if told[name] is None else tuple(told[name]) for name in _LISTS}
    return Expectation(**{**told, **lists})


_LISTS = ("findings", "outcomes")


def put_record(connection: sqlite3.Connection, record: Record) -> None:
    """How far an item has come, and its result, if there is one."""
    number = record.item.number
    counts = (record.served, record.executions, record.steps, record.covered)
    put(connection, "record", number, record.phase, *counts, float(record.seconds), record.failure)
    result = record.result
    put_data(connection, "result", number, None if result is None else result.as_json())


def records(connection: sqlite3.Connection, *, results: bool) -> list[Record]:
    """The items' records, in order; without results if these are not wanted."""
    ended: dict[int, Result] = {}
    if results:
        for number, data in rows(connection, "result"):
            ended[number] = Result.from_json(unpacked(data))
    found = []
    for item, values in zip(items(connection), rows(connection, "record"), strict=True):
        number, phase, served, executions, steps, covered, seconds, failure = values
        counts = (served, executions, steps, covered)
        found.append(Record(item, phase, *counts, seconds, failure, ended.get(number)))
    return found


def put_data(connection: sqlite3.Connection, table: str, number: int, told: Value) -> None:
    """What an item has in a table that has one thing of each; None removes it."""
    drop(connection, table, item=number)
    if told is not None:
        put(connection, table, number, packed(told))


def data_of(connection: sqlite3.Connection, table: str, number: int) -> Value:
    """What an item has there; None for nothing."""
    found = row(connection, table, item=number)
    return None if found is None else unpacked(found[1])


def put_corpus(connection: sqlite3.Connection, number: int, entries: Sequence[CorpusEntry]) -> None:
    """All of an item's corpus."""
    told = [[entry.schedule, list(entry.features), entry.arm] for entry in entries]
    put_data(connection, "corpus", number, told or None)


def corpus_of(connection: sqlite3.Connection, number: int) -> list[CorpusEntry]:
    """An item's corpus."""
    return [
        CorpusEntry(schedule, tuple(features), arm)
        for schedule, features, arm in data_of(connection, "corpus", number) or ()
    ]


def put_findings(connection: sqlite3.Connection, number: int, found: Sequence[Finding]) -> None:
    """All of an item's findings."""
    drop(connection, "finding", item=number)
    for position, finding in enumerate(found):
        put_finding(connection, number, position, finding)


def put_finding(
    connection: sqlite3.Connection, number: int, position: int, finding: Finding
) -> None:
    """One of an item's findings."""
    costs = cost(finding.schedule)
    key = (number, position, identity(finding))
    put(connection, "finding", *key, finding.executions, *costs, packed(finding.as_json()))


def finding_of(data: Value) -> Finding:
    """A finding that was packed."""
    return read_finding(unpacked(data))


def read_finding(told: Value) -> Finding:
    """A finding as a piece told it: its report, if there is one, is for other readers."""
    return Finding.from_json({**told, "report": None})


def put_given_up(
    connection: sqlite3.Connection, generation: int, ordinal: int, deaths: Sequence[Value]
) -> None:
    """A piece that was given up after these deaths."""
    _, _, item, work, *_ = deaths[0]
    failures = [[kind, text] for _, _, _, _, kind, text, _, _ in deaths]
    put(connection, "given_up", generation, ordinal, item, work, packed(failures))


def failures_of(data: Value) -> tuple[Failure, ...]:
    """Why each try at a piece that was given up has failed."""
    return tuple(Failure(kind, text) for kind, text in unpacked(data))
