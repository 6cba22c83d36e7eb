"""The known bugs that the machines find, and how small: `DRAWN`, and those of one user, `ALONE`.

What a bug is known by, the switches that put it back and what mends it are those of its entry of
the corpus (`stress/corpus`).  What is said here is the smallest program that shows it, and so its
size: of each task how many calls it makes, and how many were made before.  It is derived from the
threads that the history names: each thread is a task, and a call is what a user has to do for what
the thread does; where the history has more calls, or a loop, `note` says why fewer do.

The machine is that of the design, with every call; the ground has one event with one file, where
`ground` does not say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lockwright.calls import parse_program
from lockwright.core.event import value_text
from lockwright.options import RULES
from stress.corpus import ENTRIES
from stress.corpus.a import TITLES
from stress.corpus.entry import At, Entry
from stress.corpus.f import TITLES as REMOTE
from stress.machines.concurrent import Effort, Size, Wanted
from stress.machines.known import KNOWN

UNORDERED = tuple(rule for rule in RULES if rule != "lock-order")
"""v3 and v4 take their locks in the wrong order in nearly every call: for what comes after, the
lock validator must not listen."""
GROUND = {"events": "kp1", "files": "enable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One bug, and what the concurrent machine makes of it.

    `entry` is the number of its entry among those that the corpus has of it in this design.
    `program` shows it, and is as small as it can be; `threads` are those of the history.  The
    machine draws it within so many `examples`; where that is 0 it was not seen to, and what is
    known is that the program shows it.  `says` is what its message has, where the corpus names
    tasks by other names, or one file of several.
    """

    id: str
    design: str
    program: str
    threads: str
    examples: int = 0
    entry: int = 0
    says: str = ""
    rules: tuple[str, ...] = RULES
    ground: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        return f"{self.id}-{self.design.rpartition('/')[2]}"

    @property
    def of_corpus(self) -> Entry:
        """Its entry of the corpus."""
        return entries_of(self.id, self.design)[self.entry]

    @property
    def size(self) -> Size:
        """How small the machine makes it."""
        return Size.of(parse_program(f"calls({self.program})"))

    @property
    def wanted(self) -> Wanted:
        """What is looked for."""
        entry = self.of_corpus
        return Wanted(entry.kind, self.says or entry.says, self.rules)

    @property
    def given(self) -> dict[str, str]:
        """The parameters with which the design has it."""
        return {**GROUND, **self.ground, **_text(self.of_corpus.before)}

    @property
    def mended(self) -> tuple[str, dict[str, str]]:
        """A design that has it not, and its parameters."""
        after = self.of_corpus.after
        return after.design, {**GROUND, **self.ground, **_text(after)}

    @property
    def effort(self) -> Effort:
        """How long to look."""
        return Effort(self.examples)


def _text(at: At) -> dict[str, str]:
    return {key: value_text(value) for key, value in at.parameters}


def entries_of(id: str, design: str) -> tuple[Entry, ...]:
    """The entries of the corpus for a bug in a design."""
    return tuple(
        entry
        for entry in ENTRIES
        if isinstance(entry, Entry) and entry.id == id and entry.before.design == design
    )


