"""What a command reads: a file, or standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from lockwright.core.errors import UsageError

STDIN = "standard input"


def standard_input() -> bytes:
    """All of it.  Raises UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError(f"cannot read {STDIN}: it is closed")
    return sys.stdin.buffer.read()


def content_of(name: str) -> bytes:
    """What a file holds.  Raises UsageError."""
    try:
        return Path(name).read_bytes()
    except ValueError:  # a name with a NUL in it
        raise UsageError(f"cannot read {name!r}: that is no name of a file") from None
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
