"""Concurrent machines with a planted bug: each is found, and made as small as it can be."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, precondition

from lockwright.calls import parse_program
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, wait_until
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.kernel.variable import Variable
from lockwright.testing.failure import Failure
from lockwright.testing.machine import (
    ConcurrentStateMachine,
    invariant,
    rule,
    run_concurrently,
)
from lockwright.testing.schedules import run_under
from lockwright.token import parse_token

QUIET = settings(derandomize=True, database=None, max_examples=200)


class Smallest:
    """What a machine fails with: the kind, the calls, and how many preemptions it takes."""

    def __init__(self, failure: Failure) -> None:
        (finding,) = failure.findings
        assert failure.result is not None
        self.failure = failure
        self.kind = finding.kind
        self.scenario = failure.result.scenario
        # which task is the first says nothing
        before, _, tasks = self.scenario.partition(":calls(")[2][:-1].rpartition("!")
        self.program = f"{before}{'!' if before else ''}{'|'.join(sorted(tasks.split('|')))}"
        self.preemptions = finding.preemptions
        self.token = finding.token
        self.minimal = finding.minimal


def failures(error: BaseException) -> Iterable[Failure]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from failures(each)
    else:
        assert isinstance(error, Failure)
        yield error


@cache
def found(machine: type[ConcurrentStateMachine]) -> dict[str, Smallest]:
    with pytest.raises((Failure, ExceptionGroup)) as caught:
        run_concurrently(machine, settings=QUIET)
    smallest = [Smallest(each) for each in failures(caught.value)]
    return {each.kind: each for each in smallest}


def only(machine: type[ConcurrentStateMachine]) -> tuple[str, str, int]:
    (smallest,) = found(machine).values()
    assert smallest.minimal
    return smallest.kind, smallest.program, smallest.preemptions


def passes(machine: type[ConcurrentStateMachine]) -> None:
    run_concurrently(machine, settings=settings(QUIET, max_examples=25))


class Counter(Slab):
    """A count that `lock` guards in the machine that is right."""

    total: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "counter")
        self.lock = Mutex(world, "lock")
        self.other = Mutex(world, "other")
        self.asked = 0


class Counting(ConcurrentStateMachine):
    ground = Counter

    @rule(by=st.integers(1, 3))
    async def add(self, at: Counter, by: int) -> None:
        await at.lock.lock()
        await self.adds(at, by)
        await at.lock.unlock()

    async def adds(self, at: Counter, by: int) -> None:
        total = await READ_ONCE(at, "total")
        await WRITE_ONCE(at, "total", total + by)
        at.asked += by

    @invariant()
    def nothing_is_lost(self, at: Counter) -> None:
        assert at.peek("total") == at.asked


class LosesAnUpdate(Counting):
    @rule(by=st.integers(1, 3))
    async def add(self, at: Counter, by: int) -> None:
        await self.adds(at, by)


def test_a_lost_update_takes_two_calls_and_one_preemption() -> None:
    # one reads, the other adds, the first one writes
    assert only(LosesAnUpdate) == ("broken promise", "add:=1|add:=1", 1)


class Crossing(ConcurrentStateMachine):
    ground = Counter
    checks: ClassVar[tuple[str, ...]] = ("deadlock",)

    @rule()
    async def there(self, at: Counter) -> None:
        await at.lock.lock()
        await at.other.lock()
        await at.other.unlock()
        await at.lock.unlock()

    @rule()
    async def back(self, at: Counter) -> None:
        await at.other.lock()
        await at.lock.lock()
        await at.lock.unlock()
        await at.other.unlock()


class CrossingUnderAllRules(Crossing):
    checks = ConcurrentStateMachine.checks


def test_two_locks_in_two_orders_deadlock_after_one_preemption() -> None:
    assert only(Crossing) == ("deadlock", "back|there", 1)


def test_one_task_is_enough_for_the_lock_validator() -> None:
    kinds = found(CrossingUnderAllRules)
    smallest = kinds["possible circular locking dependency"]
    assert (smallest.program, smallest.preemptions) == ("back;there", 0)


class Table(Slab):
    """Keys, in two words that can be looked at one after the other."""

    a: Field[bool] = Field(default=False)
    b: Field[bool] = Field(default=False)

    def __init__(self, world: World) -> None:
        super().__init__(world, "table")
        self.lock = Mutex(world, "lock")


class Keys:
    """What a table does with one user."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def insert(self, key: str) -> bool:
        new = key not in self.keys
        self.keys.add(key)
        return new

    def remove(self, key: str) -> bool:
        there = key in self.keys
        self.keys.discard(key)
        return there


