"""Threads of a program that run as interrupt handlers, on top of other threads.

`irq` maps each handler to the thread that it interrupts, or to a list of them, or to an object:
{"on": thread or list, "context": "hardirq" or "softirq", "threaded": true or false}.  The other
way round is understood as well: a thread of `start` that is mapped to its handlers.  A handler may
run once, wherever one of its threads has its kind of interrupt on, and need not run at all.  A
thread can be a handler itself: a soft one, that a hard one interrupts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockwright.core.interrupt import handling, interruptible
from lockwright.core.line import BENEATH, Handler, Line
from lockwright.core.raised import Lines
from lockwright.core.task import Context
from lockwright.program.document import Document, items, shown, table_of, unknown

if TYPE_CHECKING:
    from lockwright.core.operation import Operation
    from lockwright.core.task import Task
    from lockwright.core.world import World

CONTEXTS = {"hardirq": Context.HARDIRQ, "softirq": Context.SOFTIRQ}
KEYS = ("on", "context", "threaded")
USAGE = 'a thread, a list of threads, or {"on": thread, "context": "softirq"}'


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One handler: the thread that it runs, what it interrupts, and as what kind of interrupt.

    `on` has threads; `comms` what the tasks that run them, and the handlers, are called.
    """

    name: str
    on: tuple[str, ...]
    context: Context
    threaded: bool = True
    comms: frozenset[str] = frozenset()


class ThreadLine(Line):
    """The interrupt of one handler.  `comms` is what it can come on top of."""

    __slots__ = ("comms",)

    def __init__(self, world: World, irq: Interrupt, handler: Handler) -> None:
        super().__init__(world, irq.name, handler, irq.context, threaded=irq.threaded)
        self.comms = irq.comms

    def offer(self, task: Task) -> Operation | None:
        line = handling(task)
        return super().offer(task) if (line.name if line else task.comm) in self.comms else None


def install(world: World, irq: Interrupt, handler: Handler, started: Mapping[str, Task]) -> None:
    """Let a handler interrupt what it is for: tasks that have started, or any that will."""
    line = ThreadLine(world, irq, handler)
    world.lines = world.lines or Lines()
    if all(name in started for name in irq.on):
        for name in irq.on:
            interruptible(started[name]).add(line)
    else:
        world.lines.offer_everywhere(world, line)


def read_interrupts(
    document: Document, threads: Iterable[str], work: Mapping[str, str]
) -> dict[str, Interrupt]:
    """The handlers of a program, by name.  `work` maps work items to their threads.  Raises
    UsageError."""
    names = list(threads)
    found = {}
    for name, told in _by_handler(document).items():
        if name not in names:
            unknown(document.place, "handler in irq", name, names)
        found[name] = _interrupt(document, name, told)
    for irq in found.values():
        _check_on(document, irq, names, found)
    return {name: _named(irq, work) for name, irq in found.items()}


def _by_handler(document: Document) -> dict[str, Any]:
    """What `irq` says of each handler, whichever way round it stands there."""
    given = document.data.get("start")
    start: list[Any] = given if isinstance(given, list) else []
    found: dict[str, Any] = {}
    for name, told in table_of(document, "irq").items():
        others = [told] if isinstance(told, str) else told
        if (
            name not in start
            or not isinstance(others, list)
            or not all(isinstance(each, str) and each not in start for each in others)
        ):
            found[name] = told
            continue
        for each in others:
            found[each] = [*found.get(each, []), name]
    return found


def _interrupt(document: Document, name: str, told: Any) -> Interrupt:  # noqa: ANN401  # of a file
    place = document.place
    given = told if isinstance(told, dict) else {"on": told}
    for key in given:
        if key not in KEYS:
            unknown(place, f"key of irq {name}:", key, KEYS)
    on = given.get("on")
    on = [on] if isinstance(on, str) else on
    if not isinstance(on, list) or not on or not all(isinstance(each, str) for each in on):
        place.fault(f"its irq {name} is {shown(told)}", USAGE)
    if len(set(on)) < len(on):
        place.fault(f"its irq {name} names {items(len(on)).removeprefix('it has ')}", "each once")
    kind, threaded = given.get("context", "hardirq"), given.get("threaded", True)
    if not isinstance(kind, str) or kind not in CONTEXTS:
        unknown(place, f"context of irq {name}:", kind, CONTEXTS)
    if not isinstance(threaded, bool):
        place.fault(f"its irq {name} has threaded {shown(threaded)}", "true or false")
    return Interrupt(name, tuple(on), CONTEXTS[kind], threaded)


def _check_on(
    document: Document, irq: Interrupt, names: list[str], all_irqs: Mapping[str, Interrupt]
) -> None:
    for name in irq.on:
        if name not in names:
            unknown(document.place, f"thread that {irq.name} interrupts:", name, names)
        context = all_irqs[name].context if name in all_irqs else Context.PROCESS
        if name == irq.name or context not in BENEATH[irq.context]:
            document.place.fault(
                f"the {irq.context.value} handler {irq.name} cannot interrupt {name}",
                "a thread, or for a hardirq handler a softirq handler",
            )


def _named(irq: Interrupt, work: Mapping[str, str]) -> Interrupt:
    comms = {*irq.on, *(item for item, thread in work.items() if thread in irq.on)}
    return Interrupt(irq.name, irq.on, irq.context, irq.threaded, frozenset(comms))
