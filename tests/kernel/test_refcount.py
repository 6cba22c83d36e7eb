"""Reference counts."""

import pytest

from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.refcount import (
    DEAD,
    SATURATED,
    Kref,
    Lockref,
    Refcount,
    lockref_get,
    lockref_get_not_dead,
    lockref_get_not_zero,
    lockref_mark_dead,
    lockref_put_not_zero,
    lockref_put_return,
    refcount_dec,
    refcount_dec_and_test,
    refcount_inc,
    refcount_inc_not_zero,
    refcount_read,
)
from lockwright.kernel.slab import Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from tests.kernel.searching import alone, does, kinds, messages, results, search, waiting


def test_the_last_of_two_puts_sees_it() -> None:
    def setup(world: World) -> None:
        ref = Refcount(world, 2, "ref")
        world.spawn(does(refcount_dec_and_test(ref)), "a")
        world.spawn(does(refcount_dec_and_test(ref)), "b")

    assert results(search(setup)) == {((True,), (False,)), ((False,), (True,))}


def test_a_get_unless_zero_races_with_the_last_put() -> None:
    def setup(world: World) -> None:
        ref = Refcount(world, 1, "ref")
        world.spawn(does(refcount_inc_not_zero(ref)), "getter")
        world.spawn(does(refcount_dec_and_test(ref)), "putter")

    assert results(search(setup)) == {((True,), (False,)), ((False,), (True,))}


@pytest.mark.parametrize(
    ("start", "call", "complaint"),
    [
        (0, refcount_inc, "adds to a count of 0, whose object may be freed already"),
        (0, refcount_dec_and_test, "drops a count of 0: one put too many"),
        (1, refcount_dec, "drops a count of 1, and nobody is told that it is 0"),
        (0, refcount_dec, "drops a count of 0, and nobody is told that it is 0"),
    ],
)
def test_misuse_is_found_and_saturates(start: int, call: object, complaint: str) -> None:
    def setup(world: World) -> None:
        ref = Refcount(world, start, "ref")
        world.state = ref
        assert callable(call)
        world.spawn(
            does(
                call(ref),
                refcount_inc(ref),
                refcount_dec(ref),
                refcount_dec_and_test(ref),
                refcount_inc_not_zero(ref),
                refcount_read(ref),
            ),
            "task",
        )

    run = alone(setup)
    assert messages([run]) == {f"{call.__name__}(ref) by task: {complaint}"}  # type: ignore[attr-defined]  # a function
    assert kinds([run]) == {"refcount"}
    # Saturated it stays: nobody frees the object any more.
    assert run.world.state.value == SATURATED
    assert run.world.tasks[0].result[3:5] == (False, True)


def test_reading_and_failing_touch_it_only_to_read() -> None:
    def setup(world: World) -> None:
        ref = Refcount(world, 0, "ref")
        world.spawn(does(refcount_read(ref), refcount_inc_not_zero(ref)), "task")

    run = alone(setup)
    assert run.world.tasks[0].result == (0, False)
    assert [code & 1 for codes in run.touched for code in codes[:1]] == [0, 0]


class Thing(Slab):
    """Something that is counted."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "thing")
        self.kref = Kref(world, 1, owner=self)


def test_a_kref_calls_its_release_at_the_last_put() -> None:
    def setup(world: World) -> None:
        thing = Thing(world)

        async def release() -> None:
            await kfree(thing)

        async def user() -> bool:
            if not await thing.kref.get_unless_zero():
                return False
            await thing.kref.get()
            return await thing.kref.put(release) or await thing.kref.put(release)

        async def main() -> bool:
            await thing.kref.get()
            world.spawn(user(), "user")
            await thing.kref.put(release)
            return await thing.kref.put(release)

        world.spawn(main(), "main")

    runs = search(setup)
    # Either main drops the last reference, or the user does; a user who comes after that touches
    # freed memory.
    assert kinds(runs) == {"use-after-free"}
    ended = {(run.world.tasks[0].result, run.world.tasks[1].result) for run in runs}
    assert ended == {(True, False), (False, True), (True, None)}
    assert not any(run.world.objects[0].alive for run in runs)


def test_a_count_knows_its_owner() -> None:
    def setup(world: World) -> None:
        thing = Thing(world)
        world.spawn(does(kfree(thing), thing.kref.get()), "task")

    assert messages([alone(setup)]) == {
        "use-after-free: use of Thing thing->Thing thing, freed by task in does()"
    }


@pytest.mark.parametrize(
    ("start", "call", "result", "after"),
    [
        (1, lockref_get, None, 2),
        (0, lockref_get_not_zero, False, 0),
        (1, lockref_get_not_zero, True, 2),
        (0, lockref_get_not_dead, True, 1),
        (DEAD, lockref_get_not_dead, False, DEAD),
        (DEAD, lockref_get_not_zero, False, DEAD),
        (2, lockref_put_return, 1, 1),
        (1, lockref_put_return, 0, 0),
        (0, lockref_put_return, -1, 0),
        (DEAD, lockref_put_return, -1, DEAD),
        (2, lockref_put_not_zero, True, 1),
        (1, lockref_put_not_zero, False, 1),
        (0, lockref_mark_dead, None, DEAD),
    ],
)
@pytest.mark.parametrize("locked", [True, False])
def test_lockrefs(
    start: int, call: object, result: bool | int | None, after: int, locked: bool
) -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&d_lock")
        lockref = Lockref(world, start, "d_lockref", lock=lock if locked else None)
        world.state = lockref
        assert callable(call)
        operation: Operation = call(lockref)
        world.spawn(does(operation), "task")

    run = alone(setup)
    assert run.world.tasks[0].result == (result,)
    assert run.world.state.value == after
    assert run.world.state.dead == (after == DEAD)


def test_a_lockref_waits_while_its_lock_is_held() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&d_lock")
        lockref = Lockref(world, 0, "d_lockref", lock=lock)

        async def killer() -> int:
            await lock.lock()
            before = lockref.count
            if not before:
                await lockref_mark_dead(lockref)
            await lock.unlock()
            return before

        world.spawn(killer(), "killer")
        world.spawn(does(lockref_get_not_dead(lockref)), "getter")

    # Never both: killed, and a reference taken.
    assert results(search(setup)) == {(0, (False,)), (1, (True,))}


def test_a_lockref_whose_lock_is_never_released_is_a_deadlock() -> None:
    def setup(world: World) -> None:
        lock = SpinLock(world, "&d_lock")
        lockref = Lockref(world, 1, "d_lockref", lock=lock)
        world.spawn(does(lock.lock(), lockref_get(lockref)), "task")

    assert waiting(search(setup)) == {("lockref_get(d_lockref), which waits for &d_lock",)}


def test_a_count_can_be_changed_plainly_under_a_lock() -> None:
    def setup(world: World) -> None:
        thing = Thing(world)
        lockref = Lockref(world, 1, owner=thing)

        async def task() -> int:
            await lockref_get(lockref)
            lockref.count += 1
            count = lockref.count
            await kfree(thing)
            return count + lockref.count

        world.spawn(task(), "task")

    run = alone(setup)
    assert kinds([run]) == {"use-after-free"}
    lockref_codes = [code & 1 for code in run.touched[0]]
    assert lockref_codes.count(1) == 2  # the operation, and the plain write
