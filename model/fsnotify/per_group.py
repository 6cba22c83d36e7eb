"""The patches as they were posted: the server has a watch for each group on each inode.

Source: facts 5.2, 5.3, column A: the inode operation fsnotify_update(inode, action, group, mask),
called by inotify_add_watch() when it is done, and by fsnotify_detach_mark() under mark->lock.
"""

from __future__ import annotations

from functools import partial
from typing import cast

from lockwright.core.errors import UsageError
from lockwright.kernel.work import Work
from model.fsnotify.inode import igrab, iput
from model.fsnotify.inotify import inotify_forget
from model.fsnotify.mark import fsnotify_find_mark, fsnotify_put_mark
from model.fsnotify.objects import FSNOTIFY_MARK_FLAG_ATTACHED, Client, Group, Inode, Mark
from model.fsnotify.remote import Updated
from model.fsnotify.supported import Supported, wanted
from model.fsnotify.transport import Request

LOCKED, FREED, WORK = REMOVES = ("locked", "freed", "work")


class PerGroup(Supported):
    """Variant A.

    As posted, and what would mend it:

    - `removes`: a removal is sent where the mark is detached, under mark->lock (`locked`); or when
      no lock is held any more (`freed`); or by a work item, some time (`work`).
    - `reads_obj_locked`: which inode a mark is on is read under connector->lock, too.
    - `names_groups`: a group is called by a number that is never given again, not by its address.
    - `serialises`: one request about an inode at a time, each with the state as it is then; a
      removal only if it is sent when no lock is held (`freed`).
    - `sends_result`: what is sent is the mask that the mark has, not the caller's argument.
    - `arms_first`: the server has the watch before the guest's mark is made or changed.
    - `checks_errors`: a watch that the server refuses is removed, and the call fails.

    `serialises` and `arms_first` send what the mark has, or shall have; `arms_first` serialises.
    """

    def __init__(
        self,
        client: Client,
        *,
        removes: str = LOCKED,
        reads_obj_locked: bool = False,
        names_groups: bool = False,
        serialises: bool = False,
        sends_result: bool = False,
        arms_first: bool = False,
        checks_errors: bool = False,
    ) -> None:
        super().__init__(client)
        if removes not in REMOVES:
            raise UsageError(f"removes={removes!r}: expected one of {', '.join(REMOVES)}")
        self.removes = removes
        self.reads_obj_locked = reads_obj_locked
        self.names_groups = names_groups
        self.serialises = serialises or arms_first
        self.sends_result = sends_result
        self.arms_first = arms_first
        self.checks_errors = checks_errors
        self.left: dict[Mark, tuple[Inode, Request]] = {}

    def key_of(self, group: Group) -> int:
        """What a group is called."""
        return group.number if self.names_groups else group.at

    def request(self, group: Group, inode: Inode, mask: int, version: int) -> Request:
        """FUSE_FSNOTIFY about a group's watch; a mask of 0 removes it."""
        named = "id" if self.names_groups else "address"
        return Request(
            "FSNOTIFY",
            inode.nodeid,
            self.key_of(group),
            wanted(mask),
            named,
            group.number,
            version,
        )

    async def before_add(self, group: Group, inode: Inode, arg: int) -> int:
        """Arm the server first, with what is asked for beside what is there."""
        if not self.serialises:
            return 0
        await inode.fsnotify_mutex.lock()
        if not self.arms_first:
            return 0
        mask, version = await self._state(group, inode)
        ret = await self.client.conn.send(self.request(group, inode, mask | arg, version))
        if ret < 0:
            await inode.fsnotify_mutex.unlock()
        return ret

    async def after_add(self, group: Group, inode: Inode, arg: int, done: Updated) -> int:
        """The caller's argument goes to the server; what that answers is not looked at."""
        ret = 0
        if self.serialises:
            ret = await self._send_state(group, inode)
            await inode.fsnotify_mutex.unlock()
        elif done.ret >= 0:
            mask = done.mask if self.sends_result else arg
            ret = await self.client.conn.send(self.request(group, inode, mask, done.version))
        if ret < 0 and self.checks_errors and done.ret >= 0:
            await inotify_forget(group, inode)
            return ret
        return done.ret

    async def under_mark_lock(self, mark: Mark) -> None:
        """The removal: sent here, in atomic context; or remembered for later."""
        inode = await self._inode_of(mark)
        if inode is None and self.reads_obj_locked:
            return  # the inode is gone, and the server's watch with it
        at = cast("Inode", inode)  # unlocked, it is followed whatever it is
        request = self.request(mark.group, at, 0, mark.version)
        if self.removes == LOCKED:
            await self.client.conn.send(request)
            if self.reads_obj_locked:
                await iput(at)
            return
        if not self.reads_obj_locked:
            await igrab(at)
        self.left[mark] = (at, request)

    async def _inode_of(self, mark: Mark) -> Inode | None:
        """The inode that a mark is on; with `reads_obj_locked` with a reference."""
        conn = mark.connector
        assert conn is not None, "a mark that was attached has one"
        if not self.reads_obj_locked:
            return conn.obj
        await conn.lock.lock()
        inode = conn.obj
        if inode is not None:
            await igrab(inode)
        await conn.lock.unlock()
        return inode

    async def detached(self, mark: Mark) -> None:
        """Nobody waits for a work item, not even the group."""
        if self.removes == WORK and mark in self.left:
            send = partial(self._send_later, *self.left.pop(mark))
            work = Work(self.client.world, "&mark->fsnotify_work", send)
            await self.client.system_unbound_wq.queue_work(work)

    async def _send_later(self, inode: Inode, request: Request) -> None:
        """The work item."""
        await self.client.conn.send(request)
        await iput(inode)

    async def freed(self, mark: Mark) -> None:
        """No lock is held."""
        if self.removes == FREED and mark in self.left:
            inode, request = self.left.pop(mark)
            if self.serialises:
                await inode.fsnotify_mutex.lock()
                await self._send_state(mark.group, inode)
                await inode.fsnotify_mutex.unlock()
            else:
                await self.client.conn.send(request)
            await iput(inode)

    async def _send_state(self, group: Group, inode: Inode) -> int:
        """Send what the group's mark has now.  The caller holds fsnotify_mutex."""
        mask, version = await self._state(group, inode)
        return await self.client.conn.send(self.request(group, inode, mask, version))

    async def _state(self, group: Group, inode: Inode) -> tuple[int, int]:
        """The mask of the group's mark and the version of that, 0 if it has none."""
        mark = await fsnotify_find_mark(inode, group)
        if mark is None:
            return 0, self.client.ledger.version(group.number, inode.nodeid)
        await mark.lock.lock()
        mask = mark.mask if mark.flags & FSNOTIFY_MARK_FLAG_ATTACHED else 0
        version = mark.version
        await mark.lock.unlock()
        await fsnotify_put_mark(mark)
        return mask, version
