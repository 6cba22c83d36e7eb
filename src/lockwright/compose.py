"""Compositions: operations of several scenarios put together over one ground.

    eventfs/v3:open_vs_lookup+remove_alone               all tasks of both
    eventfs/v3:open_vs_lookup@stat+stat_then_open        of the first only the task `stat`
    eventfs/v3:stat_alone+writer(eventfs_rwsem)          and a task that takes a lock to write

The name is that of a design, a colon, and parts joined by `+`.  A part is a case of that design,
with `@TASK` only that one of its tasks, by its comm or by its number from 0; or `writer(CLASS)`, a
task that takes the first lock of a class exclusively and lets it go again, with `writer(CLASS@2)`
the second one, in order of creation.  What could be mistaken is written as in URLs: `%2B` for a +
in a case's name.  One part may stand there twice: then there are two of its tasks.

All parts stand on one ground (`scenario.py`), made of theirs; they have the same values of the
parameters that they share.  Every part's function spawns its tasks before the first one runs.  What
is promised is what every part promises; goals of the parts are none of the composition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias
from urllib.parse import quote, unquote

from lockwright.core.errors import UsageError
from lockwright.core.interrupt import KINDS, interruptible
from lockwright.core.location import Value
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.kernel.lockuse import Lock
from lockwright.kernel.storebuffer import StoreBuffers
from lockwright.scenario import Ground, OnGround, Parameter, Scenario

COMM_MAX = 15
_WRITER = re.compile(r"writer\((?P<cls>[^@]+)(?:@(?P<nth>[0-9]+))?\)")
_CASE_SAFE = "/&<>-_.:#=[]!$|"
_CLASS_SAFE = f"{_CASE_SAFE}()"


@dataclass(frozen=True, slots=True)
class CasePart:
    """The tasks of a case, or the one that `task` names."""

    case: str
    task: str = ""

    def __str__(self) -> str:
        task = f"@{quote(self.task, safe=_CASE_SAFE)}" if self.task else ""
        return f"{quote(self.case, safe=_CASE_SAFE)}{task}"


@dataclass(frozen=True, slots=True)
class WriterPart:
    """A task that takes the nth lock of a class, from 1, exclusively."""

    cls: str
    nth: int = 1

    def __str__(self) -> str:
        nth = f"@{self.nth}" if self.nth > 1 else ""
        return f"writer({quote(self.cls, safe=_CLASS_SAFE)}{nth})"


Part: TypeAlias = CasePart | WriterPart


def is_composition(name: str) -> bool:
    """Is this name, if no scenario has it, that of a composition?"""
    case = name.partition(":")[2]
    return "+" in case or "@" in case or _WRITER.fullmatch(case) is not None


def composition_name(design: str, parts: Sequence[Part]) -> str:
    """The name of a composition."""
    return f"{design}:{'+'.join(map(str, parts))}"


def parse_parts(name: str) -> tuple[str, tuple[Part, ...]]:
    """Design and parts.  Raises UsageError for what is no name of a composition."""
    design, colon, text = name.partition(":")
    if not (design and colon and text):
        raise UsageError(f"{name!r} is no composition: expected DESIGN:PART+PART")
    return design, tuple(_part(name, part) for part in text.split("+"))


def _part(name: str, text: str) -> Part:
    if writer := _WRITER.fullmatch(text):
        nth = int(writer["nth"] or 1)
        if not nth:
            raise UsageError(f"{name}: {text!r} names no lock: the first one has the number 1")
        return WriterPart(unquote(writer["cls"]), nth)
    case, at, task = text.partition("@")
    if not case or (at and not task):
        raise UsageError(
            f"{name}: {text!r} is no part: expected CASE, CASE@TASK or writer(CLASS), joined by +"
        )
    return CasePart(unquote(case), unquote(task))


def compose(name: str, scenarios: Mapping[str, Scenario]) -> Scenario:
    """The scenario that a composition's name says.

    Raises UsageError if a part is not known or these do not fit together.
    """
    design, parts = parse_parts(name)
    chosen: list[tuple[Scenario, CasePart]] = []
    for part in parts:
        if isinstance(part, CasePart):
            chosen.append((_scenario(name, design, part, scenarios), part))
    if not chosen:
        raise UsageError(f"{name}: expected a case among its parts: writers alone have no ground")
    parameters, declared = _parameters(name, [scenario for scenario, _ in chosen])
    first = chosen[0][0]
    build = Composition(name, _ground(name, chosen), chosen, _writers(parts))
    return Scenario(
        name,
        build,
        f"{', '.join(str(part) for part in parts)}, together.",
        first.release,
        tuple(
            check
            for check in first.at_end
            if all(check in scenario.at_end for scenario, _ in chosen)
        ),
        parameters,
        declared=declared,
    )


def _writers(parts: Sequence[Part]) -> list[WriterPart]:
    return [part for part in parts if isinstance(part, WriterPart)]


def _scenario(
    name: str, design: str, part: CasePart, scenarios: Mapping[str, Scenario]
) -> Scenario:
    scenario = scenarios.get(f"{design}:{part.case}")
    if scenario is None:
        cases = [known.case for known in scenarios.values() if known.design == design]
        close = get_close_matches(part.case, cases, n=2)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"{name}: no scenario {design}:{part.case}{hint}")
    if scenario.parts is None:
        raise UsageError(
            f"{name}: {scenario.name} cannot be composed: it does not say its ground and its "
            "tasks apart (`ground=` of the decorator)"
        )
    return scenario


def _parameters(
    name: str, scenarios: Sequence[Scenario]
) -> tuple[dict[str, Parameter], dict[str, Parameter]]:
    """The parameters of all, and the values that they were declared with."""
    merged: dict[str, Parameter] = {}
    declared: dict[str, Parameter] = {}
    for scenario in scenarios:
        for key, value in scenario.parameters.items():
            if merged.setdefault(key, value) != value:
                raise UsageError(
                    f"{name}: {scenarios[0].name} and {scenario.name} do not fit together: "
                    f"{key} is {merged[key]} in one and {value} in the other"
                )
        own = scenario.parameters if scenario.declared is None else scenario.declared
        for key, value in own.items():
            declared.setdefault(key, value)
    return merged, declared


def _ground(name: str, chosen: Sequence[tuple[Scenario, CasePart]]) -> Ground:
    """One ground for all.  Raises UsageError if there is none."""
    first = chosen[0][0]
    ground = _on(first).ground
    for scenario, _ in chosen[1:]:
        other = _on(scenario).ground
        if ground == other:
            continue
        merge = getattr(ground, "merged_with", None)
        why = "they do not stand on the same ground"
        if merge is not None:
            try:
                ground = merge(other)
                continue
            except UsageError as error:
                why = str(error)
        raise UsageError(f"{name}: {first.name} and {scenario.name} do not fit together: {why}")
    return ground


def _on(scenario: Scenario) -> OnGround:
    assert scenario.parts is not None, f"{scenario.name} has a ground"
    return scenario.parts


class Composition:
    """Builds a composed world.

    Each part makes its tasks in a world that has none yet, so that it may boot (`core/boot.py`).
    """

    __slots__ = ("ground", "name", "parts", "writers")

    def __init__(
        self,
        name: str,
        ground: Ground,
        parts: Sequence[tuple[Scenario, CasePart]],
        writers: Sequence[WriterPart],
    ) -> None:
        self.name = name
        self.parts = [(OnGround(ground, _on(scenario).act), part) for scenario, part in parts]
        self.ground = self.parts[0][0]
        self.writers = writers

    def __call__(self, world: World, **parameters: Parameter) -> None:
        """Prepare the ground and spawn everybody."""
        self._build(world, parameters, self.writers)

    def locks(self, world: World, **parameters: Parameter) -> list[Lock]:
        """Do so for all but the writers; gives the locks that are there now."""
        return self._build(world, parameters, ())

    def _build(
        self, world: World, parameters: Mapping[str, Parameter], writers: Sequence[WriterPart]
    ) -> list[Lock]:
        world.locks = []
        at = self.ground.prepare(world, **parameters)
        crowd = _Crowd(world)
        for on, part in self.parts:
            on.spawn(at, **parameters)
            crowd.take(self._chosen(world, part))
        locks: list[Lock] = world.locks
        world.locks = None
        for writer in writers:
            world.spawn(_writes(self.name, writer, locks), "writer")
            crowd.take(world.tasks)
        crowd.release()
        return locks

    def _chosen(self, world: World, part: CasePart) -> list[Task]:
        """The part's tasks; those that it does not want never begin."""
        if not part.task:
            return list(world.tasks)
        wanted = [task for task in world.tasks if task.comm == part.task]
        if not wanted and part.task.isdecimal() and int(part.task) < len(world.tasks):
            wanted = [world.tasks[int(part.task)]]
        if not wanted:
            there = ", ".join(task.comm for task in world.tasks) or "none"
            raise UsageError(f"{self.name}: {part.case} has no task {part.task!r}; it has: {there}")
        for task in world.tasks:
            if task is not wanted[0]:
                task.coro.close()
        return wanted[:1]


