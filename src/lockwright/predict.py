"""Predictions over several scenarios, and whether they come true.

A kernel that ran all scenarios one after another would know the lock order of all of them, and
report a cycle that no scenario has by itself.  That is done here: one validator is taught what the
exploration of each scenario taught its own.  What it reports, unless a scenario has shown that it
happens, is a prediction.

Then somebody has to do at the same time what was seen one after another.  For each edge of the
cycle a task is sought that makes it (`makers.py`), among those of the scenarios that were explored
and, as far as one run of each shows it, of the others of the design; the smallest tasks, and such
whose locks are the same ones where the cycle says that one waits for the other.  These are put
together (`compose.py`), a second copy where one task makes two edges, and explored.  Where a reader
waits for readers, somebody who wants the lock exclusively has to stand between them: one more task
that takes it so is added, of the design if it has one, else a writer made for it.

Order of reading: `Predictor.predictions` (what is predicted), `casting.Plan` (who could do it),
`Predictor.settle` (trying).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lockwright.casting import Plan, Wanted, base_class
from lockwright.check.reclaimed import Reclaimed
from lockwright.compose import CasePart, Composition, Part, WriterPart, compose, composition_name
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.event import value_text
from lockwright.core.finding import Finding
from lockwright.core.location import Names
from lockwright.core.prediction import CONFIRMED, OPEN, REFUTED, Attempt, Link, Prediction
from lockwright.core.result import Progress, Result
from lockwright.core.world import World
from lockwright.judge import Judge, Lesson
from lockwright.lessons import teach
from lockwright.lockdep.reports import InconsistentReport
from lockwright.makers import HARDIRQ, SOFTIRQ, Deed, Makers, taken_in, taken_with
from lockwright.options import Options
from lockwright.report.columns import counted
from lockwright.scenario import RECLAIM, Scenario
from lockwright.session import Session
from lockwright.settle import is_predicted, missing, not_shrunk, proves, unversioned

CIRCULAR = "possible circular locking dependency"
RECURSIVE = "possible recursive locking"
SAID = {
    how: f"taken {how}"
    for how in (f(state) for state in (HARDIRQ, SOFTIRQ) for f in (taken_in, taken_with))
}


@dataclass(frozen=True, slots=True)
class Explored:
    """A scenario that was explored, and the executions that taught its validator something."""

    scenario: Scenario
    result: Result
    lessons: tuple[Lesson, ...]


Key = tuple[str, tuple[str, ...]]


def groups_of(explored: Sequence[Explored]) -> list[list[Explored]]:
    """Those that are one kernel: of one design, with the parameters that all of it have alike."""
    groups: dict[tuple[object, ...], list[Explored]] = {}
    for one in explored:
        scenario = one.scenario
        peers = [other.scenario for other in explored if other.scenario.design == scenario.design]
        shared = [name for name in scenario.parameters if all(name in p.parameters for p in peers)]
        values = tuple(sorted((name, str(scenario.parameters[name])) for name in shared))
        groups.setdefault((scenario.design, values), []).append(one)
    return list(groups.values())


class Predictor:
    """Predicts for scenarios of one design, and tries it out.

    `known` are all scenarios of the project, `options` those of the explorations of compositions.
    """

    def __init__(
        self, explored: Sequence[Explored], known: Mapping[str, Scenario], options: Options
    ) -> None:
        self.explored = explored
        self.known = known
        self.options = options
        self.makers = Makers()
        self.others_known = False
        self.tried: dict[str, tuple[Result, bool, Reclaimed]] = {}

    def predictions(self) -> list[Prediction]:
        """What is predicted, and has not been shown to happen."""
        found: dict[Key, Finding] = {}
        texts: dict[Key, str] = {}
        first = self.explored[0].scenario
        nothing = Result(first.name, "", {}, "replay")
        judge = Judge(first, ("lock-order",), nothing)
        judge.rules.append(self.makers)
        for one in self.explored:
            for finding in self._taught(judge, one):
                if is_predicted(finding):
                    found.setdefault(_key(finding), finding)
                    texts.setdefault(_key(finding), judge.order.text(finding))
        own: dict[Key, list[tuple[str, Finding]]] = {}
        for one in self.explored:
            for finding in one.result.findings:
                if is_predicted(finding):
                    own.setdefault(_key(finding), []).append((one.scenario.name, finding))
                    found.setdefault(_key(finding), finding)
        return [
            self._prediction(finding, own.get(key, []), texts.get(key, ""))
            for key, finding in found.items()
            if all(mine.reality != CONFIRMED for _, mine in own.get(key, []))
        ]

    def _prediction(
        self, finding: Finding, own: Sequence[tuple[str, Finding]], text: str
    ) -> Prediction:
        return Prediction(
            self.explored[0].scenario.design,
            tuple(one.scenario.name for one in self.explored),
            finding.kind,
            finding.message,
            finding.classes,
            tuple(name for name, _ in own),
            tuple(
                Link(wanted.held, wanted.new, SAID.get(wanted.how, wanted.how))
                for wanted in wanted_by(finding)
            ),
            text=next((mine.text for _, mine in own), text),
            deadlock=None,
        )

    def _taught(self, judge: Judge, one: Explored) -> Iterator[Finding]:
        """Teach the validator what a scenario taught its own; gives what it reports."""
        self.makers.scenario = one.scenario if one.scenario.name in self.known else None

        def make(names: Names) -> World:
            world = World(names)
            judge.begin(world)
            one.scenario.set_up(world)
            self.makers.started()
            return world

        for schedule, ended in one.lessons:
            yield from teach(make, judge, schedule, ended=ended)
            self.makers.collect()

    # Trying

    def settle(self, prediction: Prediction) -> None:
        """Compose and explore until it is confirmed, or nothing is left to try."""
        wanted = [Wanted(link.held, link.new, _how(link, SAID)) for link in prediction.links]
        if not self.others_known:
            self._learn_others()
        plan = Plan(self.makers.deeds, wanted)
        if prediction.kind == RECURSIVE and not plan.tight:
            # two locks of the class, which somebody else may take the other way round
            plan = Plan(self.makers.deeds, wanted * 2)
        prediction.links = tuple(
            replace(link, by=plan.by(at)) for at, link in enumerate(prediction.links)
        )
        if not plan.casts:
            prediction.reality = OPEN
            prediction.because = self._nobody(plan, prediction)
            return
        for name in self._compositions(prediction, plan):
            if self._try(prediction, name):
                return
        self._conclude(prediction)

    def _learn_others(self) -> None:
        """Run each scenario of the design a few times, each of its tasks first in one of them, to
        see what they do."""
        self.others_known = True
        first = self.explored[0].scenario
        for scenario in self.known.values():
            if scenario.design != first.design or not scenario.parts:
                continue
            try:
                self._run_all(scenario.with_parameters(self._given(scenario)), first)
            except UsageError:
                continue

    def _run_all(self, scenario: Scenario, like: Scenario) -> None:
        for name, value in scenario.parameters.items():
            if like.parameters.get(name, value) != value:
                return
        self.makers.scenario = scenario
        first, count = 0, 1
        while first < count:
            count = max(self._run(scenario, first, arriving=arriving) for arriving in (False, True))
            first += 1

    def _run(self, scenario: Scenario, first: int, *, arriving: bool) -> int:
        """One execution in which one task goes first, and interrupts come as soon as they can, or
        not if there is a choice.  How many tasks the scenario has."""
        world = World(Names())
        self.makers.begin(world)
        scenario.set_up(world)
        self.makers.started()
        count = len(world.tasks)
        while enabled := world.enabled():
            task = next((task for task in enabled if task.index == first), enabled[0])
            op = task.pending
            comes = arriving and op is not None and op.arrives and op.options() > 1
            world.step(task, int(comes))
        self.makers.finish(world)
        self.makers.collect()
        world.discard()
        return count

    def _given(self, scenario: Scenario) -> dict[str, str]:
        """What the explored scenarios were given, as far as this one takes it."""
        given = self.explored[0].scenario.given
        return {
            name: value_text(value) for name, value in given.items() if name in scenario.parameters
        }

    def _compositions(self, prediction: Prediction, plan: Plan) -> Iterator[str]:
        """The names of compositions, smallest first; a second one with writers after each."""
        given: dict[str, None] = {}
        for cast in plan.chosen():
            for extra in plan.extras(cast):
                parts = plan.parts(extra.cast)
                more = [self._writer(one, parts, prediction.design) for one in extra.writers]
                given[composition_name(prediction.design, [*more, *parts])] = None
        yield from given

    def _writer(self, writer: CasePart | Deed, parts: Sequence[Part], design: str) -> Part:
        """A writer of the design, or one made for the lock that readers hold."""
        if isinstance(writer, CasePart):
            return writer
        cls = base_class(writer.new)
        try:
            scenario = self._composed(composition_name(design, parts))
            build = scenario.build
            assert isinstance(build, Composition)
            world = World(Names())
            locks = [
                lock for lock in build.locks(world, **scenario.arguments) if lock.cls.name == cls
            ]
            world.discard()
            at = [lock.name for lock in locks].index(writer.new_lock) + 1
        except (LockwrightError, ValueError):
            at = 1
        return WriterPart(cls, at)

    def _composed(self, name: str) -> Scenario:
        scenario = compose(name, self.known)
        return scenario.with_parameters(
            {
                key: value_text(value)
                for one in self.explored
                for key, value in one.scenario.given.items()
            }
        )

    def _given_for(self, prediction: Prediction) -> dict[str, str]:
        """Parameters without which the predicted cannot happen."""
        graph = [edge for one in self.explored for edge in one.result.lock_graph]
        return missing(prediction, self.explored[0].scenario.parameters, graph)

    def _try(self, prediction: Prediction, name: str) -> bool:
        """Explore a composition.  True if it confirms the prediction."""
        given = self._given_for(prediction)
        key = " ".join((name, *given))
        known = self.tried.get(key)
        if known is None or not (known[1] or _proof(prediction, known[0])):
            try:
                self.tried[key] = known = self._explored(prediction, name, given)
            except Exception as error:  # what a model does that was not made for this
                said = str(error).removeprefix(f"{name}: ") or type(error).__name__
                prediction.attempts.append(Attempt(name, 0, " ".join(said.split())))
                return False
        result, complete, _ = known
        proof = _proof(prediction, result)
        outcome = CONFIRMED if proof is not None else REFUTED if complete else OPEN
        prediction.attempts.append(Attempt(name, result.executions, outcome))
        if proof is None:
            return False
        prediction.reality = CONFIRMED
        prediction.composed = name
        prediction.token = proof.token
        prediction.deadlock = proof
        prediction.because = f"it happens: {proof.message}"
        return True

    def _explored(
        self, prediction: Prediction, name: str, given: Mapping[str, str]
    ) -> tuple[Result, bool, Reclaimed]:
        session = Session(self._composed(name).with_parameters(given), self.options)
        reclaimed = Reclaimed()
        session.judge.listen(reclaimed)
        heard = 0

        def told(progress: Progress) -> None:
            nonlocal heard
            if progress.findings == heard:
                return
            heard = progress.findings
            found = session.judge.all_findings().values()
            if any(_is_proof(prediction, finding) for finding in found):
                raise _Seen

        try:
            result = session.explore(told)
        except _Seen:
            result = session.interrupted()
        return result, result.complete, reclaimed

    def _conclude(self, prediction: Prediction) -> None:
        tried = [attempt for attempt in prediction.attempts if attempt.executions]
        whole = [attempt for attempt in tried if attempt.outcome == REFUTED]
        given = self._given_for(prediction)
        known = [self.tried[" ".join((attempt.scenario, *given))] for attempt in tried]
        shrunk = [name for _, _, reclaimed in known for name in reclaimed.classes]
        if tried and len(whole) == len(tried):
            prediction.reality = REFUTED
            what = "composition" if len(tried) == 1 else f"{len(tried)} compositions"
            prediction.because = f"no trace of the {what} deadlocks on it"
            if RECLAIM in given and (untaken := not_shrunk(prediction.classes, shrunk)):
                prediction.because += f": {untaken}"
            return
        prediction.reality = OPEN
        if not tried:
            prediction.because = "its tasks do not fit together in one world"
            return
        done = sum(attempt.executions for attempt in tried)
        prediction.because = (
            f"{counted(done, 'execution')} of {counted(len(tried), 'composition')} did not "
            "deadlock on it, and not all were explored"
        )

    def _nobody(self, plan: Plan, prediction: Prediction) -> str:
        missing = next((want for want in plan.wanted if not plan.candidates(want)), None)
        if any(one.scenario.parts is None for one in self.explored):
            return (
                "nothing to put together: its scenarios do not say their ground and their tasks "
                "apart"
            )
        if missing is None:
            return "no task is known for it"
        edge = f"{missing.new} with {missing.held} held" if missing.held else missing.new
        return f"no task was seen that takes {edge} {SAID.get(missing.how, '')}".rstrip()


class _Seen(Exception):
    """The deadlock that was looked for was found."""


def wanted_by(finding: Finding) -> list[Wanted]:
    """What tasks have to do for the deadlock that a finding predicts."""
    cycle = finding.classes
    if finding.kind == CIRCULAR:
        types = tuple(getattr(finding.report, "cycle_types", ())) or ("",) * len(cycle)
        return [
            Wanted(held, new, how)
            for held, new, how in zip(cycle, (*cycle[1:], cycle[0]), types, strict=True)
        ]
    if finding.kind == RECURSIVE:
        return [Wanted(cycle[0], cycle[0], "")]
    edges = [Wanted(held, new, "") for held, new in pairwise(cycle)]
    state = _state(finding)
    return [
        Wanted("", cycle[0], taken_in(state)),
        *edges,
        Wanted("", cycle[-1], taken_with(state)),
    ]


def _state(finding: Finding) -> str:
    """Which kind of interrupt a prediction of one is about."""
    report = finding.report
    said = report.new if isinstance(report, InconsistentReport) else getattr(report, "state", "")
    return HARDIRQ if "HARDIRQ" in said else SOFTIRQ


def _how(link: Link, said: Mapping[str, str]) -> str:
    return next((how for how, text in said.items() if text == link.how), link.how)


def _key(finding: Finding) -> Key:
    """The same for the same cycle, wherever it begins."""
    classes = tuple(map(unversioned, finding.classes))
    if finding.kind != CIRCULAR:
        return finding.kind, classes
    return finding.kind, min(classes[at:] + classes[:at] for at in range(len(classes)))


def _is_proof(prediction: Prediction, finding: Finding) -> bool:
    return finding.kind == "deadlock" and proves(prediction.classes, finding)


def _proof(prediction: Prediction, result: Result) -> Finding | None:
    return next((found for found in result.findings if _is_proof(prediction, found)), None)
