"""What a step of the form with "threads" does: the line of Python for each operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lockwright.kernel.irqflags import (
    local_bh_disable,
    local_bh_enable,
    local_irq_disable,
    local_irq_enable,
)
from lockwright.kernel.once import VariableRead, VariableWrite
from lockwright.kernel.workqueue import flush_work
from lockwright.kernel.ww_ctx import ww_acquire_done, ww_acquire_fini, ww_acquire_init
from lockwright.kernel.ww_mutex import (
    EDEADLK,
    ww_mutex_lock,
    ww_mutex_lock_slow,
    ww_mutex_trylock,
    ww_mutex_unlock,
)
from lockwright.program.barriers import BARRIER_OPS, BARRIERS
from lockwright.program.compiler import Op, TaskCode
from lockwright.program.document import declared, shown, unknown
from lockwright.program.starting import Join, Queue, Spawn

QUEUE = "system_wq"
HANDLE = "thread "
RCU = "the kernel's RCU"
CONTEXT = "ww_acquire_ctx"
SCOPE: dict[str, object] = {
    **{cls.__name__: cls for cls in (*BARRIERS, VariableRead, VariableWrite, Spawn, Join, Queue)},
    **{
        function.__name__: function
        for function in (
            *(local_irq_disable, local_irq_enable, local_bh_disable, local_bh_enable, flush_work),
            *(ww_acquire_init, ww_acquire_done, ww_acquire_fini),
            *(ww_mutex_lock, ww_mutex_lock_slow, ww_mutex_trylock, ww_mutex_unlock),
        )
    },
    "EDEADLK": EDEADLK,
}

SPINNING = ("spinlock", "raw_spinlock")
FORMS = {"irq": "irq", "irqsave": "irqrestore", "bh": "bh"}
"""How a lock's call ends that switches something off, and how its unlock ends then."""


def _spins(call: str, form: str) -> dict[str, str]:
    """The calls of the locks that spin, in one form."""
    calls = dict.fromkeys(SPINNING, f"{{}}.{call}_{form}()")
    calls["rwlock"] = f"{{}}.write_{call}_{form}()"
    if form != "bh":
        calls["local_lock"] = f"{{}}.{call}_{form}()"
    return calls


