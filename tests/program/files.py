"""Programs written for a test, and what the command says of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lockwright.program.command import run_program_files

DATA = Path(__file__).parent.parent / "data"


def written(folder: Path, program: object) -> Path:
    """A file that holds the program, or the text if it is one."""
    path = folder / "program.json"
    text = program if isinstance(program, str) else json.dumps(program)
    path.write_text(text, encoding="utf-8")
    return path


def run(folder: Path, program: object) -> list[dict[str, Any]]:
    """The entries of the command's JSON."""
    text, _ = run_program_files([written(folder, program)], fmt="json")
    entries: list[dict[str, Any]] = json.loads(text)["programs"]
    return entries


def one(folder: Path, program: object) -> dict[str, Any]:
    """The only entry."""
    (entry,) = run(folder, program)
    return entry
