"""A campaign's store for other tools: JSON Lines, or Parquet files.

`facts` gives what is written, as objects with a `type`; both forms have all of them, and the
columns of the Parquet files have the names that are here:

    campaign   name, plan (its text), model_version, lockwright_version, guidance, generation (those
               that are closed), seconds; with `version`, that of this form
    item       number, name, scenario, parameters, strategy, phase, served, executions, steps,
               covered, seconds, failure; of its result verdict, complete, exhausted and outcomes,
               or null if there is none; result, all of it, which in Parquet is JSON text
    finding    identity, kind, message, signature, classes, functions (innermost first), lines,
               schedule, token, text, reality, because, preemptions, minimal, executions; items, in
               how many executions of which item it was seen
    corpus     item, name (the item's), schedule, features, arm
    given_up   item (its name), work, failures: for each try its kind and text

In Parquet the campaign is in the metadata of each file, under the key `lockwright`, as JSON.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lockwright.campaign.record import Found, Record
from lockwright.campaign.store import Store
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.schedule import schedule_text

if TYPE_CHECKING:
    import pyarrow

VERSION = 1
CAMPAIGN, ITEM, FINDING, CORPUS, GIVEN_UP = ("campaign", "item", "finding", "corpus", "given_up")
FILES: Mapping[str, str] = {
    ITEM: "items.parquet",
    FINDING: "findings.parquet",
    CORPUS: "corpus.parquet",
    GIVEN_UP: "given_up.parquet",
}
"""The Parquet file of each type of fact but the campaign."""
METADATA = b"lockwright"
ROWS = 4096
"""So many rows of a Parquet file are put together at once."""


def facts(store: Store) -> Iterator[dict[str, Value]]:
    """All there is to tell of a campaign, of one moment: the campaign first, then its items, its
    findings, the corpora and what was given up."""
    with store.snapshot():
        head = store.head
        yield {
            "type": CAMPAIGN,
            "version": VERSION,
            "name": head.name,
            "plan": head.plan,
            "model_version": head.model_version,
            "lockwright_version": head.lockwright_version,
            "guidance": head.guidance,
            "generation": store.generation,
            "seconds": store.seconds,
        }
        records = store.records()
        for record in records:
            yield {"type": ITEM, **_item(record)}
        for found in store.findings():
            yield {"type": FINDING, **_finding(found)}
        for record in records:
            item = record.item
            for entry in store.corpus(item.number):
                yield {
                    "type": CORPUS,
                    "item": item.number,
                    "name": item.name,
                    "schedule": entry.schedule,
                    "features": list(entry.features),
                    "arm": entry.arm,
                }
        for given_up in store.given_up():
            failures = [{"kind": each.kind, "text": each.text} for each in given_up.failures]
            what = {"item": given_up.item, "work": given_up.work, "failures": failures}
            yield {"type": GIVEN_UP, **what}


def export_jsonl(store: Store, to: Path | TextIO) -> None:
    """Write one line of JSON for each fact.

    A file is replaced when all is written, never seen half written; what is no file, such as a
    pipe, is written to.  Raises UsageError if it cannot be.
    """
    if not isinstance(to, Path):
        _write_lines(store, to)
    elif to.exists() and not to.is_file() and not to.is_dir():
        with _told(to), to.open("w", encoding="utf-8") as special:
            _write_lines(store, special)
    else:
        with _replacing(to) as temporary, temporary.open("w", encoding="utf-8") as file:
            _write_lines(store, file)


def _write_lines(store: Store, file: TextIO) -> None:
    for fact in facts(store):
        file.write(json.dumps(fact, separators=(",", ":")) + "\n")


def export_parquet(store: Store, directory: Path) -> None:
    """Write a Parquet file for each type of fact into a directory, which is made if need be.

    Each file is replaced when it is whole.  Raises UsageError if the directory cannot be written,
    or without the package pyarrow.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "to write Parquet files takes the package pyarrow: pip install 'lockwright[parquet]'"
        ) from None
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)
    told = facts(store)
    campaign = json.dumps(next(told)).encode()
    tables = {
        kind: _Table(schema.with_metadata({METADATA: campaign}))
        for kind, schema in _schemas(pa).items()
    }
    for fact in told:
        tables[fact["type"]].add(fact)
    for kind, table in tables.items():
        with _replacing(directory / FILES[kind]) as temporary:
            table.write(temporary)


