"""Marks: their references, and how they are added, detached, freed and destroyed.

Source: fs/notify/mark.c, 5.14.

A mark lives from fsnotify_add_mark_locked() to the last fsnotify_put_mark(), which takes it off its
inode's list: one reference is for being attached, one for the group's idr (`inotify.py`), others
for whoever is at work with it.  Its memory goes after a grace period, in the reaper work.
Left out: ignored masks, priorities of groups, FSNOTIFY_REAPER_DELAY.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE, atomic_add, atomic_fetch_add
from lockwright.kernel.refcount import (
    refcount_dec,
    refcount_dec_and_test,
    refcount_inc,
    refcount_inc_not_zero,
)
from lockwright.kernel.slab import kfree
from model.fsnotify.connector import (
    Sums,
    __fsnotify_recalc_mask,
    destroy_later,
    detach_connector,
    end_section,
    follows_masks,
    fsnotify_attach_connector_to_object,
    fsnotify_recalc_mask,
    recalc,
    srcu_dereference_connp,
    take_destroyed,
)
from model.fsnotify.group import fsnotify_put_group
from model.fsnotify.inode import iput
from model.fsnotify.objects import (
    FSNOTIFY_MARK_FLAG_ATTACHED,
    SINGLE_DEPTH_NESTING,
    Client,
    Connector,
    Group,
    Inode,
    Mark,
)
from model.fsnotify.step import Together, hlist_add_at_rcu, refcount_dec_not_one

if TYPE_CHECKING:
    from lockwright.core.task import Task
    from lockwright.kernel.srcu import Section


async def fsnotify_final_mark_destroy(mark: Mark) -> None:
    """The mark's memory, and its reference on the group.  C: with inotify_free_mark()."""
    group = mark.group
    await kfree(mark)
    await fsnotify_put_group(group)


async def fsnotify_put_mark(mark: Mark) -> None:
    """Drop a reference; the last one takes the mark off its inode's list."""
    conn = mark.connector
    if conn is None:  # it was never attached
        if await refcount_dec_and_test(mark.refcnt):
            await fsnotify_final_mark_destroy(mark)
        return
    # refcount_dec_and_lock(&mark->refcnt, &conn->lock)
    if await refcount_dec_not_one(mark.refcnt):
        return
    await _put_last_mark(mark, conn)


async def _put_last_mark(mark: Mark, conn: Connector) -> None:
    """The rest of it, if the reference looked like the last one.

    Dropping it and taking the mark off the list is one step: who walks the list looks at the mark's
    count only to see that it is too late.  With connector->lock held, the mask follows in the same
    step (`connector.py`), and where somebody wants to hear of it, a reference on the inode.
    """
    client = mark.group.client
    await conn.lock.lock()
    inode = conn.obj
    others = [other for other in conn.list.entries() if other is not mark]
    split = client.recalc_split and bool(others)
    pins = inode is not None and bool(others) and follows_masks(client)

    def put(task: Task, touched: list[int]) -> Sums | None:
        if not refcount_dec_and_test(mark.refcnt).run(task, touched):
            return None
        conn.list.del_rcu(mark).run(task, touched)
        if inode is not None and pins:
            inode.i_count.get().run(task, touched)
        if inode is None or split:
            return 0, 0
        return recalc(inode, others) if others else detach_connector(inode)

    sums: Sums | None = await Together("refcount_dec_and_test", mark.refcnt.name, put)
    if sums is None:
        await conn.lock.unlock()
        return
    version = 0
    if inode is not None:
        if split:
            sums = await __fsnotify_recalc_mask(inode, others)
        version = client.ledger.reaches(None, inode)
    mark.connector = None
    if not others:
        conn.obj = None
    await conn.lock.unlock()
    if inode is not None:
        await client.remote.mask_changed(inode, *sums, version)
        if pins or not others:
            await iput(inode)  # C: fsnotify_drop_object(), for the connector's
    await _destroy_later(mark, None if others else conn)


async def _destroy_later(mark: Mark, conn: Connector | None) -> None:
    """Put a mark, and a connector that has no marks any more, on the lists of the reapers."""
    client = mark.group.client
    if not client.frees:
        return
    if conn is not None:
        reaper = client.connector_reaper_work
        await destroy_later(client, client.connector_destroy_list, conn, reaper)
    await destroy_later(client, client.destroy_list, mark, client.reaper_work)


