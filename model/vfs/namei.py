"""Path walk: from a directory and a relative path to a dentry with a reference.

Source: fs/namei.c, 6.5.

The walk begins without references (RCU-walk): the cached part of a path is one step, at the end
of which a reference is taken.  That is safe to fold, because the C validates each hop by sequence
counts and starts over if anything changed.  No reference is taken on the directory where a walk
starts, unless it ends there: its caller (an open file, a working directory) holds one for as long
as the walk lasts.
Nothing here looks at the length of a name: that is for the file system's lookup to do.
Left out: symbolic links and mounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE, smp_load_acquire
from model.vfs.attr import MAY_EXEC, ROOT, Cred, inode_permission, may_enter
from model.vfs.dcache import (
    d_alloc_parallel,
    d_invalidate,
    d_lookup,
    d_lookup_done,
    dput,
    find,
    get,
)
from model.vfs.err import (
    EACCES,
    ECHILD,
    EISDIR,
    ENAMETOOLONG,
    ENOENT,
    ENOTDIR,
    ERR_PTR,
    IS_ERR,
    PATH_MAX,
    PTR_ERR,
    is_null,
)
from model.vfs.objects import Dentry, Inode, Section

if TYPE_CHECKING:
    from lockwright.core.task import Task

O_WRONLY = 0o1
O_RDWR = 0o2
O_ACCMODE = 0o3
O_CREAT = 0o100
O_EXCL = 0o200
O_TRUNC = 0o1000
O_APPEND = 0o2000
O_DIRECT = 0o40000
O_DIRECTORY = 0o200000
O_PATH = 0o10000000
O_TMPFILE = 0o20000000 | O_DIRECTORY


@dataclass(slots=True)
class Nameidata:
    """Where a walk is.  `inode` is that of `path`, once the walk has begun; `held` tells whether
    `path` carries a reference of the walk's own; `unlazied` that the fast lookup of the next name
    has just failed; `stale` is the next name's dentry, held, where RCU-walk could not revalidate
    it, and `status` what it was told: 0 or -ECHILD.  `directory` tells that the path ends in one.
    """

    path: Dentry
    rest: list[str]
    cred: Cred = ROOT
    directory: bool = False
    inode: Inode = None  # type: ignore[assignment]  # not looked at yet
    held: bool = False
    unlazied: bool = False
    stale: Dentry | None = None
    status: int = 0

    def enter(self, dentry: Dentry, inode: Inode) -> None:
        """Go on from a dentry with a reference."""
        self.path = dentry
        self.inode = inode
        self.held = True


def nameidata(dfd: Dentry, path: str, cred: Cred = ROOT) -> Nameidata:
    """The start of a walk.  An empty path is `dfd` itself (AT_EMPTY_PATH)."""
    names = path.split("/")
    rest = [name for name in names if name not in ("", ".")]
    return Nameidata(dfd, rest, cred, bool(path) and names[-1] in ("", ".", ".."))


def getname(path: str) -> int:
    """0, or what is wrong with a path that a user gave."""
    if not path:
        return -ENOENT
    return -ENAMETOOLONG if len(path) >= PATH_MAX else 0


def can_lookup(inode: Inode) -> bool:
    """C: d_can_lookup().  A directory without ->lookup is none to a walk."""
    return not is_null(inode.i_op) and inode.i_op.lookup is not None


async def _rcu_walk(nd: Nameidata, *, leave: int = 0) -> int:
    """Go as far as the dcache leads, and take a reference there; -ENOENT at a negative dentry.

    `leave` names at the end are not walked.  C: link_path_walk() and walk_component() in RCU
    mode, then try_to_unlazy(), try_to_unlazy_next() or complete_walk().
    """

    def walk(task: Task) -> int:
        at, inode = nd.path, nd.path.d_inode
        while nd.rest:
            error = -ENOTDIR if not can_lookup(inode) else may_enter(inode, nd.cred)
            if error:
                return error
            to = _hop(nd, at) if len(nd.rest) > leave else None
            if to is None:
                break
            if is_null(to.d_inode):
                return -ENOENT
            at, inode = to, to.d_inode
            nd.rest.pop(0)
        nd.unlazied = len(nd.rest) > leave and nd.stale is None
        nd.inode = inode
        if at is not nd.path or not nd.rest:
            nd.enter(get(at), inode)
        return 0

    error: int = await Section("rcu_walk", f"{nd.path.path}/{'/'.join(nd.rest)}", walk)
    return error


def _hop(nd: Nameidata, at: Dentry) -> Dentry | None:
    """The next dentry of an RCU-walk; None if it has to go on with references."""
    if nd.rest[0] == "..":
        return at if is_null(at.d_parent) else at.d_parent
    found = find(at.d_sb, at, nd.rest[0])
    if found is None or found[1]:
        return None
    dentry = found[0]
    d_op = dentry.d_op
    if d_op is not None and d_op.d_revalidate is not None:
        status = -ECHILD if d_op.d_revalidate_rcu is None else d_op.d_revalidate_rcu(dentry)
        if status <= 0:
            nd.stale, nd.status = get(dentry), status
            return None
    return dentry


async def d_revalidate(dentry: Dentry) -> int:
    """Is a dentry still good?  1, 0 or an errno; no step unless the file system asks for it."""
    d_op = dentry.d_op
    if d_op is None or d_op.d_revalidate is None:
        return 1
    return await d_op.d_revalidate(dentry)


async def _only_valid(dentry: Dentry, status: int) -> Dentry | None:
    """The dentry, or, if it is not good, none or an error; then its reference is dropped."""
    if status > 0:
        return dentry
    if status == 0:
        await d_invalidate(dentry)
    await dput(dentry)
    return ERR_PTR(Dentry, status) if status else None


async def _lookup_fast(nd: Nameidata) -> Dentry | None:
    """A dcache hit, with a reference, or an error.  C: lookup_fast() in ref mode."""
    if nd.unlazied:
        nd.unlazied = False
        return None
    dentry, status = nd.stale, nd.status
    nd.stale = None
    if dentry is None:
        return await lookup_dcache(nd.rest[0], nd.path)
    if status == -ECHILD:
        status = await d_revalidate(dentry)
    return await _only_valid(dentry, status)


async def lookup_dcache(name: str, dir: Dentry) -> Dentry | None:
    """A dcache hit that is good, with a reference; none, or an error."""
    dentry = await d_lookup(dir, name)
    if dentry is None:
        return None
    return await _only_valid(dentry, await d_revalidate(dentry))


async def walk_component(nd: Nameidata) -> int:
    """Go on by one name.  C: walk_component(), lookup_slow(), step_into()."""
    if nd.rest[0] == "..":
        return await _handle_dotdot(nd)
    dentry = await _lookup_fast(nd)
    if dentry is None:
        dir = nd.inode
        await dir.i_rwsem.down_read()
        dentry = await __lookup_slow(nd.rest[0], nd.path)
        await dir.i_rwsem.up_read()
    return await _step_into(nd, dentry)


async def _handle_dotdot(nd: Nameidata) -> int:
    """Go up; the root is its own parent.  C: handle_dots(), follow_dotdot(), dget_parent()."""
    at = nd.path
    parent = at if is_null(at.d_parent) else at.d_parent
    await Section("dget_parent", parent, lambda task: get(parent))
    return await _step_into(nd, parent)


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
    if not nd.rest:
        return 0
    if not can_lookup(inode):
        return -ENOTDIR
    return await inode_permission(inode, MAY_EXEC, nd.cred)


async def _look_up(dir: Dentry, inode: Inode, name: str) -> Dentry:
    """Look a name up in the dcache or in the file system.  The caller holds dir's i_rwsem."""
    if inode.i_dead:
        return ERR_PTR(Dentry, -ENOENT)
    while True:
        dentry = await d_alloc_parallel(dir, name)
        if IS_ERR(dentry):
            return dentry
        if dentry.d_in_lookup:
            break
        valid = await _only_valid(dentry, await d_revalidate(dentry))
        if valid is not None:
            return valid
    assert inode.i_op.lookup is not None, "a walk only goes on in directories that have it"
    old = await inode.i_op.lookup(inode, dentry, 0)
    await d_lookup_done(dentry)
    if not is_null(old):
        await dput(dentry)
        dentry = old
    return dentry


