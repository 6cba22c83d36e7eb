"""Listing a directory: the user's buffer, the position, and the listing of real dentries.

Source: fs/readdir.c, fs/libfs.c, 6.5 to 6.7; include/linux/fs.h (dir_emit()).
Left out: a signal that ends a listing early, and names that no directory could have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from lockwright.core.operation import Operation
from lockwright.core.orders import RELAXED
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import kfree, kmalloc
from model.vfs.dcache import dput, get, simple_positive
from model.vfs.err import EBADF, EINVAL, ENOENT, ENOMEM, ENOTDIR, follow, is_null
from model.vfs.objects import Dentry, File, FileOperations, Inode, Section, SuperBlock

if TYPE_CHECKING:
    from lockwright.core.task import Task

DT_DIR = 4
DT_REG = 8

SEEK_SET = 0
SEEK_CUR = 1
SEEK_END = 2

O_PATH = 0o10000000

HEADER = 19
"""Where the name begins in struct linux_dirent64."""


class Dirent(NamedTuple):
    """One entry as the user sees it; `d_off` is the position after it."""

    name: str
    ino: int
    d_type: int
    d_off: int


def reclen(name: str) -> int:
    """The bytes that an entry takes in the buffer: with its NUL, and a multiple of 8."""
    return (HEADER + len(name.encode()) + 1 + 7) // 8 * 8


class _Emit(Operation):
    """A name is copied to the user: the page may have to be fetched, so others run meanwhile."""

    __slots__ = ("name",)

    kind = "dir_emit"
    orders = RELAXED

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, task: Task, touched: list[int]) -> None:
        """Touches nothing that others know."""

    def describe(self) -> str:
        return f"dir_emit({self.name})"


class DirContext:
    """struct dir_context with the buffer of getdents64() around it; private to one call.

    `limit` is how many entries the buffer holds, `size` how many bytes; None is as many as come.
    `pos` is where the listing stands; it is the file system's to move, after each entry.
    `error` is -EINVAL when not even the first entry fitted.
    C: struct getdents_callback64, filldir64().
    """

    __slots__ = ("error", "left", "limit", "names", "pos")

    def __init__(self, pos: int = 0, limit: int | None = None, size: int | None = None) -> None:
        self.pos = pos
        self.limit = limit
        self.left = size
        self.names: list[Dirent] = []
        self.error = 0

    async def emit(self, name: str, ino: int, d_type: int) -> bool:
        """Give the user an entry.  False when the buffer is full: then it was not given.

        One step of its own, which touches nothing shared.  C: dir_emit(), filldir64().
        """
        if not self._fits(name):
            self.error = -EINVAL
            return False
        await _Emit(name)
        self.end()
        self.names.append(Dirent(name, ino, d_type, self.pos))
        return True

    def _fits(self, name: str) -> bool:
        if self.limit is not None and len(self.names) >= self.limit:
            return False
        if self.left is not None:
            if reclen(name) > self.left:
                return False
            self.left -= reclen(name)
        return True

    def end(self) -> None:
        """The last entry ends where the next begins, or where the listing stops: here."""
        if self.names:
            self.names[-1] = self.names[-1]._replace(d_off=self.pos)


async def dir_emit_dots(file: File, ctx: DirContext) -> bool:
    """`.` and `..`, if the position is before them.  False when the buffer is full."""
    if ctx.pos == 0:
        if not await ctx.emit(".", file.f_inode.i_ino, DT_DIR):
            return False
        ctx.pos = 1
    if ctx.pos == 1:
        parent = file.f_dentry.d_parent
        above = file.f_inode if is_null(parent) else follow(parent.d_inode)
        if not await ctx.emit("..", above.i_ino, DT_DIR):
            return False
        ctx.pos = 2
    return True


async def iterate_dir(file: File, ctx: DirContext) -> int:
    """List a directory with its i_rwsem shared; the file's position moves, also on an error."""
    inode = file.f_inode
    iterate = None if is_null(inode.i_fop) else inode.i_fop.iterate_shared
    if iterate is None:
        return -ENOTDIR
    await inode.i_rwsem.down_read()
    res = -ENOENT
    if not inode.i_dead:
        ctx.pos = file.f_pos
        res = await iterate(file, ctx)
        file.f_pos = ctx.pos
    await inode.i_rwsem.up_read()
    return res


async def __x64_sys_getdents64(
    file: File, limit: int | None = None, size: int | None = None
) -> list[Dirent] | int:
    """One getdents64(): the entries, none at the end, or an errno if there are none to give."""
    if file.f_flags & O_PATH:
        return -EBADF
    ctx = DirContext(limit=limit, size=size)
    await fdget_pos(file)
    error = await iterate_dir(file, ctx)
    await fdput_pos(file)
    if ctx.names:
        ctx.end()
        return ctx.names
    error = error if error < 0 else ctx.error
    return error if error < 0 else []


async def fdget_pos(file: File) -> None:
    """Take f_pos_lock if others have had the file, too.

    Since 6.5 the C takes it always for a directory.  While one descriptor leads to the file
    nobody else can want the lock, so that leaving it out is not seen.
    """
    if not is_null(file.f_pos_lock):
        await file.f_pos_lock.lock()


async def fdput_pos(file: File) -> None:
    """Give f_pos_lock back."""
    if not is_null(file.f_pos_lock):
        await file.f_pos_lock.unlock()


def get_file(file: File) -> File:
    """One descriptor more, as dup() or fork() makes it, before any of its users runs."""
    if is_null(file.f_pos_lock):
        file.f_pos_lock = Mutex(file.world, "&f->f_pos_lock")
    file.f_count += 1
    return file


