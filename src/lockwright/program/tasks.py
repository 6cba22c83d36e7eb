"""The form with "tasks": shared variables, atomics, mutexes, conditions.

A lock is enabled only while it is free.  One that some task takes with rlock is a reader-writer
lock, with `lock` as its writer: whoever finds it open gets in, and readers' order counts.
"""

from __future__ import annotations

from typing import Any

from lockwright.core.location import Location
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import (
    Variable,
    VariableLoad,
    VariableRead,
    VariableStore,
    VariableWrite,
)
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.waitqueue import CondVar
from lockwright.program.barriers import BARRIER_OPS, BARRIERS
from lockwright.program.compiler import (
    Objects,
    Op,
    Step,
    TaskCode,
    check_flow,
    compile_task,
)
from lockwright.program.document import (
    Document,
    check_keys,
    declared,
    memory_of,
    number_of,
    one_of,
    shown,
    steps_of,
    table_of,
    unknown,
)
from lockwright.program.machine import Add, Await, CompareSwap, Swap
from lockwright.program.program import Expected, Make, Program

VARIABLE, LOCK, RWLOCK, CONDITION = "variable", "lock", "reader-writer lock", "condition"
EXPECTATIONS = ("complete", "deadlocked", "sleep_set_blocked")
REMARKS = ("name", "id", "source", "title", "note", "checked_by")
TAKE = "a lock that some task takes, with lock, trylock or rlock"
SILENT = {"if": 2, "goto": 1}

LOCK_AT = {"lock": 1, "unlock": 1, "trylock": 1, "rlock": 1, "runlock": 1, "wait": 2}
TAKES = ("lock", "trylock", "rlock")
SCOPE: dict[str, object] = {
    cls.__name__: cls
    for cls in (
        *(VariableRead, VariableLoad, VariableWrite, VariableStore, Add, Await, CompareSwap, Swap),
        *BARRIERS,
    )
}


def read_tasks(document: Document) -> Program:
    """Compile a program of this form.  Raises UsageError."""
    check_keys(document, REMARKS)
    place = document.place
    initial = {
        name: number_of(value, place, f"the variable {name}")
        for name, value in table_of(document, "vars").items()
    }
    tasks = table_of(document, "tasks")
    if not tasks:
        place.fault("its tasks is an empty object", "at least one task")
    steps = {name: steps_of(document, name, tasks[name]) for name in tasks}
    objects = Objects(dict.fromkeys(initial, VARIABLE))
    _find_locks(steps, objects)
    compiled = [compile_task(name, steps[name], objects, ops=OPS, scope=SCOPE) for name in steps]
    for each in steps.values():
        check_flow(each, SILENT)
    makes = [_make(name, kind, initial.get(name, 0)) for name, kind in objects.kinds.items()]
    return Program(
        document,
        makes=tuple(makes),
        variables={name: number for number, name in enumerate(initial)},
        threads=tuple(compiled),
        start=tuple(steps),
        expected=_expected(document),
        sleepless=False,
        memory=memory_of(document),
    )


def _find_locks(steps: dict[str, list[Step]], objects: Objects) -> None:
    """Say of each lock what it is, from all that is done with it."""
    taken: dict[str, bool] = {}
    for step in (step for each in steps.values() for _, step in each):
        name = step[LOCK_AT[step[0]]] if step[0] in TAKES and len(step) > 1 else None
        if isinstance(name, str):
            taken[name] = taken.get(name, False) or step[0] == "rlock"
    for each in steps.values():
        for place, step in each:
            at = LOCK_AT.get(step[0])
            if at is None or at >= len(step):
                continue
            name = step[at]
            if not isinstance(name, str):
                unknown(place, "lock", name, taken, TAKE)
            if name not in taken:
                place.fault(f"no task takes a lock {shown(name)}", one_of(name, taken, TAKE))
            objects.use(place, RWLOCK if taken[name] else LOCK, name)


def _make(name: str, kind: str, initial: int) -> Make:
    def variable(world: World, objects: list[Any]) -> Location:
        return Variable(world, initial, name)

    def lock(world: World, objects: list[Any]) -> Location:
        return Mutex(world, name)

    def rwlock(world: World, objects: list[Any]) -> Location:
        return RwLock(world, name, queued=False)

    def condition(world: World, objects: list[Any]) -> Location:
        return CondVar(world, name)

    return {VARIABLE: variable, LOCK: lock, RWLOCK: rwlock, CONDITION: condition}[kind]


def _expected(document: Document) -> Expected:
    place = document.place
    expected = {}
    for name, value in table_of(document, "expect").items():
        if name not in EXPECTATIONS:
            unknown(place, "expectation", name, EXPECTATIONS)
        expected[name] = number_of(value, place, f"the expected {name}")
    return Expected(counts=expected)


