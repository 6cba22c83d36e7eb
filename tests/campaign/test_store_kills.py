"""A store is as its last commit left it, whether its writer was killed or its machine."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockwright.campaign.record import Change, Record
from lockwright.campaign.store import Store
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from tests.campaign.stores import HEAD, History, Step, contents, finding, prefixes

ROOT = Path(__file__).parents[2]
AHEAD = 40
"""So many steps a process is given that will not live to do them all."""


class Killer:
    """Has steps of a history applied by processes that are killed."""

    def __init__(self, path: Path, generations: int) -> None:
        command = [sys.executable, "-m", "tests.campaign.stores", str(path), str(generations)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def run(self, first: int, acknowledged: int, wait_s: float) -> int:
        """Kill a process some time after it said that so many steps are done.

        Returns how many it did say were.
        """
        assert self.process.stdin is not None
        self.process.stdin.write(f"{first} {AHEAD}\n".encode())
        pid, said = int(self._until(b"\n")), b""
        while len(said) < acknowledged and not said.endswith(b"E"):
            said += self._read()
        time.sleep(wait_s)
        if not said.endswith(b"E"):
            os.kill(pid, signal.SIGKILL)
        said += self._until(b"\n") if not said.endswith(b"\n") else b""
        return said.count(b"A")

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def _read(self) -> bytes:
        assert self.process.stdout is not None
        data = self.process.stdout.read(1)
        assert data
        return data

    def _until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self._read()
        return data


def kill_again_and_again(directory: Path, generations: int, kills: int) -> tuple[int, int]:
    """Returns how far the history came, and how often a step was committed that nobody was told
    of."""
    history = History(generations)
    whole = prefixes(directory / "whole.db", history.steps, made=history.items)
    path = directory / "killed.db"
    Store.create(path, HEAD, history.items).close()
    chance, killer, at, unacknowledged = random.Random(7), Killer(path, generations), 0, 0
    try:
        for _ in range(kills):
            # once more what was done last: of a piece, that changes nothing
            again = at > 0 and whole[at]["generation"] == whole[at - 1]["generation"]
            again = again and len(whole[at]["ended"]) > len(whole[at - 1]["ended"])
            first = at - again
            done = killer.run(first, chance.randrange(12), chance.random() * 0.002)
            with Store.open(path, write=chance.random() < 0.5) as store:
                found = contents(store)
            expected = [max(at, first + done), max(at, first + done + 1)]
            now = next((n for n in expected if n < len(whole) and whole[n] == found), None)
            assert now is not None, f"after {first} + {done} steps"
            unacknowledged += now > expected[0]
            at = now
    finally:
        killer.close()
    return at, unacknowledged


def test_whoever_is_killed_leaves_what_it_said_was_done(tmp_path: Path) -> None:
    came, _ = kill_again_and_again(tmp_path, generations=40, kills=20)
    assert came > 20


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    came, unacknowledged = kill_again_and_again(tmp_path, generations=250, kills=200)
    assert came > 500
    assert unacknowledged > 0, "no process was killed between a commit and its word"


@pytest.fixture
def logged(tmp_path: Path) -> tuple[Path, list[Value]]:
    """A copy of a store all of whose history is in its log, and what is in it after each step."""
    history = History(4, seed=3)
    whole = prefixes(tmp_path / "whole.db", history.steps, made=history.items)
    path, copy = tmp_path / "log.db", tmp_path / "copy.db"
    with Store.create(path, HEAD, history.items) as store:
        store._connection.execute("PRAGMA wal_autocheckpoint = 0")
        for step in history.steps:
            step(store)
        shutil.copy(path, copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")
    return copy, whole


def opened(path: Path, log: bytes) -> Value:
    """What is in a store that has such a log, taken up by a machine that was without power."""
    file = path.with_name("opened.db")
    shutil.copy(path, file)
    Path(f"{file}-wal").write_bytes(log)
    Path(f"{file}-shm").unlink(missing_ok=True)
    with Store.open(file, write=True) as store:
        return contents(store)


def cuts(log: bytes, count: int) -> list[int]:
    chance = random.Random(1)
    edges = (0, 1, 31, 32, 33, len(log) - 1, len(log))
    return sorted({*edges, *(chance.randrange(len(log)) for _ in range(count))})


def test_a_log_that_is_cut_anywhere_holds_the_first_commits(
    logged: tuple[Path, list[Value]],
) -> None:
    path, whole = logged
    log = Path(f"{path}-wal").read_bytes()
    steps = [whole.index(opened(path, log[:length])) for length in cuts(log, 40)]
    assert steps == sorted(steps)
    assert steps[0] == 0
    assert steps[-1] == len(whole) - 1
    assert len(set(steps)) > 8


def test_what_is_no_log_after_the_log_changes_nothing(logged: tuple[Path, list[Value]]) -> None:
    path, whole = logged
    log = Path(f"{path}-wal").read_bytes()
    chance = random.Random(2)
    for length in (1, 100, 4096 + 24, 3 * (4096 + 24)):
        assert opened(path, log + chance.randbytes(length)) == whole[-1]


def test_a_log_with_another_byte_ends_before_it(logged: tuple[Path, list[Value]]) -> None:
    path, whole = logged
    log = Path(f"{path}-wal").read_bytes()
    last = -1
    for at in cuts(log[:-1], 25):
        other = bytearray(log)
        other[at] ^= 0x10
        found = opened(path, bytes(other))
        now = whole.index(found)
        # what the header of the log says beside its checksum is not all that it is
        assert now >= last or at < 32
        assert now < len(whole) - 1 or at < 32
        last = max(last, now)


def test_power_lost_while_the_log_is_taken_in_loses_nothing(tmp_path: Path) -> None:
    history, path = History(3, seed=5), tmp_path / "store.db"
    with Store.create(path, HEAD, history.items) as store:
        store._connection.execute("PRAGMA wal_autocheckpoint = 0")
        for step in history.steps:
            step(store)
        before, log = path.read_bytes(), Path(f"{path}-wal").read_bytes()
        store._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        after, expected = path.read_bytes(), contents(store)
    chance = random.Random(3)
    pages = range(0, len(after), 4096)
    assert len(after) > len(before) > 4096
    for _ in range(15):
        mixed = b"".join(chance.choice((before, after))[at : at + 4096] for at in pages)
        torn = tmp_path / "torn.db"
        torn.write_bytes(mixed)
        assert opened(torn, log) == expected


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file can be written beyond so many bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refusal(step: Step, store: Store) -> str:
    """What a step that cannot be done said; nothing if it could be."""
    try:
        step(store)
    except UsageError as error:
        return str(error)
    return ""


def test_a_full_disk_is_told_of_and_the_campaign_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    history, path = History(6, seed=9), tmp_path / "full.db"
    whole = prefixes(tmp_path / "whole.db", history.steps, made=history.items)
    refused = 0
    with Store.create(path, HEAD, history.items) as store:
        for at, step in enumerate(history.steps):
            used = max(path.stat().st_size, Path(f"{path}-wal").stat().st_size)
            with room(used + 2000):
                said = refusal(step, store)
            if said:
                refused += 1
                assert said == (
                    f"cannot write {path}: the disk is full, or it fails; what was committed is "
                    f"kept: make room, then go on with `lockwright campaign resume {path}`"
                )
                assert contents(store) == whole[at]
                step(store)
            assert contents(store) == whole[at + 1]
    assert refused > 5
    with Store.open(path) as store:
        assert contents(store) == whole[-1]


def test_a_file_that_may_not_grow_is_told_of_as_a_full_disk(tmp_path: Path) -> None:
    history, path = History(1), tmp_path / "full.db"
    with Store.create(path, HEAD, history.items) as store:
        before = contents(store)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        changes = [
            Change(
                Record(item), {"noise": random.Random(1).randbytes(90_000).hex()}, [finding("s")]
            )
            for item in history.items
        ]
        with pytest.raises(UsageError, match=r"the disk is full; what was committed is kept"):
            store.close_generation(changes, 1.0)
        assert contents(store) == before
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.close_generation(changes, 1.0)
        assert store.generation == 1
