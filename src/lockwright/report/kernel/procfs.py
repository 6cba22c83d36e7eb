"""The validator's own files: /proc/lockdep, /proc/lockdep_chains and /proc/lockdep_stats.

They are printed from what a validator of ours has learnt, so that the lock graph of a model can
be laid beside a machine's.  Addresses are made up: each key has its own, and a subclass adds its
number, as in the kernel.

Left out of the statistics: the lines of CONFIG_DEBUG_LOCKDEP, and those of what this validator
has no counterpart for (the queue of the search, chains that were zapped, blocks of chains).

C: kernel/locking/lockdep_proc.c, l_show(), lc_show(), lockdep_stats_show().
"""

from __future__ import annotations

from zlib import crc32

from lockwright.lockdep.classes import (
    HARDIRQ_ON,
    HARDIRQ_ON_READ,
    IN_HARDIRQ,
    IN_HARDIRQ_READ,
    IN_SOFTIRQ,
    IN_SOFTIRQ_READ,
    SOFTIRQ_ON,
    SOFTIRQ_ON_READ,
    USED,
)
from lockwright.lockdep.limits import ENTRIES_PER_DEPENDENCY, Limits
from lockwright.lockdep.tables import ChainRow, ClassRow, Tables
from lockwright.report.kernel.pieces import DATA_START

CONTEXTS = ("0", "softirq", "hardirq", "hardirq|softirq")
HARDIRQ_CONTEXT, SOFTIRQ_CONTEXT = 2, 1
KEY_SIZE = 0x10
LABEL_COLUMNS = 31
CHAIN_BLOCK_MIN = 2
STACK_ENTRIES_MAX = 1 << 19
STACK_HEADER = 3
STACK_HASHES = 1 << 14
UINT_MAX = (1 << 32) - 1
SAFE_AND_UNSAFE = (
    ("hardirq-safe", (IN_HARDIRQ,)),
    ("hardirq-unsafe", (HARDIRQ_ON,)),
    ("softirq-safe", (IN_SOFTIRQ,)),
    ("softirq-unsafe", (SOFTIRQ_ON,)),
    ("irq-safe", (IN_HARDIRQ, IN_SOFTIRQ)),
    ("irq-unsafe", (HARDIRQ_ON, SOFTIRQ_ON)),
    ("hardirq-read-safe", (IN_HARDIRQ_READ,)),
    ("hardirq-read-unsafe", (HARDIRQ_ON_READ,)),
    ("softirq-read-safe", (IN_SOFTIRQ_READ,)),
    ("softirq-read-unsafe", (SOFTIRQ_ON_READ,)),
    ("irq-read-safe", (IN_HARDIRQ_READ, IN_SOFTIRQ_READ)),
    ("irq-read-unsafe", (HARDIRQ_ON_READ, SOFTIRQ_ON_READ)),
)
"""Each label, and the usage bits of which a class that counts has at least one."""


def lockdep(known: Tables, *, operations: bool = False) -> str:
    """/proc/lockdep: each class with its direct dependencies.

    `operations`: with the number of acquires, as CONFIG_DEBUG_LOCKDEP prints it.
    """
    lines = ["all lock classes:"]
    for row in known.classes:
        counted = f" OPS:{row.operations:8d}" if operations else ""
        counted += f" FD:{row.forward:5d} BD:{row.backward:5d}"
        lines.append(f"{_key(row)}{counted} {row.usage_chars}: {row.name}")
        lines += [f" -> {_keyed(known.classes[place])}" for place in row.after]
        lines.append("")
    return _text(lines)


def lockdep_chains(known: Tables) -> str:
    """/proc/lockdep_chains: the locks that were held together, by interrupt context."""
    lines = ["all lock chains:"]
    for chain in known.chains:
        lines.append(f"irq_context: {CONTEXTS[chain.irq_context]}")
        lines += [_keyed(known.classes[place]) for place in chain.classes]
        lines.append("")
    return _text(lines)


