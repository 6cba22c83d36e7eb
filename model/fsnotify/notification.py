"""The queue of a group: events come in, are merged, overflow, and are read.

Source: fs/notify/notification.c, fs/notify/inotify/inotify_fsnotify.c (inotify_merge()), 5.14.
Left out: waking readers and pollers (a reader does not wait here), the memory of an event that is
not queued in the end.
"""

from __future__ import annotations

from lockwright.kernel.slab import kfree
from model.fsnotify.objects import FS_IN_IGNORED, FS_Q_OVERFLOW, Event, Group
from model.fsnotify.step import born


def inotify_merge(group: Group, mask: int, inode: str, wd: int) -> Event | None:
    """The last event of the queue, if it says the same already."""
    if not group.notification_list:
        return None
    last = group.notification_list[-1]
    if last.mask & FS_IN_IGNORED:
        return None
    same = last.mask == mask and last.inode == inode and last.wd == wd
    return last if same else None


async def fsnotify_add_event(group: Group, event: tuple[int, str, int], of: int, how: str) -> None:
    """Queue an event, which is (mask, inode, watch descriptor), of an occurrence (0 for none).

    It is merged with the last one if it says the same; in a full queue, only the overflow is told.
    """
    await group.notification_lock.lock()
    if not group.shutdown:
        _add(group, event, of, how)
    await group.notification_lock.unlock()


async def fsnotify_queue_overflow(group: Group) -> None:
    """Tell that events were lost."""
    await group.notification_lock.lock()
    if not group.shutdown:
        _overflow(group)
    await group.notification_lock.unlock()


def _add(group: Group, event: tuple[int, str, int], of: int, how: str) -> None:
    mask, inode, wd = event
    if group.q_len >= group.max_events:
        _overflow(group)
        return
    numbers = (of,) if of else ()
    last = inotify_merge(group, mask, inode, wd)
    if last is not None:
        last.of = (*last.of, *numbers)
    else:
        queued = Event(group.world, inode, mask, wd)
        queued.of = numbers
        _queue(group, queued)
    group.client.ledger.tells(numbers, group.number, how)


def _overflow(group: Group) -> None:
    group.client.ledger.overflows(group.number)
    if not group.overflow:
        group.overflow = True
        _queue(group, Event(group.world, "", FS_Q_OVERFLOW, -1))


def _queue(group: Group, event: Event) -> None:
    born(group.world, event, frees=group.client.frees)
    group.q_len += 1
    group.notification_list = (*group.notification_list, event)


async def fsnotify_remove_first_event(group: Group) -> Event | None:
    """Take the first event off the queue, for its reader; None if there is none.

    C: get_one_event(), with the lock that inotify_read() takes around it.
    """
    await group.notification_lock.lock()
    event = None
    if group.notification_list:
        event, *left = group.notification_list
        group.notification_list = tuple(left)
        group.q_len -= 1
        if event.mask & FS_Q_OVERFLOW:
            group.overflow = False
    await group.notification_lock.unlock()
    return event


async def fsnotify_destroy_event(group: Group, event: Event) -> None:
    """The memory of an event that is off the queue.

    Left out: that the overflow event is the group's, and stays.
    """
    if group.client.frees:
        await kfree(event)


async def fsnotify_flush_notify(group: Group) -> None:
    """Destroy what nobody will read any more."""
    while (event := await fsnotify_remove_first_event(group)) is not None:
        await fsnotify_destroy_event(group, event)
