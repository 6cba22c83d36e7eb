"""Plain data as text, and back: what Python's own notation can say.

    +[1,%20(2,%20'a')]        in a program's name, percent-encoded

Numbers, text, bytes, lists, tuples, dictionaries and sets of such.  A name in the text is for the
caller to give a meaning to: `write(value, name)` and `read(text, named)` ask it for each, so that a
structure can hold what no literal says.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable

from lockwright.core.errors import UsageError
from lockwright.core.location import Value

FLOATS = {"inf": math.inf, "nan": math.nan}


def write(value: Value, name: Callable[[Value], str]) -> str:
    """The text of a value, the same in every process.

    `name` gives that of what is a name; for all other values the empty text.  What no literal says
    is as `repr` has it, which `read` refuses.
    """
    if named := name(value):
        return named
    kind = type(value)
    if kind is list:
        return f"[{_joined(value, name)}]"
    if kind is tuple:
        return f"({_joined(value, name)}{',' if len(value) == 1 else ''})"
    if kind is set and value:
        return f"{{{', '.join(sorted(write(item, name) for item in value))}}}"
    if kind is dict:
        return f"{{{', '.join(f'{write(k, name)}: {write(v, name)}' for k, v in value.items())}}}"
    return repr(value)


def _joined(items: Iterable[Value], name: Callable[[Value], str]) -> str:
    return ", ".join(write(item, name) for item in items)


def read(text: str, named: Callable[[str], Value]) -> Value:
    """The value that `write` gave the text of; `named` is asked for that of each name in it.

    Raises UsageError for anything else, and so may `named`.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"{text!r} is no literal") from None
    return _Reader(text, named).value(tree)


class _Reader:
    """Evaluates one expression of literals."""

    def __init__(self, text: str, named: Callable[[str], Value]) -> None:
        self.text = text
        self.named = named

    def value(self, node: ast.expr) -> Value:
        """What a part of the expression says."""
        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                return FLOATS[name] if name in FLOATS else self.named(name)
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
                return -value
            case ast.UnaryOp(ast.USub(), ast.Name("inf")):
                return -math.inf
            case ast.List(items):
                return [self.value(item) for item in items]
            case ast.Tuple(items):
                return tuple(self.value(item) for item in items)
            case ast.Set(items):
                return self.checked(set, [self.value(item) for item in items])
            case ast.Call(ast.Name("set"), [], []):
                return set()
            case ast.Dict(keys, values) if None not in keys:
                pairs = zip(keys, values, strict=True)
                return self.checked(dict, [(self.value(k), self.value(v)) for k, v in pairs if k])
        raise UsageError(f"{self.text!r} is no literal")

    def checked(self, kind: Callable[[Value], Value], items: Value) -> Value:
        """A container of keys.  Raises UsageError where one of these cannot be a key."""
        try:
            return kind(items)
        except TypeError:
            raise UsageError(f"{self.text!r} has a key that cannot be one") from None
