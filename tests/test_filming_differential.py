"""A film against the world itself, asked at each step, over random programs and schedules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lockwright.check.held import HeldLocks
from lockwright.core.location import Location, Names, Value
from lockwright.core.timeline import NEVER, Timeline
from lockwright.core.world import World
from lockwright.explore.run import Run
from lockwright.filming import Film
from lockwright.kernel.graceperiod import Domain, GraceWait
from lockwright.kernel.variable import Variable
from lockwright.kernel.work import Work, WorkQueue
from lockwright.project import load_project
from tests.explore import interrupt_programs, section_random, small_programs
from tests.filmed import Build, held_at, value_at

Moment = dict[str, Any]
STEPS_MAX = 400


class Reference:
    """What the world says of itself after each step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.heard = HeldLocks()
        self.heard.begin(world)
        self.moments: list[Moment] = []
        self.begun: set[int] = set()
        world.on_step += (lambda task, _operation, _result: self.begun.add(task.index),)

    def look(self) -> None:
        """Ask all of it."""
        world = self.world
        acc, world.acc = world.acc, []
        self.moments.append(
            {
                "held": self._held(),
                "heard": self._heard(),
                "blocked": {task.index for task in world.blocked()},
                "begun": set(self.begun),
                "callbacks": {
                    task.index for task in world.tasks if isinstance(task.pending, GraceWait)
                },
                "alive": {obj.life.number: obj.alive for obj in world.objects},
                "fields": {
                    (obj.life.number, each.name): _text(obj.peek(each.name))
                    for obj in world.objects
                    for each in obj._fields
                },
                "variables": {
                    loc.name: _text(loc.value) for loc in _variables(world) if _text(loc.value)
                },
            }
        )
        world.acc = acc

    def _held(self) -> Counter[tuple[int, str, bool]]:
        """By the locks themselves, those that know."""
        held: Counter[tuple[int, str, bool]] = Counter()
        for lock in self.world.locks:
            if not isinstance(lock, Work | WorkQueue):
                for index in lock.holders():
                    alone = lock.held_by(self.world.tasks[index], 0)
                    held[index, lock.name, alone and not isinstance(lock, Domain)] += 1
        return held

    def _heard(self) -> Counter[tuple[int, int]]:
        """By the validator's events."""
        return Counter(
            (index, use.instance) for index, uses in enumerate(self.heard.held) for use in uses
        )


def _variables(world: World) -> list[Location]:
    kept = getattr(world.state, "variables", None)
    if isinstance(kept, dict):
        return list(kept.values())
    return [each for each in kept or () if isinstance(each, Variable)]


