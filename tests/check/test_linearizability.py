"""Histories of calls, and whether an order of them explains each."""

from __future__ import annotations

import random
from collections import Counter as Count
from collections.abc import Sequence
from time import process_time

import pytest

from lockwright.check.linearizability import (
    AnyOf,
    Entry,
    Linearization,
    Made,
    Reference,
    Refusal,
    Thing,
    in_turns,
    linearize,
    reference_of,
)
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from tests.check.linearhistories import (
    OBJECTS,
    Counter,
    Fifo,
    Parts,
    Queue,
    Register,
    Set,
    explained,
    follows,
    history,
    in_time,
)


def agree(numbers: range, tasks: int, calls: int) -> Count[tuple[str, bool]]:
    """Compare with the search that tries everything, and count the answers."""
    seen: Count[tuple[str, bool]] = Count()
    for number in numbers:
        for kind in OBJECTS:
            made = random.Random(f"{kind.__name__} {number}")
            reference = kind()
            entries = history(made, reference, tasks, calls)
            found = linearize(entries, reference)
            right = explained(entries, reference)
            assert isinstance(found, Linearization) == right, entries
            if isinstance(found, Linearization):
                check_order(found, entries, reference)
            else:
                check_refusal(found, reference)
            seen[kind.__name__, right] += 1
            seen["pending", right] += any(entry.returned is None for entry in entries)
    return seen


def check_order(found: Linearization, entries: Sequence[Entry], reference: Reference) -> None:
    """The order is one: of all calls that returned, in time, and the reference's results."""
    order = [effect.entry for effect in found.order]
    assert len(set(map(entries.index, order))) == len(order)
    assert all(entry in order for entry in entries if entry.returned is not None)
    assert in_time(order)
    assert follows(order, reference)


def check_refusal(found: Refusal, reference: Reference) -> None:
    """The prefix has no order, one with one response less has one; and so would other results."""
    entries, last = list(found.history), found.last
    assert not explained(entries, reference)
    at = entries.index(last)

    def with_last(returned: int | None, result: Value) -> list[Entry]:
        told = last.task, last.call, last.arguments, last.invoked, returned, result
        return [*entries[:at], Entry(*told), *entries[at + 1 :]]

    assert explained(with_last(None, None), reference)
    assert found.possible is not None
    others = [effect.entry for effect in found.order if effect.entry is not last]
    assert all(entry in others for entry in entries if entry.returned is not None and entry != last)
    assert in_time([effect.entry for effect in found.order])
    results = {effect.result for effect in found.order} | {entry.result for entry in entries}
    for result in {*results, *found.possible, 0, 1, 2, None, (), ("id",)}:
        possible = explained(with_last(last.returned, result), reference)
        assert possible == (result in found.possible), (result, found)


def test_random_histories_are_judged_as_by_trying_all_orders() -> None:
    seen = agree(range(36), tasks=3, calls=2)
    assert sum(seen[kind.__name__, right] for kind in OBJECTS for right in (False, True)) == 288
    for kind in OBJECTS:
        assert seen[kind.__name__, True] >= 8, seen
        assert seen[kind.__name__, False] >= 5, seen
    assert seen["pending", True] >= 20, seen
    assert seen["pending", False] >= 10, seen


@pytest.mark.slow
def test_thousands_of_random_histories_are_judged_as_by_trying_all_orders() -> None:
    agree(range(1_000, 1_400), tasks=3, calls=2)
    agree(range(2_000, 2_100), tasks=2, calls=3)


def calls(*told: tuple[Value, ...]) -> list[Entry]:
    """Entries of (task, call, arguments, invoked, returned, result)."""
    return [Entry(*one) for one in told]


def test_a_read_after_a_write_has_returned_gives_what_was_written() -> None:
    late = calls((0, "write", (1,), 0, 1, None), (1, "read", (), 2, 3, 0))
    meanwhile = calls((0, "write", (1,), 0, 2, None), (1, "read", (), 1, 3, 0))
    assert isinstance(linearize(late, Register()), Refusal)
    found = linearize(meanwhile, Register())
    assert isinstance(found, Linearization)
    assert [str(entry) for entry, _ in found.order] == ["read()", "write(1)"]


def test_moments_that_are_equal_order_nothing() -> None:
    touching = calls((0, "write", (1,), 0, 1, None), (1, "read", (), 1, 2, 0))
    assert isinstance(linearize(touching, Register()), Linearization)


