"""The validator's own files, printed from what a validator has learnt."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from lockwright.core.lockuse import EXCLUSIVE, RECURSIVE_READER, WAIT_CONFIG, WAIT_SPIN
from lockwright.lockdep import LockKey, LockUse, TaskLocks, Validator
from lockwright.lockdep.limits import Limits
from lockwright.report.kernel.procfs import lockdep, lockdep_chains, lockdep_stats
from lockwright.report.read.procfs import read_dump
from tests.report.golden_files import assert_golden
from tests.report.scene import stack_of

INODE = LockKey("&sb->s_type->i_mutex_key", "tracefs")
OTHER_INODE = LockKey("&sb->s_type->i_mutex_key", "ext4")
MUTEX = LockKey("eventfs_mutex")
RCU = LockKey("rcu_read_lock", wait_outer=WAIT_SPIN, wait_inner=WAIT_CONFIG)
SPIN = LockKey("&dentry->d_lock", wait_inner=WAIT_CONFIG)
TASKS = LockKey("tasklist_lock", wait_inner=WAIT_CONFIG)


class Scene:
    """One task of one validator; each lock is its own key's only instance."""

    def __init__(self) -> None:
        self.validator = Validator()
        self.task: TaskLocks = self.validator.task("task", 1)
        self.keys: list[LockKey] = []

    def lock(self, key: LockKey, caller: str = "caller+0x1/0x9", **how: int) -> None:
        if key not in self.keys:
            self.keys.append(key)
        use = LockUse(
            key,
            how.get("subclass", 0),
            self.keys.index(key) * 8 + how.get("subclass", 0),
            read=how.get("read", 0),
            trylock=bool(how.get("trylock", 0)),
            sync=bool(how.get("sync", 0)),
            check=bool(how.get("check", 1)),
        )
        self.validator.acquire(self.task, use, stack_of(f"lock+0x0/0x1 {caller}"))

    def unlock_all(self) -> None:
        for entry in reversed(list(self.task.held)):
            self.validator.release(self.task, entry.use.instance, stack_of("unlock+0x0/0x1"))

    def order(self, *keys: LockKey) -> None:
        for key in keys:
            self.lock(key)
        self.unlock_all()


def small_world() -> Validator:
    """Two tasks' worth of orders, a trylock, a reader, an RCU section and a soft interrupt."""
    scene = Scene()
    validator, task = scene.validator, scene.task
    scene.order(INODE, MUTEX)  # INODE -> MUTEX
    scene.lock(MUTEX)
    scene.lock(OTHER_INODE, trylock=1)  # no edge into it
    scene.lock(SPIN)  # OTHER -> SPIN, and past the trylock MUTEX -> SPIN
    scene.unlock_all()
    scene.lock(INODE)
    scene.lock(RCU, read=2, check=0)
    scene.lock(TASKS, read=1)  # INODE -> TASKS, past the RCU section
    scene.unlock_all()
    scene.lock(INODE, subclass=1)
    scene.lock(MUTEX)  # INODE/1 -> MUTEX
    validator.hardirqs_off(task, stack_of("irq+0x0/0x1"))
    validator.softirq_enter(task)
    scene.lock(TASKS, read=1)  # another context: no edge
    scene.unlock_all()
    return validator


def test_the_classes_are_printed_as_proc_lockdep() -> None:
    """Direct: only of the lock that was held last.  So &dentry->d_lock stands below the second
    inode's class alone, though it was acquired with eventfs_mutex held too."""
    known = small_world().tables()
    assert_golden("proc_lockdep.txt", lockdep(known))
    edges = [(row.name, known.classes[place].name) for row in known.classes for place in row.after]
    assert edges == [
        ("&sb->s_type->i_mutex_key", "eventfs_mutex"),
        ("&sb->s_type->i_mutex_key#2", "&dentry->d_lock"),
        ("&sb->s_type->i_mutex_key/1", "eventfs_mutex"),
    ]
    # FD: itself and what it leads to, past trylocks and RCU; BD: itself and what leads to it.
    assert {row.name: (row.forward, row.backward) for row in known.classes} == {
        "&sb->s_type->i_mutex_key": (4, 1),  # eventfs_mutex, d_lock, tasklist_lock
        "eventfs_mutex": (2, 3),  # d_lock; both classes of the first inode
        "&sb->s_type->i_mutex_key#2": (2, 1),
        "&dentry->d_lock": (1, 5),
        "rcu_read_lock": (1, 1),
        "tasklist_lock": (1, 2),
        "&sb->s_type->i_mutex_key/1": (3, 1),
    }


def test_operations_are_printed_on_request() -> None:
    """INODE was acquired twice with subclass 0, as CONFIG_DEBUG_LOCKDEP would count."""
    text = lockdep(small_world().tables(), operations=True)
    assert " OPS:       2 FD:    4 BD:    1 ++++" not in text
    first = text.splitlines()[1]
    assert first.startswith("ffffffff92000000 OPS:       2 FD:    4 BD:    1 +.+.: ")


