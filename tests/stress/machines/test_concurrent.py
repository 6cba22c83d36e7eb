"""The concurrent machines of the designs in which no bug is known that they reach."""

from __future__ import annotations

import pytest

from lockwright.calls import Program, parse_program
from stress.machines.calls import FUNCTIONS
from stress.machines.concurrent import ARGUMENTS, Effort, Size, fewer_calls, machine_of, smallest
from stress.machines.sequential import VOCABULARY

SOUND = ("tracefs/pinned", "eventfs/latest")
GROUND = {"events": "kp1", "files": "enable"}


@pytest.mark.parametrize("design", SOUND)
def test_a_sound_design_stays_so_with_several_users(design: str) -> None:
    assert smallest(machine_of(design, GROUND), Effort(examples=10, calls=10)) is None


def test_every_call_is_made() -> None:
    assert ARGUMENTS.keys() == FUNCTIONS.keys()


def test_a_machine_has_the_vocabulary_of_its_design_so_that_its_tokens_replay() -> None:
    assert machine_of("eventfs/latest").calls is VOCABULARY["eventfs/latest"]


def test_a_program_without_one_call_or_one_task() -> None:
    def program(text: str) -> Program:
        return parse_program(f"calls({text})")

    fewer = [str(each) for each in fewer_calls(program("clear!close:3;clear|drop_caches"))]
    expected = (
        *("clear!drop_caches", "clear!close:3;clear"),
        *("close:3;clear|drop_caches", "clear!clear|drop_caches", "clear!close:3|drop_caches"),
    )
    assert fewer == [f"calls({each})" for each in expected]
    assert [*fewer_calls(program("clear"))] == []
    assert Size.of(program("clear!clear|clear;clear")) == (1, (2, 1))
