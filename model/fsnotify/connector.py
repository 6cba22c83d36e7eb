"""Connectors: how an inode has its marks, and the sum of their masks.

Source: fs/notify/mark.c, 5.14.

`i_fsnotify_mask` is the OR of the masks of the marks that are attached.  It is written under
connector->lock, from masks and flags that other groups change under a mark->lock of their own.  The
C reads these one after the other and writes the sum afterwards; here both are one step, unless the
client has `recalc_split`.  What that leaves out: inotify_update_existing_watch() adds up anew only
if the inode's mask has not got a bit of the new mask.  So a call that adds a bit, after the sum of
somebody else was read and before it is written, finds the bit still there, leaves it at that, and
the sum that is then written has not got it.
Left out: marks on mounts and super blocks, and what children tell their parents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.core.location import Location
from lockwright.kernel.rculist import touch
from lockwright.kernel.slab import kfree
from model.fsnotify.objects import FSNOTIFY_MARK_FLAG_ATTACHED, Client, Connector, Inode, Mark
from model.fsnotify.remote import Remote
from model.fsnotify.step import Together, born
from model.vfs.err import ENOMEM
from model.vfs.memory import memory_for

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lockwright.core.task import Task
    from lockwright.kernel.slab import Slab
    from lockwright.kernel.srcu import Section
    from lockwright.kernel.work import Work

Sums = tuple[int, int]
"""i_fsnotify_mask before and after."""


async def srcu_dereference_connp(inode: Inode) -> tuple[Connector, Section] | None:
    """Begin a read section of fsnotify_mark_srcu, and follow i_fsnotify_marks; None: it leads
    nowhere, and there is no section.

    One step: what others do between the two could as well come before the first.
    C: the beginning of fsnotify_grab_connector().
    """
    srcu = inode.client.mark_srcu

    def look(task: Task, touched: list[int]) -> tuple[Connector, Section] | None:
        conn = inode.i_fsnotify_marks
        if conn is None:
            return None
        return conn, srcu.read_lock().run(task, touched)

    found: tuple[Connector, Section] | None = await Together("srcu_dereference", inode.name, look)
    return found


def end_section(idx: Section, task: Task, touched: list[int]) -> None:
    """srcu_read_unlock(), within a step under the connector's lock, which keeps it from now on."""
    srcu = idx.domain
    srcu.read_unlock(idx).run(task, touched)  # type: ignore[attr-defined]  # it is an Srcu


async def fsnotify_attach_connector_to_object(inode: Inode) -> int:
    """Give an inode a connector, unless somebody else does so first.  The caller has a path.

    igrab() and cmpxchg() are one step: the caller's reference keeps the inode, so that nobody can
    tell when the count goes up, or up and down again.
    """
    client = inode.client
    if not await memory_for(client.world, "fsnotify_mark_connector"):
        return -ENOMEM
    conn = born(client.world, Connector(client, inode), frees=client.frees)

    def attach(task: Task, touched: list[int]) -> bool:
        if inode.i_fsnotify_marks is not None:
            return False
        inode.i_count.get().run(task, touched)
        inode.i_fsnotify_marks = conn
        return True

    if not await Together("cmpxchg", f"{inode.name}->i_fsnotify_marks", attach):
        await kfree(conn)
    return 0


def calc_mask(marks: Iterable[Mark]) -> int:
    """The OR of the masks of those that are attached, within a step.  C: fsnotify_calc_mask()."""
    mask = 0
    for mark in marks:
        if mark.flags & FSNOTIFY_MARK_FLAG_ATTACHED:
            mask |= mark.mask
    return mask


def set_mask(inode: Inode, mask: int) -> Sums:
    """Write i_fsnotify_mask, within a step.

    Nobody can tell a write that changes nothing from a read.
    """
    old = inode.i_fsnotify_mask
    if old != mask:
        inode.i_fsnotify_mask = mask
    return old, mask


def recalc(inode: Inode, marks: Iterable[Mark]) -> Sums:
    """__fsnotify_recalc_mask() within a step."""
    return set_mask(inode, calc_mask(marks))


def detach_connector(inode: Inode) -> Sums:
    """Within a step; the caller clears conn->obj in it, and gets the connector's reference.

    C: fsnotify_detach_connector_from_object().
    """
    sums = set_mask(inode, 0)
    inode.i_fsnotify_marks = None
    return sums


async def __fsnotify_recalc_mask(inode: Inode, marks: list[Mark]) -> Sums:
    """Add up the masks of these marks, all that the connector has.  The caller holds its lock."""
    if inode.client.recalc_split:
        mask: int = await Together("calc_mask", inode.name, lambda task, touched: calc_mask(marks))
        split: Sums = await Together(
            "set_mask", inode.name, lambda task, touched: set_mask(inode, mask)
        )
        return split
    sums: Sums = await Together(
        "recalc_mask", inode.name, lambda task, touched: recalc(inode, marks)
    )
    return sums


async def fsnotify_recalc_mask(conn: Connector | None) -> None:
    """Add up the masks anew.  The caller has a mark on the list, and a reference on the inode."""
    if conn is None:
        return
    await conn.lock.lock()
    inode = conn.obj
    if inode is None:  # the inode is being unlinked
        await conn.lock.unlock()
        return
    old, new = await __fsnotify_recalc_mask(inode, conn.list.entries())
    version = inode.client.ledger.reaches(None, inode)
    await conn.lock.unlock()
    await inode.client.remote.mask_changed(inode, old, new, version)


def follows_masks(client: Client) -> bool:
    """Does the file system want to know of changes of i_fsnotify_mask?"""
    return type(client.remote).mask_changed is not Remote.mask_changed


async def destroy_later(client: Client, lst: Location, obj: Slab, work: Work) -> None:
    """Put it on a list of what is to be freed after a grace period, and have the reaper run."""
    await client.destroy_lock.lock()
    client.world.acc.append(lst.writing)
    touch(obj, client.world.acc)
    lst.value = (*lst.value, obj)
    await client.destroy_lock.unlock()
    await client.system_unbound_wq.queue_work(work)


async def take_destroyed(client: Client, lst: Location) -> tuple[Slab, ...]:
    """Take what is on such a list, and wait for a grace period."""
    await client.destroy_lock.lock()
    client.world.acc.append(lst.writing)
    taken: tuple[Slab, ...] = lst.value
    lst.value = ()
    await client.destroy_lock.unlock()
    await client.mark_srcu.synchronize_srcu()
    return taken


async def fsnotify_connector_destroy_workfn(client: Client) -> None:
    """Free all connectors that are queued for that."""
    for conn in await take_destroyed(client, client.connector_destroy_list):
        await kfree(conn)
