"""The orders that an exploration by critical section stands for, by their definition."""

from __future__ import annotations

from lockwright.check.ordering import Ordered
from lockwright.check.witness import Log

LOCKING = ("mutex_lock", "mutex_unlock")


def blocks(log: Log) -> list[int] | None:
    """The macro step of each entry: a critical section is one, everything else its own.  None if
    another task comes between, which an exploration by section does not do."""
    made: list[int] = []
    holder: int | None = None
    for entry, (number, operation, _, _) in enumerate(log.log):
        inside = holder is not None
        if inside and number != holder:
            return None
        made.append(made[-1] if inside else entry)
        if operation.kind == "mutex_lock":
            holder = number
        elif operation.kind == "mutex_unlock":
            holder = None
    return made


def order(log: Log, macro: list[int]) -> list[int]:
    """The macro steps before each macro step, as masks: program order and conflicts, of which the
    locks are none."""
    before = [0] * len(log.log)
    touched: list[tuple[int, int, bool, int]] = []
    for entry, (number, operation, own, codes) in enumerate(log.log):
        at = macro[entry]
        before[at] |= 1 << at
        locking = operation.kind in LOCKING
        for place, code in enumerate(codes):
            if locking and 0 <= place < own:
                continue
            location, writes = (code >> 1, bool(code & 1)) if code >= 0 else (~code, False)
            for other, where, wrote, _ in touched:
                if where == location and (wrote or writes):
                    before[at] |= before[other]
            touched.append((at, location, writes, number))
        for earlier in range(entry):
            if log.log[earlier][0] == number:
                before[at] |= before[macro[earlier]]
    return before


def ordered_by_sections(log: Log) -> Ordered | None:
    """Is an entry before another one in the exploration?  None if it is no run by sections."""
    macro = blocks(log)
    if macro is None:
        return None
    before = order(log, macro)
    return lambda one, other: bool(before[macro[other]] >> macro[one] & 1)


def class_of(log: Log) -> object:
    """What the exploration takes for the same execution."""
    macro = blocks(log)
    assert macro is not None
    before = order(log, macro)
    nth: dict[int, int] = {}
    names: list[tuple[int, int]] = []
    for number, _, _, _ in log.log:
        names.append((number, nth.get(number, 0)))
        nth[number] = nth.get(number, 0) + 1
    entries = range(len(names))
    return frozenset(
        (names[at], frozenset(names[e] for e in entries if before[macro[at]] >> macro[e] & 1))
        for at in entries
    )
