"""Requests, replies and notifications between a guest and its server."""

from __future__ import annotations

import pytest

from lockwright.core.boot import boot
from lockwright.core.daemon import idle_tasks
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.spinlock import SpinLock
from model.fsnotify.inotify import __x64_sys_inotify_add_watch, __x64_sys_read
from model.fsnotify.mount import mount
from model.fsnotify.objects import FS_ACCESS, FS_MODIFY, Client, Inode
from model.fsnotify.transport import DROPPED, NO_ADDRESS, Request
from model.vfs.err import EAGAIN, ENOSPC
from tests.model.fsnotify_server import (
    Act,
    Told,
    explored,
    messages,
    outcomes,
    told,
    watch,
    watched,
)


def test_what_is_asked_is_done_before_the_reply() -> None:
    async def ask(at: Client) -> tuple[int, str]:
        return await at.conn.send(watch()), watched(at)

    assert outcomes(lambda at: [ask(at)]) == {"(0, 'MODIFY')"}


def test_one_request_alone_has_one_execution() -> None:
    result = explored(lambda at: [at.conn.send(watch())])
    # READ_ONCE, send, receive, lock, unlock, complete, wait
    assert (result.executions, result.steps, result.deadlocked) == (1, 7, 0)


def test_a_refusal_is_the_reply() -> None:
    async def ask(at: Client) -> tuple[int, set[int]]:
        return await at.conn.send(watch()), at.ledger.refused

    assert outcomes(lambda at: [ask(at)], limit=0) == {f"({-ENOSPC}, {{1}})"}


def test_a_server_without_support_is_not_asked_again() -> None:
    async def ask(at: Client) -> tuple[int, ...]:
        first, sent = await at.conn.send(watch()), at.conn.queues[0].sent
        return first, sent, await at.conn.send(watch()), at.conn.queues[0].sent

    assert outcomes(lambda at: [ask(at)], support=False) == {"(0, 1, 0, 1)"}


def test_a_flush_finds_out_about_support_too() -> None:
    async def ask(at: Client) -> tuple[int, ...]:
        first, sent = await at.conn.flush(), at.conn.queues[0].sent
        return first, sent, await at.conn.flush(), at.conn.queues[0].sent

    assert outcomes(lambda at: [ask(at)], support=False) == {"(0, 1, 0, 1)"}


def test_what_is_posted_is_dropped_without_support_as_well() -> None:
    async def ask(at: Client) -> int:
        await at.conn.send(watch())
        await at.conn.post(watch(0))
        return at.conn.queues[0].sent

    assert outcomes(lambda at: [ask(at)], support=False) == {"1"}


def test_other_requests_go_on_without_support() -> None:
    async def ask(at: Client) -> tuple[int, int]:
        await at.conn.send(watch())
        return await at.conn.send(Request("WRITE", 1)), at.conn.queues[0].sent

    assert outcomes(lambda at: [ask(at)], support=False) == {"(0, 2)"}


def ordered(queues: int) -> set[str]:
    """What the server watches in the end if ACCESS is sent when MODIFY was, by another task."""

    async def first(at: Client) -> None:
        await at.conn.post(watch(FS_MODIFY))
        at.world.spawn(second(at), "second")

    async def second(at: Client) -> None:
        await at.conn.post(watch(FS_ACCESS))

    def outcome(world: World) -> str:
        at: Client = world.state
        return f"{watched(at)}, sent {[queue.sent for queue in at.conn.queues]}"

    return outcomes(lambda at: [first(at)], outcome=outcome, queues=queues)


def test_what_a_task_puts_off_goes_to_its_own_queue_and_stays_in_order() -> None:
    assert ordered(1) == {"ACCESS, sent [2]"}
    assert ordered(2) == {"ACCESS, sent [2, 0]"}


def sent_in_turn(queues: int) -> set[str]:
    """The same for two tasks from the beginning, the second of which waits for the first."""

    def acts(at: Client) -> list[Act]:
        sent = Completion(at.world, "sent")

        async def first() -> None:
            await at.conn.post(watch(FS_MODIFY))
            await sent.complete()

        async def second() -> None:
            await sent.wait_for_completion()
            await at.conn.post(watch(FS_ACCESS))

        return [first(), second()]

    def outcome(world: World) -> str:
        at: Client = world.state
        return f"{watched(at)}, sent {[queue.sent for queue in at.conn.queues]}"

    return outcomes(acts, outcome=outcome, queues=queues)


def test_two_queues_answer_in_any_order() -> None:
    assert sent_in_turn(1) == {"ACCESS, sent [2]"}
    assert sent_in_turn(2) == {"MODIFY, sent [1, 1]", "ACCESS, sent [1, 1]"}


