"""Is a fault found?  The scenarios of a design are explored with it, until one shows what the
design without the fault does not."""

from __future__ import annotations

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from types import FrameType
from typing import Any, NamedTuple

from lockwright.core.errors import LockwrightError
from lockwright.session import Options, explore
from tests.mutants.loading import edited, replaced

EXECUTIONS_MAX = 4_000
SECONDS_MAX = 40


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault of one line in `module`: `old` became `new`.

    `says` is what is wrong with it; `shown` names the scenarios that are explored, in this order,
    and the kind of the finding that shows it stands in `kind`.
    """

    says: str
    module: str
    old: str
    new: str
    shown: tuple[str, ...]
    kind: str

    def tree(self) -> ast.Module:
        """The changed module."""
        return edited(self.module, self.old, self.new)


class Shown(NamedTuple):
    """Where a fault was found, and as what."""

    scenario: str
    kind: str
    message: str


class _Late(Exception):
    """The exploration takes longer than anybody waits: the fault made a loop without an end."""


CRASHES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NameError,
    RecursionError,
    TypeError,
    ValueError,
    _Late,
)
"""What Python makes of a fault that no kernel could have: found, too."""


def scenario(name: str) -> Any:  # noqa: ANN401  # a Scenario of the wing that is loaded now
    """The scenario of this name, in the wing that is loaded now."""
    design, _, case = name.partition(":")
    if design == "kernfs/tree":
        return vars(import_module("stress.scenarios.kernfs"))[case]
    designs = import_module("stress.scenarios.designs")
    designs.all_cases()
    cases = import_module("stress.scenarios.case").CASES
    return designs.scenario_of(designs.DESIGNS[design], cases[case])


def findings(name: str, executions: int = EXECUTIONS_MAX) -> dict[tuple[str, str], str]:
    """What a scenario shows now: kinds and signatures of its findings, with the messages.

    A model that cannot be built or run any more is a finding, too: its kind is the error's class.
    """
    chosen = scenario(name)
    try:
        with _limit():
            result = explore(chosen, Options(events=False, executions=executions))
    except (LockwrightError, *CRASHES) as error:
        return {(type(error).__name__, ""): str(error)}
    return {(found.kind, found.signature): found.message for found in result.findings}


@cache
def known(name: str) -> frozenset[tuple[str, str]]:
    """What the scenario shows without any fault of ours."""
    return frozenset(findings(name))


def hunt(module: str, tree: ast.Module, names: tuple[str, ...]) -> Shown | None:
    """The first finding that only the changed module has, or None."""
    before = {name: known(name) for name in names}
    with replaced(module, tree):
        for name in names:
            for (kind, signature), message in findings(name).items():
                if (kind, signature) not in before[name]:
                    return Shown(name, kind, message)
    return None


@contextmanager
def _limit() -> Iterator[None]:
    """An end for a search that a fault keeps from ending."""

    def late(number: int, frame: FrameType | None) -> None:
        raise _Late(f"no end within {SECONDS_MAX} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
