"""Where a task must not hold locks: freed memory, its end, the way back to user space.

C: kernel/locking/lockdep.c, debug_check_no_locks_freed(), debug_check_no_locks_held(),
lockdep_sys_exit().
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lockwright.lockdep import findings
from lockwright.lockdep.findings import Findings
from lockwright.lockdep.held import ChainNode, HeldLock, Stack, TaskLocks, Trace, call_site
from lockwright.lockdep.reports import Report

LOCK_SIZE = 0x40
"""What a lock takes of the memory that it lies in, in bytes."""


class Endings:
    """Looks at what a task holds.  `root` is the chain of a task that holds nothing."""

    __slots__ = ("_findings", "_root")

    def __init__(self, found: Findings, root: ChainNode) -> None:
        self._findings = found
        self._root = root

    def freed(
        self,
        task: TaskLocks,
        instances: Sequence[int],
        stack: Callable[[], Stack],
        lo: int,
        hi: int,
    ) -> Report | None:
        """Memory [lo, hi) goes away, and `instances` with it, wherever they lie: what is reported
        is memory with the lock in it.  C: debug_check_no_locks_freed()."""
        if not self._findings.active:
            return None
        for entry in task.held:
            lock = entry.use.instance
            if lo <= lock < hi:
                return self._freed(task, entry, (lo, hi), Trace(stack))
            if lock in instances:
                memory = min(lo, lock), max(hi, lock + LOCK_SIZE)
                return self._freed(task, entry, memory, Trace(stack))
        return None

    def _freed(
        self, task: TaskLocks, entry: HeldLock, memory: tuple[int, int], trace: Trace
    ) -> Report | None:
        return self._findings.give(
            ("freed", entry.node.lock.index, call_site(trace())),
            lambda: findings.held_freed(task, entry, memory, trace()),
        )

    def task_exit(self, task: TaskLocks, stack: Callable[[], Stack]) -> Report | None:
        """A task ends.  C: debug_check_no_locks_held()."""
        if not self._findings.active or not task.held:
            return None
        found = self._findings.give(
            ("exit", *(entry.node.lock.index for entry in task.held)),
            lambda: findings.still_held(task, stack()),
        )
        task.held.clear()
        task.chain = self._root
        return found

    def user_return(self, task: TaskLocks, stack: Callable[[], Stack] = tuple) -> Report | None:
        """A task goes back to user space; the report has no backtrace.  C: lockdep_sys_exit()."""
        if not self._findings.active or not task.held:
            return None
        return self._findings.give(
            ("user", *(entry.node.lock.index for entry in task.held)),
            lambda: findings.user_return(task),
        )
