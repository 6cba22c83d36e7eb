"""The benchmarks measure what they say: the published programs, and the costs of other releases."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import lockwright
from lockwright.core.errors import UsageError
from stress.benchmarks import history
from stress.benchmarks.__main__ import main
from stress.benchmarks.cases import FLOORS, NAMES, PEERS, case_of
from stress.benchmarks.history import baseline, cost_then, peers, peers_of, record
from stress.benchmarks.programs import FAMILIES, program_text
from stress.benchmarks.yardstick import Measured, bare, schedules_of, search

DATA = Path(__file__).parent.parent / "data" / "dpor_programs.json"
PUBLISHED = {each["name"]: each for each in json.loads(DATA.read_text("utf-8"))["programs"]}
GENERATED = [
    (name, found[1], int(found[2]))
    for name in PUBLISHED
    if (found := re.fullmatch(r"(\w+)\((\d+)(?:,meals=1)?\)", name)) and found[1] in FAMILIES
]


def test_most_published_programs_are_of_these_families() -> None:
    assert len(GENERATED) == 30
    assert {family for _, family, _ in GENERATED} == set(FAMILIES)


@pytest.mark.parametrize(("name", "family", "size"), GENERATED)
def test_a_family_makes_the_published_program(name: str, family: str, size: int) -> None:
    made = program_text(family, size)
    assert made["tasks"] == PUBLISHED[name]["tasks"]
    assert made["vars"] == PUBLISHED[name]["vars"]


@pytest.mark.parametrize(
    ("name", "executions"), [("lockinc(4)", 24), ("lastzero(5)", 64), ("readers(4)", 16)]
)
@pytest.mark.parametrize("granularity", ["", "@section"])
def test_a_search_counts_its_executions(name: str, executions: int, granularity: str) -> None:
    assert search(case_of(name + granularity)) == executions


def test_a_search_stops_where_it_is_told() -> None:
    assert search(case_of("lockinc(4)"), 5) == 5


def test_the_bare_loop_takes_the_schedules_of_the_search() -> None:
    # each of the four tasks of lockinc(4) locks, reads, writes and unlocks
    case = case_of("lockinc(4)")
    steps, schedules = schedules_of(case, 24)
    assert (steps, len(schedules)) == (24 * 16, 24)
    assert len({tuple(schedule) for schedule in schedules}) == 24
    assert bare(case.build, schedules) > 0


def test_there_is_no_benchmark_of_another_name() -> None:
    with pytest.raises(UsageError, match=r"no benchmark 'lockinc'; there are: lastzero\(12\)"):
        case_of("lockinc")


def test_a_measure_says_what_a_search_costs() -> None:
    # 100 executions of 10 steps, 2 us each; a bare step takes 0.5 us, a plain one 0.25 us
    found = Measured("m", 100, 1000, True, 2e-6, 0.5e-6, 0.25e-6, 3.0)
    assert found.rate == pytest.approx(50_000)
    assert found.ratio == pytest.approx(4)
    assert found.cost == pytest.approx(80)
    assert found.over


def test_each_peer_is_recorded_for_the_number_of_executions_that_is_published() -> None:
    entries = json.loads(history.PEERS_FILE.read_text("utf-8"))["programs"]
    for name in ("lastzero(12)", "lockinc(8)", "readers(14)"):
        assert entries[name]["executions"] == PUBLISHED[name]["expect"]["complete"]
    assert sorted(entries) == sorted({name.removesuffix("@section") for name in PEERS})


def test_a_section_is_held_against_the_same_peers() -> None:
    known = peers()
    assert peers_of(known, "lockinc(8)@section") == known["lockinc(8)"]
    assert peers_of(known, "lockinc(5)") is None
    assert not known["readers(14)"].alike


def test_the_baseline_has_each_published_case_of_the_first_release() -> None:
    by_operation = {name for name in (*PEERS, *FLOORS) if "@" not in name}
    assert set(baseline()["0.1.0"]) >= by_operation


def test_then_is_the_last_release_that_is_not_this_one() -> None:
    releases = {"1": {"a": 1.0}, "2": {"a": 2.0, "b": 5.0}, "3": {"a": 3.0}}
    assert cost_then(releases, "a", "3") == 2.0
    assert cost_then(releases, "a@section", "3") == 2.0
    assert cost_then(releases, "b", "4") is None
    assert cost_then({}, "a", "1") is None


def test_a_release_is_recorded_beside_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "baseline.json"
    file.write_text('{"1": {"a": 1.0}}', "utf-8")
    monkeypatch.setattr(history, "BASELINE_FILE", file)
    record("2", {"a": 2.0})
    record("2", {"b": 3.0})
    assert baseline() == {"1": {"a": 1.0}, "2": {"a": 2.0, "b": 3.0}}


def test_the_table_has_a_line_for_each_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lockinc(2)", "philosophers(2)", "--repetitions", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"lockwright {lockwright.__version__}, ")
    assert [line.split()[:2] for line in lines[3:5]] == [
        ["lockinc(2)", "2"],
        ["philosophers(2)", "3"],
    ]


def test_a_wrong_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing(3)"]) == 2
    assert "no benchmark 'nothing(3)'" in capsys.readouterr().err


def test_each_name_is_a_case() -> None:
    assert [case_of(name).name for name in NAMES] == list(NAMES)
