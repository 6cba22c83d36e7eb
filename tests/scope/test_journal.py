"""A scope written down: what is read back, what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.calls import Call, Calls
from lockwright.core.errors import UsageError
from lockwright.options import Options
from lockwright.scope import Scope, ScopeSession, explore_scope
from lockwright.scope.journal import head_line, is_journal, read_journal, take_up, telling_line
from tests.scope.designs import FINE, PAIR

OPTIONS = Options(version="abc")


def session_of(
    made: Calls = PAIR, tasks: int = 2, operations: int = 1, options: Options = OPTIONS
) -> ScopeSession:
    return ScopeSession(Scope(made, tasks, operations), options)


def written() -> str:
    """The journal of a scope that was explored."""
    session = session_of()
    lines = [head_line(session)]
    session.keep = lambda telling: lines.append(telling_line(telling))
    session.explore()
    return "".join(f"{line}\n" for line in lines)


TEXT = written()
WHOLE = explore_scope(PAIR, tasks=2, operations=1, options=OPTIONS).as_json()


def test_a_journal_has_a_line_for_each_program() -> None:
    journal = read_journal(TEXT)
    assert is_journal(TEXT)
    assert (journal.scope, journal.head.scenario) == ("tasks=2,operations=1", "bank/pair")
    assert list(journal.tellings) == [
        "calls(ab)",
        "calls(ba)",
        "calls(ab|ab)",
        "calls(ab|ba)",
        "calls(ba|ba)",
    ]


def test_a_journal_that_ends_anywhere_goes_on_to_the_same_result() -> None:
    head = TEXT.index("\n") + 1
    for end in (head, head + 1, len(TEXT) // 2, len(TEXT) - 2, len(TEXT) - 1, len(TEXT)):
        journal = read_journal(TEXT[:end])
        assert len(journal.tellings) >= TEXT[head:end].count("\n")
        session = session_of()
        take_up(session, journal)
        assert session.explore().as_json() == WHOLE


@pytest.mark.parametrize("at", [0, 20, 30, 60])
def test_a_line_within_that_was_changed_is_refused(at: int) -> None:
    lines = TEXT.splitlines(keepends=True)
    lines[2] = f"{lines[2][:at]}%{lines[2][at + 1 :]}"
    with pytest.raises(UsageError, match=r"^malformed checkpoint: the check of line 3 does not"):
        read_journal("".join(lines))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "^it is no checkpoint of a scope: expected a line"),
        ("lockwright checkpoint 1 0\n{}\n", "^it is no checkpoint of a scope: expected a line"),
        (TEXT.replace("scope 1", "scope 9", 1), "of a scope, version '9': this lockwright reads"),
        (TEXT[:60], "^malformed checkpoint: its check does not fit"),
        ("lockwright scope 1 3bb935c6 []\n", "^malformed checkpoint: its check does not fit"),
        ("lockwright scope 1 a3830348 {}\n", "^malformed checkpoint: "),
    ],
)
def test_what_is_no_journal_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_journal(text)


def other(
    alphabet: tuple[Call, ...] = PAIR.alphabet, alike: tuple[tuple[str, ...], ...] = ()
) -> Calls:
    return replace(PAIR, alphabet=alphabet, alike=alike)


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (session_of(FINE), "another design\nexpected: bank/fine\ngot: bank/pair$"),
        (
            session_of(tasks=3),
            "another scope\nexpected: tasks=3,operations=1\ngot: tasks=2,operations=1$",
        ),
        (
            session_of(options=replace(OPTIONS, version="abd")),
            "another version of the model\nexpected: abd\ngot: abc$",
        ),
        (
            session_of(other((Call("ab"),))),
            r"another alphabet\nexpected: calls\(ab\)\ngot: calls\(ab;ba\)$",
        ),
        (session_of(other(alike=(("x",),))), r"another alphabet\nexpected: calls\(ab;ba\),calls"),
        (
            session_of(options=replace(OPTIONS, strategy="dfs")),
            "another option strategy\nexpected: dfs\ngot: dpor$",
        ),
        (
            session_of(options=replace(OPTIONS, rules=("deadlock", "leak"))),
            "another option rules\nexpected: deadlock,leak\ngot: deadlock,",
        ),
        (
            ScopeSession(Scope(PAIR, 2, 1), OPTIONS, {"memory": "tso"}),
            "another parameter memory\nexpected: tso\ngot: none$",
        ),
    ],
)
def test_another_scope_is_refused(session: ScopeSession, said: str) -> None:
    with pytest.raises(UsageError, match=f"^the checkpoint is of {said}"):
        take_up(session, read_journal(TEXT))
