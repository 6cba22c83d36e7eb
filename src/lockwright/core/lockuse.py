"""What a lock tells when it is taken: its class, and how.

The machine's primitives and the lock validator share these words, and nothing else.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

EXCLUSIVE = 0
READER = 1
RECURSIVE_READER = 2

# Wait types, as with proof of raw nesting; 0 is not checked.  C: enum lockdep_wait_type.
WAIT_FREE, WAIT_SPIN, WAIT_CONFIG, WAIT_SLEEP, WAIT_MAX = 1, 2, 3, 4, 5

# Lock types.  C: enum lockdep_lock_type.
PERCPU = "percpu"
OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class LockKey:
    """What gives a class its identity: the place where its locks are initialised.

    `site` tells two keys of one name apart; the second one prints as name#2.  Wait types: what a
    lock may be taken in (`wait_outer`, 0 is the same as inner) and what may be taken in it
    (`wait_inner`).  `type` is "", PERCPU for a local_lock, or OVERRIDE for a map that does
    nothing but set the wait context.
    """

    name: str
    site: str = ""
    wait_outer: int = 0
    wait_inner: int = WAIT_SLEEP
    type: str = ""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Every acquire looks its key up, and a generated __hash__ would build a tuple each time.
        value = hash((self.name, self.site, self.wait_outer, self.wait_inner, self.type))
        object.__setattr__(self, "_hash", value)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[builtins.type[LockKey], tuple[str, str, int, int, str]]:
        # A string hashes to another number in another process.
        return LockKey, (self.name, self.site, self.wait_outer, self.wait_inner, self.type)


NO_KEY = LockKey("", "no key", 0, 0)
"""The key of a lock that nobody initialised, in memory that is not static."""


class LockUse(NamedTuple):
    """One acquire as the primitive tells it: the arguments of lock_acquire().

    `function` is the primitive that was called, `instance` the lock's address, `name` what the
    lock itself is called where that differs from its key, `nest` the instance of the lock that
    serialises this nesting and `nest_name` what that is called.  `check` is False for RCU's maps
    and for locks of the novalidate class: they are held, and take no part in any order.  `compare`
    is what lock_set_cmp_fn() set: negative if the first instance may be held while the second one
    is taken; `show` is what its printing function adds to the class's name.
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
    compare: Callable[[int, int], int] | None = None
    show: Callable[[int], str] | None = None
    nest_name: str = ""

    @property
    def class_name(self) -> str:
        """The class with its subclass, without version: `eventfs_rwsem/1`."""
        return f"{self.key.name}/{self.subclass}" if self.subclass else self.key.name

    @property
    def map_name(self) -> str:
        """The lock's own name, without version and subclass."""
        return self.name or self.key.name
