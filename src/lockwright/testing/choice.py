"""Which profile this process goes by, and which token: texts, which cost nothing to know.

What the names stand for is in `profiles.py`.  The pytest plugin writes here in every run, and must
not load the engine for it.
"""

from __future__ import annotations

DEFAULT = "dev"
NAMES = (DEFAULT, "ci", "thorough")
_chosen = [DEFAULT]
_token = [""]


def chosen() -> str:
    """The name of the profile that holds."""
    return _chosen[0]


def choose(name: str) -> str:
    """Go by this profile from now on; gives the name of the one before."""
    assert name in NAMES
    before, _chosen[0] = _chosen[0], name
    return before


def replaying() -> str:
    """The token that is all that concurrent machines are to run; empty if there is none."""
    return _token[0]


def replay_only(token: str) -> str:
    """Let machines run this token from now on, or if it is empty, as always; gives the one of
    before."""
    before, _token[0] = _token[0], token
    return before
