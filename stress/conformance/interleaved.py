"""The recorded interleavings, as schedules of a scenario.

A reader lists a directory and is parked while it gives one name to the user (`dir_emit`); actions
run one after another, each as far as it comes; then the reader goes on, and what had to wait ends.
`schedule_of` finds the schedule by running it, `replayed` runs it again under all rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from lockwright.core.boot import boot
from lockwright.core.finding import Finding
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.scenario import Scenario
from lockwright.session import Options
from lockwright.session import Session as Exploration
from model.vfs.namei import O_DIRECTORY
from model.vfs.process import Process
from stress.conformance.answers import Answer
from stress.conformance.kernels import KERNELS
from stress.conformance.machine import mount
from stress.conformance.process import Session, path_of
from stress.conformance.steps import LISTING, listing, perform
from stress.conformance.tree import System, all_systems
from stress.conformance.vectors import Action, Interleaving
from stress.scenarios.designs import DESIGNS

EMIT = "dir_emit"
BLOCKED = "BLOCKED"
NULL = "NULL pointer dereference"
WHERE = "eventfs_iterate"
"""Where the kernels of the recording faulted."""

KPROBES = "$T/events/kprobes"
INSTANCE = "$T/instances/foo"
CACHED = "_cached_"
"""In the name of an interleaving: the events have been looked up before."""
PROBES = "$T/kprobe_events"
MODE = "0750"
SYSTEMS = ("sched",)


@dataclass(slots=True)
class Seen:
    """What the tasks of one world saw: the listings of the reader, the answers by action."""

    listings: list[Answer] = field(default_factory=list)
    answers: dict[int, Answer] = field(default_factory=dict)


@dataclass(slots=True)
class Replayed:
    """What came of an interleaving, in the recording's words.

    `faults` says that the reader followed a NULL pointer in eventfs_iterate(); `findings` are all
    that broke, each with a token that shows it again.
    """

    listing: tuple[str, ...] = ()
    blocked: tuple[bool, ...] = ()
    errnos: tuple[str, ...] = ()
    faults: bool = False
    first: tuple[str, ...] = ()
    then: tuple[tuple[str, tuple[str, ...]], ...] = ()
    findings: tuple[Finding, ...] = ()


def step_of(action: Action) -> tuple[str, tuple[str, ...]]:
    """The operation and arguments of a sequence's step that stand for an action."""
    (arg,) = action.args
    match action.op:
        case "w" | "w+":
            return action.op, (PROBES, arg)
        case "open":
            return "open", ("F", arg, "RDONLY")
        case "mkdirin":
            return "mkdir", (arg,)
        case "chmod":
            return "chmod", (arg, MODE)
        case _:
            return action.op, (arg,)


def scenario_of(given: Interleaving) -> Scenario:
    """The scenario whose first task is the reader, and whose others are the actions, in order."""
    return Scenario(
        f"conformance/{given.kernel}:{given.name}",
        partial(build, given=given),
        title=f"A listing of {given.directory} is parked at {given.block_at}.",
        release=DESIGNS[KERNELS[given.kernel].design].kernel,
    )


def build(world: World, *, given: Interleaving) -> None:
    """Mount, make the events that the listing shows, and spawn the tasks."""
    at = mount(world, KERNELS[given.kernel], _systems(given))
    before = Session(Process(at.sb))
    boot(world, before.process.start())
    for op, *args in _preparations(given):
        boot(world, perform(before, op, tuple(args)))
    boot(world, before.process.exit())
    seen = Seen()
    world.state = seen
    world.spawn(_reader(Process(at.sb), given, seen), "reader")
    for nth, action in enumerate(given.actions):
        world.spawn(_actor(Process(at.sb), action, nth, seen), f"action-{nth}")


def _systems(given: Interleaving) -> list[System]:
    wanted = [system for system in all_systems(given.kernel) if system.name in SYSTEMS]
    return wanted if INSTANCE in given.directory else []


def _preparations(given: Interleaving) -> list[tuple[str, ...]]:
    """What was done before: an instance, or the events of the listing, looked up if they were."""
    if given.directory.startswith(INSTANCE):
        return [("mkdir", INSTANCE)]
    events = [name for name in given.listing if name.startswith("e") and name != "enable"]
    if given.directory != KPROBES:
        events = [given.directory.rpartition("/")[2], "keep"]
    steps: list[tuple[str, ...]] = [("w+", PROBES, f"p:{name} vfs_read") for name in events]
    if CACHED in f"_{given.name}_":
        steps += [("stat", f"{KPROBES}/{name}") for name in events]
    return steps


