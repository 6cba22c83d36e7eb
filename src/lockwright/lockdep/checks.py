"""What a new chain is checked for, and the knowledge that the checks build on.

C: kernel/locking/lockdep.c, mark_usage(), validate_chain(), check_deadlock(),
check_prevs_add(), check_prev_add().
"""

from __future__ import annotations

from lockwright.core.lockuse import RECURSIVE_READER
from lockwright.lockdep import findings
from lockwright.lockdep.classes import (
    HARDIRQ_ON,
    IN_HARDIRQ,
    IN_SOFTIRQ,
    SOFTIRQ_ON,
    USED,
    ClassTable,
    LockClass,
)
from lockwright.lockdep.findings import Attempt, Findings
from lockwright.lockdep.graph import DependencyGraph, dependency_type
from lockwright.lockdep.held import NEST_NOT_HELD, ChainNode, HeldLock, TaskLocks, Trace
from lockwright.lockdep.reports import Report


class Checks:
    """Classes, their usage, the dependencies between them, and the rules over these."""

    __slots__ = ("_kernel_search", "classes", "findings", "graph")

    def __init__(self, *, found: Findings, kernel_search: bool) -> None:
        self._kernel_search = kernel_search
        self.classes = ClassTable()
        self.graph = DependencyGraph()
        self.findings = found

    def check(self, attempt: Attempt, nest_name: str) -> Report | None:
        """Learn what an acquire shows; gives the first report that comes of it.

        `nest_name` is what the attempt's nest lock is called.
        """
        node = attempt.node
        for bit in _usage_bits(attempt.task, node):
            mark(node.lock, bit, attempt.trace)
        nest_report = self._check_nest(attempt, nest_name)
        if node.trylock or not node.check:
            return nest_report
        report, nested = self._check_recursion(attempt)
        if not nested:
            report = self._add_dependencies(attempt)
        return nest_report or report

    def _check_nest(self, attempt: Attempt, name: str) -> Report | None:
        nest = attempt.use.nest
        if nest is None or attempt.task.place_of(nest) != NEST_NOT_HELD:
            return None
        return self.findings.give(
            ("nest", attempt.node.lock.index, name),
            lambda: findings.nest_lock_missing(attempt, name),
        )

    def _check_recursion(self, attempt: Attempt) -> tuple[Report | None, bool]:
        """Is one of this class held?  C: check_deadlock().

        Gives the report, and whether the acquire is nested in its class, accepted or not: such
        an acquire adds no edges.
        """
        node = attempt.node
        nest_held = False
        for entry in attempt.task.held:
            if entry.use.instance == attempt.use.nest:
                nest_held = True
            if entry.node.lock is not node.lock:
                continue
            if node.read == RECURSIVE_READER and entry.node.read:
                continue
            if nest_held:
                return None, True
            return self._recursion(attempt, entry), True
        return None, False

    def _recursion(self, attempt: Attempt, entry: HeldLock) -> Report | None:
        node = attempt.node
        return self.findings.give(
            ("recursive", node.lock.index, entry.node.read, node.read),
            lambda: findings.recursive(attempt, entry),
        )

    def _add_dependencies(self, attempt: Attempt) -> Report | None:
        """Edges from what is held in the same interrupt context.  C: check_prevs_add()."""
        found: Report | None = None
        for entry in reversed(attempt.task.held):
            held = entry.node
            if held.irq_context != attempt.node.irq_context:
                break
            if not held.check:
                continue
            report = self._add_dependency(attempt, entry)
            found = found or report
            if held.trylock:
                continue  # no edge leads into a trylock, so older locks are not linked through it
            if held.read == RECURSIVE_READER and not self._kernel_search:
                continue
            break
        return found

    def _add_dependency(self, attempt: Attempt, entry: HeldLock) -> Report | None:
        """One edge held -> new, unless known.  C: check_prev_add()."""
        held, new = entry.node, attempt.node
        bit = dependency_type(held_read=held.read, new_read=new.read)
        # A later edge that closes a cycle with a known one was itself searched from; the kernel
        # searches again all the same, and with its search that can make a difference.
        if not self._kernel_search and self.graph.has(held.lock, new.lock, bit):
            return None
        path = None
        if held.lock is not new.lock:
            path = self.graph.strong_path(
                new.lock,
                held.lock,
                new_read=new.read,
                held_read=held.read,
                kernel_search=self._kernel_search,
            )
        self.graph.add(held.lock, new.lock, bit, attempt.trace())
        if path is None:
            return None
        steps = path
        return self.findings.give(
            ("circular", *findings.cycle_identity(steps, held.lock, bit)),
            lambda: findings.circular(attempt, entry, steps, bit),
        )


def _usage_bits(task: TaskLocks, node: ChainNode) -> list[int]:
    """What an acquire says about its class.  C: mark_usage()."""
    read = int(node.read > 0)
    bits: list[int] = []
    if node.check and not node.trylock:
        if task.hardirq_context:
            bits.append(IN_HARDIRQ + read)
        if task.softirq_context:
            bits.append(IN_SOFTIRQ + read)
    if node.check and not node.sync and task.hardirqs_enabled:
        bits.append(HARDIRQ_ON + read)
        if task.softirqs_enabled:
            bits.append(SOFTIRQ_ON + read)
    bits.append(USED + read)
    return bits


def mark(lock: LockClass, bit: int, trace: Trace) -> int:
    """Set a usage bit, with the stack of its first time; gives 1 if it is new.  C: mark_lock()."""
    if lock.usage >> bit & 1:
        return 0
    lock.usage |= 1 << bit
    lock.usage_stacks[bit] = trace()
    return 1


def mark_held(task: TaskLocks, bit: int, trace: Trace) -> int:
    """An ON bit for all that is held; gives how many are new.  C: mark_held_locks()."""
    return sum(
        mark(entry.node.lock, bit + (entry.node.read > 0), trace)
        for entry in task.held
        if entry.node.check
    )
