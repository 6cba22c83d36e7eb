"""Known bugs of the designs that the machines find, each as small as the history tells it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lockwright.calls import Program, parse_program
from lockwright.core.finding import Finding
from lockwright.testing.schedules import Trials
from stress.corpus import ENTRIES
from stress.machines.bugs import ALONE, BUGS, DRAWN, NOT_FOUND, Bug
from stress.machines.concurrent import Effort, Found, Size, fewer_calls, machine_of, smallest
from stress.machines.known import KNOWN
from stress.machines.sequential import VOCABULARY

NUMBERS = {entry.id for entry in ENTRIES}
QUICKLY = ("E19-linux_6_6",)
"""What takes seconds."""


def found(bug: Bug) -> Found:
    was = smallest(machine_of(bug.design, bug.given, bug.wanted), bug.effort)
    assert was is not None, f"{bug} is found"
    return was


def shows(bug: Bug, program: Program, design: str, given: Mapping[str, str]) -> bool:
    """Is the bug in some execution of the program that has few preemptions?"""
    scenario = VOCABULARY[design].scenario(program).with_parameters(given)
    return any(
        bug.wanted.is_it(finding)
        for ran in Trials(scenario, bug.rules).systematic(200)
        for finding in ran.findings
    )


def check(bug: Bug) -> None:
    was = found(bug)
    assert Size.of(was.program) == bug.size, f"{bug}: {was.program}"
    assert bug.wanted.is_it(was.finding)
    assert not shows(bug, was.program, *bug.mended), f"{bug.mended} has {was.program}"


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_bug_is_in_its_program(bug: Bug) -> None:
    program = parse_program(f"calls({bug.program})")
    assert shows(bug, program, bug.design, bug.given)


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_bug_takes_every_call_of_its_program_and_is_gone_where_it_is_mended(bug: Bug) -> None:
    program = parse_program(f"calls({bug.program})")
    assert not shows(bug, program, *bug.mended)
    for fewer in fewer_calls(program):
        assert not shows(bug, fewer, bug.design, bug.given), fewer


def test_the_machines_find_more_than_twenty_bugs() -> None:
    assert len({bug.id for bug in DRAWN} | {fault.id for fault in ALONE}) >= 20


def test_every_bug_of_the_corpus_is_listed_or_has_a_reason_why_not() -> None:
    listed = {bug.id for bug in BUGS} | {fault.id for fault in KNOWN if fault.id in NUMBERS}
    assert not listed & NOT_FOUND.keys()
    assert listed | NOT_FOUND.keys() == NUMBERS


@pytest.mark.parametrize("bug", [bug for bug in BUGS if str(bug) in QUICKLY], ids=str)
def test_the_machine_finds_a_bug_and_shrinks_it_to_the_size_of_the_corpus(bug: Bug) -> None:
    check(bug)


@pytest.mark.slow
@pytest.mark.parametrize("bug", DRAWN, ids=str)
def test_the_machine_finds_every_bug_and_shrinks_it(bug: Bug) -> None:
    check(bug)


@pytest.mark.slow
@pytest.mark.parametrize("bug", DRAWN, ids=str)
def test_the_machine_does_not_find_what_is_mended(bug: Bug) -> None:
    design, given = bug.mended
    was = smallest(machine_of(design, given, bug.wanted), bug.effort)
    assert was is None, f"{bug}: {was.program}"


def test_all_findings_but_those_that_are_looked_for_are_passed_by() -> None:
    seen: list[Finding] = []

    class Nothing(machine_of("eventfs/v4")):  # type: ignore[misc]  # a class that is made
        @staticmethod
        def only(finding: Finding) -> bool:
            seen.append(finding)
            return False

    assert smallest(Nothing, Effort(examples=12, calls=24)) is None
    assert "refcount" in {finding.kind for finding in seen}
