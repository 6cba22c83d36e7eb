"""A schedule: which task runs next, step for step, and its text form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from zlib import crc32

from lockwright.core.errors import UsageError

STEPS_MAX = 20_000
"""Longer executions are taken for endless ones."""

Choice = tuple[int, int]
"""(task, value): the task's place in the order of creation in that execution, and the outcome
chosen for its step, 0 unless the operation had several."""


def schedule_text(schedule: Sequence[Choice]) -> str:
    """Runs of steps as `COUNTxTASK`, joined by dots; a value other than 0 as `TASK/VALUE`.

    `[(0, 0), (0, 0), (1, 0), (2, 3)]` is `2x0.1.2/3`.
    """
    parts: list[str] = []
    at = 0
    while at < len(schedule):
        task, value = schedule[at]
        end = at + 1
        while end < len(schedule) and schedule[end] == (task, value):
            end += 1
        word = f"{task}/{value}" if value else str(task)
        parts.append(word if end == at + 1 else f"{end - at}x{word}")
        at = end
    return ".".join(parts)


def parse_schedule(text: str) -> list[Choice]:
    """The schedule that `schedule_text` wrote.  Raises UsageError for anything else."""
    schedule: list[Choice] = []
    if not text:
        return schedule
    for part in text.split("."):
        count, times, word = part.rpartition("x")
        task, slash, value = word.partition("/")
        numbers = [task] + ([count] if times else []) + ([value] if slash else [])
        if not all(n.isascii() and n.isdigit() and len(n) <= 7 for n in numbers):
            raise UsageError(
                f"malformed schedule: {part!r} is not of the form TASK, COUNTxTASK or TASK/VALUE"
            )
        steps = int(count) if times else 1
        if not 0 < steps <= STEPS_MAX - len(schedule):
            raise UsageError(f"malformed schedule: {part!r} has an impossible count")
        schedule.extend([(int(task), int(value) if slash else 0)] * steps)
    return schedule


MARKS = "0123456789abcdefghjkmnpqrstvwxyz"
"""What a mark can be: digits and letters, without those that are taken for others."""


def mark(text: str) -> str:
    """One character that is another one for most other texts: what a step did, in a token."""
    return MARKS[crc32(text.encode()) % len(MARKS)]


def switches(tasks: Iterable[int]) -> int:
    """How often a schedule goes from one task to another."""
    count, last = -1, None
    for task in tasks:
        if task != last:
            count += 1
            last = task
    return max(count, 0)
