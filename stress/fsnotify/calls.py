"""What can be done to a watched file system: the vocabulary of all variants.

    lockwright check 'fsnotify/aggregated:calls(watch:g1:i1:MODIFY!unwatch:g1:i1|touch:i1:MODIFY)'

`g1` and `g2` are descriptors of inotify, `i1` and `i2` files.  What stands before the `!` has
happened already.
"""

from __future__ import annotations

from lockwright.calls import Call, Calls
from lockwright.core.errors import UsageError
from lockwright.kernel.context import cond_resched
from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.variable import VariableRead
from model.fsnotify.fsnotify import fsnotify
from model.fsnotify.host import File
from model.fsnotify.inode import ilookup, iput
from model.fsnotify.inotify import (
    __x64_sys_close,
    __x64_sys_inotify_add_watch,
    __x64_sys_inotify_init,
    __x64_sys_inotify_rm_watch,
)
from model.fsnotify.ledger import LOCAL
from model.fsnotify.mark import fsnotify_find_mark, fsnotify_prepare_user_wait, fsnotify_put_mark
from model.fsnotify.objects import ALL_EVENTS, FS_MODIFY, IN_MASK_ADD, NAMES, Client
from model.fsnotify.path import fsnotify_inoderemove, path_put, user_path_at, vfs_unlink
from model.fsnotify.supported import wanted
from model.fsnotify.transport import Request
from model.vfs.err import EBUSY, ENOENT
from stress.fsnotify.promises import AT_END
from stress.fsnotify.variants import RELEASE, VARIANTS, Variant

FILES = {"i1": 1, "i2": 2}
MASKS = {name: bit for bit, name in NAMES.items() if bit & ALL_EVENTS}


def _file(name: str) -> int:
    if name not in FILES:
        raise UsageError(f"there is no file {name!r}; there are: {', '.join(FILES)}")
    return FILES[name]


def _mask(text: str) -> int:
    mask = 0
    for name in str(text).split("+"):
        if name not in MASKS:
            raise UsageError(
                f"there is no event {name!r}; there are: {', '.join(MASKS)}, joined by +"
            )
        mask |= MASKS[name]
    return mask


def _fd(at: Client, name: str) -> str:
    if name not in at.fds:
        raise UsageError(f"there is no descriptor {name!r}; there are: {', '.join(at.fds)}")
    return name


async def watch(at: Client, fd: str, file: str, mask: str) -> int:
    """inotify_add_watch(fd, file, mask): a new watch, or another mask for one that is there."""
    return await __x64_sys_inotify_add_watch(at, _fd(at, fd), _file(file), _mask(mask))


async def widen(at: Client, fd: str, file: str, mask: str) -> int:
    """The same with IN_MASK_ADD."""
    arg = _mask(mask) | IN_MASK_ADD
    return await __x64_sys_inotify_add_watch(at, _fd(at, fd), _file(file), arg)


async def unwatch(at: Client, fd: str, file: str) -> int:
    """inotify_rm_watch() of the watch that the descriptor has on the file."""
    return await __x64_sys_inotify_rm_watch(at, _fd(at, fd), _file(file))


async def close(at: Client, fd: str) -> int:
    """close() of the descriptor, and with it of all its watches."""
    return await __x64_sys_close(at, _fd(at, fd))


async def init(at: Client, fd: str) -> int:
    """inotify_init(): the descriptor is opened anew; -EBUSY if nobody has closed it."""
    if await READ_ONCE(at.fds[_fd(at, fd)]) is not None:
        return -EBUSY
    return await __x64_sys_inotify_init(at, _fd(at, fd))


async def touch(at: Client, file: str, mask: str) -> int:
    """Somebody else does something to the file, at the server."""
    return await at.conn.server.host.touch(_file(file), _mask(mask))


async def write(at: Client, file: str) -> int:
    """The guest opens the file, which keeps its dentry, and writes: the server does it, then
    fsnotify_modify() is called here."""
    inode = await user_path_at(at, _file(file))
    if inode is None:
        return -ENOENT
    occurrence = await at.conn.send(Request("WRITE", inode.nodeid))
    if occurrence >= 0:
        await fsnotify(inode, FS_MODIFY, occurrence, LOCAL)
    await path_put(inode)
    return occurrence


