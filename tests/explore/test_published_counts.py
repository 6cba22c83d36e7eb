"""Programs with known numbers of traces: published ones, and ones counted by brute force."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import Run
from lockwright.program.command import read_program
from lockwright.program.document import Document, read_file
from lockwright.program.program import Program
from tests.explore.making import making

DATA = Path(__file__).parent.parent / "data" / "dpor_programs.json"
DOCUMENTS = read_file(DATA)
# At most 1,000 interleavings each.
SMALL = (
    *("readers(2)", "readers(4)", "lastzero(3)", "fib_bench(1)", "inc(2)", "inc(3)", "casw(2)"),
    *("casw(3)", "lockinc(3)", "lockinc(4)", "lockinc(5)", "lock_disjoint(4)", "ticket(3)"),
    *("philosophers(2,meals=1)", "philosophers(3,meals=1)", "philosophers(2,meals=2)"),
    *("philosophers(3,meals=1,ordered)", "mutex_trylock_unlock(2)", "mutex_vs_trylock(1)"),
    *("conditional_readers()", "bounded_buffer(1,1,1)", "bounded_buffer(1,1,2)"),
    *("bounded_buffer(1,1,3)", "flag_condvar(2)"),
)


def compiled(document: Document) -> Program:
    """The program of a document."""
    program = read_program(document)
    assert isinstance(program, Program)
    return program


def counts(document: Document) -> dict[str, int]:
    """How the executions of a program end."""
    found = {"complete": 0, "deadlocked": 0, "sleep_set_blocked": 0}
    for run in Dpor(making(compiled(document).builder())):
        if run.sleeping:
            found["sleep_set_blocked"] += 1
        elif run.world.blocked():
            found["deadlocked"] += 1
        else:
            found["complete"] += 1
    return found


def ends(document: Document, runs: Iterable[Run]) -> set[str]:
    """The final values, and the deadlocks."""
    scenario = compiled(document).scenario()
    found = set()
    for run in runs:
        blocked = [(task.comm, task.pending) for task in run.world.blocked()]
        waits = "; ".join(f"{comm}: {op.describe()}" for comm, op in blocked if op is not None)
        found.add(waits or (scenario.outcome(run.world) if scenario.outcome else "ended"))
    return found


def test_all_programs_are_there() -> None:
    assert len(DOCUMENTS) == 51


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_trace_is_explored_once_and_none_is_blocked(document: Document) -> None:
    assert counts(document) == {"sleep_set_blocked": 0, **document.data["expect"]}


@pytest.mark.parametrize("name", SMALL)
def test_final_values_are_those_of_brute_force(name: str) -> None:
    document = next(each for each in DOCUMENTS if each.name == name)
    make = making(compiled(document).builder())
    assert ends(document, Dpor(make)) == ends(document, plain_search(make))
