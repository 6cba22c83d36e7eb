"""What each operation of a program of steps tells the lock validator, and keeps for itself.

The kernel's own locking self-tests are such programs: one task performs the steps in order, and
the validator infers from them what several CPUs could do.  Beside locks and interrupts there are
ww mutexes, whose functions check their own state (wwsteps.py), and memory reclaim with its map.

C: lib/locking-selftest.c; mm/page_alloc.c, fs_reclaim_acquire(); include/linux/sched/mm.h,
current_gfp_context(), might_alloc().
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.lockuse import PERCPU, LockKey, LockUse
from lockwright.lockdep import Report, Validator
from lockwright.program.wwsteps import SET, WwSteps

COMM, PID = "swapper/0", 1
MODES = {"W": 0, "r": 1, "R": 2}
SIZE = 0x10  # of a lock in memory

# (outer, inner), with proof of raw lock nesting; 0 inner is not checked
WAIT_TYPES = {
    "raw_spinlock": (0, 2),
    "spinlock": (0, 3),
    "rwlock": (0, 3),
    "local_lock": (0, 3),
    "mutex": (0, 4),
    "rtmutex": (0, 4),
    "rwsem": (0, 4),
    "ww_mutex": (0, 4),
    "ww_acquire_ctx": (0, 0),
    "rcu": (1, 3),
    "rcu_bh": (1, 3),
    "rcu_sched": (1, 2),
    "fs_reclaim": (0, 0),
}
UNCHECKED = ("rcu", "rcu_bh", "rcu_sched")
FS_RECLAIM = LockKey("fs_reclaim", "fs_reclaim", 0, 0)
MMU_NOTIFIER = LockKey("mmu_notifier_invalidate_range_start", "mmu_notifier", 0, 0)

# gfp flags that matter here, by the names of their combinations.  C: include/linux/gfp_types.h
DIRECT_RECLAIM, FS, IO = "__GFP_DIRECT_RECLAIM", "__GFP_FS", "__GFP_IO"
NOLOCKDEP = "__GFP_NOLOCKDEP"
GFP: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("GFP_KERNEL", "GFP_KERNEL_ACCOUNT", "GFP_USER", "GFP_HIGHUSER", "GFP_HIGHUSER_MOVABLE"),
        frozenset({DIRECT_RECLAIM, FS, IO}),
    ),
    "GFP_NOFS": frozenset({DIRECT_RECLAIM, IO}),
    "GFP_NOIO": frozenset({DIRECT_RECLAIM}),
    "__GFP_RECLAIM": frozenset({DIRECT_RECLAIM}),
    **dict.fromkeys(("GFP_ATOMIC", "GFP_NOWAIT"), frozenset[str]()),
}
# by scope: what it takes from every gfp mask of the task; None is PF_MEMALLOC: no reclaim at all
SCOPES: Mapping[str, frozenset[str] | None] = {
    "nofs": frozenset({FS}),
    "noio": frozenset({FS, IO}),
    "noreclaim": None,
}


class Memory(NamedTuple):
    """One lock of a program: its type, its class's key and its address."""

    type: str
    key: LockKey
    address: int


def gfp_flags(text: str) -> frozenset[str]:
    """The flags of a mask: `GFP_KERNEL | __GFP_NOLOCKDEP`, with `& ~__GFP_FS` to take some away."""
    flags: frozenset[str] = frozenset()
    parts = text.replace("&~", "&").replace("& ~", "&").replace("|", " | ").replace("&", " & ")
    sign = "|"
    for word in parts.split():
        if word in "|&":
            sign = word
        elif sign == "|":
            flags |= GFP.get(word, frozenset({word}))
        else:
            flags -= GFP.get(word, frozenset({word}))
    return flags


