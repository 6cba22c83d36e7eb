"""The lock validator: told of every acquire and release, it proves orders, not runs.

What an acquire does, in the kernel's order, as that decides which report comes first:

    acquire()           merge into the top entry (nest lock), or step to a known chain: done
      _learn()          a chain that is new; checks.py: find the class, mark its usage, then
        _check_nest()       is the lock that is said to serialise this held?
        _check_recursion()  is one of its class held already?
        _add_dependencies() an edge from each relevant held lock, each searched for a cycle
      push              unless it only synchronises

`release()` pops, or, out of order, pops all above and acquires them again, so that the edges
which the removed lock stood for are checked too.

The kernel falls silent after its first report.  So does `first_report_only=True`; else the
validator goes on, stores the edge in spite of the cycle, and gives each distinct cycle once, over
all executions of an exploration.

Two things make the default more thorough than the kernel, and `kernel_search=True` takes both
back.  The search is complete (see graph.py).  And edges are drawn past a held recursive reader:
the kernel stops at the first lock that was not a trylock, as older ones lead to it, but a path
into a recursive reader by R and out of it by S is weak, so C -> B is lost when C, then R, then B
are taken.

C: kernel/locking/lockdep.c, __lock_acquire(), __lock_release(), reacquire_held_locks().
Left out: the rules on usage bits and on wait types (both are recorded), pinning, compare
functions, and the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lockwright.core.frame import Frame
from lockwright.core.lockuse import READER, LockUse
from lockwright.lockdep import findings
from lockwright.lockdep.checks import Checks, mark_held
from lockwright.lockdep.classes import HARDIRQ_ON, SOFTIRQ_ON, ClassName
from lockwright.lockdep.findings import Attempt, Findings
from lockwright.lockdep.held import (
    NEST_NOT_HELD,
    ChainNode,
    HeldLock,
    Stack,
    TaskLocks,
    Trace,
    call_site,
    chain_root,
)
from lockwright.lockdep.reports import EdgeSeen, Report


class Validator:
    """The state of one exploration: classes, edges, known chains, reports given.

    `stack` arguments are called only when a new chain, a new usage bit or a report needs them,
    innermost frame first, beginning with the primitive.  The place of a held lock, "at:" in
    reports, is `at` if the machine gives it; else it is taken from the stack of a new chain, and
    for a known chain it is the place where that chain was first seen, or with `exact_sites=True`
    taken from the stack each time, which is slow.

    A call gives the first report that it found; `reports` has all.
    """

    __slots__ = ("_checks", "_exact_sites", "_findings", "_learnt", "_root", "_uses")

    def __init__(
        self,
        *,
        first_report_only: bool = False,
        kernel_search: bool = False,
        exact_sites: bool = False,
    ) -> None:
        self._findings = Findings(first_only=first_report_only)
        self._checks = Checks(found=self._findings, kernel_search=kernel_search)
        self._exact_sites = exact_sites
        self._root = chain_root()
        self._uses: dict[int, LockUse] = {}  # the last acquire of each instance
        self._learnt = 0

    @property
    def debug_locks(self) -> bool:
        """False once the first report has switched the validator off."""
        return self._findings.active

    @property
    def reports(self) -> list[Report]:
        """All reports, in the order in which they were found."""
        return self._findings.reports

    @property
    def learnt(self) -> int:
        """Grows with all that lasts: chains with what is learnt from them, usage bits, reports.

        An execution that leaves it as it is leaves all as it is, but for the locks held.
        """
        return self._learnt + len(self._findings.reports)

    def new_execution(self) -> None:
        """Forget the locks of the execution before; what was learnt from them stays."""
        self._uses.clear()

    def task(self, comm: str, pid: int, cpu: int = 0) -> TaskLocks:
        """A task that holds nothing, interrupts enabled."""
        return TaskLocks(comm, pid, cpu, chain=self._root)

    def edges(self) -> list[EdgeSeen]:
        """All dependencies, oldest first."""
        return [
            EdgeSeen(
                edge.held.printed(),
                edge.new.printed(),
                edge.type_names(),
                next(iter(edge.stacks.values())),
            )
            for edge in self._checks.graph.edges
        ]

    def classes(self) -> list[ClassName]:
        """All classes, in the order of their first use."""
        return [lock.printed() for lock in self._checks.classes]

    # Acquire

    def acquire(
        self,
        task: TaskLocks,
        use: LockUse,
        stack: Callable[[], Stack],
        *,
        at: Frame | None = None,
    ) -> Report | None:
        """A task acquires, or only synchronises with, a lock.  C: __lock_acquire()."""
        if not self._findings.active:
            return None
        self._uses[use.instance] = use
        if use.nest is not None and _merge(task, use, 1):
            return None
        node = task.chain.children.get(task.step(use))
        if node is None:
            return self._learn(task, use, Trace(stack), at)
        if not use.sync:
            if at is None:
                at = call_site(stack()) if self._exact_sites else node.site
            task.held.append(HeldLock(node, use, at))
            task.chain = node
        return None

    def _learn(
        self, task: TaskLocks, use: LockUse, trace: Trace, at: Frame | None
    ) -> Report | None:
        """A chain that is new: check it, store it, and hold the lock."""
        self._learnt += 1
        node = ChainNode(task.chain, self._checks.classes.find(use.key, use.subclass), use)
        node.irq_context = task.irq_context()
        node.site = at or call_site(trace())
        nest_name = "" if use.nest is None else self._name_of(use.nest)
        found = self._checks.check(Attempt(task, use, node, trace), nest_name)
        task.chain.children[task.step(use)] = node
        if not use.sync:
            task.held.append(HeldLock(node, use, node.site))
            task.chain = node
        return found

    # Release

    def release(self, task: TaskLocks, instance: int, stack: Callable[[], Stack]) -> Report | None:
        """A task releases a lock.  C: __lock_release()."""
        if not self._findings.active:
            return None
        held = task.held
        if held:
            top = held[-1]
            if top.use.instance == instance and not top.references:
                held.pop()
                task.chain = top.node.parent
                return None
        return self._release_other(task, instance, Trace(stack))

    def _release_other(self, task: TaskLocks, instance: int, trace: Trace) -> Report | None:
        """All but the simple case: not the last one, merged, or not held at all."""
        place = self._find_held(task, instance)
        if place == NEST_NOT_HELD:
            return self._bad_unlock(task, instance, trace)
        entry = task.held[place]
        if entry.references:
            entry.references -= 1
            if entry.references:
                return None
        return self._rebuild(task, place, task.held[place + 1 :], trace)

    def downgrade(
        self, task: TaskLocks, instance: int, stack: Callable[[], Stack]
    ) -> Report | None:
        """A writer becomes a reader without a gap.  C: __lock_downgrade()."""
        if not self._findings.active:
            return None
        trace = Trace(stack)
        place = self._find_held(task, instance)
        if place == NEST_NOT_HELD:
            return self._bad_unlock(task, instance, trace)
        entry = task.held[place]
        entry.use = entry.use._replace(read=READER)
        entry.site = call_site(trace())
        return self._rebuild(task, place, task.held[place:], trace)

    def _rebuild(
        self, task: TaskLocks, place: int, entries: list[HeldLock], trace: Trace
    ) -> Report | None:
        """Cut the held stack at `place` and acquire `entries`.  C: reacquire_held_locks()."""
        task.chain = task.held[place].node.parent
        del task.held[place:]
        found: Report | None = None
        for entry in entries:
            if entry.use.nest is not None and _merge(task, entry.use, entry.references or 1):
                continue
            report = self.acquire(task, entry.use, trace, at=entry.site)
            found = found or report
            if self._findings.active:
                task.held[-1].references = entry.references
        return found

    def _find_held(self, task: TaskLocks, instance: int) -> int:
        """The place of the entry that a release means, from the top.  C: find_held_lock()."""
        use = self._uses.get(instance)
        held = task.held
        for place in range(len(held) - 1, -1, -1):
            entry = held[place]
            if entry.node.irq_context != held[-1].node.irq_context:
                break  # a handler does not release the locks of whom it interrupted
            if entry.use.instance == instance:
                return place
            if entry.references and use is not None and _same_class(entry.use, use):
                return place
        return NEST_NOT_HELD

    def _bad_unlock(self, task: TaskLocks, instance: int, trace: Trace) -> Report | None:
        name = self._name_of(instance)
        return self._findings.give(
            ("unlock", name, call_site(trace())),
            lambda: findings.bad_unlock(task, name, trace()),
        )

    # Memory, task exit, interrupts

    def freed(
        self,
        task: TaskLocks,
        instances: Sequence[int],
        stack: Callable[[], Stack],
        lo: int,
        hi: int,
    ) -> Report | None:
        """Memory [lo, hi) goes away, and `instances` with it.  C: debug_check_no_locks_freed()."""
        if not self._findings.active:
            return None
        for entry in task.held:
            if entry.use.instance in instances or lo <= entry.use.instance < hi:
                return self._freed(task, entry, (lo, hi), Trace(stack))
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

    def hardirqs_on(self, task: TaskLocks, stack: Callable[[], Stack]) -> Report | None:
        """Interrupts are switched on: all that is held may now be interrupted."""
        task.hardirqs_enabled = True
        if self._findings.active:
            trace = Trace(stack)
            self._learnt += mark_held(task, HARDIRQ_ON, trace)
            if task.softirqs_enabled:
                self._learnt += mark_held(task, SOFTIRQ_ON, trace)
        return None

    def softirqs_on(self, task: TaskLocks, stack: Callable[[], Stack]) -> Report | None:
        """Soft interrupts are switched on."""
        task.softirqs_enabled = True
        if self._findings.active and task.hardirqs_enabled:
            self._learnt += mark_held(task, SOFTIRQ_ON, Trace(stack))
        return None

    # Helpers

    def _name_of(self, instance: int) -> str:
        use = self._uses.get(instance)
        return use.map_name if use is not None else f"{instance:016x}"


def _same_class(one: LockUse, other: LockUse) -> bool:
    return one.key == other.key and one.subclass == other.subclass


def _merge(task: TaskLocks, use: LockUse, references: int) -> bool:
    """Count a nested acquire in the top entry, if that is of the same class."""
    if use.sync or not task.held or not _same_class(task.held[-1].use, use):
        return False
    top = task.held[-1]
    top.references = (top.references or 1) + references
    return True
