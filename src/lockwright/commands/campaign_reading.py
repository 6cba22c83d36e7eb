"""`lockwright campaign status`, `export` and `compare`: what a store says."""

from __future__ import annotations

import sys
from pathlib import Path

from lockwright.campaign.compare import compare as compared
from lockwright.campaign.export import export_jsonl, export_parquet
from lockwright.campaign.store import Store
from lockwright.commands.campaign_answers import answers_json, answers_of, print_answers
from lockwright.commands.campaign_changes import changes_text
from lockwright.commands.files import check_apart, try_file
from lockwright.commands.output import Output
from lockwright.core.errors import UsageError

CHANGED = 1


def open_store(name: str, *, write: bool = False) -> Store:
    """The store in a file.  Raises UsageError that names the file."""
    if not name:
        raise UsageError("cannot open the store: the name of the file is empty")
    return Store.open(Path(name), write=write)


def say_answers(out: Output, store: Store, *, fmt: str, quiet: bool) -> int:
    """Print a campaign's answers; returns the exit status that they amount to."""
    with store.snapshot():
        answers = answers_of(store)
    if fmt == "json":
        out.json(answers_json(answers))
    else:
        print_answers(out, answers, quiet=quiet)
    out.close()
    return answers.status


def status(name: str, *, fmt: str, output: str | None, quiet: bool) -> int:
    """Print what there is by now."""
    out = Output(output, name)
    store = open_store(name)
    try:
        return say_answers(out, store, fmt=fmt, quiet=quiet)
    finally:
        store.close()


def export(name: str, output: str, *, parquet: bool) -> int:
    """Write a store for other programs."""
    if not output:
        raise UsageError("cannot write the export: the name of the file is empty")
    store = open_store(name)
    try:
        if parquet:
            export_parquet(store, Path(output))
        elif output == "-":
            export_jsonl(store, sys.stdout)
        else:
            check_apart(Path(output), [name])
            try_file(Path(output))
            export_jsonl(store, Path(output))
    finally:
        store.close()
    return 0


def compare(one: str, other: str, *, fmt: str, output: str | None) -> int:
    """Print what changed from one campaign to the other."""
    out = Output(output, one, other)
    with open_store(one) as before, open_store(other) as after:
        comparison = compared(before, after)
    if fmt == "json":
        out.json(comparison.as_json())
    else:
        out.say(changes_text(comparison, out.width))
    out.close()
    return CHANGED if comparison.changed else 0
