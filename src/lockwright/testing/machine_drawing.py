"""What Hypothesis draws of a concurrent machine: who calls what, and a schedule.

    place  rule  arguments ...    for each call; place 0 is before the tasks and comes first,
                                  place 1 is the first task
    detours                       the schedule to try first (`schedules.py`)
    seed                          of the random ones to try then

Calls are drawn one after the other and dealt to places, so that to delete a call is to delete a
piece of what was drawn.  Smaller numbers are simpler programs: no call at the same time as another,
fewer tasks, fewer detours.  A call can take what a call of a place with a smaller number, or an
earlier one of its own, gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

from hypothesis import strategies as st
from hypothesis.errors import InvalidDefinition
from hypothesis.stateful import Rule, VarReference

from lockwright.calls import Call, Given, Program
from lockwright.core import literal
from lockwright.core.location import Value
from lockwright.testing.machine_model import Awaited, Model, with_results
from lockwright.testing.machine_rules import WHOLE, argument_names
from lockwright.testing.schedules import Schedule, schedules

if TYPE_CHECKING:
    from lockwright.testing.machine import ConcurrentStateMachine

Draw = Callable[[Any], Any]
"""Draws from a strategy."""
BEFORE = 0
SEED_MAX = 255


class Drawn(NamedTuple):
    """A call as it was drawn: where it is made, and the names of what it gives."""

    place: int
    call: Call
    results: tuple[str, ...]
    initial: bool


@dataclass(slots=True)
class Example:
    """All that was drawn for one example; `calls` in the order in which they were drawn."""

    calls: list[Drawn] = field(default_factory=list)
    schedule: Schedule = ()
    seed: int = 0

    def places(self) -> list[list[int]]:
        """The numbers of the calls before the tasks, and then of those of each task.

        Calls that would all come before the tasks are one task, but for those that initialize.
        """
        found: dict[int, list[int]] = {BEFORE: []}
        for nth, each in enumerate(self.calls):
            found.setdefault(each.place, []).append(nth)
        before = found.pop(BEFORE)
        tasks = [found[place] for place in sorted(found)]
        if not tasks:
            initial = [nth for nth in before if self.calls[nth].initial]
            return [initial, before[len(initial) :]]
        return [before, *tasks]

    def sequential(self) -> list[list[int]]:
        """The calls before the tasks alone, made by one task."""
        before = [nth for nth, each in enumerate(self.calls) if each.place == BEFORE]
        initial = [nth for nth in before if self.calls[nth].initial]
        return [initial, before[len(initial) :]]

    def program(self, places: list[list[int]] | None = None) -> Program | None:
        """Who calls what; None if nobody calls anything."""
        before, *tasks = self.places() if places is None else places
        order = [nth for numbers in (before, *tasks) for nth in numbers]
        if not order or not all(tasks):
            return None
        givens = [Given(-1)] * len(self.calls)
        for at, nth in enumerate(order):
            givens[nth] = Given(at)
        calls = {nth: _numbered(self.calls[nth].call, givens) for nth in order}
        return Program(
            tuple(tuple(calls[nth] for nth in task) for task in tasks),
            tuple(calls[nth] for nth in before),
        )


def _numbered(call: Call, givens: list[Given]) -> Call:
    return Call(call.name, with_results(call.arguments, givens))


class Seen(list[VarReference]):
    """What a call at one place can take of a bundle; what is consumed goes from the bundle."""

    def __init__(self, bundle: list[VarReference], items: Iterable[VarReference]) -> None:
        super().__init__(items)
        self.bundle = bundle

    def pop(self, index: SupportsIndex = -1) -> VarReference:
        """Consume one."""
        found = super().pop(index)
        self.bundle.remove(found)
        return found


class Drawing:
    """Draws the calls of one example for a machine, which it lends its bundles."""

    def __init__(self, machine: ConcurrentStateMachine) -> None:
        self.machine = machine
        self.place = BEFORE
        self.calls: list[Drawn] = []
        self.model = Model(type(machine).calls.reference)
        self.bundles: dict[str, list[VarReference]] = {}
        self.places: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.rule = _rules(type(machine)).filter(self.valid)

    def bundle(self, name: str) -> Seen:
        """What a call at the present place can take."""
        items = self.bundles.setdefault(name, [])
        return Seen(items, (each for each in items if self.places[each.name] <= self.place))

    def initialize(self, draw: Draw) -> None:
        """The calls that come first, each once, in any order."""
        rules = self.machine.setup_state().initializers
        order = draw(st.permutations(rules)) if len(rules) > 1 else rules
        for rule in order:
            self._call(draw, rule, initial=True)

    def step(self, draw: Draw) -> None:
        """One call."""
        self.place = draw(_places(type(self.machine).tasks_max, begun=self.place > BEFORE))
        rules = self.machine.setup_state().rules
        if not any(map(self.valid, rules)):
            if not self.calls:
                names = ", ".join(each.function.__name__ for each in rules)
                raise InvalidDefinition(
                    f"{type(self.machine).__name__} can make no first call: each of its rules "
                    f"({names}) takes from a bundle that is empty, or has a precondition that is "
                    "not true at the beginning"
                )
            return
        self._call(draw, draw(self.rule), initial=False)

    def valid(self, rule: Rule) -> bool:
        """Can the rule be called at the present place?"""
        return all(self.bundle(each.name) for each in rule.bundles) and all(
            holds(self.machine) for holds in rule.preconditions
        )

    def _call(self, draw: Draw, rule: Rule, *, initial: bool) -> None:
        names = argument_names(rule)
        drawn = [self._value(draw(rule.arguments_strategies[name])) for name in names]
        arguments = tuple(drawn[0]) if names == (WHOLE,) else tuple(drawn)
        results = tuple(self._named(target) for target in rule.targets)
        call = Call(rule.function.__name__, arguments)
        self.calls.append(Drawn(self.place, call, results, initial))
        self.model.drew(call.name, arguments)

    def _value(self, drawn: Value) -> Value:
        named = isinstance(drawn, VarReference)
        return self.machine.names_to_values[drawn.name] if named else drawn

    def _named(self, target: str) -> str:
        count = self.counts.get(target, 0)
        self.counts[target] = count + 1
        name = f"{target}_{count}"
        self.machine.names_to_values[name] = Awaited(len(self.calls), name)
        self.places[name] = self.place
        self.bundles.setdefault(target, []).append(VarReference(name))
        return name


def examples(calls_max: int) -> st.SearchStrategy[Example]:
    """One example of the machine that runs."""
    return _examples(calls_max, schedules())


@cache
def _places(tasks_max: int, *, begun: bool) -> st.SearchStrategy[int]:
    """Where the next call is made.  What comes before the tasks is drawn first; half of the time
    there is one more of it."""
    tasks = range(BEFORE + 1, tasks_max + 1)
    more = [BEFORE] * (len(tasks) - 1)
    return st.sampled_from(tuple(tasks) if begun else (BEFORE, *tasks, *more))


@cache
def _rules(machine: type[ConcurrentStateMachine]) -> st.SearchStrategy[Rule]:
    """One of the rules, each as often as the machine says."""
    often, rules = machine.often, machine.setup_state().rules
    return st.sampled_from(
        [rule for rule in rules for _ in range(often.get(rule.function.__name__, 1))]
    )


@st.composite
def _step(draw: st.DrawFn, goes_on: st.SearchStrategy[bool]) -> bool:
    """One more call, or no more; there is at least one."""
    drawing: Drawing = draw(st.runner()).drawing
    if not draw(goes_on) and drawing.calls:
        return False
    drawing.step(draw)
    return True


@st.composite
def _examples(draw: st.DrawFn, calls_max: int, schedule: st.SearchStrategy[Schedule]) -> Example:
    machine: ConcurrentStateMachine = draw(st.runner())
    drawing = machine.drawing = Drawing(machine)
    drawing.initialize(draw)
    # half as many calls as there may be, on average: a list would have six
    goes_on = st.sampled_from((False, *(True,) * (calls_max // 2)))
    for _ in range(calls_max):
        if not draw(_step(goes_on)):
            break
    return Example(drawing.calls, draw(schedule), draw(st.integers(0, SEED_MAX)))


def program_text(example: Example, places: list[list[int]], comms: Iterable[str]) -> str:
    """The program for people, a line for each call:

    before: files_0 = open(path='a')
    task 0 (close): close(file=files_0)
    """
    before, *tasks = places
    lines = [f"before: {_call_text(example.calls[nth])}" for nth in before]
    for task, (numbers, comm) in enumerate(zip(tasks, comms, strict=True)):
        lines += [f"task {task} ({comm}): {_call_text(example.calls[nth])}" for nth in numbers]
    return "\n".join(lines)


def _call_text(drawn: Drawn) -> str:
    given = "".join(f"{name} = " for name in drawn.results)
    arguments = ", ".join(literal.write(each, _made_name) for each in drawn.call.arguments)
    return f"{given}{drawn.call.name}({arguments})"


def _made_name(value: Value) -> str:
    return value.name if isinstance(value, Awaited) else ""
