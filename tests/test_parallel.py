"""Several processes give the Result of one, whatever becomes of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lockwright.checkpoint import checkpoint_text, read_checkpoint, resumed
from lockwright.core.errors import InternalError, UsageError
from lockwright.core.location import Value
from lockwright.core.result import Progress, Result
from lockwright.core.world import World
from lockwright.explore import rounds, spine
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.options import Options
from lockwright.parallel import DEATHS_MAX, Crew
from lockwright.scenario import Scenario
from lockwright.session import Session, explore
from tests.test_checkpoint import TURNING, Left, keeping, program

STRATEGIES = ("random", "pct", "urw", "mix")
KEEPING = Scenario("test/keeping:three", keeping)


class Box(Slab):
    """What is freed too early, or never."""

    cache = "box"
    word: Field[int] = Field(0)


def faulty(world: World) -> None:
    """A use after free, a leak, a data race and a deadlock, each in some orders."""
    a, b = Mutex(world, "A"), Mutex(world, "B")
    box, flag = Box(world, "b"), Variable(world, 0, "flag")
    world.state = flag

    async def freer() -> None:
        await a.lock()
        await b.lock()
        if not flag.value:
            await kfree(box)
        await b.unlock()
        await a.unlock()

    async def user() -> None:
        await b.lock()
        box.word += 1
        await a.lock()
        await a.unlock()
        await b.unlock()

    async def setter() -> None:
        await WRITE_ONCE(flag, 1)
        box.word = 3

    for task in (freer, user, setter):
        world.spawn(task(), task.__name__)


FAULTY = Scenario(
    "test/faulty:three",
    faulty,
    sometimes=(
        ("the flag is set", lambda world: bool(world.state.value)),
        ("never", lambda world: False),
    ),
    outcome=lambda world: str(world.state.value),
)
SCENARIOS = (
    TURNING,
    replace(TURNING, parameters={"orders": "AB AB"}),
    replace(TURNING, parameters={"orders": "AB BC CA"}),
    KEEPING,
    FAULTY,
    *(program(600 + seed) for seed in range(4)),
)


@pytest.fixture(autouse=True)
def _finely_cut(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Searches are cut into many pieces; no process is left."""
    monkeypatch.setattr(rounds, "FIRST", 4)
    monkeypatch.setattr(rounds, "MOST", 16)
    monkeypatch.setattr(rounds, "BATCHES", 8)
    monkeypatch.setattr(rounds, "PARTS", 16)
    monkeypatch.setattr(spine, "BRANCHES", 2)
    yield
    assert multiprocessing.active_children() == []


def the_same(scenario: Scenario, options: Options, jobs: tuple[int, ...] = (2, 3)) -> Result:
    """One process and several give the same Result; that Result."""
    whole = explore(scenario, options)
    for many in jobs:
        result = explore(scenario, replace(options, jobs=many))
        assert result.to_text() == whole.to_text(), (scenario.name, many)
        assert [f.text for f in result.findings] == [f.text for f in whole.findings]
    return whole


@pytest.mark.parametrize("granularity", ["operation", "section"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.name))
def test_several_processes_find_what_one_does(scenario: Scenario, granularity: str) -> None:
    the_same(scenario, Options(granularity=granularity, version="1"))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("scenario", SCENARIOS[2:5], ids=lambda scenario: str(scenario.name))
def test_several_processes_draw_what_one_does(strategy: str, scenario: Scenario) -> None:
    the_same(scenario, Options(strategy, 3, 600, version="1"), (2,))


def test_the_scenarios_have_findings_of_many_kinds() -> None:
    kinds = {
        finding.kind
        for scenario in SCENARIOS[:5]
        for finding in explore(scenario, Options(granularity="operation")).findings
    }
    assert kinds >= {
        "deadlock",
        "possible circular locking dependency",
        "use-after-free",
        "goal never reached",
    }, kinds


@pytest.mark.parametrize("executions", [1, 5, 20, 61])
def test_a_bound_on_executions_is_kept_exactly(executions: int) -> None:
    for strategy in ("dpor", "random"):
        the_same(TURNING, Options(strategy, executions=executions, version="1"), (2,))