def test_a_pending_call_may_have_taken_effect_or_not() -> None:
    for seen in (0, 1):
        entries = calls((0, "write", (1,), 0, None, None), (1, "read", (), 2, 3, seen))
        found = linearize(entries, Register())
        assert isinstance(found, Linearization)
        assert len(found.order) == 1 + seen
    flickers = calls(
        (0, "write", (1,), 0, None, None),
        (1, "read", (), 2, 3, 1),
        (1, "read", (), 4, 5, 0),
    )
    assert isinstance(linearize(flickers, Register()), Refusal)


def test_nothing_was_called() -> None:
    assert linearize([], Register()) == Linearization((), 1)


def test_a_refusal_is_about_the_shortest_prefix_and_says_what_could_have_been() -> None:
    entries = calls(
        (0, "increment", (), 0, 3, 1),
        (1, "increment", (), 1, 2, 1),
        (1, "read", (), 4, 5, 2),
        (2, "read", (), 2, 9, 7),
    )
    found = linearize(entries, Counter())
    assert isinstance(found, Refusal)
    assert found.text.splitlines() == [
        "not linearizable: no order of the calls explains that increment() gave 1",
        "  task 0  increment()  |--------|  gave 1",
        "  task 1  increment()     |--|     gave 1",
        "  task 2  read()             |---  pending",
        "increment() of task 0 could have given 2",
        "what explains the others: increment() of task 1 gives 1",
    ]


def test_a_long_history_is_drawn_as_narrow_as_it_has_to_be() -> None:
    entries = calls(*((0, "increment", (), 2 * n, 2 * n + 1, n + 1) for n in range(20)))
    drawn = linearize([*entries, Entry(1, "read", (), 40, 41, 7)], Counter())
    assert isinstance(drawn, Refusal)
    assert max(map(len, drawn.lines[:21])) <= 80
    assert drawn.lines[0].startswith("  task 0  increment()  || ")
    many = calls(*((0, "increment", (), 2 * n, 2 * n + 1, n + 1) for n in range(60)))
    listed = linearize([*many, Entry(1, "read", (), 140, 141, 7)], Counter())
    assert isinstance(listed, Refusal)
    assert listed.lines[0] == "  task 0  increment()  gave 1"


def test_calls_that_are_about_other_parts_are_left_out_of_a_refusal() -> None:
    entries = calls(
        (0, "add", (1,), 0, 5, True),
        (1, "add", (2,), 1, 2, True),
        (1, "has", (2,), 3, 4, False),
    )
    whole, part = linearize(entries, Set()), linearize(entries, Parts())
    assert isinstance(whole, Refusal)
    assert isinstance(part, Refusal)
    assert len(whole.history) == 3
    assert [str(entry) for entry in part.history] == ["add(2)", "has(2)"]


def test_a_call_that_returned_before_it_began_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^write\(1\) of task 0 returned at 3, and was invoked"):
        linearize(calls((0, "write", (1,), 3, 3, None)), Register())


class Files:
    """A class as people write them."""

    def __init__(self) -> None:
        self.files: dict[int, str] = {}
        self.last = 0

    def open(self, name: str) -> Made | int:
        if not name:
            return -2
        self.last += 1
        self.files[self.last] = name
        return Made(self.last)

    def read(self, file: int) -> str:
        return self.files[file]

    def shuffled(self) -> list[str]:
        return sorted(self.files.values())

    def maybe(self) -> AnyOf:
        return AnyOf((0, -16))

    def _hidden(self) -> None:
        """No call."""


def test_objects_are_known_to_the_reference_by_its_own_names() -> None:
    right = calls(
        (0, "open", ("a",), 0, 1, Thing(0)),
        (1, "open", ("b",), 0, 1, Thing(1)),
        (0, "read", (Thing(0),), 2, 3, "a"),
        (0, "read", (Thing(1),), 4, 5, "b"),
        (0, "shuffled", (), 6, 7, ["a", "b"]),
    )
    wrong = [*right[:3], Entry(0, "read", (Thing(1),), 4, 5, "a")]
    assert isinstance(linearize(right, reference_of(Files)), Linearization)
    refused = linearize(wrong, reference_of(Files))
    assert isinstance(refused, Refusal)
    assert refused.message == "no order of the calls explains that read(object 1) gave a"


def test_an_object_is_neither_a_number_nor_nothing() -> None:
    for name, result in (("", Thing(0)), ("a", 1), ("a", None)):
        entries = calls((0, "open", (name,), 0, 1, result))
        assert isinstance(linearize(entries, reference_of(Files)), Refusal)


def test_a_method_may_have_several_results() -> None:
    for result, right in ((0, True), (-16, True), (1, False)):
        entries = calls((0, "maybe", (), 0, 1, result))
        found = linearize(entries, reference_of(Files))
        assert isinstance(found, Linearization) == right
        if isinstance(found, Refusal):
            assert "maybe() of task 0 could have given 0 or -16" in found.lines


