"""An exploration written down between two executions, and taken up again.

The text is a line `lockwright checkpoint VERSION CHECK`, CHECK being a CRC-32 of all that follows,
and a JSON object.  What it holds: which exploration it is (scenario, parameters, the model's
version, options); the state of the search; the counts and the findings so far; and the lessons:
the schedules of the executions that taught the lock validator something.  The validator's own
state is made again by running just these, in order, as no other execution changed it.

Taken up again, an exploration ends with the Result that it would have ended with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from zlib import crc32

from lockwright.core.errors import InternalError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.goal import Reached
from lockwright.core.location import Value
from lockwright.core.schedule import parse_schedule, schedule_text
from lockwright.lessons import teach
from lockwright.options import Options
from lockwright.scenario import Parameter, Scenario
from lockwright.searches import Resumable
from lockwright.session import Session

VERSION = 1
HEAD = "lockwright checkpoint"
BOUNDS = ("executions", "seconds")
"""The options that may be others when the exploration is taken up again."""
NOT_KEPT = (*BOUNDS, "version", "events", "attempts", "jobs")
COUNTS = (
    "executions",
    "deadlocked",
    "sleep_set_blocked",
    "steps",
    "steps_longest",
    "outcomes",
)
MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError)
Found = dict[tuple[str, str], Finding]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the text says.  `options` has those that must be the same, `bounds` those that need
    not; `data` the whole object."""

    scenario: str
    parameters: dict[str, Parameter]
    model_version: str
    options: dict[str, Value]
    bounds: dict[str, Value]
    data: dict[str, Value]


def checkpoint_text(session: Session) -> str:
    """The text that `read_checkpoint` reads.

    Raises UsageError if the strategy cannot be taken up again, InternalError if the session is not
    settled.
    """
    searching = check_resumable(session)
    if not session.settled:
        raise InternalError("a checkpoint within an execution")
    judge, result = session.judge, session.result
    reports = judge.all_reports()
    data = {
        "scenario": session.scenario.name,
        "parameters": dict(session.scenario.parameters),
        "model_version": session.options.version,
        "options": kept_options(session.options),
        "bounds": {name: getattr(session.options, name) for name in BOUNDS},
        "search": searching.export(),
        "counts": {name: getattr(result, name) for name in COUNTS},
        "learnt": judge.learnt,
        "lessons": [
            [[schedule_text(schedule), ended] for schedule, ended in lessons]
            for lessons in judge.lessons
        ],
        "findings": _findings(judge.findings, reports),
        "goals": [goal.as_json() for goal in judge.goals.reached.values()],
        "earlier": _findings(judge.earlier, reports),
        "races": judge.export_races(),
        "coverage": judge.export_coverage(),
    }
    body = json.dumps(data, separators=(",", ":")) + "\n"
    return f"{HEAD} {VERSION} {_check(body)}\n{body}"


def check_resumable(session: Session) -> Resumable:
    """The session's search.  Raises UsageError if it cannot be taken up again."""
    if isinstance(session.search, Resumable):
        return session.search
    raise UsageError(f"strategy {session.options.strategy} cannot be taken up again")


def read_checkpoint(text: str) -> Checkpoint:
    """Read what `checkpoint_text` wrote.  Raises UsageError that says what is wrong with it."""
    head, _, body = text.partition("\n")
    said, _, rest = head.partition(f"{HEAD} ")
    version, _, check = rest.partition(" ")
    if said or not check:
        raise UsageError("it is no checkpoint: expected a first line `lockwright checkpoint ...`")
    if version != str(VERSION):
        raise UsageError(
            f"checkpoint of version {version!r}: this lockwright reads version {VERSION}"
        )
    if _check(body) != check:
        raise UsageError("malformed checkpoint: its check does not fit; was it cut short?")
    try:
        data = json.loads(body)
        return Checkpoint(
            str(data["scenario"]),
            dict(data["parameters"]),
            str(data["model_version"]),
            dict(data["options"]),
            {name: data["bounds"][name] for name in BOUNDS},
            data,
        )
    except MALFORMED as error:
        raise _malformed(error) from None


