"""What to look at before believing a report: in which ways one of its kind can be wrong.

The validator compares classes, remembers orders for ever, and knows nothing of what keeps tasks
apart other than locks.

Source: Documentation/locking/lockdep-design.rst; kernel/locking/lockdep.c.
"""

from __future__ import annotations

import re

from lockwright.report.read.parsed import ParsedFrame, ParsedReport
from lockwright.report.words_frames import plain, site_of, taking_of
from lockwright.report.words_locks import modes_seen

ONCE = re.compile(
    r"do_one_initcall|do_init_module|load_module|start_kernel|kernel_init|really_probe|\w+_probe$"
    r"|\w*fill_super$|mount_bdev|legacy_get_tree|device_add$|rest_init"
)
PREDICTED = ("circular", "recursive", "inconsistent", "irq_order", "irq_inversion")


def doubts(report: ParsedReport) -> list[str]:
    """Questions to ask, each a paragraph; none for a report of something that has happened."""
    if report.kind not in PREDICTED:
        return []
    said = []
    if report.kind == "circular":
        said += _circle(report)
    elif report.kind == "recursive":
        said += _recursive(report)
    else:
        said += _interrupts(report)
    return said


def _circle(report: ParsedReport) -> list[str]:
    said = [*_instances(report), *_once(report), *_readers(report), *_work(report)]
    gates = [lock.name for lock in report.held if lock.name not in _cycle_names(report)]
    if gates:
        said.append(
            f"Gate locks: the task also holds {', '.join(dict.fromkeys(gates))}. If every other "
            "path of the circle runs under one of these as well, held exclusively, they cannot "
            "meet; what the other tasks held beside, the report does not say."
        )
    elif report.chain:
        said.append(
            "Gate locks: if all paths of the circle run under one common lock, they cannot meet; "
            "what the earlier tasks held beside, the report does not say."
        )
    return said


def _cycle_names(report: ParsedReport) -> list[str]:
    names = [entry.name for entry in report.chain]
    return names + [lock.name for lock in (report.held_lock, report.new_lock) if lock is not None]


def _instances(report: ParsedReport) -> list[str]:
    names = dict.fromkeys(name for name in _cycle_names(report) if "->" in name and name[0] != "(")
    if not names:
        return []
    return [
        (
            f"Instances: {', '.join(names)}: each object of that type has such a lock of its own. "
            "Were these, in all the orders, the locks of the same objects? The report tells only "
            "that they are of the same classes."
        )
    ]


def _once(report: ParsedReport) -> list[str]:
    said = []
    for entry in report.chain[:-1]:
        found = _first(entry.frames)
        if found is not None and entry.number:
            said.append(
                f"Time: order #{entry.number} was recorded below {found}(), which looks like "
                "setting something up. Can that still run when the others do?"
            )
    return said


def _first(frames: tuple[ParsedFrame, ...]) -> str | None:
    names = [plain(frame.function) for frame in frames if not frame.unsure]
    return next((name for name in names if ONCE.match(name)), None)


def _readers(report: ParsedReport) -> list[str]:
    said = []
    for entry in report.chain:
        taking = taking_of(entry.frames)
        if taking.mode != "reader":
            continue
        exclusive, _ = modes_seen(entry.usage)
        more = (
            ""
            if exclusive or entry.usage is None or report.layout.undecided
            else " Up to then nobody had taken it exclusively, as far as its usage tells: is there "
            "a writer at all?"
        )
        if taking.kind == "srcu":
            said.append(
                f"Readers: #{entry.number} reads {entry.name}, and readers of SRCU never wait; "
                "only who waits for them to end does."
            )
        else:
            said.append(
                f"Readers: #{entry.number} takes {entry.name} as a reader, who waits only for a "
                f"writer: one that holds it, or one that waits for it.{more}"
            )
    return said


def _work(report: ParsedReport) -> list[str]:
    said = []
    names = dict.fromkeys(entry.name for entry in report.chain)
    for name in names:
        if name.startswith("(work_completion)"):
            said.append(
                f"Work: {name} is a work item. Can it be queued, or run, while somebody waits "
                "for it with those locks held?"
            )
        elif name.startswith("(wq_completion)"):
            said.append(
                f"Work: {name} is a workqueue. Is the item that takes these locks queued there "
                "while somebody waits for the queue?"
            )
        elif name.startswith("fs_reclaim"):
            said.append(
                "Reclaim: can memory reclaim reach the very object whose lock is held over the "
                "allocation? If not, the allocation may say so (memalloc_nofs_save() and others)."
            )
        elif name in ("jbd2_handle", "dma_fence_map") or name.startswith(
            ("kn->active", "s_active", "&q->q_usage_counter", "(completion)", "((complet")
        ):
            said.append(
                f"No lock: {name} is an annotation of something that is waited for. Whether the "
                "wait is really for this other task is for the code to tell."
            )
    return said


def _recursive(report: ParsedReport) -> list[str]:
    new, held = report.new_lock, report.held_lock
    if new is None or held is None:
        return []
    if new.address is not None and new.address == held.address:
        taking = taking_of(report.backtrace)
        said = ["Can this path really be reached with the lock held? The call chain says it was."]
        if taking.mode == "reader":
            said.append(
                "Readers: a second reader waits only if a writer came in between; but then it "
                "hangs for good."
            )
        return said
    return [
        (
            "Order: do these locks have an order by nature (parent before child, by address)? Then "
            "the inner one needs an annotation: mutex_lock_nested() and its like, a class of its "
            "own, or a function that compares."
        ),
        "If there is none, look for a second path that takes such a pair the other way round.",
    ]


def _interrupts(report: ParsedReport) -> list[str]:
    said = []
    if report.kind == "inconsistent":
        said.append(
            "Instances: both uses are of one class. Is the lock that the handler takes ever the "
            "lock of the same object?"
        )
    else:
        said.append(
            "Instances: do the orders concern the same objects, and is the handler's lock the lock "
            "of such an object?"
        )
    usage = "".join(report.usage or ())
    if "RECLAIM" not in usage and "NMI" not in usage:
        said.append(
            "Handler: is the handler installed, and its interrupt on, while the other path runs? A "
            "lock that a handler takes needs _irqsave or _bh wherever else it is taken."
        )
    for state in report.states:
        found = _first(state.frames)
        if found is not None:
            site = site_of(state.frames)
            said.append(
                f"Time: one use{f' (in {site})' if site else ''} was recorded below {found}(), "
                "which looks like setting something up. Could the interrupt come then?"
            )
    return said
