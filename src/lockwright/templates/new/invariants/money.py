"""What must hold of the accounts when all tasks are done."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.world import World


def no_money_is_lost(world: World) -> Iterator[str]:
    """The balances add up to what was there at the beginning."""
    accounts, total = world.state
    found = sum(account.balance for account in accounts)
    if found != total:
        yield f"the accounts hold {found}, and held {total}"
