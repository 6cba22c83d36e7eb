"""Who gets the next pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.campaign.guidance import FLOOR, ArmRecord, shares
from tests.campaign.guided import EVEN, GUIDED, first_finding, gates

PIECES = 64


def played(*histories: Sequence[Sequence[int]]) -> list[ArmRecord]:
    """Arms that gained so much with each piece of each generation."""
    arms = [ArmRecord() for _ in histories]
    for arm, history in zip(arms, histories, strict=True):
        for generation in history:
            for gained in generation:
                arm.add(100, gained)
            arm.close()
    return arms


def conducted(gains: Sequence[float], generations: int, pieces: int = PIECES) -> list[list[int]]:
    """What arms get whose gain with each piece is this, on the average."""
    arms = [ArmRecord() for _ in gains]
    had = []
    for _ in range(generations):
        counts = shares(arms, pieces)
        had.append(counts)
        for arm, gain, count in zip(arms, gains, counts, strict=True):
            for nth in range(count):
                arm.add(100, int((nth + 1) * gain) - int(nth * gain))
            arm.close()
    return had


histories = st.lists(
    st.lists(st.lists(st.integers(0, 300), max_size=4), max_size=4), min_size=1, max_size=6
)


@given(histories, st.integers(0, 100))
@settings(deadline=None, max_examples=200)
def test_all_pieces_are_shared_out_and_each_arm_has_its_floor(
    history: list[list[list[int]]], pieces: int
) -> None:
    counts = shares(played(*history), pieces)
    assert sum(counts) == pieces
    assert len(counts) == len(history)
    if pieces >= 2 * len(counts):
        assert min(counts) >= max(pieces // (FLOOR * len(counts)), 1)
    assert counts == shares(played(*history), pieces)


@given(histories, st.integers(1, 100), st.data())
@settings(deadline=None, max_examples=200)
def test_an_arm_that_gained_more_gets_no_less(
    history: list[list[list[int]]], pieces: int, data: st.DataObject
) -> None:
    arms = played(*history)
    lucky = data.draw(st.integers(0, len(arms) - 1))
    before = shares(arms, pieces)[lucky]
    arms[lucky].paid += data.draw(st.floats(0, 50)) * (arms[lucky].played > 0)
    assert shares(arms, pieces)[lucky] >= before


def test_nobody_gets_what_nobody_can_take() -> None:
    assert shares([], 5) == []
    assert shares([ArmRecord()], 0) == [0]


def test_at_first_all_get_the_same() -> None:
    assert shares([ArmRecord() for _ in range(4)], 10) == [3, 3, 2, 2]
    assert shares([ArmRecord() for _ in range(5)], 3) == [1, 1, 1, 0, 0]


def test_a_new_arm_is_tried_before_all_others() -> None:
    old = played([[300] * 40], [[300] * 40])
    assert shares([*old, ArmRecord()], 1) == [0, 0, 1]


def test_the_arm_that_gains_much_more_gets_most_of_the_pieces() -> None:
    had = conducted([0.1, 4, 0.1, 0.1], 6)
    assert had[0] == [16, 16, 16, 16]
    assert all(counts[1] > PIECES / 2 for counts in had[1:])
    assert all(counts[0] in range(4, 12) for counts in had[1:])


def test_when_all_are_dry_it_goes_even() -> None:
    had = conducted([0, 0, 0, 0], 5)
    assert all(counts == [16, 16, 16, 16] for counts in had)
    lucky = [ArmRecord(1000, 300, 1.0, 8.0), *(ArmRecord(1000, 0, 1.0, 0.0) for _ in range(3))]
    for _ in range(12):
        counts = shares(lucky, PIECES)
        for arm, count in zip(lucky, counts, strict=True):
            for _ in range(count):
                arm.add(100, 0)
            arm.close()
    assert max(counts) - min(counts) <= 4


def test_a_dry_arm_has_its_floor_even_of_few_pieces() -> None:
    rich, dry = [[9] * 60], [[0] * 60]
    assert shares(played(rich, dry, dry), 6) == [4, 1, 1]
    assert shares(played(rich, dry, dry), 5) == [5, 0, 0]


def test_what_was_gained_long_ago_counts_for_less_than_what_was_gained_lately() -> None:
    dry, fresh = [[9] * 8, *[[0] * 8] * 4], [*[[0] * 8] * 4, [3] * 8]
    early, late = shares(played(dry, fresh), 20)
    assert late > 2 * early


def test_the_first_harvest_does_not_last() -> None:
    # 300 features are worth twice as much as 16, not twenty times as much
    one, other = played([[300]], [[16]])
    assert one.mean == pytest.approx(2 * other.mean, rel=0.02)


def test_many_arms_all_have_their_turn() -> None:
    gains = [8.0] + [0.0] * 39
    had = conducted(gains, 30, pieces=10)
    for arm in range(40):
        assert sum(counts[arm] for counts in had[-12:]) >= 1
    assert sum(counts[0] for counts in had) > 2 * max(
        sum(counts[arm] for counts in had) for arm in range(1, 40)
    )


def test_a_record_reads_back() -> None:
    (arm,) = played([[3, 0], [1]])
    assert (arm.executions, arm.gained) == (300, 4)
    told = json.loads(json.dumps(arm.as_json()))
    assert ArmRecord.from_json(told) == arm
    with pytest.raises(KeyError, match="gained"):
        ArmRecord.from_json({"executions": 1})


@pytest.mark.parametrize(("guided", "found"), [(True, range(200, 300)), (False, [301])])
def test_what_lies_behind_five_gates_is_found_sooner_with_guidance(
    *, guided: bool, found: Sequence[int]
) -> None:
    setting = GUIDED if guided else EVEN
    assert first_finding(gates(5), 3, replace(setting, most=300)) in found


@pytest.mark.slow
def test_and_so_it_is_with_most_seeds() -> None:
    found = [
        sorted(first_finding(gates(5), seed, replace(setting, most=1000)) for seed in range(3))
        for setting in (GUIDED, EVEN)
    ]
    assert found[0][1] <= 1000
    assert found[1] == [1001] * 3
