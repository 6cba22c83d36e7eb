"""Scenarios: a small world, its tasks, and the promises that must hold.

    @scenario("eventfs/v3:open_vs_lookup", release="6.5.0-rc1", writer_queues=False)
    def open_vs_lookup(world: World, *, writer_queues: bool) -> None:
        \"\"\"A directory is opened while a name in it is looked up.\"\"\"
        ...
        world.spawn(opener(), "trace-cmd", pid=840)

The name is `design:case`.  Keyword arguments other than the decorator's own are the scenario's
parameters, with their defaults; the command line can override them.

Where several scenarios are about the same things, what they stand on can be said once, and each
scenario then has only its tasks, so that those of several can be put together (`compose.py`):

    def mounted(world: World, *, writer_queues: bool) -> Mount:
        ...

    @scenario("eventfs/v3:open_alone", ground=mounted, writer_queues=False)
    def open_alone(at: Mount) -> None:
        \"\"\"A directory is opened.\"\"\"
        at.world.spawn(opener(at), "trace-cmd")
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from lockwright.core.daemon import start_daemons
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.promise import Goal
from lockwright.core.world import World
from lockwright.kernel.faults import FAILS, FAILURES, Faults, check_site, goal_of
from lockwright.kernel.reclaim import KSWAPD, Reclaim, kswapd
from lockwright.kernel.signal import Signals, signal_each
from lockwright.kernel.storebuffer import SC, check_memory, use_memory

Parameter = bool | int | str
MEMORY = "memory"
"""The parameter that every scenario has: the memory model, sequential consistency if not given."""
INTERRUPTS = "interrupts"
"""The parameter that every scenario has: where tasks in interrupt context run, OWN if not given."""
OWN, ANYWHERE = WHERE = ("own", "anywhere")
"""On a CPU of their own; or also on top of any other task, where its interrupts are on."""
RECLAIM = "reclaim"
"""The parameter that every scenario has: how many allocations of an execution may find memory
short, and then reclaim; none if not given, but those that its world allows for itself."""
SIGNALS = "signals"
"""The parameter that every scenario has: the tasks, by comm, joined by +, that are sent a signal
each at some time; none if not given."""
SHRINKERS = "shrinkers"
"""The parameter that every scenario has: how often reclaim runs beside its tasks, in a task of its
own; never if not given."""
RESERVED = (MEMORY, INTERRUPTS, RECLAIM, SIGNALS, FAILURES, FAILS, SHRINKERS)
Build = Callable[..., None]
Ground = Callable[..., Value]
"""Makes, of a fresh world and parameters, what the tasks of one or several scenarios act on.

Two grounds fit together if they are equal, as a function is to itself, or if the first has a method
`merged_with(other)` that gives one for both; it raises UsageError that says why there is none.
"""
Act = Callable[..., None]
"""Spawns a scenario's tasks on what its ground made; takes parameters by name."""
Check = Callable[[World], Iterable[str]]
"""Says, of a world whose execution has ended, which promises are broken; sentences."""
Outcome = Callable[[World], str]
"""Tells the final state of a world in which every task came to its end."""


