"""Small trio programs with a race each, and what each is when it is right.

Nothing here fails where trio resumes its tasks in the order in which they became ready.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

import trio

Program = Callable[[], Awaitable[object]]


class Account:
    """Money, and the lock that guards it where it is right."""

    def __init__(self, amount: int = 0) -> None:
        self.amount = amount
        self.lock = trio.Lock()


async def lost_update(*, locked: bool = False) -> int:
    """Two deposits of 1; one reads before the other has written."""
    account = Account()

    async def deposit() -> None:
        if locked:
            await account.lock.acquire()
        read = account.amount
        await trio.lowlevel.checkpoint()
        account.amount = read + 1
        if locked:
            account.lock.release()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(deposit)
        nursery.start_soon(deposit)
    assert account.amount == 2, f"a deposit was lost: {account.amount}"
    return account.amount


async def lost_update_fixed() -> int:
    return await lost_update(locked=True)


async def two_locks(*, ordered: bool = False) -> None:
    """Two transfers take two locks, each its own first."""
    one, two = Account(), Account()

    async def transfer(source: Account, target: Account) -> None:
        async with source.lock, target.lock:
            source.amount -= 1
            target.amount += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(transfer, one, two)
        nursery.start_soon(transfer, *((one, two) if ordered else (two, one)))


async def two_locks_fixed() -> None:
    await two_locks(ordered=True)


async def condition_without_loop(*, loops: bool = False) -> None:
    """Two consumers are notified for one item; the one that does not look again takes none."""
    items: list[str] = []
    changed = trio.Condition()

    async def consume() -> None:
        async with changed:
            if loops:
                while not items:
                    await changed.wait()
            elif not items:
                await changed.wait()
            items.pop()

    async def produce() -> None:
        for item in ("first", "second"):
            async with changed:
                items.append(item)
                changed.notify_all()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        nursery.start_soon(consume)
        nursery.start_soon(produce)


async def condition_with_loop() -> None:
    await condition_without_loop(loops=True)


async def notify_before_wait(*, looks: bool = False) -> None:
    """The consumer waits for a notify, whatever there is already."""
    items: list[str] = []
    changed = trio.Condition()

    async def consume() -> None:
        async with changed:
            while not (looks and items):
                await changed.wait()
                if items:
                    break
            items.pop()

    async def produce() -> None:
        async with changed:
            items.append("item")
            changed.notify()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        nursery.start_soon(produce)


async def notify_and_look() -> None:
    await notify_before_wait(looks=True)


class Bell:
    """A signal that can come again: each ring sets the event and puts a new one in its place."""

    def __init__(self) -> None:
        self.rung = 0
        self.event = trio.Event()

    def ring(self) -> None:
        self.rung += 1
        self.event.set()
        self.event = trio.Event()


async def missed_event(*, together: bool = False) -> None:
    """The bell is looked at, then waited for; it rings in between."""
    bell = Bell()

    async def wait() -> None:
        if not bell.rung:
            event = bell.event
            await trio.lowlevel.checkpoint()
            if together:
                await event.wait()
            else:
                await bell.event.wait()

    async def ring() -> None:
        await trio.lowlevel.checkpoint()
        bell.ring()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(ring)


async def met_event() -> None:
    await missed_event(together=True)


async def closed_while_sending(*, own: bool = False) -> None:
    """Whoever is ready first closes the channel that both send to."""
    sending, receiving = trio.open_memory_channel[int](4)

    async def send(number: int) -> None:
        mine = sending.clone() if own else sending
        await trio.lowlevel.checkpoint()
        await mine.send(number)
        mine.close()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, 1)
        nursery.start_soon(send, 2)
    sending.close()
    assert sorted([number async for number in receiving]) == [1, 2]


async def closed_after_sending() -> None:
    await closed_while_sending(own=True)


async def semaphore_released_twice(*, once: bool = False) -> None:
    """A place is given back by the worker, and again by whoever sees that it is over."""
    places = trio.Semaphore(1)
    inside: list[int] = []

    async def work(number: int) -> None:
        await places.acquire()
        inside.append(number)
        assert len(inside) == 1, f"{len(inside)} are inside"
        await trio.lowlevel.checkpoint()
        inside.remove(number)
        places.release()

    async def watch() -> None:
        await trio.lowlevel.checkpoint()
        if not once and not places.value:
            places.release()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, 1)
        nursery.start_soon(work, 2)
        nursery.start_soon(watch)


async def semaphore_released_once() -> None:
    await semaphore_released_twice(once=True)


async def cancelled_while_holding(*, shielded: bool = False) -> None:
    """A cancellation comes between taking the money and paying it in, and is swallowed."""
    one, two = Account(1), Account()
    scope = trio.CancelScope()

    async def transfer() -> None:
        with scope:
            await trio.lowlevel.checkpoint()
            one.amount -= 1
            with trio.CancelScope(shield=shielded):
                await trio.lowlevel.checkpoint()
                two.amount += 1

    async def stop() -> None:
        await trio.lowlevel.checkpoint()
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(transfer)
        nursery.start_soon(stop)
    assert one.amount + two.amount == 1, f"{one.amount} and {two.amount} are left of 1"


async def shielded_while_holding() -> None:
    await cancelled_while_holding(shielded=True)


async def timed_out_while_holding(*, shielded: bool = False) -> None:
    """A transfer takes 0.7 seconds and may take one; on a slow machine that is not enough."""
    one, two = Account(1), Account()
    with trio.move_on_after(1):
        await trio.sleep(0.5)
        one.amount -= 1
        with trio.CancelScope(shield=shielded):
            await trio.sleep(0.2)
            two.amount += 1
    assert one.amount + two.amount == 1, f"{one.amount} and {two.amount} are left of 1"


async def shielded_from_the_timeout() -> None:
    await timed_out_while_holding(shielded=True)


async def leaked_consumer(*, closes: bool = False) -> None:
    """The last producer to end has to close the channel; each thinks that it is not the last."""
    sending, receiving = trio.open_memory_channel[int](0)
    alive = [2]

    async def produce(number: int) -> None:
        await sending.send(number)
        left = alive[0] - 1
        if not closes:
            await trio.lowlevel.checkpoint()
        alive[0] = left
        if left == 0:
            sending.close()

    async def consume() -> None:
        async for _ in receiving:
            pass

    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        nursery.start_soon(produce, 1)
        nursery.start_soon(produce, 2)


async def closed_by_the_last() -> None:
    await leaked_consumer(closes=True)


class Pool:
    """At most `size` connections, handed out again when they are given back."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.made = 0
        self.numbers = count(1)

    async def connect(self, *, counts_first: bool) -> int:
        if self.made >= self.size:
            return 0
        if counts_first:
            self.made += 1
        await trio.lowlevel.checkpoint()  # the handshake
        if not counts_first:
            self.made += 1
        return next(self.numbers)


