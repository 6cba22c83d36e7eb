"""What is promised of every design: each promise as a sentence, and what sees it broken.

`python -m invariants` prints the catalogue.  A promise is kept by a check at the end of an
execution, or by a rule of the engine, which finds what it is about wherever it happens.
`broken_by` names bugs of the corpus (E..) that break it, and faults of `tests/mutants` (by what
they say), so that no promise is over nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from invariants import (
    dentries,
    eventfs_file,
    events,
    failures,
    fairness,
    memory,
    metadata,
    names,
    numbers,
    results,
    tracing,
)
from lockwright.scenario import Check


class Invariant(NamedTuple):
    """One promise.  `rules` names the engine's kinds of findings that break it.

    `checks` are for every scenario of a design, `special` for those cases that ask for them.
    """

    id: str
    sentence: str
    source: str
    checks: tuple[Check, ...] = ()
    rules: tuple[str, ...] = ()
    broken_by: tuple[str, ...] = ()
    special: tuple[Check, ...] = ()


CATALOGUE: tuple[Invariant, ...] = (
    Invariant(
        "R0",
        "When a removal has returned, no walk finds what was removed, and nothing that can be "
        "found leads to its data.",
        "facts 0.4; 1.6 for what an open that was under way may still do",
        (names.removed_is_gone, tracing.data_is_there),
        (),
        ("E11", "E21", "walks do not ask whether a directory has been removed"),
    ),
    Invariant(
        "I1",
        "A count is what its owners add up to, and falls to 0 once.",
        "facts 6.2",
        (dentries.dentry_counts, metadata.directories_are_counted),
        ("refcount",),
        ("E10", "E14", "a lookup of a directory takes no reference on it"),
    ),
    Invariant(
        "I2",
        "A name in a directory has one hashed dentry at most.",
        "facts 6.2; d_alloc_parallel()",
        (dentries.one_hashed_dentry_a_name,),
        ("BUG",),
        ("E22",),
    ),
    Invariant(
        "I3",
        "Nothing that has been freed is touched.",
        "facts 6.2",
        (),
        ("use-after-free", "double free"),
        ("E32", "E52", "a listing does not protect itself by SRCU"),
    ),
    Invariant(
        "I4",
        "An inode is attached to a dentry that has none and is in nobody's lookup.",
        "facts 6.2",
        (),
        ("BUG",),
        ("E22",),
    ),
    Invariant(
        "I5",
        "A lookup that has begun is ended, and nobody waits for a lookup of his own.",
        "facts 6.2",
        (dentries.no_lookup_left,),
        ("deadlock",),
        ("E06",),
    ),
    Invariant(
        "I6",
        "What is removed is found by nobody who asks afterwards; what is there by everybody.",
        "facts 6.2; POSIX stat()",
        (names.existing_is_found, names.missing_is_not_found, dentries.used_is_found),
        (),
        ("E19", "a miss is hashed as a negative dentry"),
    ),
    Invariant(
        "I7",
        "Whoever walks a list is one of those that freeing its members waits for.",
        "facts 6.2",
        (),
        ("use-after-free", "general protection fault", "NULL pointer dereference", "data race"),
        ("E39", "E40", "E43", "what is removed is freed without a grace period"),
    ),
    Invariant(
        "I8",
        "is_freed is set once, under eventfs_mutex, and stays.",
        "facts 6.2",
        (metadata.freed_is_off_the_list,),
        ("data race", "use-after-free"),
        ("E27", "removal does not take the mutex"),
    ),
    Invariant(
        "I9",
        "What is freed is on no list, and what is on no list is freed.",
        "facts 6.2",
        (metadata.freed_is_off_the_list,),
        ("list corruption",),
        ("a removed directory stays on the list", "6.7: removal does not mark"),
    ),
    Invariant(
        "I10",
        "Nobody sleeps where sleeping is forbidden.",
        "facts 6.2, 4.5",
        (),
        ("sleeping in atomic context",),
        ("E31",),
    ),
    Invariant(
        "I11",
        "Locks have an order, and are released.",
        "facts 6.1, 6.2",
        (),
        (
            "possible circular locking dependency",
            "possible recursive locking",
            "deadlock",
            "bad unlock balance",
            "lock held at task exit",
        ),
        ("E01", "E03", "E08", "6.7: an open leaves its directory locked"),
    ),
    Invariant(
        "I12",
        "A listing has each name that stays once, and no name that is not there.",
        "facts 6.2; POSIX readdir()",
        (names.listing_is_complete,),
        (),
        ("E62", "a listing counts only the entries that it gives"),
    ),
    Invariant(
        "I13",
        "When all is closed and reclaimed, what is in memory is what was there before.",
        "facts 6.2, 6.5",
        (
            metadata.removed_is_forgotten,
            dentries.unused_is_found,
            dentries.inodes_have_dentries,
        ),
        ("leak",),
        ("E23", "E29", "a dentry that goes keeps its reference"),
        (memory.back_to_idle,),
    ),
    Invariant(
        "I14",
        "A directory has an inode number of its own, always the same, not 0 nor the files'.",
        "facts 6.2",
        (
            numbers.a_name_has_one_number,
            numbers.directories_have_numbers_of_their_own,
            numbers.inodes_have_their_numbers,
            numbers.kept_numbers_differ,
        ),
        (),
        ("E63", "E64", "E68", "a number that was drawn is not kept"),
    ),
    Invariant(
        "I15",
        "A removal is done, in all instances, or refused and changes nothing.",
        "facts 0.4, 6.2",
        (events.busy_changes_nothing, tracing.events_are_listed),
        (),
        ("tracing: an event goes from one instance only",),
    ),
    Invariant(
        "I16",
        "A trace_event_file is kept by its event, its directory and its open files, and freed "
        "when it is marked and the last of them has gone.",
        "facts 1.7, 6.2",
        (tracing.event_files_are_counted, tracing.event_files_are_listed),
        ("use-after-free", "refcount"),
        ("E53", "E54", "tracing: a removed trace_event_file is not marked"),
    ),
    Invariant(
        "I17",
        "An instance is on the list as long as it is in memory, and is not removed in use.",
        "facts 0.4, trace_array_get()",
        (tracing.instances_are_counted, tracing.instances_are_listed),
        ("use-after-free",),
        ("E51", "tracing: open takes no reference on the instance"),
    ),
    Invariant(
        "I18",
        "A system's directory counts its events, and goes with the last of them.",
        "kernel/trace/trace_events.c, remove_subsystem()",
        (tracing.systems_are_counted,),
        (),
        ("tracing: the last event of a system leaves the system",),
    ),
    Invariant(
        "I19",
        "A call gives one of the results that the table allows.",
        "facts 6.3",
        (results.results_are_allowed,),
        (),
        ("tracing: rmdir of an instance that is not there says that it is busy",),
    ),
    Invariant(
        "I20",
        "What belongs below `events` is made there.",
        "facts, E58",
        (dentries.nothing_at_the_root,),
        (),
        ("E58",),
    ),
    Invariant(
        "I21",
        "Nobody notices that inodes are made on demand: links, notifications.",
        "facts, E64, E65; POSIX stat(), inotify(7)",
        (),
        (),
        ("E65",),
        (eventfs_file.links_are_counted, eventfs_file.making_is_told_once),
    ),
    Invariant(
        "I22",
        "What an open of a directory holds is what was in it at one time.",
        "facts, E09",
        (),
        (),
        ("E09",),
        (eventfs_file.an_open_is_one_section,),
    ),
    Invariant(
        "I23",
        "Under lockdown nothing is made in tracefs, and nothing is left locked.",
        "facts, E08, E69",
        (),
        ("deadlock", "lock held at task exit"),
        ("E08", "E69"),
        (eventfs_file.locked_down_stays,),
    ),
    Invariant(
        "I24",
        "Who asks for a lock first gets it before those who ask later.",
        "facts 4.4; the writer of v3 that polls",
        (),
        (),
        ("E02",),
        (fairness.writer_is_not_overtaken,),
    ),
    Invariant(
        "I25",
        "An event with an open file is not removed: the intent, which no release keeps.",
        "seed 003; kernel_behaviour 2",
        (),
        (),
        (),
        (events.open_event_is_busy,),
    ),
    Invariant(
        "I26",
        "A call in which an allocation fails gives -ENOMEM and can be made again, or has done all "
        "that it does; it leaves no lock held, and nothing behind.",
        "the manuals' ENOMEM; Documentation/fault-injection/fault-injection.rst",
        (),
        ("leak", "deadlock", "lock held at task exit", "invalid pointer"),
        ("A01", "A05", "A10"),
        (failures.failures_are_told,),
    ),
)


def checks() -> tuple[Check, ...]:
    """Every check of the catalogue once, in its order."""
    return tuple(dict.fromkeys(check for one in CATALOGUE for check in one.checks))
