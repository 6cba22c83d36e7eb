"""The form with "steps": what one task does, told to the lock validator alone.

The kernel's own locking self-tests are programs of this form.  A step is [operation, lock, mode,
info]; of the mode, W is exclusive, r a reader, R a recursive reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockwright.core.frame import Frame
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.lockdep import Report, Validator
from lockwright.program.compiler import Step
from lockwright.program.document import (
    Document,
    Place,
    check_keys,
    declared,
    items,
    label_of,
    number_of,
    shown,
    steps_of,
    table_of,
    unknown,
)
from lockwright.program.program import Expected

TASK = "steps"
COMM = "swapper/0"
MODES = {"W": 0, "r": 1, "R": 2}
# (outer, inner), with proof of raw lock nesting; 0 inner is not checked
WAIT_TYPES = {
    "raw_spinlock": (0, 2),
    "spinlock": (0, 3),
    "rwlock": (0, 3),
    "local_lock": (0, 3),
    "mutex": (0, 4),
    "rtmutex": (0, 4),
    "rwsem": (0, 4),
    "ww_mutex": (0, 4),
    "ww_acquire_ctx": (0, 0),
    "rcu": (1, 3),
    "rcu_bh": (1, 3),
    "rcu_sched": (1, 2),
    "fs_reclaim": (0, 0),
}
WAIT_MAX = 5
LATER = {
    "the rules about interrupts": (
        "hardirq_disable hardirq_enable softirq_disable softirq_enable hardirq_enter "
        "hardirq_enter_nothread hardirq_exit softirq_enter softirq_exit"
    ),
    "ww mutexes": (
        "ww_acquire_init ww_acquire_done ww_acquire_fini ww_lock ww_lock_slow ww_trylock ww_unlock "
        "ww_base_lock ww_base_lock_interruptible ww_base_lock_killable ww_base_lock_nest "
        "ww_base_trylock ww_base_unlock lockdep_release lockdep_acquire_try "
        "if_trylock_then_unlock set"
    ),
    "the maps of memory reclaim": (
        "fs_reclaim_acquire fs_reclaim_release might_alloc memalloc_nofs_save memalloc_nofs_restore"
    ),
}
OPS = ("lock", "unlock", "init", "set_subclass", "assert_class_name_unchanged")
UNCHECKED = ("rcu", "rcu_bh", "rcu_sched")
REMARKS = ("name", "title", "group", "variant", "context", "note", "report_detail")
CONDITIONS = ("only_if", "skip_if", "read_lock_recursive")


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One task's steps, checked."""

    document: Document
    keys: Mapping[str, LockKey]
    steps: tuple[Step, ...]
    expected: Expected

    def play(self) -> tuple[Report, int] | None:
        """The validator's first report and the step at which it comes."""
        validator = Validator(first_report_only=True)
        task = validator.task(COMM, 1)
        instances = {name: 0x1000 + 0x10 * i for i, name in enumerate(self.keys)}
        subclasses = dict.fromkeys(self.keys, 0)
        for number, (_, (op, lock, mode, info)) in enumerate(self.steps):
            instance = instances[lock]
            report = None

            def stack(op: str = op, number: int = number) -> tuple[Frame, ...]:
                return (Frame(op, 0, 1), Frame(self.document.name, number, len(self.steps)))

            if op == "lock":
                key = self.keys[lock]
                nest = instances[info["nest"]] if info else None
                check = key.site not in UNCHECKED
                read, subclass = MODES[mode], subclasses[lock]
                use = LockUse(key, subclass, instance, read=read, check=check, nest=nest)
                report = validator.acquire(task, use, stack)
            elif op == "unlock":
                report = validator.release(task, instance, stack)
            elif op == "init":
                report = validator.freed(task, [instance], stack, instance, instance + 0x10)
            elif op == "set_subclass":
                subclasses[lock] = info["subclass"]
            if report is not None:
                return report, number
        return None


