"""What a world holds, read without the machine seeing it, whatever the design.

An eventfs_inode is known by its fields, not by its class: each generation has its own, and some
fields are in some generations only.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.slab import Field, Slab
from model.tracing.setup import Tracing
from model.vfs.objects import DEAD, Dentry, File, Inode, SuperBlock


def mounted(world: World) -> Tracing:
    """The mounted tracefs of an eventfs scenario."""
    at: Tracing = world.state
    return at


def has(obj: object, *names: str) -> bool:
    """Is it a slab object with these fields?"""
    return isinstance(obj, Slab) and all(
        isinstance(getattr(type(obj), name, None), Field) for name in names
    )


def value(obj: object, name: str, default: Value = None) -> Value:
    """A field's value, or the default where the generation has no such field."""
    return obj.peek(name) if isinstance(obj, Slab) and has(obj, name) else default


def living(world: World) -> Iterator[Slab]:
    """The slab objects that have not been freed, in order of allocation."""
    return (obj for obj in world.objects if obj.alive)


def dentries(sb: SuperBlock) -> list[Dentry]:
    """The dentries that are not dead; cursors are among them."""
    return [dentry for dentry in sb.dentries if dentry.alive and dentry.peek("d_count") != DEAD]


def inodes(world: World) -> list[Inode]:
    """The inodes in memory."""
    return [obj for obj in living(world) if isinstance(obj, Inode)]


def eventfs_inodes(world: World) -> list[Slab]:
    """The eventfs_inodes of the generations that have children, entries and is_freed (6.7 on)."""
    return [obj for obj in living(world) if has(obj, "children", "entries", "is_freed")]


def counted(ei: object) -> bool:
    """Does a kref keep it (6.8 on)?"""
    return has(ei, "kref")


def children(ei: Slab) -> tuple[Slab, ...]:
    """What is on its list now."""
    found: tuple[Slab, ...] = value(ei, "children").peek()
    return found


def is_directory(inode: Slab | None) -> bool:
    """Is it the inode of a directory?"""
    return inode is not None and bool(inode.peek("i_dir"))


def open_files(at: Tracing) -> list[File]:
    """The files that are open, of all tasks."""
    return list(at.sb.files)
