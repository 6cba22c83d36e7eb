"""When two findings of a campaign are one: what they are called, whoever found them.

An identity is a line that people can read: the kind, the lock classes or the object, and the model
functions at fault.  It has no names of tasks, no offsets and no addresses, so that it is the same
whichever scenario, strategy, seed or schedule showed it.

    use-after-free: read of eventfs_inode->e_top_files in eventfs_root_lookup()
    possible circular locking dependency: &sb->s_type->i_mutex_key -> eventfs_rwsem/1
    deadlock: event_enable_read() holds kn->active and waits for event_mutex; ...

Source: a crash is told from another by its kind and its innermost functions, less those that act
for whoever calls them: syzkaller, pkg/report (the title of a report); that the lock classes around
a cycle say which deadlock it is: kernel/locking/lockdep.c, print_circular_bug().
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lockwright.check.deadlock import FOR_EVER
from lockwright.check.linearizability import NOT_LINEARIZABLE
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.explore.livelock import LASTING

HELPERS = frozenset(
    {
        *("dget", "dget_parent", "dput", "lockref_get", "lockref_put_return"),
        *("iget", "ihold", "igrab", "iput", "fput", "__fput", "mntget", "mntput"),
        *("kref_get", "kref_put", "refcount_inc", "refcount_dec_and_test"),
        *("kfree", "kfree_rcu", "kmem_cache_free", "list_add", "list_del", "list_del_init"),
    }
)
"""Functions that act for their caller: of two findings in one of these, the caller says which."""

ARROW = " -> "
TASK = re.compile(r"INFO: task .+:[0-9]+ (blocked for ever in|goes round for ever:|.*) ?(.*)")
FRAME = re.compile(r"  (\S+)\+0x[0-9a-f]+/0x[0-9a-f]+")
HOLDS = "  holds: "
HELD = re.compile(r"(?:^|, )(.+?) \((?:[^()]*)\)(?=, |$)")
ADDRESS = re.compile(r"\b(?:0x[0-9a-f]+|[0-9a-f]{16})\b")
CALL = re.compile(r"^  .*?  ([A-Za-z_]\w*)\(")


def identity(finding: Finding) -> str:
    """What a finding is called, in one line."""
    return f"{finding.kind}: {_what(finding)}"


def _what(finding: Finding) -> str:
    if finding.kind in FOR_EVER and (tasks := _blocked(finding)):
        return "; ".join(sorted({str(task) for task in _cycle(tasks)}))
    if finding.kind in LASTING and (rounds := _rounds(finding.lines)):
        return "; ".join(rounds)
    if finding.kind == NOT_LINEARIZABLE:
        calls = {match[1] for line in finding.lines if (match := CALL.match(line))}
        return ", ".join(sorted(calls)) or finding.signature
    said, cycle = finding.signature, finding.classes
    if cycle and said == ARROW.join(cycle):
        return min(ARROW.join(cycle[at:] + cycle[:at]) for at in range(len(cycle)))
    named = bool(cycle) and ARROW.join(cycle) in said  # the way from one class to another
    said = _impersonal(said, finding.comm)
    where = "" if named else _where(finding.chain)
    return said if not where or said.endswith(f" in {where[:-2]}") else f"{said} in {where}"


def _impersonal(said: str, comm: str) -> str:
    """What was said, without who it was said of, and without addresses."""
    while comm and said.startswith((f"{comm}: ", f"{comm} ")):
        said = said.removeprefix(comm).removeprefix(":").lstrip()
    return ADDRESS.sub("*", said)


def _where(chain: Sequence[Frame]) -> str:
    """`eventfs_root_lookup()`, or `dput() for eventfs_release()`."""
    names: list[str] = []
    for frame in chain:
        names.append(f"{frame.function}()")
        if frame.function not in HELPERS:
            break
    return " for ".join(names)


@dataclass(slots=True)
class _Task:
    """One that waits for ever: where, holding which classes, for which class, if for one."""

    doing: str
    chain: list[Frame] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    wanted: str = ""

    def __str__(self) -> str:
        parts = [f"holds {', '.join(sorted(self.held))}"] if self.held else []
        parts.append(f"waits for {self.wanted}" if self.wanted else f"waits in {self.doing}")
        return f"{_where(self.chain)} {' and '.join(parts)}".lstrip()


def _blocked(finding: Finding) -> list[_Task]:
    """The tasks that wait for ever, in order of creation."""
    tasks: list[_Task] = []
    for line in finding.lines:
        if match := TASK.fullmatch(line):
            tasks.append(_Task(match[2].partition("(")[0]))
        elif tasks and (match := FRAME.fullmatch(line)):
            tasks[-1].chain.append(Frame(match[1], 0, 0))
        elif tasks and line.startswith(HOLDS):
            tasks[-1].held = HELD.findall(line.removeprefix(HOLDS))
    waits = list(finding.waits)
    for task in tasks:
        # only those that wait for a class are listed, in the same order
        if waits and list(waits[0][:-1]) == task.held:
            task.wanted = waits.pop(0)[-1]
    return tasks


def _cycle(tasks: list[_Task]) -> list[_Task]:
    """Those that hold what another one of them waits for, and the other way round; if there are
    none, it takes all to say what happened."""
    left = tasks
    while True:
        held = {name for task in left for name in task.held}
        wanted = {task.wanted for task in left if task.wanted}
        inside = [task for task in left if task.wanted in held and wanted.intersection(task.held)]
        if len(inside) == len(left):
            return left or tasks
        left = inside


def _rounds(lines: Sequence[str]) -> list[str]:
    """What tasks do that go round for ever, and where those are that never go on."""
    told: set[str] = set()
    starving = False
    for line in lines:
        if match := TASK.fullmatch(line):
            starving = "never does" in match[1]
            if match[1].startswith("goes round"):
                # the round has no beginning: the order of what is done in it says nothing
                told.add(f"round of {', '.join(sorted(match[2].split(', ')))}")
        elif starving and (match := FRAME.fullmatch(line)):
            told.add(f"{match[1]}() starves")
            starving = False
    return sorted(told)
