"""The engine of many machines: as the others, whatever becomes of a worker."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket
from types import SimpleNamespace
from typing import cast

import pytest
import trio
from distributed import LocalCluster, Status

import lockwright
from lockwright.campaign import dask_cluster
from lockwright.campaign.dask_engine import DaskEngine
from lockwright.campaign.engine import Engine, Site
from lockwright.campaign.inline import Inline
from lockwright.campaign.item import Item
from lockwright.campaign.piece import Ended, Failure, Piece
from lockwright.campaign.plan import Limits
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.options import Options
from lockwright.project import load_project
from tests.campaign.test_workers import (
    CASES,
    EXPLORERS,
    FAKE,
    LONG,
    PROJECT,
    is_there,
    piece,
    pieces,
    served,
    wait_for,
    wait_until,
)

KILLER = """
import os, signal, time


def kill(project):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)
"""
DASK = "from dask.__main__ import main; main()"
BARE = f"import sys; sys.modules['lockwright'] = None; {DASK}"
"""Without lockwright."""
SCHEDULER = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
WORKER = ("worker", "--no-nanny", "--no-dashboard", "--nthreads", "1")
SMALL: dict[str, Value] = {
    "threads_per_worker": 1,
    "memory_limit": 0,
    "dashboard_address": "127.0.0.1:0",
    "silence_logs": logging.CRITICAL,
}
ITEM = Item(0, "test/worker:two", (), Options())


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers of Dask's, as somebody has begun them."""
    with LocalCluster(n_workers=2, **SMALL) as cluster:
        yield cluster


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "worker_cases.py").write_text(CASES, encoding="utf-8")
    (tmp_path / "worker_explorers.py").write_text(EXPLORERS, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "worker_cases", raising=False)
    return Site(tmp_path, load_project(tmp_path).version, LONG)


@pytest.fixture
def address(cluster: LocalCluster) -> str:
    return str(cluster.scheduler_address)


def slices() -> list[Piece]:
    """All of an exploration, and its beginnings."""
    work = {"kind": "slice", "checkpoint": None, "seconds": None}
    return pieces_of({**work, "until": until} for until in (None, 1, 2, 3, None))


def pieces_of(works: Iterable[dict[str, Value]]) -> list[Piece]:
    return [Piece(0, ordinal, ITEM, work) for ordinal, work in enumerate(works)]


def told(found: list[Ended]) -> list[object]:
    assert [ended.failure for ended in found] == [None] * len(found)
    return [ended.told for ended in sorted(found, key=lambda ended: ended.piece.key)]


def test_a_piece_is_told_as_by_any_other_engine(site: Site, address: str) -> None:
    inline: Engine = Inline(site, load_project(site.root))
    expected = told(served(inline, slices()))

    assert told(served(DaskEngine(site, address, 1), slices())) == expected


def test_each_piece_is_explored_once_by_processes_that_stay_until_the_end(
    site: Site, address: str
) -> None:
    engine = DaskEngine(site, address, 7, explorer=FAKE)
    given = pieces({"do": "echo", "n": n} for n in range(30))

    found = served(engine, given)

    assert sorted(ended.piece.ordinal for ended in found) == list(range(30))
    assert all(ended.told["n"] == ended.piece.ordinal for ended in found)
    assert {ended.who for ended in found} <= {"worker 0", "worker 1"}
    pids = {ended.told["pid"] for ended in found}
    assert len(pids) == len({ended.who for ended in found})
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert engine.workers == 2


def test_a_worker_that_is_killed_changes_nothing_but_time(
    site: Site, address: str, cluster: LocalCluster
) -> None:
    go = site.root / "go"
    begun = [site.root / str(n) for n in range(6)]
    given = pieces({"do": "meet", "mine": str(mine), "other": str(go)} for mine in begun)

    async def kill() -> None:
        while sum(mine.exists() for mine in begun) < 2:
            await trio.sleep(0.01)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        go.touch()

    found = served(DaskEngine(site, address, 2, explorer=FAKE), given, beside=kill)

    assert sorted(ended.piece.ordinal for ended in found) == list(range(6))
    assert told(found) == [{"met": True}] * 6


def test_a_piece_that_takes_more_than_it_may_ends_as_on_one_machine(
    site: Site, address: str
) -> None:
    little = replace(site, limits=Limits(LONG.seconds, 700))
    given = pieces([{"do": "eat"}, {"do": "die", "signal": "SIGKILL"}, {"do": "raise_value"}])
    memory, died, error = [
        ended.failure
        for ended in sorted(
            served(DaskEngine(little, address, 2, explorer=FAKE), given),
            key=lambda ended: ended.piece.key,
        )
    ]
    assert memory == Failure("memory", "wanted more than 700 MB")
    assert died == Failure("died", "SIGKILL")
    assert error is not None
    assert error.text.startswith("ValueError: two lines (worker_explorers.py, line ")

    short = replace(site, limits=Limits(0.1, LONG.memory_mb))
    waits = piece("meet", mine=str(site.root / "here"), other=str(site.root / "never"))
    (ended,) = served(DaskEngine(short, address, 2, explorer=FAKE), [waits])
    assert ended.failure == Failure("late", "took more than 0.1 s")


