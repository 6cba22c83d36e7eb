"""Replay tokens and their text."""

import itertools
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.schedule import MARKS, mark
from lockwright.token import Token, parse_token

words = st.text("abcxyz019_/:.-", min_size=1, max_size=12)
parameters_of = st.dictionaries(words, words, max_size=3).map(lambda table: tuple(table.items()))
choices = st.tuples(st.integers(0, 9), st.integers(0, 3))
schedules_of = st.lists(choices, max_size=30).map(tuple)


@st.composite
def tokens_of(draw: st.DrawFn) -> Token:
    """Tokens with and without marks."""
    schedule = draw(schedules_of)
    steps = len(schedule)
    marks = draw(st.just("") | st.text(MARKS, min_size=steps, max_size=steps))
    return Token(draw(words), draw(parameters_of), draw(words), schedule, marks)


TOKEN = Token("demo/abba:two", (("gate", "true"),), "1a2b3c4d", ((0, 0), (0, 0), (1, 2)))


@settings(deadline=None, derandomize=True)
@given(token=tokens_of())
def test_a_token_is_what_its_text_says(token: Token) -> None:
    text = str(token)
    assert "\n" not in text
    assert " " not in text
    assert parse_token(text) == token
    assert parse_token(f"  {text}\n") == token


def test_the_text_of_a_token() -> None:
    text = str(TOKEN)
    assert text.startswith("lw1~demo/abba:two~gate=true~1a2b3c4d~2x0.1/2~")
    assert re.fullmatch("[0-9a-f]{8}", text.rpartition("~")[2])


def test_marks_stand_between_the_schedule_and_the_check() -> None:
    text = str(replace(TOKEN, marks="b7k"))
    assert text.startswith("lw1~demo/abba:two~gate=true~1a2b3c4d~2x0.1/2~b7k~")
    assert parse_token(text).marks == "b7k"


def test_a_token_of_before_there_were_marks_is_read() -> None:
    # Made by the first release; its check was computed there.
    token = parse_token("lw1~demo/abba:two~gate=true~1a2b3c4d~2x0.1/2~0596ead2")
    assert token == TOKEN


@pytest.mark.parametrize("marks", ["b7", "b7kk", "b7!", "b7l"])
def test_marks_that_cannot_be_are_refused(marks: str) -> None:
    with pytest.raises(UsageError, match="malformed token: expected a mark for each of 3 steps"):
        parse_token(str(replace(TOKEN, marks=marks)))


def test_a_mark_is_one_of_32_characters_and_tells_most_texts_apart() -> None:
    marks = [mark(f"mutex_lock({name})") for name in range(1000)]
    assert set(marks) == set(MARKS)
    assert len(set(MARKS)) == len(MARKS) == 32
    # Of 1000 neighbours each differs but for a chance of 1 in 32.
    assert sum(one == other for one, other in itertools.pairwise(marks)) < 60


@settings(deadline=None, derandomize=True)
@given(token=tokens_of(), data=st.data())
def test_a_token_that_was_cut_or_mistyped_is_refused(token: Token, data: st.DataObject) -> None:
    text = str(token)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0x~Q"))
    for wrong in (text[:at], text[:at] + other + text[at + 1 :]):
        if wrong != text:
            with pytest.raises(UsageError, match="malformed token"):
                parse_token(wrong)


@pytest.mark.parametrize("text", ["", "lw1", "lw2~a~~b~0~00000000", "x" * 200, "lw1~a~b~c~d~e~f~g"])
def test_what_is_no_token_is_told_what_one_looks_like(text: str) -> None:
    with pytest.raises(UsageError, match="malformed token: expected lw1~DESIGN:CASE~") as error:
        parse_token(text)
    assert len(str(error.value)) < 160


def test_a_parameter_without_a_name_is_named() -> None:
    with pytest.raises(UsageError, match="parameter '=true' is not of the form NAME=VALUE"):
        parse_token(str(Token("a/b:c", (("", "true"),), "v", ())))
