"""The lock validator: told of every acquire and release, it proves orders, not runs.

What an acquire does, in the kernel's order, as that decides which report comes first:

    acquire()           merge into the top entry (nest lock), or step to a known chain: done
      _learn()          a chain that is new; checks.py: find the class, then
        check_wait()        may this lock be waited for here?  waits.py
        mark_acquire()      what this says of interrupts; usage.py
        _check_nest()       is the lock that is said to serialise this held?
        _check_recursion()  is one of its class held already?
        _add_dependencies() an edge from each relevant held lock, each searched for a cycle and
                            for a path from what interrupts take to what they may interrupt
      push              unless it only synchronises

`release()` pops, or, out of order, pops all above and acquires them again, so that the edges
which the removed lock stood for are checked too.  interrupts.py has what switching interrupts
does, annotations.py what models say of held locks.

The kernel falls silent after its first report.  So does `first_report_only=True`; else the
validator goes on, stores the edge in spite of the cycle, and gives each distinct cycle once, over
all executions of an exploration.

Three things make the default more thorough than the kernel, and `kernel_search=True` takes them
back.  The search is complete (see search.py).  Edges are drawn past a held recursive reader: the
kernel stops at the first lock that was not a trylock, as older ones lead to it, but a path into a
recursive reader by R and out of it by S is weak, so C -> B is lost when C, then R, then B are
taken.  And they are drawn past a local_lock, as the interrupt rules' searches end there.

C: kernel/locking/lockdep.c, __lock_acquire(), __lock_release(), reacquire_held_locks().
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.frame import Frame
from lockwright.core.lockuse import NO_KEY, READER, LockKey, LockUse
from lockwright.lockdep import findings
from lockwright.lockdep.annotations import Annotations, same_class
from lockwright.lockdep.checks import Checks
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.endings import Endings
from lockwright.lockdep.facts import IrqStamps, IrqState, LockAt
from lockwright.lockdep.findings import Attempt, Findings
from lockwright.lockdep.held import (
    NEST_NOT_HELD,
    ChainNode,
    ChainStep,
    HeldLock,
    Stack,
    TaskLocks,
    Trace,
    call_site,
    chain_root,
)
from lockwright.lockdep.interrupts import Interrupts
from lockwright.lockdep.limits import Counted, Limits
from lockwright.lockdep.reports import EdgeSeen, Report
from lockwright.lockdep.tables import Tables, tables


class Validator:
    """The state of one exploration: classes, edges, known chains, reports given.

    `stack` arguments are called only when a new chain, a new usage bit or a report needs them,
    innermost frame first, beginning with the primitive.  The place of a held lock, "at:" in
    reports, is `at` if the machine gives it; else it is taken from the stack of a new chain, and
    for a known chain it is the place where that chain was first seen, or with `exact_sites=True`
    taken from the stack each time, which is slow.

    A call gives the first report that it found; `reports` has all.  `raw_nesting=False` is a
    kernel without CONFIG_PROVE_RAW_LOCK_NESTING.  Without `limits` there are none.

    `hardirqs_on()` to `nmi_exit()` are those of Interrupts, `pin()` to `on()` those of Annotations,
    `freed()` to `user_return()` those of Endings.
    """

    def __init__(
        self,
        *,
        first_report_only: bool = False,
        kernel_search: bool = False,
        exact_sites: bool = False,
        raw_nesting: bool = True,
        limits: Limits | None = None,
    ) -> None:
        self._findings = Findings(first_only=first_report_only)
        self._checks = Checks(
            found=self._findings, kernel_search=kernel_search, raw_nesting=raw_nesting
        )
        self._counted = None if limits is None else Counted(limits)
        self._exact_sites = exact_sites
        self._root = chain_root()
        self._uses: dict[int, LockUse] = {}  # the last acquire of each instance
        self._learnt = 0
        self.interrupts = interrupts = Interrupts(self._checks.usage, self._findings)
        self.hardirqs_on, self.hardirqs_off = interrupts.hardirqs_on, interrupts.hardirqs_off
        self.softirqs_on, self.softirqs_off = interrupts.softirqs_on, interrupts.softirqs_off
        self.hardirq_enter, self.hardirq_exit = interrupts.hardirq_enter, interrupts.hardirq_exit
        self.softirq_enter, self.softirq_exit = interrupts.softirq_enter, interrupts.softirq_exit
        self.nmi_enter, self.nmi_exit = interrupts.nmi_enter, interrupts.nmi_exit
        self.annotations = said = Annotations(self._findings, self._uses)
        self.pin, self.repin, self.unpin = said.pin, said.repin, said.unpin
        self.is_held, self.contended = said.is_held, said.contended
        self.api_warning = said.api_warning
        self.init_map, self.register_key = said.init_map, said.register_key
        self.off, self.on = said.off, said.on
        ends = Endings(self._findings, self._root)
        self.freed, self.task_exit, self.user_return = ends.freed, ends.task_exit, ends.user_return

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
        return self._learnt + self.interrupts.marked + len(self._findings.reports)

    def new_execution(self) -> None:
        """Forget the locks of the execution before; what was learnt from them stays."""
        self._uses.clear()
        self.annotations.new_execution()
        self._checks.classes.new_execution()

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

    def class_name(self, key: LockKey) -> str:
        """What the classes of a key are called, without their subclass."""
        return self._checks.classes.name_of(key)

    def tables(self) -> Tables:
        """All that is known, as the kernel's tables have it."""
        checks = self._checks
        return tables(
            checks.classes,
            checks.graph,
            self._root,
            dynamic_keys=self.annotations.registered,
            debug_locks=self.debug_locks,
        )

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
        if task.outside:
            return self._acquire_outside(task, use, Trace(stack))
        key, subclass, instance, read, trylock, _, sync, check, nest, _, compare, _, _ = use
        said = None
        if nest is not None or compare is not None:
            if _merge(task, use, 1):
                task.held[-1].node.lock.operations += 1
                self._uses[instance] = use
                return None
            outer = None if nest is None else self._uses.get(nest)
            said = task.said_of(use, None if outer is None else outer.key)
        self._uses[instance] = use
        step = (key, subclass, read, trylock, check, sync, said, task.irqs)
        node = task.chain.children.get(step)
        if node is None:
            return self._learn(task, use, step, Trace(stack), at)
        node.lock.operations += 1
        if not sync:
            if at is None:
                at = call_site(stack()) if self._exact_sites else node.site
            task.held.append(HeldLock(node, use, at))
            task.chain = node
        return None

    def _learn(
        self, task: TaskLocks, use: LockUse, step: ChainStep, trace: Trace, at: Frame | None
    ) -> Report | None:
        """A chain that is new: check it, store it, and hold the lock."""
        if use.key == NO_KEY:
            return self.annotations.no_key(task, use, trace)
        self._learnt += 1
        node = ChainNode(task.chain, self._checks.classes.find(use.key, use.subclass), use)
        node.lock.operations += 1
        node.irq_context = task.irq_context()
        node.site = at or call_site(trace())
        attempt = Attempt(task, use, node, trace)
        nest = None
        if step[6] is not None and use.nest is not None:
            nest = step[6][0], use.nest_name or self.annotations.name_of(use.nest)
        found = self._checks.check(attempt, nest)
        if self._counted is not None and self.debug_locks:
            limit = self._check_limits(attempt, self._counted)
            found = found or limit
        task.chain.children[step] = node
        if self.debug_locks and not use.sync:
            task.held.append(HeldLock(node, use, node.site))
            task.chain = node
        return found

    def _check_limits(self, attempt: Attempt, counted: Counted) -> Report | None:
        counted.add_chain(attempt.task, attempt.node)
        over = counted.over(
            classes=len(self._checks.classes),
            dependencies=len(self._checks.graph.edges),
            depth=len(attempt.task.held) + (not attempt.use.sync),
        )
        if not over:
            return None
        return self._findings.give_last(
            lambda: findings.out_of(attempt.task, over, attempt.frames())
        )

    def _acquire_outside(self, task: TaskLocks, use: LockUse, trace: Trace) -> Report | None:
        """In an NMI a lock must not be one that is used elsewhere; else validation is off."""
        if not task.in_nmi or use.trylock:
            return None
        lock = self._checks.classes.get(use.key, use.subclass)
        if lock is None:
            return None
        node = ChainNode(None, lock, use)
        return self._checks.usage.check_nmi(Attempt(task, use, node, trace))

    # Release

    def release(self, task: TaskLocks, instance: int, stack: Callable[[], Stack]) -> Report | None:
        """A task releases a lock.  C: __lock_release()."""
        if not self._findings.active or task.outside:
            return None
        held = task.held
        if held:
            top = held[-1]
            if top.use.instance == instance and not top.references and not top.pins:
                held.pop()
                task.chain = top.node.parent
                return None
        return self._release_other(task, instance, Trace(stack))

    def _release_other(self, task: TaskLocks, instance: int, trace: Trace) -> Report | None:
        """All but the simple case: not the last one, merged, pinned, or not held at all."""
        place = self.annotations.find_held(task, instance)
        if place == NEST_NOT_HELD:
            return self._bad_unlock(task, instance, trace)
        entry = task.held[place]
        found = self.annotations.released(task, entry, trace)
        if entry.references:
            entry.references -= 1
            if entry.references:
                return found
        rebuilt = self._rebuild(task, place, task.held[place + 1 :], trace)
        return found or rebuilt

    def downgrade(
        self, task: TaskLocks, instance: int, stack: Callable[[], Stack]
    ) -> Report | None:
        """A writer becomes a reader without a gap.  C: __lock_downgrade()."""
        trace = Trace(stack)
        return self._change(
            task, instance, trace, lambda use: use._replace(read=READER), moved=True
        )

    def set_class(
        self,
        task: TaskLocks,
        instance: int,
        key: LockKey,
        subclass: int,
        stack: Callable[[], Stack],
    ) -> Report | None:
        """A held lock's class changes.  C: __lock_set_class()."""
        return self._change(
            task, instance, Trace(stack), lambda use: use._replace(key=key, subclass=subclass)
        )

    def _change(
        self,
        task: TaskLocks,
        instance: int,
        trace: Trace,
        change: Callable[[LockUse], LockUse],
        *,
        moved: bool = False,
    ) -> Report | None:
        """A held lock is acquired again in its old place, otherwise than before."""
        if not self._findings.active or task.outside:
            return None
        place = self.annotations.find_held(task, instance)
        if place == NEST_NOT_HELD:
            return self._bad_unlock(task, instance, trace)
        entry = task.held[place]
        entry.use = change(entry.use)
        if moved:
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
            if _merge(task, entry.use, entry.references or 1):
                continue
            report = self.acquire(task, entry.use, trace, at=entry.site)
            found = found or report
            if self._findings.active:
                task.held[-1].references = entry.references
                task.held[-1].pins = entry.pins
        return found

    def _bad_unlock(self, task: TaskLocks, instance: int, trace: Trace) -> Report | None:
        name = self.annotations.name_of(instance)
        return self._findings.give(
            ("unlock", name, call_site(trace())),
            lambda: findings.bad_unlock(task, name, trace()),
        )

    # Keys

    def unregister_key(self, key: LockKey) -> None:
        """A dynamic key's memory goes away, and its classes with all that is known of them.

        C: lockdep_unregister_key().
        """
        self.annotations.unregister_key(key)
        for lock in self._checks.classes.forget(key):
            self._checks.graph.forget(lock)
            self._root.forget(lock)
            self._learnt += 1

    # What tasks hold

    def held_locks(self, task: TaskLocks) -> tuple[LockAt, ...]:
        """All that a task holds, oldest first."""
        return findings.held_locks(task)

    def irq_state(self, task: TaskLocks) -> IrqState:
        """The interrupt state as reports show it."""
        return task.irq_state()

    def stamps(self, task: TaskLocks) -> IrqStamps:
        """When and where the task last switched interrupts."""
        return task.switches.stamps()


def _merge(task: TaskLocks, use: LockUse, references: int) -> bool:
    """Count a nested acquire in the top entry, if that is of the same class."""
    if use.nest is None or use.sync or not task.held or not same_class(task.held[-1].use, use):
        return False
    top = task.held[-1]
    top.references = (top.references or 1) + references
    return True
