"""What a report is made of, read: results, replays and campaigns, from files and standard input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lockwright.commands.inputs import STDIN, content_of, standard_input
from lockwright.commands.sound import check_form, check_types
from lockwright.core.errors import UsageError
from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import Prediction
from lockwright.core.result import VERSION, Result, Verdict
from lockwright.core.timeline import Timeline
from lockwright.report.campaign import Answers
from lockwright.report.document import Failure, Run
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.sources import add_result

SIZE_MAX = 2**29
"""No file that is larger is read: half a gigabyte."""
EXPECTED = (
    "expected the JSON of `lockwright check --format json` or of `lockwright replay --format json`,"
    " or the store of a campaign"
)
BLOCKED = "blocked"
"""The kind of the event that says of a task that it waits for ever (`explore.record.ends`)."""
FOREIGN = {
    "traceEvents": f"this is a trace for Perfetto, and no result: {EXPECTED}",
    "runs": f"this is SARIF, and no result: {EXPECTED}",
    "campaign": "these are the answers of a campaign, without its results: name its store instead",
    "graph": "this is a lock graph: draw it with `lockwright graph`",
    "nodes": "this is a lock graph: draw it with `lockwright graph`",
}
"""What is said of other JSON, by a key that it has."""
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError)


@dataclass(slots=True)
class Gathered:
    """What the sources hold, in their order.  Of a campaign, `results` are those of its items."""

    results: list[Result] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    campaign: Answers | None = None
    names: list[str] = field(default_factory=list)

    def add(self, source: str) -> None:
        """Read a source.  Raises UsageError that names it."""
        if source != "-" and is_campaign(source):
            self._add_campaign(source)
            return
        if self.campaign is not None:
            raise UsageError(mixed(self.names[0], source))
        name = STDIN if source == "-" else source
        self.names.append(source)
        try:
            add_json(self, loaded(_content(source)))
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from None
        except MALFORMED as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"{name}: malformed result: {said}") from None

    def _add_campaign(self, source: str) -> None:
        from lockwright.commands.campaign_answers import answers_of  # noqa: PLC0415  # loads pydantic
        from lockwright.commands.campaign_reading import open_store  # noqa: PLC0415  # the same

        if self.names:
            raise UsageError(mixed(self.names[0], source))
        self.names.append(source)
        with open_store(source) as store, store.snapshot():
            self.campaign = answers_of(store)
        self.results = self.campaign.results


def mixed(one: str, other: str) -> str:
    """What is said of sources that make no report together."""
    return f"a report is of one campaign, or of results: {one} and {other} are not of one report"


def is_campaign(source: str) -> bool:
    """Is it the store of a campaign?"""
    from lockwright.campaign.store_file import is_store  # noqa: PLC0415  # loads sqlite3

    try:
        return is_store(Path(source))
    except ValueError:  # no name of a file
        return False


def _content(source: str) -> bytes:
    if source == "-":
        content = standard_input()
    else:
        try:
            size = Path(source).stat().st_size
        except (OSError, ValueError):
            size = 0  # which is told when it is read
        if size > SIZE_MAX:
            raise UsageError(f"it has {size:,} bytes, and no more than {SIZE_MAX:,} are read")
        content = content_of(source)
    if not content.strip():
        raise UsageError(f"it is empty: {EXPECTED}")
    return content


def loaded(content: bytes) -> Value:
    """JSON text as data.  Raises UsageError."""
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise UsageError(f"it is no text: {EXPECTED}") from None
    except json.JSONDecodeError as error:
        if content.lstrip()[:1] not in (b"{", b"["):
            raise UsageError(f"it is no JSON: {EXPECTED}") from None
        raise UsageError(f"malformed JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"malformed JSON: {error}") from None


def add_json(gathered: Gathered, data: Value) -> None:
    """What a JSON text holds.  Raises UsageError, or one of `MALFORMED`, for anything else."""
    if not isinstance(data, dict):
        raise UsageError(f"this JSON is no result: {EXPECTED}")
    foreign = not any(key in data for key in ("results", "scopes", "events", "result", "verdict"))
    for key in FOREIGN if foreign else ():
        if key in data:
            raise UsageError(FOREIGN[key])
    if "version" in data and data["version"] != VERSION:
        raise UsageError(
            f"it is of version {data['version']!r}: this lockwright reads version {VERSION}"
        )
    if "results" in data:
        _add_check(gathered, data)
    elif "scopes" in data:
        for each in _list(data["scopes"]):
            add_scope(gathered, each)
    elif "events" in data and "findings" in data:
        _add_replay(gathered, data)
    elif isinstance(data.get("result"), dict):  # replay --then
        gathered.results.append(_result(data["result"]))
    elif "verdict" in data and "scenario" in data:
        gathered.results.append(_result(data))
    else:
        raise UsageError(f"this JSON is no result: {EXPECTED}")


def _add_check(gathered: Gathered, data: Mapping[str, Value]) -> None:
    gathered.results += map(_result, _list(data["results"]))
    for at, each in enumerate(_list(data.get("errors", []))):
        gathered.failures.append(_failure(each, "scenario", f"errors[{at}]"))
    for at, each in enumerate(_list(data.get("predictions", []))):
        gathered.predictions.append(_prediction(each, f"predictions[{at}]"))


def _failure(data: Value, name: str, where: str) -> Failure:
    if not isinstance(data, dict):
        raise TypeError(f"{where} is no object")
    told = {key: data[it] for key, it in (("scenario", name), ("error", "error")) if it in data}
    check_form(Failure, told, where)
    failure = Failure(**told)
    check_types(failure, where)
    return failure


def _prediction(data: Value, where: str) -> Prediction:
    check_form(Prediction, data, where)
    if data.get("deadlock") is not None:
        check_form(Finding, data["deadlock"], f"{where}.deadlock")
    prediction = Prediction.from_json(data)
    check_types(prediction, where)
    if prediction.deadlock is not None:
        check_types(prediction.deadlock, f"{where}.deadlock")
    return prediction


def _result(data: Value) -> Result:
    if isinstance(data, dict) and data.get("version") == VERSION:
        check_form(Result, data)
    result = Result.from_json(data)
    check_types(result)
    add_result(LockGraph(), result.scenario, result.lock_graph)  # tells if that is malformed
    return result


def _list(data: Value) -> list[Value]:
    if not isinstance(data, list):
        raise TypeError(f"expected a list, got {type(data).__name__}")
    return data


def _add_replay(gathered: Gathered, data: Mapping[str, Value]) -> None:
    told = data.get("timeline")
    for name, kind in (("events", Event), ("findings", Finding)):
        for at, each in enumerate(_list(data[name])):
            check_form(kind, each, f"{name}[{at}]")
    if told is not None:
        check_form(Timeline, told, "timeline")
    run = Run(
        f"Replay of {data['scenario']}",
        data["scenario"],
        tuple(Event.from_json(each) for each in data["events"]),
        None if told is None else Timeline.from_json(told),
        data.get("token", ""),
    )
    check_types(run)
    findings = [Finding.from_json(each) for each in data["findings"]]
    for at, finding in enumerate(findings):
        check_types(finding, f"findings[{at}]")
    version, parameters = data.get("model_version", ""), data.get("parameters", {})
    check_types(Result(run.scenario, "", parameters, "replay", model_version=version))
    add_replay(gathered, run, findings, parameters, version)


def add_replay(
    gathered: Gathered,
    run: Run,
    findings: Sequence[Finding],
    parameters: dict[str, Value],
    version: str,
) -> None:
    """One execution: a result with its findings, or an interleaving alone if it has none."""
    if not findings:
        gathered.runs.append(run)
        return
    result = Result(run.scenario, "", parameters, "replay", Verdict.VIOLATED, executions=1)
    result.steps = result.steps_longest = sum(event.step >= 0 for event in run.events)
    result.deadlocked = int(any(each.step < 0 and each.kind == BLOCKED for each in run.events))
    result.findings = list(findings)
    result.model_version = version
    gathered.results.append(result)


def add_scope(gathered: Gathered, data: Mapping[str, Value]) -> None:
    """The result of a scope, in its JSON form, as one result: its findings are those of the
    smallest programs that show them."""
    if data.get("version") != VERSION:
        raise UsageError(f"a scope of version {data.get('version')!r}")
    names = {
        *("scenario", "parameters", "strategy", "complete", "executions", "steps", "deadlocked"),
        *("assumptions", "model_version"),
    }
    result = Result(
        title=f"{data['explored']} of {data['programs']} programs",
        verdict=Verdict(data["verdict"]),
        exhausted=data["complete"],
        findings=[
            _of_program(each, f"findings[{at}]") for at, each in enumerate(_list(data["findings"]))
        ],
        **{name: data[name] for name in names},
    )
    check_types(result)
    gathered.results.append(result)
    for at, each in enumerate(_list(data["errors"])):
        gathered.failures.append(_failure(each, "program", f"errors[{at}]"))


def _of_program(data: Value, where: str) -> Finding:
    check_form(Finding, data, where)
    told = {name: value for name, value in data.items() if name not in ("program", "programs")}
    finding = Finding.from_json(told)
    count = data["programs"]
    said = f"in {count} program{'s' if count != 1 else ''}, the smallest: {data['program']}"
    finding.lines = (*finding.lines, said)
    return finding


def versions_of(results: Iterable[Result]) -> list[str]:
    """The model versions of results, each once."""
    return list(dict.fromkeys(each.model_version for each in results if each.model_version))
