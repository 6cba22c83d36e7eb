"""The reports on interrupts, made from what the searches found.

C: kernel/locking/lockdep.c, print_usage_bug(), print_irq_inversion_bug(),
print_bad_irq_dependency(), print_shortest_lock_dependencies() and its backwards form.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from lockwright.lockdep.classes import STATES, USAGE_NAMES, LockClass
from lockwright.lockdep.facts import ClassDump, Frames, LockAt
from lockwright.lockdep.findings import Attempt, held_locks, lock_at, who
from lockwright.lockdep.held import HeldLock, Stack, TaskLocks, Trace
from lockwright.lockdep.reports import InconsistentReport, IrqInversionReport, IrqOrderReport
from lockwright.lockdep.search import PathStep


class Mark(Protocol):
    """A lock that gets a usage bit: one that is being acquired, or a held one."""

    @property
    def task(self) -> TaskLocks: ...
    @property
    def lock(self) -> LockClass: ...
    @property
    def read(self) -> int: ...
    @property
    def trace(self) -> Trace: ...

    def lock_at(self) -> LockAt:
        """The lock as reports show it."""
        ...

    def frames(self, *reporters: str) -> Stack:
        """The call chain down to `reporters`, which are given innermost first."""
        ...


class Conflict(NamedTuple):
    """Two classes whose usage does not go together, and the strong path from safe to unsafe.

    The bits are one IN bit of `safe` and one ON bit of `unsafe`, of the same state.  The path may
    be in two parts, as found before and after a new edge.
    """

    safe: LockClass
    safe_bit: int
    before: tuple[PathStep, ...]
    after: tuple[PathStep, ...]
    unsafe: LockClass
    unsafe_bit: int

    def identity(self) -> tuple[object, ...]:
        """The same for all reports on this pair and this kind of interrupt."""
        return "irq", self.safe_bit // 4, self.safe.index, self.unsafe.index


def state_name(bit: int) -> str:
    """HARDIRQ or SOFTIRQ, with -READ for a reader's bit.  C: state_name()."""
    return STATES[bit // 4] + ("-READ" if bit & 1 else "")


def inconsistent(mark: Mark, old: int, new: int) -> InconsistentReport:
    """C: print_usage_bug()."""
    task = mark.task
    return InconsistentReport(
        who=who(task),
        irqs=task.irq_state(),
        old=USAGE_NAMES[old],
        new=USAGE_NAMES[new],
        lock=mark.lock_at(),
        registered=mark.lock.usage_stacks[old],
        stamps=task.switches.stamps(),
        cycle=(mark.lock.name,),
        held=held_locks(task),
        backtrace=mark.frames("dump_stack_lvl", "print_usage_bug", "mark_lock"),
    )


def inversion(mark: Mark, conflict: Conflict, *, forwards: bool) -> IrqInversionReport:
    """C: print_irq_inversion_bug()."""
    path = conflict.before
    other, bit = (
        (conflict.unsafe, conflict.unsafe_bit) if forwards else (conflict.safe, conflict.safe_bit)
    )
    middle = other
    if path:
        middle = path[0].edge.new if forwards else path[-1].edge.held
    if middle is conflict.safe:
        middle = conflict.unsafe
    return IrqInversionReport(
        who=who(mark.task),
        irqs=mark.task.irq_state(),
        state=state_name(bit),
        forwards=forwards,
        lock=mark.lock_at(),
        other=other.printed(),
        middle=middle.printed(),
        dump=_dump_to(mark.lock, path, mark) if forwards else _dump_from(mark.lock, path, mark),
        cycle=_names(path, mark.lock),
        held=held_locks(mark.task),
        backtrace=mark.frames(
            "dump_stack_lvl", "print_irq_inversion_bug", "mark_lock_irq", "mark_lock"
        ),
    )


def bad_order(attempt: Attempt, entry: HeldLock, conflict: Conflict) -> IrqOrderReport:
    """C: print_bad_irq_dependency()."""
    safe, unsafe, held = conflict.safe, conflict.unsafe, entry.node.lock
    middle = attempt.lock if held is safe else held
    return IrqOrderReport(
        who=who(attempt.task),
        irqs=attempt.task.irq_state(),
        state=state_name(conflict.safe_bit),
        new=attempt.lock_at(),
        locked=lock_at(entry),
        safe=safe.printed(),
        safe_at=safe.usage_stacks[conflict.safe_bit],
        unsafe=unsafe.printed(),
        unsafe_at=unsafe.usage_stacks[conflict.unsafe_bit],
        middle=middle.printed(),
        safe_dump=_dump_safe(held, conflict.before),
        unsafe_dump=_dump_to(attempt.lock, conflict.after, attempt),
        cycle=_names(conflict.before, held) + _names(conflict.after, attempt.lock),
        held=held_locks(attempt.task),
        backtrace=attempt.frames("dump_stack_lvl", "print_bad_irq_dependency", "check_irq_usage"),
    )


def _names(path: tuple[PathStep, ...], lone: LockClass) -> tuple[str, ...]:
    """The classes on a path, or the one that is there without any step."""
    if not path:
        return (lone.name,)
    return (path[0].edge.held.name, *(step.edge.new.name for step in path))


def _dump(lock: LockClass, depth: int, acquired: Frames | None) -> ClassDump:
    bits = [bit for bit in range(len(USAGE_NAMES)) if lock.usage >> bit & 1]
    usages = tuple((USAGE_NAMES[bit], lock.usage_stacks[bit]) for bit in bits)
    key = lock.key.site or lock.key.name
    return ClassDump(lock.printed(), depth, lock.operations, usages, key, acquired)


def _dump_to(root: LockClass, path: tuple[PathStep, ...], mark: Mark) -> tuple[ClassDump, ...]:
    """From the end of the path back to its root, which is being acquired or marked now."""
    leaves = [
        _dump(path[depth - 1].edge.new, depth, path[depth - 1].stack())
        for depth in range(len(path), 0, -1)
    ]
    return (*leaves, _dump(root, 0, mark.frames()))


def _dump_from(root: LockClass, path: tuple[PathStep, ...], mark: Mark) -> tuple[ClassDump, ...]:
    """From the start of the path on to its end, which is being marked now."""
    leaves = [
        _dump(step.edge.held, len(path) - place, step.stack()) for place, step in enumerate(path)
    ]
    return (*leaves, _dump(root, 0, mark.frames()))


def _dump_safe(root: LockClass, path: tuple[PathStep, ...]) -> tuple[ClassDump, ...]:
    """From the safe class on to the held one, each with where it was taken under the one before."""
    locks = [step.edge.held for step in path] + [root]
    taken: list[Frames | None] = [None, *(step.stack() for step in path)]
    return tuple(_dump(lock, len(path) - place, taken[place]) for place, lock in enumerate(locks))
