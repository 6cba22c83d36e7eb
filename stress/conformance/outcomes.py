"""What stress saw on real kernels, looked for by exploration.

Under stress each kind of operation came to a set of results (`kernel_outcomes.json`).  A `Race` is
a small scenario for one of them: what happened before, the operation, and what others do
meanwhile.  The union of the results over its explorations must hold all that stress saw; what it
holds besides, stress has only not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from lockwright.core.boot import boot
from lockwright.core.result import Progress, Result
from lockwright.core.world import World
from lockwright.scenario import Scenario
from lockwright.session import Options
from lockwright.session import Session as Exploration
from model.tracing.setup import ROOT
from model.vfs.process import Process
from stress.conformance.answers import Answer
from stress.conformance.kernels import KERNELS, Kernel
from stress.conformance.machine import mount
from stress.conformance.process import Session
from stress.conformance.steps import perform
from stress.conformance.tree import System
from stress.conformance.vectors import outcomes
from stress.scenarios.designs import DESIGNS

Call = tuple[str, ...]
"""An operation with its arguments, as in the recorded sequences."""

PROBES = "$T/kprobe_events"
GROUP = "$T/events/kprobes"
EVENT = f"{GROUP}/e1"
FOO = "$T/instances/foo"
TIMER = f"{FOO}/events/timer/timer_start"
SYSTEMS = (System("timer", ("timer_start",)),)

MAKE: Call = ("w+", PROBES, "p:e1 vfs_read")
KEEP: Call = ("w+", PROBES, "p:keep vfs_write")
REMOVE: Call = ("w+", PROBES, "-:e1")
CLEAR: Call = ("w", PROBES, "")
ENABLE: Call = ("w", f"{EVENT}/enable", "1")
DISABLE: Call = ("w", f"{EVENT}/enable", "0")
MKDIR: Call = ("mkdir", FOO)
RMDIR: Call = ("rmdir", FOO)

RD, RW = "RDONLY", "RDWR"
SMALL = "64"


@dataclass(frozen=True, slots=True)
class Race:
    """One way to come to results of `op`.

    `before` is done at set-up; the watched process then does `held`, also at set-up, and `calls`,
    whose last one is the operation; others each do their calls meanwhile.  If one of the watched
    calls before the last fails, there is no operation and no result.
    """

    op: str
    calls: tuple[Call, ...]
    others: tuple[tuple[Call, ...], ...] = ((REMOVE,),)
    before: tuple[Call, ...] = (MAKE, KEEP)
    held: tuple[Call, ...] = ()


def _on_event(op: str, *calls: Call) -> Race:
    """An operation on the event, while it is removed."""
    return Race(op, calls)


def _opened(name: str, mode: str = RD) -> Call:
    return ("open", "F", f"{EVENT}/{name}", mode)


def _files() -> Iterator[Race]:
    for name in ("enable", "filter", "format", "id", "trigger", "hist"):
        yield _on_event(f"open_{name}_rd", _opened(name))
        yield _on_event(f"read_{name}", _opened(name), ("read", "F", "4096"))
    yield _on_event("open_enable_rw", _opened("enable", RW))


def _held() -> Iterator[Race]:
    """Operations on a directory of the event, or on a file, that is open."""
    directory: Call = ("open", "D", EVENT, "DIR")
    for op, call in (
        ("getdents_dir_held", ("getdents", "D", "4096", "all")),
        ("openat_held_enable", ("openat", "F", "D", "enable", RD)),
        ("fstatat_held_enable", ("fstatat", "D", "enable")),
        ("fstat_held", ("fstat", "D")),
        ("fstatat_dotdot_held", ("fstatat", "D", "..")),
        ("fchmod_held_dir", ("fchmod", "D", "0750")),
    ):
        yield Race(op, (call,), held=(directory,))
    yield Race("write_enable_held", (("write", "F", "1"),), held=(_opened("enable", RW),))
    path: Call = ("open", "F", f"{EVENT}/enable", "PATH")
    yield Race("reopen_opath", (("reopen", "G", "F", RD),), held=(path,))


def _group() -> Iterator[Race]:
    """Operations on the directory of all kprobes, which goes with its last event."""
    alone = (MAKE,)
    group: Call = ("open", "D", GROUP, "DIR")
    yield Race("open_group", (group,), before=alone)
    yield Race("getdents_group_small", (group, ("getdents", "D", SMALL, "all")), before=alone)
    yield Race("getdents_group_big", (group, ("getdents", "D", "32768", "all")))
    events: Call = ("open", "D", "$T/events", "DIR")
    yield Race("getdents_events_small", (events, ("getdents", "D", SMALL, "all")), before=alone)


def _instances() -> Iterator[Race]:
    there = (MKDIR,)
    busy: Call = ("open", "F", f"{TIMER}/enable", RD)
    yield Race("inst_mkdir", (MKDIR,), ((RMDIR,),), there)
    yield Race("inst_rmdir", (RMDIR,), ((busy,),), there)
    yield Race("inst_rmdir", (RMDIR,), ((RMDIR,),), there)
    for op, calls in (
        ("inst_open_enable", (busy,)),
        ("inst_read_enable", (busy, ("read", "F", "16"))),
        ("inst_open_dir", (("open", "D", f"{FOO}/events/timer", "DIR"),)),
        (
            "inst_getdents",
            (("open", "D", f"{FOO}/events/timer", "DIR"), ("getdents", "D", "4096", "all")),
        ),
        ("inst_stat_file", (("stat", f"{TIMER}/enable"),)),
    ):
        yield Race(op, calls, ((RMDIR,),), there)


RACES: tuple[Race, ...] = (
    Race("create", (MAKE,)),
    Race("remove", (REMOVE,), ((ENABLE,),)),
    Race("remove", (REMOVE,)),
    Race("clear_all", (CLEAR,), ((ENABLE,),)),
    _on_event("enable_1", ENABLE),
    _on_event("enable_0", DISABLE),
    _on_event("stat_dir", ("stat", EVENT)),
    _on_event("stat_file", ("stat", f"{EVENT}/enable")),
    _on_event("open_dir", ("open", "D", EVENT, "DIR")),
    _on_event("getdents_dir_fresh", ("open", "D", EVENT, "DIR"), ("getdents", "D", "4096", "all")),
    _on_event("opath_file", ("open", "F", f"{EVENT}/enable", "PATH")),
    _on_event("chmod_file", ("chmod", f"{EVENT}/enable", "0600")),
    _on_event("chmod_dir", ("chmod", EVENT, "0750")),
    _on_event("drop_caches", ("drop", "2")),
    _on_event("read_kprobe_events", ("cat", PROBES)),
    Race("close", (("close", "F"),), held=(_opened("enable"),)),
    *_files(),
    *_held(),
    *_group(),
    *_instances(),
)


def scenario_of(race: Race, kernel: Kernel) -> Scenario:
    """The race on a kernel: its outcome is the result of the operation."""
    nth = [other for other in RACES if other.op == race.op].index(race)
    return Scenario(
        f"conformance/{kernel.version}:{race.op}{nth or ''}",
        partial(_build, race=race, kernel=kernel),
        release=DESIGNS[kernel.design].kernel,
        outcome=_outcome,
    )


def _build(world: World, *, race: Race, kernel: Kernel) -> None:
    in_instance = FOO in str(race)
    at = mount(world, kernel, SYSTEMS if in_instance else (), control=not in_instance)
    for path in sorted(_paths(race)):
        at.sb.declare(path.replace("$T", ROOT))
    before, watched = Session(Process(at.sb)), Session(Process(at.sb))
    boot(world, before.process.start())
    boot(world, watched.process.start())
    for session, calls in ((before, race.before), (watched, race.held)):
        for op, *args in calls:
            boot(world, perform(session, op, tuple(args)))
    results: list[Answer] = []
    world.state = results
    for nth, calls in enumerate(race.others):
        world.spawn(_other(Session(Process(at.sb)), calls), f"other-{nth}")
    world.spawn(_watched(watched, race.calls, results), "watched")


def _paths(race: Race) -> set[str]:
    """The paths that the race's calls name."""
    calls = [*race.before, *race.held, *race.calls, *(c for other in race.others for c in other)]
    return {arg for call in calls for arg in call if arg.startswith("$T")}


