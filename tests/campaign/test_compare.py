"""What changed between two campaigns."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from lockwright.campaign.compare import GONE, NEW, STILL, Comparison, compare
from lockwright.campaign.identity import identity
from lockwright.campaign.item import Arm, Item
from lockwright.campaign.record import DONE, GOING, Change, Found, Head, Record
from lockwright.campaign.store import Store
from lockwright.core.coverage import Coverage, Orders, Pair
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.options import Options
from tests.campaign.stores import HEAD, finding

LEAK, LOCK = finding("a leak", kind="leak"), finding("two locks")
PAIR, OTHER = Pair("count", "get() read", "put() write"), Pair("count", "a() read", "b() write")


def item(name: str, *, random: bool = False) -> Item:
    return Item(0, name, (), Options(), (Arm("pct", 0, 100),) if random else ())


def covered(*pairs: Pair) -> Coverage:
    return Coverage(1, {pair: Orders(1, 0) for pair in pairs})


def result(*findings: Finding, executions: int = 4, a: int = 3, b: int = 1) -> Result:
    return Result(
        *("x", "", {}, "dpor"),
        verdict=Verdict.VIOLATED if findings else Verdict.VERIFIED,
        complete=True,
        executions=executions,
        findings=list(findings),
        outcomes={text: count for text, count in (("a", a), ("b", b)) if count},
    )


def record(name: str, done: Result | None, phase: str = DONE, *, random: bool = False) -> Record:
    count = 0 if done is None else done.executions
    return Record(item(name, random=random), phase, executions=count, result=done)


class Kept:
    """What a store says of these records."""

    def __init__(self, records: list[Record], head: Head = HEAD) -> None:
        self.head = head
        self._records = records

    def snapshot(self) -> nullcontext[None]:
        return nullcontext()

    def records(self) -> list[Record]:
        return self._records

    def findings(self) -> list[Found]:
        found: dict[str, Found] = {}
        for each in self._records:
            for seen in [] if each.result is None else each.result.findings:
                one = found.setdefault(identity(seen), Found(identity(seen), seen))
                one.executions += seen.executions
                one.items = {**one.items, each.item.name: seen.executions}
        return list(found.values())


def compared(one: list[Record], other: list[Record]) -> Comparison:
    return compare(Kept(one), Kept(other))


def stored(path: Path, records: list[Record]) -> Store:
    """The store of a campaign that has come to these records."""
    numbered = [
        replace(each, item=replace(each.item, number=at)) for at, each in enumerate(records)
    ]
    store = Store.create(path, HEAD, [each.item for each in numbered])
    changes = [
        Change(each, findings=[] if each.result is None else list(each.result.findings))
        for each in numbered
    ]
    store.close_generation(changes, 1.0)
    return store


def test_stores_are_compared(tmp_path: Path) -> None:
    one = [record("x", result(LEAK, LOCK)), record("y", result()), record("z", None, "todo")]
    other = [record("x", result(LOCK)), record("y", result(executions=5))]
    with stored(tmp_path / "one", one) as before, stored(tmp_path / "other", other) as after:
        comparison = compare(before, after)
    assert comparison.as_json() == compared(one, other).as_json()
    assert [pair.name for pair in comparison.items] == ["y dpor"]
    assert [seen.state for seen in comparison.findings] == [GONE, STILL]


def test_a_campaign_does_not_differ_from_itself() -> None:
    records = [
        record("x", result(LEAK, LOCK)),
        record("y", result(), random=True),
        record("z", None, "todo"),
    ]
    comparison = compared(records, records)
    assert not comparison.changed
    assert (comparison.items, comparison.same) == ((), 3)
    assert [seen.state for seen in comparison.findings] == [STILL, STILL]


def test_items_that_one_of_them_has_alone_are_named() -> None:
    one, other = [record("x", result())], [record("x", result()), record("y", None, "todo")]
    there = compared(one, other)
    assert (there.only_one, there.only_other, there.changed) == ((), ("y dpor",), True)
    back = compared(other, one)
    assert (back.only_one, back.only_other, back.changed) == (("y dpor",), (), True)


def test_verdict_counts_and_outcomes_of_an_exhaustive_item_are_compared() -> None:
    before, after = result(), result(LEAK, executions=6, a=5, b=0)
    comparison = compared([record("x", before)], [record("x", after)])
    (pair,) = comparison.items
    assert pair.verdict == ("verified", "violated")
    assert pair.executions == (4, 6)
    assert pair.outcomes == {"a": (3, 5), "b": (1, 0)}
    assert pair.complete is None
    assert comparison.changed
    assert pair.as_json() == {
        "item": "x dpor",
        "settled": True,
        "verdict": ["verified", "violated"],
        "executions": [4, 6],
        "outcomes": {"a": [3, 5], "b": [1, 0]},
    }


def test_another_count_alone_is_a_change_of_an_exhaustive_item() -> None:
    one, other = result(), result(executions=5)
    comparison = compared([record("x", one)], [record("x", other)])
    assert [pair.executions for pair in comparison.items] == [(4, 5)]
    assert comparison.changed


def test_counts_of_a_random_item_say_nothing_but_its_outcomes_do() -> None:
    one = [record("x", result(), random=True)]
    same = compared(one, [record("x", result(executions=9, a=8), random=True)])
    assert (same.items, same.changed) == ((), False)
    lost = compared(one, [record("x", result(b=0), random=True)])
    assert [pair.outcomes for pair in lost.items] == [{"b": (1, 0)}]


def test_coverage_that_moves_is_told_and_is_no_change() -> None:
    one, other = result(), result()
    one.coverage, other.coverage = covered(PAIR), covered(OTHER)
    comparison = compared([record("x", one)], [record("x", other)])
    (pair,) = comparison.items
    assert pair.gained == covered(OTHER)
    assert pair.lost == covered(PAIR)
    assert not comparison.changed
    assert pair.as_json()["gained"] == covered(OTHER).as_json()


def test_coverage_that_one_did_not_ask_for_is_not_lost() -> None:
    one = result()
    one.coverage = covered(PAIR)
    comparison = compared([record("x", one)], [record("x", result())])
    assert (comparison.items, comparison.same) == ((), 1)


def test_findings_are_new_gone_or_still_there() -> None:
    old, both = finding("old"), finding("both", executions=2)
    one = [record("x", result(old, both)), record("y", result(both))]
    other = [record("x", result(both, LEAK)), record("y", result(both))]
    comparison = compared(one, other)
    assert [(seen.message, seen.state, seen.settled) for seen in comparison.findings] == [
        ("a leak", NEW, True),
        ("old", GONE, True),
        ("both", STILL, True),
    ]
    new, gone, still = comparison.findings
    assert (new.one, new.other) == ({}, {"x dpor": 1})
    assert (gone.one, gone.other) == ({"x dpor": 1}, {})
    assert still.one == still.other == {"x dpor": 2, "y dpor": 2}
    assert comparison.of(NEW) == [new]
    assert comparison.changed


def test_the_token_is_that_of_the_campaign_that_has_it_last() -> None:
    def with_token(what: Finding, token: str) -> Finding:
        return replace(what, token=token)

    one = [record("x", result(with_token(LEAK, "lw1~old"), with_token(LOCK, "lw1~gone")))]
    other = [record("x", result(with_token(LEAK, "lw1~new")))]
    comparison = compared(one, other)
    assert {seen.message: seen.token for seen in comparison.findings} == {
        "a leak": "lw1~new",
        "two locks": "lw1~gone",
    }


def test_what_is_not_explored_to_the_end_is_no_evidence() -> None:
    done, going = [record("x", result(LEAK))], [record("x", result(executions=2), GOING)]
    comparison = compared(done, going)
    (pair,), (seen,) = comparison.items, comparison.findings
    assert (pair.phase, pair.settled, pair.executions) == (("done", "going"), False, None)
    assert (seen.state, seen.settled) == (GONE, False)
    assert not comparison.changed
    assert pair.as_json()["phase"] == ["done", "going"]
    back = compared(going, done)
    assert [(seen.state, seen.settled) for seen in back.findings] == [(NEW, False)]
    assert not back.changed


def test_a_finding_of_an_item_that_has_none_there_is_no_evidence() -> None:
    one = [record("x", result()), record("y", result(LEAK))]
    comparison = compared(one, [record("x", result())])
    assert [(seen.state, seen.settled) for seen in comparison.findings] == [(GONE, False)]


def test_an_item_that_was_not_begun_is_told_by_its_phase() -> None:
    comparison = compared([record("x", None, "todo")], [record("x", result())])
    assert [(pair.phase, pair.settled) for pair in comparison.items] == [(("todo", "done"), False)]
    assert not comparison.changed


def test_both_campaigns_are_named_with_their_versions() -> None:
    head = replace(HEAD, name="next", model_version="def456")
    records = [record("x", result(LEAK)), record("y", result(LEAK, executions=9))]
    comparison = compare(Kept(records), Kept(records[:1], head))
    data = comparison.as_json()
    assert data["one"] == {
        "name": "night",
        "model_version": "abc123",
        "lockwright_version": "0.5.0",
        "items": 2,
        "executions": 13,
        "findings": 1,
    }
    assert (data["other"]["name"], data["other"]["model_version"]) == ("next", "def456")


def test_the_whole_comparison_is_json() -> None:
    one = [record("x", result(LOCK)), record("y", None, "todo")]
    comparison = compared(one, [record("x", result(LEAK, executions=5))])
    data = json.loads(json.dumps(comparison.as_json()))
    assert (data["version"], data["changed"], data["same"]) == (1, True, 0)
    assert data["only_one"] == ["y dpor"]
    assert data["items"] == [{"item": "x dpor", "settled": True, "executions": [4, 5]}]
    assert [(seen["state"], seen["one"], seen["other"]) for seen in data["findings"]] == [
        (NEW, {}, {"x dpor": 1}),
        (GONE, {"x dpor": 1}, {}),
    ]
