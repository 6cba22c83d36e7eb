"""A circle of lock orders as threads: each takes one lock of it with the one before held.

A work item is a thread of its own, which whoever waits for it queues first.  What nobody waits for
(reclaim, the beginning of a work item, a context of ww mutexes) joins the two orders that it stands
between into one thread, which does both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lockwright.core.location import Value
from lockwright.program.rebuilt_locks import (
    LOCKS,
    READ,
    SHARED,
    UNTOLD,
    WRITE,
    Draft,
    Kinds,
    add_writer,
    declare,
    kinds_of,
    mode_of,
    release,
    seen_mode,
    take,
    usages_of,
)
from lockwright.report.read.parsed import Frames, ParsedReport
from lockwright.report.words_frames import begins_work, plain, taking_of

Steps = list[list[Value]]
ORDERS_MAX = 40


@dataclass(frozen=True, slots=True)
class Order:
    """One order of the circle.  `frames` take it, `holder` is how the first is held where the
    report tells."""

    label: str
    held: str
    taken: str
    frames: Frames
    holder: str = UNTOLD


def orders_of(report: ParsedReport) -> list[Order] | str:
    """The orders in the circle's own direction; or why there is no whole circle."""
    chain = sorted(report.chain, key=lambda entry: entry.number)
    if not chain:
        return "the chain of orders is missing, so how the locks depend on one another is not told"
    numbers = [entry.number for entry in chain]
    if numbers != list(range(len(chain))) or len(chain) < 2:
        return "entries of the chain are missing, so it is no circle"
    if len({entry.name for entry in chain}) < len(chain):
        return "a class stands in the chain twice, so entries are damaged"
    if len(chain) > ORDERS_MAX:
        return f"the circle has more than {ORDERS_MAX} locks"
    orders = [
        Order(f"#{entry.number}", chain[entry.number - 1].name, entry.name, entry.frames)
        for entry in chain[1:]
    ]
    comm = f" {report.comm}" if report.comm else ""
    frames = chain[0].frames or report.backtrace
    orders.append(Order(f"#0{comm}", chain[-1].name, chain[0].name, frames, _holder(report)))
    return orders


def _holder(report: ParsedReport) -> str:
    """How the task that was reported holds its lock, where the text tells."""
    steps = [text for _, text in report.scenario]
    if steps and steps[0].startswith("rlock("):
        return READ
    lock = report.held_lock
    if lock is not None and lock.at is not None:
        mode = taking_of((*lock.inlined, lock.at)).mode
        if mode in ("reader", "writer"):
            return READ if mode == "reader" else WRITE
    return UNTOLD


def circle(report: ParsedReport) -> Draft | str:
    """The program of a circular report; or why there is none."""
    orders = orders_of(report)
    if isinstance(orders, str):
        return orders
    kinds = kinds_of(report, [(order.taken, order.frames) for order in orders])
    draft = Draft()
    orders = _joined(orders, kinds, draft)
    if len(orders) == 1 and orders[0].held != orders[0].taken:
        return "too little of the circle is left for a program"
    builder = Builder(draft, kinds, usages_of(report), orders)
    for order in orders:
        builder.thread(order)
    return builder.finish()


def _joined(orders: list[Order], kinds: Kinds, draft: Draft) -> list[Order]:
    """Orders whose middle nobody waits for become one."""
    at = 0
    while len(orders) > 1 and at < len(orders):
        first, second = orders[at], orders[(at + 1) % len(orders)]
        if not _passes(first, kinds, draft):
            at += 1
            continue
        both = replace(
            second,
            label=f"{first.label}, {second.label}",
            held=first.held,
            holder=first.holder,
        )
        orders[at] = both
        del orders[(at + 1) % len(orders)]
        at = 0
    return orders


def _passes(order: Order, kinds: Kinds, draft: Draft) -> bool:
    """Is the taken one no wait, but the beginning of something that the same task goes on with?"""
    name, kind = order.taken, kinds.known.get(order.taken)
    functions = [plain(frame.function) for frame in order.frames if not frame.unsure]
    if kind == "reclaim":
        draft.note(f"Nobody waits for {name}: the task that allocates enters reclaim itself.")
        return True
    if kind in ("work", "workqueue"):
        return begins_work(order.frames)
    if "ww_acquire_init" in functions[:4] and name.endswith("_acquire"):
        draft.note(f"Nobody waits for {name}: it is a context of ww mutexes, which begins there.")
        return True
    return False


@dataclass(slots=True)
class Builder:
    """Makes the threads of a circle."""

    draft: Draft
    kinds: Kinds
    usages: dict[str, str]
    orders: list[Order]

    def thread(self, order: Order) -> None:
        """One order: hold, take, and release in the end."""
        draft, label = self.draft, _unique(order.label, self.draft)
        held_kind = self.kinds.of(order.held, draft)
        taken_kind = self.kinds.of(order.taken, draft)
        first, last = self._held(order, held_kind, label)
        wait, done = self._taken(order, taken_kind)
        queue: Steps = [["queue", order.taken]] if wait and wait[0][0] == "flush" else []
        draft.threads[label] = [*queue, *first, *wait, *done, *last]

    def _held(self, order: Order, kind: str, label: str) -> tuple[Steps, Steps]:
        """The steps that hold an order's first lock, and that release it."""
        name = order.held
        if kind in ("work", "workqueue"):
            self.draft.work[name] = label
            return [], []
        if kind == "completion":
            return [], [["complete", name]]
        declare(self.draft, name, kind)
        mode = self.holding(order, kind)
        return take(name, kind, mode), release(name, kind, mode)

    def _taken(self, order: Order, kind: str) -> tuple[Steps, Steps]:
        """The steps that take its second lock, and that release it."""
        name = order.taken
        if kind in ("work", "workqueue"):
            self.draft.note(f"{name}: whoever waits for it queues it first; who does is not told.")
            return [["flush", name]], []
        if kind == "completion":
            return [["wait", name]], []
        declare(self.draft, name, kind)
        mode = self.taking(order, kind)
        if kind == "srcu" and mode == WRITE:
            return [["srcu_sync", name]], []
        return take(name, kind, mode), release(name, kind, mode)

    def taking(self, order: Order, kind: str) -> str:
        """How the order takes its second lock; WRITE where nothing tells."""
        usage = self.usages.get(order.taken)
        mode = mode_of(order.taken, kind, taking_of(order.frames), order.frames, usage)
        return mode or self._assumed(order.taken, "taken")

    def holding(self, order: Order, kind: str) -> str:
        """How the order holds its first lock."""
        if kind not in SHARED:
            return WRITE
        mode = order.holder or seen_mode(self.usages.get(order.held))
        return mode or self._assumed(order.held, "held")

    def _assumed(self, name: str, how: str) -> str:
        self.draft.note(
            f"Whether {name} is {how} as reader or writer, the report does not tell: as writer."
        )
        return WRITE

    def finish(self) -> Draft:
        """Writers for readers who would not wait for one another."""
        takers = {order.taken: order for order in self.orders}
        for order in self.orders:
            kind = self.kinds.known.get(order.held) or self.kinds.guessed.get(order.held, "mutex")
            taker = takers.get(order.held)
            if kind not in SHARED or kind not in LOCKS or taker is None:
                continue
            if self.holding(order, kind) == READ and self.taking(taker, kind) == READ:
                add_writer(self.draft, order.held, kind, self.usages.get(order.held))
        return self.draft


def _unique(label: str, draft: Draft) -> str:
    while label in draft.threads:
        label += "'"
    return label
