"""The locks of one execution, by what there is to know them by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.core.native import slots_in
from lockwright.core.operation import Operation
from lockwright.core.timeline import Lock as Shown
from lockwright.core.world import World
from lockwright.filming.values import numbered
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.fairlock import FairLock
from lockwright.kernel.graceperiod import Domain
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.lockmap import LockMap
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.percpu_rwsem import PercpuRwSem
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rtmutex import RtMutex
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.seqlock import SeqCount
from lockwright.kernel.softirq import Timer
from lockwright.kernel.spinlock import RawSpinLock, SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.work import Work, WorkQueue
from lockwright.kernel.ww_ctx import WwAcquireCtx, WwMutex

KINDS: tuple[tuple[type[Location], str], ...] = (
    (RtMutex, "rt_mutex"),
    (Mutex, "mutex"),
    (RwSem, "rwsem"),
    (PercpuRwSem, "percpu_rwsem"),
    (RwLock, "rwlock"),
    (RawSpinLock, "raw_spinlock"),
    (SpinLock, "spinlock"),
    (BitSpinLock, "bit_spinlock"),
    (LocalLock, "local_lock"),
    (Rcu, "rcu"),
    (Srcu, "srcu"),
    (WwMutex, "ww_mutex"),
    (WwAcquireCtx, "ww_acquire"),
    (SeqCount, "seqcount"),
    (Work, "work"),
    (WorkQueue, "workqueue"),
    (Timer, "timer"),
    (LockMap, "map"),
)
"""What a lock is, by its class; the first one that fits."""
MAP = "map"
TELLING = (
    Mutex,
    FairLock,
    SpinLock,
    BitSpinLock,
    LocalLock,
    Domain,
    WwMutex,
    WwAcquireCtx,
    SeqCount,
    LockMap,
)
"""Locks whose own state says who holds them.  Of all others the validator's events do: of what runs
under a work item, a queue or a timer, and of locks that a model makes itself."""

ClassNames = Callable[[LockKey], str]
"""Gives the name of a class, without its subclass, as the validator prints it."""


def plain_name(key: LockKey) -> str:
    """The name of a class where nobody tells classes of one name apart."""
    return key.name


class Locks:
    """Invariant: `known` has all locks that were met, by `key_of`, in order of first sight;
    `numbers` has, by the same, the places in `listed` of those that somebody held or waited for."""

    def __init__(self, world: World, names: ClassNames) -> None:
        self.world = world
        self.names = names
        self.known: dict[int, Location] = {}
        self.listed: list[Shown] = []
        self.numbers: dict[int, int] = {}
        self.used: dict[str, int] = {}

    def meet(self, location: Location | None) -> None:
        """A location was seen that might be a lock."""
        if isinstance(location, Lock | BitSpinLock):
            self.known.setdefault(key_of(location), location)

    def number(self, key: int, use: LockUse | None = None) -> int:
        """The place of a lock among those that are told of; `use` is what its acquire told."""
        at = self.numbers.get(key)
        if at is None:
            at = self.numbers[key] = len(self.listed)
            self.listed.append(self._shown(self.known.get(key), use))
        return at

    def _shown(self, lock: Location | None, use: LockUse | None) -> Shown:
        if lock is None:
            assert use is not None, "a lock that nobody has seen was acquired"
            return Shown(numbered(self.used, use.map_name), self.names(use.key), MAP, use.instance)
        kind = next((kind for cls, kind in KINDS if isinstance(lock, cls)), type(lock).__name__)
        name = numbered(self.used, lock.name)
        if isinstance(lock, Lock):
            return Shown(name, self.names(lock.cls), kind, lock.address)
        return Shown(name, "", kind)


def key_of(lock: Location) -> int:
    """What a lock is known by: its address; a lock bit has none."""
    return lock.address if isinstance(lock, Lock) else ~lock.number


def tells(lock: Location | None) -> bool:
    """Does its own state say who holds it?"""
    return isinstance(lock, TELLING)


def lock_of(operation: Operation) -> Location | None:
    """The lock that an operation is about, if it is about one."""
    for found in (operation.loc, getattr(operation, "lock", None), getattr(operation, "map", None)):
        if isinstance(found, Lock | BitSpinLock):
            return found
    return None


def locations_in(operation: Operation) -> Iterator[Location]:
    """All locations that an operation holds, as `loc` or by whatever name."""
    cls: type = type(operation)
    for name in _names_in(cls):
        found = getattr(operation, name, None)
        if isinstance(found, Location):
            yield found


@cache
def _names_in(cls: type) -> tuple[str, ...]:
    slots = [name for base in cls.__mro__ for name in slots_in(base)]
    return tuple(dict.fromkeys(("loc", "lock", *slots)))
