"""The reports that predict a deadlock, in words: circles, recursion, interrupts.

Each function gives the paragraphs of one report: what was seen, and why it can deadlock.
"""

from __future__ import annotations

from lockwright.report.read.parsed import ParsedEntry, ParsedLock, ParsedReport, ParsedState
from lockwright.report.words_frames import (
    WORK,
    Taking,
    begins_work,
    place_of,
    site_of,
    taking_of,
)

HOW = {
    ("reclaim", "enters"): "memory reclaim can be entered",
    ("work", "waits"): "is waited for, until that work is done,",
    ("workqueue", "waits"): "is waited for, until the work queued there is done,",
    ("completion", "waits"): "is waited for",
    ("srcu", "waits"): "is waited for, until its readers are gone,",
}
STATES = {"HARDIRQ": "hard interrupt", "SOFTIRQ": "soft interrupt", "RECLAIM_FS": "memory reclaim"}
RECLAIM = ("fs_reclaim", "mmu_notifier_invalidate_range_start")
COMPLETIONS = ("(completion)", "((complet")
ENABLED = {
    "HARDIRQ": "hard interrupts on",
    "SOFTIRQ": "soft interrupts on",
    "RECLAIM_FS": "allocations that may enter reclaim",
}


def who_of(report: ParsedReport) -> str:
    """The task that was reported."""
    if report.comm is None:
        return "a task that the text does not name"
    return report.comm if report.pid is None else f"{report.comm}/{report.pid}"


def taken_words(name: str, taking: Taking, *, begins: bool) -> str:
    """`X is taken as a reader`: what a call chain did with a lock."""
    said = HOW.get((taking.kind or "", taking.mode or ""))
    if said is not None and said.startswith("memory"):
        return f"{said} ({name})"
    if said is None and name.startswith(WORK):
        said = "begins to run" if begins else "is waited for"
    if said is None:
        role = f" as a {taking.mode}" if taking.mode in ("reader", "writer") else ""
        said = f"is tried{role}" if taking.trylock else f"is taken{role}"
    return f"{name} {said}"


def order_of(report: ParsedReport, entry: ParsedEntry) -> str:
    """What one entry of a chain tells, as a sentence."""
    below = next((each for each in report.chain if each.number == entry.number - 1), None)
    taking, site = taking_of(entry.frames), site_of(entry.frames)
    where = f" in {site}" if site else ""
    said = taken_words(entry.name, taking, begins=begins_work(entry.frames))
    if entry.number == 0:
        held = report.held_lock.name if report.held_lock else report.chain[0].name
        return f"#0, now: {said}{where} with {held} held, by {who_of(report)}"
    if below is None:
        return f"#{entry.number}: {said}{where}; with what held, the text does not show"
    if below.name.startswith(COMPLETIONS):
        # what is printed then are the frames of complete(), not those of the lock
        return f"#{entry.number}, earlier: {said} by the task that completes {below.name}"
    return f"#{entry.number}, earlier: {said}{where} with {below.name} held"


def circular(report: ParsedReport) -> list[str]:
    who, new, held = who_of(report), report.new_lock, report.held_lock
    said = []
    if new is not None and held is not None:
        wants, holds = place_of(new), place_of(held)
        said.append(
            f"{who} wants {new.name}{_in(wants)}, and holds {held.name}"
            f"{f', taken in {holds}' if holds else ''}. The opposite order had been seen before, "
            f"{'directly' if len(report.chain) == 2 else 'over other locks'}."
            if report.chain
            else f"{who} wants {new.name}{_in(wants)}, and holds {held.name}. The opposite order "
            "had been seen before; the part of the report that shows where is missing."
        )
    elif new is not None:
        said.append(f"{who} wants {new.name}{_in(place_of(new))}; what it holds is missing.")
    said.append(
        "The validator knows orders between classes of locks: which class was taken with which "
        "held. These orders now form a circle. That is a prediction: each order was seen at some "
        "time, not all at once, and nobody need have hung."
    )
    return said


