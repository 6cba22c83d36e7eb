"""Lines that belong together: what a mailer wrapped, or what printk() gave out in pieces.

Whether a line goes on is seen by itself: a lock without its place, a frame that is only an
address, a sentence of the kernel's that stops in its middle.  `continued()` is asked with each
line and the one after it; a line that needs nothing is never extended.
"""

from __future__ import annotations

import re

from lockwright.report.read.frames import FILE, FILES, MARK, MODULE, scan_frame
from lockwright.report.read.headlines import (
    LEAD,
    SLEEPINGS,
    begins_headline,
    headline,
    is_dashes,
    is_ruler,
)
from lockwright.report.read.locks import LOCK_ADDRESS, NUMBER, USAGE

PIECES_MAX = 12
LENGTH_MAX = 2048
ITEM = re.compile(r" *#\d{1,3}:| *-> [#(]|\*\*\* DEADLOCK|(?:no|\d{1,3}) locks? held by ")
ATTRIBUTES = re.compile(
    rf"(?:{FILE.pattern}|{FILES.pattern}|\[inline\]|{MODULE.pattern}|{MARK.pattern}| )+"
)
COMPLETE_CPU = re.compile(r"ainted.* #\S|ainted: .{1,60} \d\S{3,} ")
OPEN_SENTENCE = re.compile(
    r"/\d{1,9} is (?:freeing memory|trying to (?:release|contend) lock)(?: |$)"
)
IN_ATOMIC = "in_atomic(): "
"""Without the blank it is a kernel of before 2.6.28, which names no task there."""
OPENERS = frozenset("#(-_0123456789abcdefABCDEF")
ATTRIBUTE_STARTS = frozenset("[(?./")
AFTER_CPU = ("Hardware name", "Call ", "Workqueue", "Backtrace", "Tainted:", "[", "task:", "Stack")
SENTENCES = (
    "but task is already holding lock:",
    "and this task is already holding:",
    "which would create a new lock dependency:",
    "which lock already depends on the new lock.",
    "the existing dependency chain (in reverse order) is:",
    "other info that might help us debug this:",
    "Possible unsafe locking scenario:",
    "Possible interrupt unsafe locking scenario:",
    "May be due to missing lock nesting notation",
    "and interrupts could create inverse lock ordering between them.",
    "the dependencies between the lock to be acquired",
    "the shortest dependencies between 2nd lock and 1st lock:",
    "but there are no more locks to release!",
    "but this task is not holding:",
    "RCU used illegally from extended quiescent state!",
    "RCU used illegally from offline CPU!",
)
ENDS = (
    "is trying to acquire lock:",
    "is trying to acquire:",
    "is trying to lock:",
    "is trying to release lock",
    "just changed the state of lock:",
    "with a lock still held there!",
    "is leaving the kernel with locks still held!",
    "-irq-safe lock and the holding lock:",
    "lock in the past:",
    "state was registered at:",
    "new dependency connects a",
    "locks held by",
)


def _cuts(sentence: str) -> list[tuple[str, str]]:
    words = sentence.split(" ")
    return [(" ".join(words[:at]), words[at]) for at in range(1, len(words))]


SENTENCE_CUTS = {begin: word for sentence in SENTENCES for begin, word in _cuts(sentence)}
END_CUTS: dict[str, list[tuple[str, str]]] = {}
for _end in ENDS:
    for _begin, _word in _cuts(_end):
        END_CUTS.setdefault(_begin.rpartition(" ")[2], []).append((" " + _begin, _word))


def continued(text: str, following: str) -> str | None:
    """Both lines as one, if the second belongs to the first; None if it does not."""
    after = following.strip()
    if not after or len(text) > LENGTH_MAX:
        return None
    body = text.strip()
    if not body:
        wide = len(text) >= 20 and after.startswith(("lock(", "rlock(", "sync("))
        return text + after if wide else None
    first = after[0]
    if first not in ATTRIBUTE_STARTS and ":" not in after:
        if "+0x" in body and "(" not in body and not body.endswith("/"):
            return None
        if body[0] not in OPENERS:
            return _of_words(text, body, after)
    if first in ATTRIBUTE_STARTS or ":" in after:
        match = ATTRIBUTES.fullmatch(after) if len(after) < 600 else None
        if match is not None and _takes_attributes(body):
            return f"{text.rstrip()} {after}"
    return _of_lock(text, body, after) or _of_words(text, body, after)


