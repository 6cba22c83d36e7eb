"""All that a validator knows, in the shape of the kernel's tables: for its /proc files.

C: kernel/locking/lockdep_proc.c, l_show(), lc_show(), lockdep_stats_show();
kernel/locking/lockdep.c, add_chain_cache(), check_prevs_add(), inc_chains().
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from lockwright.core.frame import Frame
from lockwright.core.lockuse import LockKey
from lockwright.lockdep.classes import ClassTable, LockClass
from lockwright.lockdep.graph import DependencyGraph
from lockwright.lockdep.held import ChainNode
from lockwright.lockdep.search import BACKWARDS, FORWARDS

Stacks: TypeAlias = tuple[tuple[Frame, ...], ...]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    `key` numbers the keys in the order of their first use.  `forward` and `backward` count the
    classes that strong paths lead to, and that lead to it, itself included.  `after` has the
    positions of the classes that were acquired with this one held last.
    """

    key: int
    subclass: int
    name: str
    usage: int
    usage_chars: str
    operations: int
    forward: int
    backward: int
    after: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChainRow:
    """Locks held together in one interrupt context (bit 0 softirq, bit 1 hardirq).

    `classes` has their positions, the first taken first; `reads` how each is held.
    """

    irq_context: int
    classes: tuple[int, ...]
    reads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tables:
    """The whole state: classes in the order of their first use, chains as the tree has them.

    `dependencies` counts the edges, `depth` the most locks that were held at once, `zapped` the
    classes that went away with their keys, `dynamic_keys` the keys that are registered.  `stacks`
    are the different ones that are kept for usage bits and edges.
    """

    classes: tuple[ClassRow, ...]
    chains: tuple[ChainRow, ...]
    dependencies: int
    depth: int
    stacks: Stacks
    zapped: int
    dynamic_keys: int
    debug_locks: bool


def tables(
    classes: ClassTable,
    graph: DependencyGraph,
    root: ChainNode,
    *,
    dynamic_keys: int,
    debug_locks: bool,
) -> Tables:
    """Read a validator's state."""
    place = {lock.index: position for position, lock in enumerate(classes)}
    nodes = list(_below(root))
    after: dict[int, list[int]] = {}
    direct = _direct(nodes)
    for edge in graph.edges:
        if (edge.held.index, edge.new.index) in direct:
            after.setdefault(edge.held.index, []).append(place[edge.new.index])
    keys: dict[LockKey, int] = {}
    rows = [
        ClassRow(
            keys.setdefault(lock.key, len(keys)),
            lock.subclass,
            lock.name,
            lock.usage,
            lock.usage_chars(),
            lock.operations,
            graph.reach(FORWARDS, lock),
            graph.reach(BACKWARDS, lock),
            tuple(after.get(lock.index, ())),
        )
        for lock in classes
    ]
    return Tables(
        classes=tuple(rows),
        chains=tuple(_chains(nodes, place)),
        dependencies=len(graph.edges),
        depth=max((depth for _, depth in nodes), default=0),
        stacks=_stacks(classes, graph),
        zapped=classes.zapped,
        dynamic_keys=dynamic_keys,
        debug_locks=debug_locks,
    )


def _below(root: ChainNode) -> Iterator[tuple[ChainNode, int]]:
    """All nodes of the tree but its root, each after its parent, with how many locks it holds.

    A node that only synchronises holds no more than its parent.
    """
    waiting = [(node, 0) for node in reversed(root.children.values())]
    while waiting:
        node, below = waiting.pop()
        depth = below + (not node.sync)
        yield node, depth
        waiting += [(child, depth) for child in reversed(node.children.values())]


def _direct(nodes: list[tuple[ChainNode, int]]) -> dict[tuple[int, int], None]:
    """Held and new class wherever the one was the lock held last: an edge of distance 1."""
    pairs: dict[tuple[int, int], None] = {}
    for node, _ in nodes:
        held = node.parent
        if held.lock.index >= 0 and held.irq_context == node.irq_context:
            pairs[held.lock.index, node.lock.index] = None
    return pairs


def _chains(nodes: list[tuple[ChainNode, int]], place: dict[int, int]) -> Iterator[ChainRow]:
    """The kernel's chains: a node knows more than they do, so many nodes may be one chain.

    Only an acquire that is checked and no trylock looks a chain up.
    """
    seen: dict[ChainRow, None] = {}
    for node, _ in nodes:
        if node.trylock or not node.check:
            continue
        held: list[ChainNode] = []
        step = node
        while step.lock.index >= 0 and step.irq_context == node.irq_context:
            held.append(step)
            step = step.parent
        held.reverse()
        chain = ChainRow(
            node.irq_context,
            tuple(place[entry.lock.index] for entry in held),
            tuple(entry.read for entry in held),
        )
        if chain not in seen:
            seen[chain] = None
            yield chain


def _stacks(classes: ClassTable, graph: DependencyGraph) -> Stacks:
    """Each stack once, as the kernel stores them."""
    seen: dict[tuple[Frame, ...], None] = {}
    for lock in classes:
        seen.update(dict.fromkeys(_usage_stacks(lock)))
    for edge in graph.edges:
        seen.update(dict.fromkeys(edge.stacks.values()))
    return tuple(seen)


def _usage_stacks(lock: LockClass) -> Stacks:
    return tuple(lock.usage_stacks.values())
