"""The random strategies by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from lockwright.core.errors import UsageError
from lockwright.schedule.coverage import Coverage
from lockwright.schedule.mix import Mix, Part, check_parts
from lockwright.schedule.pct import Pct
from lockwright.schedule.pos import Pos
from lockwright.schedule.random_walk import RandomWalk
from lockwright.schedule.sampler import Sampler
from lockwright.schedule.surw import Surw
from lockwright.schedule.urw import Urw

SAMPLERS: dict[str, Callable[..., Sampler]] = {
    sampler.name: sampler for sampler in (RandomWalk, Pct, Pos, Urw, Surw, Coverage)
}
"""Each is called with (seed, executions, first=...)."""

MIX: tuple[Part, ...] = tuple((name, 1) for name in SAMPLERS if name != Coverage.name)
"""The mix that nobody has said more about, in equal shares: all of them but the one that has to
run the executions before it, too."""

SHARE_MAX = 1000


def sampler(name: str, seed: int, executions: int, *, first: int = 0, depth: int = 3) -> Sampler:
    """The executions `first` .. `first + executions - 1` of a random strategy.

    `depth` is that of the bugs that pct aims at.  Raises UsageError for an unknown name.
    """
    _check_name(name)
    if name == Pct.name:
        return Pct(seed, executions, depth=depth, first=first)
    return SAMPLERS[name](seed, executions, first=first)


def mix(
    parts: tuple[Part, ...], seed: int, executions: int, *, first: int = 0, depth: int = 3
) -> Mix:
    """The same range of executions of a mix.  Raises UsageError for one that is none."""
    check_parts(parts)
    for name, _ in parts:
        _check_name(name)

    def part(name: str, executions: int, first: int) -> Sampler:
        return sampler(name, seed, executions, first=first, depth=depth)

    return Mix(parts, part, executions, first=first)


def parse_mix(text: str) -> tuple[Part, ...]:
    """The parts that `random,pct:2` names, a share being 1 unless it says otherwise.

    Raises UsageError for anything else.
    """
    parts = []
    for word in text.split(","):
        name, colon, share = word.strip().partition(":")
        _check_name(name)
        number = share if colon else "1"
        digits = number.isascii() and number.isdigit() and len(number) <= len(str(SHARE_MAX))
        if not digits or int(number) > SHARE_MAX:
            raise UsageError(
                f"malformed mix: {word.strip()!r} is not of the form NAME or NAME:SHARE, the share "
                f"a number from 1 to {SHARE_MAX}"
            )
        parts.append((name, int(number)))
    check_parts(parts)
    return tuple(parts)


def mix_text(parts: tuple[Part, ...]) -> str:
    """What `parse_mix` reads."""
    return ",".join(name if share == 1 else f"{name}:{share}" for name, share in parts)


def _check_name(name: str) -> None:
    if name in SAMPLERS:
        return
    close = get_close_matches(name, SAMPLERS, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"unknown random strategy {name!r}; {hint}there are: {', '.join(SAMPLERS)}")
