"""What happens where an allocation fails: bugs that the models show, and no record tells of.

Each was found by letting one allocation after another fail in every call of every design
(`stress/scenarios/cases_attempts.py`), and then read in the source of that design; `TITLES` says
in which function.  A01 is the lasting half of what the record has under E19.  A11 is of another
kind, and was found where the kernel's inotify was modelled; its entry stands with those (`f.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from stress.corpus.entry import At, Entry, StillThere

PINNED, V3, V4 = "tracefs/pinned", "eventfs/v3", "eventfs/v4"
V6_6, V6_7, V6_8_RC1, V6_8 = (
    f"eventfs/linux_{release}" for release in ("6_6", "6_7", "6_8_rc1", "6_8")
)
LATEST = "eventfs/latest"
PROMISE, LEAK = "broken promise", "leak"
PINNED_FOR_GOOD = "dentry tracing/events/kprobes/kp1/enable has 1 references, and 0 owners"
NO_ROOM = "dcache_dir_open_wrapper:dentries"

TITLES: Mapping[str, str] = {
    "A01": "a lookup without memory says that the name is not there, then and later: "
    "create_file(), create_dir()",
    "A02": "an open that fails keeps what it has pinned: dcache_dir_open_wrapper()",
    "A03": "a dentry that there is no memory to remember stays pinned: dcache_dir_open_wrapper()",
    "A04": "a listing leaves out what there was no memory for: dcache_dir_open_wrapper()",
    "A05": "the parent stays locked where there is no memory for events: "
    "eventfs_create_events_dir()",
    "A06": "the inode of events is not put where its name fails: eventfs_create_events_dir()",
    "A07": "the ei of events is not freed where its first file fails: "
    "create_event_toplevel_files(), eventfs_create_events_dir()",
    "A08": "an event is made without a directory, and that is told to nobody: "
    "__add_event_to_tracers()",
    "A09": "an instance is made without the directory of an event: __trace_add_event_dirs()",
    "A10": "mkdir says -EINVAL where it lacks memory: trace_array_create_dir()",
    "A11": "an event that a group adds while another one leaves it is lost to both: "
    "__fsnotify_recalc_mask(), inotify_update_existing_watch()",
}


def _not_found(design: str) -> Entry:
    return Entry(
        id="A01",
        kind=PROMISE,
        says="stat kprobes/kp1/enable gives -2 when there is memory again, not 0",
        before=At(f"{design}:attempt_stat", failures=1),
        after=At(f"{V6_8}:attempt_stat", failures=1),
        note="a negative dentry stays until memory is short",
    )


def _left_out(design: str) -> Entry:
    return Entry(
        id="A04",
        kind=PROMISE,
        says=r"list_directory kprobes/kp1 gives \(filter\) where an allocation fails",
        before=At(f"{design}:attempt_list", failures=1),
        after=At(f"{V6_8_RC1}:attempt_list", failures=1),
    )


def _stays_locked(design: str) -> Entry:
    return Entry(
        id="A05",
        kind="deadlock",
        says="mkdir in down_write.i_rwsem of tracing/instances/foo",
        before=At(f"{design}:attempt_mkdir", failures=1),
        after=At(f"{V6_7}:attempt_mkdir", failures=1),
        note="the cleaning up meets its own lock, in process context, with event_mutex held",
    )


def _no_directory(design: str, note: str = "") -> StillThere:
    return StillThere(
        id="A08",
        kind=PROMISE,
        says="stat kprobes/kp2/enable gives -2, not 0",
        at=At(f"{design}:attempt_create", failures=1),
        note=note,
    )


ENTRIES: tuple[Entry | StillThere, ...] = (
    *(_not_found(design) for design in (V3, V4, V6_6, V6_7, V6_8_RC1)),
    *(
        Entry(
            id="A02",
            kind=PROMISE,
            says=PINNED_FOR_GOOD,
            before=At(f"{design}:attempt_list", fails="dcache_dir_open:dentry"),
            after=At(f"{V6_8_RC1}:attempt_list", failures=1),
        )
        for design in (V3, V4)
    ),
    *(
        Entry(
            id="A02",
            kind=LEAK,
            says="dentry_list events/kprobes/kp1",
            before=At(f"{design}:attempt_list", fails="dcache_dir_open:dentry"),
            after=At(f"{V6_8_RC1}:attempt_list", failures=1),
            note="with the list of it",
        )
        for design in (V6_6, V6_7)
    ),
    Entry(
        id="A03",
        kind=PROMISE,
        says=PINNED_FOR_GOOD,
        before=At(f"{V6_6}:attempt_list", fails=NO_ROOM),
        after=At(f"{V6_8_RC1}:attempt_list", failures=1),
    ),
    Entry(
        id="A03",
        kind=PROMISE,
        says=PINNED_FOR_GOOD,
        before=At(f"{V6_7}:attempt_list", fails="add_dentries:dentries"),
        after=At(f"{V6_8_RC1}:attempt_list", failures=1),
    ),
    *(_left_out(design) for design in (V3, V4, V6_6, V6_7)),
    *(_stays_locked(design) for design in (V3, V4, V6_6)),
    *(
        Entry(
            id="A06",
            kind=LEAK,
            says="tracefs_inode_cache tracing/instances/foo/events",
            before=At(f"{design}:attempt_mkdir", failures=1),
            after=At(f"{V6_8}:attempt_mkdir", failures=1),
        )
        for design in (V6_7, V6_8_RC1)
    ),
    *(
        Entry(
            id="A07",
            kind=LEAK,
            says="eventfs_inode events",
            before=At(f"{design}:attempt_mkdir", failures=1),
            after=At(f"{V6_6}:attempt_mkdir", failures=1),
        )
        for design in (V3, V4)
    ),
    _no_directory(PINNED, "as it was before eventfs"),
    _no_directory(LATEST),
    StillThere(
        id="A09",
        kind=PROMISE,
        says="stat /instances/foo/events/kprobes/kp1 gives -2, not 0",
        at=At(f"{LATEST}:attempt_mkdir", failures=1),
        note="as it was before eventfs; the log says so",
    ),
    StillThere(
        id="A10",
        kind=PROMISE,
        says="make_instance foo gives -22 where an allocation fails",
        at=At(f"{LATEST}:attempt_mkdir", failures=1),
        note="as it was before eventfs",
    ),
    *(
        Entry(
            id="E30",
            kind="invalid pointer",
            says="ei of the error pointer -12",
            before=At(f"{design}:attempt_create_then_remove", failures=1),
            after=At(f"{design}:attempt_create_then_remove", failures=1, stores_only_pointers=True),
        )
        for design in (V3, V4)
    ),
)