def test_nothing_is_left_of_a_session_that_is_cancelled(site: Site, address: str) -> None:
    lock, begun = site.root / "lock", site.root / "begun"
    hangs = piece("hang", lock=str(lock), begun=str(begun))

    async def main() -> None:
        todo_in, todo = trio.open_memory_channel[Piece](1)
        done, _done_out = trio.open_memory_channel[Ended](0)
        todo_in.send_nowait(hangs)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(DaskEngine(site, address, 2, explorer=FAKE).serve, todo, done)
            await trio.to_thread.run_sync(is_there, begun)
            nursery.cancel_scope.cancel()

    trio.run(main)
    pid = begun.read_text(encoding="ascii")
    assert not Path(f"/proc/{pid}").exists()
    wait_for(lock)
    assert not [thread for thread in threading.enumerate() if thread.name == "asyncio"]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://127.0.0.1:9", "OSError: Timed out trying to connect to tcp://127.0.0.1:9 after .*"),
        ("here", "ValueError: missing port number in address 'here'"),
        ("", "ValueError: missing port number in address ''"),
        ("gopher://here:70", "ValueError: unknown address scheme 'gopher' .*"),
    ],
)
def test_who_gives_a_wrong_address_is_told_soon(
    address: str, why: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 0.5)
    with pytest.raises(UsageError, match=f"^no Dask scheduler at {address}: {why}$"):
        served(DaskEngine(site, address, 2), slices())


def test_a_cluster_without_a_worker_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "WORKERS_S", 0.2)
    with LocalCluster(n_workers=0, **SMALL) as empty:
        asked = f"^the Dask scheduler at {empty.scheduler_address} has no worker .waited 0.2 s.: "
        with pytest.raises(UsageError, match=asked):
            served(DaskEngine(site, empty.scheduler_address, 2), slices())


def test_a_worker_with_another_model_ends_the_session_and_is_named(
    site: Site, address: str
) -> None:
    other = replace(site, version="elder")
    with pytest.raises(
        UsageError,
        match="^worker [01] of the Dask cluster cannot explore this: the model .*\n"
        f"expected: elder\ngot: {site.version}$",
    ):
        served(DaskEngine(other, address, 2), slices())


def test_a_worker_that_joins_is_given_something_to_do(site: Site) -> None:
    """The two pieces need each other."""
    one, other = site.root / "one", site.root / "other"
    given = pieces(
        {"do": "meet", "mine": str(mine), "other": str(theirs)}
        for mine, theirs in ((one, other), (other, one))
    )
    with LocalCluster(n_workers=1, **SMALL) as small:

        async def join() -> None:
            while not (one.exists() or other.exists()):
                await trio.sleep(0.01)
            await trio.to_thread.run_sync(small.scale, 2)

        engine = DaskEngine(site, small.scheduler_address, 1, explorer=FAKE)
        found = served(engine, given, beside=join)

    assert told(found) == [{"met": True}] * 2
    assert {ended.who for ended in found} == {"worker 0", "worker 1"}


def test_a_piece_whose_workers_die_has_failed(
    site: Site, address: str, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 1)
    (site.root / "dask_explorers.py").write_text(KILLER, encoding="utf-8")

    found = served(DaskEngine(site, address, 1, explorer="dask_explorers:kill"), [piece("kill")])

    assert [ended.failure for ended in found] == [Failure("died", "2 Dask workers died with it")]


def test_a_worker_without_lockwright_ends_the_session(
    site: Site, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "EXPLORE", "__import__('only_here').explore(order)")
    with pytest.raises(
        UsageError,
        match="^the Dask cluster cannot explore this: ModuleNotFoundError: No module named "
        rf"'only_here'; has each worker lockwright {re.escape(lockwright.__version__)}\?$",
    ):
        served(DaskEngine(site, address, 2), slices())


@contextmanager
def machine(*words: str, python: str = DASK) -> Iterator[subprocess.Popen[bytes]]:
    """`dask scheduler` or `dask worker`, as it is run on another machine."""
    command = [sys.executable, "-c", python, *words]
    null = subprocess.DEVNULL
    with subprocess.Popen(command, start_new_session=True, stdout=null, stderr=null) as process:
        try:
            yield process
        finally:
            process.kill()


def begun(scheduler: Path) -> str:
    """The address that a scheduler has written into a file."""
    is_there(scheduler)
    return str(json.loads(scheduler.read_text(encoding="ascii"))["address"])


def test_a_scheduler_that_goes_away_ends_the_session(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "CONNECT_S", 1.0)
    here, file = site.root / "here", site.root / "scheduler.json"
    waits = piece("meet", mine=str(here), other=str(site.root / "never"))
    where = ["--scheduler-file", str(file)]
    with (
        machine(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", *where
        ) as boss,
        machine("worker", "--no-nanny", "--no-dashboard", "--nthreads", "1", *where),
    ):
        address = begun(file)

        async def kill() -> None:
            while not here.exists():
                await trio.sleep(0.01)
            boss.kill()

        with pytest.raises(UsageError, match=f"^the Dask scheduler at {address} is gone$"):
            served(DaskEngine(site, address, 1, explorer=FAKE), [waits], beside=kill)


