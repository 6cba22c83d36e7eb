"""The documents that hostile names are put into: a check with everything in it, and a campaign."""

from __future__ import annotations

from pathlib import Path

from lockwright.options import Options
from lockwright.project import load_project
from lockwright.report.document import Document
from lockwright.session import explore
from tests.report import documents
from tests.report.poisoned import graph_of

ROOT = Path(__file__).parent.parent.parent
SPLAT, REMOVAL = "eventfs/v3:open_vs_lookup", "eventfs/linux_6_12:list_vs_remove_vs_reclaim"
FINDINGS_MAX = 2
"""What is shown of each: more would take as long again."""
SOURCE = "async def eventfs_iterate(file: File) -> int:\n    return 0\n" * 200


def checked() -> Document:
    """A lock-order report, a fault with a grace period and freed objects, predictions, failures,
    coverage, goals; a lock graph, one to compare it with, and sources."""
    made = documents.document()
    scenarios = load_project(ROOT).scenarios
    for name in (SPLAT, REMOVAL):
        options = Options(executions=100, coverage=True, version="cafe")
        result = explore(scenarios[name], options)
        del result.findings[FINDINGS_MAX:]
        made.results.append(result)
    made.graph = graph_of(made.results)
    made.before = graph_of(made.results[:1])
    made.stale = "the model has changed since"
    made.lead = "What was asked for."
    made.sources = {
        place.path: SOURCE
        for run in made.all_runs()
        if run.timeline is not None
        for place in run.timeline.places
    }
    return made


def campaign() -> Document:
    """Items of every standing."""
    return documents.campaign()
