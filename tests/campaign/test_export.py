"""What is exported is what is in the store, in either form."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lockwright.campaign.export import FILES, METADATA, export_jsonl, export_parquet, facts
from lockwright.campaign.piece import DEATHS_MAX, Ended
from lockwright.campaign.record import DONE, Change, CorpusEntry, Record
from lockwright.campaign.store import Store
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.schedule import parse_schedule
from tests.campaign.stores import DIED, HEAD, finding, items, piece, result, told

parquet = pytest.importorskip("pyarrow.parquet")

ITEMS = items()
FOUND = Finding(
    *("deadlock", "2 tasks wait for ever", "a; b", 1, "cat"),
    chain=(Frame("event_enable_read", 3, 9), Frame("vfs_read", 1, 2)),
    lines=("one", "two"),
    classes=("event_mutex", "kn->active"),
    executions=4,
    schedule=tuple(parse_schedule("2x0.1")),
    text="BUG: \N{LATIN SMALL LETTER E WITH ACUTE}",
    token="tok",
    preemptions=1,
    minimal=True,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One item that has ended, one that has a corpus and a piece that was given up."""
    with Store.create(tmp_path / "night.db", HEAD, ITEMS) as made:
        for _ in range(DEATHS_MAX):
            made.enter_death(Ended(piece(ITEMS[0], 7), failure=DIED))
        ended = Record(ITEMS[1], DONE, 1, 7, 50, 3, 1.5, result=result(ITEMS[1], FOUND))
        entries = [CorpusEntry("0.1", (1, 2**32 - 1), "pct:2"), CorpusEntry("1.0", (), "random:1")]
        changes = [Change(Record(ITEMS[0]), None, [finding("z")], entries)]
        made.close_generation([*changes, Change(ended, None, [FOUND])], 2.5)
        made.enter(Ended(piece(ITEMS[0], 0, 1), told(3, finding("z"))))
    return Store.open(tmp_path / "night.db")


@pytest.fixture(autouse=True)
def _closed(store: Store) -> Value:
    yield
    store.close()


def lines(text: str) -> list[Value]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_facts_of_the_campaign_and_its_items_are_these(store: Store) -> None:
    campaign, *rest = facts(store)
    assert campaign == {
        "type": "campaign",
        "version": 1,
        "name": "night",
        "plan": 'name = "night"\n',
        "model_version": "abc123",
        "lockwright_version": "0.5.0",
        "guidance": "coverage",
        "generation": 1,
        "seconds": 2.5,
    }
    types = ["item"] * 3 + ["finding"] * 2 + ["corpus"] * 2 + ["given_up"]
    assert [fact["type"] for fact in rest] == types
    ended = rest[1]
    assert ended.pop("result") == result(ITEMS[1], FOUND).as_json()
    assert ended == {
        "type": "item",
        "number": 1,
        "name": "eventfs/v3:s1 files=2 dpor",
        "scenario": "eventfs/v3:s1",
        "parameters": {"files": "2"},
        "strategy": "dpor",
        "phase": "done",
        "served": 1,
        "executions": 7,
        "steps": 50,
        "covered": 3,
        "seconds": 1.5,
        "failure": "",
        "verdict": "violated",
        "complete": True,
        "exhausted": False,
        "outcomes": {"a": 3, "b": 4},
    }
    assert [rest[2][name] for name in ("verdict", "complete", "outcomes", "result")] == [None] * 4


def test_the_facts_of_what_was_found_are_these(store: Store) -> None:
    _, *rest = facts(store)
    assert rest[3]["items"] == {ITEMS[0].name: 2}
    assert rest[4] == {
        "type": "finding",
        "identity": "deadlock: a; b in event_enable_read()",
        "kind": "deadlock",
        "message": "2 tasks wait for ever",
        "signature": "a; b",
        "classes": ["event_mutex", "kn->active"],
        "functions": ["event_enable_read", "vfs_read"],
        "lines": ["one", "two"],
        "schedule": "2x0.1",
        "token": "tok",
        "text": "BUG: \N{LATIN SMALL LETTER E WITH ACUTE}",
        "reality": None,
        "because": "",
        "preemptions": 1,
        "minimal": True,
        "executions": 4,
        "items": {"eventfs/v3:s1 files=2 dpor": 4},
    }
    assert rest[5] == {
        "type": "corpus",
        "item": 0,
        "name": ITEMS[0].name,
        "schedule": "0.1",
        "features": [1, 2**32 - 1],
        "arm": "pct:2",
    }
    failures = [{"kind": "died", "text": "SIGKILL"}] * DEATHS_MAX
    gone = {"type": "given_up", "item": ITEMS[0].name, "work": "range", "failures": failures}
    assert rest[7] == gone