async def _reader(process: Process, given: Interleaving, seen: Seen) -> None:
    await process.start()
    fd = await process.open(path_of(given.directory), O_DIRECTORY)
    for _ in range(1 + max(len(given.then), 1)):
        seen.listings.append(await listing(process, fd, LISTING, whole=False))
    await process.exit()


async def _actor(process: Process, action: Action, nth: int, seen: Seen) -> None:
    await process.start()
    at = Session(process)
    op, args = step_of(action)
    seen.answers[nth] = await perform(at, op, args)
    await process.exit()


class _Driver:
    """Runs a world, and writes down the schedule."""

    def __init__(self, given: Interleaving) -> None:
        self.given = given
        self.world = World()
        build(self.world, given=given)
        self.schedule: list[Choice] = []
        self.reader, *actors = self.world.tasks
        self.actors = actors[: len(given.actions)]

    def step(self, task: Task) -> None:
        self.schedule.append((task.index, 0))
        self.world.step(task)

    def run(self, allowed: Callable[[Task], bool]) -> None:
        """Run whoever is allowed to, until nobody is that can."""
        while ready := [task for task in self.world.enabled() if allowed(task)]:
            self.step(ready[0])

    def park(self) -> None:
        """Run the reader until it gives the name to the user."""
        name = f"{EMIT}({self.given.block_at})"
        while self.reader.pending is not None and self.reader.pending.describe() != name:
            self.step(self.reader)

    def act(self) -> list[bool]:
        """Let each action go as far as it comes; which of them have to wait?"""
        blocked = []
        for nth, actor in enumerate(self.actors):
            waiting = {self.reader, *self.actors[nth + 1 :]}
            self.run(lambda task, waiting=waiting: task not in waiting)  # type: ignore[misc]
            blocked.append(actor.pending is not None)
        return blocked


def schedule_of(given: Interleaving) -> tuple[list[Choice], list[bool]]:
    """The schedule of an interleaving, and which actions had to wait on the way."""
    driver = _Driver(given)
    driver.park()
    blocked = driver.act()
    driver.run(lambda task: True)
    driver.world.close()
    return driver.schedule, blocked


def replayed(given: Interleaving) -> Replayed:
    """Run an interleaving under all rules, and tell what came of it as the recording does."""
    schedule, blocked = schedule_of(given)
    exploration = Exploration(scenario_of(given), Options())
    done, findings = exploration.run_once(schedule)
    assert done.world is not None
    assert not done.misfit, done.misfit
    seen: Seen = done.world.state
    first, *then = [(each["errno"], _names(each)) for each in seen.listings] or [("", ())]
    return Replayed(
        listing=plain_listing(given),
        blocked=tuple(blocked),
        errnos=tuple(seen.answers[nth]["errno"] for nth in sorted(seen.answers)),
        faults=any(_is_fault(finding) for finding in findings),
        first=first[1],
        then=tuple(then),
        findings=tuple(findings),
    )


def _is_fault(finding: Finding) -> bool:
    return finding.kind == NULL and any(frame.function == WHERE for frame in finding.chain)


def _names(answer: Answer) -> tuple[str, ...]:
    return tuple(entry["name"] for entry in answer["entries"])


def plain_listing(given: Interleaving) -> tuple[str, ...]:
    """What the directory lists with nobody about."""
    world = World()
    build(world, given=given)
    reader = world.tasks[0]
    while reader.pending is not None:
        world.step(reader)
    seen: Seen = world.state
    world.close()
    return _names(seen.listings[0])


def differences(given: Interleaving, got: Replayed) -> list[str]:
    """How what came of it differs from the recording."""
    blocked = tuple(action.errno == BLOCKED for action in given.actions)
    errnos = tuple(a.errno for a in given.actions if a.errno != BLOCKED)
    found = [("faults", given.faults, got.faults), ("blocked", blocked, got.blocked)]
    answered = tuple(e for e, waits in zip(got.errnos, got.blocked, strict=True) if not waits)
    late = tuple(e for e, waits in zip(got.errnos, got.blocked, strict=True) if waits)
    found += [("errnos", errnos, answered), ("late", given.late, late)]
    if not given.faults:
        found += [("first", given.first, got.first), ("then", given.then, got.then)]
    return [f"{what}: expected {a!r}, got {b!r}" for what, a, b in found if a != b]