async def unlink(at: Client, file: str) -> int:
    """The guest unlinks the file: the server does it, then the guest's own dentry goes."""
    occurrence = await at.conn.send(Request("UNLINK", _file(file)))
    if occurrence < 0:
        return occurrence
    return await vfs_unlink(at, _file(file), occurrence)


async def delete(at: Client, file: str) -> int:
    """Somebody else deletes the file, at the server."""
    return await at.conn.server.host.unlink(_file(file))


async def drop(at: Client, file: str) -> int:
    """Another name of the file goes, the last one that counts, while the first is still in use."""
    inode = await ilookup(at, _file(file))
    if inode is not None:
        await fsnotify_inoderemove(inode)
        await iput(inode)
    return 0


async def restart(at: Client) -> int:
    """The server is started anew."""
    await at.conn.server.restart()
    return 0


async def hold(at: Client, fd: str, file: str) -> int:
    """An event of the group waits for its user, who never answers: fsnotify_prepare_user_wait()."""
    group = at.fds[_fd(at, fd)].value
    inode = await ilookup(at, _file(file))
    mark = None if inode is None or group is None else await fsnotify_find_mark(inode, group)
    if mark is not None:
        idx = await at.mark_srcu.read_lock()
        if not await fsnotify_prepare_user_wait(mark, idx):
            await at.mark_srcu.read_unlock(idx)
        await fsnotify_put_mark(mark)
    if inode is not None:
        await iput(inode)
    return 0 if mark is not None else -ENOENT


async def quiet(at: Client, file: str, mask: str) -> int:
    """Somebody looks again and again, until the server would not tell of this any more.

    P3 as it is meant: for `--strategy liveness`, as it may have no end.
    """
    nodeid, bits = _file(file), _mask(mask)
    while await _server_mask(at, nodeid) & bits:
        await cond_resched()
    return 0


async def equal(at: Client, file: str) -> int:
    """Somebody looks again and again, until the server watches what the guest wants to know.

    P1 as it is meant: for `--strategy liveness`.
    """
    nodeid = _file(file)
    inode = await ilookup(at, nodeid)
    if inode is None:
        return -ENOENT
    while wanted(await READ_ONCE(inode, "i_fsnotify_mask")) != await _server_mask(at, nodeid):
        await cond_resched()
    await iput(inode)
    return 0


async def _server_mask(at: Client, nodeid: int) -> int:
    """What the server watches a file for, whoever asked."""
    file: File = await VariableRead(at.conn.server.host.files[nodeid])
    mask = 0
    for one in file.watches:
        mask |= one.mask
    return mask


FUNCTIONS = {
    function.__name__: function
    for function in (
        *(watch, widen, unwatch, close, init, touch, write, unlink, delete, drop, restart, hold),
        *(quiet, equal),
    )
}

ALPHABET = (
    *(
        Call("watch", (fd, file, mask))
        for fd in ("g1", "g2")
        for file in FILES
        for mask in ("MODIFY", "ACCESS")
    ),
    *(Call("widen", (fd, file, "ACCESS")) for fd in ("g1", "g2") for file in FILES),
    *(Call("unwatch", (fd, file)) for fd in ("g1", "g2") for file in FILES),
    *(Call("close", (fd,)) for fd in ("g1", "g2")),
    *(Call("touch", (file, "MODIFY")) for file in FILES),
    *(Call("write", (file,)) for file in FILES),
    *(Call("unlink", (file,)) for file in FILES),
    *(Call("delete", (file,)) for file in FILES),
    Call("restart"),
)


def vocabulary_of(variant: Variant) -> Calls:
    """The calls of one variant."""
    return Calls(
        variant.name,
        variant.ground,
        FUNCTIONS,
        alphabet=ALPHABET,
        alike=(("g1", "g2"), ("i1", "i2")),
        at_end=AT_END,
        release=RELEASE,
        parameters=variant.parameters,
    )


CALLS: tuple[Calls, ...] = tuple(vocabulary_of(variant) for variant in VARIANTS)