keys = st.sampled_from("ab")


class Inserting(ConcurrentStateMachine):
    ground = Table
    reference = Keys

    @rule(key=keys)
    async def insert(self, at: Table, key: str) -> bool:
        await at.lock.lock()
        there: bool = await READ_ONCE(at, key)
        await WRITE_ONCE(at, key, True)
        await at.lock.unlock()
        return not there

    @rule(key=keys)
    async def remove(self, at: Table, key: str) -> bool:
        await at.lock.lock()
        there: bool = await READ_ONCE(at, key)
        await WRITE_ONCE(at, key, False)
        await at.lock.unlock()
        return there


class ChecksThenActs(Inserting):
    @rule(key=keys)
    async def insert(self, at: Table, key: str) -> bool:
        if await READ_ONCE(at, key):
            return False
        await WRITE_ONCE(at, key, True)
        return True


def test_check_then_act_lets_two_callers_insert_one_key() -> None:
    assert only(ChecksThenActs) == ("not linearizable", "insert:a|insert:a", 1)


class Queue(Slab):
    """Four places and where the next item goes."""

    tail: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "queue")
        self.lock = Mutex(world, "lock")
        self.places = [Variable(world, None, f"place {nth}") for nth in range(32)]
        self.put = 0


class Queueing(ConcurrentStateMachine):
    ground = Queue
    locked = True

    @rule(items=st.lists(st.integers(0, 9), min_size=1, max_size=2))
    async def put(self, at: Queue, items: list[int]) -> None:
        for item in items:
            if self.locked:
                await at.lock.lock()
            tail = await READ_ONCE(at, "tail")
            await WRITE_ONCE(at.places[tail], item)
            await WRITE_ONCE(at, "tail", tail + 1)
            at.put += 1
            if self.locked:
                await at.lock.unlock()

    @invariant()
    def all_are_there(self, at: Queue) -> None:
        there = sum(place.value is not None for place in at.places)
        assert there == at.put, f"{there} of {at.put} items"


class QueueLosesAnItem(Queueing):
    locked = False


def test_a_queue_without_its_lock_loses_an_item() -> None:
    assert only(QueueLosesAnItem) == ("broken promise", "put:+[0]|put:+[0]", 1)


class File(Slab):
    """An open file."""

    length: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "file")


class Files(ConcurrentStateMachine):
    """Handles that one task closes while another reads."""

    ground = Counter
    files = Bundle("files")

    @rule(target=files)
    async def open(self, at: Counter) -> File:
        file: File = await kmalloc(at.world, lambda: File(at.world), "file")
        return file

    @rule(file=files)
    async def read(self, at: Counter, file: File) -> None:
        await READ_ONCE(file, "length")


class Closing(Files):
    @rule(file=consumes(Files.files))
    async def close(self, at: Counter, file: File) -> None:
        await WRITE_ONCE(file, "length", -1)
        await kfree(file)

    @rule(file=consumes(Files.files))
    async def read(self, at: Counter, file: File) -> None:
        await READ_ONCE(file, "length")
        await kfree(file)


class Forgets(Files):
    @rule(file=consumes(Files.files))
    async def close(self, at: Counter, file: File) -> None:
        await WRITE_ONCE(file, "length", -1)


def test_what_users_hold_is_no_leak_until_a_call_consumes_it() -> None:
    assert only(Forgets) == ("leak", "open;close:&0", 0)


class Shares(Files):
    """What was opened once is held twice; of two who close it, only the second frees it."""

    @rule(file=Files.files, target=Files.files)
    async def share(self, at: Counter, file: File) -> File:
        await WRITE_ONCE(file, "length", 1)
        return file

    @rule(file=consumes(Files.files))
    async def close(self, at: Counter, file: File) -> None:
        if await READ_ONCE(file, "length") == 0:
            await kfree(file)
        else:
            await WRITE_ONCE(file, "length", 0)


class ForgetsAShare(Shares):
    @rule(file=consumes(Files.files))
    async def forget(self, at: Counter, file: File) -> None:
        await READ_ONCE(file, "length")