class Stepping:
    """One task that performs steps under a validator.

    `locks` gives each lock's type (one of WAIT_TYPES) and class name.  `stack` is asked for the
    frames of the step that is being performed.
    """

    def __init__(
        self,
        locks: Mapping[str, tuple[str, str]],
        validator: Validator,
        stack: Callable[[], tuple[Frame, ...]],
    ) -> None:
        self.validator = validator
        self.task = validator.task(COMM, PID)
        self.stack = stack
        self.locks = {
            name: Memory(kind, _key(kind, cls), 0x1000 + SIZE * number)
            for number, (name, (kind, cls)) in enumerate(locks.items())
        }
        self.subclasses = dict.fromkeys(locks, 0)
        self.scopes: list[str] = []
        self.ww = WwSteps(self)
        for memory in self.locks.values():
            validator.init_map(self.task, memory.key, stack, instance=memory.address)

    def perform(self, op: str, lock: str | None, mode: str | None, info: Value) -> Report | None:
        """One step; gives the first report that comes of it."""
        told: dict[str, Value] = info or {}
        if op in IRQ_OPS:
            return IRQ_OPS[op](self)
        if op in GFP_OPS:
            return self._reclaim(op, str(told.get("gfp", "GFP_KERNEL")))
        if op.startswith("memalloc_"):
            return self._scope(*op.removeprefix("memalloc_").rsplit("_", 1))
        if op == SET or op in self.ww.OPS:
            return self.ww.perform(op, lock, told)
        assert lock is not None, op
        return LOCK_OPS[op](self, lock, mode, told)

    # Locks

    def acquire(
        self,
        lock: str,
        read: int = 0,
        *,
        nest: str | None = None,
        trylock: bool = False,
    ) -> Report | None:
        """The validator is told of an acquire."""
        memory = self.locks[lock]
        use = LockUse(
            memory.key,
            self.subclasses[lock],
            memory.address,
            read=read,
            trylock=trylock,
            check=memory.type not in UNCHECKED,
            nest=None if nest is None else self.locks[nest].address,
        )
        return self.validator.acquire(self.task, use, self.stack)

    def release(self, lock: str) -> Report | None:
        """The validator is told of a release."""
        return self.validator.release(self.task, self.locks[lock].address, self.stack)

    def api_warning(self, condition: str) -> Report | None:
        """DEBUG_LOCKS_WARN_ON(condition)."""
        return self.validator.api_warning(self.task, condition, self.stack)

    def freed(self, lock: str) -> Report | None:
        """The lock's memory is initialised again."""
        address = self.locks[lock].address
        return self.validator.freed(self.task, [address], self.stack, address, address + SIZE)

    # Interrupts

    def hardirqs_off(self) -> Report | None:
        """local_irq_disable()"""
        self.validator.hardirqs_off(self.task, self.stack)
        return None

    def hardirqs_on(self) -> Report | None:
        """local_irq_enable()"""
        return self.validator.hardirqs_on(self.task, self.stack)

    def softirqs_off(self) -> Report | None:
        """local_bh_disable()"""
        self.validator.softirqs_off(self.task, self.stack)
        return None

    def softirqs_on(self) -> Report | None:
        """local_bh_enable()"""
        return self.validator.softirqs_on(self.task, self.stack)

    def hardirq_enter(self, *, threaded: bool = True) -> Report | None:
        """A hardirq handler begins."""
        self.validator.hardirq_enter(self.task, threaded=threaded, stack=self.stack)
        return None

    def hardirq_exit(self) -> Report | None:
        """It ends."""
        return self.validator.hardirq_exit(self.task, self.stack)

    def softirq_enter(self) -> Report | None:
        """A softirq handler begins: in these programs it runs with hardirqs off."""
        self.validator.softirq_enter(self.task, self.stack)
        self.validator.hardirqs_off(self.task, self.stack)
        return None

    def softirq_exit(self) -> Report | None:
        """It ends: the context, then hardirqs, then softirqs."""
        self.task.softirq_context -= 1
        hardirq, softirq = self.hardirqs_on(), self.softirqs_on()
        return hardirq or softirq

    # Reclaim

    def _reclaim(self, op: str, mask: str) -> Report | None:
        if op == "might_alloc":
            entered, left = self._reclaim_enter(mask), self._reclaim_leave(mask)
            return entered or left
        enters = op == "fs_reclaim_acquire"
        return self._reclaim_enter(mask) if enters else self._reclaim_leave(mask)

    def _reclaim_enter(self, mask: str) -> Report | None:
        flags = self._allowed(mask)
        if not flags:
            return None
        found = self._map(FS_RECLAIM) if FS in flags else None
        notifier = self._map(MMU_NOTIFIER)
        self.validator.release(self.task, 1, self.stack)
        return found or notifier

    def _reclaim_leave(self, mask: str) -> Report | None:
        if FS in self._allowed(mask):
            return self.validator.release(self.task, self._fs_reclaim().address, self.stack)
        return None

    def _map(self, key: LockKey) -> Report | None:
        memory = self._fs_reclaim() if key is FS_RECLAIM else Memory("", key, 1)
        use = LockUse(memory.key, 0, memory.address)
        return self.validator.acquire(self.task, use, self.stack)

    def _fs_reclaim(self) -> Memory:
        """The program's own map of reclaim, if it declares one."""
        own = [memory for memory in self.locks.values() if memory.type == "fs_reclaim"]
        return own[0] if own else Memory("fs_reclaim", FS_RECLAIM, 2)

    def _allowed(self, mask: str) -> frozenset[str]:
        """What is left of a mask in the task's scopes; nothing if it enters no reclaim."""
        flags = gfp_flags(mask)
        for scope in self.scopes:
            taken = SCOPES[scope]
            if taken is None:
                return frozenset()
            flags -= taken
        return flags if DIRECT_RECLAIM in flags and NOLOCKDEP not in flags else frozenset()

    def _scope(self, scope: str, end: str) -> Report | None:
        if end == "save":
            self.scopes.append(scope)
        elif scope in self.scopes:
            self.scopes.remove(scope)
        return None


