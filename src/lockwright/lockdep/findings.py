"""From the validator's state to a report: what each kind holds, copied at that moment.

The machine's stacks begin at the primitive (down_write); the kernel's own reports also show the
validator's frames below it.  Those are put in here, with +0x0/0x1 as their place.  The reports on
interrupts are made in irqfindings.py.
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.frame import Frame
from lockwright.core.lockuse import LockUse
from lockwright.lockdep.classes import LockClass
from lockwright.lockdep.held import ChainNode, HeldLock, Stack, TaskLocks, Trace, call_site
from lockwright.lockdep.reports import (
    AnnotationReport,
    ApiReport,
    BadUnlockReport,
    ChainEntry,
    CircularReport,
    ContendReport,
    HeldFreedReport,
    KeyReport,
    LimitReport,
    LockAt,
    NestLockReport,
    RecursiveReport,
    Report,
    StillHeldReport,
    UserReturnReport,
    WaitContextReport,
    Who,
)
from lockwright.lockdep.search import TYPE_NAMES, PathStep


class Findings:
    """The reports given so far; each distinct one is given once.

    Invariant: `active` is False only if the first report was to be the last, or if the validator
    has run out of something.
    """

    __slots__ = ("_first_only", "_given", "active", "reports")

    def __init__(self, *, first_only: bool) -> None:
        self._first_only = first_only
        self._given: dict[tuple[object, ...], None] = {}
        self.active = True
        self.reports: list[Report] = []

    def give(self, identity: tuple[object, ...], make: Callable[[], Report]) -> Report | None:
        """Make and keep a report, unless one of the same identity was given before."""
        report = self.warn(identity, make)
        if report is not None:
            self.active = not self._first_only
        return report

    def warn(self, identity: tuple[object, ...], make: Callable[[], Report]) -> Report | None:
        """The same, for a report that does not switch the validator off."""
        if not self.active or identity in self._given:
            return None
        self._given[identity] = None
        report = make()
        self.reports.append(report)
        return report

    def give_last(self, make: Callable[[], Report]) -> Report | None:
        """A report after which nothing can be checked any more."""
        report = self.warn(("limit",), make)
        self.active = False
        return report


class Attempt:
    """One acquire that is being checked: it would take `task` from its node to `node`."""

    __slots__ = ("node", "task", "trace", "use")

    def __init__(self, task: TaskLocks, use: LockUse, node: ChainNode, trace: Trace) -> None:
        self.task = task
        self.use = use
        self.node = node
        self.trace = trace

    @property
    def lock(self) -> LockClass:
        """The class that is being acquired."""
        return self.node.lock

    @property
    def read(self) -> int:
        """How it is being acquired."""
        return self.node.read

    def lock_at(self) -> LockAt:
        """The lock that is being acquired."""
        return _lock_at(self.use, self.node, call_site(self.trace()))

    def frames(self, *reporters: str) -> Stack:
        """The call chain down to `reporters`, which are given innermost first."""
        entry = "lock_sync" if self.use.sync else "lock_acquire"
        return below(self.trace(), *reporters, "__lock_acquire", entry)


class HeldMark:
    """A held lock that gets a usage bit; `functions` are the validator's, innermost first."""

    __slots__ = ("_entry", "_functions", "lock", "read", "task", "trace")

    def __init__(
        self, task: TaskLocks, entry: HeldLock, trace: Trace, functions: tuple[str, ...]
    ) -> None:
        self._entry = entry
        self._functions = functions
        self.task = task
        self.lock = entry.node.lock
        self.read = entry.node.read
        self.trace = trace

    def lock_at(self) -> LockAt:
        """The lock, where it was acquired."""
        return lock_at(self._entry)

    def frames(self, *reporters: str) -> Stack:
        """The call chain down to `reporters`, which are given innermost first."""
        return below(self.trace(), *reporters, *self._functions)


def below(stack: Stack, *functions: str) -> Stack:
    """A stack with functions of the validator put below it, innermost first."""
    return (*(Frame(function, 0, 1) for function in functions), *stack)


def who(task: TaskLocks) -> Who:
    """The task as reports name it."""
    return Who(task.comm, task.pid, task.cpu)


def _lock_at(use: LockUse, node: ChainNode, site: Frame) -> LockAt:
    note = "" if use.show is None else use.show(use.instance)
    return LockAt(use.instance, node.lock.printed(), node.read, site, note)


def lock_at(entry: HeldLock) -> LockAt:
    """A held lock as reports show it."""
    return _lock_at(entry.use, entry.node, entry.site)


def held_locks(task: TaskLocks) -> tuple[LockAt, ...]:
    """All that a task holds, oldest first."""
    return tuple(lock_at(entry) for entry in task.held)


def circular(
    attempt: Attempt, entry: HeldLock, path: tuple[PathStep, ...], closing: int
) -> CircularReport:
    """C: print_circular_bug().  `closing` is the type of the new edge held -> new."""
    task = attempt.task
    locks = [step.edge.held for step in path]
    down = range(len(path), 0, -1)
    chain = [ChainEntry(i, path[i - 1].edge.new.printed(), path[i - 1].stack()) for i in down]
    chain.append(ChainEntry(0, attempt.node.lock.printed(), attempt.frames()))
    types = [step.type for step in path] + [closing]
    return CircularReport(
        who=who(task),
        new=attempt.lock_at(),
        sync=attempt.use.sync,
        locked=lock_at(entry),
        parent=locks[-1].printed(),
        chain=tuple(chain),
        cycle=(*(lock.name for lock in locks), entry.node.lock.name),
        cycle_types=tuple(TYPE_NAMES[bit] for bit in types),
        held=held_locks(task),
        backtrace=attempt.frames("dump_stack_lvl", "check_noncircular"),
    )


