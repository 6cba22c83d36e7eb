"""Everything that a lock graph can be made of.

    Collection     a graph that is filled from several texts, each of any kind
    graph_of       explorations together, with what came of their predictions
    add_result     the lock graph of one
    add_edges      what a validator saw
    add_report     a kernel report that was read
    add_dump       /proc/lockdep, lockdep_chains and lock_stat

Source: kernel/locking/lockdep_proc.c, seq_stats(), for how lock_stat cuts names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.prediction import Prediction
from lockwright.core.result import Result
from lockwright.lockdep.reports import EdgeSeen
from lockwright.report.lockgraph.graph import KINDS, NUMBERED, UNKNOWN, LockGraph, Measure, Way
from lockwright.report.lockgraph.graphml import graph_from_graphml
from lockwright.report.lockgraph.jsonform import FORMAT, graph_from_json
from lockwright.report.lockgraph.judging import (
    add_findings,
    add_findings_json,
    add_predictions,
    add_predictions_json,
)
from lockwright.report.read import read
from lockwright.report.read.dump import Dump, StatEntry, implied_edges
from lockwright.report.read.parsed import ParsedFrame, ParsedLock, ParsedReport
from lockwright.report.read.procfs import is_dump, read_dump

MODES = {"W": "write", "R": "read"}
STAT_NAME_MAX = 37
DEADLOCKS = ("circular", "recursive", "dept")
"""The kinds of report whose edges are a strong cycle: the kernel found it to be one."""

SAID_OF = ("lock-classes", "direct dependencies", "dependency chains")
EXPECTED = (
    "expected kernel reports, a dump of /proc/lockdep, lockdep_chains or lock_stat, or JSON or "
    "GraphML of lockwright"
)
JSON = re.compile(r"[\ufeff\s]*+(?:\{\s*+[\"}]|\[\s*+[{\]])")
REPORT = re.compile(r"is trying to (?:acquire|lock)|\*\*\* DEADLOCK|locks? held by ")


class Collection:
    """A graph filled from several texts; `problems` are sentences that name the text.

    Numbers of lock_stat, which cuts names, find their classes in `finish`.
    """

    def __init__(self) -> None:
        self.graph = LockGraph()
        self.problems: list[str] = []
        self.notes: list[str] = []
        self._rows: list[tuple[str, StatEntry]] = []

    def add_text(self, source: str, text: str) -> None:
        """What one file holds.  Raises UsageError if that is nothing that can be used."""
        try:
            if JSON.match(text):
                add_json(self.graph, source, _loaded(text))
            elif "<graphml" in text[:2000]:
                self.graph.merge(graph_from_graphml(text))
            else:
                self._add_kernel_text(source, text)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from None

    def _add_kernel_text(self, source: str, text: str) -> None:
        dumped = is_dump(text)
        if dumped:
            dump = read_dump(text)
            add_dump(self.graph, source, dump)
            self._rows += ((source, row) for row in dump.rows)
            self.notes += (f"{source}: {note}" for note in (*dump.notes, *_told(dump)))
            self.problems += (f"{source}: {said}" for said in dump.problems)
        if not dumped or REPORT.search(text):
            log = read(text)
            if not dumped and not log.reports:
                raise UsageError(f"nothing that can be used: {EXPECTED}")
            for report in log.reports:
                add_report(self.graph, f"{source}:{report.lines[0]}", report)
                self.problems += (f"{source}:{report.lines[0]}: {said}" for said in report.missing)
            self.problems += (f"{source}: {said}" for said in log.problems)

    def finish(self) -> LockGraph:
        """The graph, when all texts are there."""
        for source, said in add_rows(self.graph, self._rows):
            self.problems.append(f"{source}: {said}")
        self._rows = []
        return self.graph


def _told(dump: Dump) -> Iterator[str]:
    """What lockdep_stats says that matters to a graph."""
    known = dump.statistics
    named = [name for name in SAID_OF if name in known]
    if named:
        yield ", ".join(f"{known[name].value} {name.replace('-', ' ')}" for name in named)
    if "debug_locks" in known and not known["debug_locks"].value:
        yield "the validator was off by then (debug_locks 0): it learnt no orders any more"
    for name, statistic in known.items():
        if statistic.limit is not None and statistic.value >= statistic.limit:
            yield f"{name}: the limit of {statistic.limit} is reached: orders may lack"


def _loaded(text: str) -> Value:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"malformed JSON: {error}") from None


def add_json(graph: LockGraph, source: str, data: Value) -> None:
    """A lock graph, the results of `check`, or the reports of `splat`, as JSON.

    Raises UsageError for anything else.
    """
    if isinstance(data, dict):
        if data.get("format") == FORMAT:
            graph.merge(graph_from_json(data))
            return
        if isinstance(data.get("graph"), dict):
            graph.merge(graph_from_json(data["graph"]))
            return
        results = data.get("results", [data])
        if isinstance(results, list) and results and all(map(_is_result, results)):
            for result in results:
                name = str(result.get("scenario", source))
                add_result(graph, name, result["lock_graph"])
                add_findings_json(graph, name, result.get("findings", ()))
            add_predictions_json(graph, data.get("predictions", ()))
            return
    elif isinstance(data, list) and data and all(map(_is_report, data)):
        for number, item in enumerate(data, 1):
            add_report_json(graph, f"{source}:{number}", item)
        return
    raise UsageError("this JSON holds no lock graph, no result with one and no list of reports")


def graph_of(results: Iterable[Result], predictions: Iterable[Prediction]) -> LockGraph:
    """The lock graph of explorations together, and what came of its cycles.

    Raises UsageError for results that are malformed.
    """
    graph = LockGraph()
    for result in results:
        if result.lock_graph:
            add_result(graph, result.scenario, result.lock_graph)
        add_findings(graph, result.scenario, result.findings)
    add_predictions(graph, predictions)
    return graph


def _is_result(item: Value) -> bool:
    return isinstance(item, dict) and isinstance(item.get("lock_graph"), list)


def _is_report(item: Value) -> bool:
    return isinstance(item, dict) and "kind" in item and isinstance(item.get("chain"), list)


def add_result(graph: LockGraph, source: str, entries: Iterable[Mapping[str, Value]]) -> None:
    """The `lock_graph` of a `Result`.  Raises UsageError for one that is malformed."""
    graph.add_source(source)
    try:
        for entry in entries:
            ends = _text(entry["held"]), _text(entry["new"])
            frames = tuple(map(_text, entry.get("stack", ())))
            for kind in entry["types"] or (UNKNOWN,):
                if kind not in KINDS:
                    raise ValueError(f"{kind!r} is no kind of edge")
                graph.add_edge(*ends, Way(kind, source, frames))
            for name, known in zip(ends, entry.get("classes", ()), strict=False):
                graph.add_class(
                    name, _text(known["usage"]), (int(known["wait"][0]), int(known["wait"][1]))
                )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"malformed lock graph: {type(error).__name__}: {error}") from None


def add_edges(graph: LockGraph, source: str, edges: Iterable[EdgeSeen]) -> None:
    """What a validator saw; of several kinds of one edge the first one's call chain."""
    graph.add_source(source)
    for edge in edges:
        for lock in (edge.held, edge.new):
            graph.add_class(lock.name, lock.usage, (lock.wait_outer, lock.wait_inner))
        frames = tuple(map(str, edge.stack))
        for kind in edge.types:
            graph.add_edge(edge.held.name, edge.new.name, Way(kind, source, frames))