async def pool_too_large(*, counts_first: bool = False) -> None:
    """Both find that there is room for one more connection."""
    pool = Pool(1)

    async def use() -> None:
        await pool.connect(counts_first=counts_first)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        nursery.start_soon(use)
    assert pool.made <= pool.size, f"{pool.made} connections of at most {pool.size}"


async def pool_that_counts_first() -> None:
    await pool_too_large(counts_first=True)


class Barrier:
    """Opens when all have come; then it is there for the next round."""

    def __init__(self, parties: int) -> None:
        self.parties = parties
        self.here = 0
        self.round = 0
        self.open = trio.Event()

    async def wait(self, *, by_round: bool) -> None:
        """The wrong one looks at the event that stands there when it comes to wait."""
        event = self.open
        self.here += 1
        if self.here == self.parties:
            self.here = 0
            self.open.set()
            self.open = trio.Event()
            return
        await trio.lowlevel.checkpoint()
        await (event if by_round else self.open).wait()


async def barrier_that_closes_too_soon(*, by_round: bool = False) -> None:
    """One party goes to wait when the barrier has opened and closed again."""
    barrier = Barrier(2)
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(lambda: barrier.wait(by_round=by_round))


async def barrier_by_round() -> None:
    await barrier_that_closes_too_soon(by_round=True)
