"""The real reports, and what a separate reader of regular expressions made of each."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

from lockwright.report.read import Log, ParsedReport, read

SPLATS = Path(__file__).parent.parent.parent / "data" / "splats"


class Expected(TypedDict, total=False):
    comm: str
    pid: int
    first_lock: str
    holding: str
    released: str
    chain: list[list[int | str]]
    held_count: int
    held: list[str]


class Entry(TypedDict):
    file: str
    complete: bool
    kinds: list[str]
    kernel: str | None
    wrapped: bool
    expect: Expected


def entries() -> list[Entry]:
    index: list[Entry] = json.loads((SPLATS / "INDEX.json").read_text(encoding="utf-8"))
    return index


def number(entry: Entry) -> str:
    return entry["file"][:3]


@cache
def text(start: str) -> str:
    """A file of the corpus, by how its name begins."""
    (path,) = SPLATS.glob(f"{start}*.txt")
    return path.read_text(encoding="utf-8")


@cache
def log(start: str) -> Log:
    return read(text(start))


def report(start: str, kind: str) -> ParsedReport:
    return next(report for report in log(start).reports if report.kind == kind)
