"""One bug has one name, whoever finds it; two bugs have two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.campaign.identity import identity
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.world import World
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, Variable, wait_until
from lockwright.options import Options
from lockwright.project import Project, load_project
from lockwright.scenario import Scenario, scenario
from lockwright.session import explore

ROOT = Path(__file__).parents[2]
CIRCLE = "possible circular locking dependency: &sb->s_type->i_mutex_key -> eventfs_rwsem/1"
RECURSION = "possible recursive locking: eventfs_rwsem/1"
NO_STAT = "broken promise: stat of kprobes/kp1/enable fails, although it is there all the time"
WRAPPER = "use-after-free: read of eventfs_inode->e_top_files in dcache_dir_open_wrapper()"
PRIVATE = "use-after-free: use of tracefs_inode_cache->private in dcache_dir_open_wrapper()"
DYING = "refcount: reference taken on a dying dentry in dget() for dcache_dir_open_wrapper()"
COUNT = "use-after-free: read of dentry->d_count in dget() for dcache_dir_open_wrapper()"
NO_OPEN = "broken promise: open of kprobes/kp1 fails, although it is there all the time"
NO_REFERENCE = (
    "refcount: reference dropped on a dentry that has none in dput() for eventfs_remove_rec()"
)
DRAINED = "possible circular locking dependency: event_mutex -> trace_types_lock -> trace_event_sem"
STUCK = (
    "deadlock: {}() holds &of->mutex, kn->active and waits for event_mutex; kernfs_drain() holds "
    "event_mutex, trace_event_sem, trace_types_lock and waits for kn->active"
)
BUGS = {
    "eventfs/v3:open_vs_lookup": {CIRCLE, RECURSION, NO_STAT},
    "eventfs/v3:open_vs_remove": {CIRCLE, RECURSION, WRAPPER, PRIVATE, NO_REFERENCE},
    "eventfs/v3:open_vs_prune": {CIRCLE, RECURSION, DYING, COUNT, NO_OPEN},
    "eventfs/kernfs:read_vs_remove": {
        f"{DRAINED} -> kn->active",
        STUCK.format("event_enable_read"),
    },
    "eventfs/kernfs:format_vs_remove": {f"{DRAINED} -> kn->active", STUCK.format("format_read")},
}
WAYS = (
    Options(executions=40),
    Options(strategy="random", seed=1, executions=25),
    Options(strategy="pct", seed=5, executions=25),
    Options(strategy="pos", seed=8, executions=25),
)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(ROOT)


@pytest.mark.parametrize("name", BUGS)
def test_every_strategy_and_seed_calls_a_bug_the_same(project: Project, name: str) -> None:
    found = []
    for way in WAYS:
        findings = explore(project.scenario(name), way).findings
        called = [identity(each) for each in findings]
        assert len(set(called)) >= len({each.kind for each in findings})
        found += called
    assert set(found) == BUGS[name]
    assert len(found) > len(BUGS[name]), "nothing was found twice"


def blocked(task: str, function: str, waits: str, *held: str) -> list[str]:
    """What a deadlock's lines say of a task."""
    locks = ", ".join(f"{name} (mutex_lock)" for name in held) or "no lock"
    return [
        f"INFO: task {task} blocked for ever in mutex_lock({waits})",
        f"  {function}+0x3/0x10",
        "  user+0x1/0x2",
        f"  holds: {locks}",
    ]


def deadlock(*tasks: tuple[str, str, str, Sequence[str]]) -> Finding:
    """Each task with its function, the class that it waits for and those that it holds."""
    lines = [
        line for task, where, wanted, held in tasks for line in blocked(task, where, wanted, *held)
    ]
    waits = tuple((*held, wanted) for _, _, wanted, held in tasks)
    said = "; ".join(f"{task} in mutex_lock({wanted})" for task, _, wanted, _ in tasks)
    return Finding("deadlock", said, said, 0, tasks[0][0], (), tuple(lines), waits=waits)


def test_a_deadlock_is_named_for_those_who_wait_for_each_other() -> None:
    one, two = ("cat:1", "f", "B", "A"), ("ls:2", "g", "A", "B")
    expected = "deadlock: f() holds A and waits for B; g() holds B and waits for A"
    assert identity(deadlock(one, two)) == expected
    assert identity(deadlock(two, one)) == expected
    assert identity(deadlock(("bash:7", *one[1:]), two)) == expected
    assert identity(deadlock(one, ("sh:3", "h", "A", ""), two)) == expected
    assert identity(deadlock(one, two, two)) == expected
    assert identity(deadlock(one, ("ls:2", "h", "A", "B"))) != expected
    alone = "deadlock: f() holds A and waits for A"
    assert identity(deadlock(("cat:1", "f", "A", "A"), ("ls:2", "g", "A", ""))) == alone


