"""Memory: what is allocated, in bytes by kind of object, and that it goes back to what it was.

Source: facts, section 3: sizes on x86-64, from slabinfo and from sums of fields.

An object takes what its slab cache gives it: its own size where the cache is its own, the next
kmalloc size where it is not.  What the C allocates beside an object, and the models do not, is
counted with it: names and arrays of pointers (`BESIDE`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from invariants.objects import living, mounted
from lockwright.core.world import World
from lockwright.kernel.slab import Slab
from model.eventfs.layout import BEFORE_IS_EVENTS, sizeof

KMALLOC = (8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192)
OWN_CACHE = (
    *("dentry", "inode_cache", "tracefs_inode_cache", "kernfs_node_cache", "filp"),
    "trace_event_file",
)
"""Left out: that a slab may end with a part too small for one more object."""
POINTER = 8
NAMES = "names"
CHILDREN = "d_children"
TRACING = "model.tracing"
"""Where the objects of the tracing core are defined: events, systems, instances, probes."""
STATIC_NAMES = ("eventfs_inode->name",)
"""Copied by kstrdup_const(): nothing is allocated for the name of an event that was built in."""


def kmalloc_size(size: int) -> int:
    """What kmalloc() gives for a size."""
    return next((fit for fit in KMALLOC if fit >= size), size)


@dataclass(frozen=True, slots=True)
class Use:
    """What one kind of object takes."""

    kind: str
    count: int
    bytes: int


def _names(obj: Slab) -> tuple[str, int]:
    """6.6 and before copy the name of every file and directory.  C: kstrdup()."""
    return NAMES, kmalloc_size(len(obj.name.encode()) + 1)


def _children(obj: Slab) -> tuple[str, int]:
    """6.7 keeps a pointer for each file that a directory can have."""
    slots = obj.peek("d_children") if "d_children" in _fields(obj) else ()
    return CHILDREN, kmalloc_size(POINTER * len(slots)) if slots else 0


def _fields(obj: Slab) -> list[str]:
    return [field.name for field in type(obj)._fields]


BESIDE: dict[str, Callable[[Slab], tuple[str, int]]] = {
    "eventfs_file": _names,
    "eventfs_inode": _children,
}


def bytes_of(obj: Slab) -> int:
    """What an object takes, without what is beside it."""
    if obj.cache in STATIC_NAMES:
        return 0
    return obj.size if obj.cache in OWN_CACHE else kmalloc_size(obj.size)


def usage(objects: Iterable[Slab]) -> dict[str, Use]:
    """What these objects take, by kind, in the order of first meeting."""
    found: dict[str, Use] = {}

    def add(kind: str, size: int) -> None:
        if size:
            known = found.get(kind, Use(kind, 0, 0))
            found[kind] = Use(kind, known.count + 1, known.bytes + size)

    for obj in objects:
        add(obj.cache or type(obj).__name__, bytes_of(obj))
        beside = BESIDE.get(obj.cache)
        if beside is not None:
            add(*beside(obj))
    return found


def file_system(world: World) -> Iterator[Slab]:
    """The living objects of tracefs, eventfs and the VFS."""
    return (obj for obj in living(world) if not of_tracing_core(obj))


def of_tracing_core(obj: Slab) -> bool:
    """Is it there whatever the file system: an event, a system, an instance?"""
    return type(obj).__module__.startswith(TRACING)


def total(uses: dict[str, Use]) -> int:
    """All their bytes."""
    return sum(use.bytes for use in uses.values())


def census(world: World) -> tuple[str, ...]:
    """How many objects of each kind there are, sorted: what an outcome called IDLE holds."""
    counts: dict[str, int] = {}
    for obj in living(world):
        kind = obj.cache or type(obj).__name__
        counts[kind] = counts.get(kind, 0) + 1
    return tuple(f"{kind}: {count}" for kind, count in sorted(counts.items()))


IDLE = "idle"


def back_to_idle(world: World) -> Iterator[str]:
    """I13: when everything is closed and the caches are dropped, there is what was there before.

    The case writes down the census of the idle tree as an outcome, and drops the caches last.
    """
    at = mounted(world)
    now = census(world)
    for outcome in at.outcomes:
        if outcome.call == IDLE and outcome.result != now:
            assert isinstance(outcome.result, tuple), "a census is a tuple"
            before = ", ".join(kind for kind in outcome.result if kind not in now)
            after = ", ".join(kind for kind in now if kind not in outcome.result)
            yield f"idle is {before or 'nothing else'}; after reclaim there is {after or 'less'}"


def a_mark_costs_nothing(world: World) -> Iterator[str]:
    """The bit that marks `events` is taken from another field: no directory asks for more memory.

    Source: fd56cd5f6d76, which gave it that bit; facts, E61.  What is asked for is compared, not
    what kmalloc() gives: that is the same for a few bytes more.
    """
    inodes = [obj for obj in living(world) if obj.cache == "eventfs_inode"]
    before = sizeof(BEFORE_IS_EVENTS, mounted(world).fs.struct.pointer)
    more = [obj.size - before for obj in inodes]
    if any(more):
        each = ", ".join(f"{bytes_more}" for bytes_more in dict.fromkeys(more))
        yield (
            f"{len(inodes)} directories ask for {sum(more)} bytes more than without is_events, "
            f"{each} each"
        )


def untouched_files_cost_nothing(world: World) -> Iterator[str]:
    """No object is there for a file that nobody has looked at, but what its directory has.

    For designs with static arrays: an eventfs_inode for each directory, none for a file.
    """
    at = mounted(world)
    files = {entry.name for entries in at.core.entries for entry in entries}
    for obj in file_system(world):
        if obj.cache.startswith("eventfs_inode") and obj.name in files:
            yield f"{obj.describe()} is there for a file"
