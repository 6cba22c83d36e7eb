"""From the steps of one task to threads that do the same at the same time.

The validator infers from one task's steps what several CPUs could do.  Here that is tried out: the
steps are cut where the task holds nothing and has interrupts on, and each piece that takes a lock
of the predicted cycle becomes a thread of its own; what it does in an interrupt becomes a handler,
which may come on top of each of the threads, and of an idle CPU.  What is tried:

1. the pieces, each once;
2. and for each lock that a piece takes as a fair reader, a thread that takes it as a writer, since
   such a reader waits for no other reader, but for a writer that is queued;
3. and the pieces once more with the locks of each class in the other order, since the validator
   tells no two of them apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lockwright.program.document import Document
from lockwright.program.program import Program
from lockwright.program.selftest import SelfTest, is_for_us
from lockwright.program.threadops import METHODS
from lockwright.program.threads import read_threads

IDLE = "idle"
MADE = ":sections"
"""What a made program is called, after the name of the one with the steps; a number follows."""
NO_LOCKS = ("rcu", "rcu_bh", "rcu_sched")
"""Types that nobody waits for as long as nobody synchronises."""
SWITCHES = {
    "hardirq_disable": "irq_off",
    "hardirq_enable": "irq_on",
    "softirq_disable": "bh_off",
    "softirq_enable": "bh_on",
}
ENTERS = {
    "hardirq_enter": "hardirq",
    "hardirq_enter_nothread": "hardirq",
    "softirq_enter": "softirq",
}
EXITS = ("hardirq_exit", "softirq_exit")
SILENT = (
    *("init", "assert_class_name_unchanged"),
    *("ww_acquire_init", "ww_acquire_done", "ww_acquire_fini"),
)
"""What a thread need not do: it waits for nobody, and nobody for it."""
LOCKS = {
    "ww_lock": "lock",
    "ww_base_lock": "lock",
    "ww_base_lock_interruptible": "lock",
    "ww_base_lock_killable": "lock",
    "ww_base_lock_nest": "lock",
}
UNLOCKS = ("unlock", "ww_unlock", "ww_base_unlock")
TRYLOCKS = ("ww_trylock", "ww_base_trylock")
READS = {"rwlock": {"r": "rlock", "R": "rrlock"}, "rwsem": {"r": "rlock", "R": "rlock"}}
END = "end"


class Unfit(Exception):  # no error of anybody
    """The steps cannot be done by threads; says why."""


@dataclass(slots=True)
class Piece:
    """What one thread or handler does.  `held` has its locks, and how each was taken, `taken` all
    that it has taken, `contexts` those of ww mutexes."""

    context: str = ""
    steps: list[list[Any]] = field(default_factory=list)
    held: list[tuple[str, str]] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    contexts: dict[str, str | None] = field(default_factory=dict)
    irqs_off: bool = False
    bhs_off: int = 0

    @property
    def at_rest(self) -> bool:
        """Does it hold nothing, with interrupts on?"""
        return not (self.held or self.irqs_off or self.bhs_off)

    def closed(self) -> Piece:
        """The same, with what is still held released."""
        steps = [list(step) for step in self.steps]
        steps += [[unlock_of(op), lock] for lock, op in reversed(self.held)]
        steps += [["irq_on"]] if self.irqs_off else []
        steps += [["bh_on"]] * self.bhs_off
        if any(step[-1] == END for step in steps):
            steps.append(["label", END])
        return replace(self, steps=steps)


@dataclass(frozen=True, slots=True)
class Attempted:
    """One program to explore: `what` says what it is of."""

    number: int
    what: str
    program: Program


def unlock_of(op: str) -> str:
    """The end of what this took."""
    return {"rlock": "runlock", "rrlock": "runlock", "wlock": "wunlock"}.get(op, "unlock")


def attempts(test: SelfTest, cycle: Sequence[str]) -> Iterator[Attempted]:
    """The programs to try, the smallest first.  Raises Unfit."""
    pieces = [piece for piece in _pieces(test) if _is_about(test, piece, cycle)]
    if not pieces:
        raise Unfit(f"nobody ever waits for {' or '.join(cycle)}")
    writers = _writers(test, pieces, cycle)
    swapped = _swapped(test, pieces)
    each = "each section of the steps at the same time"
    yield _attempt(test, 1, each, pieces)
    if writers:
        each += ", and a writer for each lock that is taken by a fair reader"
        yield _attempt(test, 2, each, [*pieces, *writers])
    if swapped:
        each += ", and the sections with the locks of each class in the other order"
        yield _attempt(test, 3, each, [*pieces, *writers, *swapped])


def attempt_numbered(test: SelfTest, number: int) -> Program | None:
    """The program that has this number, for the validator's first report."""
    report = test.play().report
    cycle = tuple(getattr(report, "cycle", ()))
    try:
        tried = list(attempts(test, cycle)) if cycle else []
    except Unfit:
        return None
    return next((each.program for each in tried if each.number == number), None)


def _is_about(test: SelfTest, piece: Piece, cycle: Sequence[str]) -> bool:
    classes = {name.partition("/")[0].partition("#")[0] for name in cycle}
    return any(test.locks[lock][1] in classes for lock, _ in piece.taken)


