"""Lock graphs as pictures: SVG, DOT and GraphML; places that do not overlap, text that is text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.report.lockgraph import LockGraph, Measure, Way
from lockwright.report.lockgraph.dot import graph_dot
from lockwright.report.lockgraph.graph import plain
from lockwright.report.lockgraph.layout import GAP_X, Drawing, layout
from lockwright.report.lockgraph.layout import _settled as settled
from lockwright.report.lockgraph.marks import NAME_MAX, RED, Marks, class_lines, edge_lines
from lockwright.report.lockgraph.svg import graph_svg
from tests.report.golden_files import assert_golden

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ('"', "a\\nb", "\\", "<&>", "x\ny", "\x00\x1b[31m", "\ud800", "é" * 300, "&amp;", "]]>")
SIZE = (80.0, 26.0)


def example() -> LockGraph:
    """Readers, a cycle, wait types, contention, a class alone."""
    graph = LockGraph()
    graph.add_source("example")
    graph.add_class("&sb->s_type->i_mutex_key#5", "++++", (4, 4))
    graph.add_class("eventfs_rwsem/1", ".+.+", (3, 3))
    graph.add_class("eventfs_rwsem/1", "", (4, 4))
    graph.add_class("alone", "....")
    edges = (
        ("&sb->s_type->i_mutex_key#5", "SN", "eventfs_rwsem/1"),
        ("eventfs_rwsem/1", "EN", "&sb->s_type->i_mutex_key#5"),
        ("event_mutex", "EN", "&sb->s_type->i_mutex_key#5"),
        ("event_mutex", "ER", "tasklist_lock"),
        ("eventfs_rwsem/1", "??", "tasklist_lock"),
    )
    for held, kind, taken in edges:
        graph.add_edge(held, taken, Way(kind, "example", ("fn+0x1/0x2", "caller+0x3/0x4")))
    measure = Measure("lock_stat", "write", {"contentions": 17.0, "acquisitions": 1000.0})
    graph.add_measure("event_mutex", measure)
    return graph


def hostile() -> LockGraph:
    """A ring of classes whose names try to be something else."""
    graph = LockGraph()
    for held, taken in pairwise((*HOSTILE, HOSTILE[0])):
        graph.add_edge(held, taken, Way("EN", held, (taken,)))
    return graph


def test_the_example_as_svg_and_dot_is_golden() -> None:
    graph = example()
    assert_golden("lockgraph.svg", graph_svg(graph, Marks(graph)))
    assert_golden("lockgraph.dot", graph_dot(graph, Marks(graph)))


def random_graph(edges: list[tuple[int, int]]) -> LockGraph:
    """Classes c0, c1 and so on."""
    graph = LockGraph()
    for held, taken in edges:
        graph.add_edge(f"c{held}", f"c{taken}", Way("EN", "random"))
    return graph


def check_places(graph: LockGraph, drawing: Drawing) -> None:
    """Every class with an edge has a box, no two overlap, and edges begin and end at boxes."""
    assert {box.name for box in drawing.boxes} == {name for ends in graph.edges for name in ends}
    assert [(r.held, r.taken) for r in sorted(drawing.routes, key=lambda r: (r.held, r.taken))] == (
        sorted(graph.edges)
    )
    boxes = {box.name: box for box in drawing.boxes}
    for box in drawing.boxes:
        assert box.width / 2 <= box.x <= drawing.width - box.width / 2
        assert box.height / 2 <= box.y <= drawing.height - box.height / 2
        for other in drawing.boxes:
            beside = abs(box.x - other.x) >= (box.width + other.width) / 2 + GAP_X - 1e-6
            above = abs(box.y - other.y) >= (box.height + other.height) / 2
            assert box is other or beside or above
    for route in drawing.routes:
        for name, (x, y) in ((route.held, route.points[0]), (route.taken, route.points[-1])):
            box = boxes[name]
            assert abs(x - box.x) <= box.width / 2 + 1e-6
            assert abs(y - box.y) <= box.height / 2 + 1e-6


EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


@given(EDGES)
@settings(max_examples=150, deadline=None)
def test_boxes_never_overlap_and_edges_lead_from_box_to_box(edges: list[tuple[int, int]]) -> None:
    graph = random_graph(edges)
    check_places(graph, layout(graph, lambda name: (len(name) * 20.0, 26.0)))


@given(EDGES)
@settings(max_examples=100, deadline=None)
def test_without_a_cycle_what_is_held_stands_above(edges: list[tuple[int, int]]) -> None:
    graph = random_graph([(min(two), max(two)) for two in edges if two[0] != two[1]])
    height = {box.name: box.y for box in layout(graph, lambda _: SIZE).boxes}
    components = {held: height[held] < height[taken] for held, taken in graph.edges}
    assert all(components.values())


def test_a_long_edge_passes_between_the_boxes_of_the_layers_in_between() -> None:
    graph = random_graph([(0, 1), (1, 2), (2, 3), (0, 3)])
    drawing = layout(graph, lambda _: SIZE)
    (route,) = (route for route in drawing.routes if (route.held, route.taken) == ("c0", "c3"))
    assert len(route.points) == 6
    for x, y in route.points[1:-1]:
        for box in drawing.boxes:
            inside = abs(y - box.y) <= box.height / 2 and abs(x - box.x) < box.width / 2
            assert not inside


def test_a_crossing_that_can_be_avoided_is() -> None:
    graph = random_graph([(0, 3), (1, 2), (4, 0), (4, 1), (2, 5), (3, 5)])
    places = {box.name: box.x for box in layout(graph, lambda _: SIZE).boxes}
    assert (places["c0"] < places["c1"]) == (places["c3"] < places["c2"])


@given(st.lists(st.tuples(st.integers(-9, 9), st.sampled_from([1, 4])), max_size=5))
@settings(max_examples=100, deadline=None)
def test_places_are_the_nearest_that_keep_the_order(wanted: list[tuple[int, int]]) -> None:
    """No small step of any run of places to either side comes nearer."""
    targets, weights = [float(x) for x, _ in wanted], [float(w) for _, w in wanted]
    found = settled(targets, weights)
    assert all(one <= other + 1e-9 for one, other in pairwise(found))

    def far(places: list[float]) -> float:
        return sum(w * (x - t) ** 2 for x, t, w in zip(places, targets, weights, strict=True))

    for start in range(len(found)):
        for end in range(start + 1, len(found) + 1):
            for step in (-0.01, 0.01):
                moved = [x + step * (start <= at < end) for at, x in enumerate(found)]
                if all(one <= other for one, other in pairwise(moved)):
                    assert far(moved) >= far(found) - 1e-9


def texts(picture: str) -> list[str]:
    """All text of an SVG picture, titles included."""
    return [node.text or "" for node in ET.fromstring(picture).iter() if node.text]


def test_hostile_names_are_text_in_svg() -> None:
    graph = hostile()
    picture = graph_svg(graph, Marks(graph))
    said = texts(picture.encode().decode())
    for name in HOSTILE:
        shown = plain(name)
        assert (shown if len(shown) <= NAME_MAX else f"{shown[: NAME_MAX - 3]}...") in said
    tags = {node.tag.removeprefix(SVG) for node in ET.fromstring(picture).iter()}
    assert tags == {"svg", "title", "defs", "marker", "path", "rect", "text", "g"}


TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|->|[{}\[\]=,;]|[A-Za-z_][\w]*|-?[0-9.]+)', re.DOTALL)


def dot_tokens(text: str) -> Iterator[str]:
    """The words of a text in the DOT language; fails for what is none."""
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        assert found is not None, text[at : at + 40]
        yield found[1]
        at = found.end()


def unquoted(token: str) -> str:
    """What Graphviz shows for a quoted label."""
    lines = re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), token[1:-1])
    return lines.replace("&amp;", "&")


def dot_labels(text: str) -> list[str]:
    """Check the grammar that we use, statement by statement; give the labels of the classes."""
    tokens = list(dot_tokens(text))
    assert tokens[:3] == ["digraph", '"lock graph"', "{"]
    assert tokens[-1] == "}"
    statements = " ".join(tokens[3:-1]).split(" ;")
    assert statements.pop().strip() == ""
    labels = []
    word = r'(?:"(?:[^"\\]|\\.)*"|[\w.#]+)'
    attributes = rf"\[ \w+ = {word}(?: , \w+ = {word})* \]"
    for statement in statements:
        pattern = rf"(?:rankdir = TB|(?:node|edge|n\d+|n\d+ -> n\d+) {attributes})"
        assert re.fullmatch(pattern, statement.strip(), re.DOTALL), statement
        node = re.match(rf"\s*n\d+ \[ label = ({word})", statement, re.DOTALL)
        if node is not None:
            labels.append(unquoted(node[1]))
    return labels


@pytest.mark.parametrize("made", [example, hostile])
def test_dot_follows_the_grammar_and_shows_the_names(made: type[LockGraph]) -> None:
    graph = made()
    labels = dot_labels(graph_dot(graph, Marks(graph)))
    expected = ["\n".join(class_lines(lock)) for lock in graph.classes.values()]
    assert [label.replace("\\\\", "\\") for label in labels] == expected


def test_a_cycle_is_red_and_thick_and_readers_are_dashed() -> None:
    graph = example()
    marks = Marks(graph)
    ring = ("&sb->s_type->i_mutex_key#5", "eventfs_rwsem/1")
    assert marks.edges == {ring, ring[::-1]}
    root = ET.fromstring(graph_svg(graph, marks))
    drawn = {}
    for path in root.iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None and title.text is not None:
            drawn[title.text.split("\n")[0]] = path.attrib
    red = {name for name, path in drawn.items() if path["stroke"] == RED}
    assert red == {" -> ".join(ring), " -> ".join(ring[::-1])}
    assert {drawn[name]["stroke-width"] for name in red} == {"3.0"}
    dashed = {name for name, path in drawn.items() if "stroke-dasharray" in path}
    assert dashed == {" -> ".join(ring), "event_mutex -> tasklist_lock"}


def test_a_weak_cycle_is_not_marked() -> None:
    graph = LockGraph()
    graph.add_edge("A", "B", Way("SR", "x"))
    graph.add_edge("B", "A", Way("SR", "x"))
    assert Marks(graph).edges == set()
    assert RED not in graph_dot(graph, Marks(graph))


def test_the_picture_says_what_is_not_drawn() -> None:
    graph = example()
    assert "4 lock classes, 5 orders; 1 more without any order are not drawn" in texts(
        graph_svg(graph, Marks(graph))
    )
    empty = LockGraph()
    assert "0 lock classes, 0 orders" in texts(graph_svg(empty, Marks(empty)))


def test_an_edge_tells_where_it_is_known_from_and_not_endlessly() -> None:
    graph = LockGraph()
    for number in range(6):
        graph.add_edge("A", "B", Way("EN", f"file{number}", ("fn+0x1/0x2",)))
    lines = edge_lines(graph.edges["A", "B"])
    assert lines[:3] == ["A -> B", "EN file0", "  fn+0x1/0x2"]
    assert lines[-1] == "and 2 more"


def test_a_large_graph_is_drawn_too() -> None:
    graph = random_graph([(n, (n * 7 + k * 13) % 400) for n in range(400) for k in range(1, 6)])
    drawing = layout(graph, lambda _: SIZE)
    assert len(drawing.boxes) == 400
    assert len(drawing.routes) == len(graph.edges)
