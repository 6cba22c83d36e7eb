"""What the kinds of findings mean, in a sentence or two, for whoever meets one for the first time.

Source: the kernel's Documentation/locking/lockdep-design.rst, Documentation/RCU/lockdep.rst and
Documentation/core-api/kref.rst for what its own checks say; docstrings of `check/` for ours.
"""

from __future__ import annotations

MEANINGS = {
    "possible circular locking dependency": "Lock classes are taken in orders that close a "
    "circle. "
    "Tasks that take them at the same time, each in its own order, wait for each other for ever.",
    "possible recursive locking": "A task takes a lock of a class that it holds already. If it is "
    "the same lock, or if two tasks take two of the class in two orders, they wait for ever.",
    "inconsistent lock state": "A lock is taken in an interrupt, and elsewhere with that interrupt "
    "enabled. If the interrupt comes while the lock is held, its handler waits for what it has "
    "interrupted.",
    "irq-safe -> irq-unsafe lock order": "A lock that an interrupt takes is held while another "
    "is taken that is held elsewhere with interrupts enabled. The interrupt can come there, and "
    "wait for the first lock while its holder waits for the second.",
    "possible irq lock inversion": "A lock that an interrupt takes, and one that is held with "
    "interrupts enabled, are connected by the orders in which locks are taken: an interrupt at the "
    "wrong moment closes the circle.",
    "Invalid wait context": "A lock that may sleep is taken where sleeping is not allowed: with a "
    "spinning lock held, or in an interrupt.",
    "bad unlock balance": "A task releases a lock that it does not hold.",
    "bad contention": "A task waits for a lock that the validator does not know it to take.",
    "held lock freed": "Memory with a lock in it is freed, or initialised again, while the lock is "
    "held.",
    "Nested lock was not taken": "Locks are nested under another lock that is said to serialise "
    "them, and that one is not held.",
    "lock held at task exit": "A task ends and still holds a lock: nobody can release it.",
    "lock held when returning to user space": "A system call returns and still holds a lock.",
    "lock key not registered": "A lock has no registered key, so that nobody knows its class.",
    "validator limit reached": "The validator ran out of room and has stopped: what comes after is "
    "not judged.",
    "API state warning (DEBUG_LOCKS_WARN_ON)": "A lock was used in a way that its interface does "
    "not allow.",
    "lock annotation warning": "A pin or an annotation of a lock does not fit what is held.",
    "lockdep assertion failed": "Code that asserts that a lock is held, or that interrupts are "
    "off, was reached without.",
    "deadlock": "Tasks wait for each other, and none can ever go on.",
    "lost wakeup": "A task sleeps for what has happened already: the wakeup came before it slept, "
    "and no other one comes.",
    "livelock": "Tasks take steps for ever and none gets anywhere.",
    "starvation": "A task waits for ever while others go on, though the scheduler is fair.",
    "data race": "Two accesses to one place, one of them a write, with nothing to order them: on a "
    "real machine values tear, and the compiler may do what nobody wrote.",
    "not linearizable": "The calls gave results that no order of them, one after the other, gives.",
    "broken promise": "Something that the model says to hold always does not hold.",
    "goal never reached": "Every interleaving was explored, and none comes to what the scenario is "
    "there for: what it promises is promised of nothing.",
    "leak": "An object is left behind that nothing refers to any more, and nobody has freed it.",
    "use-after-free": "A task touches an object that another one has freed.",
    "double free": "An object is freed that is free already.",
    "NULL pointer dereference": "A task follows a pointer that is NULL by then.",
    "general protection fault": "A task follows a pointer of a list entry that was deleted, which "
    "is poisoned.",
    "list corruption": "A list entry is added that is on the list already, or deleted that is on "
    "none.",
    "refcount": "A reference count goes wrong: it is raised from zero, falls below it, or "
    "saturates.",
    "suspicious RCU usage": "A pointer that RCU protects is followed outside of a read section and "
    "without the lock that protects it, or a section is left open where the task sleeps or ends.",
    "RCU misuse": "A read section of RCU is entered and left in a way that does not match.",
    "SRCU misuse": "A read section of SRCU is left with an index that does not belong to it, or is "
    "never left.",
    "sleeping in atomic context": "A function that may sleep is called where nobody may sleep: "
    "with a spinning lock held, with preemption or interrupts off, or in an interrupt.",
    "scheduling while atomic": "A task gives the CPU away where it must not be preempted.",
    "atomic context at task exit": "A task ends with preemption still off.",
    "unbalanced non_block_end": "non_block_end() was called more often than non_block_start().",
    "work queued while its queue is drained": "Work is queued on a queue that is being drained: it "
    "is lost.",
    "workqueue leaked atomic, lock or RCU": "A work function returns in atomic context, with a "
    "lock held or inside a read section.",
    "interrupt handler leaves its context changed": "A handler returns with interrupts, bottom "
    "halves or its atomic depth other than it found them.",
    "assertion failed": "An assertion of a state machine does not hold.",
    "exception": "The code under test raised an exception that nobody expected.",
    "endless": "The code under test does not come to an end.",
}
UNKNOWN = "A rule of the model was broken; the message says which."


def meaning_of(kind: str) -> str:
    """What a kind of finding means."""
    return MEANINGS.get(kind, UNKNOWN)