def lockdep_stats(known: Tables, *, limits: Limits | None = None) -> str:
    """/proc/lockdep_stats; the limits are the kernel's own where the validator has none."""
    sizes = limits or Limits()
    used = {label: _count(known, bits) for label, bits in SAFE_AND_UNSAFE}
    entries = known.dependencies * ENTRIES_PER_DEPENDENCY
    joined = used["irq-unsafe"] * used["irq-safe"]
    joined += used["hardirq-unsafe"] * used["hardirq-safe"]
    usages = [row.usage for row in known.classes]
    lines = [
        _line("lock-classes", len(usages), sizes.keys),
        _line("dynamic-keys", known.dynamic_keys),
        _line("direct dependencies", entries, sizes.entries),
        _line("indirect dependencies", sum(row.forward for row in known.classes)),
        _line("all direct dependencies", joined + entries),
        *_chain_lines(known.chains, sizes),
        *_stack_lines(known),
        _line("combined max dependencies", _combined(known.chains)),
        *(_line(f"{label} locks", count) for label, count in used.items()),
        _line("uncategorized locks", usages.count(1 << USED)),
        _line("unused locks", usages.count(0)),
        _line("max locking depth", known.depth),
        _line("max lock class index", max(len(usages) + known.zapped - 1, 0)),
        _line("debug_locks", int(known.debug_locks)),
        "",
        _line("zapped classes", known.zapped),
    ]
    return _text(lines)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"


def _key(row: ClassRow) -> str:
    return f"{DATA_START + row.key * KEY_SIZE + row.subclass:016x}"


def _keyed(row: ClassRow) -> str:
    return f"[{_key(row)}] {row.name}"


def _line(label: str, value: int, most: int | None = None) -> str:
    limit = "" if most is None else f" [max: {most}]"
    return f" {label + ':':<{LABEL_COLUMNS}}{value:11d}{limit}"


def _count(known: Tables, bits: tuple[int, ...]) -> int:
    """The classes with at least one of these usage bits."""
    mask = sum(1 << bit for bit in bits)
    return sum(bool(row.usage & mask) for row in known.classes)


def _by_context(chains: tuple[ChainRow, ...]) -> tuple[int, int, int]:
    """Chains in hard interrupts (whatever they interrupt), soft ones, and tasks."""
    hard = sum(bool(chain.irq_context & HARDIRQ_CONTEXT) for chain in chains)
    soft = sum(chain.irq_context == SOFTIRQ_CONTEXT for chain in chains)
    return hard, soft, len(chains) - hard - soft


def _combined(chains: tuple[ChainRow, ...]) -> int:
    """The kernel multiplies in 32 bits."""
    hard, soft, process = _by_context(chains)
    return (hard + 1) * (soft + 1) * (process + 1) & UINT_MAX


def _chain_lines(chains: tuple[ChainRow, ...], sizes: Limits) -> list[str]:
    locks = sum(max(len(chain.classes), CHAIN_BLOCK_MIN) for chain in chains)
    hard, soft, process = _by_context(chains)
    return [
        _line("dependency chains", len(chains), sizes.chains),
        _line("dependency chain hlocks used", locks, sizes.chain_locks),
        _line("dependency chain hlocks lost", 0),
        _line("in-hardirq chains", hard),
        _line("in-softirq chains", soft),
        _line("in-process chains", process),
    ]


def _stack_lines(known: Tables) -> list[str]:
    """Each stack takes a header of three words; a hash chain is one that is not empty."""
    entries = sum(len(stack) + STACK_HEADER for stack in known.stacks)
    hashes = {crc32(repr(stack).encode()) % STACK_HASHES for stack in known.stacks}
    return [
        _line("stack-trace entries", entries, STACK_ENTRIES_MAX),
        _line("number of stack traces", len(known.stacks)),
        _line("number of stack hash chains", len(hashes)),
    ]