# How each type of lock spells each operation.  A type that is not there does not have it.
METHODS: dict[str, Mapping[str, str]] = {
    "lock": {
        **dict.fromkeys(("mutex", "spinlock", "raw_spinlock", "rtmutex"), "{}.lock()"),
        "rwsem": "{}.down_write()",
        "rwlock": "{}.write_lock()",
        "local_lock": "{}.lock()",
        "percpu_rwsem": "{}.percpu_down_write()",
        "semaphore": "{}.down()",
        "bit_spinlock": "{}.lock()",
        "ww_mutex": "ww_mutex_lock({})",
    },
    "unlock": {
        **dict.fromkeys(("mutex", "spinlock", "raw_spinlock", "rtmutex"), "{}.unlock()"),
        "rwsem": "{}.up_write()",
        "rwlock": "{}.write_unlock()",
        "local_lock": "{}.unlock()",
        "percpu_rwsem": "{}.percpu_up_write()",
        "semaphore": "{}.up()",
        "bit_spinlock": "{}.unlock()",
        "ww_mutex": "ww_mutex_unlock({})",
    },
    "trylock": {
        **dict.fromkeys(("mutex", "spinlock", "raw_spinlock", "rtmutex"), "{}.trylock()"),
        "rwsem": "{}.down_write_trylock()",
        "rwlock": "{}.write_trylock()",
        "local_lock": "{}.trylock()",
        "bit_spinlock": "{}.trylock()",
        "ww_mutex": "ww_mutex_trylock({})",
    },
    "rtrylock": {
        "rwsem": "{}.down_read_trylock()",
        "rwlock": "{}.read_trylock()",
        "percpu_rwsem": "{}.percpu_down_read_trylock()",
    },
    "wlock": {
        "rwsem": "{}.down_write()",
        "rwlock": "{}.write_lock()",
        "percpu_rwsem": "{}.percpu_down_write()",
    },
    "wunlock": {
        "rwsem": "{}.up_write()",
        "rwlock": "{}.write_unlock()",
        "percpu_rwsem": "{}.percpu_up_write()",
    },
    "rlock": {
        "rwsem": "{}.down_read()",
        "rwlock": "{}.read_lock()",
        "percpu_rwsem": "{}.percpu_down_read()",
    },
    "rrlock": {"rwlock": "{}.read_lock(recursive=True)"},
    "runlock": {
        "rwsem": "{}.up_read()",
        "rwlock": "{}.read_unlock()",
        "percpu_rwsem": "{}.percpu_up_read()",
    },
    **{f"lock_{form}": _spins("lock", form) for form in FORMS},
    **{f"unlock_{form}": _spins("unlock", form) for form in FORMS.values()},
    **{f"rlock_{form}": {"rwlock": f"{{}}.read_lock_{form}()"} for form in FORMS},
    **{f"runlock_{form}": {"rwlock": f"{{}}.read_unlock_{form}()"} for form in FORMS.values()},
    "downgrade": {"rwsem": "{}.downgrade_write()"},
    "lock_nested": {
        **dict.fromkeys(
            ("mutex", "spinlock", "raw_spinlock", "rtmutex"), "{}.lock_nested({number})"
        ),
        "rwsem": "{}.down_write_nested({number})",
        "rwlock": "{}.write_lock_nested({number})",
    },
    "rlock_nested": {"rwsem": "{}.down_read_nested({number})"},
    "srcu_lock": {"srcu": "{}.read_lock()"},
    "srcu_unlock": {"srcu": "{}.read_unlock"},
    "srcu_sync": {"srcu": "{}.synchronize_srcu()"},
    "ww_acquire_init": {CONTEXT: "ww_acquire_init({0}, {0}.ww_class)"},
    "ww_acquire_done": {CONTEXT: "ww_acquire_done({})"},
    "ww_acquire_fini": {CONTEXT: "ww_acquire_fini({})"},
    "ww_lock": {"ww_mutex": "ww_mutex_lock({}, {context})"},
    "ww_lock_slow": {"ww_mutex": "ww_mutex_lock_slow({}, {context})"},
    "ww_trylock": {"ww_mutex": "ww_mutex_trylock({}, {context})"},
    "ww_unlock": {"ww_mutex": "ww_mutex_unlock({})"},
}
KINDS = tuple(dict.fromkeys(kind for kinds in METHODS.values() for kind in kinds))
"""The types of locks."""
SUBCLASSES = 8


def _method(op: str, code: TaskCode, name: object, **more: str) -> str:
    """The call of an operation on a lock."""
    kinds = code.objects.kinds
    kind = kinds.get(name, "") if isinstance(name, str) else ""
    if not kind:
        known = [n for n, kind in kinds.items() if kind in KINDS]
        remedy = declared("locks", name, next(iter(METHODS[op])))
        unknown(code.place, "lock", name, known, remedy)
    if kind not in METHODS[op]:
        code.place.fault(f"{shown(name)} is a {kind}", f"one of {', '.join(METHODS[op])}")
    return METHODS[op][kind].format(code.number(kind, name), **more)


def _lock_op(op: str, what: str = "lock") -> Op:
    return Op(f"[{op}, {what}]", lambda code, args: f"await {_method(op, code, args[0])}")


def _nested_op(op: str) -> Op:
    def line(code: TaskCode, args: list[Any]) -> str:
        if not isinstance(args[1], int) or args[1] not in range(SUBCLASSES):
            code.place.fault(
                f"its subclass is {shown(args[1])}", f"a number below {SUBCLASSES}, 1 or more"
            )
        return f"await {_method(op, code, args[0], number=str(int(args[1])))}"

    return Op(f"[{op}, lock, subclass]", line)


