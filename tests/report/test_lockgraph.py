"""A lock graph's facts: merging, folding, neighbourhoods, and all that it can be made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.lockdep import Validator
from lockwright.report.kernel.procfs import lockdep, lockdep_chains
from lockwright.report.lockgraph import Judgement, LockGraph, Measure, Way
from lockwright.report.lockgraph.graph import KINDS, joined_usage, plain
from lockwright.report.lockgraph.graphml import graph_from_graphml, graph_graphml
from lockwright.report.lockgraph.jsonform import graph_as_json, graph_from_json
from lockwright.report.lockgraph.marks import Marks
from lockwright.report.lockgraph.search import Strength, cycles
from lockwright.report.lockgraph.sources import Collection, add_edges, stat_name
from tests.lockdep.tasks import Locker

SPLATS = Path(__file__).parent.parent / "data" / "splats"
HOSTILE = ('"', "a\\nb", "<&>", "x\ny", "\x00\x1b[31m", "\ud800", "é" * 300, "&amp;", " ", "]]>")


def graph_of(*edges: str, source: str = "test") -> LockGraph:
    """A graph of edges like "A EN B"."""
    graph = LockGraph()
    graph.add_source(source)
    for edge in edges:
        held, kind, taken = edge.split()
        graph.add_edge(held, taken, Way(kind, source))
    return graph


def collected(**texts: str) -> Collection:
    """Texts by their names, all read."""
    collection = Collection()
    for name, text in texts.items():
        collection.add_text(name, text)
    collection.finish()
    return collection


NAMES = st.sampled_from([*"ABCD", *HOSTILE, "k#2", "k#13", "k/1", "k#2/1"])
WAYS = st.builds(
    Way,
    st.sampled_from(KINDS),
    st.sampled_from(["one", "two:3", "<&\x01"]),
    st.lists(st.sampled_from(["fn+0x1/0x2", *HOSTILE]), max_size=3).map(tuple),
)
MEASURES = st.builds(
    Measure,
    st.sampled_from(["one", "two"]),
    st.sampled_from(["lockdep", "write", "read"]),
    st.dictionaries(st.sampled_from(["contentions", "<"]), st.floats(0, 1e9), max_size=2),
    st.lists(st.tuples(st.just("waited"), st.integers(0, 9), st.text()), max_size=2).map(tuple),
)


JUDGEMENTS = st.builds(
    Judgement,
    st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from(["possible circular locking dependency", "deadlock", "<&\x01"]),
    st.sampled_from(["confirmed", "refuted", "open"]),
    *[st.sampled_from(["", "because", *HOSTILE])] * 3,
)


@st.composite
def graphs(draw: st.DrawFn) -> LockGraph:
    """Any graph, hostile names and all."""
    graph = LockGraph()
    for source in draw(st.lists(st.sampled_from(["one", "two:3", "<&\x01"]), max_size=3)):
        graph.add_source(source, reported=draw(st.booleans()))
    for name in draw(st.lists(NAMES, max_size=4)):
        usage = draw(st.sampled_from(["", "....", "+.-?", "+.+.+."]))
        graph.add_class(name, usage, draw(st.sampled_from([None, (3, 3), (0, 4)])))
        if draw(st.booleans()):
            graph.add_measure(name, draw(MEASURES))
    for _ in range(draw(st.integers(0, 8))):
        graph.add_edge(draw(NAMES), draw(NAMES), draw(WAYS))
    for judgement in draw(st.lists(JUDGEMENTS, max_size=2)):
        graph.add_judgement(judgement)
    return graph


@given(graphs())
@settings(max_examples=100, deadline=None)
def test_json_and_graphml_read_back_the_same(graph: LockGraph) -> None:
    data = graph_as_json(graph)
    assert graph_as_json(graph_from_json(json.loads(json.dumps(data)))) == data
    text = graph_graphml(graph, Marks(graph))
    assert graph_as_json(graph_from_graphml(text.encode().decode())) == data


@given(graphs(), graphs())
@settings(max_examples=60, deadline=None)
def test_merging_loses_nothing_and_twice_is_once(one: LockGraph, other: LockGraph) -> None:
    both = LockGraph()
    both.merge(one)
    both.merge(other)
    for part in (one, other):
        assert set(part.classes) <= set(both.classes)
        assert set(part.judgements) <= set(both.judgements)
        for ends, edge in part.edges.items():
            kinds = {(way.kind, way.source) for way in edge.ways}
            assert kinds <= {(way.kind, way.source) for way in both.edges[ends].ways}
    data = graph_as_json(both)
    both.merge(one)
    both.merge(other)
    assert graph_as_json(both) == data


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("....", "+.-.", "+.-."),
        ("+...", "-...", "?..."),
        ("?-..", "-+..", "??.."),
        ("+.+.+.", "-...", "?.+.+."),
        ("", "+...", "+..."),
    ],
)
def test_usage_of_two_sources_is_that_of_one_kernel_that_saw_both(
    one: str, other: str, both: str
) -> None:
    assert joined_usage(one, other) == joined_usage(other, one) == both


def test_folding_numbers_joins_classes_and_drops_what_would_lead_to_itself() -> None:
    graph = graph_of("k#2 EN a", "a EN k#13", "k#2 EN k#3", "k#2/1 SN k", "k ER k", "n#x EN a#0")
    folded = graph.without_numbers()
    assert list(folded.classes) == ["k", "a", "k/1", "n#x", "a#0"]
    assert list(folded.edges) == [("k", "a"), ("a", "k"), ("k/1", "k"), ("k", "k"), ("n#x", "a#0")]
    assert folded.folded == 1
    assert folded.numbers_folded


def test_around_a_class_is_what_so_many_edges_lead_to_either_way() -> None:
    graph = graph_of("A EN B", "B EN C", "D EN C", "D EN E", "X EN Y")
    near = [list(graph.around("B", depth).classes) for depth in range(4)]
    assert near == [["B"], ["A", "B", "C"], ["A", "B", "C", "D"], ["A", "B", "C", "D", "E"]]
    assert list(graph.around("B", 1).edges) == [("A", "B"), ("B", "C")]


def test_what_does_not_print_is_spelt_out() -> None:
    assert plain("a\nb\x1b[1m\\") == "a\\nb\\x1b[1m\\"


def test_a_result_gives_its_lock_graph() -> None:
    result = Result("demo/abba:two", "", {}, "dpor")
    result.lock_graph = [{"held": "A", "new": "B", "types": ["EN", "SN"], "stack": ["f+0x1/0x2"]}]
    check = {"version": 1, "results": [result.as_json()]}
    for text in (result.to_text(), json.dumps(check), f"\ufeff {result.to_text()}"):
        graph = collected(file=text).graph
        assert graph.sources == ["demo/abba:two"]
        assert graph.edges["A", "B"].ways == [
            Way("EN", "demo/abba:two", ("f+0x1/0x2",)),
            Way("SN", "demo/abba:two", ("f+0x1/0x2",)),
        ]


def test_a_real_report_gives_its_cycle() -> None:
    name = "001_circular_6.5.0-rc1-test_x86.txt"
    collection = Collection()
    collection.add_text(name, (SPLATS / name).read_text(encoding="utf-8"))
    graph = collection.finish()
    one, other = "&sb->s_type->i_mutex_key#5", "eventfs_rwsem/1"
    assert list(graph.edges) == [(one, other), (other, one)]
    assert graph.classes[one].usage == "++++"
    assert graph.classes[other].waits == [(3, 3)]
    frames = graph.edges[one, other].ways[0].frames
    assert frames[:2] == ("down_read_nested+0x41/0x180", "eventfs_root_lookup+0x42/0x120")
    (cycle,) = cycles(graph)
    assert cycle.strength is Strength.STRONG
    assert cycle.reported == (f"{name}:1",)


def test_reports_of_several_files_join_in_one_graph() -> None:
    collection = Collection()
    for path in sorted(SPLATS.glob("*circular*.txt"))[:6]:
        collection.add_text(path.name, path.read_text(encoding="utf-8", errors="replace"))
    graph = collection.finish()
    parts = {source.partition(":")[0] for source in graph.sources}
    assert len(parts) == 6
    one = LockGraph()
    one.merge(graph)
    assert graph_as_json(one) == graph_as_json(graph)


def test_reports_as_json_give_the_edges_of_their_chains() -> None:
    report = {"kind": "circular", "chain": [[2, "C"], [1, "B"], [0, "A"]], "held": ["C", "X"]}
    graph = collected(file=json.dumps([report])).graph
    assert set(graph.edges) == {("A", "B"), ("B", "C"), ("C", "A")}
    assert "X" in graph.classes
    (cycle,) = cycles(graph)
    assert (cycle.strength, cycle.reported) == (Strength.STRONG, ("file:1",))


def test_of_a_damaged_chain_no_edge_is_made_up() -> None:
    report = {"kind": "circular", "chain": [[3, "D"], [1, "B"], [0, "A"]], "complete": False}
    graph = collected(file=json.dumps([report])).graph
    assert set(graph.edges) == {("A", "B"), ("D", "A")}
    assert graph.reported == []


def test_a_validator_and_its_own_dumps_give_the_same_graph() -> None:
    validator = Validator(kernel_search=True)
    task = Locker(validator)
    for order in ("A B C", "D B", "C E", "E D"):
        task.order(*order.split())
    seen = LockGraph()
    add_edges(seen, "validator", validator.edges())
    known = validator.tables()
    read = collected(lockdep=lockdep(known, operations=True), chains=lockdep_chains(known)).graph
    assert set(read.edges) == set(seen.edges)
    assert set(read.classes) == set(seen.classes)
    for name, lock in read.classes.items():
        assert lock.usage == seen.classes[name].usage
    assert [cycle.classes for cycle in cycles(read)] == [("B", "C", "E", "D")]
    assert [cycle.classes for cycle in cycles(seen)] == [("B", "C", "E", "D")]
    assert [c.strength for c in (*cycles(seen), *cycles(read))] == ["strong", "possible"]
    assert read.classes["B"].measures[0].values == {"operations": 2, "forward": 4, "backward": 5}


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("&x", "&x"),
        ("&x#12", "&x#1"),
        ("&x#3/1", "&x#3/1"),
        ("a" * 50, "a" * 37),
        ("a" * 50 + "#12/1", "a" * 33 + "#1/1"),
    ],
)
def test_lock_stat_cuts_names(name: str, printed: str) -> None:
    assert stat_name(name) == printed


def lock_stat(*names: str) -> str:
    """A table of rows that were contended three times."""
    rows = "".join(f"{name:>40}: 0 3 0 0 0 0 0 9 0 0 0 0\n" for name in names)
    return f"lock_stat version 0.4\n{rows}"


def test_numbers_of_lock_stat_find_the_class_of_a_cut_name() -> None:
    long = "(work_completion)(&(&hctx->run_work)->work)"
    dump = f"all lock classes:\nc0425a3c FD: 1 BD: 1 ....: {long}\n\n"
    collection = collected(stat=lock_stat(long[:37]), dump=dump)
    assert list(collection.graph.classes) == [long]
    (_, measure) = collection.graph.classes[long].measures
    assert (measure.what, measure.values["contentions"]) == ("write", 3)
    assert collection.problems == []


def test_a_cut_name_that_several_classes_can_have_is_told_of() -> None:
    dump = "all lock classes:\n" + "".join(f"c0425a{n}c: k#{n}\n" for n in (11, 12))
    collection = collected(stat=lock_stat("k#1"), dump=dump.replace("a11c", "a1c2"))
    assert list(collection.graph.classes) == ["k#11", "k#12"]
    assert collection.problems == ["stat: line 2: k#1 may be 2 classes: k#11, k#12"]
    assert not any(lock.measures for lock in collection.graph.classes.values())


def test_a_dump_and_a_report_in_one_text_are_both_read() -> None:
    name = "001_circular_6.5.0-rc1-test_x86.txt"
    report = (SPLATS / name).read_text(encoding="utf-8")
    dump = "all lock classes:\nc0425a3c FD: 1 BD: 1 ....: other\n -> [c0425a3d] third\n\n"
    graph = collected(both=report + "\n" + dump).graph
    assert ("other", "third") in graph.edges
    assert ("eventfs_rwsem/1", "&sb->s_type->i_mutex_key#5") in graph.edges


def test_statistics_tell_what_a_graph_may_lack() -> None:
    text = (
        " lock-classes:                         8192 [max: 8192]\n"
        " direct dependencies:                   400 [max: 32768]\n"
        " debug_locks:                             0\n"
    )
    assert collected(stats=text).notes == [
        "stats: 8192 lock classes, 400 direct dependencies",
        "stats: the validator was off by then (debug_locks 0): it learnt no orders any more",
        "stats: lock-classes: the limit of 8192 is reached: orders may lack",
    ]


def read_or_refused(text: str) -> tuple[LockGraph, str]:
    """The graph of a text, and what is said if it is refused."""
    collection = Collection()
    try:
        collection.add_text("file", text)
    except UsageError as error:
        return LockGraph(), str(error)
    return collection.finish(), ""


@given(graphs(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_of_ours_is_read_or_refused(graph: LockGraph, data: st.DataObject) -> None:
    written = [json.dumps(graph_as_json(graph)), graph_graphml(graph, Marks(graph))]
    text = data.draw(st.sampled_from(written))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        more = data.draw(st.sampled_from(["", '"', "1", "null", "[", "}", "<", "&#0;", "-", "e9"]))
        text = text[:at] + more + text[at + data.draw(st.integers(0, 3)) :]
    read, said = read_or_refused(text)
    assert said == "" or said.startswith("file: ")
    assert graph_as_json(graph_from_json(graph_as_json(read))) == graph_as_json(read)
    cycles(read)


GOOD = graph_as_json(graph_of("A EN B"))
WAY = GOOD["edges"][0]["ways"][0]


def spoilt(**fields: Value) -> str:
    """The graph above with other fields."""
    return json.dumps({**GOOD, **fields})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing that can be used"),
        ("just words\n", "nothing that can be used"),
        ('{"a": ', "malformed JSON"),
        ('{"a": 1}', "holds no lock graph"),
        ("[]", "holds no lock graph"),
        ('[{"kind": 1, "chain": [[1]]}]', "malformed report"),
        ("[" * 100_000, "nothing that can be used"),
        ('[{"a":' * 100_000, "malformed JSON"),
        ('{"lock_graph": [{"held": "A"}]}', "malformed lock graph: KeyError"),
        ('{"lock_graph": [{"held": 1, "new": "B", "types": []}]}', "1 is no text"),
        ('{"lock_graph": [{"held": "A", "new": "B", "types": ["XX"]}]}', "'XX' is no kind"),
        (spoilt(version=9), "lock graph of version 9"),
        (spoilt(edges=[{"held": "A", "taken": "B", "ways": []}]), "no source tells of"),
        (
            spoilt(edges=[{**GOOD["edges"][0], "ways": [{**WAY, "kind": "XX"}]}]),
            "'XX' is no kind of edge",
        ),
        (spoilt(edges=7), "malformed lock graph: TypeError"),
        (spoilt(classes=[{"name": "A"}]), "malformed lock graph: KeyError: 'usage'"),
        ("<graphml", "malformed GraphML"),
        ("<graphml></graphml>", "malformed GraphML"),
        ('<graphml><key id="d0" for="graph"/></graphml>', "malformed GraphML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><graphml/>', "it defines entities"),
    ],
)
def test_input_that_is_no_graph_is_refused_with_the_name_of_its_file(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"\Afile: ") as raised:
        Collection().add_text("file", text)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
