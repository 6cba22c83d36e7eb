"""The form with "tasks"."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from tests.program.files import one

Steps = list[list[Any]]


def program(steps: Steps, *others: Steps, **variables: int) -> dict[str, Any]:
    """A program of tasks t, t1, t2, ..."""
    tasks = {"t": steps, **{f"t{n}": other for n, other in enumerate(others, 1)}}
    return {"vars": variables, "tasks": tasks}


def outcomes(folder: Path, steps: Steps, *others: Steps, **variables: int) -> list[dict[str, int]]:
    """The final values, in any order."""
    found = one(folder, program(steps, *others, **variables))["outcomes"]
    values = [outcome["values"] for outcome in found]
    return sorted(values, key=lambda each: sorted(each.items()))


# What is refused

FAULTS: list[tuple[str, list[Any], int, str]] = [
    ("no steps", [], -1, "it has no steps"),
    ("no step", [["read", "x", "r"], 3], 1, "it is 3"),
    ("empty step", [[]], 0, "it is an empty list"),
    ("no operation", [[["read"], "x"]], 0, "it is a list"),
    ("unknown operation", [["reed", "x", "r"]], 0, 'unknown operation "reed"'),
    ("operation of another form", [["rrlock", "m"]], 0, 'unknown operation "rrlock"'),
    ("one item", [["read"]], 0, "it has 1 item\nexpected: [read, var, register]"),
    ("too short", [["read", "x"]], 0, "it has 2 items\nexpected: [read, var, register]"),
    ("too long", [["lock", "m", 1]], 0, "it has 3 items\nexpected: [lock, m]"),
    ("unknown variable", [["read", "z", "r"]], 0, 'unknown variable "z"\nexpected: one of x, y'),
    (
        "variable is a number",
        [["read", 1, "r"]],
        0,
        "the variable is 1\nexpected: a text in quotes: one of x, y",
    ),
    (
        "variable is a lock",
        [["lock", "m"], ["read", "m", "r"]],
        1,
        '"m" is a lock\nexpected: a variable',
    ),
    ("lock is a variable", [["lock", "x"]], 0, '"x" is a variable\nexpected: a lock'),
    ("register is a number", [["read", "x", 1]], 0, "1 is no register"),
    ("register never set", [["write", "x", "r"]], 0, 'register "r" is read, and no step'),
    ("register in a sum", [["write", "x", ["+", 1, "r"]]], 0, 'register "r" is read'),
    ("no expression", [["write", "x", 1.5]], 0, "1.5 is no expression"),
    ("a truth is no number", [["write", "x", True]], 0, "true is no expression"),
    ("unknown sum", [["write", "x", ["-", 1, 2]]], 0, '["-", 1, 2] is no expression'),
    ("unknown relation", [["await", "x", ">", 1]], 0, 'unknown relation ">"\nexpected: one of =='),
    ("no condition", [["if", True, "l"], ["label", "l"]], 0, "true is no condition"),
    ("missing target", [["goto", "l"]], 0, 'expected: a step ["label", "l"]'),
    ("misspelt target", [["label", "again"], ["lock", "m"], ["goto", "agian"]], 2, "did you mean"),
    ("target is a list", [["goto", ["l"]], ["label", "l"]], 0, 'the label is ["l"]'),
    ("label twice", [["label", "l"], ["lock", "m"], ["label", "l"]], 2, 'label "l" is there twice'),
    ("label is a number", [["label", 1]], 0, "it is no label"),
    ("unlock of nothing", [["unlock", "n"]], 0, '"n"\nexpected: one of m; or a lock that'),
    ("runlock of nothing", [["runlock", "n"]], 0, 'no task takes a lock "n"'),
    ("wait without a lock", [["wait", "c", "n"]], 0, 'no task takes a lock "n"'),
    ("lock is a number", [["lock", 3]], 0, "the lock is 3"),
    ("condition is a lock", [["lock", "m"], ["signal", "m"]], 1, '"m" is a lock'),
    ("loop of nothing", [["label", "l"], ["goto", "l"]], 0, "a loop without an operation"),
    ("null", [["write", "x", None]], 0, "null is no expression"),
]


@pytest.mark.parametrize(
    ("steps", "step", "problem"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_names_program_task_and_step(
    tmp_path: Path, steps: Steps, step: int, problem: str
) -> None:
    good: Steps = [["lock", "m"], ["unlock", "m"]]
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, {"vars": {"x": 0, "y": 0}, "tasks": {"good": good, "faulty": steps}})
    where = f"program.json: program program: task faulty: {f'step {step} ' if step >= 0 else ''}"
    assert where in str(error.value)
    assert "\nexpected: " in str(error.value)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"tasks": {}}, "its tasks is an empty object"),
        ({"tasks": []}, "its tasks is an empty list"),
        ({"tasks": {"t": {}}}, "task t: it is an empty object"),
        ({"tasks": {"": [["lock", "m"]]}}, 'its name in tasks is ""'),
        ({"tasks": {"t": [["lock", "m"]]}, "vars": {"x": "0"}}, 'the variable x is "0"'),
        ({"tasks": {"t": [["lock", "m"]]}, "vars": {"x": 0.5}}, "the variable x is 0.5"),
        ({"tasks": {"t": [["lock", "m"]]}, "vars": []}, "its vars is an empty list"),
        (
            {"tasks": {"t": [["lock", "m"]]}, "expect": {"traces": 1}},
            'unknown expectation "traces"',
        ),
        ({"tasks": {"t": [["lock", "m"]]}, "expect": {"complete": "1"}}, "the expected complete"),
    ],
)
def test_a_fault_outside_the_steps_names_the_program(
    tmp_path: Path, data: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)):
        one(tmp_path, data)


def test_a_deep_sum_is_refused_at_its_step(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = ["+", deep, 1]
    with pytest.raises(UsageError, match=r"task t: step 0 .*: it is nested too deeply"):
        one(tmp_path, program([["write", "x", deep]], x=0))


def test_a_register_that_is_not_set_yet_is_an_error_of_that_step(tmp_path: Path) -> None:
    steps: Steps = [
        ["read", "x", "r"],
        ["if", ["==", "r", 0], "out"],
        ["read", "x", "q"],
        ["label", "out"],
        ["write", "x", "q"],
    ]
    entry = one(tmp_path, program(steps, x=0))
    assert entry["verdict"] == "error"
    expected = 'task t: step 4 ["write", "x", "q"]: it reads a register that is not set yet'
    assert entry["reason"].endswith(expected)


@pytest.mark.parametrize(
    ("step", "text"),
    [(["read", "x", "r"], "READ_ONCE(x)"), (["write", "x", 1], "WRITE_ONCE(x, 1)")],
)
def test_an_endless_program_is_an_error_of_its_task(
    tmp_path: Path, step: list[Any], text: str
) -> None:
    steps: Steps = [["label", "l"], step, ["goto", "l"]]
    entry = one(tmp_path, program([["lock", "m"], ["unlock", "m"]], steps, x=0))
    assert set(entry) == {"name", "file", "verdict", "reason"}
    where = "program.json: program program: task t1: it still runs after 20000 steps, now in "
    assert where + text in entry["reason"]
    assert '["await", var, op, expr]' in entry["reason"]


def test_a_number_that_grows_without_bound_is_an_error_in_our_words(tmp_path: Path) -> None:
    steps: Steps = [
        ["read", "x", "r"],
        ["label", "l"],
        ["add", "i", 1, "i"],
        ["write", "x", ["+", ["+", "r", "r"], ["+", "r", "r"]]],
        ["read", "x", "r"],
        ["if", ["<", "i", 20], "l"],
    ]
    large = program(steps, x=10**999, i=0)
    assert one(tmp_path, large)["verdict"] == "verified"
    steps[-1] = ["if", ["<", "i", 6000], "l"]
    reason = one(tmp_path, program(steps, x=10**999, i=0))["reason"]
    limit = sys.get_int_max_str_digits()
    assert reason.endswith(f"it computes a number of more than {limit} digits")


@pytest.mark.parametrize(
    ("step", "remedy"),
    [
        (["read", "z", "r"], 'a declaration of it, "vars": {"z": 0}'),
        (["goto", "z"], 'a step ["label", "z"] in the same task'),
        (["lock", "m", "z"], "[lock, m]"),
        (["unlock", "m"], "a lock that some task takes, with lock, trylock or rlock"),
        (["await", "z", "==", 0], 'a declaration of it, "vars": {"z": 0}'),
    ],
)
def test_an_error_says_how_to_define_what_is_missing(
    tmp_path: Path, step: list[Any], remedy: str
) -> None:
    with pytest.raises(UsageError, match=f"\nexpected: {re.escape(remedy)}$"):
        one(tmp_path, program([step]))


def test_a_register_that_no_step_sets_is_told_how_to_be_set(tmp_path: Path) -> None:
    expected = 'expected: a step before this one that sets it, such as ["read", var, "r"]'
    with pytest.raises(UsageError, match=re.escape(expected)):
        one(tmp_path, program([["write", "x", "r"]], x=0))


# What the operations do


def test_a_read_write_pair_loses_an_update(tmp_path: Path) -> None:
    increment: Steps = [["read", "x", "r"], ["write", "x", ["+", "r", 1]]]
    # rwrw in two orders, and rr then ww in two orders, give 2 and 1
    assert outcomes(tmp_path, increment, increment, x=0) == [{"x": 1}, {"x": 2}]


def test_an_atomic_addition_loses_none_and_gives_the_old_value(tmp_path: Path) -> None:
    one_step: Steps = [["add", "x", 1, "old"], ["write", "y", "old"]]
    found = outcomes(tmp_path, one_step, one_step, x=5, y=0)
    assert found == [{"x": 7, "y": 5}, {"x": 7, "y": 6}]


def test_only_one_compare_and_swap_succeeds(tmp_path: Path) -> None:
    swap: Steps = [["cas", "x", 0, 1, "ok"], ["add", "won", "ok", "r"]]
    assert outcomes(tmp_path, swap, swap, x=0, won=0) == [{"x": 1, "won": 1}]


@pytest.mark.parametrize(("relation", "value"), [("==", 2), ("!=", 1), ("<", 3)])
def test_await_waits_until_it_holds(tmp_path: Path, relation: str, value: int) -> None:
    number = {"==": 2, "!=": 1, "<": 3}[relation]
    waiter: Steps = [["await", "x", relation, number], ["read", "x", "r"], ["write", "y", "r"]]
    start = 3 if relation == "<" else 1
    assert outcomes(tmp_path, waiter, [["write", "x", 2]], x=start, y=0) == [{"x": 2, "y": 2}]


def test_a_task_that_awaits_for_ever_is_a_deadlock(tmp_path: Path) -> None:
    entry = one(tmp_path, program([["await", "x", "==", 1]], x=0))
    assert (entry["complete"], entry["deadlocked"]) == (0, 1)
    assert entry["deadlocks"][0]["tasks"] == {"t": "await(x == 1)"}
    assert entry["outcomes"] == []


def test_jumps_go_where_they_say(tmp_path: Path) -> None:
    # Counts x down from 3 and adds 2 to y each time; then goes round `skipped`.
    steps: Steps = [
        ["label", "again"],
        ["read", "x", "r"],
        ["if", ["==", "r", 0], "done"],
        ["write", "x", ["+", "r", -1]],
        ["add", "y", 2, "old"],
        ["goto", "again"],
        ["label", "skipped"],
        ["write", "y", 100],
        ["label", "done"],
        ["read", "y", "r"],
        ["if", ["<", "r", 6], "skipped"],
    ]
    assert outcomes(tmp_path, steps, x=3, y=0) == [{"x": 0, "y": 6}]


def test_a_trylock_that_fails_jumps(tmp_path: Path) -> None:
    other: Steps = [["trylock", "m", "out"], ["write", "x", 1], ["unlock", "m"], ["label", "out"]]
    holder: Steps = [["lock", "m"], ["read", "x", "r"], ["unlock", "m"]]
    assert outcomes(tmp_path, holder, other, x=0) == [{"x": 0}, {"x": 1}]


def test_readers_share_and_a_writer_does_not(tmp_path: Path) -> None:
    reader: Steps = [["rlock", "m"], ["add", "n", 1, "r"], ["add", "n", -1, "q"], ["runlock", "m"]]
    writer: Steps = [["lock", "m"], ["read", "n", "r"], ["write", "seen", "r"], ["unlock", "m"]]
    together: Steps = [["rlock", "m"], ["await", "n", "==", 1], ["runlock", "m"]]
    assert outcomes(tmp_path, reader, writer, n=0, seen=9) == [{"n": 0, "seen": 0}]
    assert {"n": 0} in outcomes(tmp_path, reader, together, n=0)


def test_the_order_of_readers_counts(tmp_path: Path) -> None:
    reader: Steps = [["rlock", "m"], ["runlock", "m"]]
    writer: Steps = [["lock", "m"], ["unlock", "m"]]
    entry = one(tmp_path, program(reader, reader, writer))
    # 3! orders of the sections one by one; where the readers overlap, 2 orders of their acquires,
    # 2 of their releases, and the writer before or after them: 6 + 8
    assert (entry["complete"], entry["deadlocked"], entry["verdict"]) == (14, 0, "verified")


def test_a_lock_may_be_held_while_another_is_taken_whatever_it_is(tmp_path: Path) -> None:
    nested: Steps = [["rlock", "m"], ["lock", "n"], ["unlock", "n"], ["runlock", "m"]]
    assert one(tmp_path, program(nested))["findings"] == []


def test_a_signal_without_a_waiter_is_lost(tmp_path: Path) -> None:
    waiter: Steps = [["lock", "m"], ["wait", "c", "m"], ["unlock", "m"]]
    entry = one(tmp_path, program(waiter, [["signal", "c"]]))
    # the signal comes before or after the wait
    assert (entry["complete"], entry["deadlocked"]) == (1, 1)
    assert entry["deadlocks"][0]["tasks"] == {"t": "cond_wait(c, m)"}


def test_a_signal_wakes_one_waiter_whichever(tmp_path: Path) -> None:
    def waiter(number: int) -> Steps:
        return [["lock", "m"], ["wait", "c", "m"], ["add", "woken", number, "r"], ["unlock", "m"]]

    ready: Steps = [["await", "go", "==", 1], ["signal", "c"]]
    entry = one(
        tmp_path, program(waiter(1), waiter(10), ready, [["write", "go", 1]], woken=0, go=0)
    )
    waits = {tuple(sorted(each["tasks"])) for each in entry["deadlocks"]}
    assert waits == {("t",), ("t1",), ("t", "t1")}


def test_a_broadcast_wakes_all(tmp_path: Path) -> None:
    waiter: Steps = [
        ["lock", "m"],
        ["label", "again"],
        ["read", "f", "r"],
        ["if", ["==", "r", 1], "go"],
        ["wait", "c", "m"],
        ["goto", "again"],
        ["label", "go"],
        ["unlock", "m"],
    ]
    setter: Steps = [["lock", "m"], ["write", "f", 1], ["broadcast", "c"], ["unlock", "m"]]
    entry = one(tmp_path, program(setter, waiter, waiter, f=0))
    assert (entry["complete"], entry["deadlocked"], entry["sleep_set_blocked"]) == (10, 0, 0)


# What is said of it


def test_a_deadlock_comes_with_its_tasks_and_a_token(tmp_path: Path) -> None:
    first: Steps = [["lock", "a"], ["lock", "b"], ["unlock", "b"], ["unlock", "a"]]
    second: Steps = [["lock", "b"], ["lock", "a"], ["unlock", "a"], ["unlock", "b"]]
    entry = one(tmp_path, program(first, second))
    assert (entry["verdict"], entry["complete"], entry["deadlocked"]) == ("violated", 2, 1)
    (deadlock,) = entry["deadlocks"]
    assert deadlock["tasks"] == {"t": "mutex_lock(b)", "t1": "mutex_lock(a)"}
    assert deadlock["token"].startswith("lw1~program/program:program~~")
    lockdep = entry["lockdep"]
    assert lockdep["kind"] == "possible circular locking dependency"
    assert (lockdep["task"], lockdep["step"], lockdep["reality"]) == ("t1", 1, "confirmed")
    assert "t1+0x1/0x4" in lockdep["text"]


def test_an_unlock_of_what_is_not_held_is_the_validators(tmp_path: Path) -> None:
    entry = one(tmp_path, program([["unlock", "m"], ["lock", "m"]]))
    lockdep = entry["lockdep"]
    assert (lockdep["kind"], lockdep["task"], lockdep["step"]) == ("bad unlock balance", "t", 0)
    assert entry["findings"] == []


def test_a_lock_that_a_task_ends_with_is_a_finding(tmp_path: Path) -> None:
    entry = one(tmp_path, program([["lock", "m"]]))
    assert entry["verdict"] == "violated"
    assert entry["lockdep"] is None
    assert [finding["kind"] for finding in entry["findings"]] == ["lock held at task exit"]


@pytest.mark.parametrize(("complete", "said"), [(1, "ok"), (2, "mismatch")])
def test_what_the_file_expects_is_compared(tmp_path: Path, complete: int, said: str) -> None:
    entry = one(tmp_path, {**program([["write", "x", 1]], x=0), "expect": {"complete": complete}})
    assert entry["expected"] == said
    wanted = [] if said == "ok" else ["complete: expected 2, got 1"]
    assert entry["mismatches"] == wanted