async def fsnotify_detach_mark(mark: Mark, *, drops: bool = True) -> None:
    """A mark does not count any more.  The caller holds group->mark_mutex and a reference.

    The reference of being attached is dropped in the step that clears the flag: because of the
    caller's it is not the last one, so that nobody can tell.  Without `drops`, it is the caller's
    own.
    """

    def detach(task: Task, touched: list[int]) -> None:
        mark.flags = mark.flags & ~FSNOTIFY_MARK_FLAG_ATTACHED
        if drops:
            refcount_dec(mark.refcnt).run(task, touched)

    group = mark.group
    client = group.client
    await mark.lock.lock()
    if not mark.flags & FSNOTIFY_MARK_FLAG_ATTACHED:  # somebody else was here
        await mark.lock.unlock()
        return
    await Together("list_del_init", mark.name, detach)
    group.marks_list = tuple(other for other in group.marks_list if other is not mark)
    mark.version = client.ledger.reaches(group, mark.watched)
    await client.remote.under_mark_lock(mark)
    await mark.lock.unlock()
    await client.remote.detached(mark)


async def fsnotify_free_mark(mark: Mark) -> None:
    """Tell the group that a mark is being freed.  The caller has a reference."""
    client = mark.group.client
    await mark.lock.lock()
    if not mark.is_alive:  # somebody else was here
        await mark.lock.unlock()
        return
    mark.is_alive = False
    await mark.lock.unlock()
    await client.ops.freeing_mark(mark)
    await client.remote.freed(mark)


async def fsnotify_destroy_mark(mark: Mark) -> None:
    """Detach and free a mark.  The caller has a reference."""
    await mark.group.mark_mutex.lock_nested(SINGLE_DEPTH_NESTING)
    await fsnotify_detach_mark(mark)
    await mark.group.mark_mutex.unlock()
    await fsnotify_free_mark(mark)


async def _add_mark_list(mark: Mark, inode: Inode) -> int:
    """Put a mark on its inode's list, by the groups' addresses, the highest first.

    i_fsnotify_marks is followed before mark->lock is taken, not under it as in the C: nobody wants
    the lock of a mark that is on no inode yet.
    C: fsnotify_add_mark_list().  Left out: a second mark of one group on an inode (-EEXIST), which
    inotify has looked for, and file system ids.
    """
    while True:
        found = await srcu_dereference_connp(inode)
        if found is None:
            err = await fsnotify_attach_connector_to_object(inode)
            if err:
                return err
            continue
        conn, _ = found
        await mark.lock.lock()
        await conn.lock.lock()
        attached = conn.obj is not None
        await Together("hlist_add_rcu", mark.name, partial(_link, mark, found, attached))
        if attached:
            mark.connector = conn
        await conn.lock.unlock()
        await mark.lock.unlock()
        if attached:
            return 0


def _link(
    mark: Mark,
    found: tuple[Connector, Section],
    attached: bool,  # noqa: FBT001  # made a partial of
    task: Task,
    touched: list[int],
) -> None:
    """Put a mark on a list, under its lock, if that still is some inode's."""
    conn, idx = found
    end_section(idx, task, touched)
    if attached:
        at = sum(other.group.at > mark.group.at for other in conn.list.entries())
        hlist_add_at_rcu(conn.list, mark, at, touched)


async def fsnotify_add_mark_locked(mark: Mark, inode: Inode) -> int:
    """Attach a new mark to its group and an inode.  The caller holds group->mark_mutex.

    Takes over the caller's reference, unless it fails.  The flags are set plainly: nobody finds the
    mark by the inode yet.
    """
    group = mark.group
    await mark.lock.lock()
    mark.flags = FSNOTIFY_MARK_FLAG_ATTACHED
    mark.is_alive = True
    group.marks_list = (mark, *group.marks_list)
    mark.version = group.client.ledger.reaches(group, inode)
    await mark.lock.unlock()
    ret = await _add_mark_list(mark, inode)
    if not ret:
        if mark.mask:
            await fsnotify_recalc_mask(mark.connector)
        return 0
    await mark.lock.lock()
    mark.flags = 0
    mark.is_alive = False
    group.marks_list = tuple(other for other in group.marks_list if other is not mark)
    mark.version = group.client.ledger.reaches(group, inode)
    await mark.lock.unlock()
    return ret


async def fsnotify_find_mark(inode: Inode, group: Group) -> Mark | None:
    """The mark that a group has on an inode, with a reference."""
    found = await srcu_dereference_connp(inode)
    if found is None:
        return None
    conn, idx = found
    await conn.lock.lock()
    marks = conn.list.entries() if conn.obj is not None else []

    def find(task: Task, touched: list[int]) -> Mark | None:
        end_section(idx, task, touched)
        for mark in marks:
            if mark.group is group and mark.flags & FSNOTIFY_MARK_FLAG_ATTACHED:
                refcount_inc(mark.refcnt).run(task, touched)
                return mark
        return None

    mark: Mark | None = await Together("fsnotify_find_mark", inode.name, find)
    await conn.lock.unlock()
    return mark


