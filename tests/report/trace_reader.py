"""A reader of trace.dat files, version 6: it knows their layout, and learns the events from them.

Source: trace-cmd.dat.v6(5); kernel/trace/ring_buffer.c, struct ring_buffer_event.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from lockwright.report.document import Run
from lockwright.report.perfetto.tasks import happened
from lockwright.report.tracedat import tracedat

PAGE_HEAD = 16
FIELD = re.compile(
    r"\tfield:(?P<type>.*?) ?(?P<name>\w+)(?P<array>\[\d*\])?;"
    r"\toffset:(?P<offset>\d+);\tsize:(?P<size>\d+);\tsigned:(?P<signed>[01]);"
)
CODES = {(1, 0): "B", (1, 1): "b", (2, 0): "H", (4, 0): "I", (4, 1): "i", (8, 0): "Q", (8, 1): "q"}

Value = int | str


class Read(NamedTuple):
    """An event of the file."""

    ts: int
    name: str
    flags: int
    pid: int
    values: dict[str, Value]


Described = tuple[str, str, list[tuple[str, str, int, int, int]]]


@dataclass
class Trace:
    """All that a file has."""

    formats: dict[int, Described]
    symbols: dict[str, int]
    strings: dict[int, str]
    comms: dict[int, str]
    pages: int
    events: list[Read] = field(default_factory=list)


class Bytes:
    """Bytes that are read from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        assert 0 <= count <= len(self.data) - self.at, (count, self.at)
        self.at += count
        return self.data[self.at - count : self.at]

    def expect(self, data: bytes) -> None:
        assert self.take(len(data)) == data

    def number(self, code: str) -> int:
        value: int = struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]
        return value

    def text(self, code: str) -> str:
        return self.take(self.number(code)).decode("ascii")

    def name(self) -> str:
        end = self.data.index(b"\0", self.at)
        name = self.take(end - self.at).decode("ascii")
        self.expect(b"\0")
        return name


