"""Making a `Document`: of what was read, or of what a command has just explored.

Beside the results it takes the text of the model's files, as far as they are found, and, for a
campaign's findings, their interleavings, which a store does not keep: their tokens are replayed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import click

import lockwright
from lockwright.commands.sources import Gathered, versions_of
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.timeline import Timeline
from lockwright.options import Options
from lockwright.project import Project, load_project, version_here
from lockwright.report.campaign import Answers, FoundLine, many
from lockwright.report.document import Document
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.judging import add_findings
from lockwright.report.lockgraph.sources import graph_of as lock_graph_of
from lockwright.session import Session
from lockwright.token import Token, parse_token

REPLAYS_MAX = 500
"""Of so many findings of a campaign the tokens are replayed, the first ones."""
TOLD_FROM = 10
"""To replay so many takes long enough to be told."""
SOURCE_MAX = 2**20
"""No file of a model that is larger is shown."""
NAMES_MAX = 3
NOTHING = "There is no scenario in it."
PACKAGE = Path(lockwright.__file__).parent
OURS = "lockwright/"
"""How timelines begin the paths of lockwright's own files."""


def document_of(gathered: Gathered, title: str | None = None) -> Document:
    """The report of what was gathered.  Raises UsageError for results that are malformed."""
    document = Document(title or title_of(gathered))
    document.results = gathered.results
    document.failures = gathered.failures
    document.predictions = gathered.predictions
    document.runs = gathered.runs
    document.lockwright_version = lockwright.__version__
    known = versions_of(gathered.results)
    notes: list[str] = []
    if gathered.campaign is not None:
        known = [gathered.campaign.model_version]
        document.campaign, said = replayed(gathered.campaign)
        notes += said
    document.model_version = ", ".join(known)
    document.stale = "; ".join([*stale(known), *notes])
    document.graph = graph_of(document)
    document.sources = dict(sources_of(timelines(document)))
    if not (document.results or document.failures or document.runs or document.campaign):
        document.lead = NOTHING
    return document


def title_of(gathered: Gathered) -> str:
    """What a report is of."""
    if gathered.campaign is not None:
        return f"Campaign {gathered.campaign.name}"
    if not gathered.results and not gathered.failures and gathered.runs:
        names = list(dict.fromkeys(run.scenario for run in gathered.runs))
        return f"Replay of {_some(names)}"
    named = [*(r.scenario for r in gathered.results), *(f.scenario for f in gathered.failures)]
    if len(set(named)) == 1:
        what = "Replay" if all(r.strategy == "replay" for r in gathered.results) else "Check"
        return f"{what if gathered.results else 'Check'} of {named[0]}"
    designs = list(dict.fromkeys(name.partition(":")[0] for name in named))
    return f"Check of {_some(designs)}" if designs else "Check"


def _some(names: Sequence[str]) -> str:
    if len(names) <= NAMES_MAX:
        return ", ".join(names)
    return f"{', '.join(names[:NAMES_MAX])} and {len(names) - NAMES_MAX} more"


def stale(known: Sequence[str]) -> list[str]:
    """What is to be said if results are of another model than the one here, or of several."""
    if len(known) > 1:
        return [f"these are results of different models: versions {', '.join(known)}"]
    try:
        here = version_here(Path.cwd())
    except (UsageError, OSError):
        return []  # without a project there is no model that could have changed
    if not known or known == [here]:
        return []
    return [f"the model has changed since: it was version {known[0]}, and is {here} here"]


def graph_of(document: Document) -> LockGraph | None:
    """The lock graph of all results together, with what came of its cycles; None if no lock was
    taken with another one held."""
    graph = lock_graph_of(document.results, document.predictions)
    for each in document.campaign.found if document.campaign is not None else ():
        for name, _ in each.items:
            add_findings(graph, name, (each.finding,))
    return graph if len(graph) else None


def timelines(document: Document) -> Iterator[Timeline]:
    """All that there are."""
    for run in document.all_runs():
        if run.timeline is not None:
            yield run.timeline


def sources_of(shown: Iterable[Timeline]) -> Iterator[tuple[str, str]]:
    """Path and text of each source file that timelines name.

    Only Python files are read, and only below the current directory or of lockwright itself: what
    a result file names is no reason to show any other.
    """
    paths = dict.fromkeys(place.path for timeline in shown for place in timeline.places)
    for path in paths:
        root, rest = (PACKAGE, path[len(OURS) :]) if path.startswith(OURS) else (Path.cwd(), path)
        try:
            file = (root / rest).resolve()
            fits = file.suffix == ".py" and file.is_relative_to(root.resolve())
            if fits and file.is_file() and file.stat().st_size <= SOURCE_MAX:
                yield path, file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            continue  # a file that cannot be read is not shown


def replayed(answers: Answers) -> tuple[Answers, list[str]]:
    """A campaign with the interleavings of its findings, and what there is to say if some lack."""
    lacking = [each for each in answers.found if each.finding.token and not each.finding.events]
    if not lacking:
        return answers, []
    without = "the interleavings of its findings are left out"
    with redirect_stdout(sys.stderr):
        try:
            if version_here(Path.cwd()) != answers.model_version:
                return answers, [without]
            project = load_project(Path.cwd())
        except (UsageError, OSError) as error:
            return answers, [f"{without}: {error}"]
        if len(lacking) >= TOLD_FROM:
            click.echo(f"lockwright: replaying {many(len(lacking), 'finding')}", err=True)
        more = len(lacking) - REPLAYS_MAX
        wanted = {each.identity for each in lacking[:REPLAYS_MAX]}
        found = tuple(
            _followed(project, each) if each.identity in wanted else each for each in answers.found
        )
    failed = sum(not each.finding.events for each in found) - max(more, 0)
    notes = [f"the interleavings of {many(more, 'finding')} are left out"] if more > 0 else []
    if failed > 0:
        notes.append(f"{many(failed, 'finding')} cannot be replayed")
    return replace(answers, found=found), notes


def _followed(project: Project, found: FoundLine) -> FoundLine:
    """A finding with its interleaving, if its token can be replayed."""
    try:
        token = parse_token(found.finding.token)
        finding = follow(project, token, found.finding)
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit):  # a model may raise anything
        return found
    return replace(found, finding=finding)


def follow(project: Project, token: Token, finding: Finding) -> Finding:
    """A finding with the interleaving of its token.  Raises UsageError for one that does not
    fit, and what a model raises."""
    scenario = project.scenario(token.scenario).with_parameters(dict(token.parameters))
    session = Session(scenario, Options(strategy="replay", version=project.version))
    record, _ = session.run_once(token.schedule, token.marks)
    if record.misfit:
        raise UsageError(record.misfit)
    return replace(finding, events=tuple(record.events), timeline=record.timeline)
