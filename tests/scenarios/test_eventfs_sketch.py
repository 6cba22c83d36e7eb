"""The sketch of eventfs: what fusing critical sections saves, and that it loses nothing.

In section granularity the executions are counted by a polynomial in the number of files N.  Each
of the two readers' SRCU sections begins at one of N + 1 places among the remover's N call_srcu(),
which makes the N * N; all else is a few places more for each file.
"""

from __future__ import annotations

from functools import cache

import pytest

from lockwright.core.result import Result, Verdict
from lockwright.session import Options, explore
from stress.scenarios.eventfs_sketch import SCENARIOS

SKETCH, UNCHECKED = SCENARIOS


@cache
def explored(files: int, granularity: str, *, rechecks: bool = True) -> Result:
    """Every trace of the sketch."""
    made = (SKETCH if rechecks else UNCHECKED).with_parameters({"files": str(files)})
    result = explore(made, Options(granularity=granularity, events=False))
    assert result.complete
    assert result.sleep_set_blocked == 0
    return result


def found(result: Result) -> set[tuple[str, str]]:
    return {(finding.kind, finding.signature) for finding in result.findings}


@pytest.mark.parametrize("files", [1, 2, 3, 4, 6])
def test_with_sections_fused_a_file_more_costs_a_few_executions(files: int) -> None:
    result = explored(files, "section")
    assert (result.granularity, dict(result.unfused)) == ("section", {})
    assert result.executions == 4 * files * files + 22 * files + 19
    assert result.verdict is Verdict.VERIFIED


def test_with_lock_order_kept_it_costs_a_multiple() -> None:
    assert explored(1, "operation").executions == 1654


@pytest.mark.slow
def test_two_files_cost_a_hundred_times_less_with_sections_fused() -> None:
    kept, fused = explored(2, "operation"), explored(2, "section")
    assert (kept.executions, fused.executions) == (38_934, 79)
    assert kept.executions >= 100 * fused.executions
    assert set(kept.outcomes) == set(fused.outcomes)
    assert found(kept) == found(fused) == set()


@pytest.mark.parametrize("rechecks", [True, False])
def test_both_granularities_see_the_same(rechecks: bool) -> None:
    kept, fused = (explored(1, each, rechecks=rechecks) for each in ("operation", "section"))
    assert (
        set(kept.outcomes)
        == set(fused.outcomes)
        == {
            "lookup 0, opened 1",
            "lookup 0, opened 0",
            "lookup -2, opened 1",
            "lookup -2, opened 0",
        }
    )
    assert found(kept) == found(fused)
    assert kept.verdict is fused.verdict


@pytest.mark.parametrize("files", [1, 2, 3])
def test_publishing_without_a_second_look_leaves_a_dentry_behind(files: int) -> None:
    result = explored(files, "section", rechecks=False)
    assert found(result) == {
        *(("broken promise", sentence) for sentence in left_behind(files)),
        *(("leak", f"dentry file{nth} left behind") for nth in range(files)),
    }


def left_behind(files: int) -> list[str]:
    """What the sketch's promise says of each file."""
    return [f"file{nth} is found after its directory has gone" for nth in range(files)]


def test_opened_is_any_number_of_files() -> None:
    """The remover may come after any file of the open, and the lookup finds the last or none."""
    outcomes = set(explored(3, "section").outcomes)
    assert outcomes == {f"lookup {found}, opened {n}" for found in (0, -2) for n in range(4)}