def _trylock_op(op: str) -> Op:
    return Op(
        f"[{op}, lock, label]",
        lambda code, args: f"if not await {_method(op, code, args[0])}: {code.jump(args[1])}",
    )


def _srcu_unlock(code: TaskCode, args: list[Any]) -> str:
    unlock = _method("srcu_unlock", code, args[0])
    srcu = unlock.partition(".")[0]
    return f"await {unlock}({srcu}.innermost({srcu}.world.creator))"


def _context(code: TaskCode, name: object) -> str:
    kinds = code.objects.kinds
    if not isinstance(name, str) or kinds.get(name) != CONTEXT:
        known = [n for n, kind in kinds.items() if kind == CONTEXT]
        unknown(code.place, "context", name, known, declared("locks", name, CONTEXT))
    return code.number(CONTEXT, name)


def _ww_lock(code: TaskCode, args: list[Any]) -> str:
    call = _method("ww_lock", code, args[0], context=_context(code, args[1]))
    return f"if await {call} == -EDEADLK: {code.jump(args[2])}"


def _ww_lock_slow(code: TaskCode, args: list[Any]) -> str:
    return f"await {_method('ww_lock_slow', code, args[0], context=_context(code, args[1]))}"


def _ww_trylock(code: TaskCode, args: list[Any]) -> str:
    call = _method("ww_trylock", code, args[0], context=_context(code, args[1]))
    return f"if not await {call}: {code.jump(args[2])}"


def _rcu_op(op: str, call: str) -> Op:
    return Op(f"[{op}]", lambda code, _: f"await {code.number('rcu', RCU)}.{call}()")


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


def _switch_op(op: str, call: str) -> Op:
    return Op(f"[{op}]", lambda _code, _args: f"await {call}()")


SPECIAL = (
    *("trylock", "rtrylock", "lock_nested", "rlock_nested", "srcu_unlock"),
    *("ww_lock", "ww_lock_slow", "ww_trylock"),
)
OPS: dict[str, Op] = {
    **{op: _lock_op(op) for op in METHODS if op not in SPECIAL},
    **{op: _lock_op(op, "context") for op in METHODS if op.startswith("ww_acquire_")},
    **{op: _trylock_op(op) for op in ("trylock", "rtrylock")},
    **{op: _nested_op(op) for op in ("lock_nested", "rlock_nested")},
    "srcu_unlock": Op("[srcu_unlock, domain]", _srcu_unlock),
    "ww_lock": Op("[ww_lock, lock, context, label]", _ww_lock),
    "ww_lock_slow": Op("[ww_lock_slow, lock, context]", _ww_lock_slow),
    "ww_trylock": Op("[ww_trylock, lock, context, label]", _ww_trylock),
    "rcu_lock": _rcu_op("rcu_lock", "rcu_read_lock"),
    "rcu_unlock": _rcu_op("rcu_unlock", "rcu_read_unlock"),
    "rcu_sync": _rcu_op("rcu_sync", "synchronize_rcu"),
    "wait": Op("[wait, completion]", _wait),
    "complete": Op("[complete, completion]", _complete),
    "spawn": Op("[spawn, thread]", _spawn),
    "join": Op("[join, thread]", _join),
    "queue": Op("[queue, item]", _queue),
    "flush": Op("[flush, item]", _flush),
    "set": Op("[set, var, value]", _set),
    "ifz": Op("[ifz, var, label]", _ifz),
    **BARRIER_OPS,
    "irq_off": _switch_op("irq_off", "local_irq_disable"),
    "irq_on": _switch_op("irq_on", "local_irq_enable"),
    "bh_off": _switch_op("bh_off", "local_bh_disable"),
    "bh_on": _switch_op("bh_on", "local_bh_enable"),
}