def circle(report: ParsedReport) -> list[str]:
    """Why the circle of a whole chain is a deadlock, told as what each task does."""
    numbers = [entry.number for entry in report.chain]
    if len(numbers) < 2 or numbers != list(range(len(numbers) - 1, -1, -1)):
        return []
    by_number = {entry.number: entry.name for entry in report.chain}
    begun = [entry.number for entry in report.chain if begins_work(entry.frames)]
    top = numbers[0]
    tasks = {k: f"task as in #{k}" for k in range(1, top + 1)}
    tasks[0] = f"{who_of(report)} (#0)"
    said = []
    for k, task in tasks.items():
        holds, waits = by_number[k - 1 if k else top], by_number[k]
        said.append(f"  {task} {holding_words(holds)}, {waiting_words(waits, begun=k in begun)}")
    if any(name in RECLAIM for name in by_number.values()):
        said.append(
            "  (Nobody waits for reclaim as for a lock: the task that enters it is the one that "
            "goes on there.)"
        )
    return said


def holding_words(name: str) -> str:
    """What it is to hold a lock, or to be in what an annotation stands for."""
    if name in RECLAIM:
        return f"is in memory reclaim ({name})"
    if name.startswith(WORK):
        return f"runs work of {name}"
    return f"is to complete {name}" if name.startswith(COMPLETIONS) else f"holds {name}"


def waiting_words(name: str, *, begun: bool) -> str:
    """What it is to wait for it, or to go on with it."""
    if begun and name.startswith(WORK):
        return f"begins to run {name}"
    return f"enters memory reclaim ({name})" if name in RECLAIM else f"waits for {name}"


def recursive(report: ParsedReport) -> list[str]:
    who, new, held = who_of(report), report.new_lock, report.held_lock
    if new is None:
        return [f"{who} wants a lock of a class that it holds already; which one is missing."]
    where = _in(place_of(new))
    if held is None:
        return [f"{who} wants {new.name}{where}, of a class that it holds already."]
    said = [
        (
            f"{who} wants {new.name}{where}, and holds a lock of the same class already"
            f"{_taken(held)}."
        )
    ]
    if new.address is None or held.address is None:
        said.append("The text has no addresses: whether both are one lock, it does not tell.")
    elif new.address == held.address:
        said.append(
            "Both lines have the same address: it is one lock, so the task waits for itself."
        )
    else:
        said.append(
            "The addresses differ: these are two locks of one class. One task alone does not hang "
            "on that; two tasks that take such a pair in opposite orders do, and the validator, "
            "which compares classes, knows of no order between the two."
        )
    compared = report.extra.get("compared")
    if compared is not None:
        said.append(
            f"The class has a function that compares two locks. For this pair it gave {compared}; "
            "only below 0 may the second be taken with the first held."
        )
    return said


def bit_words(bit: str) -> str:
    """`IN-HARDIRQ-W` in words."""
    reading = bit.endswith("-R")
    taken = "taken by a reader" if reading else "taken exclusively"
    core = bit.removesuffix("-R").removesuffix("-W")
    if core.startswith("IN-") and core[3:] in STATES:
        return f"{taken} in {STATES[core[3:]]} context"
    if core.endswith("-ON") and core[:-3] in ENABLED:
        return f"{taken}, or held, with {ENABLED[core[:-3]]}"
    return {
        "INITIAL USE": "used",
        "INITIAL READ USE": "used by a reader",
        "IN-NMI": "used in a non-maskable interrupt",
    }.get(bit, f"in the state {bit}")


def inconsistent(report: ParsedReport) -> list[str]:
    who, lock = who_of(report), report.new_lock
    name = lock.name if lock is not None else "a lock that the text does not name"
    where = _in(place_of(lock)) if lock is not None else ""
    said = []
    if report.usage is not None:
        old, new = report.usage
        registered = next((s for s in report.states if s.role == "registered"), None)
        first = site_of(registered.frames) if registered is not None else None
        said.append(f"{name} was {bit_words(old)} earlier{_in(first)}.")
        said.append(f"Now it is {bit_words(new)}, by {who}{where}.")
    else:
        said.append(f"{who} uses {name}{where} in a way that does not go with an earlier use.")
    said += _irqs(report)
    if name in RECLAIM:
        said.append(
            f"{name} is no lock: it stands for memory reclaim. Memory is allocated where that may "
            "not be waited for."
        )
    elif report.usage is not None and "IN-NMI" in report.usage:
        said.append(
            "A non-maskable interrupt can come while a task holds the lock, whatever that task "
            "switches off; a handler that waits for it then waits for ever."
        )
    elif report.usage is not None and "RECLAIM" in "".join(report.usage):
        said.append(
            "If a task that holds the lock allocates memory, and there is none, it enters reclaim "
            "itself, and there waits for the lock that it holds."
        )
    else:
        said.append(
            "If the interrupt comes on the CPU of a task that holds the lock, the handler waits "
            "for the lock, and the task beneath cannot run to release it."
        )
    return said


