"""What all layouts share: the lock with its place, the class, the held locks, frames, the stack.

A piece gives text without an end of line.

C: kernel/locking/lockdep.c, the print functions named at each piece; lib/dump_stack.c.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from zlib import crc32

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.reports import Frames, IrqStamps, IrqState, IrqSwitch, LockAt, Who

HARDWARE = "lockwright simulated machine"
TEXT_START = 0xFFFFFFFF81000000
DATA_START = 0xFFFFFFFF92000000
LATEST = (6, 19)
WITH_UID = (6, 12)  # and with the taints in words
BH_DISABLE = 2
LOCKDEP_OFF = "INFO: lockdep is turned off."
OTHER_INFO = "other info that might help us debug this:"
TAINTS = {
    "P": "PROPRIETARY_MODULE",
    "F": "FORCED_MODULE",
    "S": "CPU_OUT_OF_SPEC",
    "R": "FORCED_RMMOD",
    "M": "MACHINE_CHECK",
    "B": "BAD_PAGE",
    "U": "USER",
    "D": "DIE",
    "A": "OVERRIDDEN_ACPI_TABLE",
    "W": "WARN",
    "C": "CRAP",
    "I": "FIRMWARE_WORKAROUND",
    "O": "OOT_MODULE",
    "E": "UNSIGNED_MODULE",
    "L": "SOFTLOCKUP",
    "K": "LIVEPATCH",
    "X": "AUX",
    "T": "RANDSTRUCT",
    "N": "TEST",
    "J": "FWCTL",
}
_IDENT = re.compile(r"(\S+) (\S+) (.+)", re.DOTALL)
_RELEASE = re.compile(r"(\d{1,4})\.(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Kernel:
    """The kernel that prints: what stands below each headline, and whether its validator is on."""

    release: str
    version: str
    taint: str
    debug_locks: bool = True

    @classmethod
    def named(cls, ident: str, *, debug_locks: bool = True) -> Kernel:
        """From release, version and taint: "6.5.0-rc1 #1 Not tainted".

        Raises: ValueError if `ident` has not these three parts.
        """
        parts = _IDENT.fullmatch(ident)
        if parts is None:
            raise ValueError(f"ident {ident!r} is not like '6.5.0-rc1 #1 Not tainted'")
        return cls(parts[1], parts[2], parts[3], debug_locks)

    @property
    def ident(self) -> str:
        """C: print_kernel_ident()."""
        return f"{self.release} {self.version} {self.taint}"

    def numbers(self) -> tuple[int, int]:
        """The first two numbers of the release; a release without them counts as the latest."""
        found = _RELEASE.match(self.release)
        return LATEST if found is None else (int(found[1]), int(found[2]))


class OnCpu(Protocol):
    """A task with the CPU it runs on."""

    @property
    def comm(self) -> str: ...

    @property
    def pid(self) -> int: ...

    @property
    def cpu(self) -> int: ...


def who(task: Who) -> str:
    """comm/pid."""
    return f"{task.comm}/{task.pid}"


def noted_name(lock: LockAt) -> str:
    """A lock's class, and what its print function says of the lock.  C: __print_lock_name()."""
    return lock.lock.name + lock.note


def lock_name(lock: ClassName, note: str = "") -> str:
    """(name){usage}-{outer:inner}.  C: print_lock_name(), which prints a blank before."""
    return f"({lock.name}{note}){{{lock.usage}}}-{{{lock.wait_outer}:{lock.wait_inner}}}"


def lock_at(lock: LockAt) -> str:
    """A lock with its address and the function that acquires it.  C: print_lock()."""
    return f"{lock.instance:016x} {lock_name(lock.lock, lock.note)}, at: {lock.at}"


def held_list(task: Who, held: tuple[LockAt, ...]) -> list[str]:
    """What a task holds, oldest first.  C: lockdep_print_held_locks()."""
    if not held:
        return [f"no locks held by {who(task)}."]
    locks = "1 lock" if len(held) == 1 else f"{len(held)} locks"
    lines = [f"{locks} held by {who(task)}:"]
    return lines + [f" #{number}: {lock_at(lock)}" for number, lock in enumerate(held)]


