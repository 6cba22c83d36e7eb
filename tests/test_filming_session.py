"""Which findings carry a timeline, and that it is the same whoever makes it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.core.finding import Finding
from lockwright.core.lockuse import LockKey
from lockwright.core.result import Result
from lockwright.core.timeline import Timeline
from lockwright.core.world import World
from lockwright.filming.places import Places
from lockwright.kernel.mutex import Mutex
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.scenario import Scenario
from lockwright.session import Session, explore
from lockwright.token import parse_token

ROOT = Path(__file__).parent.parent
NAME = "eventfs/v4:open_vs_remove"
DRAW = f"""
import sys
from pathlib import Path
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.session import explore
scenario = load_project(Path.cwd()).scenarios[{NAME!r}]
result = explore(scenario, Options(executions=200))
import json
json.dump([finding.timeline.as_json() for finding in result.findings], sys.stdout)
"""


def abba(world: World) -> None:
    a = Mutex(world, "m", cls=LockKey("m", "a"))
    b = Mutex(world, "m", cls=LockKey("m", "b"))

    async def transfer(first: Mutex, second: Mutex) -> None:
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(transfer(a, b), "one")
    world.spawn(transfer(b, a), "two")


ABBA = Scenario("test:abba", abba, "Two orders.")


def drawn(finding: Finding) -> Timeline:
    assert finding.timeline is not None
    return finding.timeline


def test_each_finding_with_an_interleaving_has_a_timeline() -> None:
    result = explore(ABBA, Options())
    assert len(result.findings) == 2
    for finding in result.findings:
        steps = [event for event in finding.events if event.step >= 0]
        assert len(drawn(finding).chains) == len(steps)
        for event, chain in zip(steps, drawn(finding).chains, strict=True):
            places = [drawn(finding).places[at] for at in chain]
            assert [(place.function, place.line - place.first) for place in places] == [
                (frame.function, frame.offset) for frame in event.chain
            ]


def test_the_splat_has_the_addresses_of_the_locks() -> None:
    finding = explore(ABBA, Options()).findings[0]
    addresses = [lock.address for lock in drawn(finding).locks]
    assert len(set(addresses)) == 2
    assert all(f"{address:016x} (m" in finding.text for address in addresses)


def test_two_classes_of_one_name_are_called_as_the_validator_calls_them() -> None:
    finding = explore(ABBA, Options()).findings[0]
    assert sorted(lock.lock_class for lock in drawn(finding).locks) == ["m", "m#2"]
    assert sorted(lock.name for lock in drawn(finding).locks) == ["m", "m#2"]


def test_without_events_nothing_is_filmed() -> None:
    result = explore(ABBA, Options(events=False))
    assert [finding.timeline for finding in result.findings] == [None, None]


def test_a_token_gives_the_same_timeline_again() -> None:
    scenario = load_project(ROOT).scenarios[NAME]
    for subject in (ABBA, scenario):
        result = explore(subject, Options(executions=200))
        for finding in result.findings:
            token = parse_token(finding.token)
            done, again = Session(subject, Options()).run_once(token.schedule, token.marks)
            same = [other for other in again if other.signature == finding.signature]
            if done.events == list(finding.events) and same:
                assert _plain(drawn(same[0])) == _plain(drawn(finding))
        assert result.findings


def _plain(timeline: Timeline) -> Timeline:
    """Without the numbers of classes: who sees only one execution may know fewer of them."""
    locks = tuple(lock._replace(lock_class="") for lock in timeline.locks)
    return replace(timeline, locks=locks)


def test_every_process_draws_the_same() -> None:
    texts = []
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", DRAW]
        done = subprocess.run(
            command, cwd=ROOT, env=env, check=True, capture_output=True, text=True, timeout=120
        )
        texts.append(done.stdout)
    assert texts[0] == texts[1]
    timelines = [Timeline.from_json(each) for each in json.loads(texts[0])]
    assert timelines
    paths = {place.path for timeline in timelines for place in timeline.places}
    assert "model/eventfs/v4.py" in paths
    assert all((ROOT / path).is_file() or path.startswith("lockwright/") for path in paths)


def test_results_are_read_back_with_their_timelines_and_without() -> None:
    result = explore(ABBA, Options())
    told = json.loads(json.dumps(result.as_json()))
    assert [drawn(each) for each in Result.from_json(told).findings] == [
        drawn(each) for each in result.findings
    ]
    for finding in told["findings"]:
        del finding["timeline"]
    assert [each.timeline for each in Result.from_json(told).findings] == [None, None]


def test_a_timeline_that_is_none_is_refused() -> None:
    told = drawn(explore(ABBA, Options()).findings[0]).as_json()
    for name in told:
        with pytest.raises(KeyError, match=name):
            Timeline.from_json({key: value for key, value in told.items() if key != name})
    with pytest.raises(TypeError, match="argument"):
        Timeline.from_json({**told, "holds": [[0]]})


def code_of(path: str, name: str = "f") -> dict[str, object]:
    """A function that stands in this file."""
    scope: dict[str, object] = {"__name__": "my.module"}
    exec(compile(f"async def {name}(op):\n    await op\n", path, "exec"), scope)
    return scope


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("{here}/model/x.py", "model/x.py"),
        ("model/x.py", "model/x.py"),
        ("{here}/.venv/lib/python3.12/site-packages/other/y.py", "other/y.py"),
        ("/somewhere/else/z.py", "my/module.py"),
        ("<string>", "my/module.py"),
    ],
)
def test_a_file_is_told_as_it_is_called_on_every_machine(
    path: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def build(world: World) -> None:
        f = code_of(path.format(here=tmp_path))["f"]
        world.spawn(f(Mutex(world, "m").lock()), "one")  # type: ignore[operator]  # it is one

    world = World()
    build(world)
    places = Places()
    assert places.chain(world.tasks[0]) == (0,)
    assert places.listed[0][:4] == ("f", shown, 1, 2)
    world.close()
