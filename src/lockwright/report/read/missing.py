"""What a report of its kind prints and this one does not have, as sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from lockwright.report.read.draft import Draft
from lockwright.report.read.early import before, is_early
from lockwright.report.read.headlines import RULED

Check: TypeAlias = Callable[[Draft], str | None]


def _unless(seen: Callable[[Draft], bool], sentence: str) -> Check:
    return lambda draft: None if seen(draft) else sentence


def _chain(draft: Draft) -> str | None:
    if not draft.chain:
        return "the existing dependency chain is missing"
    numbers = [entry.number for entry in draft.chain]
    unread = draft.extra.get("unreadable", [])
    lost = [n for n in range(max(*numbers, 0), -1, -1) if n not in numbers and n not in unread]
    if unread:
        return f"the name of chain entry {_numbers(unread)} cannot be read"
    if lost:
        return f"the dependency chain has no entry {_numbers(lost)}"
    if numbers != sorted(numbers, reverse=True):
        return "the entries of the dependency chain are not in order"
    bare = [entry.number for entry in draft.chain if not entry.frames]
    if bare:
        return f"chain entry {_numbers(bare)} has no frames"
    held = draft.locks.get("held")
    if held is not None and not same_class(held.name, draft.chain[0].lock.name):
        return "the dependency chain does not begin with the lock that is held: its top is missing"
    return None


def same_class(printed: str, name: str) -> bool:
    """A lock is printed with its class's name, which a print function may add to."""
    return printed == name or printed.startswith(f"{name} ")


def _numbers(numbers: list[int]) -> str:
    return ", ".join(f"#{number}" for number in numbers[:20])


def _held(draft: Draft) -> str | None:
    if draft.held_count is None:
        if draft.extra.get("lockdep_off"):
            return None
        return "the list of held locks is missing"
    listed = len(draft.held)
    if listed != draft.held_count:
        return f"{listed} of {draft.held_count} held locks are listed"
    if [lock.number for lock in draft.held] != list(range(listed)):
        return "the numbers of the held locks are not in order"
    bare = [lock.number or 0 for lock in draft.held if lock.at is None and lock.usage is not None]
    return f"held lock {_numbers(bare)} has no place" if bare else None


def _listed(draft: Draft) -> str | None:
    """Where a kernel without the lock validator prints no list at all."""
    return None if draft.held_count is None else _held(draft)


def _backtrace(draft: Draft) -> str | None:
    if not any(line.frame for line in draft.trace):
        return "the backtrace is missing"
    texts = {line.text for line in draft.trace if line.frame is None}
    if "<TASK>" in texts and "</TASK>" not in texts:
        return "the backtrace stops before </TASK>"
    return None


def _lock(part: str, what: str) -> Check:
    def check(draft: Draft) -> str | None:
        lock = draft.locks.get(part)
        if lock is None:
            return f"{what} is missing"
        if lock.usage is None and lock.name != "<RELEASED>":
            return f"{what} has no usage characters"
        return f"{what} has no place" if lock.at is None else None

    return check


def _state(role: str) -> Check:
    def check(draft: Draft) -> str | None:
        if f"state:{role}" not in draft.locks:
            return f"the {role} lock is missing"
        if role != "other" and not draft.state_frames.get(role):
            return f"where the {role} lock became so is missing"
        return None

    return check


def _dump(name: str, what: str) -> Check:
    return _unless(lambda draft: bool(draft.dumps.get(name)), f"{what} are missing")


def _extra(name: str, what: str) -> Check:
    return _unless(lambda draft: draft.extra.get(name) is not None, f"{what} is missing")


NEW = _lock("new", "the lock that is being acquired")
HELD = _lock("held", "the lock that is held already")
SCENARIO = _unless(
    lambda draft: "scenario" in draft.found and bool(draft.scenario), "the scenario is missing"
)
CHECKS: dict[str, tuple[Check, ...]] = {
    "circular": (NEW, HELD, _chain, SCENARIO, _held, _backtrace),
    "recursive": (NEW, HELD, SCENARIO, _held, _backtrace),
    "inconsistent": (
        _unless(lambda draft: draft.usage is not None, "the old and the new state are missing"),
        NEW,
        _unless(
            lambda draft: bool(draft.state_frames.get("registered")),
            "where the old state was registered is missing",
        ),
        SCENARIO,
        _held,
        _backtrace,
    ),
    "irq_order": (
        NEW,
        HELD,
        _unless(lambda draft: draft.dependency is not None, "the new dependency is missing"),
        _state("safe"),
        _state("unsafe"),
        SCENARIO,
        _held,
        _dump("safe", "the dependencies of the safe lock"),
        _dump("unsafe", "the dependencies of the unsafe lock"),
        _backtrace,
    ),
    "irq_inversion": (
        NEW,
        _state("other"),
        SCENARIO,
        _held,
        _dump("path", "the dependencies between both locks"),
        _backtrace,
    ),
    "wait_context": (NEW, _extra("context", "the context"), _held, _backtrace),
    "bad_unlock": (
        _extra("released", "the lock that is released"),
        _extra("at", "the place of the release"),
        _held,
        _backtrace,
    ),
    "bad_contention": (
        _extra("released", "the lock that is contended for"),
        _extra("at", "the place of the contention"),
        _held,
        _backtrace,
    ),
    "held_freed": (
        _extra("memory", "the memory that is freed"),
        _lock("new", "the lock in that memory"),
        _held,
        _backtrace,
    ),
    "still_held": (_held, _backtrace),
    "user_return": (_held,),
    "nested_not_taken": (
        NEW,
        _extra("nest", "the lock that should be held"),
        _held,
        _backtrace,
    ),
    "rcu": (
        _extra("message", "what was done wrongly"),
        _extra("rcu_scheduler_active", "the state of RCU"),
        _held,
        _backtrace,
    ),
    "sleeping": (
        _extra("place", "the function that may sleep"),
        _extra("in_atomic", "the line that says what is off"),
        _listed,
        _backtrace,
    ),
    "sched_atomic": (_extra("preempt_count", "the preemption count"), _listed, _backtrace),
    "dept": (_extra("contexts", "every context"), _backtrace),
    "workqueue_leak": (_extra("function", "the work function"), _listed, _backtrace),
    "unregistered_key": (_backtrace,),
    "limit": (_backtrace,),
    "chain_collision": (_backtrace,),
}
FIRST_SCENARIOS = (3, 0, 0)
NAMELESS = frozenset({"dept", "unregistered_key", "limit"})


def missing(draft: Draft, *, named: bool, release: str | None) -> tuple[str, ...]:
    """The sentences, in printed order; `named` tells whether the task is known."""
    found = []
    if "headline" not in draft.found:
        found.append("the headline is missing")
    if draft.kind in RULED and release is None:
        found.append("the line that names the kernel is missing")
    if not named and draft.kind not in NAMELESS:
        found.append("the task is not named")
    bare = "scenario" not in draft.found and (
        before(release, FIRST_SCENARIOS) or is_early(draft, release)
    )
    for check in CHECKS[draft.kind]:
        if check is SCENARIO and bare:
            continue
        sentence = check(draft)
        if sentence is not None:
            found.append(sentence)
    return tuple(found)