def test_the_chains_are_printed_with_their_interrupt_context() -> None:
    known = small_world().tables()
    assert_golden("proc_lockdep_chains.txt", lockdep_chains(known))
    chains = [
        (chain.irq_context, tuple(known.classes[place].name for place in chain.classes))
        for chain in known.chains
    ]
    inode, mutex, tasks = "&sb->s_type->i_mutex_key", "eventfs_mutex", "tasklist_lock"
    assert sorted(chains) == sorted(
        [
            (0, (inode,)),
            (0, (inode, mutex)),
            (0, (inode, "rcu_read_lock", tasks)),
            (0, (mutex,)),
            (0, (mutex, f"{inode}#2", "&dentry->d_lock")),
            (0, (f"{inode}/1",)),
            (0, (f"{inode}/1", mutex)),
            (1, (tasks,)),
        ]
    )


def test_the_statistics_count_what_the_tables_hold() -> None:
    """7 classes; 5 edges, each entered twice; 8 chains, of which one in a soft interrupt.

    Chains take 2 entries at least: 4 of one lock, 2 of two and 2 of three make 18.  Combined:
    (0 + 1) * (1 + 1) * (7 + 1).  Unsafe are the five classes that are taken exclusively with
    interrupts on; tasklist_lock is safe and unsafe as a reader, and RCU's class only used.
    """
    known = small_world().tables()
    text = lockdep_stats(known)
    assert_golden("proc_lockdep_stats.txt", text)
    values = {name: found.value for name, found in read_dump(text).statistics.items()}
    expected = {
        "lock-classes": 7,
        "dynamic-keys": 0,
        "direct dependencies": 10,
        "indirect dependencies": 4 + 2 + 2 + 1 + 1 + 1 + 3,
        "all direct dependencies": 10,
        "dependency chains": 8,
        "dependency chain hlocks used": 18,
        "in-hardirq chains": 0,
        "in-softirq chains": 1,
        "in-process chains": 7,
        "stack-trace entries": 2 + 3,  # one stack of two frames, and its header
        "number of stack traces": 1,
        "combined max dependencies": 16,
        "hardirq-unsafe locks": 5,
        "softirq-unsafe locks": 5,
        "irq-unsafe locks": 5,
        "irq-safe locks": 0,
        "softirq-read-safe locks": 1,
        "softirq-read-unsafe locks": 1,
        "irq-read-safe locks": 1,
        "hardirq-read-safe locks": 0,
        "uncategorized locks": 0,  # the kernel means those whose only bit is INITIAL USE
        "unused locks": 0,
        "max locking depth": 3,
        "max lock class index": 6,
        "debug_locks": 1,
        "zapped classes": 0,
    }
    assert {name: values[name] for name in expected} == expected


def test_the_limits_are_printed_as_they_are_set() -> None:
    text = lockdep_stats(small_world().tables(), limits=Limits(keys=100))
    assert text.startswith(" lock-classes:                            7 [max: 100]\n")


def test_what_is_printed_can_be_read() -> None:
    known = small_world().tables()
    dump = read_dump(lockdep(known, operations=True) + lockdep_chains(known))
    assert not dump.problems
    names = [row.name for row in known.classes]
    assert [
        (entry.name, entry.usage, entry.operations, entry.forward, entry.backward)
        for entry in dump.classes
    ] == [
        (row.name, row.usage_chars, row.operations, row.forward, row.backward)
        for row in known.classes
    ]
    assert [entry.after for entry in dump.classes] == [
        tuple(names[place] for place in row.after) for row in known.classes
    ]
    assert len({entry.key for entry in dump.classes}) == len(names)
    contexts = ("process", "softirq", "hardirq", "hardirq|softirq")
    assert [(chain.context, chain.classes) for chain in dump.chains] == [
        (contexts[chain.irq_context], tuple(names[place] for place in chain.classes))
        for chain in known.chains
    ]


def test_a_validator_that_knows_nothing_prints_headings() -> None:
    known = Validator().tables()
    assert lockdep(known) == "all lock classes:\n"
    assert lockdep_chains(known) == "all lock chains:\n"
    values = read_dump(lockdep_stats(known)).statistics
    assert {name for name, found in values.items() if found.value} == {
        "combined max dependencies",  # 1 * 1 * 1
        "debug_locks",
    }


def test_what_only_synchronises_is_in_a_chain_and_not_held() -> None:
    scene = Scene()
    scene.lock(MUTEX)
    scene.lock(INODE, sync=1)
    scene.unlock_all()
    known = scene.validator.tables()
    assert known.depth == 1
    assert [chain.classes for chain in known.chains] == [(0,), (0, 1)]
    assert [row.after for row in known.classes] == [(1,), ()]


