"""Dentry references and the dentry hash."""

from __future__ import annotations

from collections.abc import Iterator

from invariants.objects import (
    counted,
    dentries,
    has,
    is_directory,
    living,
    mounted,
    open_files,
    value,
)
from lockwright.core.world import World
from model.kernfs.node import KernfsInode
from model.tracefs.inode import TRACEFS_EVENT_INODE
from model.tracing.setup import Tracing
from model.vfs.objects import Dentry, File, Inode


def dentry_counts(world: World) -> Iterator[str]:
    """I1, I13: when nobody is at work, a dentry's count is its children, its open files, the open
    directories that hold it, and its pin.

    Says nothing while a directory is open whose design does not write down what it holds.
    Source: the VFS's reference rules; facts 6.5.
    """
    at = mounted(world)
    files = open_files(at)
    if any(has(obj, "created") for obj in living(world)) and any(
        is_directory(file.peek("f_inode")) for file in files
    ):
        return
    held = [dentry for file in files for dentry in _held_by(file)]
    alive = dentries(at.sb)
    for dentry in alive:
        children = sum(child.peek("d_parent") is dentry and not child.d_cursor for child in alive)
        owners = children + sum(one is dentry for one in held) + _pins(at, dentry)
        count = dentry.peek("d_count")
        if count != owners:
            yield f"dentry {dentry.path} has {count} references, and {owners} owners"


def _held_by(file: File) -> list[Dentry]:
    """The dentries that an open file has a reference on."""
    data = file.peek("private_data")
    if isinstance(data, Dentry):
        return [file.peek("f_dentry"), data]  # the cursor of an open directory
    cursor = value(data, "cursor")
    array = value(data, "dentries")
    pinned = value(array, "pinned", value(array, "items", ()))
    return [file.peek("f_dentry"), *pinned, *([cursor] if isinstance(cursor, Dentry) else [])]


def _pins(at: Tracing, dentry: Dentry) -> int:
    """What creation keeps: of the root, and of all that tracefs makes itself, while it is there."""
    if dentry is at.sb.s_root:
        return 1
    inode, parent = dentry.peek("d_inode"), dentry.peek("d_parent")
    if inode is None or parent is None or not dentry.peek("d_hashed"):
        return 0
    return int(not _of_eventfs(parent.peek("d_inode")))


def _of_eventfs(inode: Inode | None) -> bool:
    return isinstance(inode, KernfsInode) or bool(value(inode, "flags", 0) & TRACEFS_EVENT_INODE)


def one_hashed_dentry_a_name(world: World) -> Iterator[str]:
    """I2: a name in a directory has one hashed dentry at most.

    Source: the VFS; d_alloc_parallel() exists for it.
    """
    for path, slot in mounted(world).sb.slots.items():
        here = [dentry for dentry, _ in slot.value if dentry.path == path]
        parents = [dentry.peek("d_parent") for dentry in here]
        if any(parent in parents[:nth] for nth, parent in enumerate(parents)):
            yield f"{path} is hashed twice in one directory"


def no_lookup_left(world: World) -> Iterator[str]:
    """I5: a lookup that has begun is ended."""
    for dentry in dentries(mounted(world).sb):
        if dentry.peek("d_in_lookup"):
            yield f"{dentry.path} is still in lookup"


def unused_is_found(world: World) -> Iterator[str]:
    """I13: a dentry that nobody uses is hashed: no reclaim but a walk leads to it.

    Source: dput() kills what is not hashed; whatever stays is left behind.
    """
    for dentry in dentries(mounted(world).sb):
        if not dentry.peek("d_count") and not dentry.peek("d_hashed"):
            yield f"dentry {dentry.path} is neither used nor hashed, and not freed"


def used_is_found(world: World) -> Iterator[str]:
    """I6: while somebody uses a dentry of a directory that is there, its name leads to it.

    Source: facts 1.6; only d_revalidate() may unhash it, where the directory has been removed.
    """
    for dentry in dentries(mounted(world).sb):
        ei = value(dentry, "d_fsdata")
        there = counted(ei) and not value(ei, "is_freed")
        if there and dentry.peek("d_count") and not dentry.peek("d_hashed"):
            yield f"dentry {dentry.path} is in use, and its name does not lead to it"


def inodes_have_dentries(world: World) -> Iterator[str]:
    """I13: an inode is in memory only for its dentry, and goes with it.

    Source: iput() at the end of a dentry; an inode of tracefs is not cached.
    """
    sb = mounted(world).sb
    if sb.rcu_late:
        return
    known = [dentry.peek("d_inode") for dentry in sb.dentries]
    for obj in living(world):
        if isinstance(obj, Inode) and not any(obj is inode for inode in known):
            yield f"inode {obj.name} has no dentry, and is not freed"


def nothing_at_the_root(world: World) -> Iterator[str]:
    """Files of events are made below `events`.

    Source: E58, a NULL parent stands for the root of tracefs.
    """
    at = mounted(world)
    for dentry in dentries(at.sb):
        strange = dentry.peek("d_parent") is at.sb.s_root and dentry.d_name != "events"
        if strange and _of_eventfs(dentry.peek("d_inode")):
            yield f"{dentry.d_name}, a file of an event, is made at the root of tracefs"
