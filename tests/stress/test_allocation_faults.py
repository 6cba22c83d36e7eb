"""One allocation fails, at every site of every design: what is found, and that nothing is missed.

`attempts()` are the scenarios: each call that allocates, in each design.  With `failures=1` each
of their allocations fails in some execution; `fails=SITE` does one site at a time.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from invariants.failures import HERE, NOT_HERE, Attempt, faults_of, shown
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.operation import Operation
from lockwright.core.result import Result
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.fault_sites import sites_of
from lockwright.kernel.faults import site_of
from lockwright.kernel.slab import Allocate
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from model.eventfs.latest import EventfsLatest
from stress.corpus.a import TITLES
from stress.fsnotify.cases import SCENARIOS as REMOTE
from stress.scenarios.designs import DESIGNS, scenarios_of

MODEL = Path(__file__).parent.parent.parent / "model"
ALLOCATE = ("kmalloc", "kmalloc_reclaim", "memory_for")
OF_ALLOCATORS = ("model/vfs/reclaim.py", "model/vfs/memory.py")
"""Where these are defined themselves."""
AT_BOOT = {"trace_event_call": "model/tracing/static_events.py"}
"""Not reached: events that the kernel was built with are made before there is any task."""
DISCARDS_INODES = {"eventfs/linux_6_9": {"clears_flag_at_drop": "true"}}
"""6.9 never frees an inode (E47), whatever fails; looked at without that."""

KNOWN = (
    ("A05", "", r"deadlock: .*i_rwsem of tracing/instances/foo"),
    ("A05", "", r"possible recursive locking: .*i_mutex_key -> .*i_mutex_key$"),
    ("A06", "", r"leak: tracefs_inode_cache tracing/instances/foo/events,"),
    ("A06", "", r"inode tracing/instances/foo/events has no dentry, and is not freed$"),
    ("A07", "", r"leak: eventfs_inode events,"),
    ("A10", "", r"make_instance foo gives -22 where an allocation fails"),
    ("A02", "list|open$", r"leak: dentr(y_list|ies|y_list->dentries) "),
    ("A02", "list|open$", r"dentry tracing/events/kprobes/\S+ has 1 references, and 0 owners$"),
    ("A04", "list", r"list_directory \S+ gives \(\w*\) where an allocation fails"),
    ("A04", "list", r"a listing of \S+ misses \w+, which is there all the time$"),
    ("A01", "", r"\S+ \S+( \d+)* gives -2 where an allocation fails"),
    ("A01", "", r"\S+ \S+( \d+)* gives -2 when there is memory again"),
    ("A01", "", r"\w+ of \S+ fails, although it is there all the time$"),
    (
        "A01",
        "stat|open|chmod",
        r"(stat|chmod|chown|write_file) kprobes/kp1\S*( \d+)* gives -2, not",
    ),
    ("A08", "create", r"stat \S+ gives -2, not 0$"),
    ("A09", "mkdir", r"stat /instances/foo/events/kprobes/kp1 gives -2, not 0$"),
    ("E30", "then_|synthetic", r"invalid pointer: page fault: ei of the error pointer -12$"),
    ("E01", "", r"possible circular locking dependency: .* -> eventfs_rwsem/1 -> "),
    ("E03", "", r"possible circular locking dependency: .* -> eventfs_mutex -> "),
    ("E02", "", r"possible recursive locking: eventfs_rwsem/1 -> eventfs_rwsem/1$"),
)
"""A bug's id, in which scenarios it shows, and how; A03 looks as A02 does."""
ANY = {"failures": "1"}
MAIN = {"attempt_stat", "attempt_list", "attempt_create", "attempt_mkdir"}
ELSEWHERE = {"E01", "E03", "E30"}
"""What only other calls show."""
LEFT = {"A08", "A09", "A10"}
"""What nobody has mended."""
POINTERS = {"A01", "A06", *LEFT}
OPENS = {"A01", "A02", "A04", "A05", *LEFT}
FOUND: dict[str, set[str]] = {
    "tracefs/pinned": LEFT,
    "eventfs/v3": {*OPENS, "A07", "E30", "E01", "E02"},
    "eventfs/v4": {*OPENS, "A07", "E30", "E03"},
    "eventfs/linux_6_6": OPENS,
    "eventfs/linux_6_7": {*POINTERS, "A02", "A04"},
    "eventfs/linux_6_8_rc1": POINTERS,
    "eventfs/linux_6_8": LEFT,
    "eventfs/linux_6_9": LEFT,
    "eventfs/linux_6_12": LEFT,
    "eventfs/latest": LEFT,
    "eventfs/kernfs": LEFT,
}
"""What each design has of these: that a bug is gone in the next design stands here, too."""