def add_report(graph: LockGraph, source: str, report: ParsedReport) -> None:
    """A kernel report: the classes that it names, and the orders that it proves."""
    graph.add_source(source, reported=report.kind in DEADLOCKS and report.complete)
    named = [report.new_lock, report.held_lock, *report.held]
    named += (state.lock for state in report.states)
    for lock in named:
        if lock is not None:
            _add_lock(graph, lock)
    for entry in report.chain:
        graph.add_class(entry.name, entry.usage or "", entry.wait)
    for dumps in report.dumps.values():
        for dump in dumps:
            graph.add_class(dump.name, dump.usage or "", dump.wait)
    for edge in report.edges:
        frames = tuple(map(frame_text, edge.frames))
        graph.add_edge(edge.held, edge.taken, Way(edge.kind, source, frames))


def _add_lock(graph: LockGraph, lock: ParsedLock) -> None:
    graph.add_class(lock.name, lock.usage or "", lock.wait)


def frame_text(frame: ParsedFrame) -> str:
    """A frame as the kernel prints it, with its module and its file."""
    text = frame.function
    if frame.offset is not None and frame.size is not None:
        text += f"+{frame.offset:#x}/{frame.size:#x}"
    if frame.unsure:
        text = f"? {text}"
    for more in (frame.module and f"[{frame.module}]", frame.file, frame.inlined and "[inline]"):
        text += f" {more}" if more else ""
    return text


