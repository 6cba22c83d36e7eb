"""What a new chain is checked for, and the knowledge that the checks build on.

C: kernel/locking/lockdep.c, validate_chain(), check_deadlock(), check_prevs_add(),
check_prev_add().
"""

from __future__ import annotations

from functools import partial

from lockwright.core.lockuse import RECURSIVE_READER
from lockwright.lockdep import findings
from lockwright.lockdep.classes import ClassTable
from lockwright.lockdep.findings import Attempt, Findings
from lockwright.lockdep.graph import DependencyGraph, dependency_type
from lockwright.lockdep.held import NEST_NOT_HELD, ChainNode, HeldLock
from lockwright.lockdep.reports import Report
from lockwright.lockdep.usage import Usage
from lockwright.lockdep.waits import check_wait, task_limit


class Checks:
    """Classes, their usage, the dependencies between them, and the rules over these."""

    __slots__ = ("_kernel_search", "classes", "findings", "graph", "usage")

    def __init__(self, *, found: Findings, kernel_search: bool, raw_nesting: bool) -> None:
        self._kernel_search = kernel_search
        self.classes = ClassTable(raw_nesting=raw_nesting)
        self.graph = DependencyGraph(kernel_search=kernel_search)
        self.usage = Usage(self.graph, found, kernel_search=kernel_search)
        self.findings = found

    def check(self, attempt: Attempt, nest: tuple[int, str] | None) -> Report | None:
        """Learn what an acquire shows; gives the first report that comes of it.

        `nest` is where the attempt's nest lock is held, and what it is called, if it has one.
        """
        own = self.classes.wait_type(task_limit(attempt.task))
        in_order = (
            check_wait(attempt, self.findings, own),
            self.usage.mark_acquire(attempt),
            None if nest is None else self._check_nest(attempt, *nest),
            self._check_chain(attempt),
        )
        return next((report for report in in_order if report is not None), None)

    def _check_nest(self, attempt: Attempt, place: int, name: str) -> Report | None:
        if place != NEST_NOT_HELD:
            return None
        return self.findings.give(
            ("nest", attempt.lock.index, name),
            partial(findings.nest_lock_missing, attempt, name),
        )

    def _check_chain(self, attempt: Attempt) -> Report | None:
        """C: validate_chain()."""
        if attempt.node.trylock or not attempt.node.check:
            return None
        report, nested = self._check_recursion(attempt)
        return report if nested else self._add_dependencies(attempt)

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
            if _in_order(attempt, entry):
                continue
            if nest_held:
                return None, True
            return self._recursion(attempt, entry), True
        return None, False

    def _recursion(self, attempt: Attempt, entry: HeldLock) -> Report | None:
        node = attempt.node
        return self.findings.give(
            ("recursive", node.lock.index, entry.node.read, node.read),
            partial(findings.recursive, attempt, entry),
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
            if held.lock is not attempt.lock or not _in_order(attempt, entry):
                report = self._add_dependency(attempt, entry)
                found = found or report
            if not self._passed_by(held):
                break
        return found

    def _passed_by(self, held: ChainNode) -> bool:
        """Whether locks below this one are not linked to the new one through it.

        No edge leads into a trylock.  The rest is for the complete search only: a path through a
        recursive reader may be weak, and those of the interrupt rules end at a local_lock.
        """
        if held.trylock:
            return True
        if self._kernel_search:
            return False
        return held.read == RECURSIVE_READER or held.lock.skipped

    def _add_dependency(self, attempt: Attempt, entry: HeldLock) -> Report | None:
        """One edge held -> new, unless known.  C: check_prev_add()."""
        held, new = entry.node, attempt.node
        bit = dependency_type(held_read=held.read, new_read=new.read)
        # A later edge or bit that completes something with a known edge was itself searched from;
        # the kernel searches again all the same, and with its search that can make a difference.
        if not self._kernel_search and self.graph.has(held.lock, new.lock, bit):
            return None
        circular = self._check_circular(attempt, entry, bit)
        bad_order = self.usage.check_edge(attempt, entry)
        self.graph.add(held.lock, new.lock, bit, attempt.trace())
        return circular or bad_order

    def _check_circular(self, attempt: Attempt, entry: HeldLock, bit: int) -> Report | None:
        """Is there a strong path back?  C: check_noncircular()."""
        held, new = entry.node, attempt.node
        if held.lock is new.lock:
            return None
        path = self.graph.strong_path(new.lock, held.lock, new_read=new.read, held_read=held.read)
        if path is None:
            return None
        return self.findings.give(
            ("circular", *findings.cycle_identity(path, held.lock, bit)),
            partial(findings.circular, attempt, entry, path, bit),
        )


def _in_order(attempt: Attempt, entry: HeldLock) -> bool:
    """Whether the class's comparison function lets the held lock come before the new one."""
    compare = attempt.use.compare
    return compare is not None and compare(entry.use.instance, attempt.use.instance) < 0