def resumed(scenario: Scenario, options: Options, checkpoint: Checkpoint) -> Session:
    """A session that goes on where the checkpoint was written.

    Raises UsageError if that was another exploration, or another version of the model.
    """
    session = Session(scenario, options)
    _check_same(scenario, session.options, checkpoint)
    data = checkpoint.data
    try:
        session.begin(dict(data["search"]))
        _teach_all(session, data["lessons"])
        _enter(session, data)
    except MALFORMED as error:
        raise _malformed(error) from None
    return session


def kept_options(options: Options) -> dict[str, Value]:
    """The options that make an exploration what it is, as JSON has them."""
    kept = {name: value for name, value in asdict(options).items() if name not in NOT_KEPT}
    for name in ("coverage", "slow"):  # older checkpoints have none
        if not kept[name]:
            del kept[name]
    as_read: dict[str, Value] = json.loads(json.dumps(kept))
    return as_read


def _check_same(scenario: Scenario, options: Options, checkpoint: Checkpoint) -> None:
    pairs: list[tuple[str, Value, Value]] = [
        ("scenario", checkpoint.scenario, scenario.name),
        ("version of the model", checkpoint.model_version, options.version),
    ]
    pairs += _both("parameter", checkpoint.parameters, scenario.parameters)
    pairs += _both("option", checkpoint.options, kept_options(options))
    for what, then, now in pairs:
        if then != now:
            raise UsageError(
                f"the checkpoint is of another {what}\nexpected: {_shown(now)}\ngot: {_shown(then)}"
            )


def _both(
    what: str, then: Mapping[str, Value], now: Mapping[str, Value]
) -> list[tuple[str, Value, Value]]:
    names = dict.fromkeys((*now, *then))
    return [(f"{what} {name}", then.get(name), now.get(name)) for name in names]


def _shown(value: Value) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _teach_all(session: Session, beginnings: list[Value]) -> None:
    """The lessons of each beginning of the search."""
    judge = session.judge
    for number, lessons in enumerate(beginnings):
        if number:
            judge.begin_again()
        for text, ended in lessons:
            schedule = parse_schedule(text)
            teach(session.make, judge, schedule, ended=bool(ended))
            judge.learned(schedule, ended=bool(ended))


def _enter(session: Session, data: dict[str, Value]) -> None:
    judge, result = session.judge, session.result
    for name in COUNTS:
        setattr(result, name, data["counts"][name])
    reports = judge.all_reports()
    judge.findings = _found(data["findings"], reports)
    judge.earlier = _found(data["earlier"], reports)
    if judge.races is not None:
        judge.races.restore(data["races"])
    if judge.covering is not None:
        judge.covering.add(data["coverage"])
    for entry in data["goals"]:
        goal = Reached.from_json(entry)
        if goal.sentence not in judge.goals.reached:
            raise ValueError(f"the scenario has no goal {goal.sentence!r}")
        judge.goals.reached[goal.sentence] = goal
    judge.learnt = judge.order.validator.learnt
    if judge.learnt != data["learnt"]:
        raise UsageError(
            "the checkpoint does not fit the model: its executions teach other lock orders"
        )


def _findings(found: Found, reports: Sequence[Value]) -> list[Value]:
    """Findings as JSON, their reports by number."""
    return [
        {**finding.as_json(), "report": _place(finding.report, reports)}
        for finding in found.values()
    ]


def _found(entries: list[Value], reports: Sequence[Value]) -> Found:
    """What `_findings` wrote."""
    found: Found = {}
    for entry in entries:
        finding = Finding.from_json({**entry, "report": None})
        if entry["report"] is not None:
            finding.report = reports[entry["report"]]
        found[finding.kind, finding.signature] = finding
    return found


def _place(report: Value, reports: Sequence[Value]) -> int | None:
    """Which of the validator's reports a finding has."""
    return next((at for at, each in enumerate(reports) if each is report), None)


def _check(body: str) -> str:
    return f"{crc32(body.encode()):08x}"


def _malformed(error: Exception) -> UsageError:
    return UsageError(f"malformed checkpoint: {type(error).__name__}: {error}")
