"""The same scenario and schedule give the same event list in another process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
import json, sys
from lockwright.core.schedule import parse_schedule
from lockwright.scenario import Scenario
from lockwright.session import Options, Session, explore
from tests.explore.small_programs import random_program

for seed in range(600, 640):
    scenario = Scenario(f"random/program:{seed}", random_program(seed).build)
    result = explore(scenario, Options(executions=40, version="1"))
    sys.stdout.write(result.to_text())
    for finding in result.findings:
        events = Session(scenario, Options()).replay(finding.schedule)
        sys.stdout.write(json.dumps([event.as_json() for event in events]))
"""


def output(hash_seed: str) -> str:
    """What the script prints in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_results_and_events_do_not_depend_on_the_process() -> None:
    first = output("1")
    assert first.count('"token": "lw1~random/program:') >= 10
    assert output("2") == first
