"""Strategies: reports of every kind as the validator could make them, with names of all sorts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from hypothesis import strategies as st

from lockwright.core.frame import Frame
from lockwright.lockdep import reports
from lockwright.lockdep.classes import USAGE_NAMES, ClassName

REAL_NAMES = (
    "&sb->s_type->i_mutex_key#5/1",
    "(work_completion)(&(&chan->chan_timer)->work)",
    "(wq_completion)events",
    "((task_exit_notifier).rwsem",
    "per_cpu_ptr(&cgroup_rstat_cpu_lock, cpu)",
    "subsys mutex#8",
    "&q->q_usage_counter(io)#55",
    "&xt[i].mutex",
    "(completion)&req.done",
    "mapping.invalidate_lock#5",
    "a at: b",
    "x){y",
    "{....}",
)
MESSAGES = (
    "suspicious rcu_dereference_check() usage",
    "RCU-list traversed in non-reader section!",
    "Illegal context switch in RCU-bh read-side critical section",
)
ALPHABET = "abcXYZ019_&*.()[]#/:-> ,+"


def _is_name(text: str) -> bool:
    """No blanks around, nothing that quotes, that a scenario uses between names, or that syslog
    writes for a tab (no class is called x#011: its number begins with no zero)."""
    strange = "-->" in text or "#01" in text or re.match(r"[>|]|[A-Za-z]{1,3}>", text)
    return text == text.strip() != "" and not strange


def _is_comm(text: str) -> bool:
    return text == text.strip() != ""


names = st.sampled_from(REAL_NAMES) | st.text(ALPHABET, min_size=1, max_size=40).filter(_is_name)
comms = st.sampled_from(("kworker/u8:2", "swapper/0", "a b", "irq/26-30860000")) | st.text(
    "abz09/:-_. ()#+", min_size=1, max_size=15
).filter(_is_comm)
functions = st.from_regex(r"[a-z_][a-z0-9_]{0,20}(\.(part|isra|cold)\.[0-9]{1,2})?", fullmatch=True)
places = st.builds(Frame, functions, st.integers(0, 0xFFFFF), st.integers(0, 0xFFFFF))
frames = st.lists(places, min_size=1, max_size=4).map(tuple)
usages = st.text(".+-?", min_size=4, max_size=4)
classes = st.builds(ClassName, names, usages, st.integers(0, 5), st.integers(0, 5))
addresses = st.integers(0, 2**64 - 0x1000)
locks = st.builds(
    reports.LockAt,
    instance=addresses,
    lock=classes,
    read=st.integers(0, 2),
    at=places,
    note=st.sampled_from(("", "", " l=1 0:3")),
)
helds = st.lists(locks, max_size=5).map(tuple)
tasks = st.builds(reports.Who, comm=comms, pid=st.integers(0, 4194304), cpu=st.integers(0, 511))
switches = st.builds(reports.IrqSwitch, stamp=st.integers(0, 10**9), at=st.none() | places)
bits = st.lists(st.sampled_from(USAGE_NAMES), min_size=1, max_size=5, unique=True)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "who": tasks,
    "held": helds,
    "backtrace": frames,
    "new": locks,
    "locked": locks,
    "lock": locks,
    "at": places,
    "stamps": st.builds(
        reports.IrqStamps, st.integers(0, 10**9), switches, switches, switches, switches
    ),
    "irqs": st.builds(
        reports.IrqState, st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans()
    ),
    "cycle": st.just(()),
}


@st.composite
def dumps(draw: st.DrawFn, *, first_acquired: bool) -> tuple[reports.ClassDump, ...]:
    """Classes of a path, the deepest first."""
    depth = draw(st.integers(0, 3))
    entries = []
    for at in range(depth, -1, -1):
        acquired = draw(frames) if first_acquired or at < depth else None
        bit_frames = tuple((bit, draw(frames)) for bit in draw(bits))
        entries.append(
            reports.ClassDump(
                lock=draw(classes),
                depth=at,
                operations=draw(st.integers(0, 99)),
                usages=bit_frames,
                key="__key.20",
                acquired=acquired,
            )
        )
    return tuple(entries)


