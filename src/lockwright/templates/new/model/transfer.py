"""Two accounts, each with a mutex of its own, and money that moves between them."""

from __future__ import annotations

from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab


class Account(Slab):
    """An account.  Invariant: `balance` is read and written under `mutex`.

    `balance` is a `Field`, so that Lockwright sees who touches it.
    """

    balance: Field[int] = Field(0)

    def __init__(self, world: World, name: str, balance: int) -> None:
        super().__init__(world, name)
        self.balance = balance
        self.mutex = Mutex(world, f"{name}_mutex")


async def transfer(source: Account, target: Account, amount: int, *, sorted_locks: bool) -> None:
    """Move money.  `sorted_locks` takes the mutexes in the order of the accounts' names."""
    first, second = source, target
    if sorted_locks and second.name < first.name:
        first, second = second, first
    await first.mutex.lock()
    await second.mutex.lock()
    source.balance -= amount
    target.balance += amount
    await second.mutex.unlock()
    await first.mutex.unlock()
