"""inotify: watches as marks, and the system calls.

Source: fs/notify/inotify/{inotify_user.c,inotify_fsnotify.c}, fs/file.c, 5.14.
A descriptor is a name, and a watch is known by the file that it is on: its number is what the idr
has for that.
Left out: IN_ONESHOT, IN_EXCL_UNLINK, IN_DONT_FOLLOW, IN_ONLYDIR; limits on watches (-ENOSPC of the
guest's own); permissions; a read that waits; fdget() without a reference for a process with one
thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.refcount import (
    refcount_dec,
    refcount_inc,
)
from model.fsnotify.closing import fsnotify_destroy_group
from model.fsnotify.connector import fsnotify_recalc_mask
from model.fsnotify.group import fsnotify_alloc_group, fsnotify_get_group
from model.fsnotify.ledger import LOCAL
from model.fsnotify.mark import (
    fsnotify_add_mark_locked,
    fsnotify_destroy_mark,
    fsnotify_find_mark,
    fsnotify_put_mark,
)
from model.fsnotify.notification import (
    fsnotify_add_event,
    fsnotify_destroy_event,
    fsnotify_remove_first_event,
)
from model.fsnotify.objects import (
    ALL_EVENTS,
    FS_IN_IGNORED,
    FS_Q_OVERFLOW,
    FS_UNMOUNT,
    IN_MASK_ADD,
    IN_MASK_CREATE,
    Client,
    Group,
    Inode,
    Mark,
    Operations,
)
from model.fsnotify.path import path_put, user_path_at
from model.fsnotify.remote import Updated
from model.fsnotify.step import Together, born
from model.vfs.err import EAGAIN, EBADF, EEXIST, EINVAL, ENOENT, ENOMEM
from model.vfs.memory import memory_for

if TYPE_CHECKING:
    from lockwright.core.task import Task

ALL_INOTIFY_BITS = (
    ALL_EVENTS | FS_UNMOUNT | FS_Q_OVERFLOW | FS_IN_IGNORED | IN_MASK_ADD | IN_MASK_CREATE
)


async def inotify_handle_inode_event(
    mark: Mark, wd: int, mask: int, occurrence: int, how: str
) -> None:
    """Queue an event of a mark's inode for the mark's group."""
    await fsnotify_add_event(mark.group, (mask, mark.watched.name, wd), occurrence, how)


async def inotify_ignored_and_remove_idr(mark: Mark) -> None:
    """Tell that a watch is gone, and give its descriptor back."""
    await inotify_handle_inode_event(mark, mark.wd, FS_IN_IGNORED, 0, LOCAL)
    await _remove_from_idr(mark)


INOTIFY_OPS = Operations(inotify_handle_inode_event, inotify_ignored_and_remove_idr)


async def _add_to_idr(mark: Mark) -> None:
    """Give a new mark a watch descriptor; nobody else has a reference on it before that.

    C: inotify_add_to_idr().
    """
    group = mark.group
    await group.idr_lock.lock()
    mark.refcnt.count += 1
    group.last_wd += 1
    mark.wd = group.last_wd
    group.idr = (*group.idr, (mark.wd, mark))
    await group.idr_lock.unlock()


async def _idr_find(group: Group, nodeid: int) -> Mark | None:
    """The mark of the watch on this file, with a reference.  C: inotify_idr_find()."""
    await group.idr_lock.lock()
    mark = next((mark for _, mark in group.idr if mark.watched.nodeid == nodeid), None)
    if mark is not None:
        await refcount_inc(mark.refcnt)
    await group.idr_lock.unlock()
    return mark


async def _remove_from_idr(mark: Mark) -> None:
    """Take a mark out of the idr, and drop the reference that it had there.

    All that others can see is one step; the caller's own reference is dropped later, so that this
    is not the last one, whenever it goes.
    Left out: the reference that the C takes and drops meanwhile.
    C: inotify_remove_from_idr().
    """

    def remove(task: Task, touched: list[int]) -> None:
        mark.wd = -1
        refcount_dec(mark.refcnt).run(task, touched)

    group = mark.group
    await group.idr_lock.lock()
    group.idr = tuple(entry for entry in group.idr if entry[1] is not mark)
    await Together("idr_remove", mark.name, remove)
    await group.idr_lock.unlock()


def inotify_arg_to_mask(arg: int) -> int:
    """Everybody hears of an unmount."""
    return FS_UNMOUNT | (arg & ALL_EVENTS)


async def _update_existing_watch(group: Group, inode: Inode, arg: int) -> Updated:
    """Replace the mask of a watch, or add to it.  C: inotify_update_existing_watch()."""
    mark = await fsnotify_find_mark(inode, group)
    if mark is None:
        return Updated(-ENOENT)
    if arg & IN_MASK_CREATE:
        await fsnotify_put_mark(mark)
        return Updated(-EEXIST)
    await mark.lock.lock()
    old_mask = mark.mask
    new_mask = inotify_arg_to_mask(arg)
    if arg & IN_MASK_ADD:
        new_mask |= old_mask
    if new_mask != old_mask:
        await WRITE_ONCE(mark, "mask", new_mask)
        mark.version = group.client.ledger.reaches(group, inode)
    done = Updated(mark.wd, new_mask, mark.version)
    await mark.lock.unlock()
    if old_mask != new_mask:
        recalc = bool(old_mask & ~new_mask) or group.client.recalc_always
        if recalc or new_mask & ~await READ_ONCE(inode, "i_fsnotify_mask"):
            await fsnotify_recalc_mask(mark.connector)
    await fsnotify_put_mark(mark)
    return done


async def _new_watch(group: Group, inode: Inode, arg: int) -> Updated:
    """Make a watch.  C: inotify_new_watch(), fsnotify_init_mark().

    The reference that it begins with becomes that of being attached: the C takes another one for
    that, and drops the first at the end, all under group->mark_mutex.
    """
    client = group.client
    if not await memory_for(client.world, "inotify_inode_mark"):
        return Updated(-ENOMEM)
    await fsnotify_get_group(group)
    mark = born(client.world, Mark(group, inode, inotify_arg_to_mask(arg)), frees=client.frees)
    await _add_to_idr(mark)
    ret = await fsnotify_add_mark_locked(mark, inode)
    done = Updated(ret or mark.wd, mark.mask, mark.version)
    if ret:
        await _remove_from_idr(mark)
        await fsnotify_put_mark(mark)
    return done


async def inotify_update_watch(group: Group, inode: Inode, arg: int) -> Updated:
    """Change the watch of a group on an inode, or make one."""
    await group.mark_mutex.lock()
    done = await _update_existing_watch(group, inode, arg)
    if done.ret == -ENOENT:
        done = await _new_watch(group, inode, arg)
    await group.mark_mutex.unlock()
    return done


async def inotify_forget(group: Group, inode: Inode) -> None:
    """Remove the watch that a group has on an inode, if it has one.  The caller holds no lock."""
    mark = await fsnotify_find_mark(inode, group)
    if mark is not None:
        await fsnotify_destroy_mark(mark)
        await fsnotify_put_mark(mark)


async def fget(client: Client, name: str) -> Group | None:
    """The group of an open descriptor, with a reference on its file.

    One step: the C looks again if the file was closed between its look and the reference.
    """
    descriptor = client.fds[name]

    def look(task: Task, touched: list[int]) -> Group | None:
        touched.append(descriptor.reading)
        group: Group | None = descriptor.value
        if group is None or not group.f_count.tryget().run(task, touched):
            return None
        return group

    found: Group | None = await Together("fget", name, look)
    return found


async def fput(group: Group) -> None:
    """Drop a reference on the file; the last one closes it.  C: inotify_release()."""
    if await group.f_count.put():
        await fsnotify_destroy_group(group)


async def __x64_sys_inotify_init(client: Client, name: str) -> int:
    """inotify_init(): a new group, whose descriptor is `name`."""
    group = await fsnotify_alloc_group(client, name)
    await WRITE_ONCE(client.fds[name], group)
    return 0


async def __x64_sys_inotify_add_watch(client: Client, name: str, nodeid: int, arg: int) -> int:
    """inotify_add_watch(): a watch descriptor, or an errno."""
    if not arg & ALL_INOTIFY_BITS:
        return -EINVAL
    group = await fget(client, name)
    if group is None:
        return -EBADF
    if arg & IN_MASK_ADD and arg & IN_MASK_CREATE:
        await fput(group)
        return -EINVAL
    keeps = ALL_EVENTS if arg & (IN_MASK_ADD | IN_MASK_CREATE) else arg
    call = client.ledger.begins(group.number, nodeid, keeps)
    inode = await user_path_at(client, nodeid)
    ret = -ENOENT
    if inode is not None:
        ret = await _add_watch(group, inode, arg)
        await path_put(inode)
    client.ledger.returns(group.number, nodeid, call, arg if ret >= 0 else 0)
    await fput(group)
    return ret


async def _add_watch(group: Group, inode: Inode, arg: int) -> int:
    remote = group.client.remote
    error = await remote.before_add(group, inode, arg)
    if error:
        return error
    done = await inotify_update_watch(group, inode, arg)
    return await remote.after_add(group, inode, arg, done)


async def __x64_sys_inotify_rm_watch(client: Client, name: str, nodeid: int) -> int:
    """inotify_rm_watch(), of the watch on this file: 0, or an errno."""
    group = await fget(client, name)
    if group is None:
        return -EBADF
    call = client.ledger.begins(group.number, nodeid, 0)
    ret = -EINVAL
    mark = await _idr_find(group, nodeid)
    if mark is not None:
        ret = 0
        inode = mark.watched
        await client.remote.before_rm(group, inode, mark)
        await fsnotify_destroy_mark(mark)
        await fsnotify_put_mark(mark)
        await client.remote.after_rm(group, inode)
    client.ledger.returns(group.number, nodeid, call, 0)
    await fput(group)
    return ret


async def __x64_sys_close(client: Client, name: str) -> int:
    """close(): 0, or -EBADF.  C: close_fd_get_file(), filp_close()."""
    descriptor = client.fds[name]

    def take(task: Task, touched: list[int]) -> Group | None:
        touched.append(descriptor.writing if descriptor.value is not None else descriptor.reading)
        group: Group | None = descriptor.value
        descriptor.value = None
        return group

    group: Group | None = await Together("close_fd", name, take)
    if group is None:
        return -EBADF
    client.ledger.closes(group.number)
    if await group.f_count.kill():
        await fsnotify_destroy_group(group)
    return 0


async def __x64_sys_read(client: Client, name: str) -> tuple[tuple[int, str], ...] | int:
    """read(): all events that are there, each with its mask and the name of its file; -EAGAIN if
    there is none.  C: inotify_read(), with O_NONBLOCK and a buffer for all of them."""
    group = await fget(client, name)
    if group is None:
        return -EBADF
    told: list[tuple[int, str]] = []
    while (event := await fsnotify_remove_first_event(group)) is not None:
        told.append((event.mask, event.inode))
        await fsnotify_destroy_event(group, event)
    await fput(group)
    return tuple(told) or -EAGAIN
