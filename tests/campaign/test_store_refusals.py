"""What is no store, or cannot be used as one: one clear sentence, and nothing is changed."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lockwright.campaign import schema, store_file
from lockwright.campaign.store import Store
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from tests.campaign.stores import HEAD, History, contents, items

NOBODY = 65534
COLUMN = "ALTER TABLE record ADD COLUMN mood TEXT NOT NULL DEFAULT 'fine'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a short history, closed, in a directory of its own."""
    made = tmp_path / "here" / "night.db"
    made.parent.mkdir()
    fill(made)
    return made


def fill(path: Path) -> Value:
    """Make a store that has something of everything.  Returns what is in it."""
    with Store.create(path, HEAD, items()) as store:
        for step in History(3, seed=4).steps[:-2]:
            step(store)
        return contents(store)


def read(path: Path) -> Value:
    with Store.open(path) as store:
        return contents(store)


def refused(path: Path, *, write: bool = False) -> str:
    """What is said of a file that is not opened; it is the same afterwards."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(UsageError, match=r".") as caught:
        Store.open(path, write=write)
    assert before == (path.read_bytes() if path.is_file() else None)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("write", [False, True])
def test_what_is_no_store_is_called_what_it_is(tmp_path: Path, write: bool) -> None:
    path = tmp_path / "x.db"
    missing = f"there is no {path}: begin a campaign with `lockwright campaign run`"
    assert refused(path, write=write) == missing
    no_store = f"{path} is no store of a campaign"
    path.touch()
    assert refused(path, write=write) == f"{no_store}: it is empty"
    path.write_text("lockwright\n" * 50)
    assert refused(path, write=write) == f"{no_store}: it is no SQLite database"
    path.write_bytes(b"SQLite format 3\0")
    assert refused(path, write=write) == f"{no_store}: it was cut short"
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    said = f"{no_store}: it is a SQLite database of another program"
    assert refused(path, write=write) == said
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        other.execute("CREATE TABLE songs (name TEXT)")
    assert refused(path, write=write) == f"{no_store}: nothing is in it"
    path.unlink()
    path.mkdir()
    assert refused(path, write=write) == f"{no_store}: it is a directory"
    path.rmdir()
    os.mkfifo(path)
    assert refused(path, write=write) == f"{no_store}: it is no file"
    assert {each.name for each in tmp_path.iterdir()} <= {"x.db", "x.db.lock"}


def test_a_store_is_never_made_over_a_file(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"night\.db is there already: go on with `lockwright "):
        Store.create(path, HEAD, items())
    assert path.read_bytes() == before
    link = path.with_name("link.db")
    link.symlink_to("nowhere.db")
    with pytest.raises(UsageError, match=r"link\.db is there already"):
        Store.create(link, HEAD, items())
    assert not path.with_name("nowhere.db").exists()


def test_a_file_that_comes_while_a_store_is_made_stays(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = path.with_name("new.db")
    prepare = store_file._prepare

    def slowly(connection: sqlite3.Connection) -> None:
        prepare(connection)
        new.write_text("mine")

    monkeypatch.setattr(store_file, "_prepare", slowly)
    with pytest.raises(UsageError, match=r"new\.db is there already"):
        Store.create(new, HEAD, items())
    assert new.read_text() == "mine"
    names = {each.name for each in path.parent.iterdir() if each.suffix != ".lock"}
    assert names == {"night.db", "new.db"}, "something was left behind"


def test_a_store_can_be_made_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "x.db"
    expected = fill(path)
    assert read(path) == expected
    with pytest.raises(UsageError, match="is there already"):
        Store.create(path, HEAD, items())


def test_a_store_needs_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "no" / "x.db"
    with pytest.raises(UsageError, match=r"x\.db: there is no directory .*/no$"):
        Store.create(path, HEAD, items())


def test_one_campaign_writes_at_a_time(path: Path) -> None:
    said = (
        f"another campaign is writing {path}: look at it with `lockwright campaign status {path}`, "
        "or wait until it has ended"
    )
    link = path.with_name("link.db")
    link.symlink_to(path.name)
    with Store.open(path, write=True) as store:
        with pytest.raises(UsageError) as caught:  # noqa: PT011  # compared below
            Store.open(path, write=True)
        assert str(caught.value) == said
        with pytest.raises(UsageError, match=r"^another campaign is writing .*link\.db"):
            Store.open(link, write=True)
        with pytest.raises(UsageError, match=r"^another campaign is writing .*night\.db"):
            Store.create(path, HEAD, items())
        store.close_generation([], 1.0)
        with Store.open(path) as reader:
            assert reader.generation == store.generation
    with Store.open(link, write=True) as store:
        store.close_generation([], 1.0)


def test_another_process_does_not_write_either(path: Path) -> None:
    program = (
        "import sys, pathlib, lockwright.campaign.store as store\n"
        "store.Store.open(pathlib.Path(sys.argv[1]), write=True).close()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with Store.open(path, write=True):
        other = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"UsageError: another campaign is writing {path}: " in other.stderr


def test_a_store_of_a_newer_version_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    known = len(schema.MIGRATIONS)
    for write in (False, True):
        assert refused(path, write=write) == (
            f"{path} is a store of version {known + 1}, of a newer lockwright: this one reads "
            f"versions 1 to {known}; it was left as it is"
        )


@contextmanager
def powerless(*paths: Path) -> Iterator[None]:
    """Without the rights of root, and without those to write these."""
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        if os.getuid() == 0:
            os.setresuid(NOBODY, NOBODY, 0)
        yield
    finally:
        if os.getresuid()[2] == 0:
            os.setresuid(0, 0, 0)
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.fixture
def anywhere() -> Iterator[Path]:
    """A directory that everybody may look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_store_is_read_and_not_written(anywhere: Path) -> None:
    path = anywhere / "night.db"
    expected = fill(path)
    with powerless(path, anywhere):
        assert read(path) == expected
        said = refused(path, write=True)
        assert said.startswith(f"cannot write {path}: no lock can be put beside it: ")
        with pytest.raises(UsageError, match=r"^cannot write .*new\.db: no lock can be put "):
            Store.create(path.with_name("new.db"), HEAD, items())
    assert read(path) == expected


