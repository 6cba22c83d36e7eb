"""How much a test may cost: the profiles ci, dev and thorough.

The pytest plugin's option `--lockwright-profile` chooses one for the process; a marker's or a
call's own bounds come before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockwright.options import check_name
from lockwright.testing.choice import DEFAULT, choose, chosen

__all__ = ["DEFAULT", "PROFILES", "Profile", "current", "profile", "use"]


@dataclass(frozen=True, slots=True)
class Profile:
    """`executions` and `seconds` bound an exploration, `examples` are those of a Hypothesis test,
    each with at most `calls` calls and under `schedules` schedules."""

    name: str
    executions: int
    seconds: float | None
    examples: int
    calls: int
    schedules: int


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("dev", 20_000, 20.0, 100, 12, 4),
        Profile("ci", 200_000, None, 200, 16, 8),
        Profile("thorough", 2_000_000, None, 2_000, 60, 32),
    )
}


def profile(name: str) -> Profile:
    """The profile of this name.  Raises UsageError for none."""
    check_name("profile", name, PROFILES)
    return PROFILES[name]


def current() -> Profile:
    """The profile that this process goes by: dev, unless the plugin or `use` says another."""
    return PROFILES[chosen()]


def use(name: str) -> str:
    """Go by this profile from now on; gives the name of the one before.  Raises UsageError."""
    return choose(profile(name).name)
