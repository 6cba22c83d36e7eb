"""What the review asked for: the server is sent the mask that all marks of an inode add up to.

Source: facts 5.3, column B: the super operation fsnotify_update(sb, inode, action hint, mask),
called whenever i_fsnotify_mask changes.  Column C, `changed.py`, differs in what is sent.
"""

from __future__ import annotations

from lockwright.core.task import Task
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE
from model.fsnotify.connector import fsnotify_recalc_mask
from model.fsnotify.inotify import inotify_forget
from model.fsnotify.objects import Client, Group, Inode, Mark
from model.fsnotify.remote import Updated
from model.fsnotify.supported import Supported, wanted
from model.fsnotify.transport import Request


class Aggregated(Supported):
    """Variant B.

    As discussed, and what would mend it:

    - `lowers_at_detach`: the mask is calculated anew when a mark stops counting, not when its last
      reference goes.
    - `serialises`: one request about an inode at a time, each with the mask as it is then.
    - `checks_errors`: a watch that the server refuses is removed, and the call fails.
    - `suppresses_late`: an event of the guest's own is left to the server only if the server is
      known to watch for it; serialises.  It mends what happens before the server has answered, and
      tells twice what happens between the server's doing and its answer.

    What else there is, takes a design of its own: `armed.py`.
    """

    def __init__(
        self,
        client: Client,
        *,
        lowers_at_detach: bool = False,
        serialises: bool = False,
        checks_errors: bool = False,
        suppresses_late: bool = False,
    ) -> None:
        super().__init__(client)
        self.lowers_at_detach = lowers_at_detach
        self.serialises = serialises or suppresses_late
        self.suppresses_late = suppresses_late
        self.checks_errors = checks_errors
        self.refused: dict[int, int] = {}

    def suppresses(self, inode: Inode, mask: int) -> bool:
        """Within the caller's step."""
        known = not self.suppresses_late or not mask & ~inode.armed
        return known and super().suppresses(inode, mask)

    def suppressed(self, inode: Inode, mask: int) -> bool:
        """The same, unseen."""
        known = not self.suppresses_late or not mask & ~inode.peek("armed")
        return known and super().suppressed(inode, mask)

    async def after_add(self, group: Group, inode: Inode, arg: int, done: Updated) -> int:
        """What the server answered to the call's own request, if anybody asks."""
        refused = self.refused.pop(self._task(), 0)
        if self.checks_errors and refused and done.ret >= 0:
            await inotify_forget(group, inode)
            return refused
        return done.ret

    async def detached(self, mark: Mark) -> None:
        """The mark does not count any more."""
        if self.lowers_at_detach:
            await fsnotify_recalc_mask(mark.connector)

    async def mask_changed(self, inode: Inode, old: int, new: int, version: int) -> None:
        """Tell the server.

        What it answers is what fsnotify_recalc_mask() would give to its caller, if that asked.
        """
        ret = 0
        if self.serialises:
            await inode.fsnotify_mutex.lock()
            ret = await self.send_mask(inode)
            await inode.fsnotify_mutex.unlock()
        elif wanted(old) != wanted(new):
            ret = await self.tell(inode, new, version)
        if ret < 0:
            self.refused[self._task()] = ret

    async def tell(self, inode: Inode, mask: int, version: int) -> int:
        """Send the mask that it was changed to."""
        return await self.send(inode, mask, version)

    async def send(self, inode: Inode, mask: int, version: int) -> int:
        """FUSE_FSNOTIFY about an inode; a mask of 0 removes the watch."""
        request = Request("FSNOTIFY", inode.nodeid, mask=wanted(mask), version=version)
        return await self.client.conn.send(request)

    async def send_mask(self, inode: Inode) -> int:
        """Send the mask as it is now, if the server has another.  The caller holds
        fsnotify_mutex."""
        mask = wanted(await READ_ONCE(inode, "i_fsnotify_mask"))
        version = self.client.ledger.version(0, inode.nodeid)
        if mask == inode.armed:
            return 0
        ret = await self.send(inode, mask, version)
        if ret >= 0 and self.suppresses_late:
            await WRITE_ONCE(inode, "armed", mask)  # which is read without the mutex
        elif ret >= 0:
            inode.armed = mask
        return ret

    def _task(self) -> int:
        """Who runs: what is kept under it lives on that task's stack in the C."""
        task = self.client.world.creator
        assert isinstance(task, Task), "only a task changes a mask"
        return task.index
