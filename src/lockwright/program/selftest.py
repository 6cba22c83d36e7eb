"""The form with "steps": what one task does, told to the lock validator alone.

The kernel's own locking self-tests are programs of this form.  A step is [operation, lock, mode,
info]; of the mode, W is exclusive, r a reader, R a recursive reader.  What the operations do is
told by stepping.py, what deadlocks could come of them by sections.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lockwright.core.frame import Frame
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
from lockwright.program.stepping import (
    COMM,
    GFP_OPS,
    IRQ_OPS,
    LOCK_OPS,
    MEMALLOC_OPS,
    MODES,
    WAIT_TYPES,
    Stepping,
    gfp_flags,
)
from lockwright.program.wwsteps import SET, WwSteps, names_in

__all__ = ["COMM", "OPS", "WAIT_TYPES", "Played", "SelfTest", "read_selftest"]

TASK = "steps"
OPS = (*LOCK_OPS, *IRQ_OPS, *WwSteps.OPS, SET, *GFP_OPS, *MEMALLOC_OPS)
WITHOUT_LOCK = (*IRQ_OPS, SET, *GFP_OPS, *MEMALLOC_OPS)
RESULTS = (0, 1, "EDEADLK", "EALREADY")
REMARKS = ("name", "title", "group", "variant", "context", "note", "report_detail")
CONDITIONS = ("only_if", "skip_if", "read_lock_recursive")
CONFIG = {
    "PROVE_RAW_LOCK_NESTING": True,
    "QUEUED_RWLOCKS": True,
    "DEBUG_WW_MUTEXES": True,
    "PREEMPT_RT": False,
}
"""The kernel that the steps run on, as far as self-tests ask for it."""
READERS = ("never", "irq-only", "always")
"""When a read_lock() is recursive; the steps say so themselves, by their mode."""


class Played(NamedTuple):
    """The validator's first report, if there is one, and the step at which it comes; the checks of
    the steps that failed, and those that were not understood, as texts."""

    report: Report | None
    step: int
    failed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One task's steps, checked.  `locks` has the type and the class of each."""

    document: Document
    locks: Mapping[str, tuple[str, str]]
    steps: tuple[Step, ...]
    expected: Expected

    def play(self, *, kernel_search: bool = False) -> Played:
        """What comes of the steps, up to the first report; `kernel_search` lets the validator
        search as the kernel does."""
        validator = Validator(first_report_only=True, kernel_search=kernel_search)
        number = 0

        def stack() -> tuple[Frame, ...]:
            op = self.steps[number][1][0]
            return (Frame(op, 0, 1), Frame(self.document.name, number, len(self.steps)))

        stepping = Stepping(self.locks, validator, stack)
        ww = stepping.ww
        for number, (_, (op, lock, mode, info)) in enumerate(self.steps):  # in stack
            if not is_for_us(info):
                continue
            failed, remarks = len(ww.failed), len(ww.remarks)
            stepping.perform(op, lock, mode, info)
            for said, before in ((ww.failed, failed), (ww.remarks, remarks)):
                said[before:] = [f"step {number}: {text}" for text in said[before:]]
            if validator.reports:
                break
        report = validator.reports[0] if validator.reports else None
        return Played(report, number, tuple(ww.failed), tuple(ww.remarks))


def is_for_us(conditions: Any) -> bool:  # noqa: ANN401  # an object of a file, or null
    """Does it hold of the kernel that the steps run on?"""
    given = conditions or {}
    return (
        CONFIG[given.get("only_if", "QUEUED_RWLOCKS")]
        and not CONFIG[given.get("skip_if", "PREEMPT_RT")]
    )


def read_selftest(document: Document) -> SelfTest | str:
    """Check a program of this form, or say why it is not supported.  Raises UsageError."""
    check_keys(document, (*REMARKS, *CONDITIONS))
    _check_conditions(document.place, document.data)
    readers = document.data.get("read_lock_recursive", READERS[0])
    if not isinstance(readers, bool | None) and readers not in READERS:
        unknown(document.place, "read_lock_recursive", readers, READERS)
    locks = {
        name: _lock(document.place, name, lock)
        for name, lock in table_of(document, "locks").items()
    }
    steps = steps_of(document, TASK, document.data["steps"])
    for place, step in steps:
        _check(place, step, locks)
    expected = _expected(document)
    if not is_for_us(document.data):
        given = {key: document.data[key] for key in CONDITIONS[:2] if key in document.data}
        return f"it is not for the kernel that is modelled here: {shown(given)}"
    return _not_understood(steps) or SelfTest(document, locks, tuple(steps), expected)


def _lock(place: Place, name: str, lock: object) -> tuple[str, str]:
    if not isinstance(lock, dict) or "type" not in lock or "cls" not in lock:
        place.fault(f"lock {name} is {shown(lock)}", 'an object with "type" and "cls"')
    kind = lock["type"]
    if not isinstance(kind, str) or kind not in WAIT_TYPES:
        unknown(place, f"type of lock {name}:", kind, WAIT_TYPES)
    return kind, label_of(lock["cls"], place, f"cls of lock {name}")


def _check_conditions(place: Place, conditions: Mapping[str, Any]) -> None:
    for key in CONDITIONS[:2]:
        name = conditions.get(key, "PREEMPT_RT")
        if not isinstance(name, str) or name not in CONFIG:
            unknown(place, key, name, CONFIG)


