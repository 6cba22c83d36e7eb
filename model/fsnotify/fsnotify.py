"""An event on its way to the groups that have a mark on the inode.

Source: fs/notify/fsnotify.c, 5.14.

Takes no lock but that of a group's queue: fsnotify_mark_srcu keeps connector, marks and groups.
Left out: the first look at i_fsnotify_marks, which only saves one at the mask (that is 0 while
there is no connector); marks on mounts and super blocks, parents, ignored masks, permission events
but for how they wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.rculist import touch
from model.fsnotify.ledger import LOCAL
from model.fsnotify.mark import fsnotify_finish_user_wait, fsnotify_prepare_user_wait
from model.fsnotify.notification import fsnotify_queue_overflow
from model.fsnotify.objects import Connector, Inode, Mark
from model.fsnotify.step import Together

if TYPE_CHECKING:
    from collections.abc import Callable

    from lockwright.core.task import Task
    from lockwright.kernel.srcu import Section

First = tuple["Section", Connector | None, Mark | None]


async def fsnotify(inode: Inode, mask: int, occurrence: int, how: str) -> None:
    """Something has happened to an inode: tell the groups that want to know.

    `how` says who has seen it, the guest itself (LOCAL) or the server (REMOTE).  Events of the
    guest's own may be left to the server; whether they are is asked in the step that looks at the
    inode's mask.  An occurrence of 0 is one that nobody else has seen: it happens when the marks
    are looked at, or when it turns out that they are not.
    """
    client = inode.client

    def happens() -> None:
        nonlocal occurrence
        if not occurrence:
            occurrence = client.ledger.happens(inode.nodeid, mask)

    def wanted(task: Task, touched: list[int]) -> bool:
        if not inode.i_fsnotify_mask & mask:
            happens()
            return False
        if how == LOCAL and client.remote.suppresses(inode, mask):
            happens()
            return False
        return True

    if not await Together("fsnotify", inode.name, wanted):
        return
    idx, conn, mark = await _first_mark(inode, happens)
    while conn is not None and mark is not None:
        await _send_to_group(mark, mask, occurrence, how)
        mark = await conn.list.next(mark)
    await client.mark_srcu.read_unlock(idx)


async def _first_mark(inode: Inode, happens: Callable[[], None] | None = None) -> First:
    """Begin a read section, and find the connector and its first mark.

    One step: a connector that is found attached and is then detached has an empty list; and with
    that, nobody is told, as if the step had come after the last mark went.
    C: fsnotify_first_mark().
    """
    srcu = inode.client.mark_srcu

    def first(task: Task, touched: list[int]) -> First:
        if happens is not None:
            happens()
        idx: Section = srcu.read_lock().run(task, touched)
        conn = inode.i_fsnotify_marks
        if conn is None:
            return idx, None, None
        touch(conn, touched)
        mark = conn.list.first_srcu(True).run(task, touched)
        return idx, conn, mark

    begun: First = await Together("fsnotify_first_mark", inode.name, first)
    return begun


async def _send_to_group(mark: Mark, mask: int, occurrence: int, how: str) -> None:
    """Queue the event, if the mark's mask has it.

    The watch descriptor, which the C reads a little later, is read with the mask: it only tells
    the user which watch it was.
    C: send_to_group(), fsnotify_handle_event().
    """
    wants, wd = await Together("READ_ONCE", f"{mark.name}->mask", lambda *_: (mark.mask, mark.wd))
    if wants & mask:
        await mark.group.client.ops.handle_inode_event(mark, wd, mask, occurrence, how)


async def fsnotify_overflow(inode: Inode) -> None:
    """Tell every group that has a mark on the inode that events were lost."""
    idx, conn, mark = await _first_mark(inode)
    while conn is not None and mark is not None:
        await fsnotify_queue_overflow(mark.group)
        mark = await conn.list.next(mark)
    await inode.client.mark_srcu.read_unlock(idx)


async def fsnotify_perm(inode: Inode) -> None:
    """An event whose groups are asked first: the first mark is pinned while a user thinks.

    C: fanotify_handle_event() with fanotify_get_response(), for whoever has the first mark.
    """
    idx, conn, mark = await _first_mark(inode)
    if conn is not None and mark is not None and await fsnotify_prepare_user_wait(mark, idx):
        idx = await fsnotify_finish_user_wait(mark)
    await inode.client.mark_srcu.read_unlock(idx)
