"""The search by rounds: the traces of the search by one, and the same runs whoever explores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lockwright.check.datarace import DataRaces
from lockwright.core.location import Names, Value
from lockwright.core.world import World
from lockwright.explore import rounds as rounds_module
from lockwright.explore import spine
from lockwright.explore.dpor import Dpor
from lockwright.explore.export import Export
from lockwright.explore.plain import plain_search
from lockwright.explore.portable import Portable
from lockwright.explore.rounds import Rounds
from lockwright.explore.run import MakeWorld, Run, trace_key
from lockwright.explore.unit import Ordered
from lockwright.kernel import slab
from lockwright.program.document import Document
from tests.explore import section_programs, section_random, small_programs
from tests.explore.making import making
from tests.explore.test_published_counts import DOCUMENTS, compiled

Build = Callable[[World], None]
EXECUTIONS_MAX = 400


@dataclass(frozen=True)
class Sizes:
    """How finely a search is cut."""

    first: int
    most: int
    batches: int
    branches: int

    def set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Cut all searches of a test so."""
        monkeypatch.setattr(rounds_module, "FIRST", self.first)
        monkeypatch.setattr(rounds_module, "MOST", self.most)
        monkeypatch.setattr(rounds_module, "BATCHES", self.batches)
        monkeypatch.setattr(rounds_module, "PARTS", 2 * self.batches)
        monkeypatch.setattr(spine, "BRANCHES", self.branches)


SIZES = (Sizes(1, 1, 8, 1), Sizes(1, 3, 3, 2), Sizes(2, 8, 32, 1), Sizes(5, 5, 2, 4))


def key_of(run: Run) -> object:
    """The trace of a run; with sections, that of its steps."""
    ordered = run.ordered
    if ordered is None:
        return trace_key(run)
    assert isinstance(ordered, Ordered)
    steps: list[tuple[int, int, tuple[int, ...]]] = []
    begun = 0
    nth: dict[Any, int] = {}
    for end in ordered.ends:
        task = run.log[begun][0]
        nth[task] = nth.get(task, -1) + 1
        steps.append((task, nth[task], tuple(choice for _, choice in run.schedule[begun:end])))
        begun = end
    return frozenset(
        (step, frozenset(steps[b][:2] for b in range(at) if ordered.before_of[at] >> b & 1))
        for at, step in enumerate(steps)
    )


@dataclass(slots=True)
class Told:
    """What a search has shown: of each run its trace, its schedule and its final state."""

    keys: list[Any]
    schedules: list[tuple[tuple[int, int], ...]]
    states: set[Any]
    sleeping: int
    apart: tuple[str, ...]


State = Callable[[World], Any]


def told(
    search: Dpor | Rounds, state: State, most: int = EXECUTIONS_MAX, bare: MakeWorld | None = None
) -> Told | None:
    """What a search shows to its end.

    None if it has more executions than `most`, or if with `bare` worlds a data race is seen: there
    no search promises anything but to say so.
    """
    seen = Told([], [], set(), 0, ())
    races = None if bare is None else DataRaces(bare)
    for run in search:
        if run.fresh:
            seen = Told([], [], set(), 0, ())
        if len(seen.keys) == most or (races is not None and races.judge(run)):
            run.world.close()
            return None
        seen.sleeping += run.sleeping
        seen.keys.append(key_of(run))
        seen.schedules.append(tuple(run.schedule))
        seen.states.add(state(run.world))
        run.world.close()
    seen.apart = tuple(sorted(search.unfused()))
    return seen


def with_names(search: Dpor | Rounds, names: Names) -> Dpor | Rounds:
    """The search, its worlds named by these names."""
    (search.dpor if isinstance(search, Rounds) else search).names = names
    return search


def difference(build: Build, state: State, granularity: str) -> list[str] | None:
    """What tells a search by rounds from one by one; None if there are too many executions."""
    make, names = making(build), Names()
    one = told(with_names(Dpor(make, granularity=granularity), names), state, bare=make)
    if one is None:
        return None
    found = []
    many = told(
        with_names(Rounds(make, granularity=granularity), names), state, 10 * EXECUTIONS_MAX
    )
    if many is None:
        return ["it does not end"]
    if many.sleeping:
        found.append(f"{many.sleeping} executions were blocked by their sleep sets")
    if len(set(many.keys)) < len(many.keys):
        found.append(f"{len(many.keys) - len(set(many.keys))} traces were explored again")
    if many.states != one.states:
        found.append("other final states")
    if many.apart == one.apart and set(many.keys) != set(one.keys):
        missing, more = set(one.keys) - set(many.keys), set(many.keys) - set(one.keys)
        found.append(f"{len(missing)} traces are missing, {len(more)} are none")
    return found


def searches(chunk: int, count: int) -> Iterator[tuple[str, Build, State, str]]:
    """Random programs of both kinds with the granularities that they are for."""
    for seed in range(chunk * count, (chunk + 1) * count):
        small = small_programs.random_program(seed)
        yield f"small {seed}", small.build, small_programs.final_state, "operation"
        sections = section_random.random_program(seed)
        for granularity in ("operation", "section"):
            yield f"sections {seed}", sections.build, section_programs.final_state, granularity