def test_a_post_waits_for_nobody_and_may_be_sent_in_atomic_context() -> None:
    async def locked(at: Client) -> str:
        lock = SpinLock(at.world, "&lock")
        await lock.lock()
        await at.conn.post(watch())
        await lock.unlock()
        return "posted"

    assert outcomes(lambda at: [locked(at)]) == {"posted"}


def test_a_request_may_not_be_sent_in_atomic_context() -> None:
    async def locked(at: Client) -> int:
        lock = SpinLock(at.world, "&lock")
        await lock.lock()
        ret = await at.conn.send(watch())
        await lock.unlock()
        return ret

    said = "sleeping function fuse_simple_request() called in atomic context (atomic depth 1)"
    assert said in messages(lambda at: [locked(at)])


@pytest.mark.parametrize("sends", ["send", "post"])
def test_an_address_in_a_request_is_found(sends: str) -> None:
    def ask(at: Client, named: str) -> Act:
        call: Act = getattr(at.conn, sends)(watch(key=7, named=named, owner=1))
        return call

    assert messages(lambda at: [ask(at, "address")]) == {NO_ADDRESS}
    assert messages(lambda at: [ask(at, "id")]) == set()


def test_an_event_for_a_file_that_is_not_cached_is_dropped() -> None:
    def forget(at: Client) -> None:
        boot(at.world, at.conn.send(watch()))
        at.inodes[1].value = None

    result = explored(
        lambda at: [at.conn.server.host.touch(1, FS_MODIFY)],
        before=forget,
        goals=(DROPPED,),
        outcome=told,
    )
    assert result.findings == []
    assert result.goals[0].executions == result.executions == 1
    assert set(result.outcomes) == {"1001"}


def arm(at: Client) -> None:
    """g1 watches i1, and so does the server."""
    boot(at.world, __x64_sys_inotify_add_watch(at, "g1", 1, FS_MODIFY))
    boot(at.world, at.conn.send(watch()))


def read_after(at: Client, *, flushes: bool, request: Request | None = None) -> Act:
    """What g1 reads when an event has happened at the server."""

    async def reads() -> str:
        if request is not None:
            await at.conn.send(request)
        else:
            await at.conn.server.host.touch(1, FS_MODIFY)
        if flushes:
            await at.conn.flush()
        found = await __x64_sys_read(at, "g1")
        return "nothing" if found == -EAGAIN else str(found)

    return reads()


EVENT = str(((FS_MODIFY, "i1"),))


def test_an_event_reaches_the_group() -> None:
    assert outcomes(lambda at: [read_after(at, flushes=False)], before=arm) == {EVENT, "nothing"}


def test_the_worker_keeps_no_reference() -> None:
    def counted(world: World) -> str:
        at: Client = world.state
        inode: Inode = at.inodes[1].value
        return str((inode.i_count.value, inode.d_count.value))

    quiet = outcomes(lambda at: [at.conn.flush()], before=arm, outcome=counted)
    assert quiet == outcomes(
        lambda at: [at.conn.server.host.touch(1, FS_MODIFY)], before=arm, outcome=counted
    )


def test_notification_and_reply_overtake_each_other() -> None:
    """A write is its own event: the reply and the notification of it come in either order."""
    write = Request("WRITE", 1)
    ends = outcomes(lambda at: [read_after(at, flushes=False, request=write)], before=arm)
    assert ends == {EVENT, "nothing"}


def test_a_flush_comes_behind_what_was_queued() -> None:
    assert outcomes(lambda at: [read_after(at, flushes=True)], before=arm) == {EVENT}


def test_a_flush_ends_though_the_server_is_restarted() -> None:
    def acts(at: Client) -> list[Act]:
        return [read_after(at, flushes=True), at.conn.server.restart()]

    assert outcomes(acts, before=arm) == {f"{EVENT}; None", "nothing; None"}


def test_every_flush_waits_for_its_own_marker() -> None:
    def acts(at: Client) -> list[Act]:
        return [read_after(at, flushes=True), at.conn.flush()]

    assert outcomes(acts, before=arm, queues=2) == {f"{EVENT}; 0"}


def test_a_connection_can_be_used_in_set_up() -> None:
    world = World()
    at = mount(world, Told)
    assert boot(world, at.conn.send(watch())) == 0
    assert boot(world, at.conn.send(watch(FS_ACCESS, 2))) == 0
    assert [watched(at, nodeid) for nodeid in (1, 2)] == ["MODIFY", "ACCESS"]
    assert world.tasks == []


def test_who_serves_is_idle_when_all_is_done() -> None:
    ends: set[str] = set()

    def outcome(world: World) -> str:
        ends.add(" ".join(task.comm for task in idle_tasks(world)))
        return ""

    outcomes(lambda at: [at.conn.send(watch())], outcome=outcome, queues=2)
    assert ends == {"virtiofsd virtiofsd virtiofsd-event virtiofs"}