def test_the_facts_are_of_one_moment(store: Store) -> None:
    before, told_of = list(facts(store)), facts(store)
    assert next(told_of) == before[0]
    with Store.open(store.path, write=True) as writer:
        writer.close_generation([Change(Record(ITEMS[0]), None, [], [])], 1.0)
    assert list(told_of) == before[1:]
    assert list(facts(store)) != before


def test_json_lines_are_the_facts(store: Store, tmp_path: Path) -> None:
    stream = io.StringIO()
    export_jsonl(store, stream)
    path = tmp_path / "night.jsonl"
    path.write_text("what was there")
    with path.open() as reading:
        export_jsonl(store, path)
        assert reading.read() == "what was there"
    assert lines(stream.getvalue()) == lines(path.read_text("utf-8")) == list(facts(store))


def test_the_parquet_files_are_the_facts(store: Store, tmp_path: Path) -> None:
    directory = tmp_path / "made" / "here"
    export_parquet(store, directory)
    campaign, *rest = facts(store)
    assert {path.name for path in directory.iterdir()} == set(FILES.values())
    for kind, name in FILES.items():
        table = parquet.read_table(directory / name)
        assert json.loads(table.schema.metadata[METADATA]) == campaign
        expected = [fact for fact in rest if fact["type"] == kind]
        assert [{"type": kind, **as_fact(row)} for row in table.to_pylist()] == expected
        assert "null" not in [str(column) for column in table.schema.types], "a column of no type"


def as_fact(row: Value) -> Value:
    """A row as JSON Lines have it: maps, and the result, which is JSON text."""
    fact = dict(row)
    for name in ("parameters", "outcomes", "items"):
        if fact.get(name) is not None:
            fact[name] = dict(fact[name])
    if fact.get("result") is not None:
        fact["result"] = json.loads(fact["result"])
    return fact


def test_an_empty_campaign_has_typed_files_too(tmp_path: Path) -> None:
    with Store.create(tmp_path / "empty.db", HEAD, []) as store:
        export_parquet(store, tmp_path / "out")
    empty = parquet.read_table(tmp_path / "out" / "findings.parquet")
    assert empty.num_rows == 0
    assert str(empty.schema.field("executions").type) == "int64"


def test_many_rows_are_put_together_from_batches(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lockwright.campaign.export.ROWS", 2)
    export_parquet(store, tmp_path / "out")
    table = parquet.read_table(tmp_path / "out" / "items.parquet")
    assert table.column("number").to_pylist() == [0, 1, 2]


def test_what_cannot_be_written_is_told_of(store: Store, tmp_path: Path) -> None:
    here = tmp_path / "file"
    here.write_text("mine")
    with pytest.raises(UsageError, match=r"^cannot write .*/no/x: there is no directory .*/no$"):
        export_jsonl(store, tmp_path / "no" / "x")
    with pytest.raises(UsageError, match=r"^cannot write .*: it is a directory$"):
        export_jsonl(store, tmp_path)
    with pytest.raises(UsageError, match=r"^cannot write .*/file: File exists$"):
        export_parquet(store, here)
    assert here.read_text() == "mine"


def test_an_export_that_fails_leaves_what_was_there(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "night.jsonl"
    path.write_text("what was there")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"night\.jsonl: No space left on device$"):
        export_jsonl(store, path)
    assert path.read_text() == "what was there"
    assert {each.name for each in tmp_path.iterdir()} <= {
        *("night.jsonl", "night.db", "night.db-wal", "night.db-shm", "night.db.lock")
    }


def test_a_pipe_is_written_to(store: Store, tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reading = threading.Thread(target=lambda: got.append(pipe.read_text("utf-8")))
    reading.start()
    export_jsonl(store, pipe)
    reading.join()
    assert lines(got[0]) == list(facts(store))
    assert pipe.is_fifo()


def test_without_pyarrow_it_says_what_to_install(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pyarrow: pip install 'lockwright\[parquet\]'$"):
        export_parquet(store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pyarrow_is_loaded_by_whoever_writes_parquet() -> None:
    program = "import lockwright.campaign.export, sys; print('pyarrow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
