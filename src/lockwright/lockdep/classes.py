"""Lock classes: what the validator reasons about instead of single locks.

A class is a key (one initialisation site) together with a subclass 0..7.  Every rule, every
dependency and every usage bit belongs to a class, so that an order seen once for one pair of
inodes speaks for all pairs of inodes.

C: kernel/locking/lockdep.c, register_lock_class(), get_usage_chars(), zap_class().
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lockwright.core.frame import Frame
from lockwright.core.lockuse import WAIT_CONFIG, WAIT_MAX, LockKey

SUBCLASSES = 8

# Usage bits: in the order of the kernel's enum lock_usage_bit, so that a class dump lists them
# in its order.  The read bit of a state follows its write bit; the ON bits are two further up.
IN_HARDIRQ, IN_HARDIRQ_READ, HARDIRQ_ON, HARDIRQ_ON_READ = 0, 1, 2, 3
IN_SOFTIRQ, IN_SOFTIRQ_READ, SOFTIRQ_ON, SOFTIRQ_ON_READ = 4, 5, 6, 7
USED, USED_READ = 8, 9
IN_NMI = 10  # is never set: a name for reports
STATES = ("HARDIRQ", "SOFTIRQ")

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
    "IN-NMI",
)


class ClassName(NamedTuple):
    """A class as reports print it: (name){usage}-{outer:inner}."""

    name: str
    usage: str
    wait_outer: int
    wait_inner: int


def wait_type(value: int, *, raw_nesting: bool) -> int:
    """The number of a wait type on this kernel.

    Without proof of raw nesting, a spinlock_t is no different from a raw one, and what follows
    moves down by one.
    """
    return value - 1 if not raw_nesting and value >= WAIT_CONFIG else value


class LockClass:
    """One class and what has been seen of it.

    `operations` counts the acquires of this execution.  `skipped`: the searches of the interrupt
    rules do not pass here.
    Invariant: `usage_stacks` has an entry for exactly the bits set in `usage`.
    """

    __slots__ = (
        "index",
        "key",
        "name",
        "operations",
        "skipped",
        "subclass",
        "usage",
        "usage_stacks",
        "wait_inner",
        "wait_outer",
    )

    def __init__(
        self, index: int, key: LockKey, subclass: int, *, version: int, raw_nesting: bool = True
    ) -> None:
        self.index = index
        self.key = key
        self.subclass = subclass
        name = key.name if version == 1 else f"{key.name}#{version}"
        self.name = f"{name}/{subclass}" if subclass else name
        self.wait_inner = wait_type(key.wait_inner, raw_nesting=raw_nesting)
        self.wait_outer = wait_type(key.wait_outer, raw_nesting=raw_nesting) or self.wait_inner
        self.skipped = bool(key.type)
        self.operations = 0
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
        return ClassName(self.name, self.usage_chars(), self.wait_outer, self.wait_inner)


class ClassTable:
    """All classes, in the order in which they were first used.

    Invariant: `_versions[key]` counts the keys of the same name that came before, plus one.
    """

    __slots__ = (
        "_by_key",
        "_classes",
        "_made",
        "_raw_nesting",
        "_versions",
        "_versions_used",
    )

    def __init__(self, *, raw_nesting: bool = True) -> None:
        self._raw_nesting = raw_nesting
        self._made = 0
        self._classes: list[LockClass] = []
        self._by_key: dict[tuple[LockKey, int], LockClass] = {}
        self._versions: dict[LockKey, int] = {}
        self._versions_used: dict[str, int] = {}

    def __iter__(self) -> Iterator[LockClass]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    @property
    def zapped(self) -> int:
        """How many classes were taken away."""
        return self._made - len(self._classes)

    def wait_type(self, value: int = WAIT_MAX) -> int:
        """The number of a wait type on this kernel."""
        return wait_type(value, raw_nesting=self._raw_nesting)

    def get(self, key: LockKey, subclass: int) -> LockClass | None:
        """Look a class up."""
        return self._by_key.get((key, subclass))

    def name_of(self, key: LockKey) -> str:
        """What the classes of a key are called, without their subclass."""
        version = self._versions.get(key, 1)
        return key.name if version == 1 else f"{key.name}#{version}"

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
        made = LockClass(
            self._made, key, subclass, version=self._version(key), raw_nesting=self._raw_nesting
        )
        self._made += 1
        self._classes.append(made)
        self._by_key[key, subclass] = made
        return made

    def forget(self, key: LockKey) -> list[LockClass]:
        """Take the classes of a key away, and give them.  C: zap_class()."""
        gone = [lock for lock in self._classes if lock.key == key]
        self._classes = [lock for lock in self._classes if lock.key != key]
        for lock in gone:
            del self._by_key[key, lock.subclass]
        return gone

    def new_execution(self) -> None:
        """No operation has been done yet."""
        for lock in self._classes:
            lock.operations = 0

    def _version(self, key: LockKey) -> int:
        """The number of this key among those of its name.  C: count_matching_names()."""
        version = self._versions.get(key)
        if version is None:
            version = self._versions_used.get(key.name, 0) + 1
            self._versions[key] = self._versions_used[key.name] = version
        return version
