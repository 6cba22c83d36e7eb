"""Path walk: from a directory and a relative path to a dentry with a reference.

Source: fs/namei.c, 6.5.

The walk begins without references (RCU-walk): the cached part of a path is one step, at the end
of which a reference is taken.  That is safe to fold, because the C validates each hop by sequence
counts and starts over if anything changed.  No reference is taken on the directory where a walk
starts, unless it ends there: its caller (an open file, a working directory) holds one for as long
as the walk lasts.
Left out: permissions, symbolic links, mounts, `..`, d_revalidate (no design here has one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockwright.kernel.once import smp_load_acquire
from model.vfs.dcache import d_alloc_parallel, d_lookup, d_lookup_done, dput, find, get
from model.vfs.err import ENOENT, ERR_PTR, IS_ERR, PTR_ERR, is_null
from model.vfs.objects import Dentry, Inode, Section

if TYPE_CHECKING:
    from lockwright.core.task import Task

O_CREAT = 0o100


@dataclass(slots=True)
class Nameidata:
    """Where a walk is.  `inode` is that of `path`, once the walk has begun; `held` tells whether
    `path` carries a reference of the walk's own; `unlazied` that the fast lookup of the next name
    has just failed."""

    path: Dentry
    rest: list[str]
    inode: Inode = None  # type: ignore[assignment]  # not looked at yet
    held: bool = False
    unlazied: bool = False

    def enter(self, dentry: Dentry, inode: Inode) -> None:
        """Go on from a dentry with a reference."""
        self.path = dentry
        self.inode = inode
        self.held = True


def nameidata(dfd: Dentry, path: str) -> Nameidata:
    """The start of a walk."""
    return Nameidata(dfd, path.split("/") if path else [])


async def _rcu_walk(nd: Nameidata, *, leave: int = 0) -> int:
    """Go as far as the dcache leads, and take a reference there; -ENOENT at a negative dentry.

    `leave` names at the end are not walked.  C: link_path_walk() and walk_component() in RCU
    mode, then try_to_unlazy() or complete_walk().
    """

    def walk(task: Task) -> int:
        at = nd.path
        while len(nd.rest) > leave:
            found = find(at.d_sb, at, nd.rest[0])
            if found is None or found[1]:
                break
            if is_null(found[0].d_inode):
                return -ENOENT
            at = found[0]
            nd.rest.pop(0)
        nd.unlazied = len(nd.rest) > leave
        nd.inode = at.d_inode
        if at is not nd.path or not nd.rest:
            nd.enter(get(at), nd.inode)
        return 0

    error: int = await Section("rcu_walk", f"{nd.path.path}/{'/'.join(nd.rest)}", walk)
    return error


async def _lookup_fast(nd: Nameidata) -> Dentry | None:
    """A dcache hit, with a reference.  C: lookup_fast() in ref mode."""
    if nd.unlazied:
        nd.unlazied = False
        return None
    return await d_lookup(nd.path, nd.rest[0])


async def walk_component(nd: Nameidata) -> int:
    """Go on by one name.  C: walk_component(), lookup_slow(), step_into()."""
    dentry = await _lookup_fast(nd)
    if dentry is None:
        dir = nd.inode
        await dir.i_rwsem.down_read()
        dentry = await __lookup_slow(nd.rest[0], nd.path)
        await dir.i_rwsem.up_read()
    return await _step_into(nd, dentry)


async def _step_into(nd: Nameidata, dentry: Dentry) -> int:
    """Leave the directory for the dentry.  On an error the walk stays where it is.

    The C acquires d_flags, which __d_set_inode_and_type() releases after d_inode
    (traverse_mounts(), d_flags_negative()); the model has no d_flags, and acquires d_inode.
    """
    if IS_ERR(dentry):
        return PTR_ERR(dentry)
    inode: Inode = await smp_load_acquire(dentry, "d_inode")
    if is_null(inode):
        await dput(dentry)
        return -ENOENT
    if nd.held:
        await dput(nd.path)
    nd.enter(dentry, inode)
    nd.rest.pop(0)
    return 0


async def __lookup_slow(name: str, dir: Dentry) -> Dentry:
    """Look a name up in the dcache or in the file system.  The caller holds dir's i_rwsem.

    Left out: a directory that is S_DEAD, which neither eventfs v3 nor v4 sets.
    """
    inode = dir.d_inode
    dentry = await d_alloc_parallel(dir, name)
    if not dentry.d_in_lookup:
        return dentry
    old = await inode.i_op.lookup(inode, dentry, 0)
    await d_lookup_done(dentry)
    if not is_null(old):
        await dput(dentry)
        dentry = old
    return dentry


async def lookup_one_len(name: str, base: Dentry) -> Dentry:
    """A file system's own lookup.  The caller holds base's i_rwsem."""
    dentry = await d_lookup(base, name)
    if dentry is None:
        dentry = await __lookup_slow(name, base)
    return dentry


async def path_lookupat(nd: Nameidata) -> Dentry:
    """Walk to the end; the dentry comes with a reference."""
    error = await _rcu_walk(nd)
    while not error and nd.rest:
        error = await walk_component(nd)
    return await _terminate_walk(nd, error)


async def _terminate_walk(nd: Nameidata, error: int) -> Dentry:
    if not error:
        return nd.path
    if nd.held:
        await dput(nd.path)
    return ERR_PTR(Dentry, error)


async def filename_lookup(dfd: Dentry, path: str) -> Dentry:
    """C: filename_lookup()."""
    return await path_lookupat(nameidata(dfd, path))


async def open_last_lookups(nd: Nameidata, flags: int) -> int:
    """The last component of an open.  With O_CREAT the directory is locked for writing.

    Left out: creating: no directory here has a ->create.
    """
    if flags & O_CREAT:
        dir = nd.inode
        await dir.i_rwsem.down_write()
        dentry = await lookup_open(nd)
        await dir.i_rwsem.up_write()
    else:
        found = await _lookup_fast(nd)
        if found is not None:
            return await _step_into(nd, found)
        dir = nd.inode
        await dir.i_rwsem.down_read()
        dentry = await lookup_open(nd)
        await dir.i_rwsem.up_read()
    return await _step_into(nd, dentry)


async def lookup_open(nd: Nameidata) -> Dentry:
    """Look the last component up.  The caller holds the directory's i_rwsem.

    The d_lookup() at the start of the C is folded into d_alloc_parallel(), which begins alike.
    """
    inode = nd.inode
    dentry = await d_alloc_parallel(nd.path, nd.rest[0])
    if not dentry.d_in_lookup:
        return dentry
    res = await inode.i_op.lookup(inode, dentry, 0)
    await d_lookup_done(dentry)
    if not is_null(res):
        await dput(dentry)
        return res
    return dentry
