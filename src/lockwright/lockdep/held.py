"""Held locks: the stack of each task, and the tree of all stacks ever seen.

A held stack is a path in one tree that all tasks share: each node stands for "these locks, taken
in this order, in these ways".  Whatever an acquire can teach the validator follows from the node
it starts at and from how it is made, so a step to a known node needs no check at all.  That is
the kernel's chain cache with a tree in place of a hash; unlike the kernel's key, a node also
knows trylocks, unchecked locks and the locks of the interrupted task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lockwright.core.frame import Frame
from lockwright.core.lockuse import RECURSIVE_READER, LockKey, LockUse
from lockwright.lockdep.classes import LockClass
from lockwright.lockdep.facts import IrqStamps, IrqState, IrqSwitch

Stack: TypeAlias = tuple[Frame, ...]
NO_FRAME = Frame("??", 0, 1)
NO_NEST = -2  # none was named
NEST_NOT_HELD = -1
NEST_REFERENCED = -3  # the nest lock is one of those that were merged into a held entry


def call_site(stack: Stack) -> Frame:
    """The function that called the primitive; the primitive itself is the innermost frame."""
    return stack[1] if len(stack) > 1 else stack[0] if stack else NO_FRAME


class Trace:
    """The stack of one acquire, asked for at most once."""

    __slots__ = ("_ask", "_stack")

    def __init__(self, ask: Callable[[], Stack]) -> None:
        self._ask = ask
        self._stack: Stack | None = None

    def __call__(self) -> Stack:
        if self._stack is None:
            self._stack = self._ask()
        return self._stack


class ChainNode:
    """One way of holding one more lock on top of `parent`; the root holds none.

    `site` is where this was first seen.
    Invariant: for each step in `children`, all checks have been made.
    """

    __slots__ = (
        "check",
        "children",
        "irq_context",
        "lock",
        "parent",
        "read",
        "site",
        "sync",
        "trylock",
    )

    def __init__(self, parent: ChainNode | None, lock: LockClass, use: LockUse) -> None:
        self.parent = parent or self
        self.lock = lock
        self.read = use.read
        self.trylock = use.trylock
        self.check = use.check
        self.sync = use.sync
        self.irq_context = 0
        self.site = NO_FRAME
        self.children: dict[ChainStep, ChainNode] = {}

    def forget(self, lock: LockClass) -> None:
        """Take all chains with this class out of the tree below here."""
        self.children = {s: node for s, node in self.children.items() if node.lock is not lock}
        for node in self.children.values():
            node.forget(lock)


# where the nest lock is held, and where a lock that the comparison function does not let come first
Said: TypeAlias = tuple[int, int]
# key, subclass, read, trylock, check, sync, what annotations say of the locks held, interrupts
ChainStep: TypeAlias = tuple[LockKey, int, int, bool, bool, bool, Said | None, int]


def chain_root() -> ChainNode:
    """A tree of chains with nothing in it."""
    use = LockUse(LockKey("(no lock)"), 0, 0)
    return ChainNode(None, LockClass(-1, use.key, 0, version=1), use)


class HeldLock:
    """One entry of a held stack.

    `references` counts the acquires that were merged into this entry, 0 if there was one only.
    `pins` is the sum of the cookies of those who pinned it.
    """

    __slots__ = ("node", "pins", "references", "site", "use")

    def __init__(self, node: ChainNode, use: LockUse, site: Frame) -> None:
        self.node = node
        self.use = use
        self.site = site
        self.references = 0
        self.pins = 0


class Switches:
    """When and where a task last switched interrupts.  C: struct irqtrace_events."""

    __slots__ = ("events", "hardirqs_off", "hardirqs_on", "softirqs_off", "softirqs_on")

    def __init__(self) -> None:
        never = IrqSwitch(0, None)
        self.events = 0
        self.hardirqs_on = self.hardirqs_off = never
        self.softirqs_on = self.softirqs_off = never

    def switched(self, at: Frame) -> IrqSwitch:
        """One more event."""
        self.events += 1
        return IrqSwitch(self.events, at)

    def stamps(self) -> IrqStamps:
        """As reports show it."""
        return IrqStamps(
            self.events, self.hardirqs_on, self.hardirqs_off, self.softirqs_on, self.softirqs_off
        )


class IrqPart:
    """One part of a task's interrupt state: a count of contexts, or whether something is on."""

    __slots__ = ("_place",)

    def __init__(self, place: int) -> None:
        self._place = place

    def __get__(self, task: TaskLocks, owner: type[TaskLocks]) -> int:
        return task.parts[self._place]

    def __set__(self, task: TaskLocks, value: int) -> None:
        task.parts[self._place] = value
        # every acquire asks for all of it, so it is kept as one number
        bit = 1 << self._place
        task.irqs = task.irqs | bit if value > 0 else task.irqs & ~bit


