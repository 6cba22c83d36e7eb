"""What the validator predicts of a program of steps, tried out by threads."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.errors import UsageError
from lockwright.options import Options
from lockwright.program.command import read_program, replay_program, run_program_files
from lockwright.program.concurrent import attempts
from lockwright.program.document import read_file
from lockwright.program.selftest import SelfTest
from lockwright.program.verdict import judge
from lockwright.token import parse_token
from tests.program.files import DATA, one, written

TESTS = DATA / "locking_selftests.json"
Steps = list[list[Any]]
SPIN = {name: {"type": "spinlock", "cls": name} for name in "ABG"}
READ = {"S": {"type": "rwsem", "cls": "S"}, "B": {"type": "mutex", "cls": "B"}}


def nested(*locks: str, modes: str = "") -> Steps:
    """Take these in this order, and release them."""
    modes = modes or "W" * len(locks)
    return [
        *(["lock", lock, mode, None] for lock, mode in zip(locks, modes, strict=True)),
        *(["unlock", lock, None, None] for lock in reversed(locks)),
    ]


def bare(*ops: str) -> Steps:
    """Steps without a lock."""
    return [[op, None, None, None] for op in ops]


def tried(lockdep: dict[str, Any]) -> list[str]:
    """What came of each attempt."""
    return [each["outcome"] for each in lockdep["tried"]]


def test_two_orders_deadlock_as_two_threads(tmp_path: Path) -> None:
    lockdep = one(tmp_path, {"locks": SPIN, "steps": nested("A", "B") + nested("B", "A")})[
        "lockdep"
    ]
    assert lockdep["reality"] == "confirmed"
    (attempt,) = lockdep["tried"]
    assert attempt["program"]["threads"] == {
        "CPU0": [["lock", "A"], ["lock", "B"], ["unlock", "B"], ["unlock", "A"]],
        "CPU1": [["lock", "B"], ["lock", "A"], ["unlock", "A"], ["unlock", "B"]],
    }
    # the deadlock is in the first three, or there is none
    assert attempt["executions"] <= 3


def test_a_gate_lock_refutes_it(tmp_path: Path) -> None:
    steps = nested("G", "A", "B") + nested("G", "B", "A")
    lockdep = one(tmp_path, {"locks": SPIN, "steps": steps})["lockdep"]
    assert (lockdep["kind"], lockdep["reality"]) == (
        "possible circular locking dependency",
        "refuted",
    )
    assert tried(lockdep) == ["refuted"]
    assert lockdep["because"].startswith("nothing deadlocks on it: tried each section of the steps")
    assert lockdep["proof"] is None


def test_fair_readers_need_a_writer_that_is_queued(tmp_path: Path) -> None:
    steps = nested("S", "B", modes="rW") + nested("B", "S", modes="Wr")
    lockdep = one(tmp_path, {"locks": READ, "steps": steps})["lockdep"]
    assert tried(lockdep) == ["refuted", "confirmed"]
    assert ["wlock", "S"] in lockdep["tried"][1]["program"]["threads"]["CPU2"]


def test_nobody_writes_what_the_cycle_has_nothing_to_do_with(tmp_path: Path) -> None:
    locks = {**READ, "Z": {"type": "rwsem", "cls": "Z"}}
    steps = nested("S", "B", "Z", modes="rWr") + nested("B", "S", modes="Wr")
    lockdep = one(tmp_path, {"locks": locks, "steps": steps})["lockdep"]
    threads = lockdep["tried"][-1]["program"]["threads"]
    writes = [step for steps in threads.values() for step in steps if step[0] == "wlock"]
    assert writes == [["wlock", "S"]]


def test_two_locks_of_a_class_are_tried_in_the_other_order(tmp_path: Path) -> None:
    locks = {name: {"type": "mutex", "cls": "A"} for name in ("a1", "a2")}
    lockdep = one(tmp_path, {"locks": locks, "steps": nested("a1", "a2")})["lockdep"]
    assert (lockdep["kind"], tried(lockdep)) == (
        "possible recursive locking",
        ["refuted", "confirmed"],
    )
    assert lockdep["tried"][1]["program"]["threads"]["CPU1"][:2] == [["lock", "a2"], ["lock", "a1"]]


def test_a_handler_comes_on_top_of_the_threads_and_of_an_idle_cpu(tmp_path: Path) -> None:
    steps = [*bare("hardirq_enter"), *nested("A"), *bare("hardirq_exit"), *nested("A")]
    lockdep = one(tmp_path, {"locks": SPIN, "steps": steps})["lockdep"]
    assert (lockdep["kind"], lockdep["reality"]) == ("inconsistent lock state", "confirmed")
    program = lockdep["tried"][0]["program"]
    assert program["irq"] == {"hardirq0": {"on": ["CPU0", "idle"], "context": "hardirq"}}


def test_a_gate_lock_refutes_what_an_interrupt_could_do(tmp_path: Path) -> None:
    # A is taken by the handler, and before B, which is taken with interrupts on.  Whoever holds B
    # holds G; so nobody else waits for B with A in hand while the handler waits for A.
    steps = [
        *bare("hardirq_enter"),
        *nested("A"),
        *bare("hardirq_exit", "hardirq_disable"),
        *nested("G", "A", "B"),
        *bare("hardirq_enable"),
        *nested("G", "B"),
    ]
    lockdep = one(tmp_path, {"locks": SPIN, "steps": steps})["lockdep"]
    assert lockdep["kind"] == "possible irq lock inversion"
    assert (lockdep["reality"], tried(lockdep)) == ("refuted", ["refuted"])
    without = [step for step in steps if step[1] != "G"]
    assert one(tmp_path, {"locks": SPIN, "steps": without})["lockdep"]["reality"] == "confirmed"


def test_what_the_steps_leave_behind_the_threads_put_back(tmp_path: Path) -> None:
    steps = [
        *nested("A", "B"),
        *bare("hardirq_disable", "softirq_disable"),
        *nested("B", "A")[:2],
    ]
    lockdep = one(tmp_path, {"locks": SPIN, "steps": steps})["lockdep"]
    assert lockdep["tried"][0]["program"]["threads"]["CPU1"] == [
        *(["irq_off"], ["bh_off"], ["lock", "B"], ["lock", "A"]),
        *(["unlock", "A"], ["unlock", "B"], ["irq_on"], ["bh_on"]),
    ]


def test_what_has_happened_is_no_prediction(tmp_path: Path) -> None:
    lockdep = one(tmp_path, {"locks": SPIN, "steps": [["unlock", "A", None, None]]})["lockdep"]
    assert (lockdep["reality"], lockdep["because"], lockdep["tried"]) == (
        "confirmed",
        "it has happened",
        [],
    )


def test_what_nobody_waits_for_stays_open(tmp_path: Path) -> None:
    locks = {name: {"type": "ww_acquire_ctx", "cls": "x_acquire"} for name in ("t", "t2")}
    steps = [["ww_acquire_init", name, None, None] for name in ("t", "t2")]
    lockdep = one(tmp_path, {"locks": locks, "steps": steps})["lockdep"]
    assert (lockdep["reality"], lockdep["because"]) == (
        "open",
        "not tried: nobody ever waits for x_acquire",
    )


def test_a_bound_leaves_it_open_and_says_what_was_tried(tmp_path: Path) -> None:
    # one execution and one at random, of many
    pairs = [("S", "B"), ("B", "C"), ("C", "S")]
    locks = {name: {"type": "rwsem", "cls": name} for name in "SBC"}
    steps = [step for pair in pairs for step in nested(*pair, modes="rr")]
    document = read_file(written(tmp_path, {"locks": locks, "steps": steps}))[0]
    options = Options(granularity="operation", executions=1)
    lockdep = judge(read_program(document), document, options).data["lockdep"]
    assert lockdep["reality"] == "open"
    assert lockdep["because"].endswith("(2 executions), not all to the end")
    assert judge(read_program(document), document).data["lockdep"]["reality"] == "confirmed"


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """What comes of each recorded self-test that reports."""
    text, status = run_program_files([TESTS], fmt="json")
    assert status == 1
    return [entry for entry in json.loads(text)["programs"] if entry["lockdep"]]


def test_all_predictions_of_the_kernels_own_tests_are_settled(
    recorded: list[dict[str, Any]],
) -> None:
    # they are made so that the validator is right: nothing is refuted, and open is only what
    # nobody waits for
    reality = {entry["name"]: entry["lockdep"]["reality"] for entry in recorded}
    assert len(reality) == 163
    assert {name: what for name, what in reality.items() if what != "confirmed"} == {
        "ww_test_two_contexts": "open"
    }


def test_a_search_ends_when_it_has_found_what_it_was_for(recorded: list[dict[str, Any]]) -> None:
    # three threads and three writers have more than the thousand that an attempt has at most in
    # order; of the thousand at random that follow, one of the first deadlocks
    named = {entry["name"]: entry["lockdep"] for entry in recorded}
    without, with_writers = named["ABBCCA_rsem"]["tried"]
    assert (without["outcome"], with_writers["outcome"]) == ("refuted", "confirmed")
    assert 1000 < with_writers["executions"] < 2000


def test_every_proof_replays(recorded: list[dict[str, Any]]) -> None:
    proofs = [each["lockdep"] for each in recorded if each["lockdep"]["proof"]]
    assert len(proofs) > 120
    for lockdep in proofs[::8]:
        text, status = replay_program([TESTS], lockdep["proof"], fmt="json")
        assert status == 1
        assert "deadlock" in [finding["kind"] for finding in json.loads(text)["findings"]]


def test_the_proof_and_the_way_to_replay_it_are_printed(tmp_path: Path) -> None:
    path = written(tmp_path, {"locks": SPIN, "steps": nested("A", "B") + nested("B", "A")})
    text, _ = run_program_files([path])
    said = " ".join(text.split())
    assert "confirmed: it happens, with each section of the steps at the same time: 2 tasks" in said
    token = re.search(r"--replay '?([^'\s]+)'?\n", text)
    assert token is not None
    assert replay_program([path], token[1])[1] == 1


def test_a_number_that_no_attempt_has_cannot_be_replayed(tmp_path: Path) -> None:
    path = written(tmp_path, {"locks": SPIN, "steps": nested("A", "B") + nested("B", "A")})
    proof = json.loads(run_program_files([path], fmt="json")[0])["programs"][0]["lockdep"]["proof"]
    token = parse_token(proof)
    for made in (":sections7", ""):
        wrong = replace(token, scenario=token.scenario.replace(":sections1", made))
        with pytest.raises(UsageError, match="it has no schedules"):
            replay_program([path], str(wrong))


def test_a_section_that_comes_again_is_one_thread(tmp_path: Path) -> None:
    steps = nested("A", "B") + nested("A", "B") + nested("B", "A")
    lockdep = one(tmp_path, {"locks": SPIN, "steps": steps})["lockdep"]
    assert list(lockdep["tried"][0]["program"]["threads"]) == ["CPU0", "CPU1"]


def test_sections_that_have_nothing_to_do_with_it_are_left_out(tmp_path: Path) -> None:
    steps = nested("A", "B") + nested("G") + nested("B", "A")
    document = read_file(written(tmp_path, {"locks": SPIN, "steps": steps}))[0]
    test = read_program(document)
    assert isinstance(test, SelfTest)
    first = next(attempts(test, ("A", "B")))
    assert list(first.program.document.data["threads"]) == ["CPU0", "CPU1"]
    assert list(first.program.document.data["locks"]) == ["A", "B"]