async def fsnotify_clear_marks_by_group(group: Group) -> None:
    """Destroy all marks of a group.

    The reference that a mark has for being attached becomes ours: the C takes another one before it
    drops that, under group->mark_mutex.
    """
    while True:
        await group.mark_mutex.lock_nested(SINGLE_DEPTH_NESTING)
        if not group.marks_list:
            await group.mark_mutex.unlock()
            return
        mark = group.marks_list[0]
        await fsnotify_detach_mark(mark, drops=False)
        await group.mark_mutex.unlock()
        await fsnotify_free_mark(mark)
        await fsnotify_put_mark(mark)


async def fsnotify_destroy_marks(inode: Inode) -> None:
    """Destroy all marks of an inode, and detach its connector, so that nothing keeps the inode.

    Between two marks connector->lock is free; the reference on the mark keeps its place.
    """
    found = await srcu_dereference_connp(inode)
    if found is None:
        return
    conn, idx = found
    old_mark: Mark | None = None
    await conn.lock.lock()
    attached = conn.obj is not None
    while True:
        marks = conn.list.entries()
        at = 0 if old_mark is None else marks.index(old_mark) + 1
        mark = marks[at] if attached and at < len(marks) else None
        ends = idx if old_mark is None else None
        sums: Sums | None = await Together(
            "fsnotify_destroy_marks", inode.name, partial(_get_or_detach, conn, mark, ends)
        )
        if mark is None:
            break
        await conn.lock.unlock()
        if old_mark is not None:
            await fsnotify_put_mark(old_mark)
        old_mark = mark
        await fsnotify_destroy_mark(mark)
        await conn.lock.lock()
    version = 0
    if sums is not None:
        conn.obj = None
        version = inode.client.ledger.reaches(None, inode)
    await conn.lock.unlock()
    if old_mark is not None:
        await fsnotify_put_mark(old_mark)
    if sums is not None:
        await inode.client.remote.mask_changed(inode, *sums, version)
        await iput(inode)  # C: fsnotify_drop_object()


def _get_or_detach(
    conn: Connector, mark: Mark | None, idx: Section | None, task: Task, touched: list[int]
) -> Sums | None:
    """Take a reference on the next mark; or, if there is none, detach the connector."""
    if idx is not None:
        end_section(idx, task, touched)
    if mark is not None:
        refcount_inc(mark.refcnt).run(task, touched)
        return None
    inode = conn.obj
    return None if inode is None else detach_connector(inode)


async def _get_mark_safe(mark: Mark) -> bool:
    """Get a reference on a mark that was found on its inode's list, and have the group wait for us.

    C: fsnotify_get_mark_safe().
    """
    if not await refcount_inc_not_zero(mark.refcnt):
        return False
    await mark.lock.lock()
    if mark.flags & FSNOTIFY_MARK_FLAG_ATTACHED:  # then the group is alive
        await atomic_add(mark.group, "user_waits", 1)
        await mark.lock.unlock()
        return True
    await mark.lock.unlock()
    await fsnotify_put_mark(mark)
    return False


async def fsnotify_prepare_user_wait(mark: Mark, idx: Section) -> bool:
    """Pin a mark and leave the read section, to wait for a user; False: it is being removed, and
    the section goes on."""
    if not await _get_mark_safe(mark):
        return False
    await mark.group.client.mark_srcu.read_unlock(idx)
    return True


async def fsnotify_finish_user_wait(mark: Mark) -> Section:
    """The user has answered: a new read section, and the mark is free.

    C: with fsnotify_put_mark_wake().
    """
    group = mark.group
    idx: Section = await group.client.mark_srcu.read_lock()
    await fsnotify_put_mark(mark)
    before: int = await atomic_fetch_add(group, "user_waits", -1)
    if before == 1 and await READ_ONCE(group, "shutdown"):
        await group.notification_waitq.wake_up()
    return idx


async def fsnotify_mark_destroy_workfn(client: Client) -> None:
    """Free all marks that are queued for that."""
    for mark in await take_destroyed(client, client.destroy_list):
        assert isinstance(mark, Mark), "that is what is put there"
        await fsnotify_final_mark_destroy(mark)
