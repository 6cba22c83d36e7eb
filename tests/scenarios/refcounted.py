"""What the tests of the reference-counted designs ask of an exploration."""

from __future__ import annotations

from functools import cache

from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.scenario import Parameter
from lockwright.session import Options, explore
from stress.corpus.entry import At


@cache
def explored(at: At) -> Result:
    """Every trace of a scenario; explored once for all tests that ask."""
    result = explore(at.scenario(), Options(events=False))
    assert result.complete
    return result


def findings(name: str, **parameters: Parameter) -> tuple[Finding, ...]:
    """What is wrong in a scenario, with some parameters other than its own."""
    return tuple(explored(At(name, **parameters)).findings)


def kinds(name: str, **parameters: Parameter) -> set[str]:
    """The kinds of the findings."""
    return {finding.kind for finding in findings(name, **parameters)}


def said(name: str, kind: str, **parameters: Parameter) -> set[str]:
    """The messages of the findings of a kind."""
    return {f.message for f in findings(name, **parameters) if f.kind == kind}


def places(name: str, kind: str, **parameters: Parameter) -> set[str]:
    """The functions that findings of a kind happen in."""
    found = [f for f in findings(name, **parameters) if f.kind == kind]
    return {finding.chain[0].function for finding in found}
