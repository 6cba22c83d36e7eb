"""Groups: their making, and references on them.  `closing.py` has their end.

Source: fs/notify/group.c, 5.14.
Left out: limits for each user (ucounts, -EMFILE), memory control groups, SIGIO.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lockwright.kernel.refcount import refcount_dec_and_test, refcount_inc
from lockwright.kernel.slab import free_now
from model.fsnotify.objects import Client, Group
from model.fsnotify.step import Together, born

if TYPE_CHECKING:
    from lockwright.core.task import Task


def new_group(client: Client, name: str) -> Group:
    """A group, within a step: it lies where the newest of the freed ones lay, if there is one.

    Its number is the ledger's; a place that was never used before is known by that.
    """
    places = client.memory
    client.world.acc.append(places.writing)
    group = Group(client, name, max_events=client.max_events)
    group.number = client.ledger.new_group()
    group.at = group.number
    if places.value:
        *left, group.at = places.value
        places.value = tuple(left)
    return born(client.world, group, frees=client.frees)


async def fsnotify_alloc_group(client: Client, name: str) -> Group:
    """A new group, with a reference for the caller."""
    group: Group = await Together("kzalloc", name, lambda task, touched: new_group(client, name))
    return group


async def fsnotify_get_group(group: Group) -> None:
    """Another reference."""
    await refcount_inc(group.refcnt)


async def fsnotify_put_group(group: Group) -> None:
    """Drop a reference; the last one frees the group, whose place is then free.

    C: fsnotify_put_group(), fsnotify_final_destroy_group().  The memory goes in a step of its own.
    """
    if await refcount_dec_and_test(group.refcnt):
        await Together("kfree", group.name, lambda task, touched: _free(group, task, touched))


def _free(group: Group, task: Task, touched: list[int]) -> None:
    free_now(group, task, touched)
    places = group.client.memory
    touched.append(places.writing)
    places.value = (*places.value, group.at)
