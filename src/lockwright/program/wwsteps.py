"""ww mutexes in programs of steps: what they keep, and what their functions check of it.

A ww_acquire_ctx is a transaction with a stamp, the lower the older; a ww_mutex remembers the
context that it was acquired in.  If one is held in an older context, the younger one backs off
with -EDEADLK, has to release all, and acquires the contended one first.  Failing that is not a
matter of lock order, but of DEBUG_LOCKS_WARN_ON() in the functions themselves.

C: kernel/locking/ww_mutex.h, ww_mutex_lock_acquired(), __ww_mutex_kill(), __ww_mutex_check_kill(),
__ww_mutex_unlock(); include/linux/ww_mutex.h, ww_acquire_init(), ww_acquire_done(),
ww_acquire_fini(), ww_mutex_lock_slow(); kernel/locking/mutex.c, __mutex_lock_common().
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from lockwright.core.location import Value
from lockwright.core.lockuse import LockKey, LockUse
from lockwright.lockdep import Report

if TYPE_CHECKING:
    from lockwright.program.stepping import Stepping

FAKE_LOCK = 8  # offset of first_lock_dep_map in a context
SLEEP = 4
SET = "set"

# The texts of `set`.
CHECK, UNCHANGED, SOMETHING, NULL = "check", "unchanged", "anything but NULL", "NULL"
MEMBERS = {
    "ctx": "ctx",
    "ww_class": "ww_class",
    "stamp": "stamp",
    "acquired": "acquired",
    "contending_lock": "contending",
    "done_acquire": "done",
}
"""The members of a ww_mutex and of a ww_acquire_ctx, and what they are called here."""
COUNTS = ("stamp", "acquired")
WORD = re.compile(r"[A-Za-z0-9_.~]+")
ASSIGNS = re.compile(
    r"(?P<name>\w+)(?:\.(?P<member>\w+))?"
    r"(?:(?P<step>\+\+|--)|\s*(?P<sign>\+=|-=|=)\s*(?P<value>\S.*))"
)
CHECKS = re.compile(r"(?P<name>\w+)\.(?P<member>\w+)(?:\s+(?P<rest>.*))?")


class Context:
    """struct ww_acquire_ctx.  `contending` is the mutex that gave -EDEADLK."""

    __slots__ = ("acquired", "contending", "done", "stamp", "ww_class")

    def __init__(self, stamp: int, ww_class: str | None) -> None:
        self.stamp = stamp
        self.ww_class = ww_class
        self.acquired = 0
        self.done = False
        self.contending: str | None = None

    def copy(self) -> Context:
        """The same values in another place."""
        other = Context(self.stamp, self.ww_class)
        other.acquired, other.done, other.contending = self.acquired, self.done, self.contending
        return other


class WwSteps:
    """The state of all ww mutexes and contexts of one program, by name.

    `holder[mutex]` is the name of the context that it says it is held in, or a sentinel, `assigned`
    what a step made it last; `locked` are the mutexes that are really held.  `failed` has the
    checks that did not hold, `remarks` those that nobody understood.
    """

    def __init__(self, steps: Stepping) -> None:
        self.steps = steps
        self.contexts: dict[str, Context] = {}
        self.holder: dict[str, str | None] = {}
        self.locked: dict[str, bool] = {}
        self.assigned: dict[str, str | None] = {}
        self.failed: list[str] = []
        self.remarks: list[str] = []
        self.stamp = 0

    def perform(self, op: str, lock: str | None, told: Mapping[str, Value]) -> Report | None:
        """One step."""
        if op == SET:
            self.assign(str(told.get("what", "")))
            return None
        assert lock is not None, op
        return self.OPS[op](self, lock, told)

    def first(self, *reports: Report | None) -> Report | None:
        """The first one that there is."""
        return next((report for report in reports if report is not None), None)

    # Contexts

    def acquire_init(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """ww_acquire_init()"""
        memory = self.steps.locks[name]
        self.stamp += 1
        ww_class = memory.key.name.removesuffix("_acquire")
        self.contexts[name] = Context(self.stamp, ww_class)
        freed = self.steps.freed(name)
        acquired = self.steps.acquire(name)
        # the first lock, before there is one: so that a context knows its order without any
        key = LockKey(f"{ww_class}_mutex", "ww_mutex", 0, SLEEP)
        use = LockUse(key, 0, memory.address + FAKE_LOCK, nest=memory.address)
        fake = self.steps.validator.acquire(self.steps.task, use, self.steps.stack)
        return self.first(freed, acquired, fake)

    def acquire_done(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """ww_acquire_done()"""
        context = self.context(name)
        found = self.steps.api_warning("ctx->done_acquire") if context.done else None
        context.done = True
        return found

    def acquire_fini(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """ww_acquire_fini()"""
        steps = self.steps
        address = steps.locks[name].address
        # A context that ends too early is reported as that.  The validator, which sees locks that
        # are left without the one they were nested in, comes second.
        warned = steps.api_warning("ctx->acquired") if self.context(name).acquired else None
        fake = steps.validator.release(steps.task, address + FAKE_LOCK, steps.stack)
        released = steps.release(name)
        return self.first(warned, fake, released)

    def context(self, name: str) -> Context:
        """A context, if need be one of zeros."""
        return self.contexts.setdefault(name, Context(0, None))

    # Mutexes

    def lock(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """ww_mutex_lock(); without a context it is mutex_lock()."""
        nest = told.get("nest")
        result = told.get("result")
        if nest is None:
            return self.base_lock(name, told)
        if result == "EALREADY" or (result is None and self.holder.get(name) == nest):
            return None
        killed = result == "EDEADLK" or (result is None and self.dies(name, nest))
        acquired = self.steps.acquire(name, nest=nest)
        if killed:
            return self.first(acquired, self.kill(name, nest), self.steps.release(name))
        return self.first(acquired, self.lock_acquired(name, nest))

    def dies(self, name: str, nest: str) -> bool:
        """Whether the context has to back off from an older one.  C: __ww_mutex_check_kill()."""
        holder = self.contexts.get(self.holder.get(name) or "")
        if not self.locked.get(name) or holder is None:
            return False
        context = self.context(nest)
        return context.acquired > 0 and holder.stamp < context.stamp

    def kill(self, name: str, nest: str) -> Report | None:
        """C: __ww_mutex_kill()."""
        context = self.context(nest)
        found = self.steps.api_warning("ww_ctx->contending_lock") if context.contending else None
        context.contending = name
        return found

    def lock_acquired(self, name: str, nest: str) -> Report | None:
        """C: ww_mutex_lock_acquired()."""
        context = self.context(nest)
        mutex_class = self.steps.locks[name].key.name.removesuffix("_mutex")
        wrong: list[str] = []
        if self.holder.get(name) is not None:
            wrong.append("ww->ctx")
        if context.done:
            wrong.append("ww_ctx->done_acquire")
        if context.contending is not None:
            if context.contending != name:
                wrong.append("ww_ctx->contending_lock != ww")
            if context.acquired > 0:
                wrong.append("ww_ctx->acquired > 0")
            context.contending = None
        if context.ww_class != mutex_class:
            wrong.append("ww_ctx->ww_class != ww->ww_class")
        context.acquired += 1
        self.holder[name] = nest
        self.locked[name] = True
        return self.first(*(self.steps.api_warning(condition) for condition in wrong))

    def lock_slow(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """ww_mutex_lock_slow()"""
        context = self.context(str(told["nest"]))
        found = None
        if context.contending is None:
            found = self.steps.api_warning("!ctx->contending_lock")
        return self.first(found, self.lock(name, told))

    def unlock(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """ww_mutex_unlock()"""
        holder = self.holder.get(name)
        found = None
        if holder is not None:
            context = self.context(holder)
            if not context.acquired:
                found = self.steps.api_warning("!lock->ctx->acquired")
            context.acquired = max(context.acquired - 1, 0)
            self.holder[name] = None
        return self.first(found, self.base_unlock(name, told))

    def base_lock(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """mutex_lock() on the embedded mutex, or a form of it"""
        self.locked[name] = True
        return self.steps.acquire(name, nest=told.get("nest"))

    def trylock(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """mutex_trylock(): the validator hears of it only if it succeeds."""
        if not told.get("result", not self.locked.get(name)):
            return None
        self.locked[name] = True
        return self.steps.acquire(name, trylock=True)

    def base_unlock(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """mutex_unlock()"""
        self.locked[name] = False
        return self.steps.release(name)

    def trylock_then_unlock(self, name: str, told: Mapping[str, Value]) -> Report | None:
        """The trylock has to succeed."""
        if self.locked.get(name):
            return self.steps.api_warning("!ww_mutex_trylock()")
        return self.first(self.trylock(name, told), self.unlock(name, told))

    def validator_release(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """The mutex stays locked."""
        return self.steps.release(name)

    def validator_acquire(self, name: str, _told: Mapping[str, Value]) -> Report | None:
        """The mutex was locked all the while."""
        return self.steps.acquire(name, trylock=True)

    # Plain data

    def assign(self, what: str) -> None:
        """`o.ctx = t2`, `t2 = copy of t`, `t2.stamp -= 1`, or a check."""
        said = understood(what)
        if said is None or said.sign == CHECK:
            self._check(what, said)
            return
        name, member = said.name, said.member
        if not member:
            if said.value in self.contexts:
                self.contexts[name] = self.contexts[said.value].copy()
        elif member == "ctx":
            self.holder[name] = self.assigned[name] = None if said.value == NULL else said.value
        elif member in ("ww_class", "contending"):
            setattr(self.context(name), member, None if said.value == NULL else said.value)
        elif member == "done":
            self.context(name).done = said.value not in ("0", "false")
        else:
            context = self.context(name)
            old = 0 if said.sign == "=" else getattr(context, member)
            by = self.number(said.value) * (-1 if said.sign == "-=" else 1)
            setattr(context, member, old + by)

    def _check(self, what: str, said: Said | None) -> None:
        if said is None:
            self.remarks.append(f"not understood, and not checked: {what}")
            return
        if said.member == "ctx":
            value = self.holder.get(said.name)
            wanted = self.assigned.get(said.name) if said.value == UNCHANGED else said.value
        else:
            found = getattr(self.context(said.name), said.member)
            value = None if found is None else str(int(found) if found in (0, 1) else found)
            wanted = said.value
        holds = value is not None if wanted == SOMETHING else (value or NULL) == (wanted or NULL)
        if not holds:
            self.failed.append(f"{what}: it is {value or NULL}")

    def number(self, text: str) -> int:
        """A number, or a number that a context has: `t.stamp`."""
        name, _, member = text.partition(".")
        if member in ("stamp", "acquired"):
            return int(getattr(self.context(name), member))
        return int(text) if text.isdigit() else 0

    OPS: ClassVar[Mapping[str, Callable[[WwSteps, str, Mapping[str, Value]], Report | None]]] = {
        "ww_acquire_init": acquire_init,
        "ww_acquire_done": acquire_done,
        "ww_acquire_fini": acquire_fini,
        "ww_lock": lock,
        "ww_lock_slow": lock_slow,
        "ww_trylock": trylock,
        "ww_unlock": unlock,
        "ww_base_lock": base_lock,
        "ww_base_lock_interruptible": base_lock,
        "ww_base_lock_killable": base_lock,
        "ww_base_lock_nest": base_lock,
        "ww_base_trylock": trylock,
        "ww_base_unlock": base_unlock,
        "lockdep_release": validator_release,
        "lockdep_acquire_try": validator_acquire,
        "if_trylock_then_unlock": trylock_then_unlock,
    }


class Said(NamedTuple):
    """What the text of a `set` says: an assignment, or with CHECK as its sign a check."""

    name: str
    member: str
    sign: str
    value: str


def understood(what: str) -> Said | None:
    """The parts of a text; None if it is no assignment and no check that is known."""
    checks = what.startswith("check ")
    match = (CHECKS if checks else ASSIGNS).fullmatch(what.removeprefix("check ").strip())
    if match is None:
        return None
    name, member = match["name"], MEMBERS.get(match["member"] or "", match["member"] or "")
    if member and member not in MEMBERS.values():
        return None
    if checks:
        rest = (match["rest"] or "").removeprefix("is ").strip()
        if rest in ("", "set", "not NULL", "!= NULL"):
            return Said(name, member, CHECK, SOMETHING)
        if rest == UNCHANGED:
            return Said(name, member, CHECK, UNCHANGED) if member == "ctx" else None
        value = rest.removeprefix("==").removeprefix("=").strip()
        return Said(name, member, CHECK, value) if WORD.fullmatch(value) else None
    if match["step"]:
        return Said(name, member, f"{match['step'][0]}=", "1") if member in COUNTS else None
    value, sign = match["value"].removeprefix("&"), match["sign"]
    if not member:
        value = value.removeprefix("copy of ")
        return Said(name, "", "=", value) if sign == "=" and WORD.fullmatch(value) else None
    if not WORD.fullmatch(value) or (sign != "=" and member not in COUNTS):
        return None
    if member in COUNTS and not value.isdigit() and not value.endswith((".stamp", ".acquired")):
        return None
    return Said(name, member, sign, value)


def names_in(what: str) -> tuple[str, str] | None:
    """Of a copy of a context, the copy's name and the original's; else empty texts; None if it is
    not to be understood, and no check either."""
    said = understood(what)
    if said is None:
        return ("", "") if what.startswith("check ") else None
    return ("", "") if said.member or said.sign == CHECK else (said.name, said.value)
