"""Headlines: by which line a report begins, and of which kind it is.

Up to 4.11 they read "[ INFO: ... ]" or "[ BUG: ... ]", from 4.12 on "WARNING: ...".
"""

from __future__ import annotations

import re

FIXED = {
    "possible circular locking dependency detected": "circular",
    "possible circular locking deadlock detected!": "circular",
    "possible recursive locking detected": "recursive",
    "possible recursive locking deadlock detected!": "recursive",
    "inconsistent lock state": "inconsistent",
    "illegal lock usage!": "inconsistent",
    "possible irq lock inversion dependency detected": "irq_inversion",
    "Invalid wait context": "wait_context",
    "bad unlock balance detected!": "bad_unlock",
    "bad contention detected!": "bad_contention",
    "held lock freed!": "held_freed",
    "lock held at task exit time!": "still_held",
    "lock held when returning to user space!": "user_return",
    "Nested lock was not taken": "nested_not_taken",
    "suspicious RCU usage": "rcu",
    "suspicious RCU usage.": "rcu",
    "suspicious rcu_dereference_check() usage.": "rcu",
    "suspicious rcu_dereference_check() usage!": "rcu",
    "chain_key collision": "chain_collision",
    "trying to register non-static key.": "unregistered_key",
}
KINDS = frozenset(FIXED.values()) | {
    "irq_order",
    "sleeping",
    "sched_atomic",
    "dept",
    "workqueue_leak",
    "limit",
}
RULED = KINDS - {"sleeping", "sched_atomic", "workqueue_leak", "limit", "unregistered_key"}
LEAD = re.compile(r"(?:\[ ?)?(?:WARNING|INFO|BUG|ERROR): ")
ORDER = re.compile(
    r"((?:HARD|SOFT)IRQ(?:-READ)?|RECLAIM_FS(?:-READ)?|(?:hard|soft)(?:-read)?)-safe"
    r" -> \1-unsafe lock order detected"
)
STILL = re.compile(r"(.{1,64}/\d{1,9}) still has locks held!$")
KEY = re.compile(r"key (\S{1,18}) (?:has not been registered|not in \.data)!$")
LIMIT = re.compile(r"(MAX_[A-Z_]{4,40}) too low!?$|(looking up invalid subclass: \d{1,9})$")
DEPT = "DEPT: Circular dependency has been detected."
SLEEPING = "BUG: sleeping function called from invalid context at"
OLD_SLEEPING = "Debug: sleeping function called from invalid context at"
ATOMIC = "BUG: assuming atomic context at"
SLEEPINGS = (SLEEPING, OLD_SLEEPING, ATOMIC)
SCHEDULING = "BUG: scheduling while atomic: "
LEAKED = ("BUG: workqueue leaked atomic, lock or RCU: ", "BUG: workqueue leaked lock or atomic: ")
BLOCKING = "do not call blocking ops when !TASK_RUNNING"
LONGEST = 200
FIRSTS = frozenset("WIBE[D")
RULER = re.compile(r"={20,}$")
DASHES = re.compile(r"-{20,}$")


def headline(text: str) -> str | None:
    """The kind of the report that this line (without blanks around) begins; None if it is none."""
    if text[0] not in FIRSTS or len(text) > LONGEST:
        return None
    if text.startswith(SLEEPINGS):
        return "sleeping"
    if text.startswith(SCHEDULING):
        return "sched_atomic"
    if text.startswith(LEAKED):
        return "workqueue_leak"
    if text == DEPT:
        return "dept"
    match = LEAD.match(text)
    if match is None:
        return None
    return _bare(bare_headline(text))


def bare_headline(text: str) -> str:
    """The sentence of a headline, without brackets and its first word."""
    match = LEAD.match(text)
    bare = text[match.end() :] if match else text
    return bare.removesuffix("]").rstrip() if text.startswith("[") else bare


def _bare(sentence: str) -> str | None:
    kind = FIXED.get(sentence)
    if kind is not None:
        return kind
    if ORDER.fullmatch(sentence):
        return "irq_order"
    if STILL.match(sentence):
        return "still_held"
    if KEY.match(sentence):
        return "unregistered_key"
    return "limit" if LIMIT.match(sentence) else None


def begins_headline(text: str) -> bool:
    """A mailer broke a headline after this."""
    return len(text) > 20 and any(
        sentence.startswith(bare_headline(text) + " ") for sentence in FIXED
    )


def is_ruler(text: str) -> bool:
    """A line of equals signs, as above a headline."""
    return bool(RULER.match(text))


def is_dashes(text: str) -> bool:
    """A line of hyphens, as below the line that names the kernel."""
    return bool(DASHES.match(text))