def disturbed(options: list[Options], every: int) -> Result:
    """Explore, left and taken up again every so often with the next options."""
    session, turn = Session(TURNING, options[0]), 0
    while True:
        bound = session.result.executions + every

        def told(progress: Progress, bound: int = bound) -> None:
            if progress.executions >= bound:
                raise Left

        try:
            return session.explore(told)
        except Left:
            turn += 1
            again = options[turn % len(options)]
            session = resumed(TURNING, again, read_checkpoint(checkpoint_text(session)))


@pytest.mark.parametrize("strategy", ["dpor", "random"])
def test_what_several_processes_began_one_can_end(strategy: str) -> None:
    most = None if strategy == "dpor" else 900
    one = Options(strategy, 3, most, granularity="operation", version="1")
    whole = explore(TURNING, one)
    for order in ([one, replace(one, jobs=2)], [replace(one, jobs=3), one]):
        assert disturbed(order, 9).to_text() == whole.to_text()


def test_a_process_that_is_killed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    ready = Crew._ready

    def killing(crew: Crew) -> Value:
        if len(killed) < 2:  # a piece may lose only so many
            process = crew.hands[len(killed) % len(crew.hands)].process
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)
        return ready(crew)

    whole = explore(TURNING, Options(granularity="operation", version="1"))
    monkeypatch.setattr(Crew, "_ready", killing)
    result = explore(TURNING, Options(granularity="operation", version="1", jobs=2))
    assert result.to_text() == whole.to_text()
    assert len(set(killed)) == 2


def test_work_that_kills_its_processes_is_given_up() -> None:
    here = os.getpid()

    def build(world: World) -> None:
        keeping(world)
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)

    message = f"{DEATHS_MAX} processes died of the same executions, the last of SIGKILL"
    with pytest.raises(InternalError, match=message) as caught:
        explore(Scenario("test/dies:one", build), Options(jobs=2))
    assert caught.value.exit_status == 4


def test_an_exception_comes_as_from_one_process() -> None:
    def build(world: World) -> None:
        keeping(world)

        async def failing() -> None:
            await WRITE_ONCE(flag, 1)
            if await READ_ONCE(seen):
                raise ValueError("the model has a bug")

        async def other() -> None:
            await WRITE_ONCE(seen, 1)

        flag, seen = Variable(world, 0, "flag"), Variable(world, 0, "seen")
        world.spawn(failing(), "failing")
        world.spawn(other(), "other")

    scenario = Scenario("test/raises:some", build)
    for strategy in ("dpor", "random"):
        left = []
        for jobs in (1, 2):
            session = Session(scenario, Options(strategy, executions=5000, jobs=jobs))
            with pytest.raises(ValueError, match="the model has a bug"):
                session.explore()
            world = session.world
            assert world is not None
            left.append((session.result.executions, world.steps, session.result.steps))
        assert left[0] == left[1]


def test_a_stale_answer_is_not_taken_for_another_piece() -> None:
    crew = Crew(KEEPING, Options("random", executions=10, jobs=2))

    def piece(first: int) -> Value:
        return lambda: {"lessons": [], "races": None, "range": (first, first + 1)}

    with crew:
        begun = crew.outcomes([piece(at) for at in range(4)])
        while next(begun) is None:
            pass
        again = [told for told in crew.outcomes([piece(9)]) if told is not None]
        alone = Crew(KEEPING, Options("random", executions=10, jobs=1)).worker.explore(piece(9)())
    assert again == [alone]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(jobs=0), "0 jobs: expected 1 or more"),
        (Options(jobs=-1), "-1 jobs: expected 1 or more"),
        (Options("dfs", jobs=2), "strategy dfs explores in one process"),
        (Options("bounded", jobs=2), "strategy bounded explores in one process"),
        (Options("liveness", jobs=2), "strategy liveness explores in one process"),
    ],
)
def test_jobs_that_cannot_be_had_are_refused(options: Options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Session(TURNING, options)
