"""Filters of events: a text that names fields.

Source: kernel/trace/trace_events_filter.c, 6.5 to 7.3.
Left out: what a filter does to what is recorded; parentheses, and kinds of fields and values.
"""

from __future__ import annotations

import re

from model.tracing.core import TraceEventCall, TraceEventFile
from model.vfs.err import EINVAL

COMMON_FIELDS = ("common_type", "common_flags", "common_preempt_count", "common_pid", "CPU", "COMM")

TERM = re.compile(r"\s*(\w+)\s*(==|!=|<=|>=|<|>|&|~)\s*(\S+)\s*(&&|\|\||$)")


def apply_event_filter(file: TraceEventFile, text: str) -> int:
    """Set an event's filter; `0` clears it.  The caller holds event_mutex.

    What is wrong with a text is told where the filter is read.
    """
    filter = text.strip()
    if filter == "0":
        file.filter = ""
        return 0
    at = unknown_field(file.event_call, filter)
    if at < 0:
        file.filter = filter
        return 0
    file.filter = f"{filter}\n{' ' * at}^\nparse_error: Field not found\n"
    return -EINVAL


def unknown_field(call: TraceEventCall, filter: str) -> int:
    """Where the parser stands when it meets a name that is no field; -1 if all of them are.

    A field is declared as in C: its name is the last word.
    """
    names = {field.replace("[", " ").split()[-1] for field in call.fields if field.strip()}
    end = 0
    while end < len(filter):
        term = TERM.match(filter, end)
        if term is None:
            return end
        if term[1] not in COMMON_FIELDS and term[1] not in names:
            return term.end(1) + 1
        end = term.end()
    return -1
