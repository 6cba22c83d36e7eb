"""tracefs inodes, and the calls that hang dentries into the tree.

Source: fs/tracefs/inode.c, fs/tracefs/internal.h, eventfs v3 and v4 (2023), 6.5 to 7.3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from lockwright.core.errors import KernelOops
from lockwright.core.location import Value
from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.slab import Field, Slab, kmalloc
from lockwright.kernel.variable import Variable, VariableUpdate
from model.vfs.attr import inc_nlink
from model.vfs.dcache import d_instantiate, dput, iput
from model.vfs.err import EEXIST, ENOENT, EPERM, ERR_PTR, IS_ERR, is_null
from model.vfs.libfs import (
    SIMPLE_DIR_OPERATIONS,
    fsnotify,
    simple_lookup,
    simple_pin_fs,
    simple_recursive_removal,
    simple_release_fs,
)
from model.vfs.namei import lookup_one_len
from model.vfs.objects import (
    S_IFDIR,
    S_IFREG,
    Dentry,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
)

if TYPE_CHECKING:
    from lockwright.core.world import World

TRACEFS_EVENT_INODE = 1 << 1

DIR_MODE = S_IFDIR | 0o750

EMPTY = "empty"
"""What a list head says that leads to itself."""


class TracefsInode(Inode):
    """struct tracefs_inode, which contains the VFS inode.

    `flags` is set before the inode is published.  `private` is the eventfs_inode of a directory;
    v3 and v4 set it after that, without a lock that readers take.
    `i_lru` is the VFS inode's, and empty: tracefs keeps no unused inodes.
    """

    cache = "tracefs_inode_cache"
    size = 656

    flags: Field[int] = Field(0)
    private: Field[Slab] = Field(None)
    i_lru: Field[str] = Field(EMPTY)

    __slots__ = ()


def get_tracefs(inode: Inode) -> TracefsInode:
    """The container of a VFS inode.  Of a NULL pointer it gives one that faults when followed."""
    return cast("TracefsInode", inode)


class InodeMemory:
    """The memory of tracefs inodes, where the layout of struct inode has `i_lru` in front.

    CONFIG_RANDSTRUCT may put it there; without, it is i_mode, i_uid and i_gid, which are set anew
    for each inode.  List heads are not: inode_init_once() made them empty when the slab was made,
    and counts on whoever frees an inode to leave them so.  What is freed last is given out next.
    With `own_rcu_head` a rcu_head shares its place with the VFS inode.
    C: tracefs_inode_cachep, inode_init_once(), tracefs_free_inode(), tracefs_free_inode_rcu().
    """

    def __init__(self, world: World, *, own_rcu_head: bool) -> None:
        self.own_rcu_head = own_rcu_head
        self.free = Variable(world, (), "free objects of tracefs_inode_cache")

    async def alloc(self, inode: Inode) -> None:
        """What its memory held, the new inode holds.  C: alloc_inode(), kmem_cache_alloc()."""
        free: tuple[str, ...] = await VariableUpdate(self.free, lambda old: old[:-1], "slab_alloc")
        if free:
            get_tracefs(inode).i_lru = free[-1]

    def leave_lru(self, inode: Inode) -> None:
        """The last reference is gone.  C: iput_final(), inode_lru_list_del(), list_del_init()."""
        was = get_tracefs(inode).i_lru
        if was != EMPTY:
            raise KernelOops(
                "list corruption",
                f"list_del corruption: i_lru.next of {inode.describe()} is {was}",
                "list_del corruption of i_lru",
            )

    async def give_back(self, inode: Inode) -> None:
        """Free it after a grace period, of which only what call_rcu() writes is seen here."""
        ti = get_tracefs(inode)
        if self.own_rcu_head:
            ti.i_lru = "NULL, the end of a list of callbacks"
        left = ti.i_lru
        await VariableUpdate(self.free, lambda old: (*old, left), "slab_free")


async def security_locked_down(sb: SuperBlock) -> int:
    """-EPERM if tracefs is locked down.  No step where nobody ever does that."""
    if sb.lockdown is None:
        return 0
    return -EPERM if await READ_ONCE(sb.lockdown) else 0


async def tracefs_get_inode(sb: SuperBlock, name: str) -> TracefsInode:
    """Allocate an inode; NULL if that fails.  C: tracefs_get_inode(), new_inode()."""
    inode: TracefsInode = await kmalloc(sb.world, lambda: TracefsInode(sb, name), "tracefs_inode")
    if is_null(inode):
        return inode
    if sb.s_op.alloc_inode is not None:
        await sb.s_op.alloc_inode(inode)
    inode.i_ino = sb.next_ino()
    return inode


def dentry_iput(
    set_ef_status_free: Callable[[Dentry], Awaitable[None]],
) -> Callable[[Dentry, Inode], Awaitable[None]]:
    """The d_iput() of tracefs, for one eventfs.  C: tracefs_dentry_operations."""

    async def tracefs_dentry_iput(dentry: Dentry, inode: Inode) -> None:
        ti = get_tracefs(inode)
        if ti.flags & TRACEFS_EVENT_INODE:
            await set_ef_status_free(dentry)
        await iput(inode)

    return tracefs_dentry_iput


async def eventfs_start_creating(sb: SuperBlock, name: str, parent: Dentry) -> Dentry:
    """The negative dentry to create at.  The caller holds parent's i_rwsem.

    A NULL parent means the root of tracefs, whose i_rwsem the caller then does not hold.
    """
    if is_null(parent):
        parent = sb.s_root
    dentry = await lookup_one_len(name, parent)
    if not IS_ERR(dentry) and not is_null(dentry.d_inode):
        await dput(dentry)
        dentry = ERR_PTR(Dentry, -EEXIST)
    return dentry


async def eventfs_failed_creating(dentry: Dentry) -> Dentry:
    """Drop the dentry; NULL."""
    await dput(dentry)
    return None  # type: ignore[return-value]  # NULL


async def tracefs_start_creating(name: str, parent: Dentry) -> Dentry:
    """The negative dentry to create at, with parent's i_rwsem held; or an error pointer, without.

    The C takes the root for a NULL parent.
    """
    inode = parent.d_inode
    await simple_pin_fs(parent.d_sb)
    await inode.i_rwsem.down_write()
    dentry = ERR_PTR(Dentry, -ENOENT) if inode.i_dead else await lookup_one_len(name, parent)
    if not IS_ERR(dentry) and not is_null(dentry.d_inode):
        await dput(dentry)
        dentry = ERR_PTR(Dentry, -EEXIST)
    if IS_ERR(dentry):
        await inode.i_rwsem.up_write()
        await simple_release_fs(parent.d_sb)
    return dentry


async def tracefs_failed_creating(dentry: Dentry) -> Dentry:
    """Unlock the parent and drop the dentry; NULL."""
    sb = dentry.d_sb
    await dentry.d_parent.d_inode.i_rwsem.up_write()
    await dput(dentry)
    await simple_release_fs(sb)
    return None  # type: ignore[return-value]  # NULL


async def tracefs_end_creating(dentry: Dentry) -> Dentry:
    """Unlock the parent; the reference on the dentry stays, and pins it."""
    await dentry.d_parent.d_inode.i_rwsem.up_write()
    return dentry


async def tracefs_create_file(
    name: str, mode: int, parent: Dentry, data: Value, fops: FileOperations
) -> Dentry:
    """A file, whose dentry is pinned; NULL if that fails."""
    sb = parent.d_sb
    if await security_locked_down(sb):
        return None  # type: ignore[return-value]  # NULL
    dentry = await tracefs_start_creating(name, parent)
    if IS_ERR(dentry):
        return None  # type: ignore[return-value]  # NULL
    inode = await tracefs_get_inode(sb, dentry.path)
    if is_null(inode):
        return await tracefs_failed_creating(dentry)
    inode.i_mode = S_IFREG | mode
    inode.i_fop = fops
    inode.i_private = data
    _inherit(inode, parent)
    await d_instantiate(dentry, inode)
    fsnotify(dentry, "create")
    return await tracefs_end_creating(dentry)


async def tracefs_create_dir(name: str, parent: Dentry) -> Dentry:
    """A directory, whose dentry is pinned; NULL if that fails."""
    if await security_locked_down(parent.d_sb):
        return None  # type: ignore[return-value]  # NULL
    return await create_dir(name, parent, InodeOperations(lookup=simple_lookup))


async def create_dir(name: str, parent: Dentry, operations: InodeOperations) -> Dentry:
    """C: __create_dir()."""
    dentry = await tracefs_start_creating(name, parent)
    if IS_ERR(dentry):
        return None  # type: ignore[return-value]  # NULL
    inode = await tracefs_get_inode(parent.d_sb, dentry.path)
    if is_null(inode):
        return await tracefs_failed_creating(dentry)
    as_directory(inode, operations)
    _inherit(inode, parent)
    await d_instantiate(dentry, inode)
    await inc_nlink(parent.d_inode)
    fsnotify(dentry, "mkdir")
    return await tracefs_end_creating(dentry)


def as_directory(inode: Inode, operations: InodeOperations) -> None:
    """Make a new inode a directory."""
    inode.i_dir = True
    inode.i_mode = DIR_MODE
    inode.i_op = operations
    inode.i_fop = SIMPLE_DIR_OPERATIONS
    inode.i_nlink = 2


def _inherit(inode: Inode, parent: Dentry) -> None:
    above = parent.d_inode
    inode.i_uid = above.i_uid
    inode.i_gid = above.i_gid


async def tracefs_remove(dentry: Dentry) -> None:
    """Remove a file, or a directory with all that is below."""
    if is_null(dentry) or IS_ERR(dentry):
        return
    sb = dentry.d_sb
    await simple_pin_fs(sb)
    await simple_recursive_removal(dentry, _remove_one)
    await simple_release_fs(sb)


async def _remove_one(victim: Dentry) -> None:
    await simple_release_fs(victim.d_sb)
