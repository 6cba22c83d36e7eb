"""What is explored: published programs at the sizes that peers were measured on, smaller ones with
a floor, and a scenario of our own.  A name may end in `@section`: the same by critical section."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld
from lockwright.program.command import read_program
from lockwright.program.program import Program
from lockwright.project import load_project
from stress.benchmarks.programs import FAMILIES, document_of

ROOT = Path(__file__).parent.parent.parent
EVENTFS = "eventfs/v3:open_vs_lookup"
SECTION = "@section"

# The most that the explorer may cost, in bare loops.
FLOORS = {"lastzero(10)": 15.0, "indexer_lock(13)": 15.0, "lockinc(5)": 8.0}
PEERS = (
    *("lastzero(12)", "filesystem(22)", "filesystem(22)@section", "indexer(15)"),
    *("indexer_lock(15)", "indexer_lock(15)@section", "lockinc(8)", "lockinc(8)@section"),
    *("readers(14)", "fib_bench(5)", "philosophers(12)"),
)
NAMES = (*PEERS, *FLOORS, EVENTFS)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to explore; `floor` is the ratio that it must not exceed, if there is one."""

    name: str
    build: Callable[[World], None]
    make: MakeWorld
    floor: float | None
    granularity: str


def case_of(name: str) -> Case:
    """A case by the name of its program or scenario.  Raises UsageError if there is none."""
    what = name.removesuffix(SECTION)
    granularity = "operation" if what == name else "section"
    build = load_project(ROOT).scenario(what).set_up if ":" in what else _program(what)
    return Case(name, build, _making(build), FLOORS.get(name), granularity)


def _program(name: str) -> Callable[[World], None]:
    found = re.fullmatch(r"(\w+)\((\d{1,3})\)", name)
    if found is None or found[1] not in FAMILIES:
        families = ", ".join(f"{family}(N)" for family in FAMILIES)
        raise UsageError(f"no benchmark {name!r}; there are: {', '.join(NAMES)}, and {families}")
    program = read_program(document_of(found[1], int(found[2])))
    assert isinstance(program, Program), program
    return program.builder()


def _making(build: Callable[[World], None]) -> MakeWorld:
    def make(names: Names) -> World:
        world = World(names)
        build(world)
        return world

    return make
