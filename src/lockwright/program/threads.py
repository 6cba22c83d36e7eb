"""The form with "threads": the kernel's locks, completions, work items, SRCU and interrupts.

`start` names the threads that run from the beginning; others are started by spawn, run as work
items, which `work` gives: item -> thread, or as interrupt handlers, which `irq` gives.  `locks`
maps each lock to its type, `classes` a lock to the name of its lock class where that is not its
own.  Variables start as 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from lockwright.program.compiler import Objects, Step, compile_task
from lockwright.program.document import (
    Document,
    check_keys,
    declared,
    label_of,
    memory_of,
    shown,
    steps_of,
    table_of,
    unknown,
)
from lockwright.program.handlers import read_interrupts
from lockwright.program.program import Expected, Program
from lockwright.program.threadobjects import declare_ww_classes, makes_of
from lockwright.program.threadops import HANDLE, KINDS, OPS, QUEUE, SCOPE

SPELLINGS = {"spin": "spinlock", "raw": "raw_spinlock", "rt_mutex": "rtmutex"}
REMARKS = ("name", "id", "title", "why", "remark", "note", "source", "states", "deadlock_states")


def read_threads(document: Document) -> Program:
    """Compile a program of this form.  Raises UsageError."""
    check_keys(document, REMARKS)
    locks = _locks(document)
    classes = table_of(document, "classes")
    work = _work(document)
    bodies = table_of(document, "threads")
    if not bodies:
        document.place.fault("its threads is an empty object", "at least one thread")
    steps = {name: steps_of(document, name, bodies[name]) for name in bodies}
    irqs = read_interrupts(document, steps, work)
    expected = _expected(document)
    ww = declare_ww_classes(locks, classes)
    objects = Objects({**ww, **locks, **dict.fromkeys(work, "work item")})
    _declare_srcu(steps, objects)
    if work:
        objects.use(document.place, "work queue", QUEUE)
    threads = [
        compile_task(name, steps[name], objects, ops=OPS, scope=SCOPE, threads=tuple(steps))
        for name in steps
    ]
    _check_variables(steps)
    start = _start(document, steps, {*work.values(), *irqs})
    _check_started(document, steps, [*start, *work.values()], list(irqs))
    return Program(
        document,
        makes=makes_of(objects, threads, work, classes),
        variables=_numbers(objects, "variable"),
        threads=tuple(threads),
        start=start,
        expected=expected,
        handles=_numbers(objects, "thread"),
        memory=memory_of(document),
        interrupts=tuple(irqs.values()),
    )


def _numbers(objects: Objects, kind: str) -> dict[str, int]:
    """The objects of a kind: their names, and their numbers."""
    return {
        name.removeprefix(HANDLE): number
        for number, (name, known) in enumerate(objects.kinds.items())
        if known == kind
    }


def _locks(document: Document) -> dict[str, str]:
    locks = {}
    for name, kind in table_of(document, "locks").items():
        spelled = SPELLINGS.get(kind, kind) if isinstance(kind, str) else kind
        if spelled not in KINDS:
            unknown(document.place, f"type of lock {name}:", kind, KINDS)
        locks[name] = spelled
    for name, cls in table_of(document, "classes").items():
        if name not in locks:
            remedy = declared("locks", name, "mutex")
            unknown(document.place, "lock in classes", name, locks, remedy)
        label_of(cls, document.place, f"class of {name}")
    return locks


def _work(document: Document) -> dict[str, str]:
    work = table_of(document, "work")
    for item, thread in work.items():
        if not isinstance(thread, str) or thread not in table_of(document, "threads"):
            threads = document.data["threads"]
            remedy = declared("threads", thread, [["lock", "A"]])
            unknown(document.place, f"thread of work item {item}:", thread, threads, remedy)
    return work


def _declare_srcu(steps: Mapping[str, list[Step]], objects: Objects) -> None:
    """A SRCU domain need not be declared; whoever uses one says what it is."""
    for each in steps.values():
        for place, step in each:
            if step[0] in ("srcu_lock", "srcu_sync") and len(step) == 2:
                objects.use(place, "srcu", step[1])


def _start(
    document: Document, steps: Mapping[str, list[Step]], others: set[str]
) -> tuple[str, ...]:
    """The threads that run from the beginning; all that nobody else starts, if none are named."""
    start = document.data.get("start")
    if start is None:
        spawned = {step[1] for each in steps.values() for _, step in each if step[0] == "spawn"}
        return tuple(name for name in steps if name not in spawned | others)
    if not isinstance(start, list) or not start:
        document.place.fault(f"its start is {shown(start)}", "a list of threads, not empty")
    for name in start:
        if not isinstance(name, str) or name not in steps:
            unknown(document.place, "thread in start", name, steps)
    return tuple(start)


def _check_started(
    document: Document, steps: Mapping[str, list[Step]], started: list[str], irqs: list[str]
) -> None:
    """Every thread is started once: from the beginning, by one spawn, as work or as a handler."""
    by = dict.fromkeys([*started, *irqs], "from the beginning, as work or as a handler")
    starts = list(document.data.get("start") or ())
    if len(set(starts)) < len(starts):
        document.place.fault(f"its start is {shown(starts)}", "each thread once")
    for name in irqs:
        if name in started:
            document.place.fault(
                f"{name} is an interrupt handler, and in start, or a work item", "one of these"
            )
    for each in steps.values():
        for place, step in (at for at in each if at[1][0] == "spawn"):
            if step[1] in by:
                place.fault(f"{step[1]} is started already, {by[step[1]]}", "one start")
            by[step[1]] = "by another spawn"
    for each in steps.values():
        for place, step in each:
            if step[0] == "join" and (step[1] not in by or step[1] in irqs):
                place.fault(f"nobody starts {step[1]}", "a thread of start, or one that is spawned")
    for name in steps:
        if name not in by:
            document.place.at(name).fault(
                "nobody starts it", "it in start, a spawn, a work item, or it in irq"
            )


def _check_variables(steps: Mapping[str, list[Step]]) -> None:
    given = {step[1] for each in steps.values() for _, step in each if step[0] == "set"}
    for each in steps.values():
        for place, step in each:
            if step[0] == "ifz" and step[1] not in given:
                remedy = f'some step that sets it, ["set", {shown(step[1])}, 1]'
                unknown(place, "variable", step[1], given, remedy)


def _expected(document: Document) -> Expected:
    deadlock, lockdep = document.data.get("deadlock"), document.data.get("lockdep")
    if deadlock is not None and not isinstance(deadlock, bool):
        document.place.fault(f"its deadlock is {shown(deadlock)}", "true or false")
    if lockdep is not None:
        label_of(lockdep, document.place, "lockdep")
    return Expected(deadlock=deadlock, lockdep=lockdep)
