"""Which programs a scope has: each once, none left out, and as many as the formula says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations, product
from math import comb

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lockwright.calls import Argument, Call, Calls, Given, Program
from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.scope import Scope, parse_scope, scope

ARGUMENTS = ("a", "b", "c")


def ground(world: World) -> None:
    """Nothing is run here."""


async def nothing(*arguments: object) -> None:
    """Nor called."""


def calls(*alphabet: Call, alike: tuple[tuple[Argument, ...], ...] = ()) -> Calls:
    return Calls(
        "mine/table", ground, dict.fromkeys("fgh", nothing), alphabet=alphabet, alike=alike
    )


# A task, as the brute force has it: for each call its number in the alphabet, and the place in the
# task of the one call that it is given, or None.
Plain = tuple[tuple[int, int | None], ...]


def plain_tasks(made: Calls, operations: int) -> Iterator[Plain]:
    for length in range(1, operations + 1):
        for entries in product(range(len(made.alphabet)), repeat=length):
            ways = [list(choices(made, entries, at)) for at in range(length)]
            for picks in product(*ways):
                yield tuple(zip(entries, picks, strict=True))


def choices(made: Calls, entries: tuple[int, ...], at: int) -> Iterator[int | None]:
    wanted = [a.call for a in made.alphabet[entries[at]].arguments if isinstance(a, Given)]
    if not wanted:
        yield None
    for place in range(at) if wanted else ():
        if entries[place] == wanted[0]:
            yield place


def text_of(made: Calls, tasks: tuple[Plain, ...], names: dict[str, str]) -> str:
    """The program, its arguments renamed."""
    first, told = 0, []
    for task in tasks:
        told.append(
            tuple(
                Call(
                    made.alphabet[entry].name,
                    tuple(
                        Given(first + (pick or 0))
                        if isinstance(argument, Given)
                        else names.get(str(argument), argument)
                        for argument in made.alphabet[entry].arguments
                    ),
                )
                for entry, pick in task
            )
        )
        first += len(task)
    return str(Program(tuple(told)))


def renamings(made: Calls) -> Iterator[dict[str, str]]:
    """Those that map the alphabet onto itself, a `Given` onto what its call is mapped onto."""
    alphabet = made.alphabet
    orders = [list(permutations(group)) for group in made.alike]
    for chosen in product(*orders):
        names = {
            str(old): str(new)
            for group, order in zip(made.alike, chosen, strict=True)
            for old, new in zip(group, order, strict=True)
        }

        def renamed(call: Call, names: dict[str, str] = names) -> tuple[object, ...]:
            said = [
                ("given", renamed(alphabet[a.call]))
                if isinstance(a, Given)
                else names.get(str(a), a)
                for a in call.arguments
            ]
            return (call.name, *said)

        def plain(call: Call) -> tuple[object, ...]:
            said = [
                ("given", plain(alphabet[a.call])) if isinstance(a, Given) else a
                for a in call.arguments
            ]
            return (call.name, *said)

        if sorted(map(repr, map(renamed, alphabet))) == sorted(map(repr, map(plain, alphabet))):
            yield names


def classes(made: Calls, tasks: int, operations: int) -> dict[str, str]:
    """For the text of each program the least text of those that are the same."""
    every = list(plain_tasks(made, operations))
    found: dict[str, str] = {}
    ways = list(renamings(made))
    for count in range(1, tasks + 1):
        for deal in product(every, repeat=count):
            least = min(
                text_of(made, order, names) for order in permutations(deal) for names in ways
            )
            found[text_of(made, deal, {})] = least
    return found


argument = st.sampled_from((*ARGUMENTS, None))
call = st.builds(
    lambda name, arg: Call(name, () if arg is None else (arg,)), st.sampled_from("fg"), argument
)


@st.composite
def vocabularies(draw: st.DrawFn) -> Calls:
    alphabet = draw(st.lists(call, min_size=1, max_size=3, unique=True))
    for target in draw(st.lists(st.integers(0, 2), max_size=2, unique=True)):
        if target < len(alphabet):
            alphabet.append(Call("h", (Given(target),)))
    groups = draw(st.sampled_from([(), (("a", "b"),), (ARGUMENTS,), (("b", "c"), ("a",))]))
    return calls(*alphabet, alike=groups)


@given(vocabularies(), st.sampled_from([(1, 1), (1, 3), (2, 1), (3, 1), (2, 2)]))
@settings(deadline=None, max_examples=60)
def test_each_program_is_there_once_up_to_what_is_the_same(
    made: Calls, size: tuple[int, int]
) -> None:
    tasks, operations = size
    same = classes(made, tasks, operations)
    assume(len(same) < 1500)
    got = [str(program) for program in scope(made, tasks=tasks, operations=operations)]
    assert Counter(same[text] for text in got) == Counter(dict.fromkeys(same.values(), 1))
    whole = Scope(made, tasks, operations)
    assert whole.count == len(got)
    sizes = Counter(1 + text.count(";") + text.count("|") for text in got)
    assert whole.sizes == tuple(sizes[at] for at in range(1, tasks * operations + 1))


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 4))
def test_without_symmetry_of_arguments_programs_are_multisets_of_tasks(
    entries: int, tasks: int, operations: int
) -> None:
    made = calls(*(Call("f", (at,)) for at in range(entries)))
    each = sum(entries**length for length in range(1, operations + 1))
    expected = sum(comb(each + count - 1, count) for count in range(1, tasks + 1))
    assert Scope(made, tasks, operations).count == expected


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_names_that_are_alike_are_counted_by_how_often_each_occurs(names: str) -> None:
    # One call with one of k names that are alike: a program of n tasks is a partition of n into
    # at most k parts.
    made = calls(*(Call("f", (name,)) for name in names), alike=(tuple(names),))
    partitions = {2: [1, 2, 2, 3], 3: [1, 2, 3, 4], 4: [1, 2, 3, 5]}[len(names)]
    for tasks in range(1, 5):
        assert Scope(made, tasks, 1).count == sum(partitions[:tasks])


def test_the_smallest_programs_come_first() -> None:
    made = calls(Call("f"), Call("g"))
    assert [str(program) for program in scope(made, tasks=2, operations=2)][:10] == [
        "calls(f)",
        "calls(g)",
        "calls(f;f)",
        "calls(f;g)",
        "calls(g;f)",
        "calls(g;g)",
        "calls(f|f)",
        "calls(f|g)",
        "calls(g|g)",
        "calls(f|f;f)",
    ]


def test_a_call_takes_what_each_earlier_call_of_its_task_gave() -> None:
    made = calls(Call("f"), Call("g", (Given(0),)))
    got = [str(program) for program in scope(made, tasks=1, operations=3)]
    assert got == [
        "calls(f)",
        "calls(f;f)",
        "calls(f;g:&0)",
        "calls(f;f;f)",
        "calls(f;f;g:&0)",
        "calls(f;f;g:&1)",
        "calls(f;g:&0;f)",
        "calls(f;g:&0;g:&0)",
    ]
    # Numbers count through the whole program.
    assert str(list(scope(made, tasks=2, operations=2))[-1]) == "calls(f;g:&0|f;g:&2)"


def test_what_is_given_within_a_list_is_given_too() -> None:
    made = calls(Call("f"), Call("g", ([Given(0), {"to": Given(0)}],)))
    *_, last = scope(made, tasks=1, operations=3)
    first = [Given(0), {"to": Given(0)}]
    assert last.tasks == ((Call("f"), Call("g", (first,)), Call("g", (first,))),)
    # f;f;g: each of the two may be either call.
    texts = [str(program) for program in scope(made, tasks=1, operations=3)]
    assert len([text for text in texts if text.startswith("calls(f;f;g")]) == 4


def test_arguments_that_python_takes_for_equal_are_not_the_same() -> None:
    made = calls(Call("f", (1,)), Call("f", (True,)), Call("f", ("1",)), alike=((1, True),))
    assert [str(program) for program in scope(made, tasks=1, operations=1)] == [
        "calls(f:=1)",
        "calls(f:1)",
    ]


def test_an_exchange_that_leads_out_of_the_alphabet_is_none() -> None:
    made = calls(Call("f", ("a",)), Call("f", ("b",)), Call("g", ("a",)), alike=(("a", "b"),))
    assert Scope(made, 1, 1).count == 3


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (calls(), r"^mine/table has no alphabet: Calls\(\.\.\., alphabet=\.\.\.\) says which"),
        (calls(Call("f"), Call("f")), "^mine/table: its alphabet has the call f twice$"),
        (calls(Call("f", (Given(0),))), "^mine/table: in its alphabet &0 is no call before f$"),
        (
            calls(Call("f", ("a",)), alike=(("a", "b"), ("c", "a"))),
            "^mine/table: an argument is alike to others twice$",
        ),
        (
            calls(*(Call("f", (at,)) for at in range(8)), alike=(tuple(range(8)),)),
            "^mine/table: its alike arguments can be exchanged in 40320 ways; expected at most 5",
        ),
    ],
)
def test_an_alphabet_that_makes_no_programs_is_refused(made: Calls, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(scope(made, tasks=1, operations=1))


@pytest.mark.parametrize(("tasks", "operations"), [(0, 1), (1, 0), (-1, 2)])
def test_a_scope_of_nothing_is_refused(tasks: int, operations: int) -> None:
    with pytest.raises(UsageError, match=r"^a scope with (tasks|operations)=-?[01]: expected 1"):
        Scope(calls(Call("f")), tasks, operations)


def test_a_scope_that_could_never_be_explored_is_refused_at_once() -> None:
    assert Scope(calls(Call("f")), 200, 1).count == 200
    for tasks, operations in ((201, 1), (1, 201), (10**9, 10**9)):
        with pytest.raises(UsageError, match=r"^a scope with .*: expected programs of at most 200"):
            Scope(calls(Call("f")), tasks, operations)


async def pay(at: object, amount: int) -> None:
    """Takes one argument, beside the ground."""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call("pay"), r"pay does not fit pay\(\): missing a required argument: 'amount'$"),
        (Call("pay", (1, 2)), r"pay:=1:=2 does not fit pay\(\): too many positional arguments$"),
    ],
)
def test_a_call_that_its_function_cannot_take_is_refused_before_any_is_run(
    call: Call, said: str
) -> None:
    made = Calls("mine/bank", ground, {"pay": pay}, alphabet=(Call("pay", (1,)), call))
    with pytest.raises(UsageError, match=f"^mine/bank: in its alphabet: {said}"):
        Scope(made, 1, 1)


def test_the_text_of_a_scope() -> None:
    assert parse_scope("tasks=3,operations=2") == (3, 2)
    assert parse_scope("operations=2, tasks=3") == (3, 2)
    assert str(Scope(calls(Call("f")), *parse_scope("tasks=3,operations=2"))) == (
        "tasks=3,operations=2"
    )


WRONG = [
    *("", "tasks=3", "operations=1", "tasks=3,operations=0", "tasks=0,operations=1"),
    *("tasks=a,operations=1", "tasks=1,tasks=2", "tasks=1,operations=1,", "tasks=-1,operations=1"),
    *(
        "tasks=1;operations=1",
        "tasks=1,operations=9999999999999999999",
        "tasks=1,operations=\u0661",
        "3,2",
    ),
]


@pytest.mark.parametrize("text", WRONG)
def test_a_text_that_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no scope: expected tasks=N,operations=N, each 1"):
        parse_scope(text)
