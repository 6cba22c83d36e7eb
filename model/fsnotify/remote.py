"""What a file system with watches on a server hooks into fs/notify: one interface for all variants.

`Remote` is the guest without any of it: every hook does nothing, and no local event is suppressed.
Each variant is a subclass that fills in the hooks that its proposal had.

| hook | called by | what is held |
| --- | --- | --- |
| `before_add`, `after_add` | inotify_add_watch(), around the mark's change | nothing |
| `before_rm`, `after_rm` | inotify_rm_watch(), around the mark's removal | nothing |
| `under_mark_lock` | fsnotify_detach_mark() | group->mark_mutex, mark->lock |
| `detached` | fsnotify_detach_mark(), at its end | group->mark_mutex |
| `freed` | fsnotify_free_mark(), at its end | nothing |
| `mask_changed` | who has written i_fsnotify_mask, connector->lock free again | as the caller |
| `closed` | inotify_release(), when all marks are detached | nothing |
| `unlinked` | fsnotify_inoderemove() | nothing |
| `received` | the worker of the notification queue | nothing |
| `suppresses` | fsnotify(), for an event of the guest's own | fsnotify_mark_srcu |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.fsnotify.objects import Client, Group, Inode, Mark

if TYPE_CHECKING:
    from model.fsnotify.transport import Notification


class Remote:
    """The hooks.  A variant overrides those that it has."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def before_add(self, group: Group, inode: Inode, arg: int) -> int:
        """A watch is about to be made or changed.  0, or an error that ends the call."""
        return 0

    async def after_add(self, group: Group, inode: Inode, arg: int, done: Updated) -> int:
        """It was, or was not: `done.ret` says.  What inotify_add_watch() shall return.

        Called whenever before_add() gave 0.
        """
        return done.ret

    async def before_rm(self, group: Group, inode: Inode, mark: Mark) -> None:
        """A watch is about to be removed by its user, who waits."""

    async def after_rm(self, group: Group, inode: Inode) -> None:
        """It was."""

    async def under_mark_lock(self, mark: Mark) -> None:
        """A mark does not count any more, from this step on."""

    async def detached(self, mark: Mark) -> None:
        """The same, without the spinlock."""

    async def freed(self, mark: Mark) -> None:
        """A mark has told its user IN_IGNORED, and nobody holds a lock."""

    async def mask_changed(self, inode: Inode, old: int, new: int, version: int) -> None:
        """i_fsnotify_mask was `old` and is, or was a moment ago, `new`; `version` is the ledger's.

        Whoever calls holds a reference on the inode.  Called for `old == new` too.
        """

    async def closed(self, group: Group) -> None:
        """A group's marks are detached, and its memory is about to go."""

    async def unlinked(self, inode: Inode) -> bool:
        """The last link of a file is gone here.  True: its marks stay until the server says so."""
        return False

    async def received(self, told: Notification) -> None:
        """The server tells something other than an event: an IN_IGNORED, an overflow, a restart."""

    def suppresses(self, inode: Inode, mask: int) -> bool:
        """Is an event of the guest's own left to the server to tell?  Within the caller's step."""
        return False

    def suppressed(self, inode: Inode, mask: int) -> bool:
        """The same at the end of an execution, unseen by the machine.  For rules."""
        return False


class Updated:
    """What inotify_update_watch() did: `ret` is the watch descriptor or an errno, `mask` the mask
    that the mark has now, `version` the ledger's."""

    __slots__ = ("mask", "ret", "version")

    def __init__(self, ret: int, mask: int = 0, version: int = 0) -> None:
        self.ret = ret
        self.mask = mask
        self.version = version