def read_selftest(document: Document) -> SelfTest | str:
    """Check a program of this form, or say why it is not supported.  Raises UsageError."""
    check_keys(document, (*REMARKS, *CONDITIONS))
    locks = table_of(document, "locks")
    keys = {name: _key(document.place, name, lock) for name, lock in locks.items()}
    steps = steps_of(document, TASK, document.data["steps"])
    expected = _expected(document)
    reasons = [reason for place, step in steps if (reason := _check(place, step, keys))]
    reasons = reasons or _wait_contexts(steps, keys)
    if reasons:
        return reasons[0]
    return SelfTest(document, keys, tuple(steps), expected)


def _key(place: Place, name: str, lock: object) -> LockKey:
    if not isinstance(lock, dict) or "type" not in lock or "cls" not in lock:
        place.fault(f"lock {name} is {shown(lock)}", 'an object with "type" and "cls"')
    kind = lock["type"]
    if not isinstance(kind, str) or kind not in WAIT_TYPES:
        unknown(place, f"type of lock {name}:", kind, WAIT_TYPES)
    return LockKey(label_of(lock["cls"], place, f"cls of lock {name}"), kind, *WAIT_TYPES[kind])


def _check(place: Place, step: list[Any], keys: Mapping[str, LockKey]) -> str:
    """Why a step is not supported; empty if it is.  Raises UsageError."""
    op = step[0]
    for what, ops in LATER.items():
        if op in ops.split():
            return f"step {place.step}, {op}: {what} are not modelled yet"
    if op not in OPS:
        unknown(place, "operation", op, [*OPS, *" ".join(LATER.values()).split()])
    if len(step) != 4:
        place.fault(items(len(step)), f"[{op}, lock, mode, info]")
    _, lock, mode, info = step
    if not isinstance(lock, str) or lock not in keys:
        unknown(place, "lock", lock, keys, declared("locks", lock, {"type": "mutex", "cls": "A"}))
    if op == "lock" and (not isinstance(mode, str) or mode not in MODES):
        unknown(place, "mode", mode, MODES)
    if op == "lock" and info is not None:
        nest = info.get("nest") if isinstance(info, dict) and len(info) == 1 else None
        if not isinstance(nest, str) or nest not in keys:
            place.fault(f"its info is {shown(info)}", 'null, or {"nest": lock}')
    elif op == "set_subclass":
        if not isinstance(info, dict) or list(info) != ["subclass"]:
            place.fault(f"its info is {shown(info)}", '{"subclass": number}')
        number_of(info["subclass"], place, "its subclass")
    elif op != "lock" and info is not None:
        place.fault(f"its info is {shown(info)}", "null")
    return ""


def _wait_contexts(steps: list[Step], keys: Mapping[str, LockKey]) -> list[str]:
    """The step whose lock may sleep, or sleep longer, where a held one forbids it.

    C: check_wait_context().  The validator does not have the rule yet.
    """
    held: list[str] = []
    for place, (op, lock, *_) in steps:
        if op == "unlock" and lock in held:
            held.remove(lock)
        elif op == "lock":
            inner = keys[lock].wait_inner
            allowed = [keys[other].wait_inner for other in held if keys[other].wait_inner]
            if inner and (keys[lock].wait_outer or inner) > min([*allowed, WAIT_MAX]):
                return [f"step {place.step}, {op} {lock}: wait contexts are not modelled yet"]
            held.append(lock)
    return []


def _expected(document: Document) -> Expected:
    data, place = document.data, document.place
    if "expected" not in data:
        return Expected()
    if data["expected"] not in ("ok", "report"):
        place.fault(f"its expected is {shown(data['expected'])}", '"ok" or "report"')
    if data["expected"] == "ok":
        return Expected(lockdep="ok")
    kind, step = data.get("report_kind"), data.get("report_step")
    if kind is not None:
        label_of(kind, place, "report_kind")
    if step is not None:
        number_of(step, place, "its report_step")
    return Expected(lockdep=kind or "report", step=step)
