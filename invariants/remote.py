"""What is promised of watches on a remote file system: P1 to P8, and what crosses the wire.

Source: facts 5.4; F11 of 5.5.  What a model can tell while it runs it tells itself: P4 and P6 are
`always` of `model/fsnotify/transport.py`, `server.py` and `ledger.py`; P5 is a rule of the engine.
The others are about what has finally happened: every call has returned, no message is on its way.
"""

from __future__ import annotations

from collections.abc import Iterator

from invariants.catalogue import Invariant
from lockwright.core.promise import BROKEN
from lockwright.core.world import World
from lockwright.scenario import Check
from model.fsnotify.ledger import LOCAL, REMOTE
from model.fsnotify.objects import FSNOTIFY_MARK_FLAG_ATTACHED, Client, Mark, mask_text
from model.fsnotify.per_group import PerGroup
from model.fsnotify.supported import wanted


def client_of(world: World) -> Client:
    """The guest of a scenario."""
    at: Client = world.state
    return at


def live_marks(at: Client) -> list[tuple[int, Mark]]:
    """The marks that count, each with the file that it is on, in order of allocation."""
    found = []
    for obj in at.world.objects:
        if isinstance(obj, Mark) and obj.alive and obj.peek("flags") & FSNOTIFY_MARK_FLAG_ATTACHED:
            conn = obj.peek("connector")
            inode = None if conn is None else conn.peek("obj")
            if inode is not None:
                found.append((inode.nodeid, obj))
    return found


def wanted_at_server(at: Client) -> dict[tuple[int, int], int]:
    """What the server should have: masks by (key, file), without those that are empty."""
    masks: dict[tuple[int, int], int] = {}
    for nodeid, mark in live_marks(at):
        key = at.remote.key_of(mark.group) if isinstance(at.remote, PerGroup) else 0
        masks[key, nodeid] = masks.get((key, nodeid), 0) | wanted(mark.peek("mask"))
    return {watch: mask for watch, mask in masks.items() if mask}


def by_file(masks: dict[tuple[int, int], int]) -> dict[int, int]:
    """The same, whoever it is for."""
    found: dict[int, int] = {}
    for (_, nodeid), mask in masks.items():
        found[nodeid] = found.get(nodeid, 0) | mask
    return found


def watches_are_equal(world: World) -> Iterator[str]:
    """P1: what the server watches is what the guest wants to know."""
    at = client_of(world)
    if at.conn.no_fsnotify.value:
        return
    mine, theirs = wanted_at_server(at), at.conn.server.host.masks()
    for watch in sorted({*mine, *theirs}):
        want, has = mine.get(watch, 0), theirs.get(watch, 0)
        if want != has:
            yield (
                f"P1: for i{watch[1]} the guest's marks add up to {mask_text(want)}, "
                f"the server watches for {mask_text(has)}"
            )


def nothing_is_lost(world: World) -> Iterator[str]:
    """P2: what happens while it is watched is told, or an overflow is."""
    at = client_of(world)
    ledger = at.ledger
    for of in ledger.occurrences.values():
        for group in of.owed:
            heard = any((of.number, group, how) in ledger.told for how in (LOCAL, REMOTE))
            if not heard and group not in ledger.ended and not ledger.is_excused(of.number, group):
                yield (
                    f"P2: {mask_text(of.mask)} of i{of.nodeid} was promised to group {group}, "
                    "and it never heard of it"
                )


def nothing_is_forwarded_for_nobody(world: World) -> Iterator[str]:
    """P3: the server does not go on sending what nobody wants."""
    at = client_of(world)
    mine, theirs = by_file(wanted_at_server(at)), by_file(at.conn.server.host.masks())
    for nodeid, has in sorted(theirs.items()):
        if surplus := has & ~mine.get(nodeid, 0):
            yield f"P3: the server goes on telling of {mask_text(surplus)} of i{nodeid}"


