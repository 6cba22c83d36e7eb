"""What the project's report is made of: committed verdicts, and what is explored for it.

Three extents: `COMMITTED` explores nothing; `SHOWN` explores each bug before and after its fix, and
for each finding of the committed verdicts the scenario that shows it in the fewest executions;
`EVERYTHING` explores all scenarios.  Whatever is explored takes the place of what is committed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.options import SECTION
from lockwright.session import Options, explore
from lockwright.settle import assumptions
from reports import conformance, corpus, memory, remote, verdicts
from reports.remote_deciding import ASKED, Asked
from reports.remote_telling import Remote
from reports.running import Tell, Work
from stress.conformance.kernels import KERNELS
from stress.corpus.entry import Entry, Judged, StillThere, project, run_after, run_before
from stress.scenarios.designs import DESIGNS

Verdicts = Mapping[str, Mapping[str, Any]]


class Extent(Enum):
    """How much is explored."""

    COMMITTED = "committed"
    SHOWN = "shown"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Bug:
    """An entry of the corpus: its cells in the committed table, without the seconds; the result
    that shows it, with that finding alone, and the one after its fix, if they were explored."""

    cells: tuple[str, ...]
    holds: bool = True
    shows: Result | None = None
    after: Result | None = None


@dataclass(slots=True)
class Gathered:
    """All of it.  `verdicts` has that of every scenario, the designs in their historical order;
    those in `results` are explored now.

    `bugs` are those that were mended, `kept` those that were not.  `conformance` is always replayed
    now, `memory` measured now if everything is explored.  `remote` is what is decided of the remote
    watches, None if none of their variants is among the designs.
    """

    designs: tuple[str, ...]
    extent: Extent
    verdicts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    bugs: list[Bug] = field(default_factory=list)
    kept: list[Bug] = field(default_factory=list)
    conformance: list[conformance.Row] = field(default_factory=list)
    memory: memory.Figures = field(default_factory=dict)
    remote: Remote | None = None

    @property
    def whole(self) -> bool:
        """Are all designs in it?"""
        return self.designs == designs_of()

    def has(self, name: str) -> bool:
        """Is a scenario, with or without parameters, of one of the designs?"""
        return name.partition(":")[0] in self.designs


def designs_of() -> tuple[str, ...]:
    """Every design: those of eventfs in their historical order, then the others."""
    return tuple(dict.fromkeys((*DESIGNS, *project().designs)))


def gathered(
    designs: Sequence[str] = (),
    extent: Extent = Extent.SHOWN,
    *,
    jobs: int = 1,
    tell: Tell = lambda *_: None,
) -> Gathered:
    """Everything about some designs, all if none is named, by so many processes."""
    work = Work(jobs, tell)
    made = Gathered(tuple(name for name in designs_of() if not designs or name in designs), extent)
    recorded = verdicts.baseline()
    there = [name for name in project().scenarios if made.has(name)]
    there.sort(key=lambda name: made.designs.index(name.partition(":")[0]))
    made.verdicts = {name: recorded.get(name, {}) for name in there}
    made.bugs = committed_bugs(made, corpus.HEADS[: corpus.SECONDS])
    made.kept = committed_bugs(made, corpus.STILL_THERE_HEADS)
    if extent is not Extent.COMMITTED:
        made.bugs = work.done("the bugs, before and after", _bug, _places(corpus.modelled(), made))
        kept = _places(corpus.still_there(), made)
        made.kept = work.done("the bugs that are still there", _kept, kept)
    wanted = list(_wanted(made))
    for name, text in zip(wanted, work.done("the designs", _explored, wanted), strict=True):
        made.results[name] = Result.from_json(json.loads(text))
        made.verdicts[name] = verdicts.verdict_of(made.results[name])
    kernels = [name for name, kernel in KERNELS.items() if made.has(kernel.design)]
    made.conformance = work.done("what real kernels answered", conformance.row_of, kernels)
    made.memory = _memory(made, work)
    made.remote = _remote(made, work)
    return made


def asked_of(made: Gathered) -> Asked:
    """What is asked of the remote watches, as far as it is of these designs."""
    return replace(ASKED, columns=tuple(one for one in ASKED.columns if made.has(one.design)))


def _remote(made: Gathered, work: Work) -> Remote | None:
    asked = asked_of(made)
    if not asked.columns:
        return None
    if made.extent is Extent.COMMITTED:
        return remote.committed(asked)
    return (remote.decided_anew if made.extent is Extent.EVERYTHING else remote.seen_again)(
        asked, work
    )


def committed_bugs(made: Gathered, heads: Sequence[str]) -> list[Bug]:
    """The committed table with these heads, as far as it is of these designs."""
    text = corpus.BASELINE.read_text(encoding="utf-8")
    every = corpus.HEADS if heads == corpus.HEADS[: len(heads)] else heads
    rows = (cells[: len(heads)] for cells in corpus.rows_in(text, every))
    return [Bug(cells) for cells in rows if made.has(cells[2])]


def _places(entries: Sequence[Entry | StillThere], made: Gathered) -> list[int]:
    """Which of the entries are of these designs."""
    return [nth for nth, entry in enumerate(entries) if made.has(_where(entry))]


def _where(entry: Entry | StillThere) -> str:
    return entry.before.name if isinstance(entry, Entry) else entry.at.name


def _bug(nth: int) -> Bug:
    entry = corpus.modelled()[nth]
    before, after = run_before(entry), run_after(entry)
    row = corpus.row_of(entry, before, after)
    shows = _shown(row.bug, row.title, row.before, before)
    return Bug(row.cells()[: corpus.SECONDS], row.holds, shows, _sent(after.result))


def _kept(nth: int) -> Bug:
    entry = corpus.still_there()[nth]
    judged = run_before(entry)
    row = corpus.kept_of(entry, judged)
    return Bug(row.cells(), row.holds, _shown(row.bug, row.title, row.where, judged))


def _shown(bug: str, title: str, where: str, judged: Judged) -> Result | None:
    """What shows a bug, called as `lockwright check` takes it."""
    if judged.finding is None:
        return None
    result = _sent(judged.result)
    at = judged.result.findings.index(judged.finding)
    return replace(result, scenario=where, title=f"{bug}: {title}", findings=[result.findings[at]])


def _sent(result: Result) -> Result:
    """What another process, or a result file, is given of a result."""
    return Result.from_json(json.loads(result.to_text()))


def _explored(name: str) -> str:
    options = Options(executions=verdicts.EXECUTIONS_MAX, version=project().version)
    return explore(project().scenarios[name], options).to_text()


def _wanted(made: Gathered) -> Iterator[str]:
    """The scenarios to be explored, in order."""
    if made.extent is Extent.COMMITTED:
        return
    showing = set(_showing(made.verdicts))
    for name, given in made.verdicts.items():
        if made.extent is Extent.EVERYTHING or not given or name in showing:
            yield name


def _showing(given: Verdicts) -> Iterator[str]:
    """Of each finding, the scenario that shows it in the fewest executions."""
    best: dict[tuple[str, str], tuple[int, str]] = {}
    for name, verdict in given.items():
        for kind, _, signature in verdict.get("findings", ()):
            known = best.setdefault((kind, signature), (verdict["executions"], name))
            if verdict["executions"] < known[0]:
                best[kind, signature] = verdict["executions"], name
    return (name for _, name in best.values())


def _memory(made: Gathered, work: Work) -> memory.Figures:
    designs = [name for name in DESIGNS if name in made.designs]
    if made.extent is not Extent.EVERYTHING:
        recorded = memory.baseline()
        return {
            tree: {name: of[name] for name in designs if name in of}
            for tree, of in recorded.items()
        }
    parts = work.done("memory", _figures, designs)
    told = list(zip(designs, parts, strict=True))
    trees = dict.fromkeys(tree for part in parts for tree in part)
    return {tree: {design: part[tree][design] for design, part in told} for tree in trees}


def _figures(design: str) -> memory.Figures:
    return memory.figures((design,))


def results_of(made: Gathered) -> list[Result]:
    """A result for every scenario: what was explored, or what its committed verdict says.

    A finding of a committed verdict has the message of the one that is shown for it, no
    interleaving of its own, and counts as seen in one execution.
    """
    known: dict[tuple[str, str], Finding] = {}
    for result in made.results.values():
        for finding in result.findings:
            known.setdefault((finding.kind, finding.signature), finding)
    every = []
    for name, given in made.verdicts.items():
        if name in made.results:
            every.append(made.results[name])
        elif given:
            every.append(_committed(name, given, known))
    return every


def _committed(
    name: str, given: Mapping[str, Any], known: Mapping[tuple[str, str], Finding]
) -> Result:
    scenario = project().scenarios[name]
    result = Result(
        name,
        scenario.title,
        dict(scenario.parameters),
        "dpor",
        verdict=Verdict(given["verdict"]),
        complete=given["complete"],
        exhausted=given["complete"],
        granularity=SECTION,
        executions=given["executions"],
        deadlocked=given["deadlocked"],
        model_version=project().version,
    )
    for kind, reality, signature in given["findings"]:
        shown = known.get((kind, signature))
        message = signature if shown is None else shown.message
        result.findings.append(Finding(kind, message, signature, -1, "", reality=reality or None))
    result.assumptions = assumptions(result)
    return result
