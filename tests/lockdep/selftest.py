"""Plays the kernel's locking self-tests (tests/data/locking_selftests.json) to the validator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockwright.core.frame import Frame
from lockwright.lockdep import LockKey, LockUse, Report, Validator

DATA = Path(__file__).parent.parent / "data" / "locking_selftests.json"
READ = {"W": 0, "r": 1, "R": 2}
STACK = (Frame("lock", 0, 1), Frame("locking_selftest", 0, 1))

# What another issue decides.  By group: operations that need a primitive's own bookkeeping.
LATER_GROUPS = {
    "ww_mutex": "fake first-lock map, contexts and API state of ww mutexes",
    "fs_reclaim": "the maps of memory reclaim and gfp scopes",
}
# By kind: the rule that has to speak is not there yet.  These run up to the step of the report.
LATER_KINDS = {
    "inconsistent lock state": "interrupt rules",
    "irq-safe -> irq-unsafe lock order": "interrupt rules",
    "possible irq lock inversion": "interrupt rules",
    "Invalid wait context": "wait-context rule",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One self-test."""

    name: str
    group: str
    locks: dict[str, Any]
    steps: list[tuple[str, str | None, str | None, Any]]
    kind: str | None
    step: int | None

    def __str__(self) -> str:
        return self.name


def cases() -> list[Case]:
    """All self-tests, in the kernel's order."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    return [
        Case(
            f"{test['name']}-{number}",
            test["group"],
            test["locks"],
            [tuple(step) for step in test["steps"]],
            test.get("report_kind"),
            test.get("report_step"),
        )
        for number, test in enumerate(data["tests"])
    ]


class Player:
    """One task that performs the steps of one test."""

    def __init__(self, case: Case, *, kernel_search: bool) -> None:
        self.case = case
        self.validator = Validator(first_report_only=True, kernel_search=kernel_search)
        self.task = self.validator.task("swapper/0", 1)
        waits = json.loads(DATA.read_text(encoding="utf-8"))["wait_types"]
        self.keys = {
            name: LockKey(lock["cls"], lock["type"], *waits[lock["type"]])
            for name, lock in case.locks.items()
        }
        self.instances = {name: 0x1000 + 0x10 * i for i, name in enumerate(case.locks)}
        self.subclass = dict.fromkeys(case.locks, 0)

    def play(self) -> Iterator[Report | None]:
        """What the validator says to each step."""
        for op, lock, mode, info in self.case.steps:
            if lock is not None:
                yield self._lock_op(op, lock, mode, info or {})
            else:
                act: Callable[[], Report | None] = getattr(self, f"_{op}")
                yield act()

    def _lock_op(self, op: str, lock: str, mode: str | None, info: dict[str, Any]) -> Report | None:
        instance = self.instances[lock]
        if op == "lock":
            assert mode is not None
            nest = self.instances[info["nest"]] if "nest" in info else None
            # The rcu maps are acquired without check.
            check = not self.case.locks[lock]["type"].startswith("rcu")
            use = LockUse(
                self.keys[lock],
                self.subclass[lock],
                instance,
                read=READ[mode],
                check=check,
                nest=nest,
            )
            return self.validator.acquire(self.task, use, self._stack)
        if op == "unlock":
            return self.validator.release(self.task, instance, self._stack)
        if op == "init":
            memory = (instance, instance + 0x10)
            return self.validator.freed(self.task, [instance], self._stack, *memory)
        if op == "set_subclass":
            self.subclass[lock] = info["subclass"]
            return None
        assert op == "assert_class_name_unchanged", op
        assert self.keys[lock].name == self.case.locks[lock]["cls"]
        return None

    def _stack(self) -> tuple[Frame, ...]:
        return STACK

    def _hardirq_disable(self) -> None:
        self.task.hardirqs_enabled = False

    def _hardirq_enable(self) -> Report | None:
        return self.validator.hardirqs_on(self.task, self._stack)

    def _softirq_disable(self) -> None:
        self.task.softirqs_enabled = False

    def _softirq_enable(self) -> Report | None:
        return self.validator.softirqs_on(self.task, self._stack)

    def _hardirq_enter(self) -> None:
        self._hardirq_disable()
        self.task.hardirq_context += 1

    _hardirq_enter_nothread = _hardirq_enter  # differs in the wait context only

    def _hardirq_exit(self) -> Report | None:
        self.task.hardirq_context -= 1
        return self._hardirq_enable()

    def _softirq_enter(self) -> None:
        self._softirq_disable()
        self._hardirq_disable()
        self.task.softirq_context += 1

    def _softirq_exit(self) -> Report | None:
        self.task.softirq_context -= 1
        return self._hardirq_enable() or self._softirq_enable()