def _irqs(report: ParsedReport) -> list[str]:
    irqs = report.irqs
    if irqs is None:
        return []
    if irqs.hardirq:
        return ["At that moment the CPU was in a hard interrupt, on top of the task named."]
    if irqs.softirq:
        return ["At that moment the CPU was in a soft interrupt, on top of the task named."]
    on = [
        name
        for name, enabled in (
            ("hard interrupts", irqs.hardirqs_enabled),
            ("soft interrupts", irqs.softirqs_enabled),
        )
        if enabled
    ]
    state = f"{' and '.join(on)} on" if on else "all interrupts off"
    return [f"At that moment the task itself ran, with {state}."]


def _taken(lock: ParsedLock) -> str:
    place = place_of(lock)
    return f", taken in {place}" if place else ""


def irq_order(report: ParsedReport) -> list[str]:
    who, new, held = who_of(report), report.new_lock, report.held_lock
    state = str(report.extra.get("state", "")).removesuffix("-READ")
    said = []
    if new is not None and held is not None:
        said.append(
            f"{who} wants {new.name}{_in(place_of(new))}, and holds {held.name}"
            f"{_taken(held)}. This order is new."
        )
    elif new is not None:
        said.append(f"{who} wants {new.name}{_in(place_of(new))}; the rest of it is missing.")
    else:
        said.append(
            f"{who} takes locks in a new order, which joins a lock of an interrupt to one that is "
            "taken with that interrupt on."
        )
    safe, unsafe = _state(report, "safe"), _state(report, "unsafe")
    said += _ends(safe, unsafe, state)
    if safe is not None and unsafe is not None:
        said.append("The new order leads from the first of these to the second.")
    return [*said, *_interrupted(safe, unsafe)]


def irq_inversion(report: ParsedReport) -> list[str]:
    who, lock, other = who_of(report), report.new_lock, _state(report, "other")
    name = lock.name if lock is not None else "a lock that the text does not name"
    where = _in(place_of(lock)) if lock is not None else ""
    forwards = bool(report.extra.get("forwards", True))
    if other is None or other.lock is None:
        return [
            (
                f"{who} used {name}{where} in a new way: in an interrupt, or with interrupts on. "
                "With another lock, which is missing here, that makes a deadlock possible."
            )
        ]
    state = other.state.partition("-")[0]
    interrupt, enabled = STATES.get(state, state), ENABLED.get(state, f"{state} on")
    if forwards:
        said = [
            f"{name} is now taken in {interrupt} context{where}, by {who}.",
            (
                f"With it held, {other.lock.name} was taken in the past, directly or over other "
                f"locks; and that one is also taken with {enabled}."
            ),
        ]
        return [*said, *_story(name, other.lock.name)]
    said = [
        f"{name} is now taken, or held, with {enabled}{where}, by {who}.",
        (
            f"In the past it was taken, directly or over other locks, with {other.lock.name} held, "
            f"which is also taken in {interrupt} context."
        ),
    ]
    return [*said, *_story(other.lock.name, name)]


def _ends(safe: ParsedState | None, unsafe: ParsedState | None, state: str) -> list[str]:
    said = []
    interrupt, enabled = STATES.get(state, state), ENABLED.get(state, f"{state} on")
    if safe is not None and safe.lock is not None:
        said.append(
            f"{safe.lock.name} was taken in {interrupt} context{_in(site_of(safe.frames))}."
        )
    if unsafe is not None and unsafe.lock is not None:
        said.append(f"{unsafe.lock.name} was taken with {enabled}{_in(site_of(unsafe.frames))}.")
    return said


def _interrupted(safe: ParsedState | None, unsafe: ParsedState | None) -> list[str]:
    if safe is None or unsafe is None or safe.lock is None or unsafe.lock is None:
        return []
    return _story(safe.lock.name, unsafe.lock.name)


def _story(safe: str, unsafe: str) -> list[str]:
    return [
        (
            f"The deadlock: one CPU {holding_words(unsafe)} with interrupts on. Another holds "
            f"{safe} and waits, directly or over other locks, for {unsafe}. Now the interrupt "
            f"comes on the first CPU, and its handler waits for {safe}: neither CPU can go on."
        )
    ]


def _state(report: ParsedReport, role: str) -> ParsedState | None:
    return next((state for state in report.states if state.role == role), None)


def _in(place: str | None) -> str:
    return f" in {place}" if place else ""
