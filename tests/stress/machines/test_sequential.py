"""The sequential machines: what they find in every design, and that the others keep what the
documentation says."""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from lockwright.testing.sequential import SittingFailed
from stress.corpus import ENTRIES
from stress.machines.fault import NOT_OF_THE_CORPUS, Fault
from stress.machines.known import KNOWN
from stress.machines.sequential import Effort, Wanted, machine_of, run_program, smallest
from stress.scenarios.designs import DESIGNS

SOUND = ("tracefs/pinned", "eventfs/linux_6_12", "eventfs/latest", "eventfs/kernfs")
"""Where one user meets no fault."""
RICH = {
    "files": "enable+filter+format+id+trigger+hist",
    "system_files": "enable+filter",
    "top_files": "enable",
    "instances": "foo",
}
QUICKLY = ("E10-v3-refcount", "E10-v4-refcount")


@pytest.mark.parametrize("design", SOUND)
def test_a_sound_design_does_what_the_documentation_says(design: str) -> None:
    effort = Effort(examples=8, calls=15)
    run_state_machine_as_test(machine_of(design), settings=effort.settings())


@pytest.mark.slow
@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("design", SOUND)
def test_a_sound_design_does_so_for_long(design: str, rich: bool) -> None:
    effort = Effort(examples=1_000, calls=25)
    machine = machine_of(design, RICH if rich else {})
    run_state_machine_as_test(machine, settings=effort.settings())


@pytest.mark.parametrize("fault", KNOWN, ids=str)
def test_a_fault_is_shown_by_its_program_and_gone_where_it_is_mended(fault: Fault) -> None:
    design = fault.mended_in or fault.design
    shown = run_program(
        fault.design, fault.program, fault.wanted, fault.given, at_once=fault.at_once
    )
    assert shown is not None, f"{fault.program} shows it"
    mended = run_program(design, fault.program, fault.wanted, fault.mended, at_once=fault.at_once)
    assert mended is None, f"{design} has it not: {mended}"


@pytest.mark.parametrize("fault", KNOWN, ids=str)
def test_a_fault_takes_every_call_of_its_program(fault: Fault) -> None:
    calls = fault.program.calls
    for at in range(len(calls)):
        fewer = (*calls[:at], *calls[at + 1 :])
        for at_once in (False, True):
            shown = fewer and run_program(
                fault.design,
                type(fault.program)((fewer,)),
                fault.wanted,
                fault.given,
                at_once=at_once,
            )
            assert not shown, f"{fault} takes {calls[at]}"


def test_every_fault_is_of_the_corpus_or_says_what_it_is() -> None:
    ids = {entry.id for entry in ENTRIES}
    for fault in KNOWN:
        assert fault.id in ids or fault.id in NOT_OF_THE_CORPUS, fault
        assert fault.design in DESIGNS
        assert fault.mended_in or fault.mended or fault.given, f"{fault} says what mends it"


@pytest.mark.parametrize("fault", [f for f in KNOWN if f.id in ("E10", "E66")], ids=str)
def test_a_token_replays_what_was_found(fault: Fault) -> None:
    failed = run_program(fault.design, fault.program, fault.wanted, fault.given)
    assert failed is not None
    assert failed.token.startswith(f"lw1~{fault.design}:{fault.program}~")
    assert str(failed).endswith(f"replay: lockwright replay '{failed.token}'")


def _found(fault: Fault, examples: int) -> None:
    failed = smallest(fault.design, fault.wanted, Effort(examples, 60, fault.given))
    assert failed is not None, f"{fault} is found"
    # another way to the fault may need one call more, and none that can be left out
    assert len(failed.calls) <= len(fault.program.calls) + 1, failed.calls


@pytest.mark.parametrize("fault", [f for f in KNOWN if str(f) in QUICKLY], ids=str)
def test_the_machine_finds_a_fault_and_shrinks_it(fault: Fault) -> None:
    _found(fault, 20)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in KNOWN if fault.drawn], ids=str)
def test_the_machine_finds_every_fault(fault: Fault) -> None:
    _found(fault, 2_000)


def test_what_is_not_wanted_is_passed_by() -> None:
    wanted = Wanted("nothing of the kind")
    assert smallest("eventfs/linux_6_9", wanted, Effort(examples=5, calls=10)) is None


def test_a_machine_fails_as_any_test_does() -> None:
    with pytest.raises(
        SittingFailed,
        match=r"(?s)calls:\n  \w+ .*\n.*replay: lockwright replay 'lw1~eventfs/v3:calls",
    ):
        run_state_machine_as_test(
            machine_of("eventfs/v3"), settings=Effort(examples=40, calls=10).settings()
        )
