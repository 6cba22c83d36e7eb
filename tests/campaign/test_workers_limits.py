"""Memory is limited where the system can do it, and refused in words where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.campaign import limits
from lockwright.campaign.limits import limit_memory, memory_mb
from lockwright.core.errors import UsageError

resource = pytest.importorskip("resource")


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What this process would be limited to: soft and hard, in bytes."""
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(limits, "memory_mb", lambda: 100.0)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: calls.append(pair))
    return calls


def bounded_by(monkeypatch: pytest.MonkeyPatch, hard: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, hard))


def test_megabytes_are_of_two_to_the_twentieth(
    limited: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded_by(monkeypatch, resource.RLIM_INFINITY)

    limit_memory(512)

    assert limited == [(536_870_912, resource.RLIM_INFINITY)]


def test_no_limit_is_left_alone(limited: list[tuple[int, int]]) -> None:
    limit_memory(0)

    assert limited == []


def test_what_the_user_may_have_at_most_stays(
    limited: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded_by(monkeypatch, 1000)

    limit_memory(512)

    assert limited == [(1000, 1000)]


def test_a_process_that_has_more_already_is_refused(limited: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError, match=r"99 MB of memory for a piece are too few: .* has 100 MB"):
        limit_memory(99)

    assert limited == []


def test_a_system_without_limits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "resource", None)

    limit_memory(0)
    with pytest.raises(UsageError, match=r"this system cannot limit .* memory_mb = 0 is no limit"):
        limit_memory(512)


def test_a_system_that_refuses_is_named(
    limited: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(kind: int, pair: tuple[int, int]) -> None:
        raise ValueError("not allowed")

    monkeypatch.setattr(resource, "setrlimit", refuse)

    with pytest.raises(UsageError, match=r"refuses to limit .* 512 MB of memory \(not allowed\)"):
        limit_memory(512)


def test_the_memory_of_a_process_is_read_where_the_system_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statm = tmp_path / "statm"
    statm.write_text("256 1 1 1 0 1 0\n", encoding="ascii")
    monkeypatch.setattr(limits, "STATM", statm)
    assert memory_mb() == 256 * resource.getpagesize() / 2**20

    monkeypatch.setattr(limits, "STATM", tmp_path / "none")
    assert memory_mb() is None