async def vfs_llseek(file: File, offset: int, whence: int = SEEK_SET) -> int:
    """lseek(): the new position or an errno."""
    if file.f_flags & O_PATH:
        return -EBADF
    own = None if is_null(file.f_inode.i_fop) else file.f_inode.i_fop.llseek
    await fdget_pos(file)
    seek = generic_file_llseek if own is None else own
    res = await seek(file, offset, whence)
    await fdput_pos(file)
    return res


async def generic_file_llseek(file: File, offset: int, whence: int) -> int:
    """Any position from 0 on.  SEEK_END counts from 0: files here have no size."""
    to = offset + (file.f_pos if whence == SEEK_CUR else 0)
    if to < 0 or whence not in (SEEK_SET, SEEK_CUR, SEEK_END):
        return -EINVAL
    file.f_pos = to
    return to


class Cursor(Dentry):
    """Where an open listing stands; `linked` tells whether it is among its parent's children.

    Private to the users of one open file, but that others meet it in the list.  Left out: its
    reference on its parent, which the open file holds before and after.
    """

    __slots__ = ("linked",)

    d_cursor = True

    def __init__(self, sb: SuperBlock, parent: Dentry, name: str) -> None:
        super().__init__(sb, parent, name)
        self.linked = False


async def dcache_dir_open(inode: Inode, file: File) -> int:
    """Allocate the cursor, which marks where the listing stands; it is not in the list yet.

    Nobody else knows the cursor, so that allocation is all there is to see.
    C: dcache_dir_open(), d_alloc_cursor().
    """
    directory = file.f_dentry
    cursor: Cursor = await kmalloc(
        directory.world, lambda: Cursor(directory.d_sb, directory, "<cursor>"), "dentry"
    )
    if is_null(cursor):
        return -ENOMEM
    cursor.d_parent = directory
    file.private_data = cursor
    return 0


async def dcache_dir_close(inode: Inode, file: File) -> int:
    """Take the cursor out of the list, if it is there; nothing else refers to it, and it dies."""
    cursor = _cursor(file)
    if cursor.linked:
        await _place_cursor(file.f_dentry, cursor)
    if not cursor.d_sb.rcu_late:
        await kfree(cursor)
    return 0


def _cursor(file: File) -> Cursor:
    return cast("Cursor", file.private_data)


async def dcache_readdir(file: File, ctx: DirContext) -> int:
    """List the children that are hashed and positive.  The caller holds i_rwsem shared.

    The child to give next is held, d_lock is not, while its name is copied out.  Where the buffer
    is full the cursor is put before that child.  The cursor needs no step where it neither was
    nor comes into the list: only this file's users move it, and it is then left as it is.
    """
    directory = file.f_dentry
    cursor = _cursor(file)
    if not await dir_emit_dots(file, ctx):
        return 0
    after: Dentry | None = None if ctx.pos == 2 else cursor
    last: Dentry | None = None
    while True:
        found = await scan_positives(directory, after, 1)
        if last is not None:
            await dput(last)
        last = found
        if found is None:
            break
        inode = follow(found.d_inode)
        d_type = DT_DIR if inode.i_dir else DT_REG
        if not await ctx.emit(found.d_name, inode.i_ino, d_type):
            break
        ctx.pos += 1
        after = found
    if last is not None or cursor.linked:
        await _place_cursor(directory, cursor, before=last)
        if last is not None:
            await dput(last)
    return 0


async def scan_positives(directory: Dentry, after: Dentry | None, count: int) -> Dentry | None:
    """The `count`th positive child after a sibling, or from the start; with a reference.

    None if there are not so many, or if the sibling is not in the list.  One step: the C drops
    d_lock on the way only to let others run (need_resched()), with the cursor keeping its place.
    """

    def scan(task: Task) -> Dentry | None:
        children = directory.d_children
        if after is not None:
            begin = next((n + 1 for n, d in enumerate(children) if d is after), len(children))
            children = children[begin:]
        left = count
        for child in children:
            if not child.d_cursor and simple_positive(child):
                left -= 1
                if left == 0:
                    return get(child)
        return None

    found: Dentry | None = await Section("scan_positives", directory, scan)
    return found


async def _place_cursor(
    directory: Dentry, cursor: Cursor, *, before: Dentry | None = None, after: Dentry | None = None
) -> None:
    """Take the cursor out of the list, and put it beside a child if one is given."""

    def place(task: Task) -> None:
        children: list[Dentry] = []
        for child in directory.d_children:
            if child is before:
                children.append(cursor)
            if child is not cursor:
                children.append(child)
            if child is after:
                children.append(cursor)
        directory.d_children = tuple(children)
        cursor.linked = cursor in children

    await Section("place_cursor", directory, place)


async def dcache_dir_lseek(file: File, offset: int, whence: int) -> int:
    """Go to the nth entry: the cursor is put behind the child that is before it."""
    directory, cursor = file.f_dentry, _cursor(file)
    if whence == SEEK_CUR:
        offset += file.f_pos
    elif whence != SEEK_SET:
        return -EINVAL
    if offset < 0:
        return -EINVAL
    if offset == file.f_pos:
        return offset
    inode = file.f_inode
    await inode.i_rwsem.down_read()
    to: Dentry | None = None
    if offset > 2:
        to = await scan_positives(directory, None, offset - 2)
    await _place_cursor(directory, cursor, after=to)
    if to is not None:
        await dput(to)
    file.f_pos = offset
    await inode.i_rwsem.up_read()
    return offset


SIMPLE_DIR_OPERATIONS = FileOperations(
    open=dcache_dir_open,
    release=dcache_dir_close,
    iterate_shared=dcache_readdir,
    llseek=dcache_dir_lseek,
)
"""C: simple_dir_operations."""