@st.composite
def circulars(draw: st.DrawFn) -> reports.CircularReport:
    new, locked = draw(locks), draw(locks)
    between = draw(st.lists(classes, max_size=4))
    path = [locked.lock, *between, new.lock]
    numbered = zip(range(len(path) - 1, -1, -1), path, strict=True)
    chain = tuple(reports.ChainEntry(number, lock, draw(frames)) for number, lock in numbered)
    return reports.CircularReport(
        who=draw(tasks),
        new=new,
        sync=draw(st.booleans()),
        locked=locked,
        parent=path[1],
        chain=chain,
        cycle=(),
        cycle_types=(),
        held=draw(helds),
        backtrace=draw(frames),
    )


def made(kind: type, **fields: st.SearchStrategy[object]) -> st.SearchStrategy[reports.Report]:
    """A report whose fields are the usual ones or those given."""
    wanted = inspect.signature(kind).parameters
    usual = {name: strategy for name, strategy in FIELDS.items() if name in wanted}
    builder: Callable[..., reports.Report] = kind
    return st.builds(builder, **(usual | fields))


counts = st.integers(0, 0xFFFF)
files = st.sampled_from(("fs/file.c:12", "./include/linux/rcupdate.h:302"))
KINDS: dict[str, st.SearchStrategy[reports.Report]] = {
    "circular": circulars(),
    "recursive": made(reports.RecursiveReport, compared=st.none() | st.integers(-9, 9)),
    "inconsistent": made(
        reports.InconsistentReport,
        old=st.sampled_from(USAGE_NAMES),
        new=st.sampled_from(USAGE_NAMES),
        registered=frames,
    ),
    "irq_order": made(
        reports.IrqOrderReport,
        state=st.sampled_from(("HARDIRQ", "SOFTIRQ", "SOFTIRQ-READ")),
        safe=classes,
        safe_at=frames,
        unsafe=classes,
        unsafe_at=frames,
        middle=classes,
        safe_dump=dumps(first_acquired=False),
        unsafe_dump=dumps(first_acquired=True),
    ),
    "irq_inversion": made(
        reports.IrqInversionReport,
        state=st.sampled_from(("HARDIRQ", "SOFTIRQ", "HARDIRQ-READ")),
        forwards=st.booleans(),
        other=classes,
        middle=classes,
        dump=dumps(first_acquired=True),
    ),
    "wait_context": made(reports.WaitContextReport, limit=st.integers(2, 5)),
    "bad_unlock": made(reports.BadUnlockReport, name=names),
    "bad_contention": made(reports.ContendReport, name=names),
    "held_freed": made(reports.HeldFreedReport, low=addresses, high=addresses.map(lambda n: n + 1)),
    "still_held": made(reports.StillHeldReport),
    "user_return": made(reports.UserReturnReport),
    "nested_not_taken": made(reports.NestLockReport, nest_name=names),
    "rcu": made(
        reports.RcuReport, at=files, message=st.sampled_from(MESSAGES), debug_locks=st.booleans()
    ),
    "sleeping": made(
        reports.SleepReport,
        at=files,
        preempt_count=counts,
        irqs_disabled=st.booleans(),
        non_block=st.integers(0, 3),
        rcu_depth=st.integers(0, 3),
        stamps=st.none() | FIELDS["stamps"],
        preempt_off_at=st.none() | places,
    ),
    "sched_atomic": made(
        reports.SchedulingReport, preempt_count=counts, preempt_off_at=st.none() | places
    ),
    "workqueue_leak": made(
        reports.WorkLeakReport,
        function=functions,
        preempt_count=counts,
        rcu_depth=st.integers(0, 9),
    ),
    "unregistered_key": made(reports.KeyReport, address=st.none() | addresses),
    "limit": made(
        reports.LimitReport, what=st.sampled_from(("MAX_LOCK_DEPTH", "MAX_LOCKDEP_CHAINS"))
    ),
}