def test_a_read_only_file_is_read_and_not_written(anywhere: Path) -> None:
    path = anywhere / "night.db"
    expected = fill(path)
    anywhere.chmod(0o777)
    path.with_name("night.db.lock").unlink(missing_ok=True)
    with powerless(path):
        assert refused(path, write=True) == f"cannot write {path}: it is read-only"
        assert read(path) == expected


def test_a_log_that_cannot_be_taken_in_is_not_passed_over(anywhere: Path) -> None:
    path, copy = anywhere / "night.db", anywhere / "copy.db"
    with Store.create(path, HEAD, items()) as store:
        for step in History(1).steps:
            step(store)
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
        expected = contents(store)
    with powerless(copy, Path(f"{copy}-wal"), anywhere):
        assert refused(copy) == (
            f"cannot open {copy}: SQLite wants to write copy.db-wal and copy.db-shm beside it; "
            "copy all files of this name to a directory that can be written"
        )
    assert read(copy) == expected


def flipped(path: Path, whole: bytes, at: int, mask: int) -> None:
    """Make a store anew, with one byte that is another."""
    for beside in ("-wal", "-shm", "-journal"):
        Path(f"{path}{beside}").unlink(missing_ok=True)
    other = bytearray(whole)
    other[at] ^= mask
    path.write_bytes(other)


def said_or_read(path: Path, *, write: bool) -> Value:
    """What is in a store, or why it is refused."""
    try:
        with Store.open(path, write=write) as store:
            return contents(store)
    except UsageError as error:
        return str(error)


