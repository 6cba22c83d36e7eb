"""What is explored: published programs, and a scenario of our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.run import MakeWorld
from lockwright.program.command import read_program
from lockwright.program.document import read_file
from lockwright.program.program import Program
from lockwright.project import load_project

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = ROOT / "tests" / "data" / "dpor_programs.json"
EVENTFS = "eventfs/v3:open_vs_lookup"

# The most that the explorer may cost, in bare loops.
FLOORS = {"lastzero(10)": 15.0, "indexer_lock(13)": 15.0, "lockinc(5)": 8.0}
NAMES = ("lastzero(10)", "readers(12)", "indexer(13)", "indexer_lock(13)", "lockinc(5)", EVENTFS)


@dataclass(frozen=True, slots=True)
class Case:
    """Something to explore; `floor` is the ratio that it must not exceed, if there is one."""

    name: str
    build: Callable[[World], None]
    make: MakeWorld
    floor: float | None


def case_of(name: str) -> Case:
    """A case by the name of its program or scenario.  Raises UsageError if there is none."""
    build = load_project(ROOT).scenario(name).set_up if ":" in name else _program(name)
    return Case(name, build, _making(build), FLOORS.get(name))


def _program(name: str) -> Callable[[World], None]:
    for document in read_file(PROGRAMS):
        if document.name == name:
            program = read_program(document)
            assert isinstance(program, Program), program
            return program.builder()
    raise UsageError(f"no benchmark {name!r}; there are: {', '.join(NAMES)}")


def _making(build: Callable[[World], None]) -> MakeWorld:
    def make(names: Names) -> World:
        world = World(names)
        build(world)
        return world

    return make