@cache
def attempts(design: str) -> tuple[Scenario, ...]:
    """The scenarios of a design whose calls tell what they did without memory."""
    given = DISCARDS_INODES.get(design, {})
    return tuple(
        one.with_parameters(given)
        for one in scenarios_of(design)
        if one.case.startswith("attempt_")
    )


def told(result: Result) -> list[str]:
    """The findings, as `KNOWN` reads them."""
    return [_told(finding) for finding in result.findings]


def _told(finding: Finding) -> str:
    kind = "" if finding.kind == "broken promise" else f"{finding.kind}: "
    return f"{kind}{finding.message}".strip()


def bug_of(case: str, said: str) -> str:
    """The id of the bug that a finding is, or the finding itself."""
    for bug, where, pattern in KNOWN:
        if re.search(where, case.removeprefix("attempt_")) and re.match(pattern, said):
            return bug
    return f"{case}: {said}"


def explored(one: Scenario, **given: str) -> set[str]:
    """The bugs that a scenario shows with some parameters; without, where any allocation fails."""
    one = one.with_parameters(given or ANY)
    result = explore(one, Options(events=False))
    assert result.complete, one.name
    return {bug_of(one.case, said) for said in told(result)}


# The whole of it


@pytest.mark.parametrize("design", DESIGNS)
def test_in_the_main_calls_nothing_is_found_but_what_is_in_the_corpus(design: str) -> None:
    found = {bug for one in attempts(design) if one.case in MAIN for bug in explored(one)}
    assert found == FOUND[design] - ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_whichever_allocation_fails_nothing_is_found_but_what_is_in_the_corpus(
    design: str,
) -> None:
    assert {bug for one in attempts(design) for bug in explored(one)} == FOUND[design]


def test_every_bug_of_the_corpus_that_failing_allocations_show_is_in_this_table() -> None:
    assert {bug for bug in TITLES if bug not in ("A03", "A11")} == {
        bug for bugs in FOUND.values() for bug in bugs if bug.startswith("A")
    }


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_each_site_in_turn_finds_the_same(design: str) -> None:
    found: set[str] = set()
    for one in attempts(design):
        for site in sites_of(one):
            found |= explored(one, fails=site)
    assert found == FOUND[design]


# That no site is missed


def written() -> Iterator[tuple[str, str, str]]:
    """Every allocation in the source of the models: file, function, and what is allocated."""
    for path in sorted(MODEL.rglob("*.py")):
        name = path.relative_to(MODEL.parent).as_posix()
        if name in OF_ALLOCATORS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for outer in ast.walk(tree):
            if not isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(outer):
                if isinstance(node, ast.Call) and _is_allocation(node):
                    yield name, outer.name, _what(node)


