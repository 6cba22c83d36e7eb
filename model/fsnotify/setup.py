"""A guest as a scenario begins with it: files in its cache, groups without watches."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lockwright.kernel.once import Variable
from lockwright.kernel.work import Work, WorkQueue
from model.fsnotify.connector import fsnotify_connector_destroy_workfn
from model.fsnotify.group import new_group
from model.fsnotify.inotify import INOTIFY_OPS
from model.fsnotify.ledger import Ledger
from model.fsnotify.mark import fsnotify_mark_destroy_workfn
from model.fsnotify.objects import Client, Inode
from model.fsnotify.remote import Remote

if TYPE_CHECKING:
    from lockwright.core.world import World


def client(
    world: World,
    *,
    nodeids: tuple[int, ...] = (1, 2),
    groups: tuple[str, ...] = ("g1", "g2"),
    groups_max: int = 4,
    frees: bool = True,
    max_events: int = 16,
    recalc_split: bool = False,
    recalc_always: bool = False,
) -> Client:
    """A guest with these files cached and these groups open; the rest is for `Client`."""
    at = Client(
        world,
        frees=frees,
        max_events=max_events,
        recalc_split=recalc_split,
        recalc_always=recalc_always,
    )
    at.ops = INOTIFY_OPS
    at.ledger = Ledger(world, nodeids, groups_max)
    at.remote = Remote(at)
    at.system_unbound_wq = WorkQueue(world, "events_unbound")
    at.reaper_work = Work(world, "(&reaper_work)->work", partial(fsnotify_mark_destroy_workfn, at))
    at.connector_reaper_work = Work(
        world, "&connector_reaper_work", partial(fsnotify_connector_destroy_workfn, at)
    )
    for nodeid in nodeids:
        at.inodes[nodeid] = Variable(world, Inode(at, nodeid), f"i{nodeid} in the inode hash")
    for name in groups:
        at.fds[name] = Variable(world, new_group(at, name), f"descriptor {name}")
    return at
