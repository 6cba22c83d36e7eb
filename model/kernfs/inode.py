"""The dentries and inodes of kernfs: lookup, revalidation, listing, attributes.

Source: fs/kernfs/dir.c, fs/kernfs/inode.c, 6.8.
Left out: that an inode which is looked up again while its last dentry dies is found and shared
(iget_locked()): here each dentry has its own, which nobody can tell, as all that lasts is the
node's.  mkdir and rmdir, which a kernfs without syscall_ops refuses.  That permission checks
bring the inode up to date: here only setattr() changes what they ask for, and it does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lockwright.kernel.slab import kmalloc
from model.kernfs.active import kernfs_active, kernfs_get, kernfs_put
from model.kernfs.dir import kernfs_find
from model.kernfs.file import KERNFS_FILE_FOPS
from model.kernfs.node import INT_MAX, KernfsInode, KernfsNode
from model.vfs.attr import Relaxed
from model.vfs.dcache import d_add
from model.vfs.err import ECHILD, ENOMEM, EPERM, ERR_PTR, IS_ERR, is_null
from model.vfs.libfs import simple_setattr
from model.vfs.objects import (
    S_IFDIR,
    S_IFREG,
    Dentry,
    DentryOperations,
    File,
    FileOperations,
    Inode,
    InodeOperations,
    SuperBlock,
)
from model.vfs.readdir import DT_DIR, DT_REG, DirContext, dir_emit_dots

if TYPE_CHECKING:
    from model.vfs.attr import Iattr


def kernfs_dentry_node(dentry: Dentry) -> KernfsNode | None:
    """The node of a positive dentry of kernfs; None of others."""
    inode = dentry.d_inode
    return inode.kn if isinstance(inode, KernfsInode) else None


async def kernfs_get_inode(sb: SuperBlock, kn: KernfsNode, path: str) -> KernfsInode:
    """An inode for a node; NULL if there is no memory.  The caller holds kernfs_rwsem.

    C: kernfs_get_inode(), kernfs_init_inode(), kernfs_refresh_inode().
    """
    inode: KernfsInode = await kmalloc(sb.world, lambda: KernfsInode(sb, path), "inode")
    if is_null(inode):
        return inode
    await kernfs_get(kn)
    inode.i_private = kn
    inode.i_ino = kn.id
    inode.i_dir = kn.dir
    inode.i_mode = (S_IFDIR if kn.dir else S_IFREG) | kn.mode
    inode.i_uid, inode.i_gid = kn.uid, kn.gid
    inode.i_op = KERNFS_DIR_IOPS if kn.dir else KERNFS_IOPS
    inode.i_fop = KERNFS_DIR_FOPS if kn.dir else KERNFS_FILE_FOPS
    inode.i_nlink = kn.subdirs + 2 if kn.dir else 1
    return inode


async def kernfs_evict_inode(inode: Inode) -> None:
    """An inode goes, and lets go of its node."""
    if isinstance(inode, KernfsInode):
        await kernfs_put(inode.kn)


async def kernfs_iop_lookup(dir: Inode, dentry: Dentry, flags: int) -> Dentry:
    """Find the node of a name.  The caller holds dir's i_rwsem.

    A miss is remembered as a negative dentry, with the revision that its directory had.  A node
    that is not active is not to be seen, and not remembered as missing either.
    """
    parent = cast("KernfsInode", dir).kn
    rwsem = parent.root.kernfs_rwsem
    inode: Inode | None = None
    await rwsem.down_read()
    kn = kernfs_find(parent, dentry.d_name)
    if kn is not None:
        if not kernfs_active(kn):
            await rwsem.up_read()
            return None  # type: ignore[return-value]  # NULL
        inode = await kernfs_get_inode(dir.i_sb, kn, dentry.path)
        if is_null(inode):
            inode = ERR_PTR(Inode, -ENOMEM)
    if not IS_ERR(inode):
        dentry.d_time = parent.rev
    await rwsem.up_read()
    if IS_ERR(inode):
        return cast("Dentry", inode)
    await d_add(dentry, inode)
    return None  # type: ignore[return-value]  # NULL; no directory has another alias


async def kernfs_dop_revalidate(dentry: Dentry) -> int:
    """Does a cached dentry still tell the truth?"""
    above = kernfs_dentry_node(dentry.d_parent)
    if is_null(dentry.d_inode):
        return await _negative_holds(above, dentry) if above is not None else 1
    kn = kernfs_dentry_node(dentry)
    if kn is None:
        return 1
    await kn.root.kernfs_rwsem.down_read()
    good = kernfs_active(kn) and (is_null(kn.parent) or kn.parent is above)
    await kn.root.kernfs_rwsem.up_read()
    return int(good)


async def _negative_holds(parent: KernfsNode, dentry: Dentry) -> int:
    """Has the directory not changed since?  C: kernfs_dir_changed()."""
    rwsem = parent.root.kernfs_rwsem
    await rwsem.down_read()
    same = parent.rev == dentry.d_time
    await rwsem.up_read()
    return int(same)


def kernfs_dop_revalidate_rcu(dentry: Dentry) -> int:
    """In RCU-walk there is no answer: the walk has to take references.

    Dentries of tracefs, above the events directories, have nothing to ask.
    """
    above = kernfs_dentry_node(dentry.d_parent) if not is_null(dentry.d_parent) else None
    ours = above is not None or kernfs_dentry_node(dentry) is not None
    return -ECHILD if ours else 1


async def kernfs_fop_readdir(file: File, ctx: DirContext) -> int:
    """List a directory.  A position is the hash of the name there: it stays what it is, whatever
    comes and goes.  kernfs_rwsem is not held while an entry is copied out.

    C: also kernfs_dir_pos(), kernfs_dir_next_pos().
    """
    parent = kernfs_dentry_node(file.f_dentry)
    assert parent is not None, "a directory of kernfs has a node"
    if not await dir_emit_dots(file, ctx):
        return 0
    rwsem = parent.root.kernfs_rwsem
    await rwsem.down_read()
    pos = await _dir_pos(parent, file, ctx.pos, after=False)
    while pos is not None:
        ctx.pos = pos.hash
        file.private_data = pos
        await kernfs_get(pos)
        name, ino, d_type = pos.name, pos.id, DT_DIR if pos.dir else DT_REG
        await rwsem.up_read()
        if not await ctx.emit(name, ino, d_type):
            return 0
        await rwsem.down_read()
        pos = await _dir_pos(parent, file, ctx.pos, after=True)
    await rwsem.up_read()
    file.private_data = None
    ctx.pos = INT_MAX
    return 0


async def _dir_pos(parent: KernfsNode, file: File, hash: int, *, after: bool) -> KernfsNode | None:
    """The active node at a position, or, `after` it.  The caller holds kernfs_rwsem.

    The node that was read last says where that is, if it is still there; else its hash is looked
    for, and a search for a hash that is gone ends before or after it.
    """
    last = cast("KernfsNode | None", file.private_data)
    if last is not None:
        valid = kernfs_active(last) and last.parent is parent and last.hash == hash
        await kernfs_put(last)
        if not valid:
            last = None
    children = parent.children
    if last is not None:
        at: int | None = children.index(last)
    else:
        at = _search(children, hash) if 1 < hash < INT_MAX else None
    if at is None:
        return None
    if after:
        at = next((n for n in range(at, len(children)) if kernfs_active(children[n])), at) + 1
    return next((kn for kn in children[at:] if kernfs_active(kn)), None)


def _search(children: tuple[KernfsNode, ...], hash: int) -> int | None:
    """Where a search in the tree of children ends: at the hash, or where it would be below.

    The C's tree is a red-black one, whose shape depends on its history; this is the balanced one.
    """
    low, high, at = 0, len(children), None
    while low < high:
        at = (low + high) // 2
        if hash < children[at].hash:
            high = at
        elif hash > children[at].hash:
            low = at + 1
        else:
            break
    return at


async def kernfs_dir_fop_release(inode: Inode, file: File) -> int:
    """Close a directory: let go of the node that was read last."""
    await kernfs_put(cast("KernfsNode", file.private_data))
    return 0


async def kernfs_iop_setattr(dentry: Dentry, iattr: Iattr) -> int:
    """Change attributes: the node remembers them.  The caller holds the inode's i_rwsem."""
    kn = kernfs_dentry_node(dentry)
    assert kn is not None, "an inode of kernfs has a node"
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_write()
    error = await simple_setattr(dentry, iattr)
    if not error:
        inode = dentry.d_inode
        kn.mode, kn.uid, kn.gid = inode.i_mode & 0o7777, inode.i_uid, inode.i_gid
    await rwsem.up_write()
    return error