def _is_allocation(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in ALLOCATE


def _what(node: ast.Call) -> str:
    """What is allocated, as sites call it; one pattern for all kinds of one thing."""
    told = next((a for a in node.args if isinstance(a, ast.Constant)), None)
    if told is None:
        return r"(trace|synth|user)_\w+"
    return re.escape(re.sub(r"[\s~,=?*+':]+", "_", str(told.value)).replace("->", "."))


@cache
def seen() -> set[str]:
    """The sites of all designs, where all goes well."""
    remote = [one for one in REMOTE if one.case == "watch"]
    scenarios = (*(one for design in DESIGNS for one in attempts(design)), *remote)
    return {site for one in scenarios for site in passed(one)}


def passed(one: Scenario) -> set[str]:
    """The sites that one execution comes by."""
    world, names = World(), set[str]()

    def hear(task: Task, operation: Operation, result: Value) -> None:
        if isinstance(operation, Allocate):
            names.add(site_of(task, operation.what))

    world.on_step = (*world.on_step, hear)
    one.with_parameters(ANY).set_up(world)
    while enabled := world.enabled():
        world.step(enabled[0])
    return names


def test_every_allocation_in_the_models_is_a_site_that_some_scenario_has() -> None:
    places = list(written())
    assert len(places) > 30
    missed = [
        (file, function, what)
        for file, function, what in places
        if AT_BOOT.get(what) != file
        and not any(re.fullmatch(f"({function}|\\w+):{what}", site) for site in seen())
    ]
    assert missed == []


@pytest.mark.parametrize(
    "one", [one for one in REMOTE if one.case == "watch"], ids=lambda one: one.design
)
def test_a_watch_without_memory_fails_and_leaves_nothing_behind(one: Scenario) -> None:
    failing = one.with_parameters({"failures": "1", "frees": "true"})
    kinds = {(found.kind, found.message[:3]) for found in explore(failing, Options()).findings}
    address = {("broken promise", "P4:")} if one.design == "fsnotify/per_group" else set()
    assert kinds == address


def test_a_function_that_is_seen_itself_has_each_of_its_allocations_seen() -> None:
    functions = {site.partition(":")[0] for site in seen()}
    missed = [
        (function, what)
        for _, function, what in written()
        if function in functions
        and not any(re.fullmatch(f"{function}:{what}", site) for site in seen())
    ]
    assert missed == []


@pytest.mark.parametrize("design", DESIGNS)
def test_what_takes_things_away_allocates_nothing(design: str) -> None:
    """Removing, and remounting: none of it can fail for want of memory."""
    (one,) = [one for one in attempts(design) if one.case == "attempt_removals"]
    assert sites_of(one) == []


# That it finds what there is to find


def test_a_failed_creation_that_is_not_cleaned_up_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def nothing(self: EventfsLatest, ei: object) -> None:
        """The memory is forgotten."""

    monkeypatch.setattr(EventfsLatest, "cleanup_ei", nothing)
    (one,) = [one for one in attempts("eventfs/latest") if one.case == "attempt_mkdir"]
    found = explored(one) - LEFT
    assert any("leak: eventfs_root_inode events" in bug for bug in found)


def test_a_failed_creation_that_stays_locked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unlocks_nothing(dentry: object) -> None:
        """The parent stays locked."""

    monkeypatch.setattr("model.eventfs.linux_6_8.tracefs_failed_creating", unlocks_nothing)
    (one,) = [one for one in attempts("eventfs/latest") if one.case == "attempt_mkdir"]
    assert "A05" in explored(one)


# The rule


def attempt(first: int, again: int, here: str = HERE) -> Attempt:
    return Attempt("stat a", "0", f"{first}", f"{again}", here)


@pytest.mark.parametrize(
    ("made", "wrong"),
    [
        (attempt(-12, 0), []),
        (attempt(0, 0), []),
        (attempt(0, 0, NOT_HERE), []),
        (attempt(-2, 0), ["stat a gives -2 where an allocation fails, not -12 or 0"]),
        (attempt(-12, -2), ["stat a gives -2 when there is memory again, not 0"]),
        (attempt(-12, -12), ["stat a gives -12 when there is memory again, not 0"]),
        (
            attempt(-2, -2),
            [
                "stat a gives -2 where an allocation fails, not -12 or 0",
                "stat a gives -2 when there is memory again, not 0",
            ],
        ),
        (attempt(-12, -12, NOT_HERE), ["stat a gives -12, not 0"]),
        (attempt(-2, -2, NOT_HERE), ["stat a gives -2, not 0"]),
    ],
)
def test_a_call_without_memory_says_so_and_can_be_made_again(
    made: Attempt, wrong: list[str]
) -> None:
    assert list(faults_of(made)) == wrong


def test_a_listing_is_the_same_in_any_order() -> None:
    assert shown(("filter", "enable")) == shown(("enable", "filter")) == "(enable, filter)"
    assert shown(("enable",)) != shown(("enable", "filter"))
