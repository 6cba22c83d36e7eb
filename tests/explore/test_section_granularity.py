"""Critical sections as single steps lose nothing: three searches of random programs agree.

For each program plain search, DPOR with operations as steps and DPOR with sections as steps see
the same final states, deadlocks, findings and lock orders.  A program with a data race is another
matter: what its plain accesses see depends on steps that no search takes apart.  There both
granularities must report a race.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import MakeWorld, Run
from tests.explore.searching import Judged, Search, judged
from tests.explore.section_programs import Program, Unfiltered, final_state
from tests.explore.section_random import FLAVOURS, flavour_of, random_program

INTERLEAVINGS_MAX = 600
PROGRAMS = 5 * len(FLAVOURS)
CHUNKS = 30
COMPARED_MIN = 170  # of each chunk; 5,100 of all


def operations(make: MakeWorld) -> Iterable[Run]:
    """One operation a step."""
    return Dpor(make, granularity="operation")


def sections(make: MakeWorld) -> Iterable[Run]:
    """One section a step, where that is sound."""
    return Dpor(make, granularity="section")


def in_rounds(make: MakeWorld) -> Iterable[Run]:
    """The same, as explorations do it."""
    return Rounds(make, granularity="section")


def seen_by(search: Search, program: Program, most: int, *, racing: bool = True) -> Judged | None:
    return judged(search, program.build, final_state, most, world_of=Unfiltered, racing=racing)


def difference(program: Program, most: int = INTERLEAVINGS_MAX) -> list[str] | None:
    """How the searches differ; None if there is too much to do."""
    plain = seen_by(plain_search, program, most, racing=False)
    if plain is None:
        return None
    kept = seen_by(operations, program, most)
    fused = seen_by(sections, program, most)
    rounds = seen_by(in_rounds, program, most)
    if kept is None or fused is None or rounds is None:
        return ["a reduced search takes more executions than plain search"]
    granularities = {"operation": kept, "section": fused, "section, in rounds": rounds}
    if any(seen.races for seen in granularities.values()):
        return [f"no race: {name}" for name, seen in granularities.items() if not seen.races]
    return [
        *(f"plain and operation: {line}" for line in plain.difference(kept)),
        *(f"operation and section: {line}" for line in kept.difference(fused)),
        *(f"section and rounds: {line}" for line in fused.difference(rounds)),
    ]


def assert_agreement(seeds: range, compared_min: int) -> None:
    wrong, compared = [], 0
    for seed in seeds:
        program = random_program(seed)
        found = difference(program)
        compared += found is not None
        if found:
            wrong.append((seed, flavour_of(seed), program, found))
    assert wrong == []
    assert compared >= compared_min


def test_all_granularities_agree_on_random_programs() -> None:
    assert_agreement(range(PROGRAMS), COMPARED_MIN)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(1, CHUNKS))
def test_all_granularities_agree_on_thousands_of_random_programs(chunk: int) -> None:
    assert_agreement(range(chunk * PROGRAMS, (chunk + 1) * PROGRAMS), COMPARED_MIN)


def test_the_random_programs_are_worth_it() -> None:
    """They end in several ways, deadlock, race, are fused, are taken apart, each of many."""
    several: Counter[str] = Counter()
    blocked = racy = fused = apart = restarts = saved = 0
    for seed in range(8 * len(FLAVOURS)):
        program = random_program(seed)
        kept = seen_by(operations, program, INTERLEAVINGS_MAX)
        dpors: list[Dpor] = []

        def search(make: MakeWorld, dpors: list[Dpor] = dpors) -> Iterable[Run]:
            dpors.append(Dpor(make, granularity="section"))
            return dpors[0]

        seen = seen_by(search, program, INTERLEAVINGS_MAX)
        if kept is None or seen is None:
            continue
        several[flavour_of(seed)] += len(kept.states) > 1
        blocked += any(state[4] for state in kept.states)
        racy += bool(kept.races)
        saved += kept.executions > seen.executions
        known = dpors[0].sections
        assert known is not None
        apart += bool(known.apart)
        fused += bool(set(known.locks.values()) - set(known.apart))
        restarts += dpors[0].restarts
    assert set(several) == set(FLAVOURS)
    assert blocked >= 40
    assert racy >= 8
    assert min(fused, apart) >= 80
    assert saved >= 15
    assert restarts >= 80


LOSSES: dict[str, Program] = {
    "a wait for what is true within a section only": Program(
        ([("in", "a", [("write", "x", 1), ("write", "x", 2)])], [("await", "x", "==", 1)])
    ),
    "a wait for a completion that is used up within the section": Program(
        ([("in", "a", [("complete",), ("try_wait",)])], [("wait",)])
    ),
    "a sleeper that is woken by what is taken back": Program(
        ([("in", "a", [("post", "x"), ("write", "x", 0)])], [("sleep", "x")])
    ),
    "a trylock of a lock whose sections are steps": Program(
        ([("in", "a", [("inc", "f")])], [("try", "a", [("inc", "f")])])
    ),
    "a lock taken after what others see": Program(
        (
            [("in", "a", [("write", "x", 1), ("in", "b", [("inc", "f")])])],
            [("in", "b", [("if", ("load", "f"), 0, [("read", "x")])])],
        )
    ),
    "two sections within one": Program(
        (
            [("in", "a", [("in", "b", [("inc", "f")]), ("in", "c", [("inc", "g")])])],
            [("in", "c", [("load", "g")]), ("in", "b", [("load", "f")])],
        )
    ),
    "two sections within one, seen in the other order": Program(
        (
            [("in", "a", [("in", "b", [("write", "x", 1)]), ("in", "c", [("write", "y", 1)])])],
            [("in", "c", [("read", "y")]), ("in", "b", [("read", "x")])],
        )
    ),
    "a cycle of two": Program(
        (
            [("in", "a", [("in", "b", [("inc", "f")])])],
            [("in", "b", [("in", "a", [("inc", "f")])])],
        )
    ),
    "a cycle of three": Program(
        (
            [("in", "a", [("in", "b", [])])],
            [("in", "b", [("in", "c", [])])],
            [("in", "c", [("in", "a", [])])],
        )
    ),
    "a cycle that only a value opens": Program(
        (
            [("in", "a", [("in", "b", [("store", "f", 1)])])],
            [
                ("in", "a", [("inc", "f")]),
                ("in", "b", [("if", ("load", "f"), 1, [("in", "a", [])])]),
            ],
        )
    ),
    "locks of one class, in both orders": Program(
        ([("in", "p", [("in", "q", [])])], [("in", "q", [("in", "p", [])])])
    ),
    "a reader again, behind a queued writer": Program(
        ([("in", "rd", [("in", "rd", [])])], [("in", "wr", [])])
    ),
    "a recursive reader": Program(([("in", "rc", [("in", "rc", [])])], [("in", "rw", [])])),
    "readers who write": Program(
        (
            [("in", "rd", [("write", "x", 1), ("write", "x", 2)])],
            [("in", "rd", [("read", "x")]), ("in", "rd", [("read", "x")])],
        )
    ),
    "two that others see": Program(
        ([("in", "a", [("write", "x", 1), ("write", "y", 1)])], [("read", "y"), ("read", "x")])
    ),
    "one that others see": Program(
        (
            [("in", "a", [("inc", "f"), ("write", "x", 1)])],
            [("in", "a", [("inc", "f"), ("read", "x")]), ("read", "x")],
        )
    ),
    "what one lock guards here and another there": Program(
        (
            [("in", "a", [("write", "x", 1), ("add", "x")])],
            [("in", "b", [("read", "x"), ("read", "x")])],
            [("in", "a", [("read", "x")])],
        )
    ),
    "what is touched outside in one branch only": Program(
        (
            [("in", "a", [("add", "x"), ("add", "x")]), ("in", "a", [("store", "f", 1)])],
            [
                ("in", "a", [("load", "f"), ("read", "x")]),
                ("if", ("read", "y"), 1, [("read", "x")]),
            ],
            [("write", "y", 1)],
        )
    ),
    "a task that dies in its section": Program(
        (
            [("in", "a", [("check", ("read", "x"), 0)])],
            [("write", "x", 1)],
            [("in", "a", [])],
        )
    ),
    "a task that ends with its lock": Program(
        ([("in", "a", [("hold", "b")])], [("in", "b", []), ("in", "a", [])])
    ),
    "a lock released by another task": Program(
        ([("hold", "a"), ("write", "x", 1)], [("await", "x", "==", 1), ("free", "a")])
    ),
    "hand over hand": Program(
        (
            [("hold", "a"), ("hold", "b"), ("free", "a"), ("inc", "g"), ("free", "b")],
            [("in", "a", [("in", "b", [("inc", "g")])])],
        )
    ),
    "a child that its parent starts under a lock": Program(
        ([("in", "a", [("spawn", 0), ("write", "x", 1)])],), ([("in", "a", []), ("read", "x")],)
    ),
    "a child that begins in the middle of a section": Program(
        ([("in", "a", [("spawn", 0), ("write", "x", 1)])],), ([("read", "x")],)
    ),
    "a child that is looked at while it ends": Program(
        ([("spawn", 0), ("read", "x"), ("ended", 0)],), ([("in", "a", [("write", "x", 1)])],)
    ),
    "a child whose end comes with its last release": Program(
        (
            [("spawn", 0), ("in", "b", [("join", 0)])],
            [("in", "a", [("in", "b", [])])],
        ),
        ([("in", "a", [("write", "x", 1)])],),
    ),
    "an allocation that fails under a lock": Program(
        (
            [("in", "a", [("kmalloc",), ("write", "x", 1)])],
            [("in", "a", [("kmalloc",), ("read", "x")])],
        ),
        faults=1,
    ),
    "an allocation that fails beside others' sections": Program(
        (
            [("in", "a", [("write", "x", 2)])],
            [("in", "a", [("inc", "f"), ("read", "x")])],
            [("read", "y"), ("kmalloc",)],
        ),
        faults=1,
    ),
    "memory that is freed under the lock and outside": Program(
        ([("in", "a", [("load", "f")])], [("in", "a", [("kfree",)])], [("kfree",)])
    ),
    "a lock made by hand, released by a store": Program(
        (
            [("await", "x", "==", 0), ("cas", "x", 0, 1), ("inc", "f"), ("write", "x", 0)],
            [("in", "a", [("cas", "x", 0, 2), ("write", "x", 0)])],
        )
    ),
    "a signal under the lock": Program(
        ([("in", "a", [("cond",)])], [("in", "a", [("signal",)])], [("in", "a", [])])
    ),
    "a semaphore held by a writer who becomes a reader": Program(
        (
            [("down", [("inc", "f")])],
            [("in", "rd", [("load", "f")])],
            [("in", "wr", [("inc", "f")])],
        )
    ),
    "a count whose lock others hold": Program(
        ([("in", "s", [("lcount",), ("lcount",)])], [("lget",), ("lput",)], [("lput",)])
    ),
    "a work queued and waited for under locks": Program(
        ([("in", "b", [("queue",), ("flush",)])], [("in", "a", [("load", "f")])])
    ),
    "a callback queued under a lock": Program(
        ([("in", "a", [("call",), ("read", "z")])], [("srcu", [("read", "z"), ("in", "a", [])])])
    ),
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_fused_section_hides_nothing(what: str) -> None:
    assert difference(LOSSES[what], 20_000) == []


@pytest.mark.parametrize(
    ("inside", "operation", "section"),
    [
        # each order of the sections is a trace; as steps they have nothing in common
        ((("inc", "f"), ("inc", "g"), ("inc", "h")), 6, 1),
        ((("load", "f"), ("load", "f"), ("load", "f")), 6, 1),
        # each reader is before or after the writer
        ((("inc", "f"), ("load", "f"), ("load", "f")), 6, 4),
        # all orders of writers matter
        ((("inc", "f"), ("inc", "f"), ("inc", "f")), 6, 6),
        # two of them conflict
        ((("inc", "f"), ("inc", "f"), ("inc", "g")), 6, 2),
    ],
)
def test_sections_are_ordered_by_what_they_touch(
    inside: tuple[tuple[str, str], ...], operation: int, section: int
) -> None:
    program = Program(tuple([("in", "a", [action])] for action in inside))
    executions = []
    for search in (operations, sections, in_rounds):
        seen = seen_by(search, program, 100)
        assert seen is not None
        assert seen.sleeping == 0
        executions.append(seen.executions)
    assert executions == [operation, section, section]


def test_a_task_that_never_ran_comes_after_what_made_it() -> None:
    # its lock is held by the task that made it, and waits for it: there is no going before that
    assert difference(random_program(4753)) == []
