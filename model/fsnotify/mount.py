"""A guest with a FUSE mount, its server, and the hooks of a variant between them."""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from model.fsnotify.objects import Client
from model.fsnotify.remote import Remote
from model.fsnotify.server import Server
from model.fsnotify.setup import client
from model.fsnotify.transport import FuseConn

PLENTY = 16


def mount(
    world: World,
    kind: Callable[..., Remote],
    *,
    support: bool = True,
    limit: int = PLENTY,
    host_queue: int = PLENTY,
    queues: int = 1,
    max_events: int = PLENTY,
    reports_overflow: bool = False,
    rechecks: bool = False,
    frees: bool = False,
    recalc_split: bool = False,
    recalc_always: bool = False,
    **switches: bool | str,
) -> Client:
    """`world.state`: a guest with two files, i1 and i2, and two descriptors, g1 and g2.

    The server knows watches if it has `support`, at most `limit` of them; its host remembers
    `host_queue` events that it has not read.  There are so many `queues` for requests.  What is
    the guest's own (`max_events`, `frees`, `recalc_split`, `recalc_always`) is as `Client` says.
    The switches are those of the variant.
    """
    for name, value in (("queues", queues), ("host_queue", host_queue), ("max_events", max_events)):
        if value < 1:
            raise UsageError(f"{name}={value}: expected 1 or more")
    if limit < 0:
        raise UsageError(f"limit={limit}: expected 0 or more")
    at = client(
        world,
        frees=frees,
        max_events=max_events,
        recalc_split=recalc_split,
        recalc_always=recalc_always,
    )
    server = Server(
        at,
        support=support,
        limit=limit,
        queue=host_queue,
        reports_overflow=reports_overflow,
        rechecks=rechecks,
    )
    at.conn = FuseConn(at, server, queues=queues)
    at.remote = kind(at, **switches)
    world.state = at
    return at
