"""What others and earlier releases cost: peers.json and baseline.json beside this file.

peers.json has executions a second of native explorers on the same programs, as recorded on a
machine of two shared cores.  They are of that machine, so that the ratios to them only say
something where the machines are alike.  `as` names the program that was measured where it was not
quite the same.  baseline.json has, for each release, the cost of an execution in plain steps
(`yardstick.py`), which no machine is part of.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from stress.benchmarks.cases import SECTION

HERE = Path(__file__).parent
PEERS_FILE = HERE / "peers.json"
BASELINE_FILE = HERE / "baseline.json"


@dataclass(frozen=True, slots=True)
class Peers:
    """Executions a second of the peers on a program; `alike` unless it was another one."""

    nidhugg: float
    genmc: float
    alike: bool


def peers() -> dict[str, Peers]:
    """The peers' rates by the name of the program."""
    entries = json.loads(PEERS_FILE.read_text(encoding="utf-8"))["programs"]
    return {
        name: Peers(entry["nidhugg_optimal"], entry["genmc"], "as" not in entry)
        for name, entry in entries.items()
    }


def peers_of(known: dict[str, Peers], name: str) -> Peers | None:
    """What the peers did on a case's program, whatever our own granularity."""
    return known.get(name.removesuffix(SECTION))


def baseline() -> dict[str, dict[str, float]]:
    """The costs by release and case, in the order of the releases."""
    releases: dict[str, dict[str, float]] = json.loads(BASELINE_FILE.read_text(encoding="utf-8"))
    return releases


def cost_then(releases: dict[str, dict[str, float]], name: str, now: str) -> float | None:
    """What the last release before this one took for a case: by operation, if not by section."""
    for release in reversed(releases):
        costs = releases[release]
        if release != now:
            return costs.get(name, costs.get(name.removesuffix(SECTION)))
    return None


def record(release: str, costs: dict[str, float]) -> None:
    """Write down what this release costs, beside the earlier ones."""
    releases = baseline()
    releases[release] = {**releases.get(release, {}), **costs}
    text = json.dumps(releases, indent=2)
    BASELINE_FILE.write_text(f"{text}\n", encoding="utf-8")