async def __lookup_slow(name: str, dir: Dentry) -> Dentry:
    """Look a name up in the dcache or in the file system.  The caller holds dir's i_rwsem."""
    return await _look_up(dir, dir.d_inode, name)


async def lookup_one_len(name: str, base: Dentry) -> Dentry:
    """A file system's own lookup.  The caller holds base's i_rwsem."""
    dentry = await lookup_dcache(name, base)
    if dentry is None:
        dentry = await __lookup_slow(name, base)
    return dentry


async def path_lookupat(nd: Nameidata) -> Dentry:
    """Walk to the end; the dentry comes with a reference."""
    error = await _rcu_walk(nd)
    while not error and nd.rest:
        error = await walk_component(nd)
    if not error and nd.directory and not can_lookup(nd.inode):
        error = -ENOTDIR
    return await _terminate_walk(nd, error)


async def _terminate_walk(nd: Nameidata, error: int) -> Dentry:
    if not error:
        return nd.path
    if nd.held:
        await dput(nd.path)
    return ERR_PTR(Dentry, error)


async def filename_lookup(
    dfd: Dentry, path: str, cred: Cred = ROOT, *, directory: bool = False
) -> Dentry:
    """Walk a path; with `directory` its end has to be one.  C: filename_lookup()."""
    nd = nameidata(dfd, path, cred)
    nd.directory = nd.directory or directory
    return await path_lookupat(nd)


async def filename_parentat(nd: Nameidata) -> int:
    """Walk to the directory of the last name, which stays in `nd.rest`: 0 or an errno."""
    error = await _rcu_walk(nd, leave=1)
    while not error and len(nd.rest) > 1:
        error = await walk_component(nd)
    if error:
        await _terminate_walk(nd, error)
    return error


async def open_last_lookups(nd: Nameidata, flags: int) -> int:
    """The last component of an open.  With O_CREAT the directory is locked for writing."""
    if nd.rest[0] == "..":
        return await _handle_dotdot(nd)
    if flags & O_CREAT:
        if nd.directory:
            return -EISDIR
        dir = nd.inode
        await dir.i_rwsem.down_write()
        dentry = await lookup_open(nd, flags)
        await dir.i_rwsem.up_write()
    else:
        found = await _lookup_fast(nd)
        if found is not None:
            return await _step_into(nd, found)
        dir = nd.inode
        await dir.i_rwsem.down_read()
        dentry = await lookup_open(nd, flags)
        await dir.i_rwsem.up_read()
    return await _step_into(nd, dentry)


async def lookup_open(nd: Nameidata, flags: int) -> Dentry:
    """Look the last component up.  The caller holds the directory's i_rwsem.

    The d_lookup() at the start of the C is folded into d_alloc_parallel(), which begins alike.
    No directory here has a ->create: O_CREAT of a missing name is -EACCES.
    """
    dentry = await _look_up(nd.path, nd.inode, nd.rest[0])
    if flags & O_CREAT and not IS_ERR(dentry) and is_null(await READ_ONCE(dentry, "d_inode")):
        await dput(dentry)
        return ERR_PTR(Dentry, -EACCES)
    return dentry
