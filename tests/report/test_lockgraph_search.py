"""Cycles and paths of lock graphs, against brute force and against the validator's own search."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, permutations, product

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.lockuse import LockKey
from lockwright.lockdep.classes import LockClass
from lockwright.lockdep.graph import DependencyGraph
from lockwright.lockdep.search import TYPE_NAMES
from lockwright.report.lockgraph import LockGraph, Way
from lockwright.report.lockgraph.backedges import back_edges
from lockwright.report.lockgraph.graph import KINDS
from lockwright.report.lockgraph.search import Cycle, Path, Strength, cycles, paths

Edges = dict[tuple[str, str], frozenset[str]]
KNOWN = tuple(kind for kind in KINDS if "?" not in kind)


def graph_of(edges: Edges) -> LockGraph:
    """A graph with these kinds of edges."""
    graph = LockGraph()
    for (held, taken), kinds in edges.items():
        for kind in sorted(kinds):
            graph.add_edge(held, taken, Way(kind, "test"))
    return graph


def drawn(*edges: str) -> LockGraph:
    """A graph of edges like "A EN,SR B"."""
    split = [edge.split() for edge in edges]
    return graph_of({(held, taken): frozenset(k.split(",")) for held, k, taken in split})


def edges_of(kinds: Sequence[str], names: str = "ABCDE") -> st.SearchStrategy[Edges]:
    """Random small graphs, from a class to itself too."""
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names))
    return st.dictionaries(
        ends, st.frozensets(st.sampled_from(kinds), min_size=1, max_size=2), max_size=9
    )


def digraph(edges: Iterable[tuple[str, str]]) -> networkx.DiGraph:
    """The same for networkx."""
    made = networkx.DiGraph()
    made.add_edges_from(edges)
    return made


def joint_holds(kind: str, after: str, *, unknown_is_strong: bool) -> bool:
    """One letter of each decides, as the kernel's table of who blocks whom says."""
    taken = kind[1].replace("?", "N" if unknown_is_strong else "R")
    holder = after[0].replace("?", "E" if unknown_is_strong else "S")
    return taken == "N" or holder == "E"


def holds(walk: Sequence[frozenset[str]], *, closed: bool, unknown_is_strong: bool) -> bool:
    """Whether some choice of kinds makes all joints strong: all choices are tried."""
    for kinds in product(*walk):
        joints = list(pairwise((*kinds, kinds[0]) if closed else kinds))
        if all(joint_holds(*two, unknown_is_strong=unknown_is_strong) for two in joints):
            return True
    return False


def steps_of(edges: Edges, names: Sequence[str], *, closed: bool) -> list[frozenset[str]]:
    """The kinds of the edges along some classes."""
    return [edges[ends] for ends in pairwise((*names, names[0]) if closed else names)]


def strength_of(edges: Edges, names: Sequence[str], *, closed: bool) -> Strength:
    """What a walk proves, by trying all choices of kinds."""
    walk = steps_of(edges, names, closed=closed)
    if holds(walk, closed=closed, unknown_is_strong=False):
        return Strength.STRONG
    if holds(walk, closed=closed, unknown_is_strong=True):
        return Strength.POSSIBLE
    return Strength.WEAK


def all_cycles(edges: Edges) -> Iterator[tuple[list[str], Strength]]:
    """Every simple cycle, from its first class in the alphabet on: all orders are tried."""
    known = sorted({name for ends in edges for name in ends})
    for length in range(1, len(known) + 1):
        for names in permutations(known, length):
            if names[0] == min(names) and all(
                ends in edges for ends in pairwise((*names, names[0]))
            ):
                yield list(names), strength_of(edges, names, closed=True)


def check_cycles(edges: Edges) -> None:
    """All that `cycles` promises of a graph."""
    found = cycles(graph_of(edges))
    every = list(all_cycles(edges))
    for cycle in found:
        assert len(set(cycle.classes)) == len(cycle.classes)
        assert cycle.strength is strength_of(edges, cycle.classes, closed=True)
        steps = steps_of(edges, cycle.classes, closed=True)
        for kind, kinds in zip(cycle.kinds, steps, strict=True):
            assert kind in kinds
    order = [Strength.STRONG, Strength.POSSIBLE, Strength.WEAK]
    ranks = [order.index(cycle.strength) for cycle in found]
    assert ranks == sorted(ranks)
    for component in networkx.strongly_connected_components(digraph(edges)):
        check_component(
            [c for c in found if c.classes[0] in component],
            [c for c in every if c[0][0] in component],
        )