async def _watched(session: Session, calls: tuple[Call, ...], results: list[Answer]) -> None:
    for op, *args in calls:
        results.append(await perform(session, op, tuple(args)))
        if results[-1]["errno"] != "OK":
            break


async def _other(session: Session, calls: tuple[Call, ...]) -> None:
    for op, *args in calls:
        await perform(session, op, tuple(args))


def _outcome(world: World) -> str:
    """The results of the calls, one after another."""
    return " ".join(str(answer["errno"]) for answer in world.state)


class _Enough(Exception):
    """Every result that was looked for is there."""


SAMPLE = Options(strategy="pct", depth=2, executions=400, seed=1, events=False)
"""Looks for results that somebody else has seen: a few switches are enough for each."""
WHOLE = Options(events=False)


def reached(
    race: Race, version: str, wanted: frozenset[str] | None = None, options: Options = WHOLE
) -> frozenset[str]:
    """The results that the operation comes to.  The search ends early if it has all `wanted`."""
    exploration = Exploration(scenario_of(race, KERNELS[version]), options)

    def watch(told: Progress) -> None:
        if wanted is not None and wanted <= _results(race, exploration.result):
            raise _Enough

    with suppress(_Enough):
        exploration.explore(watch)
    return _results(race, exploration.result)


def _results(race: Race, result: Result) -> frozenset[str]:
    calls = [outcome.split() for outcome in result.outcomes]
    return frozenset(given[-1] for given in calls if len(given) == len(race.calls))


def missing(op: str, version: str) -> frozenset[str]:
    """The results that stress saw of an operation on a kernel, and that no race of it reaches.

    What a sample does not reach is looked for in a complete exploration.
    """
    races = [race for race in RACES if race.op == op]
    left = outcomes(version)[op]
    for options in (SAMPLE, WHOLE):
        for race in races:
            if left:
                left -= reached(race, version, left, options)
    return left
