"""The tables of a campaign's store, and how a store of an older version becomes one of this.

Every row ends with its seal, a CRC-32 of all else that is in it: SQLite sees damage to its own
structure, and the seal damage to what is in it.

Source: SQLite's own documents, "Database File Format" (the header's application id and user
version) and "Write-Ahead Logging".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from zlib import crc32

from lockwright.core.location import Value

APPLICATION_ID = 0x4C4B5752
"""`LKWR`, in the header of the file."""

TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "campaign": (
            *("id", "name", "plan", "model_version", "lockwright_version", "guidance"),
            *("generation", "seconds"),
        ),
        "item": ("number", "data"),
        "record": (
            *("item", "phase", "served", "executions", "steps", "covered", "seconds", "failure"),
        ),
        "result": ("item", "data"),
        "state": ("item", "data"),
        "corpus": ("item", "data"),
        "finding": ("item", "position", "identity", "executions", "switches", "steps", "data"),
        "piece": ("ordinal", "item", "work", "seconds", "who", "data"),
        "death": ("ordinal", "attempt", "item", "work", "kind", "text", "seconds", "who"),
        "given_up": ("generation", "ordinal", "item", "work", "data"),
    }
)
"""The columns of each table but its seal; the first ones are its key.  `data` is JSON, compressed.

`piece` and `death` are of the generation that is open; `given_up`, of those that are closed.
"""

FIRST = """
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL, plan TEXT NOT NULL, model_version TEXT NOT NULL,
    lockwright_version TEXT NOT NULL, guidance TEXT NOT NULL,
    generation INTEGER NOT NULL, seconds REAL NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE item (number INTEGER PRIMARY KEY, data BLOB NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE record (
    item INTEGER PRIMARY KEY REFERENCES item, phase TEXT NOT NULL, served INTEGER NOT NULL,
    executions INTEGER NOT NULL, steps INTEGER NOT NULL, covered INTEGER NOT NULL,
    seconds REAL NOT NULL, failure TEXT NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE result (
    item INTEGER PRIMARY KEY REFERENCES item, data BLOB NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE state (
    item INTEGER PRIMARY KEY REFERENCES item, data BLOB NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE corpus (
    item INTEGER PRIMARY KEY REFERENCES item, data BLOB NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE finding (
    item INTEGER NOT NULL REFERENCES item, position INTEGER NOT NULL, identity TEXT NOT NULL,
    executions INTEGER NOT NULL, switches INTEGER NOT NULL, steps INTEGER NOT NULL,
    data BLOB NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (item, position)) WITHOUT ROWID;
CREATE TABLE piece (
    ordinal INTEGER PRIMARY KEY, item INTEGER NOT NULL REFERENCES item, work TEXT NOT NULL,
    seconds REAL NOT NULL, who TEXT NOT NULL, data BLOB NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE death (
    ordinal INTEGER NOT NULL, attempt INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES item,
    work TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, seconds REAL NOT NULL,
    who TEXT NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (ordinal, attempt)) WITHOUT ROWID;
CREATE TABLE given_up (
    generation INTEGER NOT NULL, ordinal INTEGER NOT NULL, item INTEGER NOT NULL REFERENCES item,
    work TEXT NOT NULL, data BLOB NOT NULL, seal INTEGER NOT NULL,
    PRIMARY KEY (generation, ordinal)) WITHOUT ROWID;
"""

Migration = Callable[[sqlite3.Connection], None]
"""From one version to the next, within a transaction that somebody else began and will end.

One that changes the columns of a table in TABLES has to seal its rows anew: `seal_again`.
"""


def _first(connection: sqlite3.Connection) -> None:
    for statement in FIRST.split(";"):  # executescript() would end the transaction
        connection.execute(statement)


MIGRATIONS: tuple[Migration, ...] = (_first,)
"""In order: the first makes version 1 of a store that has nothing yet.  Never change one that was
in a release; add another."""


class Damaged(Exception):
    """What is in the store cannot be what was written; says where."""


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a store's schema."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a store to this version's schema: all of the way, or not at all."""
    at, last = version_of(connection), len(MIGRATIONS)
    if at >= last:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for migration in MIGRATIONS[at:]:
            migration(connection)
        connection.execute(f"PRAGMA user_version = {last}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction with nothing done, if SQLite has not done so already."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def put(connection: sqlite3.Connection, table: str, *values: Value) -> None:
    """Write a row, in the place of one with the same key."""
    columns = ", ".join((*TABLES[table], "seal"))
    marks = ", ".join("?" * (len(values) + 1))
    connection.execute(
        f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})",
        (*values, _seal(table, values)),
    )


def rows(connection: sqlite3.Connection, table: str, **where: Value) -> Iterator[tuple[Value, ...]]:
    """The rows that have these values, in order of the key, without their seals.

    Raises Damaged for one whose seal does not fit.
    """
    columns = ", ".join((*TABLES[table], "seal"))
    chosen = f" WHERE {' AND '.join(f'{name} = ?' for name in where)}" if where else ""
    asked = f"SELECT {columns} FROM {table}{chosen} ORDER BY 1, 2"
    for *values, seal in connection.execute(asked, tuple(where.values())):
        if _seal(table, values) != seal:
            raise Damaged(f"a row of the table {table} is not what was written")
        yield tuple(values)


def row(connection: sqlite3.Connection, table: str, **where: Value) -> tuple[Value, ...] | None:
    """The one row that has these values, if there is one."""
    return next(iter(list(rows(connection, table, **where))), None)


def drop(connection: sqlite3.Connection, table: str, **where: Value) -> None:
    """Remove the rows that have these values; all, for none."""
    chosen = f" WHERE {' AND '.join(f'{name} = ?' for name in where)}" if where else ""
    connection.execute(f"DELETE FROM {table}{chosen}", tuple(where.values()))


def seal_again(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> None:
    """Seal all rows of a table that has other columns now."""
    names = ", ".join(columns)
    for values in connection.execute(f"SELECT {names} FROM {table}").fetchall():
        chosen = " AND ".join(f"{name} IS ?" for name in columns)
        connection.execute(
            f"UPDATE {table} SET seal = ? WHERE {chosen}", (_seal(table, values), *values)
        )


def check(connection: sqlite3.Connection) -> None:
    """Look at all rows of a store of this version.  Raises Damaged, or what SQLite raises."""
    for table in TABLES:
        for _ in rows(connection, table):
            pass
    for name, *_ in connection.execute("PRAGMA foreign_key_check"):
        raise Damaged(f"a row of the table {name} is of an item that is not there")
    items = [number for number, _ in rows(connection, "item")]
    recorded = [values[0] for values in rows(connection, "record")]
    if items != list(range(len(items))) or items != recorded:
        raise Damaged("an item of the campaign is not there")
    if row(connection, "campaign") is None:
        raise Damaged("it does not say which campaign it is of")


def check_structure(connection: sqlite3.Connection) -> None:
    """Have SQLite look at its own pages.  Raises Damaged."""
    said = [str(line) for (line,) in connection.execute("PRAGMA quick_check(1)")]
    if said != ["ok"]:
        raise Damaged(" ".join(" ".join(said).split()).removeprefix("*** in database main *** "))


def _seal(table: str, values: Sequence[Value]) -> int:
    known = [(len(v), crc32(v)) if isinstance(v, bytes) else v for v in values]
    return crc32(repr((table, *known)).encode(errors="surrogatepass"))
