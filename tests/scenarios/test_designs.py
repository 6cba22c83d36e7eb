"""The table of designs, the registry of cases, and what the cases come to on the newest design."""

from functools import cache

import pytest

from lockwright.core.result import Result
from lockwright.session import Options, explore
from stress.scenarios import case as registry
from stress.scenarios.case import Case, case
from stress.scenarios.designs import (
    DESIGNS,
    all_cases,
    flags_of,
    scenario_of,
    scenarios_of,
    switches_of,
)
from stress.scenarios.promises import AT_END

LATEST = "eventfs/latest"
NUMBER_RACES = {
    "list_vs_list_above": "kprobes/kp1 has the inode numbers",
    "list_vs_stat": "tracing/events/kprobes/kp1 has the inode number",
}
"""Nobody holds the mutex when a listing draws a number: 7.3 has it so."""


@cache
def explored(name: str) -> Result:
    """Every trace of a case on the newest design."""
    (chosen,) = [one for one in all_cases() if one.name == name]
    return explore(scenario_of(DESIGNS[LATEST], chosen), Options(events=False))


def cases_of(*modules: str) -> list[Case]:
    """The cases of some modules that the newest design has scenarios of."""
    return [
        one
        for one in all_cases()
        if one.module.rpartition(".")[2] in modules and DESIGNS[LATEST].takes(one)
    ]


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_has_scenarios_with_its_switches_and_the_flags_of_its_tracing_core(
    design: str,
) -> None:
    made = scenarios_of(design)
    assert made
    assert len({one.name for one in made}) == len(made)
    known = {
        *switches_of(DESIGNS[design].kind_of()),
        *flags_of(DESIGNS[design].release()),
        "rcu_late",
    }
    for one in made:
        assert one.design == design
        assert {*one.parameters} == known
        assert one.title
        assert one.at_end[: len(AT_END)] == AT_END


def test_a_parameter_of_a_case_is_one_of_some_design_that_has_it() -> None:
    for one in all_cases():
        designs = [design for design in DESIGNS.values() if design.takes(one)]
        assert designs, f"no design has a scenario of {one.name}"
        known = {name for design in designs for name in scenario_of(design, one).parameters}
        assert {*one.parameters} <= known, one.name


def test_a_subclass_passes_on_the_switches_of_its_bases() -> None:
    switches = switches_of(DESIGNS[LATEST].kind_of())
    assert switches["frees_by_srcu"] is True
    assert switches["list_add_rcu"] is True
    assert switches["revalidates"] is True


def test_two_cases_of_one_name_are_an_error() -> None:
    def lookup_vs_remove(at: object) -> None:
        """Another one."""

    before = registry.CASES["lookup_vs_remove"]
    with pytest.raises(AssertionError, match="two cases are called lookup_vs_remove"):
        case("enable")(lookup_vs_remove)
    assert registry.CASES["lookup_vs_remove"] is before


@pytest.mark.parametrize(
    "name", [one.name for one in cases_of("cases_alone", "cases_shown", "cases_without_memory")]
)
def test_one_task_alone_gets_what_it_is_to_get(name: str) -> None:
    result = explored(name)
    assert result.complete
    assert result.findings == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [one.name for one in cases_of("cases_races", "cases_instances")])
def test_several_tasks_find_nothing_but_the_races_for_a_number(name: str) -> None:
    result = explored(name)
    assert result.complete
    expected = NUMBER_RACES.get(name)
    assert bool(result.findings) == (expected is not None)
    for finding in result.findings:
        assert finding.message.startswith(expected or "nothing")
