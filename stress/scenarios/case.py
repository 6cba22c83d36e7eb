"""Cases: what happens, whatever the design.

    @case("enable", events=("kp1", "kp2"))
    def lookup_vs_remove(at: Tracing) -> None:
        \"\"\"A cold file is looked up while its event is removed.\"\"\"
        at.warm("kprobes/kp1")
        spawn(at, ("stat", stat(at, "kprobes/kp1/enable")), ("bash", remove_event(at, "kp1")))

A case gets a mounted tracefs with its events, all cold but what `setup.tracing` says, and spawns
its tasks.  `designs.py` makes a scenario of each case for each design.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockwright.core.promise import Goal
from lockwright.scenario import Check, Parameter
from model.tracing.setup import Tracing

TRACE_CMD_PID = 840
KREFS = ("eventfs/linux_6_8", "eventfs/linux_6_9", "eventfs/linux_6_12", "eventfs/latest")
"""Where references keep an eventfs_inode, and the dcache is only a cache."""
ENTRIES = ("eventfs/linux_6_7", "eventfs/linux_6_8_rc1", *KREFS)
"""Where the files of a directory are entries of a static array."""
LAZY = ("eventfs/linux_6_6", *ENTRIES)
"""Where dentries are made when they are asked for, and no known fault of v3 and v4 comes first."""
Spawn = Callable[[Tracing], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: `events` are there from the start, with `files` in each one's directory.

    `system_files`, `top_files` and `instances` as `setup.tracing` has them.
    `faults` is how many allocations may fail.  `parameters` differ from the design's own values.
    `only` and `but` are patterns for names of designs: where the case has a sense.
    `at_end` are promises of this case beside those that every case keeps.
    With `cold` not even the directory `kprobes` is cached.
    """

    name: str
    title: str
    spawn: Spawn
    files: tuple[str, ...]
    events: tuple[str, ...] = ("kp1",)
    instances: tuple[str, ...] | None = None
    system_files: tuple[str, ...] = ()
    top_files: tuple[str, ...] = ()
    keeps: bool = True
    cold: bool = False
    faults: int = 0
    only: tuple[str, ...] = ("*",)
    but: tuple[str, ...] = ()
    at_end: tuple[Check, ...] = ()
    sometimes: tuple[Goal, ...] = ()
    module: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)


CASES: dict[str, Case] = {}
"""Every case by name, in order of definition."""


def case(*files: str, **given: Any) -> Callable[[Spawn], Spawn]:  # noqa: ANN401  # Case's fields
    """Make the decorated function a case, under its name; its docstring's first line is the title.

    Keywords are the fields of `Case`; any other is a parameter of the scenarios.
    """
    fields = {name: given.pop(name) for name in tuple(given) if name in Case.__dataclass_fields__}

    def keep(spawn: Spawn) -> Spawn:
        title = (spawn.__doc__ or "").partition("\n")[0]
        assert title, f"{spawn.__name__} needs a docstring: its first line is the title"
        known = CASES.get(spawn.__name__)
        assert known is None or known.module == spawn.__module__, (
            f"two cases are called {spawn.__name__}: in {known.module} and in {spawn.__module__}"
        )
        CASES[spawn.__name__] = Case(
            spawn.__name__,
            title,
            spawn,
            files,
            module=spawn.__module__,
            parameters=given,
            **fields,
        )
        return spawn

    return keep


def spawn(at: Tracing, *tasks: tuple[str, Coroutine[Any, Any, Any]]) -> None:
    """Spawn tasks in order; the first has the process id that the mails have."""
    for nth, (comm, coro) in enumerate(tasks):
        at.sb.world.spawn(coro, comm, pid=TRACE_CMD_PID + nth)
