"""Two processes at once on inotify: what a kernel came to, and what exploration reaches.

A `Race` is done thousands of times on a kernel (`inotify_racing.py`), each time from a fresh start,
and `inotify_outcomes.json` has what was seen.  The model, explored to the end, must reach all of
that; what it reaches besides, the kernel has only not shown.
An outcome is the results of each process, and of the calls that look at what is left afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from lockwright.core.boot import boot
from lockwright.core.result import Verdict
from lockwright.core.world import World
from lockwright.kernel.completion import Completion
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from model.fsnotify.setup import client
from stress.conformance.inotify_calls import DATA, GROUPS, Result
from stress.conformance.inotify_model import NOWHERE, Model

OUTCOMES = DATA / "inotify_outcomes.json"

Calls = tuple[str, ...]
LOOK: Calls = ("modify f1", "access f1", "read g1", "watches g1")
LEFT: Calls = ("read g1", "watches g1")


@dataclass(frozen=True, slots=True)
class Race:
    """Both processes make their calls at once, after `before` and before `then`.

    `rounds` are those on a kernel.  There, `crowd` more groups watch f1, for what nobody does to
    it, so that adding up its marks takes longer; the model has none of them.
    With `split` the model adds up masks as the C does, in two steps.
    """

    name: str
    one: Calls
    other: Calls
    before: Calls = ()
    then: Calls = LOOK
    rounds: int = 4000
    crowd: int = 0
    split: bool = False

    def calls(self) -> Calls:
        """All of them."""
        return (*self.before, *self.one, *self.other, *self.then)


MODIFY: Calls = ("add g1 f1 MODIFY",)
BOTH: Calls = ("add g1 f1 MODIFY", "add g2 f1 ACCESS")
DELETED: Calls = ("add g1 f1 MODIFY|DELETE_SELF",)
ENDS = 600
"""Closing a group that has had watches waits for a grace period: fewer rounds."""


def _pair(one: str, other: str, before: Calls = MODIFY, **more: Any) -> Race:  # noqa: ANN401
    name = f"{one}, {other}" + f" after {', '.join(before)}" * bool(before)
    return Race(name, (one,), (other,), before, **more)


LOOK_BOTH: Calls = ("modify f1", "access f1", "read g1", "read g2", "watches g1", "watches g2")
OTHERS: Calls = ("add g1 f1 ACCESS", "add g2 f1 MODIFY")
LOST: Any = {"then": LOOK, "rounds": 20_000, "crowd": 100, "split": True}
"""The sum of the masks is written without a bit that somebody has just asked for."""
RACES: tuple[Race, ...] = (
    _pair("add g1 f1 ACCESS", "rm g1 1"),
    _pair("add g1 f1 ACCESS|MASK_ADD", "rm g1 1"),
    _pair("add g1 f1 ACCESS|MASK_CREATE", "rm g1 1"),
    _pair("add g1 f1 ACCESS", "add g1 f1 MODIFY", ()),
    _pair("add g1 f1 ACCESS", "add g1 f2 MODIFY", ()),
    _pair("add g1 f1 ACCESS|MASK_ADD", "add g1 f1 ATTRIB|MASK_ADD"),
    _pair("add g1 f1 ACCESS", "add g1 f1 ATTRIB|MASK_ADD"),
    _pair("add g1 f1 ACCESS|MASK_CREATE", "add g1 f1 MODIFY|MASK_CREATE", ()),
    _pair("add g1 f1 ACCESS", "add g2 f1 MODIFY", (), then=LOOK_BOTH),
    _pair("rm g1 1", "rm g1 1"),
    _pair("rm g1 1", "rm g2 1", BOTH, then=LOOK_BOTH),
    _pair("rm g1 1", "add g2 f1 MODIFY", then=LOOK_BOTH),
    _pair("modify f1", "rm g1 1", (*MODIFY, "open f1"), then=LEFT),
    _pair("modify f1", "add g1 f1 MODIFY", ("open f1",), then=LEFT),
    _pair("modify f1", "add g1 f1 ACCESS", (*MODIFY, "open f1"), then=LEFT),
    _pair("modify f1", "add g1 f1 ACCESS|MASK_ADD", (*MODIFY, "open f1"), then=LEFT),
    _pair("modify f1", "modify f1", then=LEFT),
    _pair("modify f1", "told g1", (*MODIFY, "open f1", "modify f1"), then=LEFT),
    _pair("told g1", "rm g1 1", ("add g1 f1 MODIFY", "modify f1"), then=LEFT),
    _pair("told g1", "told g1", ("add g1 f1 MODIFY", "modify f1"), then=LEFT),
    Race(
        "modify f1 and access f1, rm g1 1",
        ("modify f1", "access f1"),
        ("rm g1 1",),
        ("add g1 f1 ACCESS|MODIFY", "open f1"),
        LEFT,
    ),
    Race(
        "modify f1, rm g1 1 and add g1 f1 MODIFY",
        ("modify f1",),
        ("rm g1 1", "add g1 f1 MODIFY"),
        (*MODIFY, "open f1"),
        LEFT,
    ),
    _pair("rm g2 1", "add g1 f1 MODIFY|MASK_ADD", OTHERS, **LOST),
    _pair("add g2 f1 ATTRIB", "add g1 f1 MODIFY|MASK_ADD", OTHERS, **LOST),
    _pair("unlink f1", "add g1 f1 DELETE_SELF", (), then=LEFT),
    _pair("unlink f1", "add g1 f1 DELETE_SELF", then=LEFT),
    _pair("unlink f1", "rm g1 1", DELETED, then=LEFT),
    _pair("unlink f1", "modify f1", DELETED, then=LEFT),
    _pair("unlink f1", "unlink f1", DELETED, then=LEFT),
    _pair("release f1", "rm g1 1", (*DELETED, "open f1", "unlink f1"), then=LEFT),
    _pair("release f1", "modify f1", (*DELETED, "open f1"), then=LEFT),
    _pair("close g1", "add g1 f1 ACCESS", rounds=ENDS),
    _pair("close g1", "rm g1 1", rounds=ENDS),
    _pair("close g1", "close g1", rounds=ENDS),
    _pair("close g1", "told g1", ("add g1 f1 MODIFY", "modify f1"), rounds=ENDS, then=LEFT),
    _pair("modify f1", "close g1", (*BOTH, "open f1"), then=LOOK_BOTH, rounds=ENDS),
    _pair("close g1", "add g2 f1 MODIFY", then=LOOK_BOTH, rounds=ENDS),
    _pair("close g1", "close g2", BOTH, then=LEFT, rounds=ENDS),
    _pair("close g1", "unlink f1", DELETED, then=LEFT, rounds=ENDS),
)


def scenario_of(race: Race) -> Scenario:
    """The race on the model."""
    number = RACES.index(race) if race in RACES else len(RACES)
    return Scenario(
        f"conformance/inotify:{number}",
        partial(_build, race=race),
        outcome=lambda world: world.state,
    )


def _build(world: World, *, race: Race) -> None:
    at = client(
        world,
        nodeids=(1, 2, NOWHERE),
        groups=GROUPS,
        frees=False,
        recalc_split=race.split,
    )
    model = Model(at)
    for call in race.before:
        boot(world, model.do(call))
    model.at_once()
    results: list[list[Result]] = [[], [], []]
    done = [Completion(world, "one is done"), Completion(world, "the other is done")]
    for nth, calls in enumerate((race.one, race.other)):
        world.spawn(_side(model, calls, results[nth], done[nth]), ("one", "other")[nth])
    world.spawn(_then(world, model, race.then, results, done), "then")


async def _side(model: Model, calls: Calls, results: list[Result], done: Completion) -> None:
    for call in calls:
        results.append(await model.do(call))
    await done.complete()


async def _then(
    world: World,
    model: Model,
    calls: Calls,
    results: list[list[Result]],
    done: list[Completion],
) -> None:
    for side in done:
        await side.wait_for_completion()
    for call in calls:
        results[2].append(await model.do(call))
    world.state = outcome_text(results)


def outcome_text(results: list[list[Result]]) -> str:
    """`1; 0; EAGAIN, [1 f1 ACCESS]`: the results of one, of the other, and then."""
    return "; ".join(
        ", ".join(f"[{', '.join(one)}]" if isinstance(one, list) else str(one) for one in side)
        for side in results
    )


@cache
def reached(race: Race) -> frozenset[str]:
    """All outcomes on the model.  Raises AssertionError if something is found, or left over."""
    result = explore(scenario_of(race), Options(events=False))
    assert result.verdict is Verdict.VERIFIED, [finding.message for finding in result.findings]
    return frozenset(result.outcomes)


def write(path: Path, kernel: str, seen: dict[str, tuple[int, dict[str, int]]]) -> None:
    """Write what was seen of each race: in how many rounds, and each outcome how often."""
    races = {
        name: {"rounds": rounds, "outcomes": dict(sorted(outcomes.items()))}
        for name, (rounds, outcomes) in seen.items()
    }
    head = {"kernel": kernel, "about": "what stress.conformance.inotify_recorder saw"}
    text = json.dumps({**head, "races": races}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def recorded(path: Path = OUTCOMES) -> dict[str, dict[str, int]]:
    """The outcomes that were seen of each race, and how often."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: seen["outcomes"] for name, seen in data["races"].items()}
