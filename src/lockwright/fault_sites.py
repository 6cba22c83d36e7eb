"""Where faults can strike in a scenario: its allocation sites, and whose sleeps a signal can end.

Nobody writes these down: they are found by running the scenario, also with an allocation that
fails, since a way out of an error may allocate elsewhere.  Half of the executions are of the
exhaustive search, which for a small scenario is all that there are; the others are random, half of
them without failures, because one that is drawn comes early as a rule and ends the rest.  What is
found depends on the scenario and on how many executions there are, and on nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

from lockwright.core.daemon import is_daemon
from lockwright.core.errors import UsageError
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.run import Run
from lockwright.kernel.faults import FAILS, FAILURES, NO_SITE, site_of
from lockwright.kernel.signal import FATAL, SIGNAL, Signals, signals_of
from lockwright.kernel.slab import Allocate
from lockwright.options import Options
from lockwright.scenario import SIGNALS, Scenario
from lockwright.searches import search

EXECUTIONS = 400
ASKS = "signal_pending"
_UNSAYABLE = re.compile(r"[\s~,'+]")
"""What a parameter's text cannot have, or has between two names."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What executions have shown, in order of name; `behind` is what none has shown but where an
    allocation had failed before.  `complete` says that these were all executions that there are,
    with at most one allocation that fails; then there is nothing else to see."""

    names: tuple[str, ...]
    behind: tuple[str, ...]
    complete: bool
    executions: int


def sites_of(scenario: Scenario, executions: int = EXECUTIONS) -> list[str]:
    """The sites at which the scenario's tasks allocate, in order of name: values that its parameter
    `fails` can have.  Those that only an error path comes to are among them if the scenario has
    `failures` besides.  Raises what its functions raise."""
    seen = seen_sites(scenario, executions)
    return sorted([*seen.names, *(seen.behind if FAILURES in scenario.parameters else ())])


def signal_targets(scenario: Scenario, executions: int = EXECUTIONS) -> list[str]:
    """The tasks, by comm, that sleep in a way that a signal can end, or ask whether one has come:
    values of the parameter `signals`.  Only those that the scenario begins with can be sent one.

    A sleep that only SIGKILL ends is none of these: `signals` sends other ones."""
    world = World()
    Signals(world)
    scenario.with_parameters({SIGNALS: ""}).set_up(world)
    there = [task.comm for task in world.tasks if not is_daemon(task)]
    world.discard()
    names = seen_targets(scenario, executions).names
    return [comm for comm in names if comm in there and not _UNSAYABLE.search(comm)]


def seen_sites(scenario: Scenario, executions: int = EXECUTIONS, *, until: str = "") -> Seen:
    """The same sites, and whether there can be others; the search ends as soon as it has seen the
    site `until`."""
    failing = scenario.with_parameters({FAILS: "", FAILURES: "1"})
    # as if failures were possible: a model may allocate step by step only then
    calm = failing.with_parameters({FAILS: NO_SITE, FAILURES: "0"})
    return _looked((failing, calm), executions, _hear_allocations, until)


def seen_targets(scenario: Scenario, executions: int = EXECUTIONS) -> Seen:
    """The same tasks, and whether there can be others."""
    quiet = scenario.with_parameters({SIGNALS: ""})
    return _looked((quiet,), executions, _hear_sleepers)


def check_fails(scenario: Scenario, executions: int = 4 * EXECUTIONS) -> None:
    """Raise UsageError if an allocation is to fail at a site that the scenario was never seen to
    have.  Whatever else the scenario raises, its exploration will raise too."""
    site = str(scenario.parameters.get(FAILS, ""))
    if not site:
        return
    try:
        seen = seen_sites(scenario, executions, until=site)
    except Exception:  # of the model's code, of any kind
        return
    if site in seen.behind and FAILURES not in scenario.parameters:
        raise UsageError(
            f"{scenario.name} allocates at {site} only after another allocation has failed: "
            f"give {FAILURES}=1, too"
        )
    known = [*seen.names, *seen.behind]
    if site not in known:
        close = get_close_matches(site, known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        said = f"there {'is' if len(known) == 1 else 'are'}: {', '.join(sorted(known)) or 'none'}"
        if not seen.complete:
            said += f" (in {seen.executions} executions, which are not all)"
        raise UsageError(f"{scenario.name} has no allocation site {site!r}; {hint}{said}")


Hear = Callable[[World, dict[str, bool]], None]
"""Attaches to a world what enters the names that it sees: True for one that was not behind."""


def _looked(forms: tuple[Scenario, ...], executions: int, hear: Hear, until: str = "") -> Seen:
    """What is seen in the first of some forms of a scenario, and by chance in the others too."""
    if executions < 1:
        raise UsageError(f"{executions} executions to look at: expected 1 or more")
    names: dict[str, bool] = {}

    def maker(scenario: Scenario) -> Callable[[Names], World]:
        def make(of: Names) -> World:
            world = World(of)
            hear(world, names)
            scenario.set_up(world)
            return world

        return make

    half = (executions + 1) // 2
    exhaustive = search(maker(forms[0]), Options())
    runs = iter(exhaustive)
    made = _run(runs, half, names, until)
    cut_off = bool(getattr(exhaustive, "cut_off", False))
    complete = not names.get(until) and not cut_off and next(runs, None) is None
    for left, form in enumerate(forms, 1) if not complete else ():
        share = (executions - made) // (len(forms) + 1 - left)
        drawn = Options(strategy="random", executions=share)
        made += _run(iter(search(maker(form), drawn)), share, names, until)
    found, behind = (
        [name for name in sorted(names) if names[name] is way] for way in (True, False)
    )
    return Seen(tuple(found), tuple(behind), complete, made)


def _run(runs: Iterator[Run], most: int, names: dict[str, bool], until: str) -> int:
    """So many executions, or until there is this name, not behind; how many there were."""
    made = 0
    for _ in islice(runs, 0 if names.get(until) else most):
        made += 1
        if names.get(until):
            break
    return made


def _hear_allocations(world: World, names: dict[str, bool]) -> None:
    failed: list[str] = []

    def heard(task: Task, operation: Operation, result: Value) -> None:
        if isinstance(operation, Allocate):
            site = site_of(task, operation.what)
            names[site] = names.get(site, False) or not failed
            if result is None:
                failed.append(site)

    world.on_step = (*world.on_step, heard)


def _hear_sleepers(world: World, names: dict[str, bool]) -> None:
    Signals(world)

    def heard(task: Task, operation: Operation, result: Value) -> None:
        signals = signals_of(world)
        _, least = signals.sleepers.get(task.index, (None, FATAL)) if signals else (None, FATAL)
        if least == SIGNAL or operation.kind == ASKS:
            names[task.comm] = True

    world.on_step = (*world.on_step, heard)
