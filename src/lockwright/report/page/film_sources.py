"""A function's source text with its colours, as data: the page makes text of it, never markup."""

from __future__ import annotations

from itertools import groupby
from textwrap import dedent

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String

from lockwright.core.location import Value

PLAIN, KEYWORD, STRING, COMMENT, NUMBER, NAME = range(6)
"""What a piece of a source text is; the page's style has a class for each."""

KINDS = (
    (Comment, COMMENT),
    (String, STRING),
    (Number, NUMBER),
    (Keyword, KEYWORD),
    (Operator.Word, KEYWORD),
    (Name.Function, NAME),
    (Name.Class, NAME),
    (Name.Decorator, NAME),
)


def coloured(source: str, first: int, size: int) -> list[Value] | None:
    """Lines `first` to `first + size - 1` of a source: [first, text, [kind, length, ...]].

    The lines lose the indentation that all of them have.  The lengths, in UTF-16 units as a
    browser counts, add up to that of the text.  None if the source has no such lines.
    """
    lines = source.split("\n")
    if not 1 <= first <= len(lines) or size < 1:
        return None
    text = dedent("\n".join(lines[first - 1 : first - 1 + size])).rstrip()
    pieces = [(_kind(token), value) for token, value in _lexer().get_tokens(text)]
    runs = []
    for kind, group in groupby(_spread(pieces), key=lambda piece: piece[0]):
        runs += [kind, sum(_units(value) for _, value in group)]
    return [first, text, runs]


def _lexer() -> PythonLexer:
    return PythonLexer(stripnl=False, ensurenl=False)


def _spread(pieces: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """White space takes the colour of what stands before it: fewer runs, the same picture."""
    spread: list[tuple[int, str]] = []
    for kind, value in pieces:
        blank = not value.strip() and spread
        spread.append((spread[-1][0] if blank else kind, value))
    return spread


def _kind(token: Value) -> int:
    return next((kind for parent, kind in KINDS if token in parent), PLAIN)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