def check_component(found: list[Cycle], every: list[tuple[list[str], Strength]]) -> None:
    """One component: its best strength is there, by a shortest cycle, and there first."""
    if not every:
        assert found == []
        return
    for best in Strength:
        lengths = [len(names) for names, strength in every if strength is best]
        if lengths:
            assert found[0].strength is best
            assert len(found[0].classes) == min(lengths)
            break
    if found[0].strength is Strength.WEAK:
        assert len(found) == 1
        assert found[0].weak_at


@given(edges_of(KNOWN))
@settings(max_examples=300, deadline=None)
def test_cycles_are_those_of_brute_force(edges: Edges) -> None:
    check_cycles(edges)


@given(edges_of(KINDS, "ABCD"))
@settings(max_examples=300, deadline=None)
def test_cycles_with_unknown_kinds_are_those_of_brute_force(edges: Edges) -> None:
    check_cycles(edges)


@given(edges_of(("EN",)))
@settings(max_examples=200, deadline=None)
def test_without_readers_each_edge_on_a_cycle_is_on_one_that_is_given(edges: Edges) -> None:
    found = cycles(graph_of(edges))
    listed = {ends for c in found for ends in pairwise((*c.classes, c.classes[0]))}
    on_a_cycle = {e for names, _ in all_cycles(edges) for e in pairwise((*names, names[0]))}
    assert listed == on_a_cycle


def lockdep_of(edges: Edges) -> tuple[DependencyGraph, dict[str, LockClass]]:
    """The same graph as the validator holds it."""
    known = sorted({name for ends in edges for name in ends})
    locks = {n: LockClass(at, LockKey(n), 0, version=1) for at, n in enumerate(known)}
    graph = DependencyGraph()
    bits = {name: bit for bit, name in TYPE_NAMES.items()}
    for (held, taken), kinds in edges.items():
        for kind in sorted(kinds):
            graph.add(locks[held], locks[taken], bits[kind], ())
    return graph, locks


@given(edges_of(KNOWN))
@settings(max_examples=300, deadline=None)
def test_a_graph_has_a_strong_cycle_if_and_only_if_the_validator_finds_one(edges: Edges) -> None:
    """The validator looks for the shortest way back from each edge, in each of its kinds."""
    edges = {ends: kinds for ends, kinds in edges.items() if ends[0] != ends[1]}
    graph, locks = lockdep_of(edges)
    lengths = [
        len(path) + 1
        for (held, taken), kinds in edges.items()
        for kind in kinds
        if (
            path := graph.strong_path(
                locks[taken],
                locks[held],
                new_read=2 if kind[1] == "R" else 0,
                held_read=0 if kind[0] == "E" else 1,
            )
        )
    ]
    strong = [c for c in cycles(graph_of(edges)) if c.strength is Strength.STRONG]
    assert bool(lengths) == bool(strong)
    if strong:
        assert min(lengths) == min(len(cycle.classes) for cycle in strong)


@given(edges_of(KINDS, "ABCDE"))
@settings(max_examples=300, deadline=None)
def test_paths_are_those_of_brute_force(edges: Edges) -> None:
    graph = graph_of({("A", "A"): frozenset(["EN"]), ("E", "E"): frozenset(["EN"]), **edges})
    del graph.edges["A", "A"], graph.edges["E", "E"]
    edges = {ends: k for ends, k in edges.items() if ends not in {("A", "A"), ("E", "E")}}
    whole = digraph(edges)
    whole.add_nodes_from("AE")
    every = [
        (names, strength_of(edges, names, closed=False))
        for names in networkx.all_simple_paths(whole, "A", "E")
    ]
    found = paths(graph, "A", "E")
    assert bool(found) == bool(every)
    if found:
        assert len(found[0].classes) == min(len(names) for names, _ in every)
    assert len({path.classes for path in found}) == len(found)
    for path in found:
        assert path.strength is strength_of(edges, path.classes, closed=False)
    certain = any(path.strength is Strength.STRONG for path in found)
    for strength in (Strength.STRONG, Strength.POSSIBLE):
        best = [len(names) for names, judged in every if judged is strength]
        # a strong way may pass a class twice, which no simple path does; then nothing else is told
        if best and not (certain and strength is Strength.POSSIBLE):
            reached = [path for path in found if path.strength is strength]
            assert min(len(path.classes) for path in reached) <= min(best)


