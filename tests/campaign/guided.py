"""How soon random strategies find something, with guidance and without it.

`python -m tests.campaign.guided` prints the table of `docs/guidance.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

from lockwright.campaign.corpus import Corpus
from lockwright.campaign.explored import RANGE, RangeWorker, arm_told
from lockwright.campaign.features import gained
from lockwright.campaign.guidance import ArmRecord, shares
from lockwright.campaign.item import CORPUS, Arm
from lockwright.core.location import Value
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.scenario import Scenario, scenario

STRATEGIES = ("random", "pct", "pos")
NAMES = "abcdefgh"
SEEDS = 20


@dataclass(frozen=True)
class Setting:
    """How a small campaign goes: `length` executions a piece, `pieces` a generation."""

    guided: bool = True
    corpus: bool = True
    strategies: tuple[str, ...] = STRATEGIES
    length: int = 16
    pieces: int = 8
    most: int = 4000
    rules: tuple[str, ...] = ("deadlock", "leak", "promises")


def told_of(made: Scenario, seed: int, setting: Setting) -> Iterator[tuple[Arm, Value]]:
    """What each piece of a campaign of one item has found, in order, as `Sampled` makes them."""
    arms = [Arm(name, seed, setting.most) for name in setting.strategies]
    if setting.corpus:
        arms.append(Arm(CORPUS, seed, 0))
    records, following = [ArmRecord() for _ in arms], [0] * len(arms)
    options = Options(strategy="random", executions=0, coverage=True, rules=setting.rules)
    corpus = Corpus()
    while True:
        able = [at for at, arm in enumerate(arms) if arm.strategy != CORPUS or corpus.entries]
        even = [ArmRecord() for _ in able]
        counts = shares([records[at] for at in able] if setting.guided else even, setting.pieces)
        works = []
        for at, count in zip(able, counts, strict=True):
            for _ in range(count):
                first, following[at] = following[at], following[at] + setting.length
                works.append((at, {
                    "kind": RANGE, "arm": arm_told(arms[at]), "range": [first, following[at]],
                    "lessons": [], "races": None, "known": sorted(corpus.known),
                    "parents": corpus.parents(),
                }))  # fmt: skip
        for at, work in works:
            worker = RangeWorker(made, options, work)
            told = {"more": worker.explore(work), "fresh": worker.fresh}
            for schedule, features in worker.fresh:
                corpus.admit(schedule, features, arms[at].name)
            records[at].add(setting.length, gained(worker.fresh, work["known"]))
            yield arms[at], told
        for record in records:
            record.close()


def first_finding(made: Scenario, seed: int, setting: Setting) -> int:
    """The number of the first execution that shows a finding, from 1; one more than all of them if
    none does."""
    done = 0
    for _, told in told_of(made, seed, setting):
        if found := told["more"]["findings"]:
            return done + int(min(at for _, at, _ in found))
        done += int(told["more"]["counts"]["executions"])
        if done >= setting.most:
            return setting.most + 1
    raise AssertionError


def covering(made: Scenario, seed: int, setting: Setting, wanted: int) -> int:
    """After how many executions so many features are known; one more than all of them if never."""
    done, known = 0, set[int]()
    for _, told in told_of(made, seed, setting):
        for _, features in told["fresh"]:
            known.update(features)
        done += int(told["more"]["counts"]["executions"])
        if len(known) >= wanted:
            return done
        if done >= setting.most:
            return setting.most + 1
    raise AssertionError


def gates(count: int, *, behind: int = 0) -> Scenario:
    """A keeper opens and shuts one gate after the other; a runner who comes to an open one goes on
    to the next.  Behind the last, it unlocks what it does not hold.

    `behind` steps that touch nothing of others come before the runner's first gate.
    """

    @scenario(f"planted/gates:gates_{count}_{behind}")
    def made(world: World) -> None:
        """A runner goes through gates that are open for a moment."""
        doors = [Variable(world, 0, f"gate {NAMES[at]}") for at in range(count)]
        prize = Mutex(world, "prize")

        async def keeper() -> None:
            for door in doors:
                await WRITE_ONCE(door, 1)
                await WRITE_ONCE(door, 0)

        async def runner() -> None:
            mine = Variable(world, 0, "mine")
            for _ in range(behind):
                await READ_ONCE(mine)
            for door in doors:
                if not await READ_ONCE(door):
                    return
            await prize.unlock()

        world.spawn(keeper(), "keeper")
        world.spawn(runner(), "runner")

    return made


def alternating(count: int) -> Scenario:
    """So many writes and so many reads of one word take turns exactly: of that no pair of them
    tells."""

    @scenario(f"planted/turns:turns_{count}")
    def made(world: World) -> None:
        """Writes and reads that take turns."""
        word, prize, seen = Variable(world, 0, "word"), Mutex(world, "prize"), list[int]()

        async def writes() -> None:
            for nth in range(count):
                await WRITE_ONCE(word, nth + 1)

        async def reads() -> None:
            for _ in range(count):
                seen.append(await READ_ONCE(word))
            if seen == list(range(1, count + 1)):
                await prize.unlock()

        world.spawn(writes(), "writes")
        world.spawn(reads(), "reads")

    return made


EVEN = Setting(guided=False, corpus=False)
SHARES = Setting(corpus=False)
GUIDED = Setting()
PLANTED = (gates(3), gates(5), gates(4, behind=8), alternating(4))
FINDINGS = ("eventfs/latest:list_vs_number", "eventfs/linux_6_12:remount_vs_remove_cold")
COVERED = (
    ("eventfs/v4:open_remove_lookup", 188),
    ("eventfs/v4:open_remove_lookup", 190),
    ("eventfs/linux_6_8_rc1:hist_vs_rmdir", 180),
    ("eventfs/linux_6_8_rc1:hist_vs_rmdir", 181),
    ("eventfs/linux_6_9:open_vs_remove_instance", 169),
)
"""Scenarios, and how many features of each are to be covered."""


def row(name: str, count: Callable[[int, Setting], int], most: int) -> None:
    """Print a row: for each setting the median of SEEDS seeds, and how many never came so far."""
    cells = []
    for setting in (EVEN, SHARES, GUIDED):
        counts = [count(seed, replace(setting, most=most)) for seed in range(SEEDS)]
        missed = sum(number > most for number in counts)
        cells.append(f"{median(counts):g}" + (f" ({missed})" if missed else ""))
    sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table, which takes about a quarter of an hour."""
    project = load_project(Path.cwd())
    found = [(made, 1500) for made in PLANTED]
    found += [(project.scenario(name), 300) for name in FINDINGS]
    for made, most in found:
        row(f"`{made.name}`", partial(first_finding, made), most)
    for name, wanted in COVERED:
        count = partial(covering, project.scenario(name), wanted=wanted)
        row(f"`{name}`, {wanted} features", count, 800)


if __name__ == "__main__":
    main()
