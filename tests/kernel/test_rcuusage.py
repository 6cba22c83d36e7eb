"""Who may follow a pointer or walk a list that RCU protects."""

from collections.abc import Callable

import pytest

from lockwright.core.boot import boot
from lockwright.core.operation import Operation
from lockwright.core.world import World
from lockwright.kernel.context import preempt_disable, preempt_enable
from lockwright.kernel.irqflags import local_bh_disable, local_bh_enable
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rculist import (
    ListHead,
    list_for_each_entry_rcu,
    list_for_each_entry_srcu,
)
from lockwright.kernel.rcupointer import (
    rcu_access_pointer,
    rcu_dereference,
    rcu_dereference_bh,
    rcu_dereference_bh_check,
    rcu_dereference_check,
    rcu_dereference_protected,
    rcu_dereference_raw,
    rcu_dereference_sched,
    rcu_dereference_sched_check,
    srcu_dereference,
    srcu_dereference_check,
)
from lockwright.kernel.rcuusage import lockdep_is_held, rcu_depth
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.srcu import Srcu, srcu_read_lock_held
from tests.kernel.searching import Setup, alone, does, kinds, messages, search

CHECK = "suspicious rcu_dereference_check() usage"
PROTECTED = "suspicious rcu_dereference_protected() usage"
NON_READER = "RCU-list traversed in non-reader section!"
NO_LOCK = "RCU-list traversed without holding the required lock!"
SUSPICIOUS = "suspicious RCU usage"


class Shelf(Slab):
    item: Field[int] = Field(5)


class Node(Slab):
    """On a list."""


class Ground:
    """What a task of these tests works on."""

    def __init__(self, world: World) -> None:
        self.rcu, self.srcu = Rcu(world), Srcu(world, "srcu")
        self.mutex, self.shelf = Mutex(world, "m"), Shelf(world, "shelf")
        self.list = ListHead[Node](world, "list")
        self.nodes = [Node(world, name) for name in "ab"]
        self.ways: dict[str, tuple[Operation, Operation] | None] = {
            "nothing": None,
            "rcu": (self.rcu.rcu_read_lock(), self.rcu.rcu_read_unlock()),
            "bh": (self.rcu.rcu_read_lock_bh(), self.rcu.rcu_read_unlock_bh()),
            "sched": (self.rcu.rcu_read_lock_sched(), self.rcu.rcu_read_unlock_sched()),
            "preempt": (preempt_disable(), preempt_enable()),
            "local_bh": (local_bh_disable(), local_bh_enable()),
            "mutex": (self.mutex.lock(), self.mutex.unlock()),
        }


Reads = Callable[[Ground], Operation]

CALLS: dict[str, Reads] = {
    "plain": lambda at: rcu_dereference(at.shelf, "item"),
    "bh": lambda at: rcu_dereference_bh(at.shelf, "item"),
    "sched": lambda at: rcu_dereference_sched(at.shelf, "item"),
    "check": lambda at: rcu_dereference_check(at.shelf, "item", lockdep_is_held(at.mutex)),
    "bh_check": lambda at: rcu_dereference_bh_check(at.shelf, "item", lockdep_is_held(at.mutex)),
    "sched_check": lambda at: rcu_dereference_sched_check(
        at.shelf, "item", lockdep_is_held(at.mutex)
    ),
    "srcu": lambda at: srcu_dereference(at.shelf, "item", at.srcu),
    "srcu_check": lambda at: srcu_dereference_check(
        at.shelf, "item", at.srcu, cond=lockdep_is_held(at.mutex)
    ),
    "protected": lambda at: rcu_dereference_protected(at.shelf, "item", lockdep_is_held(at.mutex)),
    "raw": lambda at: rcu_dereference_raw(at.shelf, "item"),
    "access": lambda at: rcu_access_pointer(at.shelf, "item"),
}

RIGHT: dict[str, set[str]] = {
    "plain": {"rcu"},
    "bh": {"bh", "local_bh"},
    "sched": {"sched", "preempt", "bh", "local_bh"},
    "check": {"rcu", "mutex"},
    "bh_check": {"bh", "local_bh", "mutex"},
    "sched_check": {"sched", "preempt", "bh", "local_bh", "mutex"},
    "srcu": {"srcu"},
    "srcu_check": {"srcu", "mutex"},
    "protected": {"mutex"},
    "raw": {"nothing", "rcu", "bh", "sched", "preempt", "local_bh", "mutex", "srcu"},
    "access": {"nothing", "rcu", "bh", "sched", "preempt", "local_bh", "mutex", "srcu"},
}
"""In which sections each may be called: of bottom halves that are off one cannot be preempted."""


def reading(call: str, way: str) -> Setup:
    """Reads the pointer in a section."""

    def setup(world: World) -> None:
        at = Ground(world)

        async def task() -> object:
            if way == "srcu":
                idx = await at.srcu.read_lock()
                found = await CALLS[call](at)
                await at.srcu.read_unlock(idx)
                return found
            section = at.ways[way]
            if section is None:
                return await CALLS[call](at)
            await section[0]
            found = await CALLS[call](at)
            await section[1]
            return found

        world.spawn(task(), "task")

    return setup


