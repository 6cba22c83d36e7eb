"""Interrupts as the validator is told of them: switched on and off, entered and left.

When interrupts are switched on, all that the task holds may be interrupted from now on, and gets
the ON bits.  A handler's own locks are kept apart from those of the interrupted task by the
irq_context of each entry.

C: kernel/locking/lockdep.c, lockdep_hardirqs_on_prepare(), lockdep_hardirqs_off(),
lockdep_softirqs_on(), lockdep_softirqs_off(); include/linux/irqflags.h, lockdep_hardirq_enter(),
lockdep_softirq_enter().
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import HARDIRQ_ON, SOFTIRQ_ON
from lockwright.lockdep.findings import Findings
from lockwright.lockdep.held import Stack, TaskLocks, Trace, call_site
from lockwright.lockdep.reports import Report
from lockwright.lockdep.usage import Usage


class Interrupts:
    """Switches a task's interrupts, and marks what it holds.  `marked` counts the new bits."""

    __slots__ = ("_findings", "_usage", "marked")

    def __init__(self, usage: Usage, findings: Findings) -> None:
        self._usage = usage
        self._findings = findings
        self.marked = 0

    def hardirqs_off(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> None:
        """C: lockdep_hardirqs_off()."""
        if task.hardirqs_enabled:
            task.hardirqs_enabled = False
            task.switches.hardirqs_off = task.switches.switched(at or call_site(stack()))

    def hardirqs_on(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> Report | None:
        """C: lockdep_hardirqs_on_prepare()."""
        if task.hardirqs_enabled:
            return None
        task.hardirqs_enabled = True
        task.switches.hardirqs_on = task.switches.switched(at or call_site(stack()))
        if not task.held:
            return None
        trace = Trace(stack)
        function = "lockdep_hardirqs_on_prepare"
        found = self._mark(task, HARDIRQ_ON, trace, function)
        if task.softirqs_enabled:
            softirq = self._mark(task, SOFTIRQ_ON, trace, function)
            found = found or softirq
        return found

    def softirqs_off(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> None:
        """C: lockdep_softirqs_off()."""
        if task.softirqs_enabled:
            task.softirqs_enabled = False
            task.switches.softirqs_off = task.switches.switched(at or call_site(stack()))

    def softirqs_on(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> Report | None:
        """C: lockdep_softirqs_on()."""
        if task.softirqs_enabled:
            return None
        task.softirqs_enabled = True
        task.switches.softirqs_on = task.switches.switched(at or call_site(stack()))
        if not task.held or not task.hardirqs_enabled:
            return None
        return self._mark(task, SOFTIRQ_ON, Trace(stack), "lockdep_softirqs_on")

    def _mark(self, task: TaskLocks, bit: int, trace: Trace, function: str) -> Report | None:
        if not self._findings.active:
            return None
        new, found = self._usage.mark_held(task, bit, trace, function)
        self.marked += new
        return found

    # Handlers

    def hardirq_enter(
        self,
        task: TaskLocks,
        *,
        threaded: bool = True,
        stack: Callable[[], Stack] = tuple,
        at: Frame | None = None,
    ) -> None:
        """A handler begins on top of the task, with hardirqs off.

        `threaded`: on PREEMPT_RT it would run in a thread, so it may take a spinlock_t.
        """
        self.hardirqs_off(task, stack, at)
        task.hardirq_context += 1
        task.hardirq_threaded = threaded

    def hardirq_exit(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> Report | None:
        """The handler has ended, and hardirqs are on again."""
        task.hardirq_context -= 1
        if task.hardirq_context:
            return None
        task.hardirq_threaded = False
        return self.hardirqs_on(task, stack, at)

    def softirq_enter(
        self, task: TaskLocks, stack: Callable[[], Stack] = tuple, at: Frame | None = None
    ) -> None:
        """Softirq handlers begin on top of the task: softirqs are off, hardirqs as they were."""
        self.softirqs_off(task, stack, at)
        task.softirq_context += 1

    def softirq_exit(
        self, task: TaskLocks, stack: Callable[[], Stack], at: Frame | None = None
    ) -> Report | None:
        """They have ended, and softirqs are on again."""
        task.softirq_context -= 1
        if task.softirq_context:
            return None
        return self.softirqs_on(task, stack, at)

    def nmi_enter(self, task: TaskLocks) -> None:
        """An NMI comes: whatever it locks must not be used elsewhere.  C: nmi_enter()."""
        task.in_nmi += 1
        task.outside += 1

    def nmi_exit(self, task: TaskLocks) -> None:
        """It has ended."""
        task.in_nmi -= 1
        task.outside -= 1
