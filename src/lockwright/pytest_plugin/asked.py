"""How to explore: what a call, markers, the command line and the profile say, in this order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.kernel.storebuffer import check_memory
from lockwright.options import GRANULARITIES, RULES, Options, check_name
from lockwright.report.columns import counted
from lockwright.scenario import MEMORY
from lockwright.schedule.slow import SLOW
from lockwright.schedule.strategies import parse_mix
from lockwright.searches import EXHAUSTIVE, STRATEGIES
from lockwright.testing.profiles import Profile

PARAMETERS = "parameters"
BY_POSITION = "interleavings takes options by name, as in interleavings(strategy='pct', seed=7)"


@dataclass(frozen=True, slots=True)
class Layer:
    """Options that one place gives; `source` names the place."""

    source: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of one exploration, the scenario's parameters as texts, and of each option the
    place that says it."""

    options: Options
    parameters: Mapping[str, str]
    sources: Mapping[str, str]

    def stopped(self, executions: int) -> tuple[str, ...]:
        """What ended a search of so many executions that is not complete."""
        options = self.options
        said = []
        if options.strategy not in EXHAUSTIVE:
            said.append(f"Strategy {options.strategy} draws its schedules: it never verifies.")
        if options.executions is not None and executions >= options.executions:
            bound, name = counted(options.executions, "execution"), "executions"
        elif options.seconds is not None and options.strategy in EXHAUSTIVE:
            bound, name = counted(int(options.seconds), "second"), "seconds"
            if options.seconds != int(options.seconds):
                bound = f"{options.seconds:g} seconds"
        else:
            return tuple(said)
        return (*said, f"It stopped at the bound of {bound}, given by {self.sources[name]}.")


def of_profile(profile: Profile) -> Layer:
    """The bounds of a profile."""
    bounds = {"executions": profile.executions, "seconds": profile.seconds}
    return Layer(f"the profile {profile.name}", bounds)


def asked(layers: Sequence[Layer]) -> Asked:
    """The options, where the first layer that says something holds.

    Raises UsageError that names the layer for an unknown option, and for a value that is none.
    """
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    parameters: dict[str, str] = {}
    for layer in reversed(layers):
        for name, value in layer.values.items():
            try:
                check_name("option", name, CHECKS)
                checked = CHECKS[name](name, value)
            except UsageError as error:
                raise UsageError(f"{layer.source}: {error}") from None
            if name == PARAMETERS:
                parameters.update(checked)
            elif name == MEMORY:
                parameters[MEMORY] = checked
            else:
                values[name], sources[name] = checked, layer.source
    return Asked(Options(**values), parameters, sources)


def _number(name: str, value: Value, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name}={value!r}: expected a number, {least} or more")
    return value


def _from(least: int, *, none: bool = False) -> Callable[[str, Value], Value]:
    """Checks for a whole number; `none` allows None."""

    def check(name: str, value: Value) -> Value:
        return None if none and value is None else _number(name, value, least)

    return check


def _switch(name: str, value: Value) -> Value:
    if not isinstance(value, bool):
        raise UsageError(f"{name}={value!r}: expected True or False")
    return value


def _seed(name: str, value: Value) -> Value:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"{name}={value!r}: expected a number")
    return value


def _seconds(name: str, value: Value) -> Value:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise UsageError(f"{name}={value!r}: expected a length of time above 0, or None")
    return value


def _one_of(known: Sequence[str]) -> Callable[[str, Value], Value]:
    def check(name: str, value: Value) -> Value:
        check_name(name, str(value), known)
        return value

    return check


def _rules(name: str, value: Value) -> Value:
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        raise UsageError(f"{name}={value!r}: expected a list of rules, of: {', '.join(RULES)}")
    for rule in value:
        check_name("rule", str(rule), RULES)
    return tuple(value)


def _slow(name: str, value: Value) -> Value:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UsageError(f"{name}={value!r}: expected a list, of: {', '.join(SLOW)}")
    for delay in value:
        check_name("delay", str(delay), SLOW)
    return tuple(value)


def _mix(name: str, value: Value) -> Value:
    if not isinstance(value, str):
        raise UsageError(f"{name}={value!r}: expected a text, as 'random,pct:2'")
    parse_mix(value)
    return value


def _memory(name: str, value: Value) -> Value:
    check_memory(value)
    return value


def _parameters(name: str, value: Value) -> Value:
    if not isinstance(value, Mapping):
        raise UsageError(f"{name}={value!r}: expected a mapping, as {{'rounds': 2}}")
    given = {}
    for key, content in value.items():
        text = str(content)
        if not isinstance(key, str) or not isinstance(content, bool | int | str):
            raise UsageError(f"{name}: {key!r}: {content!r} is no text, number, True or False")
        if not (key and text) or re.search(r"[~,'\s=]", key) or re.search(r"[~,'\s]", text):
            raise UsageError(
                f"{name}: {key!r}: {content!r}: expected texts without space, comma, ' and ~"
            )
        given[key] = text
    return given


CHECKS: dict[str, Callable[[str, Value], Value]] = {
    "strategy": _one_of(STRATEGIES),
    "executions": _from(1, none=True),
    "seconds": _seconds,
    "granularity": _one_of(GRANULARITIES),
    "seed": _seed,
    "rules": _rules,
    "depth": _from(1),
    "bound": _from(0, none=True),
    "mix": _mix,
    "attempts": _from(0),
    "jobs": _from(1),
    "coverage": _switch,
    "slow": _slow,
    MEMORY: _memory,
    PARAMETERS: _parameters,
}
"""What can be said, and of each the check that gives its value."""
