"""What changed in the tracing core from release to release: one flag for each thing.

Source: kernel/trace/trace.c, trace_events.c, trace_events_hist.c, 6.5 to 7.3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingRelease:
    """The tracing core of one release.

    `clears_i_private`: removal clears the i_private of an event's files (before eventfs).
    `open_holds_instance`: opening `enable` or `filter` takes a reference on the trace_array.
    `file_refs`: a trace_event_file is counted, and marked as freed when its event goes.
    `hist_refs`: opening `hist` takes the references that opening `enable` takes.
    `dir_holds_file`: an event's directory holds a reference on its trace_event_file, which the
    release callback of an entry drops.
    `format_checks`: `format` belongs to the trace_event_file, not to the event, and as `trigger`
    and `hist` do it looks whether that is marked as freed.
    `stores_only_pointers`: what a failed creation returns is not kept where removal finds it.
    `options_hold_instance`: opening a file of `options` takes a reference on the trace_array.
    `read_only_first`: an event's directory begins with `format` and `id`, and has `btf_ids`;
    `events` begins with `header_page`, which shows a flag as a char.
    `open_is_busy`: what the design intended: an event with an open file cannot be removed.
    No release does that.
    """

    clears_i_private: bool = False
    open_holds_instance: bool = False
    file_refs: bool = False
    hist_refs: bool = False
    dir_holds_file: bool = False
    format_checks: bool = False
    stores_only_pointers: bool = False
    options_hold_instance: bool = False
    read_only_first: bool = False
    open_is_busy: bool = False


V6_5 = TracingRelease(clears_i_private=True, stores_only_pointers=True)
V6_5_EVENTFS = TracingRelease()
"""6.5 with the eventfs series v3 or v4 on top: nothing clears i_private any more."""
KERNFS = TracingRelease(stores_only_pointers=True)
"""What a port of eventfs to kernfs could do with: kernfs itself waits for what is at work."""
V6_6_RC1 = TracingRelease()
V6_6 = TracingRelease(open_holds_instance=True, stores_only_pointers=True)
V6_6_MENDED = replace(V6_6, file_refs=True, hist_refs=True)
V6_7 = replace(V6_6, file_refs=True)
V6_8 = replace(V6_7, hist_refs=True)
V6_9 = replace(V6_8, dir_holds_file=True)
V6_12 = replace(V6_9, format_checks=True)
V7_3 = replace(V6_12, options_hold_instance=True, read_only_first=True)
