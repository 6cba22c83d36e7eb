"""`python -m invariants`: the catalogue as a table."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from invariants.catalogue import CATALOGUE


@click.command()
def main() -> None:
    """Print what is promised of every design, and what sees it broken."""
    table = Table("", "promise", "seen broken by", "for example", show_lines=True)
    for one in CATALOGUE:
        seen = (*(check.__name__ for check in (*one.checks, *one.special)), *one.rules)
        table.add_row(one.id, one.sentence, "\n".join(seen), "\n".join(one.broken_by))
    Console().print(table)


if __name__ == "__main__":
    main()
