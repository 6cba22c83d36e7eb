"""Can the functions of a scenario be called as they will be?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from lockwright.core.errors import UsageError
from lockwright.report.place import place_of
from lockwright.scenario import Scenario


def check_functions(scenario: Scenario) -> None:
    """Raise UsageError if one of the scenario's functions cannot be called as it will be."""
    build, arguments = scenario.source, scenario.arguments
    if inspect.iscoroutinefunction(build):
        raise UsageError(f"{_described('function', build)} is async: it is called, not awaited")
    if (parts := scenario.parts) is None:
        _check_call("function", build, "the world and its parameters by name", arguments)
    else:
        named = "and the parameters that it takes"
        _check_call("ground", parts.ground, f"the world {named}", parts.to_ground(arguments))
        _check_call("function", build, f"what its ground made {named}", parts.to_act(arguments))
    if not isinstance(scenario.at_end, (tuple, list)):
        raise UsageError(f"at_end is a tuple of functions, not a {type(scenario.at_end).__name__}")
    for check in scenario.at_end:
        _check_call("check at the end", check, "the world", {})
    if scenario.outcome is not None:
        _check_call("outcome", scenario.outcome, "the world", {})
    for goal in scenario.sometimes:  # that they are goals, the rule checks
        if isinstance(goal, tuple):
            _check_call("condition of a goal", goal[-1], "the world", {})


def _check_call(
    what: str, function: Callable[..., object], given: str, named: Mapping[str, object]
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # not callable, or not Python's: calling it will tell
        return
    try:
        signature.bind(None, **named)
    except TypeError as error:
        raise UsageError(
            f"{_described(what, function)} cannot be called with {given}: {error}"
        ) from None


def _described(what: str, function: Callable[..., object]) -> str:
    name = getattr(function, "__qualname__", type(function).__name__)
    place = place_of(function)
    return f"its {what} {name}()" + (f" ({place})" if place else "")
