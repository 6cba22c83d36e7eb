"""Small scopes: every program of a design's calls, up to so many tasks with so many calls each.

    scope(CALLS, tasks=2, operations=2)                  the programs, smallest first
    explore_scope(CALLS, tasks=2, operations=2)          each of them explored: a ScopeResult

Most bugs show in a small program; what no program of a scope shows needs a larger one, or calls
that the vocabulary's alphabet does not have.

Source: Jackson, "Software Abstractions", 2006 (the small scope hypothesis).
"""

from lockwright.scope.explored import ScopeSession, explore_scope
from lockwright.scope.programs import Scope, parse_scope, scope
from lockwright.scope.result import Found, ScopeProgress, ScopeResult

__all__ = [
    "Found",
    "Scope",
    "ScopeProgress",
    "ScopeResult",
    "ScopeSession",
    "explore_scope",
    "parse_scope",
    "scope",
]
