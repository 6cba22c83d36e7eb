"""Fair cycles in small graphs, against all sets of states."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations
from random import Random

import networkx
import pytest

from lockwright.explore.fairness import (
    Graph,
    components,
    cycle,
    path,
    strongly_fair_part,
    weakly_fair,
)

GRAPHS = 400


def random_graph(seed: int) -> Graph:
    """A few states and tasks; a task that takes a step can go on, and may be able to without."""
    random = Random(seed)
    states, tasks = random.randint(1, 5), random.randint(1, 3)
    graph = Graph()
    for _ in range(states):
        able = {task for task in range(tasks) if random.random() < 0.6}
        after = {}
        for task in sorted(able):
            for value in range(random.choice((0, 1, 1, 1, 2))):
                after[task, value] = random.randrange(states)
        graph.after.append(after)
        graph.able.append(tuple(sorted(able)))
    return graph


def subsets(graph: Graph) -> Iterator[frozenset[int]]:
    states = range(len(graph.after))
    for size in range(1, len(graph.after) + 1):
        yield from (frozenset(each) for each in combinations(states, size))


def goes_round(graph: Graph, states: Collection[int]) -> bool:
    """Is there a cycle through all of `states`?"""
    steps = list(graph.steps(states))
    drawn = networkx.DiGraph([(a, b) for a, _, b in steps])
    return bool(steps) and set(drawn) == set(states) and networkx.is_strongly_connected(drawn)


def fair_sets(graph: Graph, *, strong: bool) -> list[frozenset[int]]:
    """The sets of states through which a fair cycle goes, by the definition of fairness."""
    found = []
    for states in subsets(graph):
        if not goes_round(graph, states):
            continue
        moving = {choice[0] for _, choice, _ in graph.steps(states)}
        able = [set(graph.able[state]) for state in states]
        owed = set.union(*able) if strong else set.intersection(*able)
        if owed <= moving:
            found.append(states)
    return found


def test_components_are_those_of_networkx() -> None:
    for seed in range(GRAPHS):
        graph = random_graph(seed)
        everything = range(len(graph.after))
        drawn = networkx.DiGraph()
        drawn.add_nodes_from(everything)
        drawn.add_edges_from((a, b) for a, _, b in graph.steps(everything))
        wanted = {frozenset(part) for part in networkx.strongly_connected_components(drawn)}
        assert set(components(graph, everything)) == wanted


def test_a_fair_cycle_is_found_where_there_is_one() -> None:
    weak = strong = 0
    for seed in range(GRAPHS):
        graph = random_graph(seed)
        parts = components(graph, range(len(graph.after)))
        found = [part for part in parts if weakly_fair(graph, part)]
        wanted = fair_sets(graph, strong=False)
        assert bool(found) == bool(wanted), graph
        assert all(any(states <= part for part in found) for states in wanted)
        weak += bool(found)
        lasting = [strongly_fair_part(graph, part) for part in found]
        wanted = fair_sets(graph, strong=True)
        assert any(lasting) == bool(wanted), graph
        assert all(part in wanted for part in lasting if part is not None)
        strong += any(lasting)
    assert 50 < strong < weak < GRAPHS - 50


def test_a_cycle_goes_round_and_is_fair() -> None:
    tried = 0
    for seed in range(GRAPHS):
        graph = random_graph(seed)
        for part in components(graph, range(len(graph.after))):
            if not weakly_fair(graph, part):
                continue
            tried += 1
            start = min(part)
            steps = cycle(graph, part, start)
            at = start
            for state, choice in steps:
                assert state == at
                at = graph.after[state][choice]
            assert at == start
            states = {state for state, _ in steps}
            assert states <= part
            assert graph.patient(states) <= {choice[0] for _, choice in steps}
    assert tried > 100


def test_a_cycle_leads_past_where_the_others_cannot_go_on() -> None:
    # task 0 can stay in state 0, where task 1 could go on, or go round by state 1, where it cannot
    graph = Graph([{(0, 0): 0, (0, 1): 1}, {(0, 0): 0}], [(0, 1), (0,)])
    assert cycle(graph, {0, 1}, 0) == [(0, (0, 0)), (0, (0, 1)), (1, (0, 0))]


def test_a_path_is_a_shortest_one() -> None:
    graph = Graph([{(0, 0): 1, (0, 1): 2}, {(0, 0): 3}, {(1, 0): 4}, {(0, 0): 4}, {}], [()] * 5)
    assert path(graph, 0, {4}, range(5)) == [(0, (0, 1)), (2, (1, 0))]
    assert path(graph, 0, {4}, {0, 1, 3, 4}) == [(0, (0, 0)), (1, (0, 0)), (3, (0, 0))]
    assert path(graph, 0, {0}, range(5)) == []
    with pytest.raises(ValueError, match="no state that is wanted"):
        path(graph, 4, {0}, range(5))
