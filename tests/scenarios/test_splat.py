"""The kernel report that was posted for eventfs v3 comes out of the model of eventfs v3.

`tests/data/splats/001_*.txt` is the original.  Compared, line by line and in order, from the
headline to the end of the list of held locks: every fixed sentence, the task, both locks with
their names, usage characters, subclass and wait types, the dependency chain with its functions,
the scenario table, `*** DEADLOCK ***`, the held locks; then the backtrace's functions.

Not compared, because it differs from machine to machine: addresses, offsets, the `#5` of the
inode lock's class (it counts the file systems that the machine had mounted), the frames at and
below `do_syscall_64`, frames that the unwinder was not sure of (`? `), hardware and registers, and
that the mail indents most lines by one blank.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockwright.core.finding import Finding
from lockwright.session import Options, explore
from stress.scenarios import eventfs_v3

ORIGINAL = Path(__file__).parent.parent / "data/splats/001_circular_6.5.0-rc1-test_x86.txt"
BELOW_THE_FILE_SYSTEM = ("do_syscall_64", "entry_SYSCALL_64_after_hwframe")


def normal(text: str) -> list[str]:
    """The lines without what is not compared; blank ones count."""
    lines = []
    for line in text.splitlines():
        said = line.strip()
        if said.startswith(("? ", *BELOW_THE_FILE_SYSTEM)):
            continue
        said = re.sub(r"\b[0-9a-f]{16}\b", "ADDRESS", said)
        said = re.sub(r"\+0x[0-9a-f]+/0x[0-9a-f]+", "", said)
        lines.append(said.replace("i_mutex_key#5", "i_mutex_key").replace("#576", "#1"))
    return lines


def part(lines: list[str], first: str, last: str) -> list[str]:
    start = next(at for at, line in enumerate(lines) if line.startswith(first))
    end = next(at for at in range(start, len(lines)) if lines[at].startswith(last))
    return lines[start : end + 1]


@pytest.fixture(scope="module")
def finding() -> Finding:
    (scenario,) = (s for s in eventfs_v3.SCENARIOS if s.case == "stat_then_open")
    (found,) = (
        f
        for f in explore(scenario, Options(events=False)).findings
        if f.kind == "possible circular locking dependency"
    )
    return found


def test_the_report_is_the_one_that_was_posted(finding: Finding) -> None:
    ours, original = normal(finding.text), normal(ORIGINAL.read_text())
    first, last = "WARNING: possible circular", "#0: ADDRESS"
    assert part(ours, first, last) == part(original, first, last)


def test_the_backtrace_has_the_same_functions(finding: Finding) -> None:
    ours, original = normal(finding.text), normal(ORIGINAL.read_text())
    assert part(ours, "dump_stack_lvl", "__x64_sys_openat") == part(
        original, "dump_stack_lvl", "__x64_sys_openat"
    )


def test_the_normal_form_still_tells_reports_apart(finding: Finding) -> None:
    """The comparison would see another function, lock, usage, or a line that is missing."""
    text = "\n".join(part(normal(finding.text), "WARNING", "#0: ADDRESS"))
    for said in (
        "trace-cmd/840 is trying to acquire lock:",
        "ADDRESS (&sb->s_type->i_mutex_key){++++}-{3:3}, at: dcache_dir_open_wrapper",
        "ADDRESS (eventfs_rwsem/1){.+.+}-{3:3}, at: dcache_dir_open_wrapper",
        "-> #1 (eventfs_rwsem/1){.+.+}-{3:3}:\ndown_read_nested\neventfs_root_lookup\n",
        "rlock(eventfs_rwsem/1);\nlock(&sb->s_type->i_mutex_key);\nlock(eventfs_rwsem/1);",
        "*** DEADLOCK ***",
        "1 lock held by trace-cmd/840:",
    ):
        assert said in text