def add_report_json(graph: LockGraph, source: str, item: Mapping[str, Value]) -> None:
    """A report as `splat --format json` gives it: of the chain, #k was taken with #k-1 held, and
    #0 with the last one."""
    try:
        named = {int(number): _text(name) for number, name in item["chain"]}
        whole = sorted(named) == list(range(len(named))) and bool(item.get("complete", True))
        graph.add_source(source, reported=whole and item["kind"] in DEADLOCKS and bool(named))
        for name in [*named.values(), *item.get("held", ())]:
            graph.add_class(_text(name))
        for number, name in named.items():
            before = number - 1 if number else max(named)
            if before in named and before != number:
                graph.add_edge(named[before], name, Way(UNKNOWN, source))
    except (TypeError, ValueError) as error:
        raise UsageError(f"malformed report: {type(error).__name__}: {error}") from None


def add_dump(graph: LockGraph, source: str, dump: Dump) -> None:
    """/proc/lockdep and lockdep_chains, which tell the order and not the kinds."""
    graph.add_source(source)
    for entry in dump.classes:
        graph.add_class(entry.name, entry.usage)
        told = {
            "operations": entry.operations,
            "forward": entry.forward,
            "backward": entry.backward,
        }
        values = {name: float(value) for name, value in told.items() if value is not None}
        if values:
            graph.add_measure(entry.name, Measure(source, "lockdep", values))
        for after in entry.after:
            graph.add_edge(entry.name, after, Way(UNKNOWN, source))
    for chain in dump.chains:
        for name in chain.classes if chain.whole else ():
            graph.add_class(name)
    for held, taken in implied_edges(dump.chains):
        graph.add_edge(held, taken, Way(UNKNOWN, source))


def add_rows(graph: LockGraph, rows: Sequence[tuple[str, StatEntry]]) -> list[tuple[str, str]]:
    """Rows of lock_stat, each to the one class whose name it can be, else to one of its own name.

    Gives what is wrong, with its source: a cut name that several classes can have.
    """
    by_name: dict[str, list[str]] = {}
    for name in graph.classes:
        by_name.setdefault(stat_name(name), []).append(name)
    problems = []
    for source, row in rows:
        known = [row.name] if row.name in graph.classes else by_name.get(row.name, [row.name])
        if len(known) > 1:
            shown = ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")
            problems.append(
                (source, f"line {row.line}: {row.name} may be {len(known)} classes: {shown}")
            )
            continue
        points = tuple(
            ("held meanwhile" if point.holder else "waited", point.count, point.symbol)
            for point in row.points
        )
        graph.add_source(source)
        graph.add_measure(known[0], Measure(source, MODES[row.mode], row.values, points))
    return problems


def stat_name(name: str) -> str:
    """A class name as lock_stat cuts it: to 37 characters in all, of its number one digit."""
    base, slash, subclass = name.rpartition("/")
    if not slash or not re.fullmatch("[1-7]", subclass):
        base, subclass = name, ""
    number = NUMBERED.search(base)
    version = number[0][:2] if number is not None else ""
    base = NUMBERED.sub("", base)
    tail = version + (f"/{subclass}" if subclass else "")
    return base[: STAT_NAME_MAX - len(tail)] + tail


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