@pytest.mark.parametrize("chunk", range(6))
def test_rounds_explore_each_trace_once(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, skipped = [], 0
    for at, (name, build, state, granularity) in enumerate(searches(chunk, 45)):
        SIZES[at % len(SIZES)].set(monkeypatch)
        found = difference(build, state, granularity)
        if found is None:
            skipped += 1
        elif found:
            wrong.append((name, granularity, found))
    assert wrong == []
    assert skipped <= 25


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(6, 60))
def test_rounds_explore_each_trace_of_many_programs_once(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_rounds_explore_each_trace_once(chunk, monkeypatch)


PUBLISHED_MAX = 60
LONG = ("filesystem", "indexer")
PUBLISHED = [
    document for document in DOCUMENTS if sum(document.data["expect"].values()) <= PUBLISHED_MAX
]


@pytest.mark.parametrize("document", PUBLISHED, ids=lambda document: document.name)
def test_published_programs_have_as_many_traces_in_rounds(
    document: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = compiled(document).builder()
    for sizes in SIZES:
        sizes.set(monkeypatch)
        names = Names()
        seen = told(with_names(Rounds(making(build)), names), lambda world: None)
        assert seen is not None
        assert len(set(seen.keys)) == len(seen.keys) == sum(document.data["expect"].values())
        assert seen.sleeping == 0


class Faulty(slab.Slab):
    """What is allocated."""

    cache = "box"


@pytest.mark.parametrize(("tasks", "faults", "traces"), [(3, 1, 13), (3, 2, 31), (3, 3, 37)])
@pytest.mark.parametrize("search", [Dpor, Rounds])
def test_each_outcome_of_an_allocation_is_explored_with_all_others(
    search: type[Dpor | Rounds],
    tasks: int,
    faults: int,
    traces: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With one fault: nobody fails, or one of three, and the others each before or after it.
    def build(world: World) -> None:
        world.faults = slab.Faults(world, faults)

        async def allocate() -> None:
            await slab.kmalloc(world, lambda: Faulty(world, "b"), "box")

        for number in range(tasks):
            world.spawn(allocate(), f"t{number}")

    SIZES[0].set(monkeypatch)
    names = Names()
    make = making(build)
    seen = told(with_names(search(make), names), lambda world: None)
    assert seen is not None
    plain = {trace_key(run) for run in plain_search(lambda _: make(names))}
    assert len(seen.keys) == len(set(seen.keys)) == traces
    assert set(seen.keys) == plain
    assert seen.sleeping == 0


Shown = tuple[bool, bool, tuple[tuple[int, int], ...]]


def shown(run: Run) -> Shown:
    """What tells a run from others, whoever explores it."""
    run.world.close()
    return run.begins, run.sleeping, tuple(run.schedule)


def alone(build: Build, granularity: str) -> list[Shown]:
    """The runs of a search in one process, those before a restart included."""
    return [shown(run) for run in Rounds(making(build), granularity=granularity)]


def as_text(value: Value) -> Value:
    """What another process gets of it."""
    return json.loads(json.dumps(value))


def elsewhere(build: Build, granularity: str) -> list[Shown]:
    """The runs of a search of which each batch is explored under names of its own, the last one
    first."""
    rounds, seen = Rounds(making(build), granularity=granularity), []
    export = Export(Portable(rounds.names))
    while rounds.begin_round():
        outcomes = []
        for batch in reversed(rounds.current):
            other = Rounds(making(build), granularity=granularity)
            theirs = Export(Portable(other.names))
            task = theirs.task_of(as_text(export.task(batch)))
            runs = [shown(run) for run in task.runs(other.dpor)]
            outcomes.append((runs, as_text(theirs.outcome(task))))
        for batch, (runs, outcome) in zip(rounds.current, reversed(outcomes), strict=True):
            seen += runs
            export.enter(batch, outcome)
            if batch.restart:
                break
            rounds.at += 1
        rounds.end_round()
    return seen


@pytest.mark.parametrize("chunk", range(20, 24))
def test_the_runs_are_the_same_whoever_explores_the_batches(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, (name, build, _, granularity) in enumerate(searches(chunk, 30)):
        SIZES[at % len(SIZES)].set(monkeypatch)
        assert alone(build, granularity) == elsewhere(build, granularity), (name, granularity)


def resumed_everywhere(build: Build, granularity: str) -> list[Shown]:
    """The runs of a search that is written down and taken up again after each of them."""
    rounds, seen = Rounds(making(build), granularity=granularity), []
    while (run := next(iter(rounds), None)) is not None:
        seen.append(shown(run))
        state = as_text(rounds.export())
        rounds = Rounds(making(build), granularity=granularity)
        rounds.restore(state)
    return seen


@pytest.mark.parametrize("chunk", range(30, 34))
def test_a_search_can_be_taken_up_again_after_each_run(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, (name, build, _, granularity) in enumerate(searches(chunk, 20)):
        SIZES[at % len(SIZES)].set(monkeypatch)
        runs = alone(build, granularity)
        if len(runs) <= 60:
            assert resumed_everywhere(build, granularity) == runs, (name, granularity)


def nodes(node: spine.Node) -> int:
    """How many nodes a spine has."""
    return 1 + sum(map(nodes, node.children))


def test_the_spine_of_a_long_search_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    Sizes(8, 8, 4, 4).set(monkeypatch)
    document = next(each for each in DOCUMENTS if each.name == "lockinc(5)")
    rounds = Rounds(making(compiled(document).builder()))
    sizes: list[int] = []
    for run in rounds:
        run.world.close()
        if rounds.at == 0 and run.begins:
            sizes.append(nodes(rounds.spine.root))
    assert len(sizes) >= 4
    assert max(sizes) <= 120, sizes
    assert nodes(rounds.spine.root) == 1
