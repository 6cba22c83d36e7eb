"""Random programs in which an outcome or an operation's result is called a bug, and brute force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from lockwright.core.finding import Finding
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation, Touch
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.explore.attempt import Cost, Finish, Key
from lockwright.explore.plain import plain_search
from lockwright.explore.run import MakeWorld, Run
from lockwright.kernel.once import READ_ONCE, Variable, VariableRead
from tests.explore.small_programs import Program, final_state


def planted(kind: str, signature: str) -> Finding:
    """A finding that the machine gives its step."""
    return Finding(kind, f"{kind} {signature}", signature, 0, "t0", fatal=False)


@dataclass(frozen=True, slots=True)
class Planted:
    """A program; each final state of it is a finding of its own, and so is each read's result.

    All its worlds share `names`: findings name tasks by number.  With `bugs`, only these are
    findings.
    """

    program: Program
    bugs: frozenset[Key] | None = None
    names: Names = field(default_factory=Names)

    def fresh(self) -> tuple[MakeWorld, Finish]:
        """What `shrink` asks for."""
        return self.make, self.finish

    def make(self, _: Names) -> World:
        """A world that reports each read."""
        world = World(self.names)
        self.program.build(world)
        reads: dict[int, int] = {}

        def step(task: Task, operation: Operation, result: Value) -> None:
            if isinstance(operation, VariableRead):
                nth = reads[task.number] = reads.get(task.number, 0) + 1
                world.report(planted("read", f"{task.number} {nth} {result}"))

        world.on_step += (step,)
        return world

    def finish(self, run: Run) -> Sequence[Finding]:
        """The final state, if this is the end, and all reads."""
        if not run.world.enabled():
            run.world.report(planted("state", str(final_state(run.world))))
        return [
            finding
            for finding in run.world.findings
            if self.bugs is None or (finding.kind, finding.signature) in self.bugs
        ]


def costs(planting: Planted, most: int) -> dict[Key, list[tuple[Cost, list[Choice]]]] | None:
    """For each finding, what each of its schedules costs; None if there are too many schedules."""
    make = planting.make
    found: dict[Key, list[tuple[Cost, list[Choice]]]] = {}
    runs = list(islice(plain_search(make), most + 1))
    if len(runs) > most:
        return None
    for run in runs:
        schedule = list(run.schedule)
        switched = list(preempting(make, schedule))
        for finding in planting.finish(run):
            upto = schedule[: finding.step + 1]
            cost = sum(switched[: len(upto)]), len(upto), len({task for task, _ in upto})
            found.setdefault((finding.kind, finding.signature), []).append((cost, schedule))
    return found


def preempting(make: MakeWorld, schedule: Sequence[Choice]) -> Iterator[bool]:
    """Of each step: was another task, that could go on, running before?"""
    world = make(Names())
    last = None
    for task, value in schedule:
        could = {other.index for other in world.enabled()}
        yield last is not None and last != task and last in could
        world.step(world.tasks[task], value)
        last = task


class Dice(Touch):
    """An operation with six outcomes."""

    __slots__ = ()
    chooses = True
    kind = "dice"

    def options(self) -> int:
        return 6

    def announce(self, choice: int) -> list[int]:
        return [self.loc.writing]

    def run(self, task: object, touched: list[int]) -> int:
        touched.append(self.loc.writing)
        return self.loc.world.choice


def dice(world: World) -> None:
    """A throw of four is a bug, one step later."""
    x = Variable(world, 0, "x")

    async def throw() -> None:
        if await Dice(x) == 4:
            await READ_ONCE(x)
            world.report(planted("four", "thrown"))

    async def other() -> None:
        await READ_ONCE(x)

    world.spawn(throw(), "throw")
    world.spawn(other(), "other")