def test_where_nobody_holds_what_is_waited_for_all_are_named() -> None:
    found = deadlock(("cat:1", "f", "B", "A"), ("ls:2", "g", "A", ""))
    said = "deadlock: f() holds A and waits for B; g() waits for A"
    assert identity(found) == said
    asleep = replace(found, waits=())
    said = "deadlock: f() holds A and waits in mutex_lock; g() waits in mutex_lock"
    assert identity(asleep) == said


def test_a_cycle_of_classes_has_no_beginning() -> None:
    def cycle(*classes: str) -> str:
        said = " -> ".join(classes)
        chain = (Frame(f"takes_{classes[-1]}", 1, 2),)
        return identity(Finding("circular", said, said, 0, "cat", chain, classes=classes))

    assert cycle("B", "C", "A") == cycle("A", "B", "C") == "circular: A -> B -> C"
    assert cycle("A", "C", "B") != cycle("A", "B", "C")


def test_the_way_from_a_safe_class_to_another_has_one() -> None:
    found = Finding("irq order", "m", "HARDIRQ: B -> A", 0, "cat", (Frame("f", 1, 2),))
    assert identity(replace(found, classes=("B", "A"))) == "irq order: HARDIRQ: B -> A"


def test_names_of_tasks_and_addresses_and_offsets_say_nothing() -> None:
    def said(comm: str, address: str, offset: int) -> str:
        text = f"{comm}: {comm} holds A of {address}"
        return identity(Finding("held", text, text, 3, comm, (Frame("f", offset, 90),)))

    assert said("cat", "0xffff8881", 1) == said("ls-2", "0x1", 7) == "held: holds A of * in f()"


def test_the_function_is_named_once_and_one_that_helps_with_its_caller() -> None:
    chain = (Frame("dput", 1, 2), Frame("iput", 1, 2), Frame("evict", 1, 2), Frame("user", 1, 2))
    found = Finding("refcount", "m", "dropped", 0, "cat", chain)
    assert identity(found) == "refcount: dropped in dput() for iput() for evict()"
    assert identity(replace(found, chain=chain[:1])) == "refcount: dropped in dput()"
    assert identity(replace(found, chain=chain[2:])) == "refcount: dropped in evict()"
    named = replace(found, signature="sleeps in evict", chain=chain[2:])
    assert identity(named) == "refcount: sleeps in evict"


async def poll(flag: Variable) -> None:
    while not await READ_ONCE(flag):
        await cpu_relax()


def polled(first: str) -> Scenario:
    @scenario("test:polled")
    def build(world: World) -> None:
        """A flag that nobody sets."""
        world.spawn(poll(Variable(world, 0, "ready")), first)

    return build


def test_what_goes_round_for_ever_is_named_for_what_it_does() -> None:
    [one] = explore(polled("cat"), Options(strategy="liveness")).findings
    [two] = explore(polled("sh: 9"), Options(strategy="liveness")).findings
    assert identity(one) == identity(two) == "livelock: round of READ_ONCE(ready), cpu_relax()"


async def wait(flag: Variable, lock: Mutex) -> None:
    await lock.lock()
    await wait_until(flag, bool)
    await lock.unlock()


def test_who_waits_for_what_nobody_does_is_named_by_where() -> None:
    @scenario("test:wait")
    def build(world: World) -> None:
        """Two wait, one of them for the other."""
        flag, lock = Variable(world, 0, "ready"), Mutex(world, "lock")
        world.spawn(wait(flag, lock), "one")
        world.spawn(wait(flag, lock), "two")

    found = explore(build, Options()).findings
    assert len(found) == 2, "either may come first"
    assert {identity(each) for each in found} == {
        "deadlock: wait() holds lock and waits in wait_until; wait() waits for lock"
    }


def test_a_history_without_an_order_is_named_for_its_calls() -> None:
    lines = (
        "  reader  read()     |-----|  gives 1",
        "  writer  write(2)  |---|     gives None",
        "read() of reader could have given 2",
    )
    found = Finding("not linearizable", "m", "not linearizable", 0, "", lines=lines)
    assert identity(found) == "not linearizable: read, write"
