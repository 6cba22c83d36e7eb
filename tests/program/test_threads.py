"""The form with "threads"."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.program.command import read_program
from lockwright.program.document import Document, read_file
from lockwright.program.verdict import judge
from tests.program.files import DATA, one

Steps = list[list[Any]]

CASES = read_file(DATA / "lock_cycles.json")

A_AND_B: Steps = [["lock", "A"], ["lock", "B"], ["unlock", "B"], ["unlock", "A"]]
B_AND_A: Steps = [["lock", "B"], ["lock", "A"], ["unlock", "A"], ["unlock", "B"]]
MUTEXES = {"A": "mutex", "B": "mutex"}


def program(locks: dict[str, str], *threads: Steps, **more: object) -> dict[str, Any]:
    """A program of threads T1, T2, ..., all of which start."""
    named = {f"T{n}": steps for n, steps in enumerate(threads, 1)}
    return {"locks": locks, "threads": named, "start": list(named), **more}


@pytest.mark.parametrize("document", CASES, ids=lambda document: document.name)
def test_each_case_is_as_recorded(document: Document) -> None:
    entry = judge(read_program(document), document)
    assert entry.mismatches == []
    assert entry.data["expected"] == "ok"
    assert entry.data["sleep_set_blocked"] == 0


def test_a_prediction_is_confirmed_where_it_deadlocks_and_refuted_where_not() -> None:
    realities = {}
    for document in CASES:
        data = judge(read_program(document), document).data
        if data["lockdep"]:
            realities[document.name] = (data["lockdep"]["reality"], bool(data["deadlocks"]))
    assert len(realities) == 14
    assert set(realities.values()) == {("confirmed", True), ("refuted", False)}


# What is refused

FAULTS: list[tuple[str, Steps, int, str]] = [
    ("unknown operation", [["rlok", "S"]], 0, 'unknown operation "rlok"'),
    ("operation of another form", [["read", "x", "r"]], 0, 'unknown operation "read"'),
    (
        "unknown lock",
        [["lock", "C"]],
        0,
        'one of A, S; or a declaration of it, "locks": {"C": "mutex"}',
    ),
    (
        "lock is a number",
        [["lock", 1]],
        0,
        "the lock is 1\nexpected: a text in quotes: one of A, S",
    ),
    ("unlock of nothing", [["unlock", "C"]], 0, 'unknown lock "C"'),
    ("too long", [["lock", "A", "B"]], 0, "it has 3 items\nexpected: [lock, lock]"),
    ("reader of a mutex", [["rlock", "A"]], 0, '"A" is a mutex\nexpected: one of rwsem, rwlock'),
    ("irqs of a mutex", [["lock_irq", "A"]], 0, '"A" is a mutex\nexpected: one of spinlock, raw_'),
    ("bhs of a mutex", [["lock_bh", "A"]], 0, '"A" is a mutex\nexpected: one of spinlock, raw_'),
    ("too deep a subclass", [["lock_nested", "A", 8]], 0, "its subclass is 8\nexpected: a number"),
    ("no subclass", [["lock_nested", "A", "1"]], 0, 'its subclass is "1"'),
    ("no context", [["ww_acquire_init", "A"]], 0, '"A" is a mutex\nexpected: one of ww_acquire_c'),
    (
        "lock as a context",
        [["ww_lock", "A", "S", "l"], ["label", "l"]],
        0,
        'unknown context "S"\nexpected: a declaration of it, "locks": {"S": "ww_acquire_ctx"}',
    ),
    (
        "recursive reader of a rwsem",
        [["rrlock", "S"]],
        0,
        '"S" is a rwsem\nexpected: one of rwlock',
    ),
    ("missing label", [["trylock", "A", "out"]], 0, 'unknown label "out"'),
    ("unknown thread", [["spawn", "T9"]], 0, 'unknown thread "T9"\nexpected: one of T1, T2'),
    ("started twice", [["spawn", "T2"]], 0, "T2 is started already, from the beginning"),
    (
        "unknown item",
        [["queue", "W"]],
        0,
        'expected: a declaration of it, "work": {"W": "a thread"}',
    ),
    (
        "unknown variable",
        [["ifz", "x", "l"], ["label", "l"]],
        0,
        'expected: some step that sets it, ["set", "x", 1]',
    ),
    ("no number", [["set", "x", "1"]], 0, 'the value is "1"'),
    ("completion is a lock", [["complete", "A"]], 0, '"A" is a mutex\nexpected: a completion'),
    ("srcu is a mutex", [["srcu_lock", "A"]], 0, '"A" is a mutex\nexpected: a srcu'),
    ("end of a section of nothing", [["srcu_unlock", "z"]], 0, 'unknown lock "z"'),
]


@pytest.mark.parametrize(
    ("steps", "step", "problem"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_names_program_thread_and_step(
    tmp_path: Path, steps: Steps, step: int, problem: str
) -> None:
    faulty = program({"A": "mutex", "S": "rwsem"}, steps, [["lock", "A"], ["unlock", "A"]])
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, faulty)
    assert f"program.json: program program: task T1: step {step} " in str(error.value)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"locks": {"A": "futex"}}, 'unknown type of lock A: "futex"'),
        ({"locks": {"A": 3}}, "the type of lock A is 3"),
        ({"classes": {"Z": "z"}}, 'unknown lock in classes "Z"'),
        ({"classes": {"A": 3}}, "its class of A is 3"),
        ({"threads": {}}, "its threads is an empty object"),
        ({"start": []}, "its start is []"),
        ({"start": ["T9"]}, 'unknown thread in start "T9"'),
        ({"start": ["T1", "T1"]}, 'its start is ["T1", "T1"]'),
        ({"start": ["T1"]}, "task T2: nobody starts it"),
        ({"work": {"W": "T9"}}, 'unknown thread of work item W: "T9"'),
        ({"work": {"W": []}}, "the thread of work item W is []"),
        ({"deadlock": "yes"}, 'its deadlock is "yes"'),
        ({"lockdep": 1}, "its lockdep is 1"),
        ({"clases": {}}, 'unknown key "clases"\nexpected: did you mean classes?'),
    ],
)
def test_a_fault_outside_the_steps_names_the_program(
    tmp_path: Path, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, {**program(MUTEXES, A_AND_B, B_AND_A), **more})
    assert "program.json: program program: " in str(error.value)


def test_a_join_of_a_thread_that_nobody_starts_is_refused(tmp_path: Path) -> None:
    faulty = program({}, [["join", "T2"]], [["complete", "c"]], start=["T1"])
    with pytest.raises(UsageError, match=r"step 0 .*: nobody starts T2"):
        one(tmp_path, faulty)


# What the operations do


@pytest.mark.parametrize(
    "kind",
    [
        *("mutex", "rwsem", "rwlock", "spinlock", "spin", "raw_spinlock", "rtmutex", "rt_mutex"),
        "percpu_rwsem",
    ],
)
def test_every_exclusive_lock_deadlocks_in_two_orders(tmp_path: Path, kind: str) -> None:
    entry = one(tmp_path, program({"A": kind, "B": kind}, A_AND_B, B_AND_A))
    assert entry["deadlocked"] == 1
    assert entry["lockdep"]["kind"] == "possible circular locking dependency"
    assert entry["lockdep"]["reality"] == "confirmed"
    assert entry["findings"] == []


def test_recursive_readers_pass_a_queued_writer_and_fair_ones_do_not(tmp_path: Path) -> None:
    def read_twice(op: str) -> Steps:
        return [[op, "L"], [op, "L"], ["runlock", "L"], ["runlock", "L"]]

    writer: Steps = [["wlock", "L"], ["wunlock", "L"]]
    fair = one(tmp_path, program({"L": "rwlock"}, read_twice("rlock"), writer))
    recursive = one(tmp_path, program({"L": "rwlock"}, read_twice("rrlock"), writer))
    assert fair["deadlocked"] == 1
    assert fair["deadlocks"][0]["tasks"] == {"T1": "read_lock(L)", "T2": "write_lock(L)"}
    assert (recursive["deadlocked"], recursive["verdict"]) == (0, "verified")


def test_a_completion_orders_and_is_used_up(tmp_path: Path) -> None:
    entry = one(tmp_path, program({}, [["wait", "c"], ["wait", "c"]], [["complete", "c"]]))
    assert (entry["complete"], entry["deadlocked"], entry["lockdep"]) == (0, 1, None)
    assert entry["deadlocks"][0]["tasks"] == {"T1": "wait_for_completion(c)"}


def test_variables_begin_as_zero_and_their_final_values_are_told(tmp_path: Path) -> None:
    looker: Steps = [["ifz", "x", "out"], ["set", "y", 1], ["label", "out"]]
    entry = one(tmp_path, program({}, [["set", "x", 1]], looker))
    values = [outcome["values"] for outcome in entry["outcomes"]]
    assert {"x": 1, "y": 0} in values
    assert {"x": 1, "y": 1} in values
    assert entry["complete"] == 2


def test_join_waits_for_the_end_of_the_thread(tmp_path: Path) -> None:
    starter: Steps = [
        ["spawn", "T2"],
        ["join", "T2"],
        ["ifz", "x", "out"],
        ["set", "y", 1],
        ["label", "out"],
    ]
    entry = one(tmp_path, program({}, starter, [["set", "x", 1]], start=["T1"]))
    assert entry["outcomes"] == [{"values": {"x": 1, "y": 1}, "count": 1}]


def test_a_thread_of_start_can_be_joined(tmp_path: Path) -> None:
    entry = one(tmp_path, program({}, [["join", "T2"], ["set", "x", 1]], [["set", "x", 2]]))
    assert entry["outcomes"] == [{"values": {"x": 1}, "count": 1}]


def test_without_start_all_run_that_nobody_else_starts(tmp_path: Path) -> None:
    data = program({}, [["spawn", "T2"], ["queue", "W"]], [["set", "x", 1]], [["set", "y", 1]])
    del data["start"]
    entry = one(tmp_path, {**data, "work": {"W": "T3"}})
    assert entry["outcomes"] == [{"values": {"x": 1, "y": 1}, "count": 1}]


def test_a_work_item_that_is_pending_is_not_queued_again(tmp_path: Path) -> None:
    data = program({}, [["queue", "W"], ["queue", "W"]], [["set", "x", 1]], start=["T1"])
    entry = one(tmp_path, {**data, "work": {"W": "T2"}})
    # queued again before or after it began to run; if after, it runs twice
    assert entry["complete"] == 2


def test_a_waiting_work_item_is_called_by_its_name(tmp_path: Path) -> None:
    flusher: Steps = [["lock", "A"], ["queue", "W"], ["flush", "W"], ["unlock", "A"]]
    data = program(MUTEXES, flusher, [["lock", "A"], ["unlock", "A"]], start=["T1"])
    entry = one(tmp_path, {**data, "work": {"W": "T2"}})
    for deadlock in entry["deadlocks"]:
        assert deadlock["tasks"] == {"T1": "flush_work(W)", "W": "mutex_lock(A)"}
    assert entry["lockdep"]["reality"] == "confirmed"


@pytest.mark.parametrize("declared", [True, False])
def test_srcu_waits_for_a_reader_that_waits_for_it(tmp_path: Path, declared: bool) -> None:
    reader: Steps = [["srcu_lock", "s"], ["lock", "A"], ["unlock", "A"], ["srcu_unlock", "s"]]
    updater: Steps = [["lock", "A"], ["srcu_sync", "s"], ["unlock", "A"]]
    locks = {"A": "mutex", **({"s": "srcu"} if declared else {})}
    entry = one(tmp_path, program(locks, reader, updater))
    assert entry["deadlocks"][0]["tasks"] == {"T1": "mutex_lock(A)", "T2": "synchronize_srcu(s)"}
    assert entry["lockdep"]["kind"] == "possible circular locking dependency"
    assert entry["lockdep"]["reality"] == "confirmed"


def test_a_section_that_is_not_there_cannot_be_ended(tmp_path: Path) -> None:
    steps: Steps = [["srcu_lock", "s"], ["srcu_unlock", "s"], ["srcu_unlock", "s"]]
    entry = one(tmp_path, program({}, steps))
    assert [finding["kind"] for finding in entry["findings"]] == ["SRCU misuse"]


def test_sleeping_under_a_spinlock_is_a_finding(tmp_path: Path) -> None:
    entry = one(tmp_path, program({"A": "spinlock", "B": "mutex"}, A_AND_B))
    assert [finding["kind"] for finding in entry["findings"]] == ["sleeping in atomic context"]
    assert entry["verdict"] == "violated"


def test_locks_of_one_class_are_told_apart_by_nobody(tmp_path: Path) -> None:
    entry = one(tmp_path, program(MUTEXES, A_AND_B, classes={"A": "node", "B": "node"}))
    lockdep = entry["lockdep"]
    assert (lockdep["kind"], lockdep["step"]) == ("possible recursive locking", 1)
    assert lockdep["reality"] == "refuted"


@pytest.mark.parametrize("kind", ["semaphore", "bit_spinlock"])
def test_what_has_no_map_deadlocks_and_the_validator_is_silent(tmp_path: Path, kind: str) -> None:
    entry = one(tmp_path, program({"A": kind, "B": kind}, A_AND_B, B_AND_A))
    assert (entry["deadlocked"], entry["lockdep"], entry["kernel"]) == (1, None, "ok")


def test_local_locks_exclude_nobody_on_another_cpu(tmp_path: Path) -> None:
    locks = {"A": "local_lock", "B": "local_lock"}
    entry = one(tmp_path, program(locks, A_AND_B, B_AND_A))
    assert (entry["deadlocked"], entry["lockdep"]["reality"]) == (0, "refuted")


FORMS = [
    *(("lock_irq", "unlock_irq"), ("lock_irqsave", "unlock_irqrestore"), ("lock_bh", "unlock_bh")),
    *(("rlock_irq", "runlock_irq"), ("rlock_irqsave", "runlock_irqrestore")),
    ("rlock_bh", "runlock_bh"),
]


@pytest.mark.parametrize("kind", ["spinlock", "raw_spinlock", "rwlock", "local_lock"])
@pytest.mark.parametrize(("take", "release"), FORMS)
def test_the_forms_of_a_lock_switch_off_what_they_say(
    tmp_path: Path, kind: str, take: str, release: str
) -> None:
    if (kind != "rwlock" and take[0] == "r") or (kind == "local_lock" and take == "lock_bh"):
        with pytest.raises(UsageError, match=f'"A" is a {kind}'):
            one(tmp_path, program({"A": kind}, [[take, "A"], [release, "A"]]))
        return
    seen: Steps = [["set", "came", 1]]
    watched: Steps = [[take, "A"], ["ifz", "came", "out"], ["set", "before", 1], ["label", "out"]]
    watched += [[release, "A"]]
    outcomes = {}
    for context in ("hardirq", "softirq"):
        handlers = {"threads": {"T1": watched, "H": seen}, "start": ["T1"]}
        irq = {"irq": {"H": {"on": "T1", "context": context}}}
        entry = one(tmp_path, {"locks": {"A": kind}, **handlers, **irq})
        assert entry["verdict"] == "verified"
        outcomes[context] = entry["complete"]
    # before the first operation, after the last one, or never; and at four more places, if it can
    # come in between: before and after ifz, after set, before the release
    hard, soft = outcomes["hardirq"], outcomes["softirq"]
    assert soft == 3
    assert hard == 3 if "irq" in take else hard > 3


def test_a_trylock_for_reading_goes_to_its_label(tmp_path: Path) -> None:
    def tries(op: str) -> Steps:
        return [["wlock", "L"], [op, "L", "out"], ["set", "got", 1], ["label", "out"]]

    for kind in ("rwsem", "rwlock", "percpu_rwsem"):
        entry = one(tmp_path, program({"L": kind}, [*tries("rtrylock"), ["wunlock", "L"]]))
        assert [each["values"] for each in entry["outcomes"]] == [{"got": 0}]
        alone: Steps = [["rtrylock", "L", "out"], ["set", "got", 1], ["runlock", "L"]]
        entry = one(tmp_path, program({"L": kind}, [*alone, ["label", "out"]]))
        assert [each["values"] for each in entry["outcomes"]] == [{"got": 1}]


def test_a_downgraded_semaphore_lets_readers_in(tmp_path: Path) -> None:
    def holder(*extra: Steps) -> Steps:
        return [["wlock", "S"], *(step for each in extra for step in each), ["wait", "c"]]

    reader: Steps = [["rlock", "S"], ["complete", "c"], ["runlock", "S"]]
    stuck = one(tmp_path, program({"S": "rwsem"}, [*holder(), ["wunlock", "S"]], reader))
    downgraded = [*holder([["downgrade", "S"]]), ["runlock", "S"]]
    free = one(tmp_path, program({"S": "rwsem"}, downgraded, reader))
    assert (stuck["deadlocked"] > 0, free["deadlocked"]) == (True, 0)


@pytest.mark.parametrize(("take", "op"), [("lock", "lock_nested"), ("rlock", "rlock_nested")])
def test_another_subclass_hides_recursion(tmp_path: Path, take: str, op: str) -> None:
    release = "unlock" if take == "lock" else "runlock"
    locks, classes = {"A": "rwsem", "B": "rwsem"}, {"A": "node", "B": "node"}

    def inner(step: list[Any]) -> Steps:
        return [[take, "A"], step, [release, "B"], [release, "A"]]

    plain = one(tmp_path, program(locks, inner([take, "B"]), classes=classes))
    nested = one(tmp_path, program(locks, inner([op, "B", 1]), classes=classes))
    same = one(tmp_path, program(locks, inner([op, "B", 0]), classes=classes))
    assert plain["lockdep"]["kind"] == same["lockdep"]["kind"] == "possible recursive locking"
    assert nested["lockdep"] is None


def test_rcu_waits_for_readers_that_are_there(tmp_path: Path) -> None:
    reader: Steps = [["rcu_lock"], ["set", "x", 1], ["set", "y", 1], ["rcu_unlock"]]
    updater: Steps = [
        *(["ifz", "x", "out"], ["set", "looked", 1], ["rcu_sync"]),
        *(["ifz", "y", "out"], ["set", "fine", 1], ["label", "out"]),
    ]

    def outcomes(steps: Steps) -> set[tuple[int, int]]:
        entry = one(tmp_path, program({}, reader, steps))
        return {(v["values"]["looked"], v["values"]["fine"]) for v in entry["outcomes"]}

    # having seen the section's first store, it sees the second one after the grace period
    assert outcomes(updater) == {(0, 0), (1, 1)}
    assert outcomes([step for step in updater if step[0] != "rcu_sync"]) == {(0, 0), (1, 0), (1, 1)}


WW = {"a": "ww_mutex", "b": "ww_mutex", "t": "ww_acquire_ctx", "u": "ww_acquire_ctx"}


def backing_off(ctx: str, first: str, second: str) -> Steps:
    """Take two ww mutexes in a context; if the second one says so, release the first."""
    return [
        ["ww_acquire_init", ctx],
        ["ww_lock", first, ctx, "done"],
        ["ww_lock", second, ctx, "backoff"],
        ["ww_acquire_done", ctx],
        ["ww_unlock", second],
        ["label", "backoff"],
        ["ww_unlock", first],
        ["label", "done"],
        ["ww_acquire_fini", ctx],
    ]


def test_contexts_back_off_where_mutexes_deadlock(tmp_path: Path) -> None:
    contexts = one(tmp_path, program(WW, backing_off("t", "a", "b"), backing_off("u", "b", "a")))
    assert (contexts["deadlocked"], contexts["verdict"]) == (0, "verified")
    locks = {"A": "ww_mutex", "B": "ww_mutex"}
    plain = one(tmp_path, program(locks, A_AND_B, B_AND_A))
    assert (plain["deadlocked"], plain["lockdep"]["kind"]) == (1, "possible recursive locking")


def test_ww_mutexes_of_two_classes_are_told_apart(tmp_path: Path) -> None:
    steps: Steps = [["ww_acquire_init", "t"], ["ww_lock", "a", "t", "l"], ["label", "l"]]
    steps += [["ww_unlock", "a"], ["ww_acquire_fini", "t"]]
    assert one(tmp_path, program(WW, steps))["verdict"] == "verified"
    other = one(tmp_path, program(WW, steps, classes={"a": "x", "t": "y"}))
    assert "ww_class" in json.dumps(other["findings"]) + json.dumps(other["lockdep"])
    named = one(tmp_path, program({"A": "ww_mutex"}, A_LOCK_TWICE, classes={"A": "x"}))
    assert "(x_mutex)" in named["lockdep"]["text"]


A_LOCK_TWICE: Steps = [["lock", "A"], ["lock", "A"], ["unlock", "A"], ["unlock", "A"]]


def test_a_task_that_leaves_interrupts_off_is_told_of(tmp_path: Path) -> None:
    for step in (["irq_off"], ["bh_off"]):
        entry = one(tmp_path, program({}, [step]))
        assert [each["kind"] for each in entry["findings"]] == ["atomic context at task exit"]
