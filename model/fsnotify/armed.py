"""A design of the aggregated mask that keeps all eight promises, P1 to P8.

1. **Armed first.**  inotify_add_watch() takes a mutex of the inode (fsnotify_mutex, outside of
   group->mark_mutex), asks the server for what it is known to have and what the caller wants, and
   changes the guest's mark only when the server has said yes.  A refusal is the call's own error,
   and there is nothing to undo.  Whoever adds a watch that the mask covers already waits for the
   mutex, and so for the server.
2. **Lowered later.**  A mark that stops counting lowers i_fsnotify_mask at once
   (fsnotify_detach_mark(), no lock but mark_mutex), and a work item sends what the mask is when it
   runs.  All requests about one inode are sent under its mutex, each with what holds then: so they
   are applied in order, and none is sent where sleeping is forbidden.
3. **Removed behind the events.**  inotify_rm_watch(), and a call that narrows a mask, first asks
   the server to send what it has, and waits until that has come: whatever happened before the call
   has been delivered then.
4. **Kept until the server lets go.**  The marks of a file that is unlinked here stay until the
   server says IN_IGNORED, which comes behind the last event.
5. **Overflow is told** to every group with a mark; and after one the server looks which of its
   files are gone, as IN_IGNORED may be among what was lost.
6. **A restart is an overflow.**  When the server comes back the guest arms it anew, and then tells
   every group that it may have missed something; where the server refuses, the marks go.

Each of 2 to 6 can be switched off (`lowers_at_detach`, `flushes`, `keeps_unlinked`, `resends` here,
`reports_overflow` and `rechecks` at the server), to see what it is for.  And fs/notify itself has
to add up the masks whenever a mark has changed (`recalc_always`; `connector.py` says why).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.kernel.once import READ_ONCE
from lockwright.kernel.work import Work
from model.fsnotify.aggregated import Aggregated
from model.fsnotify.fsnotify import fsnotify_overflow
from model.fsnotify.inode import igrab, ilookup, iput
from model.fsnotify.mark import fsnotify_destroy_marks, fsnotify_find_mark, fsnotify_put_mark
from model.fsnotify.objects import IN_MASK_ADD, Client, Group, Inode, Mark
from model.fsnotify.remote import Updated
from model.fsnotify.supported import wanted

if TYPE_CHECKING:
    from model.fsnotify.transport import Notification


class Armed(Aggregated):
    """See above.  `inode.armed` is what the server is known to have, guarded by fsnotify_mutex."""

    def __init__(
        self,
        client: Client,
        *,
        lowers_at_detach: bool = True,
        flushes: bool = True,
        keeps_unlinked: bool = True,
        resends: bool = True,
    ) -> None:
        super().__init__(client, lowers_at_detach=lowers_at_detach, serialises=True)
        self.flushes = flushes
        self.keeps_unlinked = keeps_unlinked
        self.resends = resends
        self.lowering = {
            nodeid: Work(client.world, "&fi->fsnotify_work", partial(self._lower, nodeid))
            for nodeid in client.inodes
        }

    async def before_add(self, group: Group, inode: Inode, arg: int) -> int:
        """Arm the server; the mutex stays with the caller until after_add()."""
        if self.flushes and not arg & IN_MASK_ADD and await self._narrows(group, inode, arg):
            await self.client.conn.flush()
        await inode.fsnotify_mutex.lock()
        mask = inode.armed | wanted(arg)
        ret = 0
        if mask != inode.armed:
            ret = await self.send(inode, mask, self.client.ledger.version(0, inode.nodeid))
            if ret >= 0:
                inode.armed = mask
        if ret < 0:
            await inode.fsnotify_mutex.unlock()
        return ret

    async def after_add(self, group: Group, inode: Inode, arg: int, done: Updated) -> int:
        """What was armed for nothing is lowered here, as nobody else would do it."""
        if done.ret < 0:
            await self.send_mask(inode)
        await inode.fsnotify_mutex.unlock()
        return done.ret

    async def before_rm(self, group: Group, inode: Inode, mark: Mark) -> None:
        """Whatever has happened comes first."""
        if self.flushes:
            await self.client.conn.flush()

    async def mask_changed(self, inode: Inode, old: int, new: int, version: int) -> None:
        """Raising was sent before; lowering is sent later, by a work item with a reference."""
        if wanted(old) & ~wanted(new):
            await igrab(inode)
            if not await self.client.system_unbound_wq.queue_work(self.lowering[inode.nodeid]):
                await iput(inode)

    async def unlinked(self, inode: Inode) -> bool:
        """The server knows best what happened before the file went."""
        if not self.keeps_unlinked or await READ_ONCE(self.client.conn.no_fsnotify):
            return False
        return await READ_ONCE(inode, "i_fsnotify_marks") is not None

    async def received(self, told: Notification) -> None:
        """In the order in which the server has sent it, among the events."""
        if told.kind == "ignored":
            inode = await ilookup(self.client, told.nodeid)
            if inode is not None:
                await self._forget(inode)
                await iput(inode)
        elif told.kind == "overflow" or (told.kind == "restarted" and self.resends):
            for nodeid in self.client.inodes:
                inode = await ilookup(self.client, nodeid)
                if inode is None:
                    continue
                if told.kind == "overflow":
                    await fsnotify_overflow(inode)
                else:
                    await self._arm_anew(inode)
                await iput(inode)

    async def _narrows(self, group: Group, inode: Inode, arg: int) -> bool:
        """Does the group have a mark that would lose something?"""
        mark = await fsnotify_find_mark(inode, group)
        if mark is None:
            return False
        await mark.lock.lock()
        loses = wanted(mark.mask & ~arg) != 0
        await mark.lock.unlock()
        await fsnotify_put_mark(mark)
        return loses

    async def _lower(self, nodeid: int) -> None:
        """The work item: send the mask as it is now."""
        inode = self.client.inodes[nodeid].value  # container_of(): it is referenced
        await inode.fsnotify_mutex.lock()
        await self.send_mask(inode)
        await inode.fsnotify_mutex.unlock()
        await iput(inode)

    async def _arm_anew(self, inode: Inode) -> None:
        """The server has forgotten what it had, and what happened since was not told."""
        await inode.fsnotify_mutex.lock()
        inode.armed = 0
        ret = await self.send_mask(inode)
        await fsnotify_overflow(inode)
        if ret < 0:
            await fsnotify_destroy_marks(inode)
        await inode.fsnotify_mutex.unlock()

    async def _forget(self, inode: Inode) -> None:
        """The file is gone at the server."""
        await inode.fsnotify_mutex.lock()
        inode.armed = 0
        await fsnotify_destroy_marks(inode)
        await inode.fsnotify_mutex.unlock()