class OnGround:
    """How a scenario is built that is made of a ground and of tasks on it."""

    __slots__ = ("_to_act", "_to_ground", "act", "ground")

    def __init__(self, ground: Ground, act: Act) -> None:
        self.ground = ground
        self.act = act
        self._to_ground = taken_names(ground)
        self._to_act = taken_names(act)

    def __call__(self, world: World, **parameters: Parameter) -> None:
        """Prepare the world and spawn the tasks."""
        self.spawn(self.prepare(world, **parameters), **parameters)

    def prepare(self, world: World, **parameters: Parameter) -> Value:
        """What there is for the tasks to act on."""
        return self.ground(world, **self.to_ground(parameters))

    def spawn(self, at: Value, **parameters: Parameter) -> None:
        """Make the tasks."""
        self.act(at, **self.to_act(parameters))

    def to_ground(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Those that the ground takes."""
        return _among(parameters, self._to_ground)

    def to_act(self, parameters: Mapping[str, Parameter]) -> dict[str, Parameter]:
        """Those that the function which makes the tasks takes."""
        return _among(parameters, self._to_act)

    def takes(self, name: str) -> bool:
        """Does one of the two take a parameter of this name?"""
        return any(names is None or name in names for names in (self._to_ground, self._to_act))


def taken_names(function: Callable[..., object]) -> frozenset[str] | None:
    """The names of keyword arguments that a function takes, None if that is any name."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return frozenset(parameter.name for parameter in parameters)


def _among(given: Mapping[str, Parameter], names: frozenset[str] | None) -> dict[str, Parameter]:
    return {name: value for name, value in given.items() if names is None or name in names}


@dataclass(frozen=True)
class Scenario:
    """One situation to explore.  Immutable; `variant` and `with_parameters` make others.

    `at_end` holds the promises of every execution that ends well, `sometimes` the goals that some
    execution has to reach.  `parameters` holds those of RESERVED only where they are not what they
    are by themselves: sequential consistency, interrupts of their own, and none of what can go
    wrong.
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
        return {key: value for key, value in self.parameters.items() if key not in RESERVED}

    @property
    def interrupts(self) -> str:
        """Where tasks in interrupt context run: `own` or `anywhere`."""
        return str(self.parameters.get(INTERRUPTS, OWN))

    @property
    def parts(self) -> OnGround | None:
        """Its ground and its tasks, if these were said apart."""
        return self.build if isinstance(self.build, OnGround) else None

    @property
    def source(self) -> Callable[..., object]:
        """The function that was declared to be the scenario."""
        return self.build.act if isinstance(self.build, OnGround) else self.build

    def set_up(self, world: World) -> None:
        """Build the world and spawn the tasks."""
        given = self.parameters
        use_memory(world, self.memory)
        if self.interrupts != OWN:
            world.interrupts = self.interrupts
        if RECLAIM in given:
            Reclaim(world, int(given[RECLAIM]))
        if SIGNALS in given:
            Signals(world)
        if FAILURES in given or FAILS in given:
            world.faults = Faults(world, int(given.get(FAILURES, 0)), str(given.get(FAILS, "")))
        self.build(world, **self.arguments)
        if SIGNALS in given:
            signal_each(world, str(given[SIGNALS]).split("+"))
        if SHRINKERS in given:
            reclaim_beside(world, int(given[SHRINKERS]), self.name)
        start_daemons(world)

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
            sometimes=made.sometimes if sometimes is None else sometimes,
        )

    def with_parameters(self, given: Mapping[str, str]) -> Scenario:
        """Parameters from text.  Raises UsageError for an unknown name or an impossible value."""
        parameters = dict(self.parameters)
        for key, text in given.items():
            if key in _READ:
                parameters.pop(key, None)
                if (value := _READ[key](text)) is not None:
                    parameters[key] = value
                continue
            if key not in parameters:
                known = ", ".join(parameters) or "none"
                raise UsageError(f"{self.name} has no parameter {key!r}; it has: {known}")
            parameters[key] = _parse(self.name, key, text, parameters[key])
        own = self.parameters if self.declared is None else self.declared
        goals = self._goals_with(str(parameters.get(FAILS, "")))
        return replace(self, parameters=parameters, declared=own, sometimes=goals)

    def _goals_with(self, site: str) -> tuple[Goal, ...]:
        """Its goals where allocations of this site are to fail, and of no other."""
        before = goal_of(str(self.parameters.get(FAILS, "")))
        goals = tuple(goal for goal in self.sometimes if goal != before)
        return (*goals, goal_of(site)) if site else goals


def scenario(
    name: str,
    *,
    release: str = "lockwright",
    at_end: tuple[Check, ...] = (),
    sometimes: tuple[Goal, ...] = (),
    ground: Ground | None = None,
    **parameters: Parameter,
) -> Callable[[Build], Scenario]:
    """Make the decorated function a `Scenario`; the first line of its docstring is the title.

    It is called with the world, or with what `ground` made of the world, and with the parameters;
    of these, ground and function each get those that they take.
    """
    design, colon, case = name.partition(":")
    if not (design and colon and case) or any(c in name for c in " ~,?*") or ":" in case:
        raise UsageError(
            f"{name!r} is not a scenario name: expected DESIGN:CASE, say mine/abba:two"
        )

    for reserved in RESERVED:
        if reserved in parameters:
            raise UsageError(
                f"{name}: {reserved!r} is a parameter that every scenario has; "
                "call it something else"
            )

    def decorate(function: Build) -> Scenario:
        title = (inspect.getdoc(function) or "").partition("\n")[0]
        build = function if ground is None else _on(ground, function, name, parameters)
        return Scenario(name, build, title, release, at_end, parameters, sometimes=sometimes)

    return decorate


def reclaim_beside(world: World, passes: int, name: str) -> None:
    """Make the task that reclaims so often, at whatever time it runs.  Raises UsageError if the
    world has no shrinker: then it would try nothing."""
    reclaim: Reclaim | None = world.reclaim
    if reclaim is None or not reclaim.shrinkers:
        raise UsageError(
            f"{name} registers no shrinker: there is nothing that {SHRINKERS}={passes} could run"
        )
    world.spawn(kswapd(reclaim, passes), KSWAPD)


def _on(ground: Ground, act: Act, name: str, parameters: Mapping[str, Parameter]) -> OnGround:
    build = OnGround(ground, act)
    for parameter in parameters:
        if not build.takes(parameter):
            raise UsageError(
                f"{name}: neither its ground nor its function takes the parameter {parameter!r}"
            )
    return build


def _memory(text: str) -> str | None:
    check_memory(text)
    return text if text != SC else None


def _where(text: str) -> str | None:
    if text not in WHERE:
        raise UsageError(f"unknown {INTERRUPTS} {text!r}; there are: {', '.join(WHERE)}")
    return text if text != OWN else None


def _count(what: str) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        if not (text.isascii() and text.isdecimal()):
            raise UsageError(f"{what}, 0 or more, not {text!r}")
        return int(text) or None

    return read


_READ: Mapping[str, Callable[[str], Parameter | None]] = {
    MEMORY: _memory,
    INTERRUPTS: _where,
    RECLAIM: _count(f"{RECLAIM} is how many allocations may find memory short"),
    SIGNALS: lambda text: text or None,
    FAILURES: _count(f"{FAILURES} is how many allocations may fail"),
    FAILS: lambda text: check_site(text) if text else None,
    SHRINKERS: _count(f"{SHRINKERS} is how often reclaim runs beside the tasks"),
}
"""Reads each of RESERVED; None where it says what holds without it."""


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
