"""How much a validator may know: the kernel's tables have an end.

C: kernel/locking/lockdep_internals.h; include/linux/sched.h, MAX_LOCK_DEPTH.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockwright.lockdep.held import ChainNode, TaskLocks

ENTRIES_PER_DEPENDENCY = 2  # one in each direction


@dataclass(frozen=True, slots=True)
class Limits:
    """The sizes of the kernel's tables, by default as without any choice in its configuration.

    `entries`: each dependency takes two.  `chain_locks` is the sum of the lengths of all chains.
    """

    keys: int = 8192
    entries: int = 32768
    chains: int = 65536
    chain_locks: int = 65536 * 5
    depth: int = 48


class Counted:
    """What counts against the limits and is not counted elsewhere: the kernel's chains.

    A chain is the locks that are held in one interrupt context, by class and reader kind.
    """

    __slots__ = ("_chains", "_limits", "locks")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._chains: dict[tuple[tuple[int, int], ...], None] = {}
        self.locks = 0

    def over(self, *, classes: int, dependencies: int, depth: int) -> str:
        """The name of the limit that is passed; empty if none is."""
        limits = self._limits
        if classes > limits.keys:
            return "MAX_LOCKDEP_KEYS"
        if dependencies * ENTRIES_PER_DEPENDENCY > limits.entries:
            return "MAX_LOCKDEP_ENTRIES"
        if len(self._chains) > limits.chains:
            return "MAX_LOCKDEP_CHAINS"
        if self.locks > limits.chain_locks:
            return "MAX_LOCKDEP_CHAIN_HLOCKS"
        return "MAX_LOCK_DEPTH" if depth >= limits.depth else ""

    def add_chain(self, task: TaskLocks, node: ChainNode) -> None:
        """A chain that ends in `node` was looked up; trylocks and unchecked ones look up none."""
        if node.trylock or not node.check:
            return
        chain = [(-1, node.irq_context)]
        for entry in task.held:
            if entry.node.irq_context == node.irq_context:
                chain.append((entry.node.lock.index, entry.node.read))
            else:
                del chain[1:]
        chain.append((node.lock.index, node.read))
        if tuple(chain) not in self._chains:
            self._chains[tuple(chain)] = None
            self.locks += len(chain) - 1
