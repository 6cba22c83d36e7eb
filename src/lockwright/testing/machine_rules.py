"""What the rules of a concurrent machine are to the engine: a vocabulary of calls.

A rule becomes a function of `Calls`, and the machine's ground one that makes, beside what the
machine's own gives, a `Stage`: a machine of its own for the execution, and what users hold.
"""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from hypothesis.errors import InvalidDefinition
from hypothesis.stateful import Bundle, MultipleResults, Rule, RuleBasedStateMachine

from lockwright.calls import Calls, Function
from lockwright.check.linearreference import reference_of
from lockwright.core.errors import KernelOops, ModelError
from lockwright.core.history import Reference
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.slab import Slab
from lockwright.scenario import Check, Ground, Parameter, taken_names

if TYPE_CHECKING:
    from lockwright.testing.machine import ConcurrentStateMachine

ASSERTION = "assertion failed"
FIRST = ("self", "at")
WHOLE = "*"
"""Stands for all arguments of a call, which are drawn together."""


class Nothing:
    """What a rule gave that returned `multiple()`: calls that would take it are not made."""

    def __repr__(self) -> str:
        return "multiple()"


NOTHING = Nothing()


class Users(Slab):
    """Those who call: an object of the simulated kernel, so that what they hold is no leak.

    `held` are the results of calls that went into bundles and were not consumed; what several calls
    gave is there once for each, as a reference is to an object that counts them.
    """

    __slots__ = ("at", "held", "machine")

    def __init__(self, world: World, machine: ConcurrentStateMachine, at: Value) -> None:
        super().__init__(world, "users")
        self.machine = machine
        self.at = at
        self.held: list[Value] = []

    def drop(self, thing: Value) -> None:
        """A call consumed what one call gave."""
        nth = next((nth for nth, each in enumerate(self.held) if each is thing), None)
        if nth is not None:
            del self.held[nth]


class Grounded:
    """The ground of a machine: its own, and the users on it."""

    def __init__(self, machine: type[ConcurrentStateMachine], ground: Ground) -> None:
        self.machine = machine
        self.makes = ground
        self.takes = taken_names(ground)

    def __call__(self, world: World, **parameters: Parameter) -> Users:
        takes = self.takes
        given = {k: v for k, v in parameters.items() if takes is None or k in takes}
        return Users(world, self.machine.playing(), self.makes(world, **given))


def users_of(world: World) -> Users:
    """Those who call in this world."""
    return next(thing for thing in world.objects if isinstance(thing, Users))


class RuleFunction:
    """A rule as a function of a vocabulary."""

    def __init__(self, rule: Rule, *, referred: bool) -> None:
        self.rule = rule
        self.referred = referred
        self.name: str = rule.function.__name__
        self.names = argument_names(rule)
        self.keeps = len(rule.targets)
        self.consumed = [
            nth for nth, name in enumerate(self.names) if _consumes(rule.arguments[name])
        ]

    def __call__(self, users: Users, *arguments: Value) -> Coroutine[Any, Any, Value]:
        return self._call(users, arguments)

    async def _call(self, users: Users, arguments: tuple[Value, ...]) -> Value:
        if _lacks(arguments):
            return NOTHING
        given = dict(zip(self.names, arguments, strict=True))
        try:
            result = await self.rule.function(users.machine, users.at, **given)
        except AssertionError as error:
            raise _oops(self.name, error) from error
        for nth in self.consumed:
            users.drop(arguments[nth])
        return self._kept(users, result)

    def _kept(self, users: Users, result: Value) -> Value:
        if isinstance(result, MultipleResults):
            if len(result.values) > 1:
                raise ModelError(
                    f"the rule {self.name}() gave {len(result.values)} results: a rule of a "
                    "concurrent machine gives one or none, because calls that take it are drawn "
                    "before it has run"
                )
            if self.referred and not result.values:
                raise ModelError(
                    f"the rule {self.name}() gave multiple(), and the machine has a reference: a "
                    "call that is not made has no place in a history; let it return None, say"
                )
            result = result.values[0] if result.values else NOTHING
        elif result is not None and not self.keeps:
            return result
        if self.keeps and result is not NOTHING:
            users.held += [result] * self.keeps
        return result


def _oops(name: str, error: AssertionError) -> KernelOops:
    """The task that made the call dies of it."""
    said = said_by(error)
    oops = KernelOops(ASSERTION, f"{ASSERTION} in {name}(): {said}", f"{name}: {said}")
    return oops.with_traceback(error.__traceback__)


def said_by(error: AssertionError) -> str:
    """What an assertion says, without what pytest adds on further lines; of one without a message,
    its source."""
    if text := str(error).strip().partition("\n")[0]:
        return text
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    line = linecache.getline(at.tb_frame.f_code.co_filename, at.tb_lineno) if at else ""
    return line.strip() or "assert"


def _lacks(argument: Value) -> bool:
    """Is there something in it that no call gave?"""
    if isinstance(argument, list | tuple | set | frozenset):
        return any(map(_lacks, argument))
    if isinstance(argument, dict):
        return any(map(_lacks, argument.values()))
    return argument is NOTHING


def _consumes(strategy: Value) -> bool:
    return isinstance(strategy, Bundle) and strategy.consume


def argument_names(rule: Rule) -> tuple[str, ...]:
    """Of a rule's arguments, in the order of its function's."""
    names = [*inspect.signature(rule.function).parameters][len(FIRST) :]
    others = [name for name in rule.arguments if name not in names]
    return (*(name for name in names if name in rule.arguments), *others)


