"""Lock classes: what the validator reasons about instead of single locks.

A class is a key (one initialisation site) together with a subclass 0..7.  Every rule, every
dependency and every usage bit belongs to a class, so that an order seen once for one pair of
inodes speaks for all pairs of inodes.

C: kernel/locking/lockdep.c, register_lock_class(), get_usage_chars(), mark_usage().
Left out: dynamic keys, classes whose memory goes away, the limits on numbers of anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lockwright.core.frame import Frame
from lockwright.core.lockuse import LockKey

SUBCLASSES = 8

# Usage bits: in the order of the kernel's enum lock_usage_bit, so that a class dump lists them
# in its order.  The read bit of a state follows its write bit; the ON bits are two further up.
IN_HARDIRQ, IN_HARDIRQ_READ, HARDIRQ_ON, HARDIRQ_ON_READ = 0, 1, 2, 3
IN_SOFTIRQ, IN_SOFTIRQ_READ, SOFTIRQ_ON, SOFTIRQ_ON_READ = 4, 5, 6, 7
USED, USED_READ = 8, 9

USAGE_NAMES = (
    "IN-HARDIRQ-W",
    "IN-HARDIRQ-R",
    "HARDIRQ-ON-W",
    "HARDIRQ-ON-R",
    "IN-SOFTIRQ-W",
    "IN-SOFTIRQ-R",
    "SOFTIRQ-ON-W",
    "SOFTIRQ-ON-R",
    "INITIAL USE",
    "INITIAL READ USE",
)


class ClassName(NamedTuple):
    """A class as reports print it: (name){usage}-{outer:inner}."""

    name: str
    usage: str
    wait_outer: int
    wait_inner: int


class LockClass:
    """One class and what has been seen of it.

    Invariant: `usage_stacks` has an entry for exactly the bits set in `usage`.
    """

    __slots__ = ("index", "key", "name", "subclass", "usage", "usage_stacks")

    def __init__(self, index: int, key: LockKey, subclass: int, *, version: int) -> None:
        self.index = index
        self.key = key
        self.subclass = subclass
        name = key.name if version == 1 else f"{key.name}#{version}"
        self.name = f"{name}/{subclass}" if subclass else name
        self.usage = 0
        self.usage_stacks: dict[int, tuple[Frame, ...]] = {}

    def __repr__(self) -> str:
        return f"<LockClass {self.index} {self.name}>"

    def usage_chars(self) -> str:
        """The four characters: hardirq write, hardirq read, softirq write, softirq read."""
        bits = (IN_HARDIRQ, IN_HARDIRQ_READ, IN_SOFTIRQ, IN_SOFTIRQ_READ)
        return "".join(self._usage_char(bit) for bit in bits)

    def _usage_char(self, bit: int) -> str:
        """C: get_usage_char(); `bit` is the IN bit, its ON bit stands two further up."""
        seen_in = self.usage >> bit & 1
        seen_on = self.usage >> (bit + 2) & 1
        return (".+", "-?")[seen_in][seen_on]

    def printed(self) -> ClassName:
        """How the class prints now: later uses may change its usage."""
        key = self.key
        return ClassName(
            self.name, self.usage_chars(), key.wait_outer or key.wait_inner, key.wait_inner
        )


class ClassTable:
    """All classes, in the order in which they were first used.

    Invariant: `_versions[key]` counts the keys of the same name that came before, plus one.
    """

    __slots__ = ("_by_key", "_classes", "_versions", "_versions_used")

    def __init__(self) -> None:
        self._classes: list[LockClass] = []
        self._by_key: dict[tuple[LockKey, int], LockClass] = {}
        self._versions: dict[LockKey, int] = {}
        self._versions_used: dict[str, int] = {}

    def __iter__(self) -> Iterator[LockClass]:
        return iter(self._classes)

    def find(self, key: LockKey, subclass: int) -> LockClass:
        """Look a class up, or register it.  C: register_lock_class().

        Raises: ValueError if the subclass is not one of 0..7.
        """
        found = self._by_key.get((key, subclass))
        if found is not None:
            return found
        if not 0 <= subclass < SUBCLASSES:
            raise ValueError(
                f"lock {key.name} acquired with subclass {subclass}: a key has subclasses 0 to 7"
            )
        made = LockClass(len(self._classes), key, subclass, version=self._version(key))
        self._classes.append(made)
        self._by_key[key, subclass] = made
        return made

    def _version(self, key: LockKey) -> int:
        """The number of this key among those of its name.  C: count_matching_names()."""
        version = self._versions.get(key)
        if version is None:
            version = self._versions_used.get(key.name, 0) + 1
            self._versions[key] = self._versions_used[key.name] = version
        return version
