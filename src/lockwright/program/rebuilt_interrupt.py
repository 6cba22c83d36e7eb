"""Reports of interrupts as threads: a task with a lock, a handler on top of it that wants one.

The handler of a lock that is taken in interrupts may come while a task holds, with interrupts on,
the lock that the orders lead to.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.location import Value
from lockwright.program.rebuilt_cycle import Builder, Order
from lockwright.program.rebuilt_locks import (
    READ,
    SHARED,
    SPINNING,
    UNTOLD,
    WRITE,
    Draft,
    Kinds,
    add_writer,
    declare,
    kinds_of,
    release,
    take,
    usages_of,
)
from lockwright.report.read.parsed import Frames, ParsedEdge, ParsedReport
from lockwright.report.words_deadlocks import holding_words
from lockwright.report.words_frames import acquiring, site_of, taking_of

NO_LOCKS = ("work", "workqueue", "completion", "reclaim")
CONTEXTS = {"HARDIRQ": "hardirq", "SOFTIRQ": "softirq"}
TASK, HANDLER = "task", "handler"
PATH_MAX = 40


def inconsistent(report: ParsedReport) -> Draft | str:
    """One lock, taken by a task with interrupts on and by a handler."""
    if report.new_lock is None or report.usage is None:
        return "the lock, or its two states, are missing"
    bits = {bit.startswith("IN-"): bit for bit in report.usage}
    if len(bits) < 2 or _state(bits[True]) not in CONTEXTS or _state(bits[False]) not in CONTEXTS:
        return f"the states {' and '.join(report.usage)} are not of an interrupt and a task"
    name = report.new_lock.name
    registered = next((s.frames for s in report.states if s.role == "registered"), ())
    found = (acquiring(report.backtrace), registered)
    takings = [(name, frames) for frames in found if frames]
    told = list(dict.fromkeys(kind for _, each in takings if (kind := taking_of(each).kind)))
    if len(told) > 1:
        return f"{name} is taken once as a {told[0]} and once as a {told[1]}: no one lock is both"
    kinds = _kinds(report, takings)
    draft = Draft()
    kind = kinds.of(name, draft)
    if kind in NO_LOCKS:
        return f"{name} is an annotation that no lock can stand in for"
    if kind not in SPINNING:
        return f"{name} is a {kind}, and an interrupt cannot wait for that, whoever holds it"
    declare(draft, name, kind)
    inside, outside = (_mode(bits[each]) for each in (True, False))
    draft.threads[TASK] = _section(name, kind, outside)
    draft.threads[HANDLER] = _section(name, kind, inside, handler=True)
    draft.irq[HANDLER] = {"on": TASK, "context": CONTEXTS[_state(bits[True])]}
    return draft


def _kinds(report: ParsedReport, takings: Sequence[tuple[str, Frames]]) -> Kinds:
    """What each class is; a class that an interrupt takes spins, whatever else may be unknown."""
    kinds = kinds_of(report, takings)
    for name, kind in list(kinds.guessed.items()):
        if kind not in SPINNING:
            kinds.guessed[name] = "rwlock" if kind in SHARED else "spinlock"
    return kinds


def _state(bit: str) -> str:
    """HARDIRQ or SOFTIRQ of a usage bit or a state."""
    return bit.removeprefix("IN-").partition("-")[0]


def _mode(bit: str) -> str:
    return READ if bit.endswith("-R") else WRITE


def _section(name: str, kind: str, mode: str, *, handler: bool = False) -> list[list[Value]]:
    return [*take(name, kind, mode, handler=handler), *release(name, kind, mode)]


def ordered(report: ParsedReport) -> Draft | str:
    """A path of orders from a lock of an interrupt to one that is held with interrupts on."""
    ends = _ends(report)
    if isinstance(ends, str):
        return ends
    safe, unsafe, state = ends
    path = _path(report.edges, safe, unsafe)
    if path is None:
        return f"the orders from {safe} to {unsafe} are not all there"
    kinds = _kinds(report, [(edge.taken, edge.frames) for edge in path] + _seen(report, safe))
    draft = Draft()
    if kinds.of(safe, draft) not in SPINNING:
        return f"{safe} is a {kinds.of(safe, draft)}, and an interrupt cannot wait for that"
    orders = [
        Order(f"order {at}", edge.held, edge.taken, edge.frames) for at, edge in enumerate(path, 1)
    ]
    builder = Builder(draft, kinds, usages_of(report), orders)
    for order in orders:
        builder.thread(order)
        site = site_of(order.frames)
        where = f", in {site}" if site else ""
        draft.roles[order.label] = f"{order.taken} is taken with {order.held} held{where}"
        _interrupts_off(draft, order, kinds)
    _interrupted(report, builder, (safe, unsafe), CONTEXTS[state])
    builder.finish()
    return draft


def _ends(report: ParsedReport) -> tuple[str, str, str] | str:
    """The lock of the interrupt, the one that is held with interrupts on, and which interrupt."""
    roles = {each.role: each for each in report.states if each.lock is not None}
    if report.kind == "irq_order":
        safe, unsafe = roles.get("safe"), roles.get("unsafe")
        if safe is None or unsafe is None or safe.lock is None or unsafe.lock is None:
            return "the safe or the unsafe lock is missing"
        found = safe.lock.name, unsafe.lock.name, _state(safe.state)
    else:
        other = roles.get("other")
        if other is None or other.lock is None or report.new_lock is None:
            return "one of the two locks is missing"
        pair = report.new_lock.name, other.lock.name
        if not report.extra.get("forwards", True):
            pair = pair[1], pair[0]
        found = *pair, _state(other.state)
    return found if found[2] in CONTEXTS else f"{found[2]} is no interrupt"


def _path(edges: Sequence[ParsedEdge], first: str, last: str) -> list[ParsedEdge] | None:
    """The shortest way from one class to another; None if there is none."""
    ways: dict[str, list[ParsedEdge]] = {first: []}
    queue = [first]
    for name in queue:
        for edge in edges:
            if edge.held == name and edge.taken not in ways and len(ways[name]) < PATH_MAX:
                ways[edge.taken] = [*ways[name], edge]
                queue.append(edge.taken)
    return ways.get(last) or None


def _seen(report: ParsedReport, name: str) -> list[tuple[str, Frames]]:
    """Call chains that took a class which no order takes."""
    found = [(name, frames) for each in _dumps(report, name) for _, frames in each]
    for state in report.states:
        if state.lock is not None and state.lock.name == name and state.frames:
            found.append((name, state.frames))
    return found


def _dumps(report: ParsedReport, name: str) -> list[tuple[tuple[str, Frames], ...]]:
    return [dump.usages for dumps in report.dumps.values() for dump in dumps if dump.name == name]


def _interrupts_off(draft: Draft, order: Order, kinds: Kinds) -> None:
    """The path's own tasks keep interrupts off, as in the table of the report."""
    if all(kinds.of(name, draft) in SPINNING for name in (order.held, order.taken)):
        steps = draft.threads[order.label]
        draft.threads[order.label] = [["irq_off"], *steps, ["irq_on"]]


