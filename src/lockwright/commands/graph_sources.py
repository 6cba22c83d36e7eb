"""What lock graphs are collected from: files, standard input, campaigns, scenarios."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from lockwright.commands.inputs import STDIN, content_of, standard_input
from lockwright.core.errors import UsageError
from lockwright.options import Options
from lockwright.project import load_project
from lockwright.report.lockgraph.judging import add_findings
from lockwright.report.lockgraph.sources import Collection, add_result
from lockwright.report.read.decode import decode
from lockwright.session import Session


def collect(sources: tuple[str, ...], options: Options) -> Collection:
    """Read all files, explore all scenarios.  Raises UsageError that names what is wrong."""
    collected = Collection()
    with redirect_stdout(sys.stderr):
        for source in dict.fromkeys(sources):
            if source == "-":
                collected.add_text(STDIN, decode(standard_input()))
            elif not is_file(source):
                _explore(collected, source, options)
            elif is_campaign(source):
                _add_campaign(collected, source)
            else:
                collected.add_text(source, decode(content_of(source)))
    collected.finish()
    return collected


def is_file(source: str) -> bool:
    """Whether a source names something in the file system."""
    try:
        return Path(source).exists()
    except (OSError, ValueError):
        return False


def is_campaign(source: str) -> bool:
    """Whether a file is the store of a campaign."""
    from lockwright.campaign.store_file import is_store  # noqa: PLC0415  # loads sqlite3

    return is_store(Path(source))


def _add_campaign(collected: Collection, source: str) -> None:
    """The lock graphs of a campaign's items, and what its findings say of cycles."""
    from lockwright.commands.campaign_answers import answers_of  # noqa: PLC0415  # loads pydantic
    from lockwright.commands.campaign_reading import open_store  # noqa: PLC0415  # the same

    with open_store(source) as store, store.snapshot():
        answers = answers_of(store)
    for item in answers.items:
        if item.result is not None:
            add_result(collected.graph, item.name, item.result.lock_graph)
            if not item.result.exhausted:
                collected.notes.append(_unfinished(item.name))
    for found in answers.found:
        for name, _ in found.items:
            add_findings(collected.graph, name, (found.finding,))


def _explore(collected: Collection, target: str, options: Options) -> None:
    """Explore the scenarios that a target names, and take their lock graphs."""
    try:
        project = load_project(Path.cwd())
        scenarios = project.select((target,))
    except UsageError as error:
        raise UsageError(f"there is no file {target!r}, and {error}") from None
    for scenario in scenarios:
        result = Session(scenario, replace(options, version=project.version)).explore()
        add_result(collected.graph, scenario.name, result.lock_graph)
        add_findings(collected.graph, scenario.name, result.findings)
        if not result.exhausted:
            collected.notes.append(_unfinished(scenario.name))


def _unfinished(name: str) -> str:
    return f"{name}: not explored to the end, so some orders may lack"
