"""The tracing core above eventfs: events, kprobes, and the locks that come before eventfs's own.

Source: kernel/trace/trace_events.c, trace_kprobe.c, trace_dynevent.c, 6.5.
"""
