"""The server and its host: watches, the queue of events, restarts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockwright.core.boot import boot
from lockwright.core.location import Value
from lockwright.core.world import World
from model.fsnotify.host import Host, Watch
from model.fsnotify.objects import FS_ACCESS, FS_ATTRIB, FS_DELETE_SELF, FS_MODIFY, Client
from model.fsnotify.server import NOT_ANOTHERS
from model.fsnotify.setup import client
from model.fsnotify.transport import Request
from model.vfs.err import ENOENT, ENOSPC
from tests.model.fsnotify_server import Act, messages, outcomes, told, watch, watched

Acts = list[Act]


async def asks(at: Client, *requests: Request) -> list[int]:
    """One request after the other."""
    return [await at.conn.send(request) for request in requests]


async def touches(at: Client, *masks: int) -> None:
    """Somebody does one thing after the other to i1."""
    for mask in masks:
        await at.conn.server.host.touch(1, mask)


def arm(at: Client) -> None:
    """The server watches i1 for what can happen to it."""
    boot(at.world, at.conn.send(watch(FS_MODIFY | FS_DELETE_SELF)))


def ends(world: World) -> str:
    """Replies, then the watches on i1 and i2."""
    at: Client = world.state
    return f"{world.tasks[0].result}; {watched(at)}; {watched(at, 2)}"


def asked(*requests: Request, **given: Value) -> set[str]:
    """What comes of requests that one task sends."""
    return outcomes(lambda at: [asks(at, *requests)], outcome=ends, **given)


def test_a_mask_replaces_the_one_before() -> None:
    assert asked(watch(FS_MODIFY), watch(FS_ACCESS, version=1)) == {"[0, 0]; ACCESS; nothing"}


def test_a_mask_of_none_removes_the_watch() -> None:
    assert asked(watch(), watch(nodeid=2), watch(0)) == {"[0, 0, 0]; nothing; MODIFY"}


def test_removing_what_is_not_there_is_no_error() -> None:
    assert asked(watch(0)) == {"[0]; nothing; nothing"}


def test_each_key_has_a_watch_of_its_own() -> None:
    two = [watch(mask, key=key, owner=key, named="id") for key, mask in ((2, 1), (1, 2))]
    assert asked(*two) == {"[0, 0]; MODIFY, ACCESS; nothing"}
    assert asked(*two, two[0]._replace(mask=0)) == {"[0, 0, 0]; MODIFY; nothing"}


def test_the_limit_is_that_of_watches_on_all_files() -> None:
    requests = (watch(), watch(nodeid=2), watch(FS_ACCESS), watch(0), watch(nodeid=2))
    assert asked(*requests, limit=1) == {f"[0, {-ENOSPC}, 0, 0, 0]; nothing; MODIFY"}
    assert asked(*requests[:2], limit=2) == {"[0, 0]; MODIFY; MODIFY"}


def test_what_is_gone_cannot_be_watched_or_touched_or_unlinked() -> None:
    async def late(at: Client) -> list[int]:
        host = at.conn.server.host
        await host.unlink(1)
        replies = await asks(at, watch(), watch(0), Request("WRITE", 1), Request("UNLINK", 1))
        return [*replies, await host.touch(1, FS_MODIFY), await host.unlink(1)]

    gone = -ENOENT
    assert outcomes(lambda at: [late(at)], outcome=ends) == {
        f"[{gone}, 0, {gone}, {gone}, {gone}, {gone}]; nothing; nothing"
    }


def test_a_write_and_an_unlink_are_seen_as_what_anybody_does() -> None:
    acts = [Request("WRITE", 1), Request("UNLINK", 1)]
    assert outcomes(lambda at: [asks(at, *acts)], before=arm, outcome=told) == {
        "1001; 1002; ignored i1"
    }


def test_a_file_that_nobody_watches_tells_nothing() -> None:
    assert outcomes(lambda at: [touches(at, FS_ACCESS)], before=arm, outcome=told) == {""}


def test_each_watch_that_wants_an_event_has_its_own_copy() -> None:
    def two(at: Client) -> None:
        for key, mask in ((1, FS_MODIFY | FS_ATTRIB), (2, FS_MODIFY)):
            boot(at.world, at.conn.send(watch(mask, key=key, owner=key, named="id")))

    acts = [FS_MODIFY, FS_ATTRIB]
    assert outcomes(lambda at: [touches(at, *acts)], before=two, outcome=told) == {
        "1001; 1001; 1002"
    }


def test_who_watches_a_file_is_told_of_its_end_and_then_that_the_watch_is_gone() -> None:
    def tells(world: World) -> str:
        return f"{told(world)}; {watched(world.state)}"

    unlinks = outcomes(lambda at: [at.conn.server.host.unlink(1)], before=arm, outcome=tells)
    assert unlinks == {"1001; ignored i1; nothing"}


def crowded(act: Callable[[Client], Act], **given: Value) -> set[str]:
    """What the server tells when its host has room for one event."""
    return outcomes(lambda at: [act(at)], before=arm, outcome=told, host_queue=1, **given)


def test_what_finds_no_room_is_lost() -> None:
    """Of three events each of the last two may come before what is there is read, or after."""

    def act(at: Client) -> Act:
        return touches(at, *[FS_MODIFY] * 3)

    assert crowded(act) == {"1001", "1001; 1002", "1001; 1003", "1001; 1002; 1003"}
    assert crowded(act, reports_overflow=True) == {
        "1001; overflow",
        "1001; 1002; overflow",
        "1001; overflow; 1003",
        "1001; 1002; 1003",
    }


def test_the_marker_of_an_overflow_takes_room_until_it_is_read() -> None:
    """An event and the marker behind it, and then nothing until both are read."""
    found = crowded(lambda at: touches(at, *[FS_MODIFY] * 4), reports_overflow=True)
    assert found == {
        "1001; overflow",
        "1001; overflow; 1003; 1004",
        "1001; overflow; 1003; overflow",
        "1001; overflow; 1004",
        "1001; 1002; overflow",
        "1001; 1002; overflow; 1004",
        "1001; 1002; 1003; overflow",
        "1001; 1002; 1003; 1004",
    }


def lost_end(**given: Value) -> set[str]:
    """What is told of an event and then the end of a file, with room for one of them."""

    async def both(at: Client) -> None:
        await touches(at, FS_MODIFY)
        await at.conn.server.host.unlink(1)

    return crowded(both, **given)


def test_the_end_of_a_watch_can_be_lost_and_be_found_out() -> None:
    """Room for one: the end of the file is lost as a whole, or that of the watch alone."""
    assert lost_end() == {"1001", "1001; 1002"}
    assert lost_end(rechecks=True) == {"1001; ignored i1", "1001; 1002; ignored i1"}
    assert lost_end(rechecks=True, reports_overflow=True) == {
        "1001; overflow; ignored i1",
        "1001; 1002; overflow; ignored i1",
    }


def test_a_file_that_is_there_or_was_not_asked_for_is_no_find_of_a_recheck() -> None:
    async def both(at: Client) -> None:
        await at.conn.server.host.unlink(2)
        await touches(at, FS_MODIFY, FS_MODIFY)

    assert crowded(both, rechecks=True) == {"1001", "1001; 1002"}


async def overflow_of_i2(at: Client) -> None:
    """Two events on i2, for which there is no room if nobody reads."""
    await at.conn.send(watch(nodeid=2))
    for _ in range(3):
        await at.conn.server.host.touch(2, FS_MODIFY)


def test_a_recheck_tells_nothing_again() -> None:
    async def both(at: Client) -> None:
        await at.conn.server.host.unlink(1)
        await overflow_of_i2(at)

    found = outcomes(lambda at: [both(at)], before=arm, outcome=told, host_queue=2, rechecks=True)
    assert {each.count("ignored i1") for each in found} == {1}


def test_a_new_server_rechecks_only_what_it_was_asked_itself() -> None:
    async def both(at: Client) -> None:
        await at.conn.server.host.unlink(1)
        await at.conn.server.restart()
        await overflow_of_i2(at)

    found = crowded(both, rechecks=True)
    assert "restarted; 2001" in found
    assert not any("ignored" in each.partition("restarted")[2] for each in found)


def test_a_flush_is_answered_behind_a_queue_that_is_full() -> None:
    async def both(at: Client) -> None:
        await touches(at, FS_MODIFY, FS_MODIFY)
        await at.conn.flush()

    assert crowded(both) == {"1001; flushed", "1001; 1002; flushed"}


def test_the_marker_of_a_flush_makes_no_room() -> None:
    async def both(at: Client) -> None:
        await touches(at, FS_MODIFY)
        await at.conn.flush()
        await touches(at, FS_MODIFY, FS_MODIFY)

    assert crowded(both) == {"1001; flushed; 1002", "1001; flushed; 1002; 1003"}


def test_a_restart_forgets_the_watches_and_says_so() -> None:
    def tells(world: World) -> str:
        return f"{told(world)}; {watched(world.state)}"

    ends_with = outcomes(lambda at: [at.conn.server.restart()], before=arm, outcome=tells)
    assert ends_with == {"restarted; nothing"}


def test_what_the_old_server_had_in_hand_is_lost() -> None:
    """An event crosses before the restart, or never."""

    def acts(at: Client) -> list[Act]:
        return [touches(at, FS_MODIFY), at.conn.server.restart()]

    assert outcomes(acts, before=arm, outcome=told) == {"1001; restarted", "restarted"}


def test_a_new_server_has_an_empty_queue_and_no_overflow() -> None:
    async def again(at: Client) -> None:
        await touches(at, FS_MODIFY, FS_MODIFY)
        await at.conn.server.restart()
        await at.conn.send(watch(version=1))
        await touches(at, FS_MODIFY, FS_MODIFY)

    found = crowded(again, reports_overflow=True)
    assert {each.partition("restarted")[2] for each in found} == {
        "; 1003; 1004",
        "; 1003; overflow",
    }
    assert "restarted; 1003; overflow" in found


def test_what_is_read_of_the_old_queue_makes_no_room_in_the_new_one() -> None:
    world = World()
    host = Host(client(world), capacity=1, limit=1)

    async def reads() -> tuple[bool, bool]:
        known = []
        for renews in (True, False):
            await host.lock.lock()
            host.add_watch(1, Watch(0, FS_MODIFY))
            await host.lock.unlock()
            await host.touch(1, FS_MODIFY)
            if renews:
                await host.lock.lock()
                host.renew()
                await host.lock.unlock()
            known.append(host.taken(await host.queue.receive()))
        return known[0], known[1]

    assert boot(world, reads()) == (False, True)
    assert (host.queued.value, host.read.value) == (1, 1)


def test_requests_survive_a_restart() -> None:
    def acts(at: Client) -> Acts:
        return [asks(at, watch()), at.conn.server.restart()]

    assert outcomes(acts, outcome=ends) == {"[0]; MODIFY; nothing", "[0]; nothing; nothing"}


@pytest.mark.parametrize("mask", [FS_MODIFY, 0])
def test_what_is_said_of_one_group_and_done_to_another_ones_watch_is_found(mask: int) -> None:
    def acts(at: Client) -> Acts:
        mine = watch(key=5, owner=1, named="id")
        return [asks(at, mine, mine._replace(owner=2, mask=mask))]

    assert messages(acts) == {NOT_ANOTHERS}


def test_an_older_state_that_is_applied_later_is_found() -> None:
    def acts(at: Client) -> Acts:
        return [asks(at, watch(version=2), watch(FS_ACCESS, version=1))]

    assert messages(acts) == {
        "P6: what the server is told of i1 is applied in the order of what it tells of"
    }