class _Table:
    """Rows of one type of fact, made into columns a few thousand at a time."""

    def __init__(self, schema: pyarrow.Schema) -> None:
        self.schema = schema
        self.rows: list[dict[str, Value]] = []
        self.batches: list[pyarrow.RecordBatch] = []

    def add(self, fact: Mapping[str, Value]) -> None:
        """One more row."""
        values = {name: fact[name] for name in self.schema.names}
        if "result" in values and values["result"] is not None:
            values["result"] = json.dumps(values["result"])
        self.rows.append({name: _as_pairs(value) for name, value in values.items()})
        if len(self.rows) >= ROWS:
            self._gather()

    def write(self, path: Path) -> None:
        """Write the whole table."""
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        self._gather()
        parquet.write_table(pa.Table.from_batches(self.batches, self.schema), path)

    def _gather(self) -> None:
        import pyarrow as pa  # noqa: PLC0415

        if self.rows:
            self.batches.append(pa.RecordBatch.from_pylist(self.rows, self.schema))
            self.rows = []


def _as_pairs(value: Value) -> Value:
    """A map, as Arrow takes one."""
    return list(value.items()) if isinstance(value, dict) else value


def _schemas(pa: Value) -> dict[str, pyarrow.Schema]:
    text, count, number = pa.string(), pa.int64(), pa.int32()
    flag, seconds, texts = pa.bool_(), pa.float64(), pa.list_(pa.string())
    counts = pa.map_(text, count)
    failure = pa.struct([("kind", text), ("text", text)])
    columns: dict[str, dict[str, Value]] = {
        ITEM: {
            "number": number,
            "name": text,
            "scenario": text,
            "parameters": pa.map_(text, text),
            "strategy": text,
            "phase": text,
            "served": count,
            "executions": count,
            "steps": count,
            "covered": count,
            "seconds": seconds,
            "failure": text,
            "verdict": text,
            "complete": flag,
            "exhausted": flag,
            "outcomes": counts,
            "result": text,
        },
        FINDING: {
            **dict.fromkeys(("identity", "kind", "message", "signature"), text),
            **dict.fromkeys(("classes", "functions", "lines"), texts),
            **dict.fromkeys(("schedule", "token", "text", "reality", "because"), text),
            "preemptions": number,
            "minimal": flag,
            "executions": count,
            "items": counts,
        },
        CORPUS: {
            "item": number,
            "name": text,
            "schedule": text,
            "features": pa.list_(pa.uint32()),
            "arm": text,
        },
        GIVEN_UP: {"item": text, "work": text, "failures": pa.list_(failure)},
    }
    return {kind: pa.schema(list(named.items())) for kind, named in columns.items()}


def _item(record: Record) -> dict[str, Value]:
    item, result = record.item, record.result
    return {
        "number": item.number,
        "name": item.name,
        "scenario": item.scenario,
        "parameters": dict(item.parameters),
        "strategy": item.strategy,
        "phase": record.phase,
        "served": record.served,
        "executions": record.executions,
        "steps": record.steps,
        "covered": record.covered,
        "seconds": record.seconds,
        "failure": record.failure,
        "verdict": None if result is None else result.verdict.value,
        "complete": None if result is None else result.complete,
        "exhausted": None if result is None else result.exhausted,
        "outcomes": None if result is None else dict(result.outcomes),
        "result": None if result is None else result.as_json(),
    }


def _finding(found: Found) -> dict[str, Value]:
    finding = found.finding
    return {
        "identity": found.identity,
        "kind": finding.kind,
        "message": finding.message,
        "signature": finding.signature,
        "classes": list(finding.classes),
        "functions": [frame.function for frame in finding.chain],
        "lines": list(finding.lines),
        "schedule": schedule_text(finding.schedule),
        "token": finding.token,
        "text": finding.text,
        "reality": finding.reality,
        "because": finding.because,
        "preemptions": finding.preemptions,
        "minimal": finding.minimal,
        "executions": found.executions,
        "items": dict(found.items),
    }


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A name to write to; what was written there takes the place of the file at the end."""
    with _told(path):
        target = path.resolve()
        if target.is_dir():
            raise UsageError(f"cannot write {path}: it is a directory")
        if not target.parent.is_dir():
            raise UsageError(f"cannot write {path}: there is no directory {path.parent}")
        if target.exists() and not os.access(target, os.W_OK):
            raise UsageError(f"cannot write {path}: it is read-only")
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            temporary = Path(beside) / target.name
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())  # else a crash of the machine may leave the new name empty
            temporary.replace(target)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