def see_damage(path: Path, places: list[int]) -> int:
    """Open a store with each of these bytes changed; returns how often that was seen."""
    whole, expected = path.read_bytes(), read(path)
    chance, seen = random.Random(8), 0
    for at in places:
        flipped(path, whole, at, 1 << chance.randrange(8))
        wrong = path.read_bytes()
        found = said_or_read(path, write=bool(at % 2))
        if isinstance(found, str):
            seen += 1
            assert str(path) in found, at
            assert path.read_bytes() == wrong, at
        else:
            assert found == expected, at
    return seen


def test_a_byte_that_is_another_is_seen_or_changes_nothing(path: Path) -> None:
    size = path.stat().st_size
    chance = random.Random(6)
    places = [*range(0, 100, 3), *(chance.randrange(size) for _ in range(120))]
    assert see_damage(path, places) > 40


@pytest.mark.slow
def test_many_bytes_that_are_others_are_seen_or_change_nothing(path: Path) -> None:
    size = path.stat().st_size
    chance = random.Random(7)
    places = [*range(100), *(chance.randrange(size) for _ in range(4000))]
    assert see_damage(path, places) > 1000


def test_damage_is_told_of_with_what_to_do(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("UPDATE record SET executions = executions + 1 WHERE item = 1")
        other.commit()
    for write in (False, True):
        assert refused(path, write=write) == (
            f"{path} is damaged (a row of the table record is not what was written); it was left "
            "as it is: go on with a copy from before, or begin the campaign anew in another file"
        )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM record WHERE item = 1", "an item of the campaign is not there"),
        ("DELETE FROM campaign", "it does not say which campaign it is of"),
        ("DROP TABLE piece", "no such table: piece"),
        ("DELETE FROM item WHERE number = 2", "a row of the table .* is of an item that is not "),
    ],
)
def test_what_is_missing_is_told_of(path: Path, statement: str, said: str) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute(statement)
        other.commit()
    with pytest.raises(UsageError, match=rf"night\.db is damaged \({said}"):
        Store.open(path)


def test_a_file_that_was_cut_short_is_damaged(path: Path) -> None:
    whole = path.read_bytes()
    for length in (100, 4096, 8192, len(whole) - 4096, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert refused(path).startswith(f"{path} is damaged (")


def _column(connection: sqlite3.Connection) -> None:
    connection.execute(COLUMN)


def _sealed_anew(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE record SET failure = mood WHERE failure = ''")
    schema.seal_again(connection, "record", schema.TABLES["record"])


def _broken(connection: sqlite3.Connection) -> None:
    connection.execute("DROP TABLE given_up")
    raise sqlite3.OperationalError("disk on fire")


def test_a_store_of_an_older_version_is_brought_to_this_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(path)
    for record, _ in expected["records"]:
        record.failure = "fine"
    older = path.read_bytes()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, _column, _sealed_anew))
    assert read(path) == expected
    assert path.read_bytes() == older, "a reader changes nothing"
    with Store.open(path, write=True) as store:
        assert contents(store) == expected
    with closing(sqlite3.connect(path)) as other:
        assert schema.version_of(other) == len(schema.MIGRATIONS)
    with Store.open(path, write=True) as store:  # and not once more
        assert contents(store) == expected


def test_a_store_is_brought_all_the_way_or_not_at_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, known = read(path), schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, _column, _broken))
    for write in (True, False):
        with pytest.raises(UsageError, match=r"night\.db is damaged \(disk on fire\)"):
            Store.open(path, write=write)
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    assert read(path) == expected


def test_every_table_has_its_columns_in_the_order_that_is_written(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        for table, columns in schema.TABLES.items():
            there = [row[1] for row in other.execute(f"PRAGMA table_info({table})")]
            assert there == [*columns, "seal"]
        names = {name for (name,) in other.execute("SELECT name FROM sqlite_master")}
        assert names == set(schema.TABLES)