class TaskLocks:
    """What one task holds, and the interrupt state its acquires are made in.

    The validator's hardirqs_on() and the like mark what is held, keep the stamps, and set this
    state; whoever sets it here does only that.  `outside` counts what keeps acquires from the
    validator: NMIs, and lockdep_off().
    Invariant: `chain` is the node of the last of `held`, or the root; `irqs` has a bit for each of
    the `parts`.
    """

    __slots__ = (
        "chain",
        "comm",
        "cpu",
        "held",
        "in_nmi",
        "irqs",
        "outside",
        "parts",
        "pid",
        "switches",
    )
    hardirq_context = IrqPart(0)
    softirq_context = IrqPart(1)
    hardirq_threaded = IrqPart(2)
    hardirqs_enabled = IrqPart(3)
    softirqs_enabled = IrqPart(4)

    def __init__(self, comm: str, pid: int, cpu: int, *, chain: ChainNode) -> None:
        self.comm = comm
        self.pid = pid
        self.cpu = cpu
        self.held: list[HeldLock] = []
        self.chain = chain
        self.in_nmi = 0
        self.outside = 0
        self.switches = Switches()
        self.parts = [0, 0, 0, 1, 1]
        self.irqs = 0b11000

    def irq_context(self) -> int:
        """Whose locks an acquire now is chained to: bit 0 softirq, bit 1 hardirq."""
        return 2 * (self.hardirq_context > 0) + (self.softirq_context > 0)

    def irq_state(self) -> IrqState:
        """The interrupt state as reports show it."""
        return IrqState(
            self.hardirq_context,
            self.softirq_context,
            self.hardirqs_enabled > 0,
            self.softirqs_enabled > 0,
        )

    def place_of(self, instance: int) -> int:
        """How deep (from the bottom, 0) an instance is held, or NEST_NOT_HELD."""
        for place, entry in enumerate(self.held):
            if entry.use.instance == instance:
                return place
        return NEST_NOT_HELD

    def refused_by(self, use: LockUse) -> int:
        """How deep the first lock of the same class is held that the comparison function does not
        let come before this one, or NEST_NOT_HELD."""
        if use.compare is None:
            return NEST_NOT_HELD
        for place, entry in enumerate(self.held):
            held = entry.use
            if held.key != use.key or held.subclass != use.subclass:
                continue
            if (use.read != RECURSIVE_READER or not held.read) and (
                use.compare(held.instance, use.instance) >= 0
            ):
                return place
        return NEST_NOT_HELD

    def said_of(self, use: LockUse, nest_key: LockKey | None) -> Said:
        """What the annotations of an acquire say; `nest_key` is the nest lock's."""
        return self.nest_place(use, nest_key), self.refused_by(use)

    def nest_place(self, use: LockUse, nest_key: LockKey | None) -> int:
        """Where the nest lock is held: a place on the stack, or one of the NEST numbers."""
        if use.nest is None:
            return NO_NEST
        place = self.place_of(use.nest)
        if place == NEST_NOT_HELD and nest_key is not None:
            for entry in self.held:
                if entry.references and entry.use.key == nest_key and not entry.use.subclass:
                    return NEST_REFERENCED
        return place
