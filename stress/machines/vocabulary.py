"""`CALLS`: the vocabulary of every design, so that its users' programs have names and tokens.

    lockwright check 'eventfs/v3:calls(stat:kprobes/kp1/enable|remove:kp1)'
    lockwright check 'eventfs/latest:calls(open:3:kprobes!getdents:3:=2|remove:kp1|close:3)'

The parameters are those of the design's other scenarios, so that a fix can be switched on or off,
and what the ground has: `--param files=enable+hist`.  None of the arguments are `alike`: events
come in listings in the order of their creation, and an event's name stands in paths, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockwright.calls import Call, Calls
from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.scenario import Parameter
from model.tracing.entries import EVENT_READ_ONLY_FIRST, EVENTS, SYSTEM
from stress.machines.calls import FUNCTIONS, Desk
from stress.machines.descriptors import Descriptors
from stress.scenarios.designs import DESIGNS, RCU_LATE, Design, Mounted, flags_of, switches_of
from stress.scenarios.promises import AT_END

NAMES: dict[str, tuple[str, ...]] = {
    "files": EVENT_READ_ONLY_FIRST,
    "system_files": SYSTEM,
    "top_files": EVENTS,
}
"""What files there can be: in an event's directory, a system's, and `events`."""
GROUND: dict[str, Parameter] = {
    "events": "kp1+kp2",
    "files": "enable+filter",
    "system_files": "",
    "top_files": "",
    "instances": "",
    "keeps": False,
}
"""What there is at the beginning, names joined by `+`; `keeps` as `setup.tracing` has it.

There is a directory `instances` in any case, and nothing is cached but `events/kprobes`.
"""
EXPECTED_EVENTS = ("kp1", "kp2", "kp3")
EXPECTED_INSTANCES = ("foo", "bar")
MISSING = ("tracing/missing", "tracing/events/missing", "tracing/events/kprobes/missing")
"""What calls may name and may not find; other names share one slot of the dcache."""

EVENT = "kprobes/kp1"
ALPHABET = (
    Call("stat", (EVENT,)),
    Call("remove", ("kp1",)),
    Call("create", ("kp1",)),
    Call("reclaim", (EVENT,)),
)
"""What the mails on eventfs are about: a lookup, a removal, a creation, and memory pressure.

All paths end one name below what is cached: with two names, two lookups beside each other have
sixty times as many interleavings.
"""


def _names(key: str, text: Parameter) -> tuple[str, ...]:
    names = tuple(name for name in str(text).split("+") if name)
    for name in names:
        if key in NAMES and name not in NAMES[key]:
            raise UsageError(f"{key}: there is no {name!r}; there are: {'+'.join(NAMES[key])}")
        if "/" in name:
            raise UsageError(f"{key}: {name!r} is a path; expected names joined by +")
    return names


@dataclass(frozen=True, slots=True)
class Office:
    """The ground of a design's programs: a mounted tracefs, and an empty table of descriptors.

    Every name that programs are likely to use has its place in the dcache from the start.
    """

    design: str

    def __call__(self, world: World, **parameters: Parameter) -> Desk:
        """Mount it.  Raises UsageError for names that there cannot be."""
        given = {key: parameters.pop(key) for key in GROUND}
        names = {key: _names(key, given[key]) for key in GROUND if key != "keeps"}
        mounted = Mounted(
            self.design, **names, keeps=bool(given["keeps"]), cold=not names["events"], faults=0
        )
        at = mounted(world, **parameters)
        for name in EXPECTED_EVENTS:
            at.expect(name)
        for path in MISSING:
            at.sb.declare(path)
        for name in EXPECTED_INSTANCES:
            at.expect_instance(name)
        return Desk(at, Descriptors(world))


def vocabulary_of(design: Design) -> Calls:
    """The calls of one design."""
    parameters: dict[str, Parameter] = {
        **switches_of(design.kind_of()),
        **flags_of(design.release()),
        RCU_LATE: False,
        **GROUND,
    }
    parameters.update(
        (name, value) for name, value in design.parameters.items() if name in parameters
    )
    return Calls(
        design.name,
        Office(design.name),
        FUNCTIONS,
        alphabet=ALPHABET,
        at_end=(*AT_END, *design.at_end),
        release=design.kernel,
        parameters=parameters,
    )


CALLS: tuple[Calls, ...] = tuple(vocabulary_of(design) for design in DESIGNS.values())