def shown_locks(task: Who, held: tuple[LockAt, ...], kernel: Kernel) -> list[str]:
    """The held list where a report is not the validator's own.  C: debug_show_held_locks()."""
    return held_list(task, held) if kernel.debug_locks else [LOCKDEP_OFF]


def frame_lines(frames: Frames, *, blanks: int) -> list[str]:
    """One line a frame, innermost first."""
    return [f"{' ' * blanks}{frame}" for frame in frames]


def headline(text: str, kernel: Kernel, *, ruler: int) -> list[str]:
    """The block that every report of the validator begins with."""
    return ["", "=" * ruler, text, kernel.ident, "-" * ruler]


def cpu_line(task: OnCpu, kernel: Kernel) -> str:
    """Who runs where, on what."""
    uid = "UID: 0 " if kernel.numbers() >= WITH_UID else ""
    task_part = f"CPU: {task.cpu} {uid}PID: {task.pid} Comm: {task.comm}"
    return f"{task_part} {kernel.taint} {kernel.release} {kernel.version}"


def machine_lines(task: OnCpu, kernel: Kernel) -> list[str]:
    """The header of a stack.  C: dump_stack_print_info()."""
    lines = [cpu_line(task, kernel)]
    _, tainted, letters = kernel.taint.partition("Tainted: ")
    if tainted and kernel.numbers() >= WITH_UID:
        flags = [f"[{letter}]={TAINTS[letter]}" for letter in letters if letter in TAINTS]
        lines.append(f"Tainted: {', '.join(flags)}")
    return [*lines, f"Hardware name: {HARDWARE}"]


def stack_dump(task: Who, frames: Frames, kernel: Kernel) -> list[str]:
    """The stack of the task that the report is about, with its header.  C: dump_stack()."""
    return [
        *machine_lines(task, kernel),
        "Call Trace:",
        " <TASK>",
        *frame_lines(frames, blanks=1),
        " </TASK>",
    ]


def backtrace(task: Who, frames: Frames, kernel: Kernel) -> list[str]:
    """The stack as the validator's own reports announce it."""
    return ["stack backtrace:", *stack_dump(task, frames, kernel)]


def code_address(frame: Frame) -> int:
    """An address for a place in the code: made up, and the same in every run."""
    return TEXT_START + (crc32(frame.function.encode()) & 0xFFFF) * 0x1000 + frame.offset


def place(frame: Frame | None) -> str:
    """[<address>] function+offset/size; no place at all is address 0.  C: print_ip_sym()."""
    if frame is None:
        return f"[<{0:016x}>] 0x0"
    return f"[<{code_address(frame):016x}>] {frame}"


def key_address(symbol: str) -> int:
    """An address for a static key: made up, and the same in every run."""
    return DATA_START + (crc32(symbol.encode()) & 0xFFFFF) * 0x10


def irq_state(irqs: IrqState) -> str:
    """[HCa[b]:SCc[d]:HEe:SEf]: the handlers that run, as two counts each, then what is enabled.

    The second count of soft interrupts is the kernel's softirq_count(): a handler adds 1, and
    local_bh_disable() 2.
    """
    hard, soft = irqs.hardirqs, irqs.softirqs
    bh_disabled = not irqs.softirqs_enabled and not soft
    enabled = f"HE{irqs.hardirqs_enabled:d}:SE{irqs.softirqs_enabled:d}"
    return f"[HC{hard}[{hard}]:SC{soft}[{soft + BH_DISABLE * bh_disabled}]:{enabled}]"


def irq_stamps(stamps: IrqStamps) -> list[str]:
    """Where interrupts were last switched.  C: print_irqtrace_events()."""
    return [
        f"irq event stamp: {stamps.events}",
        _switch("hardirqs last  enabled", stamps.hardirqs_on),
        _switch("hardirqs last disabled", stamps.hardirqs_off),
        _switch("softirqs last  enabled", stamps.softirqs_on),
        _switch("softirqs last disabled", stamps.softirqs_off),
    ]


def _switch(what: str, switch: IrqSwitch) -> str:
    return f"{what} at ({switch.stamp}): {place(switch.at)}"
