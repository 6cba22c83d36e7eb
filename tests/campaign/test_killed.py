"""A campaign that is killed, at any moment and as often as you like, ends as one that is not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from lockwright.core.location import Value
from tests.cli.process import environment

PYPROJECT = """
[tool.lockwright]
scenarios = ["stress"]
"""

SCENARIOS = '''
"""What a campaign is made of that has pieces of every kind."""
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.scenario import scenario


@scenario("demo/losing:three", more=0)
def losing(world, *, more):
    """Tasks that lose increments, and a lock order that turns with what they see."""
    a, b = Mutex(world, "A"), Mutex(world, "B")
    count = Variable(world, 0, "count")

    async def adds(nth):
        seen = await READ_ONCE(count)
        first, second = (b, a) if seen == 2 else (a, b)
        await first.lock()
        await second.lock()
        await WRITE_ONCE(count, seen + 1)
        await second.unlock()
        await first.unlock()
        if nth < more:
            await WRITE_ONCE(count, await READ_ONCE(count) + 1)

    for nth in range(3):
        world.spawn(adds(nth), f"adds{nth}")
'''

PLAN = """
[campaign]
name = "killed"
attempts = 5

[[explore]]
scenarios = ["demo/losing:three"]
parameters = { more = [0, 2] }

[[explore]]
scenarios = ["demo/losing:three"]
strategies = ["random", "pct"]
executions = 1500

[[explore]]
scenarios = ["demo/losing:three"]
strategies = ["dfs"]
executions = 4200
"""
LIMIT_S = 300


@dataclass(frozen=True)
class Campaign:
    """A project with a plan, and the store of its campaign."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "plan.campaign"

    def start(self) -> subprocess.Popen[bytes]:
        """Begin, or go on, with processes of their own group."""
        what = ["resume", str(self.store)] if self.store.exists() else ["run", "plan.toml"]
        return subprocess.Popen(
            [sys.executable, "-m", "lockwright", "campaign", *what, "--jobs", "2"],
            cwd=self.root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def finish(self) -> None:
        """Go on until there is nothing more to explore."""
        status = self.start().wait(LIMIT_S)
        assert status == 1, status

    def contents(self) -> list[Value]:
        """All that the campaign knows but how long things took."""
        target = self.root / "all.jsonl"
        command = [sys.executable, "-m", "lockwright", "campaign", "export", str(self.store)]
        subprocess.run([*command, "-o", str(target)], cwd=self.root, env=environment(), check=True)
        lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
        for line in lines:
            line.pop("seconds", None)
        return lines


def made(root: Path) -> Campaign:
    root.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (root / "stress.py").write_text(SCENARIOS, encoding="utf-8")
    (root / "plan.toml").write_text(PLAN, encoding="utf-8")
    return Campaign(root)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Value]:
    """What the campaign ends with if nobody kills anything."""
    campaign = made(tmp_path_factory.mktemp("undisturbed") / "demo")
    campaign.finish()
    return campaign.contents()


def children(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if entry.name.isdigit() and int(fields[1]) == pid:
            found += [int(entry.name), *children(int(entry.name))]
    return found


def killed(campaign: Campaign, random: Random, *, workers: bool) -> bool:
    """Let a campaign go on for a while, then kill it, or one of its workers; whether it was still
    there to be killed."""
    process = campaign.start()
    begun = time.monotonic()
    while process.poll() is None and not children(process.pid):
        time.sleep(0.01)
    pause = random.uniform(0, 2)
    while process.poll() is None and time.monotonic() - begun < pause + 0.5:
        time.sleep(0.01)
    there, victims = process.poll() is None, children(process.pid)
    with suppress(ProcessLookupError):
        os.kill(random.choice(victims) if workers and victims else process.pid, signal.SIGKILL)
    if workers:
        process.terminate()
    process.wait(LIMIT_S)
    gone(victims)
    return there


def gone(pids: list[int]) -> None:
    """Wait until processes that have nobody to work for are gone."""
    deadline = time.monotonic() + 60
    while any(_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker has outlived its campaign"
        time.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("kills", "each"), [(2, 2), pytest.param(200, 5, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_killed_it_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, undisturbed: list[Value], kills: int, each: int
) -> None:
    random, hit, nth = Random(kills), 0, 0
    while hit < kills:
        campaign = made(tmp_path / f"demo{nth}")
        nth += 1
        for _ in range(each):
            hit += killed(campaign, random, workers=random.random() < 0.3)
        campaign.finish()
        assert campaign.contents() == undisturbed