def _text(value: Value) -> str:
    """A value, if it is simple."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f'"{value}"' if isinstance(value, str) and len(value) < 50 else ""


def compared(build: Build, random: Random) -> Timeline:
    """Run a random execution, and hold its film against the reference."""
    world = World(Names())
    world.locks = []
    build(world)
    world.locks = world.locks if world.locks is not None else []
    reference, film = Reference(world), Film()
    run = Run(world)
    film.begin(world)
    reference.look()
    while (enabled := world.enabled()) and world.steps < STEPS_MAX:
        task = random.choice(enabled)
        op = task.pending
        choice = random.randrange(op.options()) if op is not None and op.chooses else 0
        run.take(task, choice)
        film.look(run)
        reference.look()
    timeline = film.timeline()
    assert timeline is not None
    for at, moment in enumerate(reference.moments):
        _same_holds(timeline, at - 1, moment)
        _same_waits(timeline, at - 1, reference.moments)
    _same_things(timeline, world, reference.moments)
    world.close()
    return timeline


def _same_holds(timeline: Timeline, step: int, moment: Moment) -> None:
    told = held_at(timeline, step)
    known = {lock.name for lock in timeline.locks if lock.kind not in ("work", "workqueue", "map")}
    assert Counter({key: n for key, n in told.items() if key[1] in known}) == moment["held"]
    # of each task, as many locks as the validator was told of
    told_of: Counter[int] = Counter()
    for (task, _, _), count in told.items():
        told_of[task] += count
    heard: Counter[int] = Counter()
    for (task, _), count in moment["heard"].items():
        heard[task] += count
    assert not heard - told_of
    # a lock that is handed over is held before its new owner knows
    granted = {wait.task for wait in timeline.waits if wait.begin <= step < wait.end}
    granted |= {wait.task for wait in timeline.waits if wait.begin <= step and wait.end == NEVER}
    assert set(told_of - heard) <= granted


def _same_waits(timeline: Timeline, step: int, moments: list[Moment]) -> None:
    now = moments[step + 1]
    blocked = now["blocked"] - _not_begun(moments[step + 1 :])
    open_now = {
        wait.task: wait
        for wait in timeline.waits
        if wait.begin <= step and (wait.end == NEVER or step < wait.end)
    }
    assert blocked <= set(open_now)
    for task, wait in open_now.items():
        if task not in now["begun"] | now["callbacks"]:
            ever = [moment["blocked"] for moment in moments[wait.begin + 1 :]]
            assert all(task in each for each in ever)
            assert wait.begin == NEVER or task not in moments[wait.begin]["blocked"]
        elif wait.woken != NEVER and step >= wait.woken:
            assert task not in blocked
        elif task not in blocked:  # for a while it could go on
            end = wait.woken if wait.woken != NEVER else len(moments) - 1
            assert any(task in moment["blocked"] for moment in moments[step + 1 : end + 1])


def _not_begun(moments: list[Moment]) -> set[int]:
    """The tasks that cannot take their first step now, but could later."""
    now = moments[0]
    idle: set[int] = now["blocked"] - now["begun"] - now["callbacks"]
    return {task for task in idle if any(task not in each["blocked"] for each in moments)}


def _same_things(timeline: Timeline, world: World, moments: list[Moment]) -> None:
    shown = _objects(timeline, world)
    for at in range(len(moments)):
        now = value_at(timeline, at - 1)
        for life, alive in moments[at]["alive"].items():
            if life in shown:
                thing = timeline.things[shown[life]]
                assert alive == (thing.freed == NEVER or at - 1 < thing.freed)
                assert thing.born <= at - 1
            else:
                assert alive
        for (life, field), text in moments[at]["fields"].items():
            place = _place(timeline, shown.get(life, -1), field)
            if place is not None and text:
                assert now[place] == text
            elif text and at:
                assert text == moments[at - 1]["fields"].get((life, field), text)
        for nth, thing in enumerate(timeline.things):
            if not thing.kind and (text := moments[at]["variables"].get(thing.name)):
                assert now[nth, 0] == text


def _objects(timeline: Timeline, world: World) -> dict[int, int]:
    """The things that are objects, by the numbers of their lives."""
    names: dict[str, int] = {}
    used: Counter[str] = Counter()
    for obj in world.objects:
        name = f"{obj.cache or type(obj).__name__} {obj.name}".rstrip()
        used[name] += 1
        names[name if used[name] == 1 else f"{name}#{used[name]}"] = obj.life.number
    return {
        names[f"{thing.kind} {thing.name}".rstrip()]: at
        for at, thing in enumerate(timeline.things)
        if f"{thing.kind} {thing.name}".rstrip() in names
    }


def _place(timeline: Timeline, thing: int, field: str) -> tuple[int, int] | None:
    if thing < 0 or field not in timeline.things[thing].fields:
        return None
    return thing, timeline.things[thing].fields.index(field)


def small(seed: int) -> Build:
    return small_programs.random_program(seed).build


def sections(seed: int) -> Build:
    return section_random.random_program(seed).build


def interrupts(seed: int) -> Build:
    return interrupt_programs.random_program(Random(seed), anywhere=0.4).build


KINDS: dict[str, Callable[[int], Build]] = {
    "small": small,
    "sections": sections,
    "interrupts": interrupts,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_agrees_with_the_world_at_each_step(kind: str) -> None:
    for seed in range(150):
        compared(KINDS[kind](seed), Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_films_agree_with_the_world_over_many_programs(kind: str) -> None:
    for seed in range(150, 2500):
        for again in range(2):
            compared(KINDS[kind](seed), Random(seed * 10 + again))


EVENTFS = (
    "eventfs/v3:open_lookup_remove",
    "eventfs/v4:reproducer_with_lister",
    "eventfs/linux_6_12:list_vs_remove_vs_reclaim",
    "eventfs/latest:lookup_vs_remove",
)


@pytest.mark.parametrize("name", EVENTFS)
def test_a_film_of_a_model_agrees_with_its_world(name: str, rootpath: Path) -> None:
    scenario = load_project(rootpath).scenarios[name]
    for seed in range(4):
        timeline = compared(scenario.set_up, Random(seed))
        assert timeline.things
        assert all(not Path(place.path).is_absolute() for place in timeline.places)


@pytest.fixture
def rootpath(request: pytest.FixtureRequest) -> Path:
    return request.config.rootpath


def test_the_reference_sees_what_it_is_there_for() -> None:
    """Held locks, waits, objects and grace periods are all in the programs of the fast set."""
    seen: Counter[str] = Counter()
    for seed in range(80):
        for build in (small(seed), sections(seed)):
            timeline = compared(build, Random(seed))
            seen["holds"] += len(timeline.holds)
            seen["waits"] += len(timeline.waits)
            seen["freed"] += sum(thing.freed != NEVER for thing in timeline.things)
            seen["changes"] += len(timeline.changes)
            seen["periods"] += len(timeline.grace_periods)
    assert min(seen.values()) > 0, seen
    assert len(seen) == 5
