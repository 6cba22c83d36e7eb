"""A strict checker of trace-event JSON: by its rules, and by what Perfetto's importer does.

`complaints(text)` says what is wrong with a trace, a line each; none is a good trace.

Source: the Trace Event Format; Perfetto, src/trace_processor/importers/json.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from typing import Any, NoReturn

HEADS = ("displayTimeUnit", "otherData", "traceEvents")
"""All keys that may stand before the events: others stop the importer."""
COMMON = ("name", "pid", "tid")
NEEDED = {
    "M": (*COMMON, "args"),
    "X": (*COMMON, "ts", "dur", "cat"),
    "i": (*COMMON, "ts", "s"),
    "b": (*COMMON, "ts", "cat", "id"),
    "n": (*COMMON, "ts", "cat", "id"),
    "e": (*COMMON, "ts", "cat", "id"),
    "s": (*COMMON, "ts", "cat", "id"),
    "f": (*COMMON, "ts", "cat", "id", "bp"),
    "C": (*COMMON, "ts", "args"),
}
METADATA = {
    "process_name": ("name", str),
    "process_labels": ("labels", str),
    "process_sort_index": ("sort_index", int),
    "thread_name": ("name", str),
    "thread_sort_index": ("sort_index", int),
}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    double = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if double:
        raise ValueError(f"double key {double[0]}")
    return dict(pairs)


def loaded(text: str) -> dict[str, Any]:
    """The trace, read strictly."""
    data: dict[str, Any] = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    return data


def complaints(text: str) -> list[str]:
    """What is wrong with a trace."""
    try:
        data = loaded(text)
    except ValueError as error:
        return [f"not JSON: {error}"]
    said = [f"unknown key {key}" for key in data if key not in HEADS]
    if list(data)[-1:] != ["traceEvents"]:
        said.append("traceEvents is not last")
    if data.get("displayTimeUnit") != "ms":
        said.append("displayTimeUnit is not ms")
    events = data.get("traceEvents", [])
    broken = [line for number, event in enumerate(events) for line in _event(number, event)]
    said += [line for line in _texts(data, "") if line]
    if broken:
        return said + broken
    for rule in (_names, _order, _nesting, _lives, _arrows):
        said += rule(events)
    return said


def _texts(value: object, where: str) -> list[str]:
    if isinstance(value, str):
        return [] if value.isprintable() else [f"text that does not print at {where}"]
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in _texts(each, f"{where}/{key}")] + [
            f"key that does not print at {where}" for key in value if not key.isprintable()
        ]
    if isinstance(value, list):
        return [line for at, each in enumerate(value) for line in _texts(each, f"{where}/{at}")]
    return []


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _event(number: int, event: dict[str, Any]) -> list[str]:
    """What is wrong with one event by itself."""
    if event.get("ph") not in NEEDED:
        return [f"event {number} has no known phase"]
    ph = event["ph"]
    missing = [key for key in NEEDED[ph] if key not in event]
    if missing:
        return [f"event {number} ({ph}) has no {missing[0]}"]
    said = []
    if not isinstance(event["name"], str) or not event["name"]:
        said.append("its name is no text")
    for key in ("pid", "tid"):
        value = event[key]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**32:
            said.append(f"{key} is no positive number of 32 bits")
    if ph != "M" and not (_number(event["ts"]) and event["ts"] >= 0):
        said.append("ts is no time")
    if "cat" in NEEDED[ph] and not isinstance(event["cat"], str):
        said.append("cat is no text")
    if not isinstance(event.get("args", {}), dict):
        said.append("args is no object")
    said += _of_phase(ph, event)
    return [f"event {number} ({ph}): {line}" for line in said]


def _of_phase(ph: str, event: dict[str, Any]) -> list[str]:
    said = []
    if ph == "X" and not (_number(event["dur"]) and event["dur"] >= 0):
        said.append("dur is no duration")
    if ph == "i" and event["s"] not in ("g", "p", "t"):
        said.append("s is none of g, p, t")
    if ph == "f" and event["bp"] != "e":
        said.append("bp is not e")
    if ph in "sf" and not (isinstance(event["id"], int) and event["id"] >= 0):
        said.append("the id of an arrow is no number")
    if ph in "bne" and not isinstance(event["id"], str):
        said.append("the id of an async slice is no text")
    if ph == "C" and not (event["args"] and all(map(_number, event["args"].values()))):
        said.append("a counter is no number")
    if ph == "M":
        key, kind = METADATA.get(event["name"], ("", str))
        if not key or not isinstance(event["args"].get(key), kind):
            said.append(f"metadata {event['name']} is not known or has no {key}")
    return said


def _names(events: list[dict[str, Any]]) -> list[str]:
    """Each process and thread has one name, and a thread's number is nobody else's."""
    named = Counter(
        (event["name"], event["pid"], event["tid"]) for event in events if event["ph"] == "M"
    )
    said = [f"{key} is told {count} times" for key, count in named.items() if count > 1]
    pids = {event["pid"] for event in events}
    said += [
        f"process {pid} has no name"
        for pid in sorted(pids)
        if ("process_name", pid, pid) not in named
    ]
    of_tid: dict[int, set[int]] = defaultdict(set)
    for event in events:
        if event["ph"] in "Xsf" or event["name"] == "thread_name":
            of_tid[event["tid"]].add(event["pid"])
            if ("thread_name", event["pid"], event["tid"]) not in named:
                said.append(f"thread {event['tid']} of {event['pid']} has no name")
    for tid, owners in sorted(of_tid.items()):
        if len(owners) > 1 or tid in pids:
            said.append(f"thread number {tid} is used twice")
    return said


def _order(events: list[dict[str, Any]]) -> list[str]:
    times = [event["ts"] for event in events if event["ph"] != "M"]
    kinds = [event["ph"] == "M" for event in events]
    said = [] if kinds == sorted(kinds, reverse=True) else ["metadata comes late"]
    return said if times == sorted(times) else [*said, "events are not in order of time"]


def _nesting(events: list[dict[str, Any]]) -> list[str]:
    """The slices of a thread nest, and the outer one comes first."""
    said = []
    opened: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        if event["ph"] != "X":
            continue
        stack = opened[event["pid"], event["tid"]]
        while stack and stack[-1]["ts"] + stack[-1]["dur"] <= event["ts"]:
            stack.pop()
        if stack and stack[-1]["ts"] + stack[-1]["dur"] < event["ts"] + event["dur"]:
            said.append(f"{event['name']} at {event['ts']} overlaps {stack[-1]['name']}")
        stack.append(event)
    return said


def _lives(events: list[dict[str, Any]]) -> list[str]:
    """Async slices begin and end once, moments lie in one."""
    said = []
    state: dict[tuple[Any, ...], str] = {}
    for event in events:
        if event["ph"] not in "bne":
            continue
        key = event["pid"], event["cat"], event["id"], event["name"]
        now = state.get(key, "")
        if {"b": "", "n": "b", "e": "b"}[event["ph"]] != now:
            said.append(f"async {event['ph']} of {key} where it has {now or 'not begun'}")
        state[key] = "b" if event["ph"] == "n" else event["ph"]
    return said + [f"async {key} has no end" for key, now in state.items() if now == "b"]


def _arrows(events: list[dict[str, Any]]) -> list[str]:
    """An arrow has one start and one finish, in this order, each in a slice of its thread.

    The importer gives an end to the slice that began last: that has to be the one around it.
    """
    said = []
    last: dict[tuple[int, int], dict[str, Any]] = {}
    state: dict[tuple[Any, ...], str] = {}
    for event in events:
        track = event["pid"], event["tid"]
        if event["ph"] == "X" or (event["ph"] == "i" and event["s"] == "t"):
            last[track] = event
        if event["ph"] not in "sf":
            continue
        key = event["cat"], event["id"], event["name"]
        if state.get(key, "") != {"s": "", "f": "s"}[event["ph"]]:
            said.append(f"arrow {key}: {event['ph']} after {state.get(key) or 'nothing'}")
        state[key] = event["ph"]
        around = last.get(track)
        if around is None or not around["ts"] <= event["ts"] < around["ts"] + around.get("dur", 0):
            said.append(f"arrow {key}: {event['ph']} at {event['ts']} is in no slice")
    return said + [f"arrow {key} has no finish" for key, now in state.items() if now != "f"]
