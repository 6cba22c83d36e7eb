"""What a lock tells when it is taken: its class, and how.

The machine's primitives and the lock validator share these words, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

EXCLUSIVE = 0
READER = 1
RECURSIVE_READER = 2


@dataclass(frozen=True, slots=True)
class LockKey:
    """What gives a class its identity: the place where its locks are initialised.

    `site` tells two keys of one name apart; the second one prints as name#2.  An outer wait type
    of 0 prints as the inner one.  Wait types count as without proof of raw nesting: 2 spins,
    3 sleeps.
    """

    name: str
    site: str = ""
    wait_outer: int = 0
    wait_inner: int = 3
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every acquire looks its key up, and a generated __hash__ would build a tuple each time.
        value = hash((self.name, self.site, self.wait_outer, self.wait_inner))
        object.__setattr__(self, "_hash", value)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[LockKey], tuple[str, str, int, int]]:
        # A string hashes to another number in another process.
        return LockKey, (self.name, self.site, self.wait_outer, self.wait_inner)


class LockUse(NamedTuple):
    """One acquire as the primitive tells it: the arguments of lock_acquire().

    `function` is the primitive that was called, `instance` the lock's address, `name` what the
    lock itself is called where that differs from its key, `nest` the instance of the lock that
    serialises this nesting.
    """

    key: LockKey
    subclass: int
    instance: int
    read: int = EXCLUSIVE
    trylock: bool = False
    function: str = ""
    sync: bool = False
    check: bool = True
    nest: int | None = None
    name: str = ""

    @property
    def class_name(self) -> str:
        """The class with its subclass, without version: `eventfs_rwsem/1`."""
        return f"{self.key.name}/{self.subclass}" if self.subclass else self.key.name

    @property
    def map_name(self) -> str:
        """The lock's own name, without version and subclass."""
        return self.name or self.key.name