def nothing_is_told_twice(world: World) -> Iterator[str]:
    """P7: what the server tells the guest does not tell itself."""
    ledger = client_of(world).ledger
    for of in ledger.occurrences.values():
        for group in range(1, ledger.groups_made.value + 1):
            if all((of.number, group, how) in ledger.told for how in (LOCAL, REMOTE)):
                yield (
                    f"P7: {mask_text(of.mask)} of i{of.nodeid} is told to group {group} "
                    "by the guest and by the server"
                )


def refusals_are_known(world: World) -> Iterator[str]:
    """P8: who was refused by the server was told, or hears of what the guest itself does."""
    at = client_of(world)
    theirs = at.conn.server.host.masks()
    for nodeid, mark in live_marks(at):
        key = at.remote.key_of(mark.group) if isinstance(at.remote, PerGroup) else 0
        missing = wanted(mark.peek("mask")) & ~theirs.get((key, nodeid), 0)
        inode = at.inodes[nodeid].value
        if nodeid in at.ledger.refused and missing and at.remote.suppressed(inode, missing):
            yield (
                f"P8: the server has refused to watch i{nodeid} for {mask_text(missing)}, "
                f"group {mark.group.number} has a watch all the same, and nobody tells it"
            )


def one_event_is_one_message(world: World) -> Iterator[str]:
    """F11: however many groups watch a file, what happens to it crosses the wire once."""
    ledger = client_of(world).ledger
    for number, times in ledger.wired.items():
        if times > 1:
            of = ledger.occurrences[number]
            yield f"F11: {mask_text(of.mask)} of i{of.nodeid} crosses the wire {times} times"


ATOMIC = ("sleeping in atomic context", "scheduling while atomic")

PROMISES: tuple[Invariant, ...] = (
    Invariant(
        "P1",
        "When no call is at work and no message on its way, the server watches what the guest's "
        "marks add up to.",
        "facts 5.4; the exchange on eventual consistency",
        (watches_are_equal,),
        (),
        ("F03", "F06"),
    ),
    Invariant(
        "P2",
        "What happens to a file after add_watch() has returned and before it is taken back is told "
        "at least once, or an overflow is.",
        "facts 5.4; inotify(7)",
        (nothing_is_lost,),
        (),
        ("F05", "F07"),
    ),
    Invariant(
        "P3",
        "When the last interest in an event is gone, the server stops sending it after finitely "
        "many steps.",
        "facts 5.4",
        (nothing_is_forwarded_for_nobody,),
        ("livelock",),
        ("F03", "F04"),
    ),
    Invariant(
        "P4",
        "No address of the guest's is part of the protocol, and no group is taken for another.",
        "facts 5.4",
        (),
        (),
        ("F02",),
    ),
    Invariant(
        "P5",
        "Nothing is sent where sleeping is forbidden.",
        "facts 5.4",
        (),
        ATOMIC,
        ("F01",),
    ),
    Invariant(
        "P6",
        "What the server is told of one file it does in the order in which it came to be.",
        "facts 5.4",
        (),
        (),
        ("F03",),
    ),
    Invariant(
        "P7",
        "Nothing is told both by the guest itself and by the server.",
        "facts 5.4",
        (nothing_is_told_twice,),
        (),
        ("aggregated: events are suppressed late",),
    ),
    Invariant(
        "P8",
        "If the server refuses a watch, add_watch() fails, or the guest tells its own events.",
        "facts 5.4",
        (refusals_are_known,),
        (),
        ("F08",),
    ),
    Invariant(
        "F11",
        "However many groups watch a file, what happens to it crosses the wire once.",
        "facts 5.5",
        (one_event_is_one_message,),
        (),
        ("F11",),
    ),
)


def checks() -> tuple[Check, ...]:
    """Every check once, in their order."""
    return tuple(dict.fromkeys(check for one in PROMISES for check in one.checks))


def promise_of(kind: str, message: str) -> str:
    """Which promise a finding breaks: its id, empty if none."""
    head = message.partition(":")[0]
    for one in PROMISES:
        if kind in one.rules or (kind == BROKEN and head == one.id):
            return one.id
    return ""
