"""The events of a trace.dat: their fields, as the kernel lays them out, and how they are packed.

Each event has a number, a system and fields; a reader learns all of it from the `format` texts in
the file, so the numbers are ours.  A string is put after the fields, and the field holds where.

Source: the files `format` of tracefs; include/trace/events/{lock,sched,irq,kmem,rcu,workqueue}.h.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

PAGE = 4096
COMM = 16
"""TASK_COMM_LEN: a task's name with the zero that ends it."""

Number = int | str


class Field(NamedTuple):
    """A field of an event: its type and name in C, its size, and whether it is signed."""

    type: str
    name: str
    size: int
    signed: int = 0

    @property
    def declared(self) -> str:
        """How C declares it: the length of an array stands after the name."""
        array = self.type.startswith("char[")
        return f"char {self.name}{self.type[4:]}" if array else f"{self.type} {self.name}"


COMMON = (
    Field("unsigned short", "common_type", 2),
    Field("unsigned char", "common_flags", 1),
    Field("unsigned char", "common_preempt_count", 1),
    Field("int", "common_pid", 4, 1),
)
STRING = "__data_loc char[]"
REST = "char[]"
CODES = {(1, 0): "B", (2, 0): "H", (4, 0): "I", (4, 1): "i", (8, 0): "Q", (8, 1): "q"}


def _u32(name: str) -> Field:
    return Field("unsigned int", name, 4)


def _int(name: str, kind: str = "int") -> Field:
    return Field(kind, name, 4, 1)


def _pointer(name: str, kind: str = "void *") -> Field:
    return Field(kind, name, 8)


def _string(name: str) -> Field:
    return Field(STRING, name, 4, 1)


def _comm(name: str) -> Field:
    return Field(f"char[{COMM}]", name, COMM, 1)