def _takes_attributes(body: str) -> bool:
    if body.startswith(SLEEPINGS):
        return True
    place = body.rpartition("at: ")[2] if "at: " in body else body
    if "last " in body and "):" in body:
        place = body.rpartition("): ")[2]
    if place.endswith("at:") or not place:
        return False
    found = scan_frame(place)
    return found is not None and not found[1] and not found[0].inlined


def _of_lock(text: str, body: str, after: str) -> str | None:
    """A lock that was cut anywhere before its place."""
    if body[0] not in OPENERS:
        return None
    numbered = NUMBER.match(body)
    rest = body[numbered.end() :] if numbered else body
    entry = body.startswith("-> #")
    if entry:
        rest = body[5:].lstrip("0123456789").lstrip()
    address = LOCK_ADDRESS.match(rest)
    if address is not None:
        rest = rest[address.end() :]
    headed = bool(address or numbered)
    if not (rest.startswith("(") or (not rest and (headed or entry))) or _starts_item(after):
        return None
    usage = USAGE.search(rest) is not None
    if rest.endswith("at:"):
        is_place = (usage or headed) and scan_frame(after) is not None
        return f"{text.rstrip()} {after}" if is_place else None
    if " at: " in rest:
        half = rest.endswith((">]", "/")) and scan_frame(after) is not None
        return _glued(text, after) if half else None
    if "+0x" in after and "at:" not in after:  # another CPU's frame
        return None
    goes_on = _class_goes_on(rest, after, usage=usage, headed=headed, entry=entry)
    if not rest and not entry and not after.startswith("("):
        goes_on = numbered is not None and address is None and bool(LOCK_ADDRESS.match(after))
    return _glued(text, after) if goes_on else None


def _class_goes_on(rest: str, after: str, *, usage: bool, headed: bool, entry: bool) -> bool:
    """Whether (name){usage}-{outer:inner} was cut where `rest` ends."""
    if entry:
        return not (usage and rest.endswith(":"))
    if usage:
        return rest.endswith("->") or after.startswith((", at:", "at:", ",", "-> (", "{", "-{"))
    if headed and ": " in after and "){" not in after:  # another message of the same CPU's
        return False
    return headed or after.startswith((")", "{", "at:"))


def is_cut_lock(text: str) -> bool:
    """A held lock that printk() gave out in pieces, and that is not whole yet."""
    body = text.lstrip()
    return body.startswith("#") and NUMBER.match(body) is not None and " at: " not in body


def _glued(text: str, after: str) -> str:
    tight = after[0] in "){},-" or text.rstrip().endswith(("(", "/", "{"))
    if after.startswith("-> "):
        tight = False
    return f"{text.rstrip()}{'' if tight else ' '}{after}"


def _starts_item(after: str) -> bool:
    return bool(
        ITEM.match(after) or is_ruler(after) or is_dashes(after) or LEAD.match(after) is not None
    )


def _of_words(text: str, body: str, after: str) -> str | None:
    """A sentence that goes on, a frame that is only an address, a header that was wrapped."""
    word, _, _ = after.partition(" ")
    joined = f"{text.rstrip()} {after}"
    if SENTENCE_CUTS.get(body) == word:
        return joined
    last = body.rpartition(" ")[2]
    for begin, expected in END_CUTS.get(last, ()):
        if expected == word and body.endswith(begin):
            return joined
    if " is " in body and OPEN_SENTENCE.search(body) and not body.endswith((" at:", "there!")):
        return None if _starts_item(after) else joined
    if body.endswith((">]", " from", "-->", "):")) and _is_open(body, after):
        return joined
    if body.startswith("CPU: ") and not COMPLETE_CPU.search(body):
        return None if after.startswith(AFTER_CPU) or _starts_item(after) else joined
    if body.startswith(IN_ATOMIC) and (", name: " not in body and ", name:" not in body):
        return joined
    if body.startswith(IN_ATOMIC) and body.endswith("name:"):
        return joined
    if body.startswith(("WARNING: ", "[ ")) and begins_headline(body):
        return joined if headline(joined.strip()) else None
    return None


def _is_open(body: str, after: str) -> bool:
    if body.endswith("-->"):
        return not after.startswith(("Possible", "CPU0"))
    if body.endswith("):") and not body.startswith(("hardirqs last", "softirqs last")):
        return False
    return scan_frame(after) is not None
