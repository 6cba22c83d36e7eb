"""`python -m invariants`: the catalogues as tables."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from invariants.catalogue import CATALOGUE, Invariant
from invariants.remote import PROMISES


@click.command()
def main() -> None:
    """Print what is promised of every design, and what sees it broken."""
    for title, promises in (
        ("eventfs, tracefs and kernfs", CATALOGUE),
        ("watches on a remote file system", PROMISES),
    ):
        Console().print(_table(title, promises))


def _table(title: str, promises: Sequence[Invariant]) -> Table:
    table = Table("", "promise", "seen broken by", "for example", title=title, show_lines=True)
    for one in promises:
        seen = (*(check.__name__ for check in (*one.checks, *one.special)), *one.rules)
        table.add_row(one.id, one.sentence, "\n".join(seen), "\n".join(one.broken_by))
    return table


if __name__ == "__main__":
    main()
