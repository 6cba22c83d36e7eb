"""What models say of locks beside taking them: pins, assertions, keys, contention.

C: kernel/locking/lockdep.c, lock_pin_lock(), lock_is_held_type(), lock_contended(),
lockdep_register_key(), lockdep_init_map_type(), lockdep_off(); match_held_lock().
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lockwright.core.lockuse import LockKey, LockUse
from lockwright.lockdep import findings
from lockwright.lockdep.findings import Findings
from lockwright.lockdep.held import NEST_NOT_HELD, HeldLock, Stack, TaskLocks, Trace, call_site
from lockwright.lockdep.reports import Report

NO_COOKIE = 0
EITHER = -1


def same_class(one: LockUse, other: LockUse) -> bool:
    """Whether two acquires are of one class."""
    return one.key == other.key and one.subclass == other.subclass


class Annotations:
    """Answers from the held stacks, and warns.  `uses` has the last acquire of each instance, and
    `ask` tells the name of one that nobody has acquired yet, or "".

    Invariant: `_pinned` counts the pins of this execution, so that each cookie is another one.
    """

    __slots__ = ("_findings", "_keys", "_names", "_pinned", "_uses", "ask")

    def __init__(self, found: Findings, uses: dict[int, LockUse]) -> None:
        self._findings = found
        self._uses = uses
        self._keys: dict[LockKey, None] = {}
        self._names: dict[int, str] = {}
        self._pinned = 0
        self.ask: Callable[[int], str] | None = None

    def new_execution(self) -> None:
        """Nothing is pinned, and no key is registered."""
        self._keys.clear()
        self._names.clear()
        self._pinned = 0

    def name_of(self, instance: int) -> str:
        """What a lock is called, without version and subclass."""
        use = self._uses.get(instance)
        if use is not None:
            return use.map_name
        asked = self.ask(instance) if self.ask is not None else ""
        return self._names.get(instance) or asked or f"{instance:016x}"

    # Held locks

    def _matches(self, entry: HeldLock, instance: int) -> bool:
        """C: match_held_lock(): the lock itself, or one that was merged into the entry."""
        if entry.use.instance == instance:
            return True
        use = self._uses.get(instance) if entry.references else None
        return use is not None and same_class(entry.use, use)

    def find_held(self, task: TaskLocks, instance: int) -> int:
        """The place of the entry that a release means, from the top.  C: find_held_lock()."""
        held = task.held
        for place in range(len(held) - 1, -1, -1):
            if held[place].node.irq_context != held[-1].node.irq_context:
                break  # a handler does not release the locks of whom it interrupted
            if self._matches(held[place], instance):
                return place
        return NEST_NOT_HELD

    def is_held(self, task: TaskLocks, instance: int, read: int = EITHER) -> bool:
        """Whether a task holds a lock; `read` 0 asks for exclusively, 1 for shared.

        C: lock_is_held_type().  With validation off, or after the last report, the answer is that
        it does: nothing is known.
        """
        if task.outside or not self._findings.active:
            return True
        for entry in task.held:
            if self._matches(entry, instance):
                return read in (EITHER, int(entry.node.read > 0))
        return False

    def contended(
        self, task: TaskLocks, instance: int, stack: Callable[[], Stack]
    ) -> Report | None:
        """A task is about to wait for a lock that it acquires.  C: __lock_contended()."""
        if not self._findings.active or task.outside:
            return None
        if task.held and self.find_held(task, instance) != NEST_NOT_HELD:
            return None
        name, trace = self.name_of(instance), Trace(stack)
        return self._findings.give(
            ("contended", name, call_site(trace())),
            lambda: findings.bad_contention(task, name, trace()),
        )

    # Pins

    def pin(self, task: TaskLocks, instance: int, stack: Callable[[], Stack] = tuple) -> int:
        """The lock is to be held until unpin(); gives the cookie for that.  C: lock_pin_lock()."""
        entry = self._pinnable(task, instance, "pinning", Trace(stack))
        if entry is None:
            return NO_COOKIE
        self._pinned += 1
        entry.pins += self._pinned
        return self._pinned

    def repin(
        self, task: TaskLocks, instance: int, cookie: int, stack: Callable[[], Stack] = tuple
    ) -> None:
        """The pin that was taken off for a while.  C: lock_repin_lock()."""
        entry = self._pinnable(task, instance, "pinning", Trace(stack))
        if entry is not None:
            entry.pins += cookie

    def unpin(
        self, task: TaskLocks, instance: int, cookie: int, stack: Callable[[], Stack] = tuple
    ) -> Report | None:
        """The lock may be released again.  C: lock_unpin_lock()."""
        trace = Trace(stack)
        count = len(self._findings.reports)
        entry = self._pinnable(task, instance, "unpinning", trace)
        if entry is not None and not entry.pins:
            self.warn(task, "unpinning an unpinned lock", trace)
        elif entry is not None:
            entry.pins -= cookie
            if entry.pins < 0:
                entry.pins = 0
                self.warn(task, "pin count corrupted", trace)
        return next(iter(self._findings.reports[count:]), None)

    def _pinnable(self, task: TaskLocks, instance: int, does: str, trace: Trace) -> HeldLock | None:
        if not self._findings.active or task.outside:
            return None
        for entry in task.held:
            if self._matches(entry, instance):
                return entry
        self.warn(task, f"{does} an unheld lock", trace)
        return None

    def released(self, task: TaskLocks, entry: HeldLock, trace: Trace) -> Report | None:
        """A held lock is being released."""
        return self.warn(task, "releasing a pinned lock", trace) if entry.pins else None

    def warn(self, task: TaskLocks, message: str, trace: Trace) -> Report | None:
        """A plain WARN() at this place."""
        return self._findings.warn(
            ("warn", message, call_site(trace())),
            lambda: findings.annotation_warning(task, message, trace()),
        )

    def api_warning(
        self, task: TaskLocks, condition: str, stack: Callable[[], Stack]
    ) -> Report | None:
        """A lock's state is not what its functions rely on.  C: DEBUG_LOCKS_WARN_ON()."""
        trace = Trace(stack)
        return self._findings.give(
            ("api", condition, call_site(trace())),
            lambda: findings.api_warning(task, condition, trace()),
        )

    # Keys

    @property
    def registered(self) -> int:
        """How many keys are registered."""
        return len(self._keys)

    def register_key(self, key: LockKey) -> None:
        """A key that is not static may be used from now on.  C: lockdep_register_key()."""
        self._keys[key] = None

    def unregister_key(self, key: LockKey) -> None:
        """It may not be used any more.  The validator forgets its classes."""
        self._keys.pop(key, None)

    def init_map(
        self,
        task: TaskLocks,
        key: LockKey,
        stack: Callable[[], Stack],
        *,
        address: int | None = None,
        instance: int | None = None,
    ) -> Report | None:
        """A lock is initialised; `address` is the key's, None if that is a static object.

        `instance` is the lock's, so that reports can call it by its name before it is acquired.
        C: lockdep_init_map_type().
        """
        if instance is not None:
            self._names[instance] = key.name
        if address is None or key in self._keys:
            return None
        trace = Trace(stack)
        return self._findings.give(
            ("key", key, call_site(trace())),
            lambda: findings.key_unusable(task, address, trace()),
        )

    def no_key(self, task: TaskLocks, use: LockUse, trace: Trace) -> Report | None:
        """A lock without a key is acquired, not in static memory.  C: assign_lock_key()."""
        return self._findings.give(
            ("no key", use.map_name, call_site(trace())),
            partial(findings.key_unusable, task, None, trace()),
        )

    # Validation off and on

    def off(self, task: TaskLocks) -> None:
        """Nothing that the task does is looked at, until on().  C: lockdep_off()."""
        task.outside += 1

    def on(self, task: TaskLocks) -> None:
        """The end of off().  C: lockdep_on()."""
        task.outside -= 1
