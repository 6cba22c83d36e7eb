"""Two lock graphs: what a change has made of the old one."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.report.lockgraph import Judgement, LockGraph, Way
from lockwright.report.lockgraph.compare import Comparison, compare
from lockwright.report.lockgraph.compare_text import comparison_as_json, comparison_text
from lockwright.report.lockgraph.dot import compared_dot
from lockwright.report.lockgraph.judging import canonical
from lockwright.report.lockgraph.svg import compared_inline, compared_svg
from tests.report.golden_files import assert_golden

SVG = "{http://www.w3.org/2000/svg}"
CIRCULAR = "possible circular locking dependency"


def graph_of(*edges: str, source: str = "test") -> LockGraph:
    """A graph of edges like "A EN B"."""
    graph = LockGraph()
    graph.add_source(source)
    for edge in edges:
        held, kind, taken = edge.split()
        graph.add_edge(held, taken, Way(kind, source, ("fn+0x1/0x2",)))
    return graph


def before() -> LockGraph:
    """A cycle that deadlocks, and readers."""
    graph = graph_of("A EN B", "B EN A", "A SR C", "D EN A", source="old")
    graph.add_judgement(Judgement(("A", "B"), CIRCULAR, "confirmed", "it happens", "lw1~t", "d:s"))
    return graph


def after() -> LockGraph:
    """Another one instead."""
    graph = graph_of("A EN B", "A EN C", "D EN A", "C EN E", "E EN D", source="new")
    cycle = ("A", "C", "E", "D")
    graph.add_judgement(Judgement(cycle, CIRCULAR, "refuted", "no trace deadlocks", "", "d:s"))
    return graph


EDGES = st.lists(
    st.tuples(
        st.sampled_from("ABCDE"),
        st.sampled_from(["EN", "SR", "ER", "??"]),
        st.sampled_from("ABCDE"),
    ),
    max_size=10,
)
GRAPHS = EDGES.map(lambda edges: graph_of(*(" ".join(edge) for edge in edges)))


def names_of(found: Comparison) -> tuple[set[tuple[str, ...]], ...]:
    """The cycles that are gone, new, and in both."""
    return (
        {canonical(each.cycle.classes) for each in found.cycles_gone},
        {canonical(each.cycle.classes) for each in found.cycles_new},
        {canonical(each.new.cycle.classes) for each in found.cycles_still},
    )


@given(GRAPHS)
@settings(max_examples=60, deadline=None)
def test_a_graph_does_not_differ_from_itself(graph: LockGraph) -> None:
    found = compare(graph, graph)
    assert found.same
    assert comparison_text(found, 80).endswith("nothing differs")


@given(GRAPHS, GRAPHS)
@settings(max_examples=120, deadline=None)
def test_what_is_gone_one_way_is_new_the_other_way(old: LockGraph, new: LockGraph) -> None:
    there, back = compare(old, new), compare(new, old)
    assert there.classes_gone == back.classes_new
    assert there.classes_new == back.classes_gone
    assert there.orders_gone == back.orders_new
    assert {id(one) for one, _ in there.changed} == {id(other) for _, other in back.changed}
    gone, came, still = names_of(there)
    assert names_of(back) == (came, gone, still)


@given(GRAPHS, GRAPHS)
@settings(max_examples=120, deadline=None)
def test_the_parts_make_up_both_graphs(old: LockGraph, new: LockGraph) -> None:
    found = compare(old, new)
    assert set(found.union.classes) == set(old.classes) | set(new.classes)
    assert set(found.union.edges) == set(old.edges) | set(new.edges)
    gone = {(edge.held, edge.taken) for edge in found.orders_gone}
    assert gone == set(old.edges) - set(new.edges)
    assert set(found.classes_new) == set(new.classes) - set(old.classes)
    both = set(old.edges) & set(new.edges)
    differing = {ends for ends in both if old.edges[ends].kinds != new.edges[ends].kinds}
    assert {(one.held, one.taken) for one, _ in found.changed} == differing
    nothing = not (gone or differing or found.classes_new or found.classes_gone or found.orders_new)
    assert found.same == nothing


def test_a_cycle_is_still_there_if_its_orders_are_though_a_shorter_one_came() -> None:
    old = graph_of("A EN B", "B EN C", "C EN A")
    new = graph_of("A EN B", "B EN C", "C EN A", "B EN A")
    assert names_of(compare(old, new)) == (set(), {("A", "B")}, {("A", "B", "C")})


def test_a_cycle_that_readers_make_weak_is_gone() -> None:
    old, new = graph_of("A EN B", "B EN A"), graph_of("A SR B", "B SR A")
    found = compare(old, new)
    assert names_of(found) == ({("A", "B")}, set(), set())
    assert len(found.changed) == 2


def test_the_text_tells_cycles_classes_and_orders() -> None:
    text = comparison_text(compare(before(), after()), 80)
    assert_golden("lockgraph_compared.txt", f"{text}\n")


def test_a_cycle_of_both_tells_if_its_reality_changed() -> None:
    new = graph_of("A EN B", "B EN A", "A SR C", "D EN A", source="old")
    found = compare(before(), new)
    assert "  A -> B -> A: confirmed -> not judged" in comparison_text(found, 80)
    assert not found.same


def test_the_json_has_a_version_and_both_graphs() -> None:
    data = json.loads(json.dumps(comparison_as_json(compare(before(), after()))))
    assert (data["version"], data["format"]) == (1, "lock graph comparison")
    assert data["classes"] == {"gone": [], "new": ["E"]}
    assert data["orders"]["changed"] == [{"held": "A", "taken": "C", "old": ["SR"], "new": ["EN"]}]
    assert data["orders"]["gone"] == [{"held": "B", "taken": "A", "kinds": ["EN"]}]
    assert [each["reality"] for each in data["cycles"]["gone"]] == ["confirmed"]
    assert [each["reality"] for each in data["cycles"]["new"]] == ["refuted"]
    assert data["cycles"]["still"] == []
    assert len(data["old"]["edges"]) == 4


def boxes(picture: str) -> dict[str, tuple[str, ...]]:
    """Where each class of a picture stands, and its kinds."""
    found = {}
    for group in ET.fromstring(picture).iter():
        rect = next((each for each in group if each.tag.endswith("rect")), None)
        if rect is not None and "data-class" in group.attrib:
            place = tuple(rect.attrib[name] for name in ("x", "y", "width", "height"))
            found[group.attrib["data-class"]] = (*place, group.attrib["class"])
    return found


@given(GRAPHS, GRAPHS)
@settings(max_examples=40, deadline=None)
def test_a_class_stands_at_the_same_place_in_both_pictures(old: LockGraph, new: LockGraph) -> None:
    left, right = map(boxes, compared_inline(compare(old, new)))
    assert {place: each[:4] for place, each in left.items() if place in right} == {
        place: each[:4] for place, each in right.items() if place in left
    }


def test_what_is_gone_and_new_has_a_sign_and_a_style_in_the_picture() -> None:
    root = ET.fromstring(compared_svg(compare(before(), after())))
    groups = (node for node in root.iter(f"{SVG}g") if "lg-label" in node.get("class", ""))
    labels = {node.findtext(f"{SVG}text") for node in groups}
    assert {
        "\u2212 EN \u21bb2 confirmed",
        "~ SR",
        "~ EN \u21bb1 refuted",
        "+ EN \u21bb1 refuted",
    } <= labels
    kinds = [set(node.get("class", "").split()) for node in root.iter(f"{SVG}path")]
    drawn = [each for each in kinds if "lg-order" in each]
    assert sum("lg-gone" in each for each in drawn) == 1
    assert sum("lg-new" in each for each in drawn) == 2
    (sign,) = [
        node
        for node in root.iter(f"{SVG}g")
        if {"lg-box", "lg-new"} <= set(node.get("class", "").split())
    ]
    assert "+" in [text.text for text in sign.iter(f"{SVG}text")]
    cycles = [
        node.text for node in root.iter(f"{SVG}text") if (node.text or "").startswith("cycle")
    ]
    assert cycles == [
        "cycle 1: A -> C -> E -> D -> A: strong, refuted, new",
        "cycle 2: A -> B -> A: strong, confirmed, gone",
    ]


def test_both_graphs_in_dot_are_golden() -> None:
    assert_golden("lockgraph_compared.dot", compared_dot(compare(before(), after())))


@pytest.mark.parametrize("made", [compared_svg, compared_dot])
def test_nothing_at_all_is_compared_too(made: Callable[[Comparison], str]) -> None:
    assert made(compare(LockGraph(), LockGraph()))
