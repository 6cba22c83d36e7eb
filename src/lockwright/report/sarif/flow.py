"""The interleaving of a finding in SARIF: where it happened, and a thread flow for each task.

A place is a line of a source file, as the finding's timeline names it; without a timeline only the
functions are known, and they are logical locations.

Source: SARIF 2.1.0 (OASIS), 3.36 codeFlow, 3.37 threadFlow, 3.38 threadFlowLocation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.frame import Frame
from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Place, Timeline
from lockwright.report.columns import heads_of, runs_of

ROOT = "%SRCROOT%"
"""What relative paths are relative to: the root of the checkout."""
NOWHERE = "pyproject.toml"
"""Where a finding is shown that nobody knows the place of: the file that names the scenarios."""
FLOW_MAX = 10_000
"""So many thread flow locations can a result have: what GitHub accepts."""
ACQUIRE, RELEASE = ["acquire", "lock"], ["release", "lock"]


def physical(path: str, line: int) -> dict[str, Value]:
    """A line of a file."""
    where = {"uri": quote(path, errors="backslashreplace"), "uriBaseId": ROOT}
    return {"artifactLocation": where, "region": {"startLine": line}}


def is_ours(path: str) -> bool:
    """Is it a file of the project, and not of lockwright, by a path that every checkout has?"""
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] not in ("/", "lockwright") and ".." not in parts


class Places:
    """Where the frames of a finding's events stand in the sources, as far as that is known."""

    def __init__(self, finding: Finding) -> None:
        timeline = finding.timeline or Timeline()
        self.timeline = timeline
        self.functions: dict[str, Place] = {}
        for place in timeline.places:
            if is_ours(place.path):
                self.functions.setdefault(place.function, place)
        # the chains are those of the events that are steps, in order
        steps = [event for event in finding.events if event.step >= 0]
        self.chains = dict(zip(map(id_of, steps), timeline.chains, strict=False))

    def of_event(self, event: Event) -> list[tuple[Frame, str, int]]:
        """Frame, path and line of each frame of an event that has a place, innermost first."""
        chain = self.chains.get(id_of(event), ())
        found = []
        for at, frame in enumerate(event.chain):
            if at < len(chain) and chain[at] < len(self.timeline.places):
                place = self.timeline.places[chain[at]]
                if is_ours(place.path):
                    found.append((frame, place.path, place.line))
                continue
            found += self.of_frames((frame,))
        return found

    def of_frames(self, frames: Sequence[Frame]) -> list[tuple[Frame, str, int]]:
        """The same of frames alone: offsets count lines from a function's first one."""
        found = []
        for frame in frames:
            known = self.functions.get(frame.function)
            if known is not None:
                inside = min(max(frame.offset, 0), max(known.size, 1))
                found.append((frame, known.path, known.first + inside))
        return found


def id_of(event: Event) -> tuple[int, int]:
    """Step and task tell one event from another."""
    return event.step, event.task


def moment(finding: Finding) -> Event | None:
    """The step in which the rule was broken: the task's own, or its last one before.

    What no task has broken, as a promise that is looked at in the end, was broken by the last step
    of all until then.
    """
    events = [event for event in finding.events if event.step >= 0]
    before = [event for event in events if event.step <= finding.step] or events
    own = [event for event in before if event.task == finding.task and finding.comm]
    return next(reversed(own or before), None)


def place_of(finding: Finding, places: Places) -> list[tuple[Frame, str, int]]:
    """Where the rule was broken, innermost first; empty if nobody knows."""
    if found := places.of_frames(finding.chain):
        return found
    event = moment(finding)
    return [] if event is None else places.of_event(event)


def location(
    places: Sequence[tuple[Frame, str, int]], frames: Sequence[Frame], said: str = ""
) -> dict[str, Value]:
    """A location: the innermost place that is known, and the function that it is in."""
    made: dict[str, Value] = {}
    if places:
        made["physicalLocation"] = physical(*places[0][1:])
    if frames:
        made["logicalLocations"] = [{"name": frames[0].function, "kind": "function"}]
    if said:
        made["message"] = {"text": text_of(said)}
    return made


def text_of(said: str) -> str:
    """A text that no viewer takes for one with a link in it: `[name](where)` is one."""
    return said.replace("](", "] (")


def code_flow(finding: Finding, places: Places) -> dict[str, Value] | None:
    """The interleaving: one thread flow a task, its steps numbered as they came; None for none."""
    events = [event for run in runs_of(finding.events) for event in run]
    if not events:
        return None
    made: dict[str, Value] = {}
    left = len(events) - FLOW_MAX
    if left > 0:
        events = events[left:]
        said = f"only the last {FLOW_MAX:,} of {FLOW_MAX + left:,} steps are here"
        made["message"] = {"text": said}
    last = max((event.step for event in events), default=-1) + 1
    when = moment(finding)
    kinds = _lock_kinds(finding.timeline)
    flows: dict[int, list[Value]] = {}
    for event in events:
        each = _flow_location(event, places, last)
        if event is when:
            each["importance"] = "essential"
        if how := kinds.get(id_of(event)):
            each["kinds"] = how
        flows.setdefault(event.task, []).append(each)
    heads = heads_of(finding.events)
    made["threadFlows"] = [
        {
            "id": heads[task],
            "message": {"text": text_of(heads[task])},
            "locations": flows[task],
        }
        for task in sorted(flows)
    ]
    return made


def _flow_location(event: Event, places: Places, last: int) -> dict[str, Value]:
    """One step; what became of a task in the end comes after all steps."""
    said = f"{event.text} = {event.result}" if event.result else event.text
    if event.step < 0:
        said = f"{event.kind}: {said}"
    return {
        "executionOrder": event.step if event.step >= 0 else last,
        "nestingLevel": max(len(event.chain) - 1, 0),
        "location": location(places.of_event(event), event.chain, said),
    }


def _lock_kinds(timeline: Timeline | None) -> Mapping[tuple[int, int], list[str]]:
    """Which steps, by step and task, take or release a lock."""
    kinds: dict[tuple[int, int], list[str]] = {}
    for hold in timeline.holds if timeline is not None else ():
        kinds.setdefault((hold.begin, hold.task), ACQUIRE)
        if hold.end != NEVER:
            kinds.setdefault((hold.end, hold.task), RELEASE)
    return kinds


def lock_cycle(finding: Finding) -> dict[str, Value] | None:
    """The lock classes that the finding is about, as a graph: what is held leads to what is taken
    with it held.  None if there is no circle and nobody waits."""
    edges: dict[tuple[str, str], None] = {}
    if finding.waits:
        for *held, wanted in finding.waits:
            edges.update(dict.fromkeys((each, wanted) for each in held))
    elif finding.classes:
        edges.update(dict.fromkeys(_round(finding.classes)))
    if not edges:
        return None
    names = list(dict.fromkeys(name for ends in edges for name in ends))
    return {
        "description": {"text": "lock classes: what is held leads to what is taken with it held"},
        "nodes": [{"id": name, "label": {"text": text_of(name)}} for name in names],
        "edges": [
            {"id": f"{at}", "sourceNodeId": held, "targetNodeId": taken}
            for at, (held, taken) in enumerate(edges)
        ],
    }


def _round(classes: Sequence[str]) -> Iterator[tuple[str, str]]:
    for at, name in enumerate(classes):
        yield name, classes[(at + 1) % len(classes)]