def _attempt(test: SelfTest, number: int, what: str, pieces: Sequence[Piece]) -> Attempted:
    threads: dict[str, list[list[Any]]] = {}
    irq: dict[str, dict[str, Any]] = {}
    for piece in pieces:
        name = f"CPU{len(threads) - len(irq)}"
        if piece.context:
            name = f"{piece.context}{len(irq)}"
            irq[name] = {"context": piece.context}
        threads[name] = piece.steps
    on = [name for name in threads if name not in irq]
    if irq:
        threads[IDLE] = [["mb"]]
    used = {step[1] for steps in threads.values() for step in steps if len(step) > 1}
    data = {
        "locks": {name: kind for name, (kind, _) in test.locks.items() if name in used},
        "classes": {name: _class(*told) for name, told in test.locks.items() if name in used},
        "threads": threads,
        "irq": {name: {"on": [*on, IDLE], **told} for name, told in irq.items()},
    }
    origin = test.document
    document = Document(origin.place, origin.name, "threads", data, origin.digest)
    return Attempted(number, what, replace(read_threads(document), made=f"{MADE}{number}"))


def _class(kind: str, cls: str) -> str:
    """What the form with "threads" calls a class: of ww mutexes it names their ww_class."""
    return cls.removesuffix("_mutex") if kind == "ww_mutex" else cls


# The pieces


def _pieces(test: SelfTest) -> list[Piece]:
    """What the task does between two moments of rest, and its handlers, each once."""
    done: list[Piece] = []
    current = Piece()
    beneath: list[Piece] = []
    for _, (op, lock, mode, info) in test.steps:
        if not is_for_us(info):
            continue
        if op in ENTERS:
            beneath.append(current)
            current = Piece(ENTERS[op])
            continue
        if op in EXITS:
            done.append(current)
            current = beneath.pop() if beneath else Piece()
            continue
        _add(test, current, op, (lock, mode, info or {}))
        if current.at_rest and not beneath:
            done.append(current)
            current = Piece()
    found: list[Piece] = []
    for piece in (each.closed() for each in (*done, *beneath, current)):
        known = [(each.context, each.steps) for each in found]
        if piece.taken and (piece.context, piece.steps) not in known:
            found.append(piece)
    return found


def _add(
    test: SelfTest, piece: Piece, op: str, told: tuple[str | None, str | None, Mapping[str, Any]]
) -> None:
    """One step more."""
    lock, mode, info = told
    if op in SWITCHES:
        piece.steps.append([SWITCHES[op]])
        if op.startswith("hardirq"):
            piece.irqs_off = op.endswith("disable")
        else:
            piece.bhs_off += 1 if op.endswith("disable") else -1
    elif op in SILENT:
        return
    elif lock is None or op not in ("lock", *LOCKS, *UNLOCKS, *TRYLOCKS):
        raise Unfit(f"there are no threads that could do {op}")
    elif op in UNLOCKS:
        _unlock(piece, lock)
    elif test.locks[lock][0] not in NO_LOCKS and info.get("result") in (None, 0, 1):
        _lock(test, piece, lock, ("trylock" if op in TRYLOCKS else mode, info))


def _lock(
    test: SelfTest, piece: Piece, lock: str, how: tuple[str | None, Mapping[str, Any]]
) -> None:
    mode, info = how
    kind = test.locks[lock][0]
    context = info.get("nest") if kind == "ww_mutex" else None
    if context is not None and any(piece.contexts.get(held) == context for held, _ in piece.held):
        raise Unfit("a ww mutex that is not the first of its context backs off where it has to")
    piece.contexts[lock] = context
    if mode == "trylock":
        if info.get("result") == 0:
            return
        piece.steps.append(["trylock", lock, END])
        if piece.held:
            raise Unfit("what the steps do when the trylock fails they do not say")
        op = "lock"
    else:
        op = READS.get(kind, {}).get(mode or "W", "wlock" if kind in READS else "lock")
        if (mode not in (None, "W") and kind not in READS) or kind not in METHODS[op]:
            raise Unfit(f"no thread can take a {kind} like that")
        piece.steps.append([op, lock])
    piece.held.append((lock, op))
    piece.taken.append((lock, op))


def _unlock(piece: Piece, lock: str) -> None:
    at = next((n for n in range(len(piece.held) - 1, -1, -1) if piece.held[n][0] == lock), None)
    if at is not None:
        piece.steps.append([unlock_of(piece.held.pop(at)[1]), lock])


# What is added


def _writers(test: SelfTest, pieces: Sequence[Piece], cycle: Sequence[str]) -> list[Piece]:
    """A writer for each lock of the cycle that somebody takes as a fair reader."""
    read = {lock: None for piece in pieces for lock, op in piece.taken if op == "rlock"}
    found = []
    for lock in read:
        piece = Piece(steps=[["wlock", lock], ["wunlock", lock]], taken=[(lock, "wlock")])
        if test.locks[lock][0] == "rwlock":  # whoever spins may do so with interrupts off
            piece.steps = [["irq_off"], *piece.steps, ["irq_on"]]
        if _is_about(test, piece, cycle):
            found.append(piece)
    return found


def _swapped(test: SelfTest, pieces: Sequence[Piece]) -> list[Piece]:
    """The threads that take several locks of one class, with these in the other order."""
    found = []
    for piece in pieces:
        by_class: dict[str, dict[str, None]] = {}
        for lock, _ in piece.taken:
            by_class.setdefault(test.locks[lock][1], {})[lock] = None
        other: dict[Any, str] = {}
        for locks in by_class.values():
            if len(locks) > 1:
                other.update(zip(locks, reversed(list(locks)), strict=True))
        if other and not piece.context:
            steps = [[op, *(other.get(each, each) for each in on)] for op, *on in piece.steps]
            found.append(replace(piece, steps=steps))
    return found
