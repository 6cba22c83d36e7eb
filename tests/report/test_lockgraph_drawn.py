"""Lock graphs as pictures: SVG, DOT and GraphML; places that do not overlap, text that is text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.report.lockgraph import Judgement, LockGraph, Measure, Way
from lockwright.report.lockgraph.compare import compare
from lockwright.report.lockgraph.dot import compared_dot, graph_dot
from lockwright.report.lockgraph.graph import plain
from lockwright.report.lockgraph.layout import GAP_Y, Drawing, layout
from lockwright.report.lockgraph.layout import _settled as settled
from lockwright.report.lockgraph.marks import COLOURS, NAME_MAX, RED, Marks, class_lines, edge_lines
from lockwright.report.lockgraph.svg import graph_svg
from lockwright.report.lockgraph.svg_style import LABEL_CHAR
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
        ("tasklist_lock", "EN", "tasklist_lock"),
        ("eventfs_rwsem/1", "??", "tasklist_lock"),
    )
    for held, kind, taken in edges:
        graph.add_edge(held, taken, Way(kind, "example", ("fn+0x1/0x2", "caller+0x3/0x4")))
    ring = ("eventfs_rwsem/1", "&sb->s_type->i_mutex_key#5")
    happened = Judgement(ring, "circular", "confirmed", "it happens", "lw1~token", "example")
    graph.add_judgement(happened)
    graph.add_judgement(Judgement(ring, "circular", "refuted", "its trace does not", "", "other"))
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
            beside = abs(box.x - other.x) >= (box.width + other.width) / 2
            above = abs(box.y - other.y) >= (box.height + other.height) / 2 + GAP_Y - 1e-6
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
def test_without_a_cycle_what_is_held_stands_left(edges: list[tuple[int, int]]) -> None:
    graph = random_graph([(min(two), max(two)) for two in edges if two[0] != two[1]])
    place = {box.name: box.x for box in layout(graph, lambda _: SIZE).boxes}
    assert all(place[held] < place[taken] for held, taken in graph.edges)


def test_a_long_edge_passes_between_the_boxes_of_the_columns_in_between() -> None:
    graph = random_graph([(0, 1), (1, 2), (2, 3), (0, 3)])
    drawing = layout(graph, lambda _: SIZE)
    (route,) = (route for route in drawing.routes if (route.held, route.taken) == ("c0", "c3"))
    assert len(route.points) == 8
    for x, y in route.points[1:-1]:
        for box in drawing.boxes:
            inside = abs(y - box.y) < box.height / 2 and abs(x - box.x) < box.width / 2
            assert not inside


def test_a_crossing_that_can_be_avoided_is() -> None:
    graph = random_graph([(0, 3), (1, 2), (4, 0), (4, 1), (2, 5), (3, 5)])
    places = {box.name: box.y for box in layout(graph, lambda _: SIZE).boxes}
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
    assert tags == {"svg", "style", "title", "defs", "marker", "path", "rect", "text", "g"}


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
        pattern = rf"(?:rankdir = LR|(?:node|edge|n\d+|n\d+ -> n\d+) {attributes})"
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


def test_a_cycle_says_what_came_of_it_and_readers_are_dashed() -> None:
    graph = example()
    marks = Marks(graph)
    ring = ("&sb->s_type->i_mutex_key#5", "eventfs_rwsem/1")
    self_loop = ("tasklist_lock", "tasklist_lock")
    assert marks.edges == {ring: "confirmed", ring[::-1]: "confirmed", self_loop: ""}
    root = ET.fromstring(graph_svg(graph, marks))
    drawn = {}
    for path in root.iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None and title.text is not None:
            drawn[title.text.split("\n")[0]] = path.attrib
    red = {name for name, path in drawn.items() if "lg-bad" in path["class"].split()}
    assert red == {" -> ".join(ring), " -> ".join(ring[::-1])}
    amber = {name for name, path in drawn.items() if "lg-unsure" in path["class"].split()}
    assert amber == {" -> ".join(self_loop)}
    dashed = {name for name, path in drawn.items() if "lg-shared" in path["class"].split()}
    assert dashed == {" -> ".join(ring), "event_mutex -> tasklist_lock"}
    labels = [text for text, _ in labels_of(root)]
    assert sorted(labels) == [
        *("EN", "EN \u21bb1 confirmed", "EN \u21bb2 not judged", "ER", "SN \u21bb1 confirmed"),
    ]


def test_a_weak_cycle_is_not_marked() -> None:
    graph = LockGraph()
    graph.add_edge("A", "B", Way("SR", "x"))
    graph.add_edge("B", "A", Way("SR", "x"))
    assert Marks(graph).edges == {}
    assert not any(colour in graph_dot(graph, Marks(graph)) for colour in COLOURS.values())
    assert RED in graph_dot(example(), Marks(example()))


def test_the_picture_says_what_is_not_drawn() -> None:
    graph = example()
    assert "4 lock classes, 6 orders; 1 more without any order are not drawn" in texts(
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
    graph = random_graph([(n, (n * 7 + k * 13) % 400) for n in range(400) for k in range(1, 4)])
    drawing = layout(graph, lambda _: SIZE)
    assert len(drawing.boxes) == 400
    assert len(drawing.routes) == len(graph.edges)


def test_an_order_and_the_one_back_do_not_lie_on_each_other() -> None:
    graph = random_graph([(0, 1), (1, 0), (1, 2), (0, 2), (2, 0)])
    routes = {(r.held, r.taken): r.points for r in layout(graph, lambda _: SIZE).routes}
    for held, taken in (("c0", "c1"), ("c0", "c2")):
        forth, back = routes[held, taken], routes[taken, held][::-1]
        assert len(forth) == len(back)
        assert all(abs(one[1] - other[1]) >= 1 for one, other in zip(forth, back, strict=True))


@pytest.mark.parametrize("width", [0.0, 150.0])
def test_a_label_has_room_between_two_columns(width: float) -> None:
    graph = random_graph([(0, 1)])
    left, right = layout(graph, lambda _: SIZE, lambda _: width).boxes
    assert right.x - left.x - SIZE[0] > width


@given(EDGES)
@settings(max_examples=60, deadline=None)
def test_labels_cover_no_box_and_no_other_label(edges: list[tuple[int, int]]) -> None:
    """Those of orders that are on no cycle: the others have to stand somewhere."""
    graph = random_graph([(min(two), max(two)) for two in edges if two[0] != two[1]])
    root = ET.fromstring(graph_svg(graph, Marks(graph)))
    covered = [
        tuple(float(rect.attrib[name]) for name in ("x", "y", "width", "height"))
        for box in root.iter(f"{SVG}g")
        if "lg-box" in box.get("class", "").split()
        for rect in box.findall(f"{SVG}rect")
    ]
    for _, (left, top, width, height) in labels_of(root):
        here = (left + 2, top + 0.1, width - 4, height - 0.2)  # rounded to tenths
        assert not any(_meet(here, other) for other in covered)
        covered.append(here)


def labels_of(root: ET.Element) -> list[tuple[str, tuple[float, ...]]]:
    """What is written beside orders, and the ground that it stands on."""
    found = []
    for group in root.iter(f"{SVG}g"):
        if "lg-label" in group.get("class", "").split():
            (ground,), (text,) = group.findall(f"{SVG}rect"), group.findall(f"{SVG}text")
            sides = tuple(float(ground.attrib[name]) for name in ("x", "y", "width", "height"))
            found.append((text.text or "", sides))
    return found


def line_points(root: ET.Element, orders: set[str]) -> dict[str, list[tuple[float, float]]]:
    """Points along the lines of these orders, by their titles: straight pieces and curves."""
    lines = {}
    for path in root.iter(f"{SVG}path"):
        title = (path.findtext(f"{SVG}title") or "").split("\n")[0]
        if title not in orders:
            continue
        points: list[tuple[float, float]] = []
        for word, numbers in re.findall(r"([MLC])([^MLC]+)", path.attrib["d"]):
            given = [float(each) for each in numbers.split()]
            ends = list(zip(given[::2], given[1::2], strict=True))
            if word == "M":
                points += ends
                continue
            start, end = points[-1], ends[-1]
            early, late = ends[:2] if word == "C" else (start, end)
            for at in range(1, 101):
                here, left = at / 100, 1 - at / 100
                weights = (left**3, 3 * left * left * here, 3 * left * here * here, here**3)
                corners = (start, early, late, end)
                points.append(
                    (
                        sum(w * x for w, (x, _) in zip(weights, corners, strict=True)),
                        sum(w * y for w, (_, y) in zip(weights, corners, strict=True)),
                    )
                )
        lines[title] = points
    return lines


@pytest.mark.parametrize("name", ["b", "a_class_with_a_longer_name"])
def test_labels_of_two_opposite_orders_stand_above_and_below_both_lines(name: str) -> None:
    graph = LockGraph()
    for held, taken in (("a", name), (name, "a"), (name, "c"), ("d", "a")):
        graph.add_edge(held, taken, Way("EN", "x"))
    root = ET.fromstring(graph_svg(graph, Marks(graph)))
    lines = line_points(root, {f"a -> {name}", f"{name} -> a"})
    assert len(lines) == 2
    grounds = [sides for text, sides in labels_of(root) if "\u21bb" in text]
    assert len(grounds) == 2
    (above, below) = sorted(grounds, key=lambda sides: sides[1])
    for points in lines.values():
        for x, y in points:
            if above[0] <= x <= above[0] + above[2]:
                assert y > above[1] + above[3]
            if below[0] <= x <= below[0] + below[2]:
                assert y < below[1]


def test_a_label_of_two_opposite_orders_covers_no_third_one() -> None:
    """From the first class a third order begins above the two: there is no room between them."""
    graph = LockGraph()
    ring = ("eventfs_rwsem/1", "&sb->s_type->i_mutex_key")
    for held, taken in (ring, ring[::-1], (ring[0], "fs_reclaim"), (ring[1], "fs_reclaim")):
        graph.add_edge(held, taken, Way("EN", "x"))
    root = ET.fromstring(graph_svg(graph, Marks(graph)))
    (third,) = line_points(root, {f"{ring[0]} -> fs_reclaim"}).values()
    grounds = [sides for text, sides in labels_of(root) if "\u21bb" in text]
    assert len(grounds) == 2
    for left, top, width, height in grounds:
        assert not any(left < x < left + width and top < y < top + height for x, y in third)


def test_labels_come_after_all_lines_and_stand_on_plain_ground() -> None:
    root = ET.fromstring(graph_svg(example(), Marks(example())))
    kinds = [each.get("class", "").split() for each in root.iter()]
    drawn = [at for at, kind in enumerate(kinds) if "lg-order" in kind]
    assert drawn[-1] < min(at for at, kind in enumerate(kinds) if "lg-label" in kind)
    for text, (_, _, width, _) in labels_of(root):
        assert width >= len(text) * LABEL_CHAR
    assert ".lg-label rect{fill:#fff}" in root.findtext(f"{SVG}style", "")


def _meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(
        one[at] < other[at] + other[at + 2] and other[at] < one[at] + one[at + 2] for at in (0, 1)
    )


@pytest.mark.parametrize("made", [example, hostile])
def test_graphviz_takes_the_dot(made: Callable[[], LockGraph]) -> None:
    program = graphviz()
    graph = made()
    less = graph.part([name for name in graph.classes if name != "event_mutex"])
    for text in (graph_dot(graph, Marks(graph)), compared_dot(compare(graph, less))):
        done = subprocess.run(
            [program, "-Tsvg"],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        said = {node.text for node in ET.fromstring(done.stdout).iter() if node.text}
        for lock in graph.classes.values():
            shown = class_lines(lock)[0].replace(" ", "\xa0")
            assert any(shown in each.replace(" ", "\xa0") for each in said), shown


def graphviz() -> str:
    """Where Graphviz is; without it the test is skipped, unless LOCKWRIGHT_DOT names one."""
    program = os.environ.get("LOCKWRIGHT_DOT") or shutil.which("dot")
    if not program:
        pytest.skip("no Graphviz here: install it, or set LOCKWRIGHT_DOT to its dot")
    return program


def test_the_same_graph_is_drawn_the_same_whatever_the_order_of_hashes() -> None:
    program = (
        "from tests.report.test_lockgraph_drawn import *; import hashlib;"
        "graph = random_graph([(n, (n * 7 + k * 13) % 60) for n in range(60) for k in range(3)]);"
        "print(hashlib.sha256(graph_svg(graph, Marks(graph)).encode()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{root}/src:{root}"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