async def kernfs_iop_getattr(dentry: Dentry) -> None:
    """stat(): the inode is brought up to date.  C: also kernfs_refresh_inode()."""
    kn = kernfs_dentry_node(dentry)
    assert kn is not None, "an inode of kernfs has a node"
    rwsem = kn.root.kernfs_rwsem
    await rwsem.down_read()
    links = kn.subdirs + 2 if kn.dir else 1
    await rwsem.up_read()
    await Relaxed("kernfs_refresh_inode", dentry.d_inode, lambda: _refresh(dentry.d_inode, links))


def _refresh(inode: Inode, links: int) -> None:
    inode.i_nlink = links


async def kernfs_iop_mkdir(dir: Inode, dentry: Dentry, mode: int) -> int:
    """There are no syscall_ops."""
    return -EPERM


async def kernfs_iop_rmdir(dir: Inode, dentry: Dentry) -> int:
    """There are no syscall_ops."""
    return -EPERM


KERNFS_DIR_FOPS = FileOperations(iterate_shared=kernfs_fop_readdir, release=kernfs_dir_fop_release)
KERNFS_DIR_IOPS = InodeOperations(
    lookup=kernfs_iop_lookup,
    setattr=kernfs_iop_setattr,
    getattr=kernfs_iop_getattr,
    mkdir=kernfs_iop_mkdir,
    rmdir=kernfs_iop_rmdir,
)
KERNFS_IOPS = InodeOperations(setattr=kernfs_iop_setattr, getattr=kernfs_iop_getattr)
KERNFS_DOPS = DentryOperations(
    d_revalidate=kernfs_dop_revalidate, d_revalidate_rcu=kernfs_dop_revalidate_rcu
)