def task_name(comms: Sequence[str], at: int) -> str:
    """What a composition's name calls one of a case's tasks: nothing, if it is the only one."""
    comm = comms[at]
    if len(comms) == 1:
        return ""
    return comm if comms.index(comm) == at and not comm.isdecimal() else str(at)


class _Crowd:
    """The tasks of all parts, kept away from the world while it must have none.

    What counts tasks by their index begins again with each part, and is put together at the end.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks: list[Task] = []
        self.own: list[tuple[Value, Value, Value]] = []
        self.sources = 0

    def take(self, chosen: Sequence[Task]) -> None:
        """Tasks that the world has now; it has none after that."""
        world, lines = self.world, self.world.lines
        buffers = world.memory.buffers if isinstance(world.memory, StoreBuffers) else {}
        cpus = {} if lines is None else lines.cpus
        makers = {} if lines is None else lines.makers
        for source in [] if lines is None else lines.general[self.sources :]:
            for task in self.tasks:
                if source.offered_to(task.context):
                    interruptible(task).add(source)
        self.sources = 0 if lines is None else len(lines.general)
        for task in chosen:
            task.comm = _comm(task.comm, self.tasks)
            if task.pid and any(task.pid == other.pid for other in self.tasks):
                task.pid = max(other.pid for other in self.tasks) + 1
            index = task.index
            self.tasks.append(task)
            self.own.append((buffers.get(index), cpus.get(index), makers.get(index)))
        for indexed in (buffers, cpus, makers):
            indexed.clear()
        world.tasks.clear()
        world.by_number.clear()

    def release(self) -> None:
        """Bring all of them back."""
        world, lines = self.world, self.world.lines
        for index, (task, (buffer, cpu, maker)) in enumerate(
            zip(self.tasks, self.own, strict=True)
        ):
            task.index = index
            world.tasks.append(task)
            number = task.name.number
            world.by_number.extend([None] * (number + 1 - len(world.by_number)))
            world.by_number[number] = task
            if isinstance(world.memory, StoreBuffers):
                world.memory.buffers[index] = buffer
            if lines is not None and cpu is not None:
                lines.cpus[index] = cpu
            if lines is not None and task.context in KINDS:
                lines.makers[index] = maker
        if lines is not None:
            lines.known = [cpu for cpu in lines.known if cpu.task in self.tasks]


def _comm(comm: str, others: Sequence[Task]) -> str:
    """The name of one task more: a second `stat` is `stat-2`."""
    known = [task.comm for task in others]
    made, nth = comm, 1
    while made in known:
        nth += 1
        made = f"{comm[: COMM_MAX - 1 - len(str(nth))]}-{nth}"
    return made


EXCLUSIVELY = (
    ("down_write", "up_write"),
    ("write_lock", "write_unlock"),
    ("percpu_down_write", "percpu_up_write"),
)
"""How locks with readers are taken to write, and let go."""


async def _writer(lock: Value, take: str, leave: str) -> None:
    await getattr(lock, take)()
    await getattr(lock, leave)()


def _ways(lock: Lock) -> tuple[str, str] | None:
    return next((ways for ways in EXCLUSIVELY if all(hasattr(lock, way) for way in ways)), None)


def _writes(name: str, part: WriterPart, locks: Sequence[Lock]) -> Value:
    """The code of a writer.  Raises UsageError if there is no such lock, or it has no readers."""
    there = [lock for lock in locks if lock.cls.name == part.cls]
    if len(there) < part.nth:
        classes = list(dict.fromkeys(lock.cls.name for lock in locks if _ways(lock)))
        raise UsageError(
            f"{name}: {part}: {len(there) or 'no'} lock{'s' if len(there) > 1 else ''} of class "
            f"{part.cls} at the beginning; of reader-writer locks there are: "
            f"{', '.join(classes) or 'none'}"
        )
    lock = there[part.nth - 1]
    ways = _ways(lock)
    if ways is None:
        raise UsageError(f"{name}: {part}: {part.cls} is no reader-writer lock")
    return _writer(lock, *ways)
