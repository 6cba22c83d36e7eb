"""The bugs of the tracing core's own references, whatever the file system."""

from __future__ import annotations

from stress.corpus.entry import At, Entry, NotModelled

PINNED = "tracefs/pinned"
L66, L67, L68, L69, L612 = (f"eventfs/linux_6_{minor}" for minor in ("6", "7", "8", "9", "12"))
UAF = "use-after-free"

ENTRIES: tuple[Entry | NotModelled, ...] = (
    Entry(
        id="E51",
        kind=UAF,
        says="trace_array foo",
        before=At(f"{PINNED}:option_vs_rmdir"),
        after=At(f"{PINNED}:option_vs_rmdir", options_hold_instance=True),
        note="a file of options; those of events are safe here, as removal clears their i_private",
    ),
    Entry(
        id="E51",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L66}:write_vs_rmdir", open_holds_instance=False),
        after=At(f"{L66}:write_vs_rmdir"),
    ),
    Entry(
        id="E52",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L66}:close_vs_remove"),
        after=At(f"{L66}:close_vs_remove", file_refs=True),
    ),
    Entry(
        id="E52",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L67}:close_vs_remove", file_refs=False),
        after=At(f"{L67}:close_vs_remove"),
    ),
    Entry(
        id="E53",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L68}:open_read_vs_remove"),
        after=At(f"{L69}:open_read_vs_remove"),
    ),
    Entry(
        id="E55",
        kind=UAF,
        says="->fields",
        before=At(f"{L69}:format_vs_remove"),
        after=At(f"{L69}:format_vs_remove", format_checks=True),
        note="of a kprobe event, whose fields go with it as those of a user event do",
    ),
    Entry(
        id="E55",
        kind=UAF,
        says="->fields",
        before=At(f"{L66}:format_vs_remove"),
        after=At(f"{L612}:format_vs_remove"),
        note="of a kprobe event, as above",
    ),
    Entry(
        id="E56",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L66}:hist_vs_rmdir"),
        after=At(f"{L66}:hist_vs_rmdir", hist_refs=True),
    ),
    Entry(
        id="E56",
        kind=UAF,
        says="trace_event_file kp1",
        before=At(f"{L67}:hist_vs_rmdir"),
        after=At(f"{L68}:hist_vs_rmdir"),
    ),
)
