"""What the machine tells of interrupts: the events of `World.on_irq`."""

from __future__ import annotations

HARDIRQS_OFF, HARDIRQS_ON, SOFTIRQS_OFF, SOFTIRQS_ON = range(4)
HARDIRQ_ENTER, HARDIRQ_EXIT, SOFTIRQ_ENTER, SOFTIRQ_EXIT = range(4, 8)

IRQ_EVENTS = (
    "hardirqs off",
    "hardirqs on",
    "softirqs off",
    "softirqs on",
    "hardirq enter",
    "hardirq exit",
    "softirq enter",
    "softirq exit",
)
"""Their names, by number."""
