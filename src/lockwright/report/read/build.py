"""From a draft to the report: names from wherever they stand, and what is missing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from lockwright.report.read.draft import Draft, EntryDraft
from lockwright.report.read.early import is_early, renew, undecided
from lockwright.report.read.edges import edges_of
from lockwright.report.read.missing import missing
from lockwright.report.read.parsed import (
    Frames,
    Layout,
    ParsedDump,
    ParsedEntry,
    ParsedReport,
    ParsedState,
)

IDENT = re.compile(
    r"(\S{1,160})(?: +(#\S{1,40}))?(?:.{0,60}?)?(?: +(Not tainted|Tainted: .{1,60}))?$"
)
CPU = re.compile(
    r"CPU: +\d{1,5} (?:UID: \d{1,10} )?PID: (\d{1,9}) Comm: (.{1,64}?) +((?:Not t|T)ainted.*)$"
)
PID = re.compile(r"Pid: (\d{1,9}), comm: (.{1,64}?) +((?:Not t|T)ainted.*)$")
BUILD = re.compile(
    r"(Not tainted|Tainted: [A-Z()\- ]{1,40}?) +(\(?\d\S{1,120}|syzkaller) +(#\S{1,40})"
)
ARCHES = (
    (
        "x86",
        ("entry_SYSCALL", "asm_", "do_syscall_64", "x86_", "secondary_startup_64", "sysenter_"),
    ),
    ("arm64", ("el0_", "el1_", "el0t_", "el1h_", "__arm64_", "el0t", "el1t")),
    ("arm", ("ret_fast_syscall", "unwind_backtrace", "__irq_svc", "__dabt_svc")),
    ("riscv", ("ret_from_exception", "do_trap_ecall", "__riscv_")),
    ("powerpc", ("system_call_exception", "system_call_common", "ret_from_kernel_thread_scv")),
    ("s390", ("__s390x_", "__s390_", "system_call_irq")),
)
WIDE = 16


@dataclass(frozen=True, slots=True)
class Origin:
    """Who and what kernel a report names."""

    comm: str | None
    pid: int | None
    release: str | None
    version: str | None
    taint: str | None


def build(draft: Draft) -> ParsedReport | None:
    """The report; None if not even its kind can be told."""
    draft.kind = _kind(draft)
    if draft.kind == "unknown":
        return None
    origin = _origin(draft)
    early = is_early(draft, origin.release)
    if early:
        renew(draft)
    named = origin.comm is not None
    return ParsedReport(
        kind=draft.kind,
        title=draft.title,
        lines=(draft.first, draft.last),
        comm=origin.comm,
        pid=origin.pid,
        release=origin.release,
        version=origin.version,
        taint=origin.taint,
        arch=_arch(draft),
        new_lock=draft.locks.get("new"),
        held_lock=draft.locks.get("held"),
        chain=tuple(_entry(entry) for entry in draft.chain),
        exists=_exists(draft),
        scenario=_scenario(draft),
        held=tuple(draft.held),
        held_count=draft.held_count,
        edges=edges_of(draft),
        usage=draft.usage,
        irqs=draft.irqs,
        states=tuple(_state(draft, role, state) for role, state in draft.states),
        dumps={name: tuple(_dump(e) for e in entries) for name, entries in draft.dumps.items()},
        trace=tuple(draft.trace),
        backtrace=tuple(line.frame for line in draft.trace if line.frame is not None),
        missing=missing(draft, named=named, release=origin.release),
        extra=_extra(draft),
        layout=replace(_layout(draft), early=early, undecided=undecided(draft, origin.release)),
    )


def _kind(draft: Draft) -> str:
    """Of a report without headline: by what only one kind prints."""
    if draft.kind != "unknown":
        return draft.kind
    if draft.chain or draft.found & {"depends", "chain", "exists"}:
        return "circular"
    if "nesting" in draft.found or draft.cpus == 1:
        return "recursive"
    if "new" in draft.locks and "held" in draft.locks:  # a class taken twice is never a cycle's
        same = draft.locks["new"].name == draft.locks["held"].name
        return "recursive" if same else "circular"
    if "context" in draft.found:
        return "wait_context"
    return "nested_not_taken" if "nest" in draft.found else "unknown"


def _origin(draft: Draft) -> Origin:
    comm, pid = draft.comm, draft.pid
    release = version = taint = None
    match = IDENT.match(" ".join(draft.ident)) if draft.ident else None
    if match is not None:
        release, version, taint = match[1], match[2], match[3]
    for line in draft.trace:
        header = CPU.match(line.text) or PID.match(line.text) if line.frame is None else None
        if header is None:
            continue
        if comm is None:
            comm, pid = header[2], int(header[1])
        built = BUILD.match(header[3])
        if built is not None and release is None:
            release, version, taint = built[2], built[3], built[1].rstrip()
        break
    return Origin(comm, pid, release, version, taint and taint.rstrip())


def _arch(draft: Draft) -> str | None:
    functions = [line.frame.function for line in draft.trace if line.frame is not None]
    functions += [frame.function for entry in draft.chain for frame in entry.frames]
    for arch, starts in ARCHES:
        if any(function.startswith(starts) for function in functions):
            return arch
    if any(line.frame is not None and line.frame.origin for line in draft.trace):
        return "arm"
    texts = {line.text.partition(" ")[0] for line in draft.trace if line.frame is None}
    return "x86" if "RIP:" in texts else None


def _entry(entry: EntryDraft) -> ParsedEntry:
    lock = entry.lock
    return ParsedEntry(entry.number, lock.name, lock.usage, lock.wait, tuple(entry.frames))


def _dump(entry: EntryDraft) -> ParsedDump:
    lock = entry.lock
    acquired: Frames | None = None if entry.acquired is None else tuple(entry.acquired)
    usages = tuple((bit, tuple(frames)) for bit, frames in entry.usages)
    return ParsedDump(
        entry.number,
        lock.name,
        lock.usage,
        lock.wait,
        entry.operations,
        usages,
        entry.key,
        acquired,
    )


def _state(draft: Draft, role: str, state: str) -> ParsedState:
    lock = draft.locks.get(f"state:{role}")
    if role == "registered":
        lock = draft.locks.get("new")
    return ParsedState(role, state, lock, tuple(draft.state_frames.get(role, ())))


def _exists(draft: Draft) -> tuple[str, ...]:
    text = " ".join(draft.exists)
    return tuple(name.strip() for name in text.split("-->") if name.strip())


def _scenario(draft: Draft) -> tuple[tuple[int | None, str], ...]:
    """Who does what.  Where a mailer ate the blanks, four lines of two CPUs are in known order."""
    lines = draft.scenario
    if any(indent >= WIDE for indent, _ in lines):
        return tuple((int(indent >= WIDE), text) for indent, text in lines)
    if draft.cpus == 1:
        return tuple((0, text) for _, text in lines)
    if draft.kind == "circular" and draft.cpus == 2 and len(lines) == 4:
        return tuple((cpu, text) for cpu, (_, text) in zip((0, 1, 1, 0), lines, strict=True))
    return tuple((None, text) for _, text in lines)


def _extra(draft: Draft) -> dict[str, object]:
    extra = {key: value for key, value in draft.extra.items() if key != "detail"}
    if draft.kind == "dept":
        extra.pop("context", None)
    if draft.dependency is not None:
        extra["dependency"] = draft.dependency
    return extra


def _layout(draft: Draft) -> Layout:
    indents = [indent for indent, _ in draft.scenario if indent >= WIDE]
    return Layout(
        rulers=(draft.rulers[0], draft.rulers[1]),
        ident=" ".join(draft.ident),
        gaps=dict(draft.gaps),
        indent=7 if draft.indent is None else draft.indent,
        held_indent=draft.held_indent,
        columns=indents[0] if indents else 31,
    )
