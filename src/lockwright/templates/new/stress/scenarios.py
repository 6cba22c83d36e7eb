"""Who runs against whom."""

from __future__ import annotations

from lockwright.core.world import World
from lockwright.scenario import scenario

from invariants.money import no_money_is_lost
from model.transfer import Account, transfer


@scenario("demo/transfer:buggy", at_end=(no_money_is_lost,), sorted_locks=False)
def buggy(world: World, *, sorted_locks: bool) -> None:
    """Two transfers in opposite directions, each mutex taken as it comes."""
    alice, bob = Account(world, "alice", 10), Account(world, "bob", 10)
    world.state = ((alice, bob), 20)
    world.spawn(transfer(alice, bob, 3, sorted_locks=sorted_locks), "to-bob")
    world.spawn(transfer(bob, alice, 5, sorted_locks=sorted_locks), "to-alice")


fixed = buggy.variant(
    "fixed",
    title="Two transfers in opposite directions, the mutexes taken in one order.",
    sorted_locks=True,
)