def _interrupted(
    report: ParsedReport, builder: Builder, ends: tuple[str, str], context: str
) -> None:
    """The task that holds the unsafe lock, and the handler on top of it that wants the safe one."""
    draft, kinds = builder.draft, builder.kinds
    safe, unsafe = ends
    inside = _mode_in(report, safe, context)
    safe_kind, unsafe_kind = kinds.of(safe, draft), kinds.of(unsafe, draft)
    declare(draft, safe, safe_kind)
    if unsafe_kind in ("work", "workqueue"):
        draft.work[unsafe] = TASK
        draft.threads[TASK] = [["set", "running", 1]]
    else:
        declare(draft, unsafe, unsafe_kind)
        told = _mode_on(report, unsafe, context)
        mode = builder.holding(Order(TASK, unsafe, "", (), told), unsafe_kind)
        draft.threads[TASK] = _section(unsafe, unsafe_kind, mode)
        last = next(order for order in builder.orders if order.taken == unsafe)
        if READ == mode == builder.taking(last, unsafe_kind) and unsafe_kind in SHARED:
            add_writer(draft, unsafe, unsafe_kind, builder.usages.get(unsafe))
    draft.roles[TASK] = f"{holding_words(unsafe)} with interrupts on"
    draft.roles[HANDLER] = f"the {context} handler on top of it, which takes {safe}"
    draft.threads[HANDLER] = _section(safe, safe_kind, inside, handler=True)
    draft.irq[HANDLER] = {"on": TASK, "context": context}


def _mode_on(report: ParsedReport, name: str, context: str) -> str:
    """How a task holds the lock with interrupts on; UNTOLD where both ways were seen, or none."""
    state = context.upper()
    bits = [bit for usages in _dumps(report, name) for bit, _ in usages]
    modes = [mode for end, mode in (("W", WRITE), ("R", READ)) if f"{state}-ON-{end}" in bits]
    return modes[0] if len(modes) == 1 else UNTOLD


def _mode_in(report: ParsedReport, name: str, context: str) -> str:
    """How the handler takes its lock."""
    state = context.upper()
    bits = [bit for usages in _dumps(report, name) for bit, _ in usages]
    if f"IN-{state}-W" not in bits and f"IN-{state}-R" in bits:
        return READ
    frames = next((frames for _, frames in _seen(report, name)), ())
    return READ if not bits and taking_of(frames).mode == "reader" else WRITE
