"""Where and how a lock was taken, from the call chain that a report prints of it.

A call chain begins inside the validator and the lock's own functions; the first function that is
neither is the one that wanted the lock.

Source: kernel/locking/, the functions whose return address the kernel prints as "at:".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lockwright.report.read.parsed import Frames, ParsedFrame, ParsedLock

VALIDATOR = re.compile(
    r"(?:__|_)?(?:lock_(?:acquire|release|sync|is_held|set_class|contended|acquired)|validate_chain"
    r"|check_(?:prevs?_add|noncircular|deadlock|path|irq_usage|irq|wait_context|usage|chain)"
    r"|mark_(?:lock|usage|held)|find_usage|print_|dump_(?:stack|backtrace)|show_stack|show_trace"
    r"|unwind_backtrace|(?:__)?lockdep_(?!test)|debug_check_no_locks|__stack_depot|save_trace"
    r"|bad_(?:unlock|range)|valid_state|rcu_(?:lock_acquire|lock_release)|register_lock_class"
    r"|rcu_read_lock|class_rcu\w*_constructor"
    r"|stack_trace_|arch_stack_walk|save_stack|__might_resched|___might_sleep|__might_sleep"
    r"|__schedule_bug)"
)
PRIMITIVES = (
    ("mutex", "exclusive", r"_{0,2}(?:mutex_lock|mutex_trylock)|class_mutex\w*_constructor"),
    ("ww_mutex", "exclusive", r"_{0,2}ww_mutex_(?:lock|trylock)|ww_acquire_init"),
    ("rtmutex", "exclusive", r"_{0,2}rt_mutex_(?:\w*lock)|rt_spin_lock|rtlock_slowlock"),
    ("rwlock", "reader", r"_{0,2}(?:do_)?raw_read_(?:try)?lock|_?read_lock|queued_read_lock"),
    ("rwlock", "writer", r"_{0,2}(?:do_)?raw_write_(?:try)?lock|_?write_lock|queued_write_lock"),
    (
        "spinlock",
        "exclusive",
        (
            r"_{0,2}(?:do_)?raw_spin_(?:try)?lock|_?spin_(?:try)?lock|rt_spin_lock|(?:raw_)?spin_rq_lock"
            r"|native_queued_spin_lock|queued_spin_lock|class_(?:raw_)?spinlock\w*_constructor"
        ),
    ),
    (
        "percpu_rwsem",
        "reader",
        (
            r"_{0,2}percpu_down_read|_{0,2}sb_start_(?:write|pagefault|intwrite)|(?:get_online_cpus)$"
            r"|cpus_read_lock|mnt_want_write|file_start_write|freeze_(?:super)?read"
        ),
    ),
    ("percpu_rwsem", "writer", r"_{0,2}percpu_down_write|cpus_write_lock|sb_wait_write"),
    (
        "rwsem",
        "reader",
        r"_{0,2}(?:down_read|mmap_read_(?:try)?lock)|class_rwsem_read\w*_constructor",
    ),
    ("rwsem", "writer", r"_{0,2}(?:down_write|mmap_write_lock)|class_rwsem_write\w*_constructor"),
    ("rwsem", "reader", r"ldsem_down_read|__ldsem_down_read"),
    ("rwsem", "writer", r"ldsem_down_write|__ldsem_down_write"),
    ("srcu", "reader", r"_{0,2}srcu_(?:read_lock|lock_acquire)"),
    ("srcu", "waits", r"_{0,2}synchronize_srcu|srcu_lock_sync|srcu_barrier"),
    ("mutex", "exclusive", r"_{0,2}lock_sock(?:_nested|_fast)?$"),
    ("completion", "waits", r"_{0,2}wait_for_(?:completion|common)"),
    (
        "work",
        "waits",
        r"_{0,2}(?:flush_(?:work|delayed_work)|cancel_(?:delayed_)?work|start_flush)",
    ),
    ("work", "waits", r"_{0,2}(?:touch_work_lockdep_map|touch_wq_lockdep_map)"),
    ("workqueue", "waits", r"_{0,2}(?:flush|drain|destroy)_workqueue"),
    ("reclaim", "enters", r"_{0,2}fs_reclaim_acquire|_{0,2}might_alloc|slab_pre_alloc_hook"),
    ("rwsem", "reader", r"_{0,2}might_fault"),
)
KNOWN = tuple((kind, mode, re.compile(pattern)) for kind, mode, pattern in PRIMITIVES)
TRYLOCK = re.compile(r"\w*try_?lock")
SHOWN = ("work", "workqueue", "completion", "srcu")
"""What waits in a function that says more than its caller."""

WRAPPER = re.compile(
    r"(?:\w+_)?(?:lock|down|begin)(?:_(?:nested|shared|killable|irqsave|irq|bh))*$"
)
WORK = ("(work_completion)", "(wq_completion)")
LOOKED_AT = 16
ABOVE_MAX = 30


@dataclass(frozen=True, slots=True)
class Taking:
    """How a call chain takes a lock: the kind of lock, None if no function tells, and "reader",
    "writer", "exclusive", "waits" or "enters" (which is no lock but an annotation)."""

    kind: str | None = None
    mode: str | None = None
    trylock: bool = False


def taking_of(frames: Iterable[ParsedFrame]) -> Taking:
    """What the lock functions at the beginning of a call chain tell."""
    for frame in _sure(frames):
        for kind, mode, pattern in KNOWN:
            if pattern.match(frame.function):
                return Taking(kind, mode, TRYLOCK.match(frame.function) is not None)
        if not VALIDATOR.match(frame.function):
            break
    return Taking()


def acquiring(backtrace: Frames) -> Frames:
    """The part of a backtrace that takes a lock, without the validator's own functions; empty if
    it does not take one, but switches interrupts on, say."""
    for at, frame in enumerate(backtrace[:ABOVE_MAX]):
        if frame.function.startswith("lock_acquire") and not frame.unsure:
            return backtrace[at + 1 :]
    return ()


def site_of(frames: Iterable[ParsedFrame]) -> str | None:
    """The function that wanted the lock: `g(), by f()` where f is but a wrapper of a lock."""
    wrapper = None
    for frame in _sure(frames):
        name = plain(frame.function)
        if not is_primitive(name):
            if wrapper is not None:
                return f"{name}(), by {wrapper}()"
            if not WRAPPER.match(name):
                return f"{name}()"
            wrapper = name
    return f"{wrapper}()" if wrapper is not None else None


def is_primitive(function: str) -> bool:
    """Does a function belong to the validator or to a lock itself?"""
    if VALIDATOR.match(function):
        return True
    return any(pattern.match(function) for kind, _mode, pattern in KNOWN if kind not in SHOWN)


def plain(function: str) -> str:
    """A function's name without what a compiler adds to it: `f.part.0`."""
    return function.partition(".")[0] or function


def begins_work(frames: Iterable[ParsedFrame]) -> bool:
    """Is a map of a work item or a workqueue taken by the worker itself, who begins to run it?"""
    names = [plain(frame.function) for frame in _sure(frames)]
    outside = [name for name in names if not VALIDATOR.match(name)][:2]
    return any(name in ("process_one_work", "process_scheduled_works") for name in outside)


def place_of(lock: ParsedLock) -> str | None:
    """The function in which a lock line says that it was taken."""
    if lock.at is None:
        return None
    # what is inlined into a worker's function are stores beside the map
    frames = (lock.at,) if lock.name.startswith(WORK) else (*lock.inlined, lock.at)
    return site_of(frames) or f"{plain(lock.at.function)}()"


def _sure(frames: Iterable[ParsedFrame]) -> list[ParsedFrame]:
    return [frame for frame in frames if not frame.unsure][:LOOKED_AT]
