"""Where in its source a function of a project stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def place_of(function: Callable[..., object]) -> str:
    """`stress/scenarios.py, line 12`, from the current directory on; empty if nobody knows."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ""
    path = Path(code.co_filename)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown.as_posix()}, line {code.co_firstlineno}"
