"""The recorded sequences: each step answers on the model as it did on the kernel.

A step that the models leave out stands in `left_out.json` with the reason.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from lockwright.core.errors import ModelError
from model.vfs.objects import DEAD
from stress.conformance.kernels import KERNELS, LEFT_BEHIND
from stress.conformance.leftout import LEFT_OUT, left_out
from stress.conformance.machine import conformity, machine_for
from stress.conformance.vectors import KERNELS as RECORDED
from stress.conformance.vectors import names, sequence, sequences

ONE_IN = 20
SEQUENCES = names("sequential")
REFERENCE = "6.12.95"


def differing(name: str, kernel: str) -> set[int]:
    """The steps of a sequence that do not conform."""
    return {step.nth for step in conformity(sequence(name, kernel)) if not step.conforms}


def listed(name: str) -> set[int]:
    return {nth for sequence_name, nth in left_out() if sequence_name == name}


def test_every_kernel_of_the_recording_has_a_design() -> None:
    assert tuple(KERNELS) == RECORDED


@pytest.mark.parametrize("kernel", RECORDED)
@pytest.mark.parametrize("name", SEQUENCES)
def test_every_step_conforms_unless_it_is_left_out(name: str, kernel: str) -> None:
    failing = [
        f"step {step.nth}: {step.step}: {'; '.join(step.differences)}"
        for step in conformity(sequence(name, kernel))
        if not step.conforms and (name, step.nth) not in left_out()
    ]
    assert failing == []


@pytest.mark.parametrize("name", sorted({name for name, _ in left_out()}))
def test_no_step_that_is_left_out_would_conform(name: str) -> None:
    differ = set().union(*(differing(name, kernel) for kernel in RECORDED))
    assert listed(name) - differ == set()


def test_at_most_one_step_in_twenty_is_left_out() -> None:
    steps = sum(len(given.steps) for given in sequences(REFERENCE))
    assert steps == 1167
    assert 0 < len(left_out()) <= steps // ONE_IN


def test_each_step_is_left_out_once_and_for_one_reason() -> None:
    groups = json.loads(LEFT_OUT.read_text(encoding="utf-8"))["left_out"]
    keys = Counter(
        (name, nth) for group in groups for name, steps in group["steps"].items() for nth in steps
    )
    assert [key for key, count in keys.items() if count > 1] == []
    assert len({group["reason"] for group in groups}) == len(groups)
    assert all(len(group["reason"].split()) > 8 for group in groups)


@pytest.mark.parametrize("key", left_out(), ids=str)
def test_what_is_left_out_is_the_step_that_is_named(key: tuple[str, int]) -> None:
    name, nth = key
    assert str(sequence(name, REFERENCE).steps[nth]) == left_out()[key].text


def test_only_recorded_sequences_begin_with_what_others_left_behind() -> None:
    assert set(LEFT_BEHIND) <= set(SEQUENCES)


def test_a_sequence_on_the_wrong_kernel_does_not_conform() -> None:
    """6.12 hides other files than 7.3, so that what 6.12 answered is wrong there."""
    from stress.conformance.vectors import Sequence  # noqa: PLC0415

    asked = sequence("b_hidden_files", "6.12.95")
    elsewhere = Sequence(asked.name, asked.about, "7.3.4", asked.steps)
    assert 0 in {step.nth for step in conformity(elsewhere) if not step.conforms}


def test_a_machine_on_which_something_broke_does_nothing_more() -> None:
    machine = machine_for(sequence("c_lazy_ino", "7.3.4"))
    machine.at.sb.s_root.d_count = DEAD
    for _ in range(2):
        with pytest.raises(
            ModelError, match="reference taken on dentry tracing, which is being killed"
        ):
            machine.do("stat", "$T")