def test_what_is_held_twice_and_consumed_once_is_no_leak() -> None:
    program = parse_program("calls(open;share:&0;close:&0)")
    ran = run_under(Shares.calls.scenario(program), ())
    assert not ran.findings
    forgotten = parse_program("calls(open;share:&0;close:&0;forget:&1)")
    ran = run_under(ForgetsAShare.calls.scenario(forgotten), ())
    assert [finding.kind for finding in ran.findings] == ["leak"]


class FreesWhatOthersRead(Files):
    @rule(file=consumes(Files.files))
    async def close(self, at: Counter, file: File) -> None:
        await kfree(file)


def test_a_file_is_read_after_another_task_closed_it() -> None:
    # it takes no preemption: the one closes it before the other reads
    assert only(FreesWhatOthersRead) == ("use-after-free", "open!close:&0|read:&0", 0)


class Mailbox(Slab):
    """How many letters there are, and whether somebody waits."""

    letters: Field[int] = Field(0)

    def __init__(self, world: World) -> None:
        super().__init__(world, "mailbox")
        self.count = Variable(world, 0, "letters")
        self.bell = Variable(world, 0, "bell")


class Posting(ConcurrentStateMachine):
    """Nobody waits for a letter that nobody was to send."""

    ground = Mailbox
    tasks_max = 2
    checks = ("deadlock",)

    @rule()
    async def send(self, at: Mailbox) -> None:
        await WRITE_ONCE(at.count, 1)
        await WRITE_ONCE(at.bell, 1)

    @precondition(lambda self: any(call.name == "send" for call in self.drawn))
    @rule()
    async def wait(self, at: Mailbox) -> None:
        await wait_until(at.count, bool)


class MissesTheWakeup(Posting):
    @precondition(lambda self: any(call.name == "send" for call in self.drawn))
    @rule()
    async def wait(self, at: Mailbox) -> None:
        if not await READ_ONCE(at.count):
            await WRITE_ONCE(at.bell, 0)
            await wait_until(at.bell, bool)


def test_a_wakeup_between_the_check_and_the_sleep_is_missed() -> None:
    assert only(MissesTheWakeup) == ("deadlock", "send|wait", 1)


class Register:
    """A word."""

    def __init__(self) -> None:
        self.value = 0

    def write(self, value: int) -> None:
        self.value = value

    def read(self) -> int:
        return self.value


class Copies(Slab):
    """Two copies of a word, the second one written after the first."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "copies")
        self.copies = [Variable(world, 0, "first"), Variable(world, 0, "second")]
        self.reads = 0


class Copying(ConcurrentStateMachine):
    ground = Copies
    reference = Register

    @rule(value=st.integers(1, 3))
    async def write(self, at: Copies, value: int) -> None:
        await WRITE_ONCE(at.copies[0], value)

    @rule()
    async def read(self, at: Copies) -> int:
        value: int = await READ_ONCE(at.copies[0])
        return value


class ReadsTheNewBeforeTheOld(Copying):
    @rule(value=st.integers(1, 3))
    async def write(self, at: Copies, value: int) -> None:
        for copy in at.copies:
            await WRITE_ONCE(copy, value)

    @rule()
    async def read(self, at: Copies) -> int:
        at.reads += 1
        value: int = await READ_ONCE(at.copies[(at.reads - 1) % 2])
        return value


def test_a_value_that_is_new_and_then_old_again_is_refused_for_the_order_in_time() -> None:
    # 1 and 0 by themselves could be read in the other order
    expected = ("not linearizable", "read;read|write:=1", 1)
    assert only(ReadsTheNewBeforeTheOld) == expected


@pytest.mark.parametrize(
    "machine", [Counting, Inserting, Queueing, Closing, Posting, Copying], ids=lambda m: m.__name__
)
def test_the_machine_that_is_right_passes(machine: type[ConcurrentStateMachine]) -> None:
    passes(machine)


@pytest.mark.parametrize("machine", [LosesAnUpdate, FreesWhatOthersRead, ChecksThenActs])
def test_the_token_shows_the_same_again(machine: type[ConcurrentStateMachine]) -> None:
    (smallest,) = found(machine).values()
    assert parse_token(smallest.token).scenario == smallest.scenario
    with pytest.raises(Failure, match=smallest.kind) as again:
        machine.replay(smallest.token)
    assert again.value.text == smallest.failure.text
    assert type(again.value) is type(smallest.failure)
