"""eventfs's own objects: who keeps them, and where they are found."""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import children, counted, dentries, eventfs_inodes, mounted, value
from lockwright.core.world import World
from lockwright.kernel.slab import Slab


def directories_are_counted(world: World) -> Iterator[str]:
    """I1, I16: an eventfs_inode's kref is its place in the tree, and the dentries that lead to it.

    Source: facts 1.6, the table of who protects what (6.8 and later).
    """
    at = mounted(world)
    leading = [value(dentry, "d_fsdata") for dentry in dentries(at.sb)]
    for ei in eventfs_inodes(world):
        if not counted(ei):
            continue
        owners = sum(one is ei for one in leading) + (not value(ei, "is_freed"))
        count = value(ei, "kref").value
        if count and count != owners:
            yield f"{ei.describe()} has {count} references, and {owners} owners"


def freed_is_off_the_list(world: World) -> Iterator[str]:
    """I9: what is on a list is not freed, and what is on none is.

    Source: facts 6.2; freed and the list change in one section of eventfs_mutex.
    """
    listed: list[Slab] = []
    for ei in eventfs_inodes(world):
        for child in children(ei):
            listed.append(child)
            if not child.alive or value(child, "is_freed"):
                yield f"{child.describe()} is freed, and on the list of {ei.describe()}"
    for ei in eventfs_inodes(world):
        known = value(ei, "is_events") or any(ei is child for child in listed)
        if not known and not value(ei, "is_freed"):
            yield f"{ei.describe()} is on no list, and not freed"


def removed_is_forgotten(world: World) -> Iterator[str]:
    """I13: a removed directory is in memory only for a dentry that leads to it.

    Source: facts 6.5, who frees what and when.  Grace periods are over when all tasks have ended.
    """
    at = mounted(world)
    leading = [value(dentry, "d_fsdata") for dentry in dentries(at.sb)]
    for ei in eventfs_inodes(world):
        if value(ei, "is_freed") and not any(one is ei for one in leading):
            yield f"{ei.describe()} is removed, nothing leads to it, and it is not freed"
