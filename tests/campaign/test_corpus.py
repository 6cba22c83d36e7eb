"""Which schedules a campaign keeps, and which it mutates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.campaign import corpus as module
from lockwright.campaign.corpus import Corpus, cover
from lockwright.campaign.record import CorpusEntry

SHORT, MIDDLE, LONG = "2x0.2x1", "0.1.0.1", "0.1.0.1.0.1.0"


def entries(*features: Sequence[int], switches: int = 0) -> list[CorpusEntry]:
    """Entries of schedules of growing size that cover this."""
    return [
        CorpusEntry(".".join("01"[step % 2] for step in range(at + 1 + switches)), tuple(own), "a")
        for at, own in enumerate(features)
    ]


def told(corpus: Corpus) -> list[tuple[str, tuple[int, ...]]]:
    return [(entry.schedule, entry.features) for entry in corpus.entries]


def test_what_covers_something_new_is_kept() -> None:
    corpus = Corpus()
    assert corpus.admit(MIDDLE, [3, 1], "pct:1")
    assert corpus.admit(LONG, [1, 2, 3], "pos:1")
    assert corpus.entries == [
        CorpusEntry(MIDDLE, (1, 3), "pct:1"),
        CorpusEntry(LONG, (1, 2, 3), "pos:1"),
    ]
    assert corpus.known == {1, 2, 3}


def test_what_covers_nothing_new_is_kept_if_it_does_so_with_fewer_switches() -> None:
    corpus = Corpus(entries([1, 2], switches=3))
    assert not corpus.admit(LONG, [1, 2], "a")
    assert not corpus.admit("1.0.1.0", [1], "a")
    assert corpus.admit(SHORT, [1], "a")
    assert [entry.schedule for entry in corpus.entries] == ["0.1.0.1", SHORT]


def test_no_schedule_is_kept_twice() -> None:
    corpus = Corpus()
    assert corpus.admit(SHORT, [1], "a")
    assert not corpus.admit(SHORT, [2], "b")
    assert len(corpus.entries) == 1


def test_of_too_many_the_largest_goes_that_no_feature_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 3)
    corpus = Corpus()
    for schedule, features in ((LONG, [1]), (MIDDLE, [1]), ("0.1.0", [2]), (SHORT, [1])):
        assert corpus.admit(schedule, features, "a")
    assert [entry.schedule for entry in corpus.entries] == [MIDDLE, "0.1.0", SHORT]


def test_what_alone_covers_something_stays_however_little_it_weighs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 3)
    corpus = Corpus()
    longest = "0.1.0.1.0.1.0.1.0"
    for schedule, features in ((longest, [9]), (LONG, range(7)), (MIDDLE, range(7))):
        assert corpus.admit(schedule, list(features), "a")
    weights = dict(corpus.parents())
    assert weights[longest] < weights[LONG]
    assert corpus.admit(SHORT, [8], "a")
    assert [entry.schedule for entry in corpus.entries] == [longest, MIDDLE, SHORT]


def test_of_too_many_that_are_all_needed_the_lightest_goes_and_what_it_covered_stays_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENTRIES_MAX", 2)
    corpus = Corpus()
    corpus.admit(LONG, [1], "a")
    corpus.admit(MIDDLE, [2], "a")
    assert corpus.admit(SHORT, [3], "a")
    assert [entry.schedule for entry in corpus.entries] == [MIDDLE, SHORT]
    assert corpus.known == {1, 2, 3}
    assert corpus.admit("0.1.0.1.0", [1], "a")  # nothing that is left covers it


@given(st.lists(st.tuples(st.integers(0, 40), st.sets(st.integers(0, 30))), max_size=60))
@settings(deadline=None, max_examples=60)
def test_it_stays_within_its_bounds_and_forgets_no_feature(
    found: list[tuple[int, set[int]]],
) -> None:
    corpus = Corpus()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ENTRIES_MAX", 8)
        for steps, features in found:
            schedule = ".".join("01"[step % 2] for step in range(steps + 1))
            corpus.admit(schedule, sorted(features), "a")
            assert len(corpus.entries) <= 8
            schedules = [entry.schedule for entry in corpus.entries]
            assert len(set(schedules)) == len(schedules)
            assert {f for entry in corpus.entries for f in entry.features} <= corpus.known
    again = Corpus.from_json(json.loads(json.dumps(corpus.as_json())), corpus.entries)
    assert told(again) == told(corpus)
    assert again.known == corpus.known
    assert again.parents() == corpus.parents()
    assert {f: e.schedule for f, e in again.best.items()} == {
        f: e.schedule for f, e in corpus.best.items()
    }


def test_what_is_rare_weighs_more_and_so_does_what_has_few_switches() -> None:
    common, rare, twin = Corpus(
        [
            CorpusEntry("0.1.0.2", (1, 2), "a"),
            CorpusEntry("0.1.0.3", (1, 2, 3), "a"),
            CorpusEntry("0.1.0.4", (1, 2), "a"),
        ]
    ).parents()
    assert rare[1] > 2 * max(common[1], twin[1])
    first, second = Corpus(
        [CorpusEntry("0.1.0.1.0", (1,), "a"), CorpusEntry("4x0.1", (2,), "a")]
    ).parents()
    assert second[1] > 2 * first[1] > 0


def test_of_two_that_are_alike_the_later_one_weighs_more() -> None:
    first, second = Corpus(
        [CorpusEntry("0.1.0", (1,), "a"), CorpusEntry("0.1.2", (2,), "a")]
    ).parents()
    assert second[1] == 2 * first[1]


def test_a_favoured_one_weighs_twice_as_much() -> None:
    first, second = Corpus(
        [CorpusEntry("0.1.0", (1,), "a"), CorpusEntry("0.1.2x0", (1,), "a")]
    ).parents()
    assert first[1] == second[1]  # as much as one that comes later


@given(st.lists(st.integers(1, 12), min_size=1, max_size=20, unique=True))
@settings(deadline=None, max_examples=40)
def test_every_entry_has_some_weight(sizes: list[int]) -> None:
    made = [
        CorpusEntry(".".join("01"[step % 2] for step in range(size)), (7,), "a") for size in sizes
    ]
    corpus = Corpus(made)
    parents = corpus.parents()
    assert [text for text, _ in parents] == [entry.schedule for entry in made]
    assert all(weight >= 1 for _, weight in parents)


families = st.lists(st.sets(st.integers(0, 7), max_size=5), max_size=7)


@given(families)
@settings(deadline=None, max_examples=150)
def test_a_cover_covers_everything_and_has_nothing_to_spare(family: list[set[int]]) -> None:
    whole = entries(*map(sorted, family))
    kept = cover(whole)
    everything = set().union(*family)
    assert set().union(*(entry.features for entry in kept)) == everything
    assert [entry for entry in whole if entry in kept] == kept
    for entry in kept:
        others = {f for other in kept if other is not entry for f in other.features}
        assert others != everything
    # a greedy cover of so few sets is within twice the best one
    best = next(
        count
        for count in range(len(family) + 1)
        if any(set().union(*some) == everything for some in combinations(family, count))
    )
    assert best <= len(kept) <= 2 * best
    reduced = Corpus(whole, [99]).reduced()
    assert reduced.entries == kept
    assert reduced.known == everything | {99}


def test_of_two_that_cover_the_same_the_smaller_is_kept() -> None:
    large, small = CorpusEntry(LONG, (1, 2), "a"), CorpusEntry(SHORT, (1, 2), "b")
    assert cover([large, small]) == [small]
