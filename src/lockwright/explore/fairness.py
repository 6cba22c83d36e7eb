"""Fair cycles in a graph of states: pure functions, which know no world.

An infinite execution is *weakly fair* if no task that can go on all the time is left standing for
ever; it is *strongly fair* if no task is that can go on again and again.  In a strongly connected
set of states there is a weakly fair cycle if and only if each task takes a step within the set or
cannot go on in some state of it: the cycle that visits the whole set will do.  For a strongly fair
one each task that can go on somewhere has to take a step; where one does not, the states in which
it can go on are left out, and what remains is looked through again.

Source: Lichtenstein and Pnueli, Checking that finite state concurrent programs satisfy their
linear specification (POPL 1985); Tarjan, Depth-first search and linear graph algorithms (1972).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from lockwright.core.schedule import Choice

Step = tuple[int, Choice]
"""A state, and the choice that was made in it."""


@dataclass(slots=True)
class Graph:
    """States by number.  `after[s]` leads from each choice that was tried in state s to the state
    after it, `able[s]` has the tasks that can go on in it; a choice is (task, value)."""

    after: list[dict[Choice, int]] = field(default_factory=list)
    able: list[tuple[int, ...]] = field(default_factory=list)

    def steps(self, states: Collection[int]) -> Iterator[tuple[int, Choice, int]]:
        """The steps from a state of `states` to another or the same: (from, choice, to)."""
        for state in states:
            for choice, to in self.after[state].items():
                if to in states:
                    yield state, choice, to

    def moving(self, states: Collection[int]) -> set[int]:
        """The tasks that take a step within `states`."""
        return {choice[0] for _, choice, _ in self.steps(states)}

    def patient(self, states: Collection[int]) -> set[int]:
        """The tasks that can go on in every one of `states`."""
        return set.intersection(*(set(self.able[state]) for state in states))

    def eager(self, states: Collection[int]) -> set[int]:
        """The tasks that can go on in some of `states`."""
        return {task for state in states for task in self.able[state]}


def weakly_fair(graph: Graph, states: Collection[int]) -> bool:
    """Is there a weakly fair cycle in a strongly connected set?"""
    moving = graph.moving(states)
    return bool(moving) and graph.patient(states) <= moving


def strongly_fair_part(graph: Graph, states: Collection[int]) -> frozenset[int] | None:
    """A strongly connected part of `states` whose tasks that can go on all take a step."""
    for part in components(graph, states):
        moving = graph.moving(part)
        if not moving:
            continue
        starved = graph.eager(part) - moving
        if not starved:
            return part
        left = [state for state in part if not starved & set(graph.able[state])]
        found = strongly_fair_part(graph, left)
        if found is not None:
            return found
    return None


def components(graph: Graph, states: Collection[int]) -> list[frozenset[int]]:
    """The strongly connected components of `states` (Tarjan), those that lead nowhere first."""
    inside = frozenset(states)
    low: dict[int, int] = {}
    place: dict[int, int] = {}
    done: set[int] = set()
    open_states: list[int] = []
    found: list[frozenset[int]] = []
    for root in sorted(inside):
        if root in place:
            continue
        work = [_entered(graph, root, place, low, open_states)]
        while work:
            state, onward = work[-1]
            for to in onward:
                if to not in inside or to in done:
                    continue
                if to in place:
                    low[state] = min(low[state], place[to])
                    continue
                work.append(_entered(graph, to, place, low, open_states))
                break
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[state])
                if low[state] == place[state]:
                    part: set[int] = set()
                    while state not in part:
                        part.add(open_states.pop())
                    done |= part
                    found.append(frozenset(part))
    return found


def _entered(
    graph: Graph, state: int, place: dict[int, int], low: dict[int, int], open_states: list[int]
) -> tuple[int, Iterator[int]]:
    place[state] = low[state] = len(place)
    open_states.append(state)
    return state, iter(graph.after[state].values())


def path(graph: Graph, start: int, wanted: Collection[int], within: Collection[int]) -> list[Step]:
    """The shortest way from `start` to a state that is wanted, start itself included."""
    came: dict[int, Step | None] = {start: None}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        if state in wanted:
            return _back(came, state)
        for choice, to in graph.after[state].items():
            if to in within and to not in came:
                came[to] = (state, choice)
                queue.append(to)
    raise ValueError("no state that is wanted can be reached")


def _back(came: dict[int, Step | None], state: int) -> list[Step]:
    steps: list[Step] = []
    at = came[state]
    while at is not None:
        steps.append(at)
        at = came[at[0]]
    steps.reverse()
    return steps


def cycle(graph: Graph, states: Collection[int], start: int) -> list[Step]:
    """A way through a strongly connected set from `start` back to it: each task that takes a step
    in the set takes one on it, and each other one cannot go on somewhere on it, if it ever cannot.
    """
    steps: list[Step] = []
    at = start

    def go(wanted: Collection[int]) -> int:
        way = path(graph, at, wanted, states)
        steps.extend(way)
        return graph.after[way[-1][0]][way[-1][1]] if way else at

    moving = graph.moving(states)
    for task in sorted(moving):
        if any(choice[0] == task for _, choice in steps):
            continue
        at = go({state for state, choice, _ in graph.steps(states) if choice[0] == task})
        choice = next(
            step for step, to in graph.after[at].items() if step[0] == task and to in states
        )
        steps.append((at, choice))
        at = graph.after[at][choice]
    for task in sorted(graph.eager(states) - moving - graph.patient(states)):
        if all(task in graph.able[state] for state, _ in steps):
            at = go({state for state in states if task not in graph.able[state]})
    go({start})
    return steps