V3, V4 = "eventfs/v3", "eventfs/v4"
L66, L67, L68RC1, L68, L69, L612 = (
    f"eventfs/linux_6_{minor}" for minor in ("6", "7", "8_rc1", "8", "9", "12")
)
BUGS: tuple[Bug, ...] = (
    Bug(
        id="E02",
        design=V3,
        program="stat:kprobes/kp1|create:kp2",
        threads="lookup of a directory, or opendir; add or remove",
        says="down_read_nested.eventfs_rwsem.*down_write.eventfs_rwsem",
        rules=UNORDERED,
        examples=200,
    ),
    Bug(
        id="E03",
        design=V4,
        program="open:3:kprobes/kp1|stat:kprobes/kp1/enable",
        threads="first opendir(D); stat(D/x), x not cached",
        says="mutex_lock.eventfs_mutex.",
        rules=UNORDERED,
        examples=300,
    ),
    Bug(
        id="E04",
        design=V4,
        program="stat:kprobes/kp1;remove:kp1",
        threads="remove(D)",
        says="mutex_lock.eventfs_mutex.",
        rules=UNORDERED,
        note="What is removed has to have a dentry.",
    ),
    Bug(
        id="E07",
        design=L68,
        program="create:kp1;stat:kprobes/kp1",
        threads="lookup",
        ground={"events": ""},
        note="Where events are there from the start, nothing of them could be made.",
    ),
    Bug(
        id="E13",
        design=V4,
        program="open:3:kprobes/kp1|drop_caches",
        threads="open or lookup; shrinker / last dput",
        rules=UNORDERED,
        examples=400,
    ),
    Bug(
        id="E18",
        design=L66,
        program="drop_caches|cat:kprobes/kp1",
        threads="last dput or shrinker on dentry d; lookup of the same name",
        examples=600,
        note="A call that opens and closes puts the dentry last itself.",
    ),
    Bug(
        id="E18",
        design=L68RC1,
        program="drop_caches|cat:kprobes/kp1",
        threads="last dput or shrinker on dentry d; lookup of the same name",
        examples=500,
    ),
    Bug(
        id="E19",
        design=L66,
        program="stat:kprobes/kp1|stat:kprobes/kp1",
        threads="stat of a cold file, twice",
        examples=300,
    ),
    Bug(
        id="E22",
        design=L68RC1,
        program="ls:kprobes|ls:kprobes",
        says="which has an inode",
        threads="getdents(D), twice",
        examples=600,
    ),
    Bug(
        id="E32",
        design=L67,
        entry=1,
        program="open:3:kprobes/kp1!stat_at:3:missing|remove:kp1",
        threads="keeps D open, later readdir, lookup or chmod; remove(D)",
    ),
    Bug(
        id="E36",
        design=L66,
        program="stat:kprobes/kp1|stat:kprobes/kp1/enable",
        threads="creates directory D; lookup in D",
        examples=300,
        note="A lookup makes the directory's inode.",
    ),
    Bug(
        id="E37",
        design=L68,
        program="ls:kprobes|remove:kp1",
        says="eventfs_inode->name",
        threads="iterate or remount walk; last put",
    ),
    Bug(
        id="E39",
        design=L69,
        program="ls:kprobes|remove:kp1",
        threads="eventfs_iterate; remove and last put",
    ),
    Bug(
        id="E41",
        design=V4,
        program="stat:kprobes/kp2/enable|create:kp2",
        threads="create_dir; iterate",
        rules=UNORDERED,
    ),
    Bug(
        id="E41",
        design=L612,
        program="ls:kprobes|create:kp2",
        threads="create_dir; iterate (no eventfs_mutex)",
    ),
    Bug(
        id="E42",
        design=L612,
        program="remount:uid=8|remove:kp1",
        threads="loop: remount,uid=N; loop: create and clear kprobes; chmod",
        note="The third thread is for the lost update, which is the other entry.",
    ),
    Bug(
        id="E42",
        design=L612,
        entry=1,
        program="remount:uid=8|chown:=5:=null:kprobes/kp1",
        threads="loop: remount,uid=N; chmod",
        note="The second thread is for the use after free, which is the other entry.",
    ),
    Bug(
        id="E53",
        design=L68,
        program="cat:kprobes/kp1/enable|remove:kp1",
        threads="loop: echo 0 > enable; clears synthetic_events",
    ),
    Bug(
        id="E55",
        design=L69,
        program="cat:kprobes/kp1/format|remove:kp1",
        threads="loop: cat format; loop: create and destroy the event",
        ground={"files": "format"},
    ),
    Bug(
        id="E58",
        design=L66,
        program="stat:kprobes/kp1|stat:kprobes/kp1/enable",
        threads="lookup with an unset parent dentry pointer",
        note="The pointer is unset while another lookup makes the parent: the second task.",
    ),
)
"""The bugs that take several users."""

DRAWN = tuple(bug for bug in BUGS if bug.examples)
"""Those that the concurrent machine finds."""

ALONE = tuple(fault for fault in KNOWN if fault.id.startswith("E") and fault.drawn)
"""The bugs that one user can meet, as the sequential machine finds them."""

NOT_FOUND = {
    **dict.fromkeys(TITLES, "No call makes an allocation fail."),
    **dict.fromkeys((*REMOTE, "A11"), "It is about another file system."),
    "E05": "No call makes memory short: it is so at an allocation in the middle of one.",
    "E08": "No call locks tracefs down.",
    "E09": "What is broken is a promise of its scenario alone, not of every execution.",
    "E11": "In v4, where the worker is, a removal meets E10 before it comes to it.",
    "E12": "It says what E10 says, which one user meets with one call.",
    "E17": "A program by hand shows it in the 305th schedule: it is rare.",
    "E26": "What is left in memory is no result of a call; the promise is its scenario's.",
    "E27": "Removing and looking up have the faults of E32 before it.",
    "E30": "No call makes an allocation fail.",
    "E34": "No call makes an event one that hides `enable`.",
    "E35": "The ground does not use memory again.",
    "E38": "It is in no model: see the corpus.",
    "E40": "Not in the first 300 schedules of a program by hand: E43 comes before the poison.",
    "E43": "A program by hand shows it, with three tasks: nothing was drawn for it.",
    "E45": "No call makes it list corruption: the inode is freed when nothing runs any more.",
    "E46": "It is in no model: see the corpus.",
    "E48": "Users come to eventfs through event_mutex, which orders the two.",
    "E50": "No call makes an allocation fail.",
    "E51": "A program by hand of four calls shows it at once: nothing was drawn for it.",
    "E54": "No call makes an allocation fail.",
    "E61": "Sizes are no result of a call; the promise is its scenario's.",
    "E65": "Links and what is told of a creation are promises of its scenario alone.",
    "E68": "Numbers that clash are a promise of its scenario alone.",
    "E69": "No call locks tracefs down.",
}
"""The bugs of the corpus that are in neither list, and why."""
