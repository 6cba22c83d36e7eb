"""What all three proposals have in common: who tells of an event, and what a lost watch means.

While the server is asked for watches, the guest's own events are left to it: it sees what the guest
does to a file as it sees what others do, and telling both would be telling twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.fsnotify.inode import ilookup, iput
from model.fsnotify.mark import fsnotify_destroy_marks
from model.fsnotify.objects import ALL_EVENTS, Inode
from model.fsnotify.remote import Remote

if TYPE_CHECKING:
    from model.fsnotify.transport import Notification


def wanted(mask: int) -> int:
    """What of a mask is the server's business: FS_UNMOUNT, IN_IGNORED and flags are not."""
    return mask & ALL_EVENTS


class Supported(Remote):
    """Local events are suppressed as long as the server has not said that it knows no watches."""

    def suppresses(self, inode: Inode, mask: int) -> bool:
        """Within the caller's step.  C (of the patches): the inode operation fsnotify_event."""
        flag = self.client.conn.no_fsnotify
        self.client.world.acc.append(flag.reading)
        return not flag.value

    def suppressed(self, inode: Inode, mask: int) -> bool:
        """The same, unseen."""
        return not self.client.conn.no_fsnotify.value

    async def received(self, told: Notification) -> None:
        """IN_IGNORED: the file is gone at the server, and with it what watches it here."""
        if told.kind == "ignored":
            inode = await ilookup(self.client, told.nodeid)
            if inode is not None:
                await fsnotify_destroy_marks(inode)
                await iput(inode)
