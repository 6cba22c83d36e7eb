"""What each step says it touches is all that matters to others.

Neighbouring steps of different tasks that have no location in common, or only read what they have
in common, can be swapped: same touches, same results, same final state.  A location that is
missing from what a primitive touches breaks this for some program.
"""

from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.location import Names
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.plain import plain_search
from lockwright.explore.run import trace_key
from tests.kernel.everything import ACTIONS, SECTIONS, Everything, by_number, spawn_all
from tests.kernel.searching import Setup, making

T = TypeVar("T")

Step = tuple[int, int]
"""(task number, choice)"""

action_of = st.integers(0, len(ACTIONS) - 1)
section_of = st.tuples(st.sampled_from(SECTIONS), action_of).map(
    lambda drawn: [drawn[0][0], drawn[1], drawn[0][1]]
)
script_of = st.lists(st.one_of(section_of, action_of.map(lambda one: [one])), max_size=4).map(
    lambda phrases: [action for phrase in phrases for action in phrase]
)
scripts_of = st.lists(script_of, min_size=2, max_size=4)

WAITS = {
    "cond_wait",
    "grace_period",
    "msleep",
    "receive",
    "schedule",
    "wait_for_completion",
    "wait_for_grant",
    "wait_for_worker",
}

COUNTING = (77, 78, 79, 80)
"""What is done to a percpu_ref."""
COUNTED_APART = {
    frozenset({"percpu_ref_get"}),
    frozenset({"percpu_ref_get", "percpu_ref_put"}),
    frozenset({"percpu_ref_get", "percpu_ref_tryget"}),
}


class Recorded:
    """One execution: its steps, what they touched, who was enabled before each, how it ended."""

    def __init__(self, names: Names, scripts: list[list[int]]) -> None:
        self.world = World(names)
        self.everything: Everything = spawn_all(self.world, scripts)
        self.steps: list[Step] = []
        self.kinds: list[str] = []
        self.touched: list[list[int]] = []
        self.enabled: list[list[int]] = []

    def take(self, number: int, choice: int) -> None:
        task = by_number(self.world, number)
        assert task.pending is not None
        self.steps.append((number, choice))
        self.kinds.append(task.pending.kind)
        self.touched.append(self.world.step(task, choice))
        self.enabled.append(sorted(task.number for task in self.world.enabled()))

    def end(self) -> dict[str, object]:
        results = sorted((task.number, task.result) for task in self.world.tasks if task.ended)
        return {**self.everything.state(), "results": results, "enabled": self.enabled[-1:]}


def record(names: Names, scripts: list[list[int]], picks: list[int]) -> Recorded:
    """Run on, each pick choosing among what is enabled."""
    run = Recorded(names, scripts)
    for pick in picks:
        enabled = run.world.enabled()
        if not enabled:
            break
        task = enabled[pick % len(enabled)]
        op = task.pending
        options = op.options() if op is not None and op.chooses else 1
        run.take(task.number, pick // len(enabled) % options)
    return run


def independent(one: list[int], other: list[int]) -> bool:
    """No location in common that one of them writes; a code below 0 reads its flag."""
    ones = {code >> 1 if code >= 0 else ~code: False for code in one}
    others = {code >> 1 if code >= 0 else ~code: False for code in other}
    ones.update({code >> 1: True for code in one if code >= 0 and code & 1})
    others.update({code >> 1: True for code in other if code >= 0 and code & 1})
    return not any(ones[place] or others[place] for place in ones.keys() & others.keys())


def swapped(items: list[T], at: int) -> list[T]:
    """The list with items `at` and `at + 1` swapped."""
    return [*items[:at], items[at + 1], items[at], *items[at + 2 :]]


def assert_swappable(names: Names, scripts: list[list[int]], run: Recorded, at: int) -> None:
    """The run with steps `at` and `at + 1` swapped is the same."""
    steps = swapped(run.steps, at)
    other = Recorded(names, scripts)
    for number, choice in steps:
        task = by_number(other.world, number)
        assert task in other.world.enabled(), (scripts, run.steps, at)
        other.take(number, choice)
    assert other.touched == swapped(run.touched, at)
    assert other.enabled[at + 1 :] == run.enabled[at + 1 :]
    assert other.end() == run.end()


def test_independent_neighbours_can_be_swapped() -> None:
    swapped_kinds: set[str] = set()

    @settings(max_examples=500, deadline=None, derandomize=True)
    @given(scripts=scripts_of, picks=st.lists(st.integers(0, 23), min_size=20, max_size=60))
    def check(scripts: list[list[int]], picks: list[int]) -> None:
        names = Names()
        run = record(names, scripts, picks)
        for at in range(len(run.steps) - 1):
            if run.steps[at][0] == run.steps[at + 1][0]:
                continue
            if independent(run.touched[at], run.touched[at + 1]):
                assert_swappable(names, scripts, run, at)
                swapped_kinds.update(run.kinds[at : at + 2])

    check()
    assert swapped_kinds >= WAITS


def test_references_of_different_tasks_can_be_taken_in_any_order() -> None:
    swapped_pairs: set[frozenset[str]] = set()
    counting = st.lists(st.sampled_from(COUNTING), min_size=2, max_size=4)

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(
        scripts=st.lists(counting, min_size=2, max_size=3),
        picks=st.lists(st.integers(0, 5), min_size=12, max_size=12),
    )
    def check(scripts: list[list[int]], picks: list[int]) -> None:
        names = Names()
        run = record(names, scripts, picks)
        for at in range(len(run.steps) - 1):
            if run.steps[at][0] != run.steps[at + 1][0] and independent(
                run.touched[at], run.touched[at + 1]
            ):
                assert_swappable(names, scripts, run, at)
                swapped_pairs.add(frozenset(run.kinds[at : at + 2]))

    check()
    assert swapped_pairs >= COUNTED_APART
    assert not any("percpu_ref_kill" in pair for pair in swapped_pairs)


def running(scripts: list[list[int]]) -> Setup:
    def setup(world: World) -> None:
        spawn_all(world, scripts)

    return setup


@settings(max_examples=150, deadline=None, derandomize=True)
@given(scripts=st.lists(st.lists(action_of, min_size=1, max_size=2), min_size=2, max_size=3))
def test_dpor_finds_each_trace_of_a_random_program_once(scripts: list[list[int]]) -> None:
    make = making(running(scripts))
    traces = set()
    for count, run in enumerate(plain_search(make)):
        if count == 3000:
            return
        traces.add(trace_key(run))
    reduced = list(Dpor(make))
    assert not any(run.sleeping for run in reduced)
    assert len(reduced) == len(traces)