# The lines


def _variable(code: TaskCode, name: object) -> str:
    kinds = code.objects.kinds
    if not isinstance(name, str) or name not in kinds:
        known = [other for other, kind in kinds.items() if kind == VARIABLE]
        unknown(code.place, VARIABLE, name, known, declared("vars", name, 0))
    return code.number(VARIABLE, name)


def _lock(code: TaskCode, name: str, exclusive: str, otherwise: str) -> str:
    """The call of a lock: one name on a mutex, another on a reader-writer lock."""
    kind = code.objects.kinds[name]
    return f"{code.number(kind, name)}.{exclusive if kind == LOCK else otherwise}()"


def _read(code: TaskCode, args: list[Any]) -> str:
    variable = _variable(code, args[0])
    return f"{code.register(args[1])} = await VariableRead({variable})"


def _write(code: TaskCode, args: list[Any]) -> str:
    return f"await VariableWrite({_variable(code, args[0])}, {code.expression(args[1])})"


def _acquire(code: TaskCode, args: list[Any]) -> str:
    variable = _variable(code, args[0])
    return f"{code.register(args[1])} = await VariableLoad({variable})"


def _release(code: TaskCode, args: list[Any]) -> str:
    return f"await VariableStore({_variable(code, args[0])}, {code.expression(args[1])})"


def _xchg(code: TaskCode, args: list[Any]) -> str:
    made = f"Swap({_variable(code, args[0])}, {code.expression(args[1])})"
    return f"{code.register(args[2])} = await {made}"


def _add(code: TaskCode, args: list[Any]) -> str:
    made = f"Add({_variable(code, args[0])}, {code.expression(args[1])})"
    return f"{code.register(args[2])} = await {made}"


def _cas(code: TaskCode, args: list[Any]) -> str:
    old, new = code.expression(args[1]), code.expression(args[2])
    made = f"CompareSwap({_variable(code, args[0])}, {old}, {new})"
    return f"{code.register(args[3])} = await {made}"


def _await(code: TaskCode, args: list[Any]) -> str:
    relation, number = code.relation(args[1]), code.expression(args[2])
    return f"await Await({_variable(code, args[0])}, {relation!r}, {number})"


def _do_lock(code: TaskCode, args: list[Any]) -> str:
    return f"await {_lock(code, args[0], 'lock', 'write_lock')}"


def _unlock(code: TaskCode, args: list[Any]) -> str:
    return f"await {_lock(code, args[0], 'unlock', 'write_unlock')}"


def _trylock(code: TaskCode, args: list[Any]) -> str:
    taking = _lock(code, args[0], "trylock", "write_trylock")
    return f"if not await {taking}: {code.jump(args[1])}"


def _rlock(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number(RWLOCK, args[0])}.read_lock()"


def _runlock(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number(RWLOCK, args[0])}.read_unlock()"


def _wait(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number(CONDITION, args[0])}.wait({code.number(LOCK, args[1])})"


def _signal(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number(CONDITION, args[0])}.signal()"


def _broadcast(code: TaskCode, args: list[Any]) -> str:
    return f"await {code.number(CONDITION, args[0])}.broadcast()"


def _if(code: TaskCode, args: list[Any]) -> str:
    condition = args[0]
    if not isinstance(condition, list) or len(condition) != 3:
        code.place.fault(f"{shown(condition)} is no condition", "[if, [op, a, b], label]")
    relation = code.relation(condition[0])
    left, right = code.expression(condition[1]), code.expression(condition[2])
    return f"if {left} {relation} {right}: {code.jump(args[1])}"


def _goto(code: TaskCode, args: list[Any]) -> str:
    return code.jump(args[0])


OPS: dict[str, Op] = {
    "read": Op("[read, var, register]", _read),
    "write": Op("[write, var, expr]", _write),
    "acquire": Op("[acquire, var, register]", _acquire),
    "release": Op("[release, var, expr]", _release),
    **BARRIER_OPS,
    "xchg": Op("[xchg, var, expr, register]", _xchg),
    "add": Op("[add, var, n, register]", _add),
    "cas": Op("[cas, var, expected, new, register]", _cas),
    "await": Op("[await, var, op, expr]", _await),
    "lock": Op("[lock, m]", _do_lock),
    "unlock": Op("[unlock, m]", _unlock),
    "trylock": Op("[trylock, m, label]", _trylock),
    "rlock": Op("[rlock, m]", _rlock),
    "runlock": Op("[runlock, m]", _runlock),
    "wait": Op("[wait, cond, mutex]", _wait),
    "signal": Op("[signal, cond]", _signal),
    "broadcast": Op("[broadcast, cond]", _broadcast),
    "if": Op("[if, condition, label]", _if),
    "goto": Op("[goto, label]", _goto),
}
