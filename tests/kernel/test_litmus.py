"""Litmus tests and small programs with the numbers of traces under each memory model."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.guided import guided_search
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run, trace_key
from lockwright.program.document import Place, read_text
from lockwright.program.program import Program
from lockwright.program.tasks import read_tasks
from lockwright.schedule.random_walk import RandomWalk
from tests.kernel.store_machine import classes
from tests.kernel.weak import ALL, WEAK, making

DATA = Path(__file__).parent.parent / "data"
LITMUS = json.loads((DATA / "litmus.json").read_text(encoding="utf-8"))["programs"]
PROGRAMS = json.loads((DATA / "weak_programs.json").read_text(encoding="utf-8"))["programs"]

Values = tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Seen:
    """What a search saw: `stuck` counts the runs with a task that waits for ever."""

    traces: list[Any] = field(default_factory=list)
    finals: list[Values] = field(default_factory=list)
    stuck: int = 0
    sleeping: int = 0


def compiled(data: dict[str, Any]) -> Program:
    (document,) = read_text(json.dumps(data), Place("litmus.json"))
    return read_tasks(document)


def make_of(program: Program, memory: str) -> MakeWorld:
    build = program.builder()

    def setup(world: World) -> None:
        build(world)

    return making(setup, memory)


def seen(program: Program, runs: Iterable[Run]) -> Seen:
    found = Seen()
    for run in runs:
        world = run.world
        assert not world.findings
        if run.sleeping:
            found.sleeping += 1
            continue
        found.traces.append(trace_key(run))
        if world.blocked():
            found.stuck += 1
        else:
            found.finals.append(
                tuple((name, world.state[at].value) for name, at in program.variables.items())
            )
        world.close()
    return found


def explored(data: dict[str, Any], memory: str) -> Seen:
    program = compiled(data)
    return seen(program, Dpor(make_of(program, memory)))


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("data", LITMUS, ids=[data["name"] for data in LITMUS])
def test_a_litmus_test_has_its_traces_and_reaches_what_it_can(
    data: dict[str, Any], memory: str
) -> None:
    found = explored(data, memory)

    assert (len(found.finals), found.stuck, found.sleeping) == (data["traces"][memory], 0, 0)
    assert len(set(found.traces)) == len(found.traces)
    asked = set(data["asked"].items())
    reached = any(asked <= set(final) for final in found.finals)
    assert reached == (memory in data["reachable"])


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("data", PROGRAMS, ids=[data["name"] for data in PROGRAMS])
def test_a_program_has_its_traces_and_errors(data: dict[str, Any], memory: str) -> None:
    found = explored(data, memory)

    failed = [final for final in found.finals if any(v for n, v in final if n.startswith("err"))]
    got = {"complete": len(found.finals), "stuck": found.stuck, "errors": len(failed)}
    expected = data["counts"][memory]
    assert {name: got[name] for name in expected} == expected
    assert found.sleeping == 0


@pytest.mark.parametrize("memory", ALL)
@pytest.mark.parametrize("data", LITMUS, ids=[data["name"] for data in LITMUS])
def test_the_reference_has_the_same_traces(data: dict[str, Any], memory: str) -> None:
    complete, stuck, finals = classes(data, memory)
    found = explored(data, memory)

    assert (len(complete), len(stuck)) == (len(found.finals), found.stuck)
    assert finals == set(found.finals)


SMALL = [data for data in LITMUS if data["name"] in ("SB", "MP", "S", "R", "n6", "SBrfi", "TWOW")]


def without_results(data: dict[str, Any]) -> dict[str, Any]:
    """The same program, whose registers nobody sees: fewer steps for plain search."""
    tasks = {
        name: [step for step in steps if step[1][0] != "r"] for name, steps in data["tasks"].items()
    }
    return {**data, "tasks": tasks}


@pytest.mark.parametrize("memory", WEAK)
@pytest.mark.parametrize("data", SMALL, ids=[data["name"] for data in SMALL])
def test_plain_search_and_random_walks_see_the_same_traces(
    data: dict[str, Any], memory: str
) -> None:
    program = compiled(without_results(data))
    make = make_of(program, memory)
    every = seen(program, plain_search(make))
    reduced = seen(program, Dpor(make))
    walked = seen(program, guided_search(make, RandomWalk(0, 300)))

    assert set(reduced.traces) == set(every.traces)
    assert len(reduced.traces) == len(set(every.traces))
    assert set(reduced.finals) == set(every.finals)
    assert set(walked.traces) <= set(every.traces)
    assert set(walked.finals) <= set(every.finals)


KINDS = (
    ["write", "read"],
    ["write", "write", "read"],
    ["write", "read", "mb"],
    ["write", "read", "wmb", "release", "acquire"],
    ["write", "read", "wmb", "mb", "xchg"],
    ["write", "read", "xchg", "cas", "add"],
    ["write", "read", "await"],
    ["write", "read", "lock"],
)


def random_program(rng: random.Random) -> dict[str, Any]:
    """Two tasks of up to four steps each, or three of two; the values stored all differ."""
    tasks = rng.choice([2, 2, 2, 3])
    kinds = rng.choice(KINDS)
    names = "xyz"[: rng.choice([1, 2, 2, 3])]
    stored = iter(range(1, 100))
    steps: dict[str, list[Any]] = {}
    for task in range(tasks):
        steps[f"P{task}"] = []
        for _ in range(rng.choice([2, 3, 4]) if tasks == 2 else 2):
            steps[f"P{task}"] += step_of(rng.choice(kinds), rng.choice(names), next(stored), rng)
    return {"name": "random", "vars": dict.fromkeys(names, 0), "tasks": steps}


def step_of(kind: str, name: str, value: int, rng: random.Random) -> list[Any]:
    steps: dict[str, list[Any]] = {
        "write": [["write", name, value]],
        "release": [["release", name, value]],
        "read": [["read", name, "a"]],
        "acquire": [["acquire", name, "a"]],
        "xchg": [["xchg", name, value, "a"]],
        "add": [["add", name, value, "a"]],
        "cas": [["cas", name, rng.randrange(value), value, "a"]],
        "await": [["await", name, "!=", 0]],
        "lock": [["lock", "m"], ["read", name, "a"], ["write", name, value], ["unlock", "m"]],
        "mb": [["mb"]],
        "wmb": [["wmb"]],
    }
    return steps[kind]


@pytest.mark.parametrize("memory", ALL)
def test_random_programs_have_the_traces_of_the_reference(memory: str) -> None:
    rng = random.Random(5)
    stuck = 0
    for _ in range(120):
        data = random_program(rng)
        complete, blocked, finals = classes(data, memory)
        found = explored(data, memory)
        assert (len(found.finals), found.stuck) == (len(complete), len(blocked)), data
        assert set(found.finals) == finals, data
        assert len(set(found.traces)) == len(found.traces), data
        assert found.sleeping == 0, data
        stuck += found.stuck
    assert stuck  # some await waits for ever


def test_stores_to_one_location_do_not_overtake_each_other_even_without_order_between_others() -> (
    None
):
    steps = [["write", "x", value] for value in range(1, 5)]
    data = {"name": "one", "vars": {"x": 0}, "tasks": {"a": steps}}
    for memory in ALL:
        assert explored(data, memory).finals == [(("x", 4),)]
