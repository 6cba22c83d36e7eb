"""A run as a trace.dat: trace-cmd reads what was written.

LOCKWRIGHT_TRACE_CMD says which trace-cmd to take; then these tests do not skip.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from lockwright.core.event import Event
from lockwright.report.document import Document, Run
from lockwright.report.tracedat import tracedat
from lockwright.report.tracedat.formats import FORMATS, PRINT, SOFTIRQS
from lockwright.session import Options, explore
from tests.explore.interrupt_programs import random_program
from tests.report.trace_reader import Read, keeps_the_rules, read
from tests.report.trace_runs import hostile_run, long_run, small_run
from tests.test_checkpoint_interrupts import of


@pytest.fixture(scope="session")
def trace_cmd() -> str:
    """The trace-cmd to test with."""
    told = os.environ.get("LOCKWRIGHT_TRACE_CMD")
    found = shutil.which(told or "trace-cmd")
    if found is None:
        if told:
            pytest.fail(f"LOCKWRIGHT_TRACE_CMD is {told!r}, and there is no such program")
        pytest.skip("trace-cmd is not installed (LOCKWRIGHT_TRACE_CMD names one)")
    return found


Said = Callable[..., str]


@pytest.fixture
def said(trace_cmd: str, tmp_path: Path) -> Said:
    """What trace-cmd says of a run; it has nothing to complain about."""

    def say(run: Run, *arguments: str) -> str:
        path = tmp_path / "trace.dat"
        path.write_bytes(tracedat(run))
        command = [trace_cmd, *arguments, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
        assert not re.search(r"FAILED|ERROR|[Uu]nknown|\[?bad |can't", done.stdout), done.stdout
        return done.stdout

    return say


class Line(NamedTuple):
    """A line of `trace-cmd report`."""

    comm: str
    pid: int
    ts: int
    name: str
    text: str


LINE = re.compile(r" *(.*)-(\d+) +\[000\] +(\d+)\.(\d{9}): (\w+): *(.*)")


def lines_of(report: str) -> list[Line]:
    """The lines of `trace-cmd report -t`."""
    first, *rest = report.splitlines()
    assert first == "cpus=1"
    lines = []
    for text in rest:
        m = LINE.fullmatch(text)
        assert m is not None, text
        lines.append(Line(m[1], int(m[2]), int(m[3] + m[4]), m[5], m[6].rstrip()))
    return lines


def _expected(event: Read) -> str | None:
    """What trace-cmd says of an event; None where that depends on its plugins."""
    v = event.values
    if event.name == "sched_switch":
        states = {0: "R", 1: "S", 2: "D", 32: "X"}
        gone = f"{v['prev_comm']}:{v['prev_pid']} [120] {states[int(v['prev_state'])]}"
        return f"{gone} ==> {v['next_comm']}:{v['next_pid']} [120]"
    if event.name == "lock_acquire":
        flags = int(v["flags"])
        how = "try " * (flags & 1) + "read " * (flags >> 1)
        return f"{v['lockdep_addr']:#x} {how}{v['name']}".rstrip()
    if event.name.startswith("lock_"):
        return f"{v['lockdep_addr']:#x} {v['name']}".rstrip()
    if event.name == "contention_end":
        return f"{v['lock_addr']:#x} (ret={v['ret']})"
    if event.name == "irq_handler_entry":
        return f"irq={v['irq']} name={v['name']}".rstrip()
    if event.name == "irq_handler_exit":
        return f"irq={v['irq']} ret={v['ret']}"
    if event.name.startswith("softirq"):
        return f"vec={v['vec']} [action={SOFTIRQS[int(v['vec'])]}]"
    return None


def _same(run: Run, said: Said) -> int:
    """trace-cmd reads what we read; gives how many lines that are."""
    trace = read(tracedat(run))
    lines = lines_of(said(run, "report", "-t"))
    assert [(line.ts, line.name, line.pid) for line in lines] == [
        (event.ts, event.name, event.pid) for event in trace.events
    ]
    names = {at: name for name, at in trace.symbols.items()}
    for line, event in zip(lines, trace.events, strict=True):
        assert line.comm == trace.comms[event.pid]
        if event.name == "print":
            # an address within a function: reports name the function
            ip = max((at for at in names if at <= int(event.values["ip"])), default=0)
            assert line.text == f"{names[ip]}: {event.values['buf']}".rstrip()
        elif (expected := _expected(event)) is not None:
            assert line.text == expected
        elif event.name == "rcu_grace_period":
            what = trace.strings[int(event.values["gpevent"])]
            domain = trace.strings[int(event.values["rcuname"])]
            assert line.text == f"{domain} {event.values['gp_seq']} {what}"
        elif event.name.startswith("kmem"):
            assert f"ptr={event.values['ptr']:#x} name={event.values['name']}" in line.text
    return len(lines)


def test_trace_cmd_reads_a_small_run(said: Said) -> None:
    assert _same(small_run(), said) == 39
    assert _same(small_run(timeline=None), said) == 25


def test_trace_cmd_reads_hostile_names(said: Said) -> None:
    _same(hostile_run(), said)


def test_trace_cmd_reads_a_run_of_many_pages(said: Said) -> None:
    assert _same(long_run(600), said) > 1000


def test_trace_cmd_reads_a_run_without_events(said: Said) -> None:
    assert _same(Run("nothing", "s", (), None), said) == 2


def test_trace_cmd_reads_times_that_are_far_apart(said: Said) -> None:
    # interrupts that do not come are steps in which nothing happens
    arrivals = tuple(
        Event(step, 0, "a", "process", "interrupt", "<Interrupt x>", "false", ())
        for step in range(1, 300)
    )
    ends = Event(0, 0, "a", "process", "op", "op()", "", ())
    run = Run("far", "s", (ends, *arrivals, replace(ends, step=300)), None)
    times = [line.ts // 10**6 for line in lines_of(said(run, "report", "-t"))]
    assert times == [900, 900, 1000, 1000, 1300, 1301]


def test_trace_cmd_knows_all_formats_and_prints_fields(said: Said) -> None:
    run = small_run()
    said(run, "report", "--check-events")
    raw = said(run, "report", "-R", "-t")
    assert "prev_comm=reader prev_pid=1001 prev_prio=120 prev_state=2 next_comm=remover" in raw
    told = said(run, "report", "--events")
    names = set(re.findall(r"^name: (\w+)$", told, re.M))
    assert names >= {*FORMATS} - {PRINT.name}


def test_trace_cmd_dumps_what_the_file_has(said: Said) -> None:
    summary = said(small_run(), "dump", "--summary", "-i")
    assert re.search(r"\[Ftrace format, 1 events\]", summary)
    assert re.search(r"\[Events format, 6 systems\]", summary)
    comms = said(small_run(), "dump", "--cmd-lines", "-i")
    assert re.findall(r"(\d+) (\S+)", comms)[-3:] == [
        ("0", "<idle>"),
        ("1001", "reader"),
        ("1002", "remover"),
    ]
    said(small_run(), "dump", "-v", "-i")


def test_trace_cmd_reads_findings_of_random_programs(said: Said) -> None:
    random = Random("tracedat")
    shown = 0
    for number in range(40):
        scenario = of(random_program(random), f"irq:random-{number}")
        result = explore(scenario, Options("random", 7, 20))
        for run in Document("random", results=[result]).all_runs():
            keeps_the_rules(run)
            _same(run, said)
            shown += 1
    assert shown >= 5
