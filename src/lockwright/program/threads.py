"""The form with "threads": the kernel's locks, completions, work items and SRCU.

`start` names the threads that run from the beginning; others are started by spawn, or run as work
items, which `work` gives: item -> thread.  `locks` maps each lock to its type, `classes` a lock to
the name of its lock class where that is not its own.  Variables start as 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lockwright.core.location import Location
from lockwright.core.lockuse import LockKey
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable, VariableRead, VariableWrite
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.spinlock import SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import Work, WorkQueue, flush_work
from lockwright.program.barriers import BARRIER_OPS, BARRIERS
from lockwright.program.compiler import Compiled, Objects, Op, Step, TaskCode, compile_task
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
from lockwright.program.program import Expected, Make, Program, starter
from lockwright.program.starting import Join, Queue, Spawn, Thread

KINDS = ("mutex", "rwsem", "rwlock", "spinlock", "srcu")
SPELLINGS = {"spin": "spinlock", "raw_spinlock": "spinlock", "rtmutex": "mutex"}
REMARKS = ("name", "id", "title", "why", "remark", "note", "source", "states", "deadlock_states")
IRQ = "interrupts are not modelled in thread programs yet"
QUEUE = "system_wq"
HANDLE = "thread "
SCOPE: dict[str, object] = {
    **{cls.__name__: cls for cls in BARRIERS},
    "VariableRead": VariableRead,
    "VariableWrite": VariableWrite,
    "Spawn": Spawn,
    "Join": Join,
    "Queue": Queue,
    "flush_work": flush_work,
}

# How each type of lock spells each operation.  A type that is not there does not have it.
METHODS: dict[str, Mapping[str, str]] = {
    "lock": {
        "mutex": "lock()",
        "spinlock": "lock()",
        "rwsem": "down_write()",
        "rwlock": "write_lock()",
    },
    "unlock": {
        "mutex": "unlock()",
        "spinlock": "unlock()",
        "rwsem": "up_write()",
        "rwlock": "write_unlock()",
    },
    "trylock": {
        "mutex": "trylock()",
        "spinlock": "trylock()",
        "rwsem": "down_write_trylock()",
        "rwlock": "write_trylock()",
    },
    "wlock": {"rwsem": "down_write()", "rwlock": "write_lock()"},
    "wunlock": {"rwsem": "up_write()", "rwlock": "write_unlock()"},
    "rlock": {"rwsem": "down_read()", "rwlock": "read_lock()"},
    "rrlock": {"rwlock": "read_lock(recursive=True)"},
    "runlock": {"rwsem": "up_read()", "rwlock": "read_unlock()"},
    "srcu_lock": {"srcu": "read_lock()"},
    "srcu_unlock": {"srcu": "read_unlock"},
    "srcu_sync": {"srcu": "synchronize_srcu()"},
}


def read_threads(document: Document) -> Program | str:
    """Compile a program of this form, or say why it is not supported.  Raises UsageError."""
    check_keys(document, REMARKS)
    locks = _locks(document)
    work = _work(document)
    bodies = table_of(document, "threads")
    if not bodies:
        document.place.fault("its threads is an empty object", "at least one thread")
    steps = {name: steps_of(document, name, bodies[name]) for name in bodies}
    expected = _expected(document)
    objects = Objects({**locks, **dict.fromkeys(work, "work item")})
    _declare_srcu(steps, objects)
    if work:
        objects.use(document.place, "work queue", QUEUE)
    threads = [
        compile_task(name, steps[name], objects, ops=OPS, scope=SCOPE, threads=tuple(steps))
        for name in steps
    ]
    _check_variables(steps)
    irq = table_of(document, "irq")
    start = _start(document, steps, {*work.values(), *irq})
    if not irq:  # else not supported, so who runs on top of whom is not looked into
        _check_started(document, steps, [*start, *work.values()])
    for name, handler in steps.items():
        for place, step in handler:
            if step[0] in ("irq_off", "irq_on"):
                return f"{name}, step {place.step}: {IRQ}"
    if irq:
        return f"{', '.join(irq)} run as interrupt handlers: {IRQ}"
    return Program(
        document,
        makes=_makes(document, objects, threads),
        variables={
            name: number
            for number, (name, kind) in enumerate(objects.kinds.items())
            if kind == "variable"
        },
        threads=tuple(threads),
        start=start,
        expected=expected,
        handles={
            name.removeprefix(HANDLE): number
            for number, (name, kind) in enumerate(objects.kinds.items())
            if kind == "thread"
        },
        memory=memory_of(document),
    )


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


def _check_started(document: Document, steps: Mapping[str, list[Step]], started: list[str]) -> None:
    """Every thread is started once: from the beginning, by one spawn, as work or as a handler."""
    by = dict.fromkeys(started, "from the beginning, as work or as a handler")
    starts = list(document.data.get("start") or ())
    if len(set(starts)) < len(starts):
        document.place.fault(f"its start is {shown(starts)}", "each thread once")
    for each in steps.values():
        for place, step in (at for at in each if at[1][0] == "spawn"):
            if step[1] in by:
                place.fault(f"{step[1]} is started already, {by[step[1]]}", "one start")
            by[step[1]] = "by another spawn"
    for each in steps.values():
        for place, step in each:
            if step[0] == "join" and step[1] not in by:
                place.fault(f"nobody starts {step[1]}", "a thread of start, or one that is spawned")
    for name in steps:
        if name not in by:
            document.place.at(name).fault(
                "nobody starts it", "it in start, a spawn, or a work item"
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


# Objects


@dataclass(slots=True)
class _Maker:
    """Makes the objects of a program.  `threads` by name, `work` maps items to threads."""

    threads: Mapping[str, Compiled]
    work: Mapping[str, str]
    classes: Mapping[str, str]

    def make(self, name: str, kind: str, world: World, objects: list[Any]) -> Location:
        """The object of this name."""
        key = self._key(name, kind)
        if kind == "mutex":
            return Mutex(world, name, cls=key)
        if kind == "rwsem":
            return RwSem(world, name, cls=key)
        if kind == "rwlock":
            return RwLock(world, name, cls=key)
        if kind == "srcu":
            return Srcu(world, name, cls=key)
        if kind == "spinlock":
            return SpinLock(world, name, cls=key)
        if kind == "completion":
            return Completion(world, name)
        if kind == "variable":
            return Variable(world, 0, name)
        if kind == "work queue":
            return WorkQueue(world, name)
        if kind == "work item":
            return Work(world, name, starter(self.threads[self.work[name]], objects))
        assert kind == "thread", kind
        name = name.removeprefix(HANDLE)
        return Thread(world, name, starter(self.threads[name], objects))

    def _key(self, name: str, kind: str) -> LockKey | None:
        if name not in self.classes:
            return None
        wait = {"spinlock": 2, "rwlock": 2, "srcu": 0}.get(kind, 3)
        return LockKey(self.classes[name], "", 0, wait)


def _makes(document: Document, objects: Objects, threads: list[Compiled]) -> tuple[Make, ...]:
    maker = _Maker(
        {thread.name: thread for thread in threads},
        table_of(document, "work"),
        table_of(document, "classes"),
    )
    return tuple(partial(maker.make, name, kind) for name, kind in objects.kinds.items())


# The lines


def _method(op: str, code: TaskCode, name: object) -> str:
    """The call of an operation on a lock."""
    kinds = code.objects.kinds
    kind = kinds.get(name, "") if isinstance(name, str) else ""
    if not kind:
        known = [n for n, kind in kinds.items() if kind in KINDS]
        remedy = declared("locks", name, next(iter(METHODS[op])))
        unknown(code.place, "lock", name, known, remedy)
    if kind not in METHODS[op]:
        code.place.fault(f"{shown(name)} is a {kind}", f"one of {', '.join(METHODS[op])}")
    return f"{code.number(kind, name)}.{METHODS[op][kind]}"


def _lock_op(op: str) -> Op:
    return Op(f"[{op}, lock]", lambda code, args: f"await {_method(op, code, args[0])}")


def _trylock(code: TaskCode, args: list[Any]) -> str:
    return f"if not await {_method('trylock', code, args[0])}: {code.jump(args[1])}"


def _srcu_unlock(code: TaskCode, args: list[Any]) -> str:
    unlock = _method("srcu_unlock", code, args[0])
    srcu = unlock.partition(".")[0]
    return f"await {unlock}({srcu}.innermost({srcu}.world.creator))"


def _wait(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number('completion', args[0])}.wait_for_completion()"


def _complete(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number('completion', args[0])}.complete()"


def _thread(code: TaskCode, name: object) -> str:
    if not isinstance(name, str) or name not in code.threads:
        unknown(code.place, "thread", name, code.threads)
    # A work item may be called what its thread is called.
    return code.number("thread", f"{HANDLE}{name}")


def _spawn(code: TaskCode, args: list[Any]) -> str:
    return f"await Spawn({_thread(code, args[0])})"


def _join(code: TaskCode, args: list[Any]) -> str:
    return f"await Join({_thread(code, args[0])})"


def _item(code: TaskCode, name: object) -> str:
    kinds = code.objects.kinds
    if not isinstance(name, str) or kinds.get(name) != "work item":
        known = [n for n, k in kinds.items() if k == "work item"]
        remedy = declared("work", name, "a thread")
        unknown(code.place, "work item", name, known, remedy)
    return code.number("work item", name)


def _queue(code: TaskCode, args: list[Any]) -> str:
    item = _item(code, args[0])
    return f"await Queue({code.number('work queue', QUEUE)}, {item})"


def _flush(code: TaskCode, args: list[Any]) -> str:
    return f"await flush_work({_item(code, args[0])})"


def _set(code: TaskCode, args: list[Any]) -> str:
    variable = code.number("variable", args[0])
    return f"await VariableWrite({variable}, {code.constant(args[1])})"


def _ifz(code: TaskCode, args: list[Any]) -> str:
    variable = code.number("variable", args[0])
    return f"if await VariableRead({variable}) == 0: {code.jump(args[1])}"


def _nothing(code: TaskCode, args: list[Any]) -> str:
    return "pass"


LOCK_OPS = [op for op in METHODS if op not in ("trylock", "srcu_unlock")]
OPS: dict[str, Op] = {
    **{op: _lock_op(op) for op in LOCK_OPS},
    "trylock": Op("[trylock, lock, label]", _trylock),
    "srcu_unlock": Op("[srcu_unlock, domain]", _srcu_unlock),
    "wait": Op("[wait, completion]", _wait),
    "complete": Op("[complete, completion]", _complete),
    "spawn": Op("[spawn, thread]", _spawn),
    "join": Op("[join, thread]", _join),
    "queue": Op("[queue, item]", _queue),
    "flush": Op("[flush, item]", _flush),
    "set": Op("[set, var, value]", _set),
    "ifz": Op("[ifz, var, label]", _ifz),
    **BARRIER_OPS,
    "irq_off": Op("[irq_off]", _nothing),
    "irq_on": Op("[irq_on]", _nothing),
}
