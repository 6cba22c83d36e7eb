"""What is committed to break a promise of the remote watches, seen again, for a token that replays
it; and what of it is not seen any more, or is of another bound."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from lockwright.calls import is_program
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.report.campaign import many
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from reports.comparing import NOTHING, Difference
from reports.remote_deciding import Asked, Column
from reports.remote_verdicts import LIVENESS, SENTENCES, Breach, Decided, executions_differ
from reports.running import Work
from stress.corpus.entry import explored, project


class _Sight(NamedTuple):
    """A scenario, and the findings to look for in it, each a kind and a message; with `lasts` under
    every fair scheduler."""

    scenario: Scenario
    wanted: tuple[tuple[str, str], ...]
    executions: int
    lasts: bool


def shown(asked: Asked, found: Iterable[Decided], work: Work) -> dict[Breach, Result]:
    """What breaks something, explored until it is seen: the result with that finding alone.  What
    is not seen has none."""
    columns = {column.design: column for column in asked.columns}
    wanted: dict[tuple[str, tuple[tuple[str, str], ...], bool], list[Breach]] = {}
    for each in found:
        for breach in each.breaches if each.design in columns else ():
            key = breach.name, breach.parameters, breach.lasts
            wanted.setdefault(key, []).append(breach)
    sights = []
    for (name, parameters, lasts), breaches in wanted.items():
        column = columns[name.partition(":")[0]]
        scenario = _scenario(asked, column, name).with_parameters(dict(parameters))
        keys = tuple(dict.fromkeys((each.kind, each.message) for each in breaches))
        sights.append(_Sight(scenario, keys, asked.executions, lasts))
    seen = {}
    for breaches, texts in zip(
        wanted.values(), work.done("what breaks something", _seen, sights), strict=True
    ):
        for breach in breaches:
            if text := texts.get((breach.kind, breach.message)):
                seen[breach] = Result.from_json(json.loads(text))
    return seen


def _scenario(asked: Asked, column: Column, name: str) -> Scenario:
    """What a breach names.  Raises UsageError for what is not there."""
    case = name.partition(":")[2]
    if is_program(case):
        return column.calls.scenario(case)
    for each in asked.cases:
        if each.name == case:
            return each.scenario(column.calls)
    raise UsageError(f"{name}: there is no such case")


def _seen(sight: _Sight) -> dict[tuple[str, str], str]:
    """The results of what was found, as another process can be given them."""
    result = _lasting(sight) if sight.lasts else _first(sight)
    return {
        key: replace(result, findings=[finding]).to_text()
        for finding in result.findings
        if (key := (finding.kind, finding.message)) in sight.wanted
    }


def _lasting(sight: _Sight) -> Result:
    version = project().version
    options = Options(LIVENESS, executions=sight.executions, version=version)
    return explore(sight.scenario, options)


def _first(sight: _Sight) -> Result:
    left = set(sight.wanted)

    def until(finding: Finding) -> bool:
        left.discard((finding.kind, finding.message))
        return not left

    return explored(sight.scenario, until, executions=sight.executions)[0]


def not_shown(
    found: Iterable[Decided], seen: Mapping[Breach, Result], executions: int
) -> Iterator[Difference]:
    """What is committed to break something, and does not any more."""
    for each in found:
        for promise, one in each.promises.items():
            if one.breach is not None and one.breach not in seen:
                yield _lost(f"{each.design}, {promise}", one.breach, executions)
        for switch, broken in each.switches.items():
            for promise, breach in broken.items():
                if breach not in seen:
                    where = f"{each.design} without {switch}, {promise}"
                    yield _lost(where, breach, executions)
        for program, ending in each.endings.items():
            if ending.breach is not None and ending.breach not in seen:
                yield _lost(f"{each.design}, finally, {program}", ending.breach, executions)


def _lost(where: str, breach: Breach, executions: int) -> Difference:
    said = f"no such finding in {many(executions, 'execution')} or all there are"
    return Difference(where, f"{breach.arguments}: {breach.said}", said)


def outgrown(asked: Asked, recorded: Iterable[Decided]) -> Iterator[Difference]:
    """Where the bound is another one than that of the committed verdicts; nothing is explored."""
    known = {each.design: each for each in recorded}
    for column in asked.columns:
        if column.design not in known:
            yield Difference(column.design, NOTHING, "a variant of this name")
            continue
        was = known[column.design]
        if was.executions != asked.executions:
            yield executions_differ(column.design, was.executions, asked.executions)
        parts = {part.name: sum(1 for _ in part.programs(column.calls)) for part in asked.parts}
        before = {name: count.programs for name, count in was.parts.items()}
        yield from _counts_differ(column.design, before, parts)
        rows = {name: str(one) for name, one in was.promises.items()}
        yield from _comes_or_goes(f"{column.design}, ", rows, SENTENCES)
        switches = dict.fromkeys(column.switches, "what breaks without it")
        yield from _comes_or_goes(f"{column.design} without ", _said(was), switches)
        endings = {name: str(one) for name, one in was.endings.items()}
        waits = {program: f"what {promise} waits for" for promise, program in asked.endings}
        yield from _comes_or_goes(f"{column.design}, finally, ", endings, waits)


def _said(was: Decided) -> dict[str, str]:
    return {switch: ", ".join(broken) for switch, broken in was.switches.items()}


def _comes_or_goes(
    where: str, was: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[Difference]:
    for name in dict.fromkeys((*was, *now)):
        if (name in was) != (name in now):
            yield Difference(f"{where}{name}", was.get(name, NOTHING), now.get(name, NOTHING))


def _counts_differ(
    where: str, was: Mapping[str, int], now: Mapping[str, int]
) -> Iterator[Difference]:
    for name in dict.fromkeys((*was, *now)):
        if was.get(name) != now.get(name):
            texts = (
                many(each[name], "program") if name in each else NOTHING for each in (was, now)
            )
            yield Difference(f"{where}, {name}", *texts)