class Invariants:
    """The machine's `@invariant` methods, as a promise of every execution that ends well."""

    def __init__(self, machine: type[ConcurrentStateMachine]) -> None:
        self.invariants = [
            (each, len(inspect.signature(each.function).parameters) > 1)
            for each in machine.setup_state().invariants
        ]

    def __call__(self, world: World) -> Iterator[str]:
        users = users_of(world)
        for each, takes_at in self.invariants:
            if not all(holds(users.machine) for holds in each.preconditions):
                continue
            try:
                each.function(users.machine, *([users.at] if takes_at else []))
            except AssertionError as error:
                yield f"{each.function.__name__}: {said_by(error)}"


def vocabulary(machine: type[ConcurrentStateMachine]) -> Calls:
    """The calls of a machine's rules.  Raises InvalidDefinition for one that has no meaning."""
    state = machine.setup_state()
    rules = [*state.initializers, *state.rules]
    ground = check_definition(machine, rules)
    functions: dict[str, Function] = {
        each.function.__name__: RuleFunction(each, referred=machine.reference is not None)
        for each in rules
    }
    at_end: tuple[Check, ...] = machine.at_end
    if state.invariants:
        at_end = (*at_end, Invariants(machine))
    return Calls(
        design_of(machine),
        Grounded(machine, ground),
        functions,
        at_end=at_end,
        release=machine.release,
        parameters=dict(machine.parameters),
        reference=_reference(machine.reference),
    )


def _reference(given: Reference | type | None) -> Reference | None:
    """A class stands for a reference that is made of it, or for one of its instances."""
    if not isinstance(given, type):
        return given
    if hasattr(given, "initial") and hasattr(given, "apply"):
        made: Reference = given()
        return made
    return reference_of(given)


def design_of(machine: type[ConcurrentStateMachine]) -> str:
    """What a machine is called in tokens: by its `name`, or module and class."""
    return machine.name or f"{machine.__module__}/{machine.__name__}".replace(".", "/")


def check_definition(machine: type[ConcurrentStateMachine], rules: list[Rule]) -> Ground:
    """The machine's ground.  Raises InvalidDefinition for what is no concurrent machine."""
    name, ground = machine.__name__, machine.ground
    if ground is None:
        raise InvalidDefinition(
            f"{name} has no ground: expected, say, `ground = make_table`, a function that takes a "
            "fresh world and gives what the rules are called with"
        )
    _check_attributes(machine, ground)
    if not machine.setup_state().rules:
        raise InvalidDefinition(f"{name} defines no rules")
    for each in rules:
        _check_rule(name, each)
    for found in machine.setup_state().invariants:
        if inspect.iscoroutinefunction(found.function):
            raise InvalidDefinition(
                f"{name}.{found.function.__name__}() is asked at the end of an execution, where "
                "nothing can be awaited: an invariant of a concurrent machine is a plain `def`"
            )
    if machine.teardown is not RuleBasedStateMachine.teardown:
        raise InvalidDefinition(
            f"{name}.teardown() would never be called: nothing is left of a world when its "
            "execution has ended"
        )
    return ground


def _check_attributes(machine: type[ConcurrentStateMachine], ground: Value) -> None:
    name = machine.__name__
    if not callable(ground) or inspect.iscoroutinefunction(ground):
        raise InvalidDefinition(
            f"{name}.ground is no plain function or class: expected one, which is called with a "
            "fresh world"
        )
    given = {"world", *machine.parameters}
    lacking = [each for each in _required(ground)[1:] if each not in given]
    if lacking or _required(ground)[:1] == ["self"]:
        raise InvalidDefinition(
            f"{name}.ground takes ({', '.join(inspect.signature(ground).parameters)}): expected a "
            "fresh world first, no self, and then names of the machine's `parameters`"
        )
    if type(machine.tasks_max) is not int or machine.tasks_max < 1:
        raise InvalidDefinition(
            f"{name}.tasks_max is {machine.tasks_max!r}: expected a number, 1 or more"
        )
    for what, several in (("at_end", machine.at_end), ("checks", machine.checks)):
        if not isinstance(several, tuple | list):
            raise InvalidDefinition(
                f"{name}.{what} is a {type(several).__name__}: expected a tuple, even of one: "
                f"`{what} = (one,)`"
            )


def _required(function: Callable[..., object]) -> list[str]:
    """The arguments that a function or class cannot do without; none of one that does not say."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return []
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in several]


def _check_rule(machine: str, rule: Rule) -> None:
    function: Callable[..., object] = rule.function
    where = f"{machine}.{rule.function.__name__}()"
    if not inspect.iscoroutinefunction(function):
        raise InvalidDefinition(
            f"{where} is a plain function: a rule of a concurrent machine is `async def`"
        )
    parameters = inspect.signature(function).parameters
    names = [*parameters]
    if tuple(names[:2]) != FIRST:
        shown = ", ".join(names)
        raise InvalidDefinition(
            f"{where} takes ({shown}): expected self, then `at`, what the ground gave, and then "
            "the rule's arguments"
        )
    any_name = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if unknown := [key for key in rule.arguments if key not in names[2:] and not any_name]:
        raise InvalidDefinition(f"{where} has no argument {unknown[0]!r}, which its rule gives")
    lacking = [key for key in _required(function)[len(FIRST) :] if key not in rule.arguments]
    if lacking and WHOLE not in rule.arguments:
        raise InvalidDefinition(
            f"{where} needs the argument {lacking[0]!r}: expected @rule({lacking[0]}=...), a "
            "strategy or a bundle"
        )
    for key, strategy in rule.arguments.items():
        if isinstance(strategy, Bundle) and strategy._transformations:
            raise InvalidDefinition(
                f"{where} filters or maps the bundle of {key!r}: what a bundle holds is known "
                "only when the program runs; let the rule do it"
            )
