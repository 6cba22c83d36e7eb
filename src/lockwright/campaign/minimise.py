"""A campaign's corpus and its findings made small: what is left covers and shows the same.

Of the corpus of an item a few entries are kept that cover together what all of them do
(`corpus.cover`), and each of these is shrunk: a simpler schedule takes its place that still covers
what no other one does.  Of each finding the best schedule is shrunk anew, with more attempts than
the campaign has spent on it.

Source: Zalewski, "american fuzzy lop", afl-cmin and afl-tmin.

Order of reading: `minimise`; `_Trial` (what a schedule covers, by itself), `_smaller` (a corpus),
`_shrunk` (a finding).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from lockwright.campaign.conduct import check_same
from lockwright.campaign.corpus import cover
from lockwright.campaign.features import features_of
from lockwright.campaign.identity import identity
from lockwright.campaign.item import Item
from lockwright.campaign.record import GOING, CorpusEntry, Record
from lockwright.campaign.store import Store
from lockwright.core.finding import Finding
from lockwright.core.location import Names, Value
from lockwright.core.result import Result
from lockwright.core.schedule import Choice, parse_schedule, schedule_text
from lockwright.core.world import World
from lockwright.explore.guided import guided_search
from lockwright.explore.shrink import simpler
from lockwright.judge import Judge, cost
from lockwright.project import Project
from lockwright.refine import Refinery
from lockwright.scenario import Scenario
from lockwright.schedule.wishes import Wishes
from lockwright.session import NEAREST, Session

ATTEMPTS = 2_000
"""The most executions that are spent on one schedule."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """What became of an item's corpus: so many schedules with so many switches between tasks, all
    together, before and after; and how many features they cover."""

    item: str
    schedules: tuple[int, int]
    switches: tuple[int, int]
    features: int


@dataclass(frozen=True, slots=True)
class Shortened:
    """What became of a finding's schedule: its switches between tasks and its steps, before and
    after; `minimal` as `Finding` has it."""

    finding: str
    item: str
    switches: tuple[int, int]
    steps: tuple[int, int]
    minimal: bool


@dataclass(slots=True)
class Minimised:
    """What was done.  `left` are the items that were left alone, since a generation of the campaign
    is half done."""

    corpora: list[Reduced] = field(default_factory=list)
    findings: list[Shortened] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Value]:
        """The stable JSON form."""
        return asdict(self)


def minimise(
    store: Store,
    project: Project,
    *,
    attempts: int = ATTEMPTS,
    tell: Callable[[str], None] | None = None,
) -> Minimised:
    """Make the corpora and the schedules of a campaign small, and commit each as it is done.

    `tell` hears the name of each item and finding before it is seen to.  What an item does when the
    campaign goes on depends on its corpus; so those are left alone of which a generation is half
    done.  Raises UsageError for a store of another version of the model, or one to be read only.
    """
    check_same(store.head, project)
    done = Minimised()
    records = store.records(results=False)
    open_ = {record.item.number for record in records if record.phase == GOING}
    if not store.ended() and not store.deaths():
        open_ = set()
    tell = tell or _nobody
    for record in records:
        item = record.item
        if item.number in open_:
            done.left.append(item.name)
        elif entries := store.corpus(item.number):
            tell(item.name)
            smaller = _smaller(_Trial(item, item.made(project)), entries, attempts)
            store.replace_corpus(item.number, smaller)
            done.corpora.append(_reduced(item, entries, smaller))
    for what, (record, finding) in _best(store, records).items():
        if record.item.number not in open_:
            tell(what)
            better = _shrunk(record.item, project, finding, attempts)
            if better is not finding:
                store.replace_finding(record.item.number, better)
            done.findings.append(_shortened(what, record.item, finding, better))
    return done


def _nobody(what: str) -> None:
    pass


def _reduced(item: Item, before: Sequence[CorpusEntry], after: Sequence[CorpusEntry]) -> Reduced:
    switches = [
        sum(cost(parse_schedule(entry.schedule))[0] for entry in entries)
        for entries in (before, after)
    ]
    covered = {feature for entry in after for feature in entry.features}
    return Reduced(item.name, (len(before), len(after)), (switches[0], switches[1]), len(covered))


class _Trial:
    """Executions of one item, each of which is judged for itself."""

    def __init__(self, item: Item, scenario: Scenario) -> None:
        self.scenario = scenario
        self.rules = [rule for rule in item.options.rules if rule == "lock-order"]

    def covered(self, wishes: Sequence[Choice]) -> tuple[str, frozenset[int]]:
        """The schedule that comes of some wishes, and what it covers; nothing if the model
        fails."""
        scenario = self.scenario
        blank = Result(scenario.name, scenario.title, {}, "replay")
        judge = Judge(scenario, self.rules, blank, coverage=True)

        def make(names: Names) -> World:
            world = judge.world(names)
            judge.begin(world)
            scenario.set_up(world)
            return world

        try:
            (run,) = guided_search(make, Wishes(wishes))
            schedule = schedule_text(run.schedule)
            judge.judge(run)
        except Exception:  # whatever a model raises
            return "", frozenset()
        coverage = judge.covered()
        assert coverage is not None
        return schedule, frozenset(features_of(coverage))


def _smaller(trial: _Trial, entries: Sequence[CorpusEntry], attempts: int) -> list[CorpusEntry]:
    """Fewer and simpler entries that cover all that these do, in their order."""
    whole = []
    for entry in entries:
        _, features = trial.covered(parse_schedule(entry.schedule))
        whole.append(replace(entry, features=tuple(sorted(features.union(entry.features)))))
    kept = cover(whole)
    for at in sorted(range(len(kept)), key=lambda at: _size(kept[at]), reverse=True):
        others = {
            feature for other, entry in enumerate(kept) if other != at for feature in entry.features
        }
        kept[at] = _simplest(trial, kept[at], others, attempts)
    return cover(kept)


def _size(entry: CorpusEntry) -> tuple[tuple[int, int], str]:
    return cost(parse_schedule(entry.schedule)), entry.schedule


def _simplest(trial: _Trial, entry: CorpusEntry, others: set[int], attempts: int) -> CorpusEntry:
    """A simpler entry that covers what this one does and none of the others."""
    wanted = set(entry.features) - others
    tried = set[tuple[Choice, ...]]()

    def better() -> CorpusEntry | None:
        for wishes in simpler(parse_schedule(entry.schedule)):
            if wishes in tried:
                continue
            if len(tried) >= attempts:
                return None
            tried.add(wishes)
            schedule, features = trial.covered(wishes)
            found = CorpusEntry(schedule, tuple(sorted(features)), entry.arm)
            if features and wanted <= features and _size(found)[0] < _size(entry)[0]:
                return found
        return None

    while (found := better()) is not None:
        entry = found
    return entry


def _best(store: Store, records: Sequence[Record]) -> dict[str, tuple[Record, Finding]]:
    """Of each finding the one with the best schedule, and whose it is."""
    best: dict[str, tuple[Record, Finding]] = {}
    for record in records:
        for finding in store.findings_of(record.item.number):
            what = identity(finding)
            if finding.schedule and (
                what not in best or cost(finding.schedule) < cost(best[what][1].schedule)
            ):
                best[what] = record, finding
    return best


def _shrunk(item: Item, project: Project, finding: Finding, attempts: int) -> Finding:
    """The finding with the shortest schedule that can be found, as a Result has it; the same if
    there is none."""
    if finding.minimal:
        return finding
    scenario = item.made(project)
    refinery = Refinery(scenario, item.options.rules)
    found = refinery.shrunk(finding, attempts)
    if found is finding or cost(found.schedule) > cost(finding.schedule):
        return finding
    found.nearest = refinery.nearest(found, max(attempts // NEAREST, 1))
    session = Session(scenario, replace(item.options, events=True, coverage=False))
    session.judge.findings[found.kind, found.signature] = found
    session.interrupted()  # fills in what there is to say of it
    found.events, found.timeline = (), None
    if found.nearest is not None:
        found.nearest = replace(found.nearest, events=())
    found.reality, found.because = finding.reality, finding.because
    found.text = found.text or finding.text
    return found if identity(found) == identity(finding) else finding


def _shortened(what: str, item: Item, before: Finding, after: Finding) -> Shortened:
    (switches, steps), (fewer, shorter) = cost(before.schedule), cost(after.schedule)
    return Shortened(what, item.name, (switches, fewer), (steps, shorter), after.minimal)
