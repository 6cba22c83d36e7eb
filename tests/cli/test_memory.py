"""`--memory` on the command line: scenarios and thread programs on machines with store buffers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.process import Done, lockwright_in, make_project

LATE = '''
"""A waker that looks for sleepers before its own store can be seen."""
from lockwright.kernel.barrier import smp_mb
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.waitqueue import WaitQueue, wait_event
from lockwright.scenario import scenario


@scenario("late/wakeup:two", barrier=False)
def two(world, *, barrier):
    """One sleeps until a flag is set, the other sets it and wakes."""
    queue, flag = WaitQueue(world, "wq"), Variable(world, 0, "flag")

    async def sleeper():
        await wait_event(queue, lambda: READ_ONCE(flag))

    async def waker():
        await WRITE_ONCE(flag, 1)
        if barrier:
            await smp_mb()
        if await queue.waitqueue_active():
            await queue.wake_up()

    world.spawn(sleeper(), "sleeper")
    world.spawn(waker(), "waker")
'''


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("late") / "project", scenarios=LATE)


def check(late: Path, *arguments: str) -> Done:
    return lockwright_in(late, "check", "late/wakeup:two", "--rules", "deadlock", *arguments)


def test_a_wakeup_is_lost_only_while_stores_are_delayed_and_without_a_barrier(late: Path) -> None:
    assert check(late).status == 0
    assert check(late, "--memory", "sc").status == 0
    assert check(late, "--memory", "tso").status == 1
    assert check(late, "--memory", "pso").status == 1
    assert check(late, "--memory", "tso", "--param", "barrier=true").status == 0


def test_the_result_names_the_memory_and_its_token_happens_again(late: Path) -> None:
    done = check(late, "--memory", "tso", "--format", "json")
    (result,) = json.loads(done.out)["results"]
    assert result["parameters"] == {"barrier": False, "memory": "tso"}
    assert result["granularity"] == "operation"
    assert any(line.startswith("total store order: ") for line in result["assumptions"])

    token = result["findings"][0]["token"]
    again = lockwright_in(late, "replay", token)
    assert again.status == 1
    assert "memory=tso" in token
    assert "flush of waker" in again.out
    assert "1 task waits for ever: sleeper" in again.out


def test_random_strategies_have_store_buffers_too(late: Path) -> None:
    options = ("--strategy", "random", "--executions", "200", "--seed", "1")
    assert check(late, *options, "--memory", "tso").status == 1
    assert check(late, *options).status == 3  # nothing broken, and not all was seen


def test_a_memory_that_is_not_known_is_a_usage_error(late: Path) -> None:
    option = check(late, "--memory", "arm")
    assert (option.status, option.out) == (2, "")
    assert "'arm' is not one of 'sc', 'tso', 'pso'" in option.err
    parameter = check(late, "--param", "memory=arm")
    assert (parameter.status, parameter.out) == (2, "")
    assert "unknown memory 'arm'; there are: sc, tso, pso" in parameter.err


BUFFERED = {
    "name": "SB",
    "vars": {"x": 0, "y": 0, "a": 0, "b": 0},
    "tasks": {
        "one": [["write", "x", 1], ["read", "y", "r"], ["write", "a", "r"]],
        "two": [["write", "y", 1], ["read", "x", "r"], ["write", "b", "r"]],
    },
}


def program(folder: Path, text: object, *arguments: str) -> Done:
    (folder / "sb.json").write_text(json.dumps(text), encoding="utf-8")
    return lockwright_in(folder, "program", "sb.json", *arguments)


def test_a_program_says_its_memory_and_the_command_line_another(tmp_path: Path) -> None:
    def complete(memory: str | None, *arguments: str) -> tuple[int, str | None]:
        said = {} if memory is None else {"memory": memory}
        done = program(tmp_path, {**BUFFERED, **said}, "--format", "json", *arguments)
        (entry,) = json.loads(done.out)["programs"]
        return entry["complete"], entry.get("memory")

    assert complete(None) == (3, None)
    assert complete("sc") == (3, None)
    assert complete("tso") == (4, "tso")
    assert complete("pso") == (4, "pso")
    assert complete("tso", "--memory", "sc") == (3, None)
    assert complete(None, "--memory", "pso") == (4, "pso")


def test_what_a_file_expects_is_of_its_own_memory(tmp_path: Path) -> None:
    data = {**BUFFERED, "memory": "tso", "expect": {"complete": 4}}
    assert program(tmp_path, data).status == 0
    assert program(tmp_path, {**data, "expect": {"complete": 3}}).status == 1
    assert program(tmp_path, data, "--memory", "tso").status == 0
    other = program(tmp_path, data, "--memory", "sc", "--format", "json")
    assert other.status == 0
    assert json.loads(other.out)["programs"][0]["expected"] == "not said"


def test_a_memory_of_a_program_that_is_not_known_is_a_usage_error(tmp_path: Path) -> None:
    for value in ("arm", 1, ["tso"]):
        done = program(tmp_path, {**BUFFERED, "memory": value})
        assert (done.status, done.out) == (2, "")
        assert f"program SB: its memory is {json.dumps(value)}" in done.err
        assert 'expected: "sc" or "tso" or "pso"' in done.err


def test_a_deadlock_of_a_program_under_weak_memory_happens_again(tmp_path: Path) -> None:
    data = {
        "memory": "tso",
        "vars": {"flag": 0, "asleep": 0, "woken": 0},
        "tasks": {
            "waker": [
                ["write", "flag", 1],
                ["read", "asleep", "r"],
                ["if", ["==", "r", 0], "end"],
                ["write", "woken", 1],
                ["label", "end"],
            ],
            "sleeper": [
                ["write", "asleep", 1],
                ["read", "flag", "r"],
                ["if", ["==", "r", 1], "end"],
                ["await", "woken", "==", 1],
                ["label", "end"],
            ],
        },
    }
    done = program(tmp_path, data, "--format", "json")
    (entry,) = json.loads(done.out)["programs"]
    assert entry["deadlocked"] == 1
    again = program(tmp_path, data, "--replay", entry["deadlocks"][0]["token"])
    assert again.status == 1
    assert "await(woken == 1)" in again.out
    assert program(tmp_path, data, "--memory", "sc").status == 0

    del data["memory"]
    done = program(tmp_path, data, "--memory", "pso", "--format", "json")
    (entry,) = json.loads(done.out)["programs"]
    again = program(tmp_path, data, "--replay", entry["deadlocks"][0]["token"])
    assert again.status == 1
    assert "await(woken == 1)" in again.out


def test_a_load_overtakes_the_release_of_a_spinlock_in_the_form_with_threads(
    tmp_path: Path,
) -> None:
    def data(kind: str, memory: str) -> dict[str, object]:
        def steps(lock: str, mine: str, other: str, seen: str) -> list[list[object]]:
            section: list[list[object]] = [["lock", lock], ["set", mine, 1], ["unlock", lock]]
            return [*section, ["ifz", other, "end"], ["set", seen, 1], ["label", "end"]]

        return {
            "memory": memory,
            "locks": {"A": kind, "B": kind},
            "threads": {"one": steps("A", "x", "y", "a"), "two": steps("B", "y", "x", "b")},
        }

    def blind(kind: str, memory: str) -> bool:
        done = program(tmp_path, data(kind, memory), "--format", "json")
        (entry,) = json.loads(done.out)["programs"]
        return any(
            not each["values"]["a"] and not each["values"]["b"] for each in entry["outcomes"]
        )

    assert not blind("spinlock", "sc")
    assert blind("spinlock", "tso")
    assert not blind("mutex", "tso")


def test_a_joined_thread_has_no_late_stores(tmp_path: Path) -> None:
    data = {
        "memory": "pso",
        "threads": {
            "main": [["spawn", "child"], ["join", "child"], ["ifz", "x", "end"], ["set", "ok", 1],
                     ["label", "end"]],
            "child": [["set", "x", 1]],
        },
    }  # fmt: skip
    done = program(tmp_path, data, "--format", "json")
    (entry,) = json.loads(done.out)["programs"]
    assert [each["values"]["ok"] for each in entry["outcomes"]] == [1]
