"""A store's file: how it is made, locked, looked at and opened.

A store that is opened to write has a lock beside it (`campaign.db.lock`) from before it is looked
at until it is closed; the kernel frees the lock of a process that dies.  Who reads needs no lock:
SQLite shows a reader what was committed when it began to read.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lockwright.campaign import schema
from lockwright.campaign.store_errors import BUSY_S, not_a_store, trouble
from lockwright.core.errors import UsageError

MAGIC = b"SQLite format 3\0"
ID_AT = 68
"""Where the header has the application's id: four bytes, the highest first."""
HEADER = 100
LOG_MAX = 4 * 2**20
"""The write-ahead log is cut to so many bytes when what it held is in the file itself."""


def locked(path: Path) -> FileLock:
    """The lock of who writes the store.  Raises UsageError if somebody has it."""
    resolved = path.resolve()
    if not resolved.parent.is_dir():  # the lock would make it
        raise UsageError(f"cannot write {path}: there is no directory {path.parent}")
    lock = FileLock(resolved.with_name(f"{resolved.name}.lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"another campaign is writing {path}: look at it with `lockwright campaign status "
            f"{path}`, or wait until it has ended"
        ) from None
    except NotImplementedError:
        raise UsageError(f"cannot lock {path}: its file system has no locks") from None
    except OSError as error:
        said = error.strerror or str(error)
        raise UsageError(f"cannot write {path}: no lock can be put beside it: {said}") from None
    return lock


def check_header(path: Path) -> None:
    """Raise UsageError for what is no store of a campaign, without opening it as a database."""
    with trouble(path):
        if path.is_dir():
            raise UsageError(not_a_store(path, "it is a directory"))
        if not path.exists():
            raise UsageError(f"there is no {path}: begin a campaign with `lockwright campaign run`")
        if not path.is_file():
            raise UsageError(not_a_store(path, "it is no file"))
        with path.open("rb") as file:
            header = file.read(HEADER)
    if not header:
        raise UsageError(not_a_store(path, "it is empty"))
    if not header.startswith(MAGIC):
        raise UsageError(not_a_store(path, "it is no SQLite database"))
    if len(header) < HEADER:
        raise UsageError(not_a_store(path, "it was cut short"))
    if int.from_bytes(header[ID_AT : ID_AT + 4], "big") != schema.APPLICATION_ID:
        raise UsageError(not_a_store(path, "it is a SQLite database of another program"))


def is_store(path: Path) -> bool:
    """Is it a file that looks like a campaign's store, of whatever version?"""
    try:
        check_header(path)
    except UsageError:
        return False
    return True


def reader(path: Path) -> sqlite3.Connection:
    """A connection that reads.  Raises UsageError.

    A store of an older version is read as it is now, from a copy in memory.
    """
    with _checked(path, _check_if_new) as connection:
        if schema.version_of(connection) == len(schema.MIGRATIONS):
            return connection
        with closing(connection):
            copy = _connection(":memory:")
            with _closed_on_error(copy):
                connection.backup(copy)
                schema.migrate(copy)
                schema.check(copy)
                return copy


def writer(path: Path) -> sqlite3.Connection:
    """A connection that writes, for who has the lock.  Raises UsageError.

    All that is in the store is looked at before anything is written.
    """
    check_header(path)
    with trouble(path):
        if not os.access(path, os.W_OK):
            raise UsageError(f"cannot write {path}: it is read-only")
        if not os.access(path.resolve().parent, os.W_OK):
            raise UsageError(f"cannot write {path}: its directory is read-only")
    with _checked(path, _check_if_new) as seen:
        seen.close()
    with trouble(path):
        connection = _connection(_uri(path, "rw"))
        with _closed_on_error(connection):
            _prepare(connection)
            if schema.version_of(connection) < len(schema.MIGRATIONS):
                schema.migrate(connection)
                schema.check(connection)
            return connection


def take_in_log(connection: sqlite3.Connection) -> None:
    """Bring into the file what is in its log, if nobody is reading just now, so that whoever copies
    the file alone has it all.  SQLite does this by itself if no reader has the file open."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_S)}")


def make(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make a new store's file: all of it, or none.  Raises UsageError if there is a file already.

    `fill` is called within the transaction that makes it.
    """
    with trouble(path):
        if os.path.lexists(path):
            raise UsageError(_already(path))
        parent = path.resolve().parent
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=parent) as directory:
            temporary = Path(directory) / "store"
            with closing(_connection(_uri(temporary, "rwc"))) as connection:
                connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
                schema.migrate(connection)
                _prepare(connection)
                connection.execute("BEGIN IMMEDIATE")
                fill(connection)
                connection.execute("COMMIT")
            _into_place(temporary, path)


def _into_place(temporary: Path, path: Path) -> None:
    """Give it its name, unless a file has that."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise UsageError(_already(path)) from None
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise UsageError(_already(path)) from None
        temporary.replace(path)
    with suppress(OSError):  # not every file system lets a directory be synchronized
        directory = os.open(path.resolve().parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _already(path: Path) -> str:
    return (
        f"{path} is there already: go on with `lockwright campaign resume {path}`, or give another "
        "name to begin anew"
    )


@contextmanager
def _checked(
    path: Path, check: Callable[[sqlite3.Connection], None]
) -> Iterator[sqlite3.Connection]:
    """A connection that reads a store whose version and structure were looked at."""
    check_header(path)
    with trouble(path):
        connection = _reading(path)
        with _closed_on_error(connection):
            version, known = schema.version_of(connection), len(schema.MIGRATIONS)
            if version > known:
                raise UsageError(
                    f"{path} is a store of version {version}, of a newer lockwright: this one "
                    f"reads versions 1 to {known}; it was left as it is"
                )
            if version < 1:
                raise UsageError(not_a_store(path, "nothing is in it"))
            check(connection)
            yield connection


def _check_if_new(connection: sqlite3.Connection) -> None:
    """What can be looked at in a store of whatever version."""
    schema.check_structure(connection)
    if schema.version_of(connection) == len(schema.MIGRATIONS):
        schema.check(connection)


def _reading(path: Path) -> sqlite3.Connection:
    """In a directory that cannot be written there is no place for SQLite's shared memory: without
    a log, the file is all that there is to read."""
    connection = _connection(_uri(path, "ro"))
    with _closed_on_error(connection):
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            log = Path(f"{path.resolve()}-wal")
            unlogged = not log.exists() or log.stat().st_size == 0
            if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not unlogged:
                raise
            connection.close()
            return _connection(_uri(path, "ro") + "&immutable=1")
    return connection


def _connection(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, timeout=BUSY_S, isolation_level=None, check_same_thread=False, uri=True
    )
    with _closed_on_error(connection):
        connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """A commit is on disk when it returns, and readers go on meanwhile."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_MAX}")


def _uri(path: Path, mode: str) -> str:
    return f"{path.resolve().as_uri()}?mode={mode}"


@contextmanager
def _closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise
