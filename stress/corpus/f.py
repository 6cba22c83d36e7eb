"""The bugs of the proposals for watches on a remote file system (facts 5.5)."""

from __future__ import annotations

from collections.abc import Mapping

from stress.corpus.entry import At, Entry, NotModelled, StillThere

A, B, C, ARMED = (f"fsnotify/{name}" for name in ("per_group", "aggregated", "changed", "armed"))
PROMISE = "broken promise"

TITLES: Mapping[str, str] = {
    "F01": "a removal is sent to the server under mark->lock: fsnotify_detach_mark()",
    "F02": "a group is named to the server by its address, which the next group may get",
    "F03": "two changes of one watch reach the server in the wrong order",
    "F04": "the aggregated mask keeps what nobody wants, as long as a mark is referenced",
    "F05": "an event finds its inode gone: unlinked here while it was on its way",
    "F06": "the server is sent what was asked for, not what IN_MASK_ADD makes of it",
    "F07": "a watch counts here before the server has it: what happens between is lost",
    "F08": "the server refuses a watch, and nobody looks at its answer",
    "F09": "the connector's inode is read without connector->lock: fsnotify_detach_mark()",
    "F10": "a full queue at the server loses that a watched file is gone",
    "F11": "an event crosses the wire once for each group that watches the file",
}

ENTRIES: tuple[Entry | NotModelled | StillThere, ...] = (
    Entry(
        id="F01",
        kind="sleeping in atomic context",
        says="fuse_simple_request",
        before=At(f"{A}:unwatch"),
        after=At(f"{A}:unwatch", removes="freed"),
    ),
    Entry(
        id="F02",
        kind=PROMISE,
        says="P4: what is said of one group",
        before=At(f"{A}:close_then_init", removes="work"),
        after=At(f"{A}:close_then_init", removes="work", names_groups=True),
        note="where removals are left to a work item, which is one way to mend F01",
    ),
    Entry(
        id="F02",
        kind=PROMISE,
        says="P4: no kernel address",
        before=At(f"{A}:watch"),
        after=At(f"{B}:watch"),
    ),
    Entry(
        id="F03",
        kind=PROMISE,
        says="P3",
        before=At(f"{A}:watch_vs_unwatch", removes="freed"),
        after=At(f"{A}:watch_vs_unwatch", removes="freed", serialises=True),
    ),
    Entry(
        id="F03",
        kind=PROMISE,
        says="P1",
        before=At(f"{A}:watch_vs_watch"),
        after=At(f"{A}:watch_vs_watch", serialises=True),
        note="the mirror: two masks in the wrong order",
    ),
    Entry(
        id="F03",
        kind=PROMISE,
        says="P6",
        before=At(f"{B}:watch_vs_unwatch_of_others"),
        after=At(f"{B}:watch_vs_unwatch_of_others", serialises=True),
    ),
    Entry(
        id="F03",
        kind=PROMISE,
        says="P6",
        before=At(f"{C}:watch_vs_unwatch_of_others"),
        after=At(f"{C}:watch_vs_unwatch_of_others", serialises=True),
    ),
    Entry(
        id="F04",
        kind=PROMISE,
        says="P3",
        before=At(f"{B}:unwatch_held"),
        after=At(f"{B}:unwatch_held", lowers_at_detach=True),
    ),
    Entry(
        id="F04",
        kind=PROMISE,
        says="P3",
        before=At(f"{C}:unwatch_held"),
        after=At(f"{C}:unwatch_held", lowers_at_detach=True),
    ),
    *(
        Entry(
            id="F05",
            kind=PROMISE,
            says="P2",
            before=At(f"{variant}:touch_then_unlink"),
            after=At(f"{ARMED}:touch_then_unlink"),
        )
        for variant in (A, B, C)
    ),
    Entry(
        id="F06",
        kind=PROMISE,
        says="P1",
        before=At(f"{A}:widen"),
        after=At(f"{A}:widen", sends_result=True),
    ),
    *(
        Entry(
            id="F07",
            kind=PROMISE,
            says="P2",
            before=At(f"{variant}:watch_vs_watch_of_others"),
            after=At(f"{variant}:watch_vs_watch_of_others", serialises=True),
            note="the second finds the mask as it should be, and does not wait for the server",
        )
        for variant in (B, C)
    ),
    Entry(
        id="F07",
        kind=PROMISE,
        says="P2",
        before=At(f"{B}:widen_vs_watch_of_others", serialises=True),
        after=At(f"{ARMED}:widen_vs_watch_of_others"),
        note="where a mask need not be calculated anew, nobody asks for the mutex",
    ),
    *(
        Entry(
            id="F08",
            kind=PROMISE,
            says="P8",
            before=At(f"{variant}:refused"),
            after=At(f"{variant}:refused", checks_errors=True),
        )
        for variant in (A, B, C)
    ),
    Entry(
        id="F09",
        kind="NULL pointer dereference",
        says="NULL pointer",
        before=At(f"{A}:unwatch_vs_name_gone", removes="freed"),
        after=At(f"{A}:unwatch_vs_name_gone", removes="freed", reads_obj_locked=True),
    ),
    *(
        Entry(
            id="F10",
            kind=PROMISE,
            says="P1",
            before=At(f"{variant}:overflow_then_delete"),
            after=At(f"{variant}:overflow_then_delete", rechecks=True),
        )
        for variant in (A, B, C)
    ),
    Entry(
        id="A11",
        kind=PROMISE,
        says="P2",
        before=At(f"{ARMED}:widen_vs_unwatch_of_others", recalc_always=False),
        after=At(f"{ARMED}:widen_vs_unwatch_of_others"),
        note="of fs/notify itself, whatever is remote; by a design that keeps all else",
    ),
    Entry(
        id="F11",
        kind=PROMISE,
        says="F11",
        before=At(f"{A}:touch_shared"),
        after=At(f"{B}:touch_shared"),
    ),
)
