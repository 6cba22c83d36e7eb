"""What a program is called in a token, which version of it that is, and how it is found again."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.testing.trio.execution import AsyncFunction


def _innermost(function: AsyncFunction) -> Value:
    """The function that somebody wrote: without partial() and decorators."""
    at: Value = function
    while isinstance(at, partial):
        at = at.func
    return inspect.unwrap(at)


def name_of(function: AsyncFunction) -> str:
    """`module:qualname`."""
    at = _innermost(function)
    if not hasattr(at, "__qualname__"):
        at = type(at)
    return f"{at.__module__}:{at.__qualname__}"


def version_of(function: AsyncFunction) -> str:
    """A digest of the file that the program stands in; of its code where there is no file."""
    at = _innermost(function)
    if not hasattr(at, "__qualname__"):
        at = type(at)
    try:
        file = inspect.getsourcefile(at)
    except TypeError:
        file = None
    if file is not None and Path(file).is_file():
        content = Path(file).read_bytes().replace(b"\r\n", b"\n")
    else:
        code = getattr(at, "__code__", None)
        content = code.co_code if code is not None else name_of(function).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def function_named(name: str) -> Callable[..., Awaitable[object]]:
    """The function `module:qualname`.  Raises UsageError if it is not there."""
    module, colon, qualname = name.partition(":")
    if not colon or "<locals>" in qualname or module == "__main__":
        raise UsageError(
            f"no command can find the program {name!r}: it is made within a function or a script; "
            "use lockwright.testing.trio.replay(program, token)"
        )
    try:
        at: Value = import_module(module)
        for part in qualname.split("."):
            at = getattr(at, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(f"the program {name!r} is not there: {error}") from None
    if not callable(at):
        raise UsageError(f"the program {name!r} is no function")
    return cast("Callable[..., Awaitable[object]]", at)
