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
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.lockdep.classes import LockClass

Stack: TypeAlias = tuple[Frame, ...]
NO_FRAME = Frame("??", 0, 1)
NO_NEST = -2  # of a step: no nest lock was named
NEST_NOT_HELD = -1


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


# key, subclass, read, trylock, check, sync, place of the nest lock on the stack,
# hardirq context, softirq context, hardirqs enabled, softirqs enabled
ChainStep: TypeAlias = tuple[LockKey, int, int, bool, bool, bool, int, int, int, bool, bool]


def chain_root() -> ChainNode:
    """A tree of chains with nothing in it."""
    use = LockUse(LockKey("(no lock)"), 0, 0)
    return ChainNode(None, LockClass(-1, use.key, 0, version=1), use)


class HeldLock:
    """One entry of a held stack.

    `references` counts the acquires that were merged into this entry, 0 if there was one only.
    """

    __slots__ = ("node", "references", "site", "use")

    def __init__(self, node: ChainNode, use: LockUse, site: Frame) -> None:
        self.node = node
        self.use = use
        self.site = site
        self.references = 0


class TaskLocks:
    """What one task holds, and the interrupt state its acquires are made in.

    The machine sets the contexts (counts) and whether interrupts are enabled; use
    `Validator.hardirqs_on()` and `softirqs_on()` for switching on, as that marks what is held.
    Invariant: `chain` is the node of the last of `held`, or the root.
    """

    __slots__ = (
        "chain",
        "comm",
        "cpu",
        "hardirq_context",
        "hardirqs_enabled",
        "held",
        "pid",
        "softirq_context",
        "softirqs_enabled",
    )

    def __init__(self, comm: str, pid: int, cpu: int, *, chain: ChainNode) -> None:
        self.comm = comm
        self.pid = pid
        self.cpu = cpu
        self.held: list[HeldLock] = []
        self.chain = chain
        self.hardirq_context = 0
        self.softirq_context = 0
        self.hardirqs_enabled = True
        self.softirqs_enabled = True

    def irq_context(self) -> int:
        """Whose locks an acquire now is chained to: bit 0 softirq, bit 1 hardirq."""
        return 2 * (self.hardirq_context > 0) + (self.softirq_context > 0)

    def place_of(self, instance: int) -> int:
        """How deep (from the bottom, 0) an instance is held, or NEST_NOT_HELD."""
        for place, entry in enumerate(self.held):
            if entry.use.instance == instance:
                return place
        return NEST_NOT_HELD

    def step(self, use: LockUse) -> ChainStep:
        """The step of the chain tree that an acquire takes."""
        return (
            use.key,
            use.subclass,
            use.read,
            use.trylock,
            use.check,
            use.sync,
            NO_NEST if use.nest is None else self.place_of(use.nest),
            self.hardirq_context,
            self.softirq_context,
            self.hardirqs_enabled,
            self.softirqs_enabled,
        )
