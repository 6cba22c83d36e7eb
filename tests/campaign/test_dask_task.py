"""What a Dask worker keeps between two pieces, and when it lets go of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

import lockwright
from lockwright.campaign import dask_task
from lockwright.campaign.dask_engine import DaskEngine
from lockwright.campaign.dask_task import PROJECT, Bench, Stopped, _site, packed, unpacked
from lockwright.campaign.engine import Site
from lockwright.campaign.plan import Limits
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.project import load_project
from tests.campaign.test_workers import (
    CASES,
    EXPLORERS,
    FAKE,
    LONG,
    gone,
    is_there,
    piece,
    wait_for,
    wait_until,
)
from tests.campaign.test_workers import PROJECT as CONFIG


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "worker_cases.py").write_text(CASES, encoding="utf-8")
    (tmp_path / "worker_explorers.py").write_text(EXPLORERS, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "worker_cases", raising=False)
    return Site(tmp_path, load_project(tmp_path).version, LONG)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    for campaign in ("a", "b"):
        bench.end(campaign)
    assert (bench.idle, bench.busy) == ([], [])


def who(bench: Bench, campaign: str, site: Site) -> int:
    """The process that explores a piece."""
    ended = bench.explore(campaign, site, FAKE, piece("echo"))
    return int(ended.told["pid"])


def test_a_process_stays_for_the_campaign_it_is_of(bench: Bench, site: Site) -> None:
    first, other = who(bench, "a", site), who(bench, "b", site)

    assert first != other
    assert (who(bench, "a", site), who(bench, "b", site)) == (first, other)
    bench.end("a")
    assert (gone(first), gone(other)) == (True, False)


def test_a_site_with_other_limits_has_another_process(bench: Bench, site: Site) -> None:
    more = replace(site, limits=Limits(60.0, 5000))
    assert who(bench, "a", site) != who(bench, "a", more)


def test_a_process_that_is_not_used_is_ended(
    bench: Bench, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_task, "IDLE_S", 0.05)
    pid = who(bench, "a", site)
    wait_until(lambda: gone(pid))
    assert bench.idle == []


def test_the_end_of_a_campaign_ends_a_piece_in_the_middle(bench: Bench, site: Site) -> None:
    lock, begun = site.root / "lock", site.root / "begun"
    hangs, stopped = piece("hang", lock=str(lock), begun=str(begun)), []

    def explore() -> None:
        with pytest.raises(Stopped, match=r"^$"):
            bench.explore("a", site, FAKE, hangs)
        stopped.append(True)

    thread = Thread(target=explore)
    thread.start()
    is_there(begun)
    bench.end("b")
    assert not stopped
    bench.end("a")
    assert gone(int(begun.read_text(encoding="ascii")))
    wait_for(lock)
    thread.join()
    assert stopped


def test_a_piece_that_comes_after_the_end_is_not_explored(bench: Bench, site: Site) -> None:
    bench.end("a")
    with pytest.raises(Stopped, match=r"^$"):
        who(bench, "a", site)


def order(site: Site, **changes: Value) -> Value:
    order = DaskEngine(site, "tcp://there:1", 1).order("a", piece("echo"))
    return {**unpacked(packed(order)), **changes}


def test_a_project_is_where_the_campaign_has_it_or_where_the_environment_says(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PROJECT, raising=False)
    assert _site(order(site)) == site
    monkeypatch.setenv(PROJECT, str(site.root))
    elsewhere = order(site, root="/not/there")
    assert _site(elsewhere) == site
    with pytest.raises(UsageError, match=r"^there is no project at /not/there$"):
        _site({**elsewhere, "elsewhere": False})


def test_a_missing_project_is_said_with_what_can_be_done(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PROJECT, raising=False)
    elsewhere = order(site, root="/not/there")
    with pytest.raises(
        UsageError,
        match=r"^there is no project at /not/there; LOCKWRIGHT_PROJECT can say where it is$",
    ):
        _site(elsewhere)
    monkeypatch.setenv(PROJECT, "/nor/here")
    with pytest.raises(
        UsageError, match=r"^there is no project at /nor/here, which LOCKWRIGHT_PROJECT says$"
    ):
        _site(elsewhere)


def test_another_lockwright_is_not_the_same(site: Site) -> None:
    with pytest.raises(
        UsageError,
        match=f"^it has another lockwright\nexpected: 0.1\ngot: {lockwright.__version__}$",
    ):
        _site(order(site, lockwright="0.1"))
