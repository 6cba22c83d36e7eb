"""The rules over usage bits: what is taken in interrupts, and what interrupts may come upon.

A class that was taken in a hardirq or softirq handler is *safe* against that kind of interrupt,
one that was taken with it enabled is *unsafe*.  One class that is both deadlocks if the handler
comes upon its holder.  So does a strong path from a safe class to an unsafe one: one CPU holds
the unsafe lock, another one the safe lock and waits along the path for it, and the handler comes
to the first CPU and waits for the safe lock.

Such a path is complete when a class gets a new bit (`Usage.mark()`, here called the inversion), or
with a new edge (`Usage.check_edge()`).  Of a node that is reached as only_xr no reader's bit
counts.

C: kernel/locking/lockdep.c, mark_usage(), mark_lock(), mark_lock_irq(), mark_held_locks(),
check_usage_forwards(), check_usage_backwards(), check_irq_usage(), find_exclusive_match().
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from lockwright.core.lockuse import RECURSIVE_READER
from lockwright.lockdep import irqfindings
from lockwright.lockdep.classes import (
    HARDIRQ_ON,
    IN_HARDIRQ,
    IN_NMI,
    IN_SOFTIRQ,
    SOFTIRQ_ON,
    USED,
    USED_READ,
)
from lockwright.lockdep.findings import Attempt, Findings, HeldMark
from lockwright.lockdep.graph import DependencyGraph
from lockwright.lockdep.held import HeldLock, TaskLocks, Trace
from lockwright.lockdep.irqfindings import Conflict, Mark
from lockwright.lockdep.reports import Report
from lockwright.lockdep.search import BACKWARDS, FORWARDS, Visit

ON = 2  # of a bit's number: set for the ON bits, so it also leads from an IN bit to its ON bit
STATE_BITS = 0xF  # the four bits of the first state
IN_ALL, ON_ALL, READ_ALL, WRITE_ALL = 0x33, 0xCC, 0xAA, 0x55


def exclusive(bits: int) -> int:
    """The bits that do not go with these on a path: of the other direction, write and read.

    C: exclusive_mask(), original_mask().
    """
    turned = (bits & IN_ALL) << ON | (bits & ON_ALL) >> ON
    return turned | (turned & READ_ALL) >> 1 | (turned & WRITE_ALL) << 1


def counted(visit: Visit) -> int:
    """The usage bits of a node that count on this path.  C: usage_match()."""
    return visit.lock.usage & (WRITE_ALL if visit.only_xr else ON_ALL | IN_ALL)


def matching(bits: int, others: int) -> tuple[int, int] | None:
    """The first of `bits`, and the one of `others` that it does not go with.

    C: find_exclusive_match().
    """
    for bit in range(USED):
        if bits >> bit & 1:
            against = (bit ^ ON) & ~1
            for other in (against, against + 1):
                if others >> other & 1:
                    return bit, other
    return None


class Usage:
    """Sets usage bits, and checks what they and the edges show."""

    __slots__ = ("_findings", "_graph", "_kernel_search")

    def __init__(self, graph: DependencyGraph, findings: Findings, *, kernel_search: bool) -> None:
        self._graph = graph
        self._findings = findings
        self._kernel_search = kernel_search

    def mark_acquire(self, attempt: Attempt) -> Report | None:
        """What an acquire says about its class."""
        found: Report | None = None
        for bit in _usage_bits(attempt):
            _, report = self.mark(attempt, bit)
            found = found or report
        return found

    def mark_held(
        self, task: TaskLocks, bit: int, trace: Trace, function: str
    ) -> tuple[int, Report | None]:
        """An ON bit for all that is held; gives how many are new, and the first report."""
        new, found = 0, None
        for entry in task.held:
            if entry.node.check:
                mark = HeldMark(task, entry, trace, ("mark_held_locks", function))
                was_new, report = self.mark(mark, bit + (entry.node.read > 0))
                new += was_new
                found = found or report
        return new, found

    def mark(self, mark: Mark, bit: int) -> tuple[int, Report | None]:
        """Set a usage bit, with the stack of its first time; gives 1 if it is new."""
        lock = mark.lock
        if lock.usage >> bit & 1:
            return 0, None
        lock.usage |= 1 << bit
        lock.usage_stacks[bit] = mark.trace()
        if bit >= USED:
            return 1, None
        found = self._check_state(mark, bit)
        # what is wrong with the class alone is no news as a path of no edges
        inversion = self._check_inversion(mark, bit, past_root=found is not None)
        return 1, found or inversion

    def _check_state(self, mark: Mark, bit: int) -> Report | None:
        """Does the class have a bit that does not go with the new one?  C: valid_state()."""
        against = (bit ^ ON) & ~1
        for old in (against, *(() if bit & 1 else (against + 1,))):
            if mark.lock.usage >> old & 1:
                return self._findings.give(
                    ("usage", mark.lock.index, old, bit),
                    partial(irqfindings.inconsistent, mark, old, bit),
                )
        return None

    def _check_inversion(self, mark: Mark, bit: int, *, past_root: bool) -> Report | None:
        """Does a class before or after have a bit that does not go with the new one?"""
        forwards = not bit & ON
        against = (bit ^ ON) & ~1
        way = FORWARDS if forwards else BACKWARDS
        only_xr = mark.read == RECURSIVE_READER if forwards else mark.read > 0
        nodes = self._graph.walk(way, mark.lock, only_xr=only_xr, skip=True)
        visit = _first(nodes, 3 << against, past_root=past_root)
        if visit is None:
            return None
        other = against if visit.lock.usage >> against & 1 else against + 1
        path = visit.path(way)
        conflict = (
            Conflict(mark.lock, bit, path, (), visit.lock, other)
            if forwards
            else Conflict(visit.lock, other, path, (), mark.lock, bit)
        )
        return self._findings.give(
            conflict.identity(),
            partial(irqfindings.inversion, mark, conflict, forwards=forwards),
        )

    def check_nmi(self, attempt: Attempt) -> Report | None:
        """In an NMI: is the class used outside of NMIs?  C: verify_lock_unused()."""
        lock = attempt.lock
        for old in (USED, *(() if attempt.read else (USED_READ,))):
            if lock.usage >> old & 1:
                return self._findings.give(
                    ("usage", lock.index, old, IN_NMI),
                    partial(irqfindings.inconsistent, attempt, old, IN_NMI),
                )
        return None

    def check_edge(self, attempt: Attempt, entry: HeldLock) -> Report | None:
        """Would the new edge join a safe class with an unsafe one?  C: check_irq_usage()."""
        found: Report | None = None
        for conflict in self._conflicts(attempt, entry):
            report = self._findings.give(
                conflict.identity(), partial(irqfindings.bad_order, attempt, entry, conflict)
            )
            found = found or report
        return found

    def _conflicts(self, attempt: Attempt, entry: HeldLock) -> Iterator[Conflict]:
        """For each kind of interrupt the nearest conflict; for the kernel only the first one."""
        held, held_xr = entry.node.lock, entry.node.read > 0
        new_xr = attempt.read == RECURSIVE_READER
        safe_bits = 0
        for visit in self._graph.walk(BACKWARDS, held, only_xr=held_xr, skip=True):
            safe_bits |= counted(visit) & IN_ALL
        while safe_bits:
            after = self._graph.walk(FORWARDS, attempt.lock, only_xr=new_xr, skip=True)
            unsafe = _first(after, exclusive(safe_bits))
            if unsafe is None:
                return
            # The kernel takes all ON bits of the class, though of an only_xr node not all count.
            on_bits = counted(unsafe) & exclusive(safe_bits)
            if self._kernel_search:
                on_bits = unsafe.lock.usage & ON_ALL
            before = self._graph.walk(BACKWARDS, held, only_xr=held_xr, skip=True)
            safe = _first(before, exclusive(on_bits))
            if safe is None:
                return
            in_bits = (safe.lock.usage if self._kernel_search else counted(safe)) & IN_ALL
            bits = matching(in_bits, on_bits)
            if bits is None:
                return
            yield Conflict(
                safe.lock,
                bits[0],
                safe.path(BACKWARDS),
                unsafe.path(FORWARDS),
                unsafe.lock,
                bits[1],
            )
            if self._kernel_search:
                return
            safe_bits &= ~(STATE_BITS << (bits[0] & ~3))


def _first(nodes: Iterator[Visit], bits: int, *, past_root: bool = False) -> Visit | None:
    """The first node that has one of these bits."""
    for visit in nodes:
        if counted(visit) & bits and not (past_root and visit.parent is None):
            return visit
    return None


def _usage_bits(attempt: Attempt) -> list[int]:
    """What an acquire says about its class.  C: mark_usage()."""
    node, task = attempt.node, attempt.task
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
