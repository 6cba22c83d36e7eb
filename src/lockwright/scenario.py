"""Scenarios: a small world, its tasks, and the promises that must hold.

    @scenario("eventfs/v3:open_vs_lookup", release="6.5.0-rc1", writer_queues=False)
    def open_vs_lookup(world: World, *, writer_queues: bool) -> None:
        \"\"\"A directory is opened while a name in it is looked up.\"\"\"
        ...
        world.spawn(opener(), "trace-cmd", pid=840)

The name is `design:case`.  Keyword arguments other than the decorator's own are the scenario's
parameters, with their defaults; the command line can override them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from lockwright.core.errors import UsageError
from lockwright.core.promise import Goal
from lockwright.core.world import World
from lockwright.kernel.storebuffer import SC, check_memory, use_memory

Parameter = bool | int | str
MEMORY = "memory"
"""The parameter that every scenario has: the memory model, sequential consistency if not given."""
Build = Callable[..., None]
Check = Callable[[World], Iterable[str]]
"""Says, of a world whose execution has ended, which promises are broken; sentences."""
Outcome = Callable[[World], str]
"""Tells the final state of a world in which every task came to its end."""


@dataclass(frozen=True)
class Scenario:
    """One situation to explore.  Immutable; `variant` and `with_parameters` make others.

    `at_end` holds the promises of every execution that ends well, `sometimes` the goals that some
    execution has to reach.  `parameters` holds MEMORY only where stores can be delayed.
    """

    name: str
    build: Build
    title: str = ""
    release: str = "lockwright"
    at_end: tuple[Check, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    outcome: Outcome | None = None
    sometimes: tuple[Goal, ...] = ()
    declared: Mapping[str, Parameter] | None = None

    @property
    def given(self) -> dict[str, Parameter]:
        """The parameters whose values are not those that the scenario was declared with."""
        own = self.parameters if self.declared is None else self.declared
        return {
            key: value
            for key, value in self.parameters.items()
            if key not in own or own[key] != value
        }

    @property
    def design(self) -> str:
        """The part before the colon: `eventfs/v3`."""
        return self.name.partition(":")[0]

    @property
    def case(self) -> str:
        """The part after the colon: `open_vs_lookup`."""
        return self.name.partition(":")[2]

    @property
    def memory(self) -> str:
        """The memory model: `sc`, `tso` or `pso`."""
        return str(self.parameters.get(MEMORY, SC))

    @property
    def arguments(self) -> dict[str, Parameter]:
        """The parameters that `build` is called with."""
        return {key: value for key, value in self.parameters.items() if key != MEMORY}

    def set_up(self, world: World) -> None:
        """Build the world and spawn the tasks."""
        use_memory(world, self.memory)
        self.build(world, **self.arguments)

    def variant(
        self,
        case: str,
        *,
        title: str = "",
        at_end: tuple[Check, ...] | None = None,
        sometimes: tuple[Goal, ...] | None = None,
        **parameters: Parameter,
    ) -> Scenario:
        """The same scenario under another name, with other parameters."""
        made = self.with_parameters({key: str(value) for key, value in parameters.items()})
        return replace(
            made,
            name=f"{self.design}:{case}",
            declared=None,
            title=title or self.title,
            at_end=self.at_end if at_end is None else at_end,
            sometimes=self.sometimes if sometimes is None else sometimes,
        )

    def with_parameters(self, given: Mapping[str, str]) -> Scenario:
        """Parameters from text.  Raises UsageError for an unknown name or an impossible value."""
        parameters = dict(self.parameters)
        for key, text in given.items():
            if key == MEMORY:
                check_memory(text)
                parameters.pop(key, None)
                if text != SC:
                    parameters[key] = text
                continue
            if key not in parameters:
                known = ", ".join(parameters) or "none"
                raise UsageError(f"{self.name} has no parameter {key!r}; it has: {known}")
            parameters[key] = _parse(self.name, key, text, parameters[key])
        own = self.parameters if self.declared is None else self.declared
        return replace(self, parameters=parameters, declared=own)


def scenario(
    name: str,
    *,
    release: str = "lockwright",
    at_end: tuple[Check, ...] = (),
    sometimes: tuple[Goal, ...] = (),
    **parameters: Parameter,
) -> Callable[[Build], Scenario]:
    """Make the decorated function a `Scenario`; the first line of its docstring is the title."""
    design, colon, case = name.partition(":")
    if not (design and colon and case) or any(c in name for c in " ~,?*") or ":" in case:
        raise UsageError(
            f"{name!r} is not a scenario name: expected DESIGN:CASE, say mine/abba:two"
        )

    if MEMORY in parameters:
        raise UsageError(
            f"{name}: {MEMORY!r} is a parameter that every scenario has; call it something else"
        )

    def decorate(build: Build) -> Scenario:
        title = (inspect.getdoc(build) or "").partition("\n")[0]
        return Scenario(name, build, title, release, at_end, parameters, sometimes=sometimes)

    return decorate


def _parse(name: str, key: str, text: str, default: Parameter) -> Parameter:
    if isinstance(default, bool):
        if text.lower() in ("true", "1", "yes"):
            return True
        if text.lower() in ("false", "0", "no"):
            return False
        raise UsageError(f"{name}: {key} is true or false, not {text!r}")
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise UsageError(f"{name}: {key} is a number, not {text!r}") from None
    return text