@pytest.mark.slow
def test_machines_without_lockwright_are_told_of(site: Site) -> None:
    where = ["--scheduler-file", str(site.root / "scheduler.json")]
    with (
        machine(*SCHEDULER, *where, python=BARE),
        machine(*WORKER, *where, python=BARE),
        pytest.raises(UsageError, match=r"ModuleNotFoundError: .*lockwright.*; has each worker "),
    ):
        served(DaskEngine(site, begun(site.root / "scheduler.json"), 1), slices())


def test_without_dask_it_is_said_how_to_install_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    for name in ("dask_cluster", "dask_task"):
        monkeypatch.delitem(sys.modules, f"lockwright.campaign.{name}", raising=False)
    with pytest.raises(
        UsageError, match=r"^Dask is not installed .*: pip install 'lockwright\[dask\]'$"
    ):
        DaskEngine(site, None, 2)


def test_there_is_at_least_one_worker(site: Site) -> None:
    with pytest.raises(UsageError, match=r"^0 workers: expected 1 or more$"):
        DaskEngine(site, None, 0)


def status(process: int) -> list[str]:
    """State, parent and more; nothing if there is no such process.  Source: proc_pid_stat(5)."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="ascii")
    except OSError:
        return []
    return told.rpartition(")")[2].split()


def dead(process: int) -> bool:
    """It may still be there for its parent to look at."""
    return status(process)[:1] in ([], ["Z"])


def starting() -> list[int]:
    """The processes that this one has started with multiprocessing."""
    pids = [int(path.name) for path in Path("/proc").glob("[1-9]*")]
    mine = [pid for pid in pids if status(pid)[1:2] == [str(os.getpid())]]
    return [pid for pid in mine if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_cluster_of_its_own_is_gone_when_it_is_not_needed_any_more(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    """A worker of it that is killed is replaced, and one that is killed as it starts, too."""
    given = pieces({"do": "echo", "n": n} for n in range(12))
    before, killed = starting(), []

    async def kill_early() -> None:
        while not (new := [pid for pid in starting() if pid not in before]):
            await trio.sleep(0.001)
        killed.append(new[0])
        os.kill(new[0], signal.SIGKILL)

    def ended(ended: Ended) -> Piece | None:
        if len(killed) == 1:
            killed.append(int(status(ended.told["pid"])[1]))
            os.kill(killed[1], signal.SIGKILL)
        return None

    engine = DaskEngine(site, None, 2, explorer=FAKE)
    with socket() as other:  # another cluster's
        with suppress(OSError):
            other.bind(("", 8787))
            other.listen()
        found = served(engine, given, ended, beside=kill_early)

    assert len(killed) == 2
    assert sorted(ended.told["n"] for ended in found) == list(range(12))
    assert {ended.who for ended in found} <= {"worker 0", "worker 1"}
    for process in {ended.told["pid"] for ended in found} | set(killed):
        wait_until(partial(dead, process))  # one that has lost its Dask worker ends by itself
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3, 0.5, 0.8, 1.2])
def test_a_cluster_that_is_cancelled_as_it_begins_leaves_nothing(
    site: Site, seconds: float, capfd: pytest.CaptureFixture[str]
) -> None:
    before = starting()

    async def main() -> None:
        _todo_in, todo = trio.open_memory_channel[Piece](0)
        done, _done_out = trio.open_memory_channel[Ended](0)
        with trio.move_on_after(seconds):
            await DaskEngine(site, None, 2, explorer=FAKE).serve(todo, done)

    trio.run(main)
    assert [process for process in starting() if not dead(process)] == before
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_dask_has_given_up_is_started_again() -> None:
    scaled: list[int] = []
    states = [Status.running, Status.failed, Status.closed, Status.starting]
    workers = {name: SimpleNamespace(status=status) for name, status in enumerate(states)}
    cluster = cast("LocalCluster", SimpleNamespace(workers=workers, scale=scaled.append))

    dask_cluster._mend(cluster, 2)
    assert (list(workers), scaled) == ([0, 3], [])
    dask_cluster._mend(cluster, 4)
    assert scaled == [4]


def test_what_dask_logs_in_other_threads_is_let_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever uses Dask besides is to see it."""
    log, handler = logging.getLogger("distributed"), logging.StreamHandler(sys.stderr)
    log.addHandler(handler)
    try:
        with dask_cluster.quiet(threading.get_ident()):
            logging.getLogger("distributed.client").error("ours")
            logging.getLogger("asyncio").error("ours")
            other = threading.Thread(target=partial(log.error, "theirs"))
            other.start()
            other.join()
        log.error("later")
    finally:
        log.removeHandler(handler)
    assert capsys.readouterr().err == "theirs\nlater\n"
