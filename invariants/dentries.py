"""Dentry references and the dentry hash."""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.world import World
from model.tracing.setup import Tracing
from model.vfs.objects import DEAD, Dentry


def dentry_counts(world: World) -> Iterator[str]:
    """I1, I13: when nobody is at work, a dentry's count is its children and its open files.

    Says nothing while a directory is open: what an open directory holds is the design's choice.
    Source: the VFS's reference rules.
    """
    at: Tracing = world.state
    if any(file.peek("f_inode").peek("i_dir") for file in at.sb.files):
        return
    for dentry in _living(at):
        count, owners = dentry.peek("d_count"), _owners(at, dentry)
        if count != owners:
            yield f"dentry {dentry.path} has {count} references, and {owners} owners"


def _living(at: Tracing) -> list[Dentry]:
    return [d for d in at.sb.dentries if d.alive and d.peek("d_count") != DEAD]


def _owners(at: Tracing, dentry: Dentry) -> int:
    children = sum(child.peek("d_parent") is dentry for child in _living(at))
    files = sum(file.peek("f_dentry") is dentry for file in at.sb.files)
    return children + files + (dentry is at.top or dentry is at.sb.s_root)


def one_hashed_dentry_a_name(world: World) -> Iterator[str]:
    """I2: a name in a directory has one hashed dentry at most.

    Source: the VFS; d_alloc_parallel() exists for it.
    """
    at: Tracing = world.state
    for path, slot in at.sb.slots.items():
        parents = [dentry.peek("d_parent") for dentry, _ in slot.value]
        if any(parent in parents[:nth] for nth, parent in enumerate(parents)):
            yield f"{path} is hashed twice in one directory"


def no_lookup_left(world: World) -> Iterator[str]:
    """I5: a lookup that has begun is ended."""
    at: Tracing = world.state
    for path, slot in at.sb.slots.items():
        if any(in_lookup for _, in_lookup in slot.value):
            yield f"{path} is still in lookup"


def nothing_at_the_root(world: World) -> Iterator[str]:
    """Files of events are made below `events`.

    Source: E58, a NULL parent stands for the root of tracefs.
    """
    at: Tracing = world.state
    for dentry in at.sb.dentries:
        strange = dentry.peek("d_parent") is at.sb.s_root and dentry.d_name != at.top.d_name
        if strange and dentry.peek("d_inode") is not None:
            yield f"{dentry.d_name}, a file of an event, is made at the root of tracefs"