def _check(place: Place, step: list[Any], locks: dict[str, tuple[str, str]]) -> None:
    """Refuse a step that cannot be performed.  A copied context becomes one of the locks."""
    op = step[0]
    if op not in OPS:
        unknown(place, "operation", op, OPS)
    if len(step) != 4:
        place.fault(items(len(step)), f"[{op}, lock, mode, info]")
    _, lock, mode, info = step
    if op in WITHOUT_LOCK:
        if lock is not None and not (op in GFP_OPS and lock in locks):
            place.fault(f"its lock is {shown(lock)}", f"null: {op} is not about a lock")
    elif not isinstance(lock, str) or lock not in locks:
        unknown(place, "lock", lock, locks, declared("locks", lock, {"type": "mutex", "cls": "A"}))
    else:
        _check_type(place, op, lock, locks[lock][0])
    if op == "lock" or mode is not None:
        if not isinstance(mode, str) or mode not in MODES:
            unknown(place, "mode", mode, MODES)
        if mode != "W" and op.startswith("ww_"):
            place.fault(f"its mode is {shown(mode)}", '"W" or null: it is exclusive')
    if info is None:
        info = {}
    if not isinstance(info, dict):
        place.fault(f"its info is {shown(info)}", _usage(op))
    _check_conditions(place, info)
    _check_info(place, op, info, locks)


def _check_type(place: Place, op: str, lock: str, kind: str) -> None:
    """Operations of ww mutexes are for these, those of contexts for contexts."""
    wanted = ""
    if op.startswith("ww_acquire_"):
        wanted = "ww_acquire_ctx"
    elif op.startswith("ww_") or op == "if_trylock_then_unlock":
        wanted = "ww_mutex"
    if wanted and kind != wanted:
        place.fault(f"{lock} is a {kind}", f"a {wanted}")


INFO: Mapping[str, tuple[str, ...]] = {
    "lock": ("nest",),
    "set_subclass": ("subclass",),
    **dict.fromkeys(WwSteps.OPS, ()),
    **dict.fromkeys(("ww_lock", "ww_lock_slow"), ("nest", "result")),
    **dict.fromkeys(("ww_trylock", "ww_base_trylock"), ("result", "nest")),
    **dict.fromkeys(("ww_base_lock_interruptible", "ww_base_lock_killable"), ("result",)),
    "ww_base_lock": ("nest", "result"),
    "ww_base_lock_nest": ("nest",),
    "if_trylock_then_unlock": ("result",),
    SET: ("what",),
    **dict.fromkeys(GFP_OPS, ("gfp",)),
}
NEEDED: Mapping[str, str] = {
    "set_subclass": "subclass",
    "ww_lock_slow": "nest",
    "ww_base_lock_nest": "nest",
    SET: "what",
    **dict.fromkeys(GFP_OPS, "gfp"),
}
EXAMPLES = {
    "nest": '{"nest": lock}',
    "subclass": '{"subclass": number}',
    "what": '{"what": text}',
    "gfp": '{"gfp": "GFP_KERNEL"}',
    "result": '{"result": 0}',
}


ASSIGNMENTS = '"o.ctx = t", "t2 = copy of t", "t.stamp += 1", or "check ..."'


def _usage(op: str) -> str:
    known = [EXAMPLES[key] for key in INFO.get(op, ())]
    if op not in NEEDED:
        known.insert(0, "null")
    return ", or ".join(known)


def _check_info(
    place: Place, op: str, info: dict[str, Any], locks: dict[str, tuple[str, str]]
) -> None:
    known = (*INFO.get(op, ()), "only_if", "skip_if")
    if [key for key in info if key not in known] or (op in NEEDED and NEEDED[op] not in info):
        place.fault(f"its info is {shown(info or None)}", _usage(op))
    if "nest" in info and (not isinstance(info["nest"], str) or info["nest"] not in locks):
        place.fault(f"its info is {shown(info)}", _usage(op))
    if "subclass" in info:
        number_of(info["subclass"], place, "its subclass")
    if "result" in info and info["result"] not in RESULTS:
        place.fault(f"its result is {shown(info['result'])}", f"one of {shown(RESULTS)}")
    if "gfp" in info:
        _check_gfp(place, info["gfp"])
    if op == SET:
        _check_set(place, info["what"], locks)


def _check_gfp(place: Place, mask: object) -> None:
    if not isinstance(mask, str) or not all(
        flag.startswith("__GFP_") and flag.isidentifier() for flag in gfp_flags(mask)
    ):
        place.fault(f"its gfp is {shown(mask)}", "GFP_KERNEL, GFP_NOFS, ..., or flags with |")


def _check_set(place: Place, what: object, locks: dict[str, tuple[str, str]]) -> None:
    if not isinstance(what, str):
        place.fault(f"its what is {shown(what)}", f"a text: {ASSIGNMENTS}")
    copy, original = names_in(what) or ("", "")
    if copy and original in locks:
        locks.setdefault(copy, locks[original])


def _not_understood(steps: list[Step]) -> str:
    """Why the steps cannot be performed; empty if they can."""
    for place, (op, _, _, info) in steps:
        if op == SET and names_in(info["what"]) is None:
            return f"step {place.step}, set {shown(info['what'])}: known are {ASSIGNMENTS}"
    return ""


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