def test_a_call_that_is_no_method_is_refused_with_those_that_are() -> None:
    reference = reference_of(Files)
    for name in ("write", "_hidden"):
        with pytest.raises(UsageError, match=rf"^the reference Files has no method '{name}'; it"):
            linearize(calls((0, name, (), 0, 1, None)), reference)


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.next: object = self

    def turn(self) -> None:
        """Nothing changes."""


def test_what_cannot_be_compared_needs_a_key() -> None:
    entries = calls((0, "turn", (), 0, 1, None))
    with pytest.raises(UsageError, match=r"^a Ring of the reference holds itself: say"):
        linearize(entries, reference_of(Ring))
    assert isinstance(linearize(entries, reference_of(Ring, lambda ring: 0)), Linearization)


def test_states_that_hold_the_same_are_one() -> None:
    first, second = Files(), Files()
    first.open("a")
    second.open("a")
    key = reference_of(Files).initial()
    assert key == reference_of(Files).initial()
    assert hash(key) == hash(reference_of(Files).initial())


def test_turns_keep_the_order_of_responses_and_invocations_alone() -> None:
    for number in range(100):
        entries = history(random.Random(f"turns {number}"), Queue(), 3, 3)
        turned = in_turns(entries)
        assert len({entry.invoked for entry in turned}) <= len(entries)
        for one, told in zip(entries, turned, strict=True):
            for other, also in zip(entries, turned, strict=True):
                was = one.returned is not None and one.returned < other.invoked
                assert was == (told.returned is not None and told.returned < also.invoked)


def rounds(rows: Sequence[Sequence[tuple[Value, ...]]]) -> list[Entry]:
    """Five tasks; all calls of a row overlap, and the rows follow each other."""
    return [
        Entry(task, name, arguments, 10 * row + task, 10 * row + 5 + task, result)
        for row, told in enumerate(rows)
        for task, (name, arguments, result) in enumerate(told)
    ]


def test_five_tasks_with_six_calls_are_decided_in_no_time() -> None:
    began = process_time()
    refused = 0
    for number in range(30):
        made = random.Random(f"five {number}")
        kind = OBJECTS[number % len(OBJECTS)]
        refused += isinstance(linearize(history(made, kind(), 5, 6), kind()), Refusal)
    assert 5 <= refused <= 25
    twice = [[("increment", (), 5 * row + n + 1) for n in range(5)] for row in range(6)]
    twice[5][4] = ("increment", (), 29)
    assert isinstance(linearize(rounds(twice), Counter()), Refusal)
    equal = [[("put", (1,), None)] * 5] * 3 + [[("get", (), 1)] * 5] * 2 + [[("get", (), 0)] * 5]
    assert isinstance(linearize(rounds(equal), Queue()), Refusal)
    assert process_time() - began < 10


def queue_rounds(made: random.Random) -> list[Entry]:
    """Three rounds of five puts, three of five gets that give what was put in one of its orders."""
    values = [made.sample(range(5 * row + 1, 5 * row + 6), 5) for row in range(3)]
    out = [value for row in values for value in row]
    puts = [[("put", (value,), None) for value in sorted(row)] for row in values]
    gets = [[("get", (), value) for value in out[5 * row : 5 * row + 5]] for row in range(3)]
    return rounds([*puts, *gets])


def test_what_a_queue_says_of_its_order_decides_what_no_search_would() -> None:
    began = process_time()
    right = queue_rounds(random.Random("rounds"))
    assert isinstance(linearize(right, Fifo()), Linearization)
    swapped = [Entry(e.task, e.call, e.arguments, e.invoked, e.returned, e.result) for e in right]
    for at, other in ((15, 25), (18, 20), (24, 29)):
        one, two = swapped[at], swapped[other]
        wrong = list(swapped)
        wrong[at] = Entry(one.task, "get", (), one.invoked, one.returned, two.result)
        wrong[other] = Entry(two.task, "get", (), two.invoked, two.returned, one.result)
        assert isinstance(linearize(wrong, Fifo()), Refusal)
    assert process_time() - began < 10


def test_a_value_that_was_got_twice_or_never_put_has_no_order() -> None:
    puts = [(0, "put", (1,), 0, 1, None), (0, "put", (2,), 2, 3, None)]
    for result in (1, 9):
        entries = calls(*puts, (0, "get", (), 4, 5, 1), (1, "get", (), 4, 5, result))
        found = linearize(entries, Fifo())
        assert isinstance(found, Refusal)
        assert found.last.result == result
        assert list(Fifo.order(entries)).count((3, 3)) == 1
