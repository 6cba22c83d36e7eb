"""A program that can be run: its objects, its threads, and what its file expects of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from lockwright.core.world import World
from lockwright.kernel.storebuffer import SC
from lockwright.program.compiler import Compiled
from lockwright.program.document import Document
from lockwright.program.handlers import Interrupt, install
from lockwright.program.starting import Start
from lockwright.scenario import MEMORY, Scenario

Make: TypeAlias = Callable[[World, list[Any]], Any]
"""Makes an object.  The list will hold all objects when the program runs."""

SLEEP_KINDS = ("sleeping in atomic context", "atomic context at task exit")
UNQUOTED = "()=,:+*@[]{};.!<>|"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file says of a program; None and an empty mapping where it says nothing.

    `counts` are fields of the result; `lockdep` is the kind of the validator's report or "ok",
    and `step` where it comes.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    deadlock: bool | None = None
    lockdep: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A program, compiled.

    `variables` maps the names whose final values count to numbers of objects, `start` names the
    threads that run from the beginning, `handles` maps those that others wait for to the numbers
    of their `Thread` objects, `interrupts` has those that run as handlers.  With `sleepless`
    unset, its form does not say which locks spin, and so no holder is blamed for sleeping.
    `made` tells programs apart that were made of one file's steps.
    """

    document: Document
    makes: tuple[Make, ...]
    variables: Mapping[str, int]
    threads: tuple[Compiled, ...]
    start: tuple[str, ...]
    expected: Expected
    handles: Mapping[str, int] = field(default_factory=dict)
    sleepless: bool = True
    memory: str = SC
    interrupts: tuple[Interrupt, ...] = ()
    made: str = ""

    @property
    def name(self) -> str:
        """What the program is called in its file."""
        return self.document.name

    def is_judged(self, kind: str) -> bool:
        """Is a finding of this kind one of the program?"""
        return self.sleepless or kind not in SLEEP_KINDS

    def steps_of(self, task: str) -> list[Any]:
        """The steps of a task as its file has them."""
        steps: list[Any] = self.document.data[self.document.form][task]
        return steps

    def scenario(self) -> Scenario:
        """The program as the explorer wants it."""
        return Scenario(
            scenario_name(self.document) + self.made,
            self.builder(),
            self.name,
            outcome=self._outcome if self.variables else None,
        ).with_parameters({MEMORY: self.memory})

    def on(self, memory: str) -> Program:
        """The same program with another memory model, of which its file expects nothing."""
        if memory == self.memory:
            return self
        return replace(self, memory=memory, expected=Expected())

    def builder(self) -> Callable[[World], None]:
        """A function that makes the objects and spawns the tasks that run from the beginning."""
        makes, interrupts = self.makes, self.interrupts
        threads = {thread.name: thread for thread in self.threads}
        started = [
            (name, threads[name].body, picker(threads[name].uses), self.handles.get(name))
            for name in self.start
        ]

        def build(world: World) -> None:
            objects: list[Any] = []
            for make in makes:
                objects.append(make(world, objects))
            world.state = objects
            spawn = world.spawn
            tasks = {}
            for name, body, pick, handle in started:
                if handle is None:
                    tasks[name] = spawn(body(*pick(objects)), name)
                else:
                    tasks[name] = spawn(objects[handle].body(), name)
            for irq in interrupts:
                install(world, irq, starter(threads[irq.name], objects), tasks)

        return build

    def _outcome(self, world: World) -> str:
        objects = world.state
        return json.dumps({name: objects[number].value for name, number in self.variables.items()})


def scenario_name(document: Document) -> str:
    """What the program is called in tokens: `program/FILE:NAME`, what tokens forbid escaped."""
    stem, name = (
        quote(text, safe=UNQUOTED).replace("~", "%7E")
        for text in (Path(document.place.file).stem, document.name)
    )
    return f"program/{stem}:{name}"


def starter(thread: Compiled, objects: list[Any]) -> Start:
    """Begins a thread of a program whose objects are these."""

    pick = picker(thread.uses)

    def start() -> Any:  # noqa: ANN401  # a coroutine, of no interest but to be awaited
        return thread.body(*pick(objects))

    return start


def picker(numbers: Sequence[int]) -> Callable[[list[Any]], Sequence[Any]]:
    """What takes the objects of these numbers, in this order, out of a list."""
    if len(numbers) > 1:
        return itemgetter(*numbers)
    return lambda objects: [objects[number] for number in numbers]
