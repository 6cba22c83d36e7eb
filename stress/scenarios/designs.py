"""The designs, and a scenario of each case for each of them.

A scenario's parameters are the switches of the design's class, the flags of its `TracingRelease`,
and `rcu_late`; their defaults are what the design had as released.  A design's class is found when
a world is built, so that a module can be replaced by another version of itself (tests/mutants).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.kernel.slab import Faults
from lockwright.scenario import Check, Ground, OnGround, Parameter, Scenario
from model.tracing import release
from model.tracing.release import TracingRelease
from model.tracing.setup import Tracing, tracing
from stress.scenarios.case import CASES, Case
from stress.scenarios.promises import AT_END

RCU_LATE = "rcu_late"


@dataclass(frozen=True, slots=True)
class Design:
    """One generation.  `tracing` names a constant of `model/tracing/release.py`.

    `cases` are patterns: which cases it has scenarios for.  `at_end` are promises of this design
    beside those that every design keeps.
    """

    name: str
    module: str
    kind: str
    tracing: str
    kernel: str
    cases: tuple[str, ...] = ("*",)
    but: tuple[str, ...] = ()
    at_end: tuple[Check, ...] = ()
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def kind_of(self) -> Callable[..., Any]:
        """Its class."""
        made: Callable[..., Any] = getattr(import_module(self.module), self.kind)
        return made

    def release(self) -> TracingRelease:
        """The tracing core that it was released with."""
        made: TracingRelease = getattr(release, self.tracing)
        return made

    def takes(self, case: Case) -> bool:
        """Has it a scenario of this case?"""
        return (
            _any(self.name, case.only)
            and not _any(self.name, case.but)
            and _any(case.name, self.cases)
            and not _any(case.name, self.but)
        )


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


TOO_MANY_STEPS = (
    *("lookup_vs_lookup", "lookup_vs_deep_lookup", "list_vs_lookup", "lookup_vs_remove_empty"),
    *("list_vs_create", "list_vs_list", "stat_vs_list_then_reclaim", "*_vs_rmdir"),
)
"""Cases that the port to kernfs has no scenario of: each name on the way takes and drops
kernfs_rwsem, and two walks have more interleavings than can be explored in seconds."""

DESIGNS: dict[str, Design] = {
    design.name: design
    for design in (
        Design("tracefs/pinned", "model.tracefs.pinned", "Pinned", "V6_5", "6.5.0"),
        Design("eventfs/v3", "model.eventfs.v3", "Eventfs3", "V6_5_EVENTFS", "6.5.0-rc1-test+"),
        Design("eventfs/v4", "model.eventfs.v4", "Eventfs4", "V6_5_EVENTFS", "6.5.0-rc1-test+"),
        Design("eventfs/linux_6_6", "model.eventfs.linux_6_6", "Eventfs66", "V6_6", "6.6.0"),
        Design("eventfs/linux_6_7", "model.eventfs.linux_6_7", "Eventfs67", "V6_7", "6.7.0"),
        Design(
            "eventfs/linux_6_8_rc1",
            "model.eventfs.linux_6_8_rc1",
            "Eventfs68rc1",
            "V6_8",
            "6.8.0-rc1",
        ),
        Design("eventfs/linux_6_8", "model.eventfs.linux_6_8", "Eventfs68", "V6_8", "6.8.0"),
        Design("eventfs/linux_6_9", "model.eventfs.linux_6_9", "Eventfs69", "V6_9", "6.9.0"),
        Design("eventfs/linux_6_12", "model.eventfs.linux_6_12", "Eventfs612", "V6_12", "6.12.0"),
        Design("eventfs/latest", "model.eventfs.latest", "EventfsLatest", "V7_3", "7.3.0"),
        Design(
            "eventfs/kernfs",
            "model.kernfs.eventfs",
            "EventfsKernfs",
            "KERNFS",
            "6.8.0",
            but=TOO_MANY_STEPS,
        ),
    )
}


@cache
def switches_of(kind: Callable[..., Any]) -> Mapping[str, Parameter]:
    """The keyword-only parameters of a design's class, with their defaults.

    Where a class passes on what it does not know, those of the class that gets it, too.
    """
    found: dict[str, Parameter] = {}
    for base in inspect.getmro(kind) if inspect.isclass(kind) else ():
        if "__init__" not in vars(base):
            continue
        given = inspect.signature(vars(base)["__init__"]).parameters.values()
        for parameter in given:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                found.setdefault(parameter.name, parameter.default)
        if all(parameter.kind is not inspect.Parameter.VAR_KEYWORD for parameter in given):
            break
    return found


def flags_of(given: TracingRelease) -> dict[str, Parameter]:
    """The flags of a release of the tracing core."""
    return {flag.name: getattr(given, flag.name) for flag in fields(given)}


@dataclass(frozen=True, slots=True)
class Mounted:
    """The ground of a design's scenarios: a mounted tracefs, with what `setup.tracing` says.

    Two of one design fit together: what is in one or the other is in both.  They do not where they
    begin with other things cached, or where `keeps` decides when a directory goes.
    """

    design: str
    files: tuple[str, ...]
    events: tuple[str, ...]
    instances: tuple[str, ...] | None
    system_files: tuple[str, ...]
    top_files: tuple[str, ...]
    keeps: bool
    cold: bool
    faults: int

    def __call__(self, world: World, **parameters: Parameter) -> Tracing:
        """Mount it."""
        design = DESIGNS[self.design]
        kind = design.kind_of()
        switches = {name: parameters[name] for name in switches_of(kind)}
        flags: Any = {name: parameters[name] for name in flags_of(design.release())}
        if self.faults:
            world.faults = Faults(world, self.faults)
        at = tracing(
            world,
            kind(world, **switches),
            replace(design.release(), **flags),
            events=self.events,
            files=self.files,
            system_files=self.system_files,
            top_files=self.top_files,
            instances=self.instances,
            keeps=self.keeps,
            rcu_late=bool(parameters[RCU_LATE]),
        )
        if not self.cold:
            at.warm("kprobes")
        return at

    def merged_with(self, other: Ground) -> Mounted:
        """One with what is in either.  Raises UsageError if there is none."""
        if not isinstance(other, Mounted) or other.design != self.design:
            raise UsageError("they are of different designs")
        for name in ("keeps", "cold", "faults"):
            if getattr(self, name) != getattr(other, name):
                raise UsageError(
                    f"one begins with {name}={getattr(self, name)}, the other with "
                    f"{name}={getattr(other, name)}"
                )
        instances = (self.instances, other.instances)
        return replace(
            self,
            files=_either(self.files, other.files),
            events=_either(self.events, other.events),
            system_files=_either(self.system_files, other.system_files),
            top_files=_either(self.top_files, other.top_files),
            instances=None if instances == (None, None) else _either(*(i or () for i in instances)),
        )


def _either(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def ground_of(design: Design, case: Case) -> Mounted:
    """What a case begins with in a design."""
    shared = {one.name: getattr(case, one.name) for one in fields(Mounted) if one.name != "design"}
    return Mounted(design.name, **shared)


def scenario_of(design: Design, case: Case) -> Scenario:
    """The scenario of a case for a design."""
    parameters: dict[str, Parameter] = {
        **switches_of(design.kind_of()),
        **flags_of(design.release()),
        RCU_LATE: False,
    }
    for name, value in (*design.parameters.items(), *case.parameters.items()):
        if name in parameters:
            parameters[name] = value
    return Scenario(
        f"{design.name}:{case.name}",
        OnGround(ground_of(design, case), case.spawn),
        case.title,
        design.kernel,
        (*AT_END, *design.at_end, *case.at_end),
        parameters,
        sometimes=case.sometimes,
    )


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case of the modules `cases*.py`, in order of module and definition."""
    here = Path(__file__).parent
    for file in sorted(here.glob("cases*.py")):
        import_module(f"{__package__}.{file.stem}")
    return tuple(CASES.values())


def scenarios_of(name: str) -> tuple[Scenario, ...]:
    """The scenarios of a design, by its name: of each case that has a sense for it."""
    design = DESIGNS[name]
    return tuple(scenario_of(design, case) for case in all_cases() if design.takes(case))