@pytest.mark.parametrize(
    ("edges", "strength", "weak_at"),
    [
        (("A EN B", "B EN A"), Strength.STRONG, ()),
        (("A SN B", "B SN A"), Strength.STRONG, ()),
        (("A ER B", "B SN A"), Strength.WEAK, ("B",)),
        (("A SR B", "B SR A"), Strength.WEAK, ("B", "A")),
        (("A ER,SN B", "B SR A"), Strength.WEAK, ("B",)),  # or at A, with SN
        (("A ER B", "B S? A"), Strength.WEAK, ("B",)),
        (("A ER B", "B ?? A"), Strength.POSSIBLE, ()),
        (("A E? B", "B EN A"), Strength.STRONG, ()),
        (("A ?? B", "B ?? A"), Strength.POSSIBLE, ()),
        (("A EN A",), Strength.STRONG, ()),
        (("A SR A",), Strength.WEAK, ("A",)),
    ],
)
def test_readers_decide_what_a_cycle_is(
    edges: tuple[str, ...], strength: Strength, weak_at: tuple[str, ...]
) -> None:
    (cycle,) = cycles(drawn(*edges))
    assert cycle.strength is strength
    assert set(cycle.weak_at) == set(weak_at)


def test_a_walk_through_a_class_twice_is_no_cycle() -> None:
    """A is left by S only, so the way round through B and C is strong only with D between."""
    graph = drawn("A SN B", "B ER C", "C EN D", "D EN C", "C SN A")
    assert [(cycle.classes, cycle.strength) for cycle in cycles(graph)] == [
        (("C", "D"), Strength.STRONG)
    ]


def test_a_kernel_report_proves_its_cycle_whatever_it_tells_of_kinds() -> None:
    graph = LockGraph()
    graph.add_source("log:1", reported=True)
    graph.add_source("log:9", reported=True)
    for held, taken, source in (("A", "B", "log:1"), ("B", "A", "log:1"), ("B", "C", "log:9")):
        graph.add_edge(held, taken, Way("??", source))
    graph.add_edge("C", "A", Way("??", "log:1"))
    found = [(cycle.classes, cycle.strength, cycle.reported) for cycle in cycles(graph)]
    assert found == [
        (("A", "B"), Strength.STRONG, ("log:1",)),
        (("A", "B", "C"), Strength.POSSIBLE, ()),
    ]


def test_the_shortest_strong_path_is_given_beside_a_shorter_weak_one() -> None:
    graph = drawn("A ER B", "B SN C", "A EN X", "X EN Y", "Y EN C")
    weak, strong = paths(graph, "A", "C")
    assert weak == Path(("A", "B", "C"), ("ER", "SN"), Strength.WEAK, ("B",))
    assert strong == Path(("A", "X", "Y", "C"), ("EN", "EN", "EN"), Strength.STRONG)
    assert paths(graph, "C", "A") == []
    assert [path.classes for path in paths(graph, "X", "C")] == [("X", "Y", "C")]


def test_a_path_from_a_class_to_itself_leads_through_others() -> None:
    graph = drawn("A EN B", "B EN A")
    assert [path.classes for path in paths(graph, "A", "A")] == [("A", "B", "A")]


def test_no_more_cycles_than_asked_for_and_the_strong_ones_first() -> None:
    graph = drawn("A ?? B", "B ?? A", "C EN D", "D EN C", "E SR E")
    assert [cycle.strength for cycle in cycles(graph)] == ["strong", "possible", "weak"]
    assert [cycle.classes for cycle in cycles(graph, 1)] == [("C", "D")]


@given(edges_of(("EN",)))
def test_back_edges_are_on_all_cycles_and_none_is_left_without_them(edges: Edges) -> None:
    after: dict[str, list[str]] = {name: [] for name in "ABCDE"}
    for held, taken in edges:
        after[held].append(taken)
    back = back_edges(after)
    left = digraph([ends for ends in edges if ends not in set(back)])
    assert networkx.is_directed_acyclic_graph(left)
    for start, end in back:
        assert networkx.has_path(digraph(edges), end, start)


@pytest.mark.parametrize("kinds", [("??",), KNOWN])
def test_a_large_graph_answers_in_a_moment(kinds: tuple[str, ...]) -> None:
    chance = random.Random(5)
    edges: Edges = {}
    while len(edges) < 20_000:
        held, taken = chance.sample(range(2000), 2)
        edges[f"c{held}", f"c{taken}"] = frozenset([chance.choice(kinds)])
    graph = graph_of(edges)
    before = time.process_time()
    assert len(cycles(graph, 100)) == 100
    assert paths(graph, "c1", "c2")
    assert time.process_time() - before < 20
