"""Plain data as text: what is written is read, and nothing else is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core import literal
from lockwright.core.errors import UsageError
from lockwright.core.location import Value

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.binary(max_size=5),
)
keys = st.one_of(st.integers(), st.text(max_size=3))
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(keys, inner, max_size=3),
        st.sets(keys, max_size=3),
    ),
    max_leaves=8,
)


def nameless(value: Value) -> str:
    return ""


def unknown(name: str) -> Value:
    raise UsageError(f"no {name}")


@given(values)
@settings(deadline=None)
def test_what_is_written_is_read(value: Value) -> None:
    text = literal.write(value, nameless)
    read = literal.read(text, unknown)
    assert read == value
    assert type(read) is type(value)
    assert literal.write(read, nameless) == text


def test_not_a_number_is_read_too() -> None:
    assert math.isnan(literal.read(literal.write([math.nan], nameless), unknown)[0])


def test_a_set_has_one_text() -> None:
    assert literal.write({"b", "a", "c"}, nameless) == "{'a', 'b', 'c'}"


def test_names_are_the_callers() -> None:
    text = literal.write([1, ("x",)], lambda value: "ten" if value == 1 else "")
    assert text == "[ten, ('x',)]"
    assert literal.read(text, {"ten": 10}.__getitem__) == [10, ("x",)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "f()",
        "a.b",
        "[x for x in y]",
        "{**a}",
        "set(1)",
        "1 + 1",
        "-'a'",
        "<object>",
        "\0",
    ],
)
def test_what_is_no_literal_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no literal|no a|no y"):
        literal.read(text, unknown)


def test_a_key_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'\{\[\]: 1\}' has a key that cannot be one"):
        literal.read("{[]: 1}", unknown)


def test_what_is_no_data_is_written_so_that_it_is_not_read() -> None:
    with pytest.raises(UsageError, match="is no literal"):
        literal.read(literal.write([object()], nameless), unknown)
