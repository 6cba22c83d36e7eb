"""Golden files: whole texts, compared byte for byte.

LOCKWRIGHT_REWRITE_GOLDEN=1 writes them anew; read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """The text is what the file `name` holds."""
    path = GOLDEN / name
    if os.environ.get("LOCKWRIGHT_REWRITE_GOLDEN") == "1":
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()