def test_locks_held_below_an_interrupt_are_no_part_of_its_chains() -> None:
    scene = Scene()
    scene.validator.hardirqs_off(scene.task, stack_of("irq+0x0/0x1"))
    scene.lock(SPIN)
    scene.validator.hardirq_enter(scene.task)
    scene.lock(TASKS)
    known = scene.validator.tables()
    assert [(chain.irq_context, chain.classes) for chain in known.chains] == [(0, (0,)), (2, (1,))]
    assert "irq_context: hardirq\n[ffffffff92000010] tasklist_lock\n" in lockdep_chains(known)
    assert known.depth == 2
    assert [row.after for row in known.classes] == [(), ()]


def test_an_order_across_an_interrupt_makes_no_dependency_direct() -> None:
    scene = Scene()
    scene.lock(MUTEX)
    scene.lock(INODE, trylock=1)
    scene.lock(SPIN)  # MUTEX -> SPIN, past INODE
    scene.unlock_all()
    scene.lock(MUTEX)
    scene.validator.softirq_enter(scene.task)
    scene.lock(SPIN)
    known = scene.validator.tables()
    assert known.dependencies == 2
    assert [row.after for row in known.classes] == [(), (2,), ()]


def test_classes_that_went_away_are_counted() -> None:
    """The other keys' classes keep their places, and the last index stays what it was."""
    scene = Scene()
    dynamic, last = LockKey("dynamic"), LockKey("last")
    scene.validator.register_key(dynamic)
    scene.order(MUTEX, dynamic)
    scene.order(MUTEX, last)
    scene.validator.unregister_key(dynamic)
    known = scene.validator.tables()
    assert [row.name for row in known.classes] == ["eventfs_mutex", "last"]
    assert [row.after for row in known.classes] == [(1,), ()]
    assert [chain.classes for chain in known.chains] == [(0,), (0, 1)]
    text = lockdep_stats(known)
    assert " max lock class index:                    2\n" in text
    assert " zapped classes:                          1\n" in text


def test_registered_keys_are_counted() -> None:
    scene = Scene()
    scene.validator.register_key(LockKey("one"))
    assert " dynamic-keys:                            1\n" in lockdep_stats(
        scene.validator.tables()
    )


def test_after_its_only_report_a_validator_says_that_it_is_off() -> None:
    scene = Scene()
    scene.validator = Validator(first_report_only=True)
    scene.task = scene.validator.task("task", 1)
    scene.order(INODE, MUTEX)
    scene.order(MUTEX, INODE)
    known = scene.validator.tables()
    assert not known.debug_locks
    assert " debug_locks:                             0\n" in lockdep_stats(known)


def strong_reach(edges: list[tuple[int, int, str]], count: int) -> list[int]:
    """How many of `count` classes a strong path leads to from each, itself included.

    A closure over typed edges: one may follow another unless that ends in R and it begins with S.
    """
    reach = [[one is other for other in edges] for one in edges]
    for (i, one), (j, other) in product(enumerate(edges), repeat=2):
        joint = one[1] == other[0] and not (one[2][1] == "R" and other[2][0] == "S")
        reach[i][j] = reach[i][j] or joint
    for middle, i, j in product(range(len(edges)), repeat=3):
        reach[i][j] = reach[i][j] or (reach[i][middle] and reach[middle][j])
    ends = [
        {
            other[1]
            for i, one in enumerate(edges)
            for j, other in enumerate(edges)
            if one[0] == start and reach[i][j]
        }
        for start in range(count)
    ]
    return [len(found | {start}) for start, found in enumerate(ends)]


@pytest.mark.parametrize("seed", range(30))
def test_closures_are_those_of_strong_paths(seed: int) -> None:
    random = Random(seed)
    scene = Scene()
    keys = [LockKey(f"lock {number}") for number in range(6)]
    edges: dict[tuple[int, int, str], None] = {}
    for key in keys:
        scene.order(key)
    for _ in range(9):
        held, new = random.sample(range(6), 2)
        reads = [random.choice((EXCLUSIVE, RECURSIVE_READER)) for _ in range(2)]
        scene.lock(keys[held], read=reads[0])
        scene.lock(keys[new], read=reads[1])
        scene.unlock_all()
        edges[held, new, "ES"[reads[0] > 0] + "NR"[reads[1] > 0]] = None
    known = scene.validator.tables()
    assert [row.forward for row in known.classes] == strong_reach(list(edges), 6)
    mirrored = [
        (new, held, {"N": "E", "R": "S"}[how[1]] + {"E": "N", "S": "R"}[how[0]])
        for held, new, how in edges
    ]
    assert [row.backward for row in known.classes] == strong_reach(mirrored, 6)
