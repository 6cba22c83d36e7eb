"""The plan that holds every scenario to its committed verdict: `stress/plans/regression.plan.toml`.

`python -m reports.regression --write` makes it anew of `reports/baselines/verdicts.json`, for its
diff to be read; without, it says whether the plan is as the baseline has it.  It has the scenarios
that end within `EXECUTIONS_MAX` executions: `pytest -n auto stress/plans` runs them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click

from reports.running import run, written
from reports.verdicts import baseline

PLAN = Path(__file__).parent.parent / "stress" / "plans" / "regression.plan.toml"
EXECUTIONS_MAX = 100
BOUND = 5 * EXECUTIONS_MAX
"""One that takes so many is not what it was, whatever comes of it."""
HEAD = f"""\
# Every scenario that ends within {EXECUTIONS_MAX} executions, and what it ends with.
# Made of reports/baselines/verdicts.json by `python -m reports.regression --write`.

"""
CAMPAIGN = """\
[campaign]
name = "regression"
guidance = "none"
attempts = 0
"""


def regression_text(verdicts: Mapping[str, Mapping[str, Any]]) -> str:
    """The plan for committed verdicts."""
    kept = {
        name: given
        for name, given in verdicts.items()
        if given["complete"] and given["executions"] <= EXECUTIONS_MAX
    }
    designs = [(design, list(names)) for design, names in groupby(kept, _design)]
    expected = [line for _, names in designs for line in _expected(names, kept)]
    tables = [line for _, names in designs for line in _explored(names)]
    return f"{HEAD}expect = [\n{_joined(expected)}]\n\n{CAMPAIGN}{_joined(tables)}"


def _design(name: str) -> str:
    return name.partition(":")[0]


def _expected(names: Sequence[str], verdicts: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield f"    # {_design(names[0])}"
    for name in names:
        given = verdicts[name]
        said = {
            "scenario": name,
            "verdict": given["verdict"],
            "executions": given["executions"],
            "findings": sorted({kind for kind, *_ in given["findings"]}),
        }
        pairs = (f"{key} = {json.dumps(value)}" for key, value in said.items() if value)
        yield f"    {{ {', '.join(pairs)} }},"


def _explored(names: Sequence[str]) -> Iterator[str]:
    yield from ("", "[[explore]]", f"executions = {BOUND}", "scenarios = [")
    yield from (f"    {json.dumps(name)}," for name in names)
    yield "]"


def _joined(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


@click.command()
@click.option("--write", is_flag=True, help="Make the plan anew.")
def main(*, write: bool) -> None:
    """Compare the plan with the baseline of verdicts."""
    text = regression_text(baseline())
    if write:
        written(PLAN, text)
        return
    same = PLAN.is_file() and PLAN.read_text(encoding="utf-8") == text
    click.echo("the plan is as the baseline has it" if same else "the plan differs")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    run(main)