@dataclass(frozen=True, slots=True)
class Format:
    """An event: its number, system and name, its fields after the common ones, how it is printed,
    and what it prints."""

    number: int
    system: str
    name: str
    fields: tuple[Field, ...]
    says: str
    prints: str

    def offsets(self) -> list[tuple[Field, int]]:
        """All fields and where they stand: each at a multiple of its size, arrays anywhere."""
        placed = []
        at = 0
        for field in (*COMMON, *self.fields):
            step = 1 if field.type.startswith("char[") else max(field.size, 1)
            at = -(-at // step) * step
            placed.append((field, at))
            at += field.size
        return placed

    def text(self) -> str:
        """The event's `format` file."""
        lines = [f"name: {self.name}", f"ID: {self.number}", "format:"]
        for number, (field, offset) in enumerate(self.offsets()):
            if number == len(COMMON):
                lines.append("")
            place = f"offset:{offset};\tsize:{field.size};\tsigned:{field.signed};"
            lines.append(f"\tfield:{field.declared};\t{place}")
        arguments = f", {self.prints}" if self.prints else ""
        return "\n".join([*lines, "", f'print fmt: "{self.says}"{arguments}', ""])

    def pack(self, flags: int, pid: int, values: Mapping[str, Number]) -> bytes:
        """An event of this kind, a multiple of four bytes long."""
        common = {"common_type": self.number, "common_flags": flags, "common_preempt_count": 0}
        known: Mapping[str, Number] = {**common, "common_pid": pid, **values}
        placed = self.offsets()
        data = bytearray(max(offset + field.size for field, offset in placed))
        for field, offset in placed:
            value = known[field.name]
            if field.type in (STRING, REST):
                text = str(value).encode("ascii", "backslashreplace") + b"\0"
                if field.type == STRING:
                    struct.pack_into("<I", data, offset, len(text) << 16 | len(data))
                data += text
            elif isinstance(value, str):
                data[offset : offset + field.size] = (
                    comm_of(value).encode().ljust(field.size, b"\0")
                )
            else:
                struct.pack_into(f"<{CODES[field.size, field.signed]}", data, offset, value)
        return bytes(data.ljust(-(-len(data) // 4) * 4, b"\0"))


def comm_of(name: str) -> str:
    """What of a task's name fits into its `comm`; no reader shows one that is empty."""
    return name.encode("ascii", "backslashreplace")[: COMM - 1].decode() or "?"


_WAKING = (_comm("comm"), _int("pid", "pid_t"), _int("prio"), _int("target_cpu"))
_WOKEN = "comm=%s pid=%d prio=%d target_cpu=%03d", "REC->comm, REC->pid, REC->prio, REC->target_cpu"
_LOCK = (_string("name"), _pointer("lockdep_addr"))
_LOCKED = "%p %s", "REC->lockdep_addr, __get_str(name)"
_STATES = '__print_flags(REC->prev_state, "|", {1,"S"},{2,"D"},{32,"X"})'

_TRY, _READ = '(REC->flags & 1) ? "try " : ""', '(REC->flags & 2) ? "read " : ""'
_ACQUIRED = f"REC->lockdep_addr, {_TRY}, {_READ}, __get_str(name)"
_CONTENTION = '{1,"SPIN"},{2,"READ"},{4,"WRITE"},{8,"RT"},{16,"PERCPU"},{32,"MUTEX"}'
_NEXT = "REC->next_comm, REC->next_pid, REC->next_prio"
_SWITCHED = f"REC->prev_comm, REC->prev_pid, REC->prev_prio, {_STATES}, {_NEXT}"

_SWITCH = (
    _comm("prev_comm"),
    _int("prev_pid", "pid_t"),
    _int("prev_prio"),
    Field("long", "prev_state", 8, 1),
    _comm("next_comm"),
    _int("next_pid", "pid_t"),
    _int("next_prio"),
)
_OBJECT = (_pointer("call_site", "unsigned long"), _pointer("ptr", "const void *"))
_ALLOCATED = (
    *_OBJECT,
    _string("name"),
    Field("size_t", "bytes_req", 8),
    Field("size_t", "bytes_alloc", 8),
    Field("unsigned long", "gfp_flags", 8),
    _int("node"),
    Field("bool", "accounted", 1),
)
_PERIOD = (_pointer("rcuname", "const char *"), Field("long", "gp_seq", 8, 1))
_WORK = (_pointer("work"), _pointer("function"))

PRINT = Format(
    5,
    "ftrace",
    "print",
    (_pointer("ip", "unsigned long"), Field(REST, "buf", 0)),
    "%ps: %s",
    "(void *)REC->ip, REC->buf",
)
SOFTIRQS = (
    *("HI", "TIMER", "NET_TX", "NET_RX", "BLOCK"),
    *("IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"),
)
_VECTORS = ", ".join(f'{{ {number}, "{name}" }}' for number, name in enumerate(SOFTIRQS))

_TABLE: tuple[tuple[str, str, tuple[Field, ...], str, str], ...] = (
    (
        "lock",
        "lock_acquire",
        (_u32("flags"), *_LOCK),
        "%p %s%s%s",
        _ACQUIRED,
    ),
    ("lock", "lock_acquired", _LOCK, *_LOCKED),
    ("lock", "lock_contended", _LOCK, *_LOCKED),
    ("lock", "lock_release", _LOCK, *_LOCKED),
    (
        "lock",
        "contention_begin",
        (_pointer("lock_addr"), _u32("flags")),
        "%p (flags=%s)",
        f'REC->lock_addr, __print_flags(REC->flags, "|", {_CONTENTION})',
    ),
    (
        "lock",
        "contention_end",
        (_pointer("lock_addr"), _int("ret")),
        "%p (ret=%d)",
        "REC->lock_addr, REC->ret",
    ),
    (
        "sched",
        "sched_switch",
        _SWITCH,
        "%s:%d [%d] %s ==> %s:%d [%d]",
        _SWITCHED,
    ),
    ("sched", "sched_waking", _WAKING, *_WOKEN),
    ("sched", "sched_wakeup", _WAKING, *_WOKEN),
    (
        "irq",
        "irq_handler_entry",
        (_int("irq"), _string("name")),
        "irq=%d name=%s",
        "REC->irq, __get_str(name)",
    ),
    ("irq", "irq_handler_exit", (_int("irq"), _int("ret")), "irq=%d ret=%d", "REC->irq, REC->ret"),
    (
        "irq",
        "softirq_entry",
        (_u32("vec"),),
        "vec=%u [action=%s]",
        f"REC->vec, __print_symbolic(REC->vec, {_VECTORS})",
    ),
    (
        "irq",
        "softirq_exit",
        (_u32("vec"),),
        "vec=%u [action=%s]",
        f"REC->vec, __print_symbolic(REC->vec, {_VECTORS})",
    ),
    (
        "kmem",
        "kmem_cache_alloc",
        _ALLOCATED,
        "call_site=%pS ptr=%p name=%s",
        "(void *)REC->call_site, REC->ptr, __get_str(name)",
    ),
    (
        "kmem",
        "kmem_cache_free",
        (*_OBJECT, _string("name")),
        "call_site=%pS ptr=%p name=%s",
        "(void *)REC->call_site, REC->ptr, __get_str(name)",
    ),
    (
        "rcu",
        "rcu_grace_period",
        (*_PERIOD, _pointer("gpevent", "const char *")),
        "%s %ld %s",
        "REC->rcuname, REC->gp_seq, REC->gpevent",
    ),
    (
        "workqueue",
        "workqueue_execute_start",
        _WORK,
        "work struct %p: function %ps",
        "REC->work, REC->function",
    ),
    (
        "workqueue",
        "workqueue_execute_end",
        _WORK,
        "work struct %p: function %ps",
        "REC->work, REC->function",
    ),
)
FIRST = 300
FORMATS = {row[1]: Format(FIRST + number, *row) for number, row in enumerate(_TABLE)} | {
    PRINT.name: PRINT
}


def systems() -> dict[str, list[Format]]:
    """The formats by system, but for ftrace's own."""
    found: dict[str, list[Format]] = {}
    for each in FORMATS.values():
        if each is not PRINT:
            found.setdefault(each.system, []).append(each)
    return found


HEADER_PAGE = f"""\
\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:{PAGE - 16};\tsigned:1;
"""
HEADER_EVENT = """\
# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits

\tpadding     : type == 29
\ttime_extend : type == 30
\ttime_stamp : type == 31
\tdata max type_len  == 28
"""
