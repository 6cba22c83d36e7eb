"""What the kernel's own dumps say: classes, chains, contention, statistics.

`implied_edges` says which dependencies chains prove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

UNCHECKED = frozenset({"rcu_read_lock", "rcu_read_lock_bh", "rcu_read_lock_sched", "rcu_callback"})
"""Maps that are acquired without check: they stand in chains and have no dependencies."""


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """One class of /proc/lockdep; `after` has the names of its direct dependencies.

    `operations`, `forward` and `backward` (how many classes can be reached from it, and reach it,
    itself counted) are None, `usage` is empty, if the kernel does not print them.
    """

    line: int
    key: str
    name: str
    usage: str = ""
    operations: int | None = None
    forward: int | None = None
    backward: int | None = None
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainEntry:
    """One chain: the classes held together, in the order in which they were taken.

    `whole` tells that nothing of it was cut off.
    """

    line: int
    context: str
    classes: tuple[str, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Point:
    """A place where a lock was waited for, or, if `holder`, where it was held meanwhile."""

    count: int
    address: str
    symbol: str
    holder: bool


@dataclass(frozen=True, slots=True)
class StatEntry:
    """A class's row in lock_stat: `mode` is W or R, `values` go by the names of the columns.

    `name` may be cut: the kernel prints 37 characters of it at most, and one digit of its number.
    """

    line: int
    name: str
    mode: str
    values: dict[str, float]
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Statistic:
    """A line of lockdep_stats, with its limit if it has one."""

    value: int
    limit: int | None


@dataclass(slots=True)
class Dump:
    """What a text held; `sections` names the files that it is from, in order.

    `notes` are what the kernel itself says of the dump.
    """

    sections: list[str] = field(default_factory=list)
    classes: list[ClassEntry] = field(default_factory=list)
    chains: list[ChainEntry] = field(default_factory=list)
    rows: list[StatEntry] = field(default_factory=list)
    statistics: dict[str, Statistic] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    misread: int = 0


def implied_edges(chains: Sequence[ChainEntry]) -> list[tuple[str, str]]:
    """The dependencies (held, new) that chains prove, in order, each once.

    The kernel stores a chain for each acquire that is checked and no trylock, and links the new
    lock to the held ones from the top down to the first that was itself such an acquire; that
    one's own chain is then a chain of the dump.  A class that is taken with itself held may be
    nested in another lock, and then has no edges.  Source: validate_chain(), check_prevs_add().
    """
    whole = [chain for chain in chains if chain.whole]
    known = {(chain.context, chain.classes) for chain in whole}
    edges: dict[tuple[str, str], None] = {}
    for chain in whole:
        *held, new = chain.classes
        while held and new not in chain.classes[:-1]:
            if held[-1] not in UNCHECKED:
                edges[held[-1], new] = None
                if (chain.context, tuple(held)) in known:
                    break
            held.pop()
    return list(edges)