def cycle_identity(
    path: tuple[PathStep, ...], held: LockClass, closing: int
) -> tuple[tuple[int, int], ...]:
    """One and the same value for a cycle, wherever on it the search began."""
    ring = [(step.edge.held.index, step.type) for step in path] + [(held.index, closing)]
    return tuple(min(ring[i:] + ring[:i] for i in range(len(ring))))


def recursive(attempt: Attempt, entry: HeldLock) -> RecursiveReport:
    """C: print_deadlock_bug()."""
    use = attempt.use
    compared = None
    if use.compare is not None:
        compared = use.compare(entry.use.instance, use.instance)
    return RecursiveReport(
        who=who(attempt.task),
        new=attempt.lock_at(),
        locked=lock_at(entry),
        compared=compared,
        cycle=(attempt.node.lock.name,),
        held=held_locks(attempt.task),
        backtrace=attempt.frames("dump_stack_lvl", "print_deadlock_bug"),
    )


def wait_context(attempt: Attempt, limit: int) -> WaitContextReport:
    """C: print_lock_invalid_wait_context()."""
    return WaitContextReport(
        who=who(attempt.task),
        new=attempt.lock_at(),
        limit=limit,
        held=held_locks(attempt.task),
        backtrace=attempt.frames("dump_stack_lvl", "print_lock_invalid_wait_context"),
    )


def nest_lock_missing(attempt: Attempt, nest_name: str) -> NestLockReport:
    """C: print_lock_nested_lock_not_held()."""
    return NestLockReport(
        who=who(attempt.task),
        new=attempt.lock_at(),
        nest_name=nest_name,
        held=held_locks(attempt.task),
        backtrace=attempt.frames("dump_stack_lvl"),
    )


def bad_unlock(task: TaskLocks, name: str, stack: Stack) -> BadUnlockReport:
    """C: print_unlock_imbalance_bug()."""
    return BadUnlockReport(
        who=who(task),
        name=name,
        at=call_site(stack),
        held=held_locks(task),
        backtrace=below(
            stack, "dump_stack_lvl", "print_unlock_imbalance_bug", "__lock_release", "lock_release"
        ),
    )


def bad_contention(task: TaskLocks, name: str, stack: Stack) -> ContendReport:
    """C: print_lock_contention_bug()."""
    reporters = ("dump_stack_lvl", "print_lock_contention_bug", "__lock_contended")
    return ContendReport(
        who=who(task),
        name=name,
        at=call_site(stack),
        held=held_locks(task),
        backtrace=below(stack, *reporters, "lock_contended"),
    )


def held_freed(
    task: TaskLocks, entry: HeldLock, memory: tuple[int, int], stack: Stack
) -> HeldFreedReport:
    """C: print_freed_lock_bug().  `memory` is half open."""
    return HeldFreedReport(
        who=who(task),
        low=memory[0],
        high=memory[1],
        locked=lock_at(entry),
        held=held_locks(task),
        backtrace=below(
            stack, "dump_stack_lvl", "print_freed_lock_bug", "debug_check_no_locks_freed"
        ),
    )


def still_held(task: TaskLocks, stack: Stack) -> StillHeldReport:
    """C: print_held_locks_bug()."""
    return StillHeldReport(
        who=who(task),
        held=held_locks(task),
        backtrace=below(
            stack, "dump_stack_lvl", "print_held_locks_bug", "debug_check_no_locks_held"
        ),
    )


def user_return(task: TaskLocks) -> UserReturnReport:
    """C: lockdep_sys_exit()."""
    return UserReturnReport(who=who(task), held=held_locks(task))


def key_unusable(task: TaskLocks, address: int | None, stack: Stack) -> KeyReport:
    """C: lockdep_init_map_type(), assign_lock_key()."""
    reporter = "register_lock_class" if address is None else "lockdep_init_map_type"
    return KeyReport(
        who=who(task),
        address=address,
        held=held_locks(task),
        backtrace=below(stack, "dump_stack_lvl", reporter),
    )


def out_of(task: TaskLocks, what: str, stack: Stack) -> LimitReport:
    """C: print_lockdep_off()."""
    return LimitReport(
        who=who(task), what=what, held=held_locks(task), backtrace=below(stack, "dump_stack_lvl")
    )


def api_warning(task: TaskLocks, condition: str, stack: Stack) -> ApiReport:
    """C: DEBUG_LOCKS_WARN_ON()."""
    return ApiReport(who=who(task), condition=condition, held=held_locks(task), backtrace=stack)


def annotation_warning(task: TaskLocks, message: str, stack: Stack) -> AnnotationReport:
    """C: WARN()."""
    return AnnotationReport(who=who(task), message=message, held=held_locks(task), backtrace=stack)