def _key(kind: str, cls: str) -> LockKey:
    outer, inner = WAIT_TYPES[kind]
    return LockKey(cls, kind, outer, inner, PERCPU if kind == "local_lock" else "")


def _lock(steps: Stepping, lock: str, mode: str | None, told: Value) -> Report | None:
    return steps.acquire(lock, MODES[mode or "W"], nest=told.get("nest"))


def _unlock(steps: Stepping, lock: str, _mode: str | None, _told: Value) -> Report | None:
    return steps.release(lock)


def _init(steps: Stepping, lock: str, _mode: str | None, _told: Value) -> Report | None:
    return steps.freed(lock)


def _set_subclass(steps: Stepping, lock: str, _mode: str | None, told: Value) -> Report | None:
    steps.subclasses[lock] = told["subclass"]
    return None


def _same_name(steps: Stepping, lock: str, _mode: str | None, _told: Value) -> Report | None:
    """The name belongs to the key, and a new subclass leaves that alone: always so."""
    return None


LOCK_OPS: Mapping[str, Callable[[Stepping, str, str | None, Value], Report | None]] = {
    "lock": _lock,
    "unlock": _unlock,
    "init": _init,
    "set_subclass": _set_subclass,
    "assert_class_name_unchanged": _same_name,
}
IRQ_OPS: Mapping[str, Callable[[Stepping], Report | None]] = {
    "hardirq_disable": Stepping.hardirqs_off,
    "hardirq_enable": Stepping.hardirqs_on,
    "softirq_disable": Stepping.softirqs_off,
    "softirq_enable": Stepping.softirqs_on,
    "hardirq_enter": Stepping.hardirq_enter,
    "hardirq_enter_nothread": lambda steps: steps.hardirq_enter(threaded=False),
    "hardirq_exit": Stepping.hardirq_exit,
    "softirq_enter": Stepping.softirq_enter,
    "softirq_exit": Stepping.softirq_exit,
}
GFP_OPS = ("fs_reclaim_acquire", "fs_reclaim_release", "might_alloc")
MEMALLOC_OPS = tuple(f"memalloc_{scope}_{end}" for scope in SCOPES for end in ("save", "restore"))
