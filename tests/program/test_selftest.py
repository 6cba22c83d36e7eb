"""The form with "steps": the kernel's own locking self-tests as programs."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.program.command import read_program
from lockwright.program.document import Document, read_file
from lockwright.program.selftest import Played, SelfTest
from tests.program.files import DATA, one

LOCKS = {"a": {"type": "mutex", "cls": "A"}, "b": {"type": "mutex", "cls": "B"}}
TESTS = read_file(DATA / "locking_selftests.json")


def played(document: Document) -> Played:
    """What the validator says of a self-test."""
    test = read_program(document)
    assert isinstance(test, SelfTest), document.name
    return test.play()


def test_every_one_is_as_the_kernel_has_it() -> None:
    kinds: Counter[str] = Counter()
    for document in TESTS:
        said = played(document)
        kind = said.report.kind if said.report else "ok"
        kinds[kind] += 1
        data = document.data
        expected = data["expected"] if data["expected"] == "ok" else data["report_kind"]
        assert (kind, said.failed, said.remarks) == (expected, (), ()), document.name
        assert said.report is None or said.step == data["report_step"], document.name
    # what the file itself says: 266 programs, 163 of which report
    assert sum(kinds.values()) == 266
    assert kinds["ok"] == 103


def test_the_kernels_own_search_gives_the_same_on_all_of_them() -> None:
    for document in TESTS:
        test = read_program(document)
        assert isinstance(test, SelfTest)
        kernel = test.play(kernel_search=True).report
        assert (kernel and kernel.kind) == document.data.get("report_kind"), document.name


# Steps that are not among the recorded ones

WW = {
    **{name: {"type": "ww_mutex", "cls": "ww_lockdep_mutex"} for name in ("o", "o2", "o3")},
    "t": {"type": "ww_acquire_ctx", "cls": "ww_lockdep_acquire"},
}
API = "API state warning (DEBUG_LOCKS_WARN_ON)"


def ww(op: str, lock: str | None, **info: object) -> list[Any]:
    """A step about ww mutexes."""
    takes = op.startswith("ww_") and "lock" in op and "unlock" not in op
    return [op, lock, "W" if takes else None, info or None]


HELD_BY_AN_OLDER_ONE = [
    ww("ww_base_lock", "o2"),
    ww("lockdep_release", "o2"),
    ww("set", None, what="o2.ctx = t2"),
    ww("ww_acquire_init", "t"),
    ww("set", None, what="t2 = copy of t"),
    ww("set", None, what="t2.stamp -= 1"),
    ww("ww_lock", "o", nest="t", result=0),
    ww("ww_lock", "o2", nest="t", result="EDEADLK"),
]
GIVEN_UP_BY_IT = [
    ww("set", None, what="o2.ctx = NULL"),
    ww("lockdep_acquire_try", "o2"),
    ww("ww_base_unlock", "o2"),
]


@pytest.mark.parametrize(
    ("steps", "kind", "step"),
    [
        # a copy of a context is no lock that is held: the same class is on top, and merges
        (
            [
                ww("ww_acquire_init", "t"),
                ww("set", None, what="t.stamp += 1"),
                ww("ww_lock", "o", nest="t", result=0),
                ww("set", None, what="check o.ctx set"),
                ww("ww_lock", "o", nest="t", result="EALREADY"),
                ww("ww_trylock", "o", result=0),
                ww("set", None, what="t2 = copy of t"),
                ww("set", None, what="t2.stamp++"),
                ww("ww_lock", "o", nest="t2", result="EDEADLK"),
            ],
            None,
            0,
        ),
        (
            [ww("ww_acquire_init", "t"), ww("ww_acquire_done", "t"), ww("ww_acquire_done", "t")],
            API,
            2,
        ),
        (
            [
                ww("ww_acquire_init", "t"),
                ww("ww_acquire_done", "t"),
                ww("ww_lock", "o", nest="t"),
            ],
            API,
            2,
        ),
        (
            [
                *HELD_BY_AN_OLDER_ONE,
                *GIVEN_UP_BY_IT,
                ww("ww_unlock", "o"),
                ww("ww_lock", "o2", nest="t"),
            ],
            None,
            0,
        ),
        (
            [
                *HELD_BY_AN_OLDER_ONE,
                *GIVEN_UP_BY_IT,
                ww("ww_unlock", "o"),
                ww("ww_lock_slow", "o2", nest="t"),
            ],
            None,
            0,
        ),
        ([*HELD_BY_AN_OLDER_ONE, *GIVEN_UP_BY_IT, ww("ww_lock", "o2", nest="t")], API, 11),
        ([*HELD_BY_AN_OLDER_ONE, *GIVEN_UP_BY_IT, ww("ww_lock_slow", "o2", nest="t")], API, 11),
        ([*HELD_BY_AN_OLDER_ONE, ww("ww_lock", "o3", nest="t")], API, 8),
        ([ww("ww_lock", "o"), ww("if_trylock_then_unlock", "o")], API, 1),
        ([ww("if_trylock_then_unlock", "o"), ww("ww_lock", "o"), ww("ww_unlock", "o")], None, 0),
    ],
)
def test_ww_mutexes_check_their_state(
    tmp_path: Path, steps: list[Any], kind: str | None, step: int
) -> None:
    entry = one(tmp_path, {"locks": WW, "steps": steps})
    lockdep = entry["lockdep"]
    assert (lockdep and (lockdep["kind"], lockdep["step"])) == (kind and (kind, step))
    assert entry["findings"] == []


@pytest.mark.parametrize(
    ("what", "failed"),
    [
        ("check o.ctx unchanged", False),
        ("check o.ctx = t2", False),
        ("check o.ctx is set", False),
        ("check o.ctx = NULL", True),
        ("check o.ctx = t3", True),
        ("check t.acquired = 0", False),
        ("check t.acquired == 2", True),
    ],
)
def test_a_check_of_the_steps_is_made(tmp_path: Path, what: str, failed: bool) -> None:
    steps = [
        ww("ww_acquire_init", "t"),
        ww("set", None, what="o.ctx = t2"),
        ww("set", None, what=what),
    ]
    entry = one(tmp_path, {"locks": WW, "steps": steps})
    assert [each["kind"] for each in entry["findings"]] == ["check failed"] * failed
    assert entry["verdict"] == ("violated" if failed else "verified")
    assert all(each["message"].startswith(f"step 2: {what}: it is ") for each in entry["findings"])


@pytest.mark.parametrize("what", ["o.ctx := t", "o.colour = red", "t.stamp = red", "o.ctx"])
def test_an_assignment_that_nobody_understands_is_not_supported(tmp_path: Path, what: str) -> None:
    steps = [ww("ww_lock", "o"), ww("set", None, what=what)]
    entry = one(tmp_path, {"locks": WW, "steps": steps})
    assert entry["verdict"] == "not supported"
    assert entry["reason"].startswith(f'step 1, set "{what}": known are "o.ctx = t"')


def test_a_check_that_nobody_understands_is_told_of(tmp_path: Path) -> None:
    entry = one(tmp_path, {"locks": WW, "steps": [ww("set", None, what="check the weather")]})
    assert entry["remarks"] == ["step 0: not understood, and not checked: check the weather"]


def test_reclaim_nests_in_itself_unless_a_scope_forbids_it(tmp_path: Path) -> None:
    def alloc(op: str, gfp: str = "GFP_KERNEL") -> list[Any]:
        return [op, None, None, {"gfp": gfp}]

    begin, end = alloc("fs_reclaim_acquire"), alloc("fs_reclaim_release")
    kinds = {}
    for scope in ("nofs", "noio", "noreclaim"):
        save, restore = [[f"memalloc_{scope}_{x}", None, None, None] for x in ("save", "restore")]
        steps = [begin, save, alloc("might_alloc"), restore, alloc("might_alloc"), end]
        entry = one(tmp_path, {"locks": {}, "steps": steps})
        kinds[scope] = (entry["lockdep"]["kind"], entry["lockdep"]["step"])
    assert set(kinds.values()) == {("possible recursive locking", 4)}
    flags = "GFP_KERNEL & ~__GFP_FS"
    assert (
        one(tmp_path, {"locks": {}, "steps": [begin, alloc("might_alloc", flags), end]})["verdict"]
        == "verified"
    )


@pytest.mark.parametrize(
    ("condition", "supported"),
    [
        ({"only_if": "PROVE_RAW_LOCK_NESTING"}, True),
        ({"skip_if": "PREEMPT_RT"}, True),
        ({"only_if": "PREEMPT_RT"}, False),
        ({"skip_if": "QUEUED_RWLOCKS"}, False),
    ],
)
def test_a_test_for_another_kernel_is_not_supported(
    tmp_path: Path, condition: dict[str, str], supported: bool
) -> None:
    steps = [["lock", "a", "W", None], ["unlock", "a", None, None]]
    entry = one(tmp_path, {"locks": LOCKS, "steps": steps, **condition})
    assert (entry["verdict"] == "not supported") is not supported
    assert supported or entry["reason"].startswith("it is not for the kernel that is modelled here")


def test_a_step_for_another_kernel_is_left_out(tmp_path: Path) -> None:
    again = ["lock", "a", "W", {"only_if": "PREEMPT_RT"}]
    steps = [["lock", "a", "W", None], again, ["unlock", "a", None, None]]
    assert one(tmp_path, {"locks": LOCKS, "steps": steps})["verdict"] == "verified"


def test_a_hole_in_the_kernels_search_is_told_beside_ours(tmp_path: Path) -> None:
    # X -> A, A -> Y by a recursive reader: a weak path that marks Y as visited before the strong
    # one over B, for which the search then has no eyes
    locks = {name: {"type": "spinlock", "cls": name} for name in "XYB"}
    locks["A"] = {"type": "rwlock", "cls": "A"}
    by_a = [("X", "W", "A", "R"), ("A", "R", "Y", "W")]
    by_b = [("X", "W", "B", "W"), ("B", "W", "Y", "W")]

    def steps(*pairs: tuple[str, str, str, str]) -> list[list[Any]]:
        return [
            step
            for outer, how, inner, mode in pairs
            for step in (
                ["lock", outer, how, None],
                ["lock", inner, mode, None],
                ["unlock", inner, None, None],
                ["unlock", outer, None, None],
            )
        ]

    circular = "possible circular locking dependency"
    last = ("Y", "W", "X", "W")
    hidden = one(tmp_path, {"locks": locks, "steps": steps(*by_a, *by_b, last)})
    seen = one(tmp_path, {"locks": locks, "steps": steps(*by_b, *by_a, last)})
    assert (hidden["lockdep"]["kind"], hidden["kernel"]) == (circular, "ok")
    assert (seen["lockdep"]["kind"], seen["kernel"]) == (circular, circular)


def test_a_report_names_its_step(tmp_path: Path) -> None:
    steps = [["lock", "a", "W", None], ["lock", "a", "W", None]]
    entry = one(tmp_path, {"locks": LOCKS, "steps": steps})
    assert (entry["verdict"], entry["complete"]) == ("violated", 1)
    assert entry["lockdep"]["kind"] == "possible recursive locking"
    assert entry["lockdep"]["step"] == 1
    assert "lock+0x0/0x1" in entry["lockdep"]["text"]
    assert entry["lockdep"]["token"] is None


@pytest.mark.parametrize(
    ("expected", "mismatch"),
    [
        ({"expected": "ok"}, "lockdep: expected ok, got bad unlock balance"),
        ({"expected": "report", "report_step": 1}, "lockdep at step: expected 1, got 0"),
        (
            {"expected": "report", "report_kind": "held lock freed"},
            "lockdep: expected held lock freed, got bad unlock balance",
        ),
    ],
)
def test_what_the_file_expects_is_compared(
    tmp_path: Path, expected: dict[str, Any], mismatch: str
) -> None:
    steps = [["unlock", "a", None, None], ["lock", "b", "W", None]]
    entry = one(tmp_path, {"locks": LOCKS, "steps": steps, **expected})
    assert entry["mismatches"] == [mismatch]


# What is refused

SET = "set", None, None


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (["lokc", "a", "W", None], 'unknown operation "lokc"'),
        (["lock", "c", "W", None], 'unknown lock "c"\nexpected: one of a, b'),
        (["lock", "a", "X", None], 'unknown mode "X"\nexpected: one of R, W, r'),
        (["lock", "a", None, None], "the mode is null\nexpected: a text in quotes: one of R, W, r"),
        (["lock"], "it has 1 item\nexpected: [lock, lock, mode, info]"),
        (["lock", "a", "W"], "it has 3 items\nexpected: [lock, lock, mode, info]"),
        (["lock", "a", "W", {"nest": "c"}], 'its info is {"nest": "c"}'),
        (["lock", "a", "W", {"nset": "b"}], 'its info is {"nset": "b"}'),
        (["unlock", "a", None, 1], "its info is 1"),
        (["unlock", "a", None, {"nest": "b"}], 'its info is {"nest": "b"}\nexpected: null'),
        (["set_subclass", "a", None, {"subclass": "1"}], 'its subclass is "1"'),
        (["set_subclass", "a", None, None], "its info is null"),
        (["hardirq_enter", "a", None, None], 'its lock is "a"\nexpected: null'),
        (["ww_lock", "a", "W", None], "a is a mutex\nexpected: a ww_mutex"),
        (["ww_acquire_init", "o", None, None], "o is a ww_mutex\nexpected: a ww_acquire_ctx"),
        (["ww_lock", "o", "r", None], 'its mode is "r"\nexpected: "W" or null'),
        (["ww_lock", "o", "W", {"result": 7}], "its result is 7\nexpected: one of [0, 1,"),
        (["ww_lock_slow", "o", "W", None], 'its info is null\nexpected: {"nest": lock}'),
        (["might_alloc", None, None, None], 'its info is null\nexpected: {"gfp": "GFP_KERNEL"}'),
        (["might_alloc", None, None, {"gfp": "GFP_FOO"}], 'its gfp is "GFP_FOO"'),
        ([*SET, None], 'its info is null\nexpected: {"what": text}'),
        ([*SET, {"what": 1}], "its what is 1\nexpected: a text: "),
        ([*SET, {"what": "o.ctx = t", "only_if": "FOO"}], 'unknown only_if "FOO"'),
    ],
)
def test_a_fault_names_the_step(tmp_path: Path, step: list[Any], problem: str) -> None:
    steps = [["lock", "b", "W", None], step]
    locks: dict[str, Any] = {**LOCKS, "o": WW["o"]}
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        one(tmp_path, {"locks": locks, "steps": steps})
    assert "program.json: program program: task steps: step 1 " in str(error.value)


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ({"type": "mutex"}, 'lock a is {"type": "mutex"}'),
        ({"type": "futex", "cls": "A"}, 'unknown type of lock a: "futex"'),
        ({"type": ["mutex"], "cls": "A"}, 'the type of lock a is ["mutex"]'),
        ({"type": "mutex", "cls": ""}, 'its cls of lock a is ""'),
    ],
)
def test_a_fault_in_a_lock_names_it(tmp_path: Path, lock: object, problem: str) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)):
        one(tmp_path, {"locks": {"a": lock}, "steps": [["lock", "a", "W", None]]})


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"only_if": "FOO"}, 'unknown only_if "FOO"\nexpected: one of DEBUG_WW_MUTEXES'),
        ({"skip_if": 1}, "the skip_if is 1"),
        ({"read_lock_recursive": "now and then"}, 'unknown read_lock_recursive "now and then"'),
    ],
)
def test_a_fault_in_a_condition_names_the_program(
    tmp_path: Path, more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(problem)):
        one(tmp_path, {"locks": LOCKS, "steps": [["lock", "a", "W", None]], **more})