def read(data: bytes) -> Trace:
    """The file."""
    rest = Bytes(data)
    rest.expect(b"\x17\x08\x44tracing6\0")
    assert (rest.number("B"), rest.number("B")) == (0, 8)
    page = rest.number("I")
    rest.expect(b"header_page\0")
    header = rest.text("Q")
    assert re.findall(r"offset:(\d+);\tsize:(\d+)", header) == [
        ("0", "8"),
        ("8", "8"),
        ("8", "1"),
        (str(PAGE_HEAD), str(page - PAGE_HEAD)),
    ]
    rest.expect(b"header_event\0")
    assert re.findall(r"(\w+) +: +(\d+) bits", rest.text("Q")) == [
        ("type_len", "5"),
        ("time_delta", "27"),
        ("array", "32"),
    ]
    texts = [("ftrace", rest.text("Q")) for _ in range(rest.number("I"))]
    for _ in range(rest.number("I")):
        system = rest.name()
        texts += [(system, rest.text("Q")) for _ in range(rest.number("I"))]
    symbols = {name: int(at, 16) for at, _, name in map(str.split, rest.text("I").splitlines())}
    strings = {
        int(at, 16): text[1:-1]
        for at, text in (line.split(" : ") for line in rest.text("I").splitlines())
    }
    comms = {
        int(pid): comm for pid, comm in (line.split(" ", 1) for line in rest.text("Q").splitlines())
    }
    assert rest.number("I") == 1
    rest.expect(b"options  \0\0\0flyrecord\0")
    start, size = rest.number("Q"), rest.number("Q")
    assert start % page == 0
    assert size % page == 0
    assert start + size == len(data)
    assert not any(data[rest.at : start])
    trace = Trace(dict(map(_format, texts)), symbols, strings, comms, size // page)
    assert len(trace.formats) == len(texts)
    for at in range(start, start + size, page):
        _page(trace, data[at : at + page])
    return trace


def _format(told: tuple[str, str]) -> tuple[int, Described]:
    system, text = told
    name, number = re.match(r"name: (\w+)\nID: (\d+)\nformat:\n", text).groups()  # type: ignore[union-attr]
    fields = [
        (
            m["type"] + (m["array"] or ""),
            m["name"],
            int(m["offset"]),
            int(m["size"]),
            int(m["signed"]),
        )
        for m in FIELD.finditer(text)
    ]
    assert text.count("field:") == len(fields), text
    # the fields do not overlap, and each stands where the machine can read it
    for one, other in pairwise(fields):
        assert one[2] + one[3] <= other[2], text
    assert all(
        offset % size == 0
        for kind, _, offset, size, _ in fields
        if size in (2, 4, 8) and "[" not in kind
    )
    fmt = re.search(r'^print fmt: "(.*?)"(?:, |$)(.*)', text, re.M)
    assert fmt is not None, text
    for used in re.findall(r"REC->(\w+)|__get_str\((\w+)\)", fmt[2]):
        assert "".join(used) in [field[1] for field in fields], text
    return int(number), (system, name, fields)


def _page(trace: Trace, page: bytes) -> None:
    ts, commit = struct.unpack_from("<QQ", page)
    assert 0 <= commit <= len(page) - PAGE_HEAD
    data = Bytes(page[: PAGE_HEAD + commit])
    data.at = PAGE_HEAD
    assert not any(page[data.at + commit :])
    while data.at < len(data.data):
        head = data.number("I")
        kind, delta = head & 31, head >> 5
        assert kind <= 28 or kind == 30, kind
        if kind == 30:
            ts += delta + (data.number("I") << 27)
            continue
        ts += delta
        size = kind * 4 if kind else data.number("I") - 4
        assert size % 4 == 0
        trace.events.append(_read(trace, ts, data.take(size)))


def _read(trace: Trace, ts: int, data: bytes) -> Read:
    (number,) = struct.unpack_from("<H", data)
    _, name, fields = trace.formats[number]
    values: dict[str, Value] = {}
    for kind, field_name, offset, size, signed in fields:
        if kind.startswith("__data_loc"):
            (where,) = struct.unpack_from("<I", data, offset)
            text = data[where & 0xFFFF : (where & 0xFFFF) + (where >> 16)]
            assert text.endswith(b"\0")
            assert text.count(b"\0") == 1
            values[field_name] = text[:-1].decode("ascii")
        elif kind.endswith("[]"):
            values[field_name] = data[offset:].rstrip(b"\0").decode("ascii")
            assert data.endswith(b"\0")
        elif kind.endswith("]"):
            text = data[offset : offset + size]
            assert text.endswith(b"\0")
            values[field_name] = text.rstrip(b"\0").decode("ascii")
        else:
            (values[field_name],) = struct.unpack_from("<" + CODES[size, signed], data, offset)
    flags, pid = values.pop("common_flags"), values.pop("common_pid")
    assert isinstance(flags, int)
    assert isinstance(pid, int)
    del values["common_type"], values["common_preempt_count"]
    return Read(ts, name, flags, pid, values)


def as_text(trace: Trace) -> str:
    """The events, a line each: for golden files."""
    functions = sorted((at, name) for name, at in trace.symbols.items())
    lines = []
    for event in trace.events:
        shown = []
        for key, value in event.values.items():
            if isinstance(value, int) and value in trace.strings:
                shown.append(f'{key}="{trace.strings[value]}"')
            elif isinstance(value, int) and functions[0][0] <= value < functions[-1][0]:
                at, name = max(each for each in functions if each[0] <= value)
                shown.append(f"{key}={name}+{value - at:#x}")
            elif isinstance(value, int) and value > 2**40:
                shown.append(f"{key}={value:#x}")
            else:
                shown.append(f"{key}={value!r}")
        time = f"{event.ts // 10**9}.{event.ts % 10**9 // 1000:06}"
        comm = trace.comms[event.pid]
        head = f"{comm}-{event.pid} {event.flags:#04x} {time} {event.name}"
        lines.append(f"{head}: {' '.join(shown)}")
    return "\n".join(lines) + "\n"


def keeps_the_rules(run: Run) -> None:
    """What holds of any file: time goes on, one task after the other has the CPU, none twice."""
    trace = read(tracedat(run))
    times = [event.ts for event in trace.events]
    assert all(one < other for one, other in pairwise(times))
    now: tuple[object, object] = ("swapper/0", 0)
    steps = []
    for event in trace.events:
        assert event.pid in trace.comms
        values = event.values
        if event.name == "sched_switch":
            assert (values["prev_comm"], values["prev_pid"]) == now
            assert event.pid == values["prev_pid"]
            assert values["prev_pid"] != values["next_pid"]
            now = values["next_comm"], values["next_pid"]
            # the idle task is called otherwise in a list of tasks
            assert not values["next_pid"] or trace.comms[int(values["next_pid"])] == now[0]
        elif event.name == "print" and event.pid != now[1]:
            raise AssertionError(f"{event.pid} does not run: {values['buf']}")
        elif found := re.match(r"step (\d+): ", str(values.get("buf", ""))):
            steps.append(int(found[1]))
            assert event.pid == now[1]
    assert now == ("swapper/0", 0)
    expected = [event.step for event in run.events if event.step >= 0 and happened(event)]
    assert [step for step in steps if step in expected] == expected
