"""The end of a group: its file is closed.

Source: fs/notify/group.c, 5.14.
"""

from __future__ import annotations

from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from lockwright.kernel.waitqueue import wait_event
from lockwright.kernel.workqueue import flush_work
from model.fsnotify.group import fsnotify_put_group
from model.fsnotify.mark import fsnotify_clear_marks_by_group
from model.fsnotify.notification import fsnotify_flush_notify
from model.fsnotify.objects import Group


async def fsnotify_group_stop_queueing(group: Group) -> None:
    """From now on nothing is added to the queue."""
    await group.notification_lock.lock()
    await WRITE_ONCE(group, "shutdown", True)
    await group.notification_lock.unlock()


async def fsnotify_destroy_group(group: Group) -> None:
    """Get rid of a group whose file is closed: its marks, its events, the file's reference.

    Left out: freeing the overflow event, which is part of the group here.
    """
    client = group.client
    await fsnotify_group_stop_queueing(group)
    await fsnotify_clear_marks_by_group(group)
    await wait_event(group.notification_waitq, lambda: _no_user_waits(group))
    if client.frees:
        await flush_work(client.reaper_work)
    await fsnotify_flush_notify(group)
    await client.remote.closed(group)
    await fsnotify_put_group(group)


async def _no_user_waits(group: Group) -> bool:
    return not await READ_ONCE(group, "user_waits")