@pytest.mark.parametrize(
    "way", ["nothing", "rcu", "bh", "sched", "preempt", "local_bh", "mutex", "srcu"]
)
@pytest.mark.parametrize("call", list(CALLS))
def test_a_pointer_may_be_followed_where_the_call_says(call: str, way: str) -> None:
    run = alone(reading(call, way))
    wrong = PROTECTED if call == "protected" else CHECK
    assert messages([run]) == (set() if way in RIGHT[call] else {wrong})
    assert kinds([run]) <= {SUSPICIOUS}
    assert run.world.tasks[0].result == 5


def test_a_lock_that_another_task_holds_is_no_condition() -> None:
    def setup(world: World) -> None:
        at = Ground(world)
        world.spawn(does(at.mutex.lock()), "holder")
        world.spawn(later(at), "reader")

    async def later(at: Ground) -> None:
        await rcu_access_pointer(at.shelf, "item")
        await rcu_dereference_protected(at.shelf, "item", lockdep_is_held(at.mutex))

    assert {len(run.world.findings) for run in search(setup)} == {1}


def test_each_place_is_told_once_and_reading_goes_on() -> None:
    def setup(world: World) -> None:
        at = Ground(world)

        async def reader() -> None:
            for _ in range(2):
                await rcu_dereference(at.shelf, "item")

        world.spawn(reader(), "task")

    run = alone(setup)
    assert {finding.signature for finding in run.world.findings} == {f"{CHECK} in reader"}


def test_a_pointer_in_freed_memory_is_a_use_after_free_all_the_same() -> None:
    def setup(world: World) -> None:
        at = Ground(world)
        world.spawn(does(kfree(at.shelf), rcu_dereference(at.shelf, "item")), "task")

    assert kinds([alone(setup)]) == {SUSPICIOUS, "use-after-free"}


def test_nothing_is_suspicious_while_the_world_is_set_up() -> None:
    world = World()
    at = Ground(world)
    assert boot(world, does(rcu_dereference(at.shelf, "item"))) == (5,)


Walks = Callable[[Ground], object]


@pytest.mark.parametrize(
    ("way", "held", "expected"),
    [
        ("nothing", False, {NON_READER}),
        ("mutex", False, {NON_READER}),
        ("mutex", True, set()),
        ("rcu", False, set()),
        ("bh", False, set()),
        ("sched", False, set()),
        ("preempt", False, set()),
    ],
)
def test_a_list_is_walked_by_readers_or_under_a_lock(
    way: str, held: bool, expected: set[str]
) -> None:
    def setup(world: World) -> None:
        at = Ground(world)

        async def task() -> str:
            for node in at.nodes:
                await at.list.add_tail_rcu(node)
            section = at.ways[way]
            if section is not None:
                await section[0]
            cond = held and lockdep_is_held(at.mutex)
            return "".join([node.name async for node in list_for_each_entry_rcu(at.list, cond)])

        world.spawn(task(), "task")

    run = alone(setup)
    assert messages([run]) == expected
    assert run.world.tasks[0].result == "ab"


@pytest.mark.parametrize("inside", [False, True])
def test_a_list_of_srcus_is_walked_in_its_own_sections(inside: bool) -> None:
    def setup(world: World) -> None:
        at = Ground(world)
        other = Srcu(world, "other")

        async def task() -> int:
            await (at.srcu if inside else other).read_lock()
            await at.rcu.rcu_read_lock()
            cond = srcu_read_lock_held(at.srcu)
            return len([node async for node in list_for_each_entry_srcu(at.list, cond)])

        world.spawn(task(), "task")

    assert messages([alone(setup)]) == (set() if inside else {NO_LOCK})


def test_a_walk_asks_for_each_node_when_it_comes_to_it() -> None:
    """The second node goes while the reader stands on the first: it is not seen any more."""

    def setup(world: World) -> None:
        at = Ground(world)
        boot(world, does(*(at.list.add_tail_rcu(node) for node in at.nodes)))

        async def reader() -> str:
            await at.rcu.rcu_read_lock()
            seen = [node.name async for node in list_for_each_entry_rcu(at.list)]
            await at.rcu.rcu_read_unlock()
            return "".join(seen)

        world.spawn(reader(), "reader")
        world.spawn(does(at.list.del_rcu(at.nodes[1])), "updater")

    runs = search(setup)
    assert {run.world.tasks[0].result for run in runs} == {"a", "ab"}


def test_how_deep_a_task_is_in_sections() -> None:
    world = World()
    at = Ground(world)
    depths: list[int] = []

    async def task() -> None:
        for op in (at.rcu.rcu_read_lock(), at.rcu.rcu_read_lock(), at.rcu.rcu_read_lock_bh()):
            await op
            depths.append(rcu_depth(reader))
        depths.append(rcu_depth(reader, "RCU-bh"))

    reader = world.spawn(task(), "task")
    while enabled := world.enabled():
        world.step(enabled[0])
    assert depths == [1, 2, 2, 1]
