"""Names that a stranger chose: every form of a report shows them as text, and is well formed.

`tests/browser/test_hostile.py` looks at the page in a browser.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lockwright.core.location import Value
from lockwright.core.result import Result
from lockwright.report.document import Document
from lockwright.report.junit import junit
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.dot import graph_dot
from lockwright.report.lockgraph.graphml import graph_from_graphml, graph_graphml
from lockwright.report.lockgraph.jsonform import graph_as_json, graph_from_json
from lockwright.report.lockgraph.marks import Marks
from lockwright.report.lockgraph.svg import graph_svg
from lockwright.report.mail import mail
from lockwright.report.page import page
from lockwright.report.perfetto import perfetto
from lockwright.report.sarif import sarif
from lockwright.report.tracedat import tracedat
from tests.report.poisoned import (
    CONTROLS,
    LINES,
    LONG,
    MARKUP,
    Poison,
    controls,
    lines,
    long,
    markup,
    plain,
    poisoned_document,
)
from tests.report.strangers import campaign, checked

POISONS = (markup, controls, lines, long)
DOCUMENTS = (checked, campaign)
UNPRINTABLE = re.compile(r"[^\n\t -\ud7ff\ue000-\U0010ffff]|[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What no text form may have: controls, overrides of the direction, halves of pairs."""
REPLAY = re.compile(r"[\w ]+: lockwright replay '")


@cache
def document(made: Callable[[], Document], poison: Poison) -> Document:
    return poisoned_document(made(), poison)


@cache
def text_of(form: Callable[[Document], str], made: Callable[[], Document], poison: Poison) -> str:
    return form(document(made, poison))


def both(*forms: Callable[[Document], str]) -> pytest.MarkDecorator:
    """Each form of each document with each poison."""
    every = [
        pytest.param(
            form,
            made,
            poison,
            id=f"{form.__name__}-{made.__name__}-{poison.__name__}",
            marks=[pytest.mark.slow] if (form, made, poison) == (page, checked, long) else [],
        )
        for form in forms
        for made in DOCUMENTS
        for poison in POISONS
    ]
    return pytest.mark.parametrize(("form", "made", "poison"), every)


def pages(*poisons: Poison) -> pytest.MarkDecorator:
    """The page of each document with each of these poisons."""
    every = [
        pytest.param(
            made,
            poison,
            id=f"{made.__name__}-{poison.__name__}",
            marks=[pytest.mark.slow] if (made, poison) == (checked, long) else [],
        )
        for made in DOCUMENTS
        for poison in poisons
    ]
    return pytest.mark.parametrize(("made", "poison"), every)


@both(page, mail, junit, sarif, perfetto)
def test_each_form_can_be_written_and_has_no_control_characters(
    form: Callable[[Document], str], made: Callable[[], Document], poison: Poison
) -> None:
    text = text_of(form, made, poison)
    text.encode("utf-8")
    assert UNPRINTABLE.findall(text) == []


class Skeleton(HTMLParser):
    """The elements of a page with the names of their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.inside = ""
        self.data = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(name, value or "") for name, value in attrs]
        given = dict(attrs)
        self.inside = "data" if given.get("id") == "lockwright-data" else tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_comment(self, data: str) -> None:
        self.elements.append((f"comment {data}", ()))

    def handle_data(self, data: str) -> None:
        if self.inside == "data":
            self.data += data
        elif self.inside not in ("script", "style"):
            self.texts.append(data)


@cache
def skeleton(made: Callable[[], Document], poison: Poison) -> Skeleton:
    return Skeleton(text_of(page, made, poison))


@pages(markup, controls, long)
def test_names_change_no_element_of_the_page(made: Callable[[], Document], poison: Poison) -> None:
    assert skeleton(made, poison).elements == skeleton(made, plain).elements


@pytest.mark.parametrize("made", DOCUMENTS)
def test_names_of_several_lines_add_no_other_kind_of_element(
    made: Callable[[], Document],
) -> None:
    assert set(skeleton(made, lines).elements) <= set(skeleton(made, plain).elements)


@pytest.mark.parametrize("made", DOCUMENTS)
def test_the_page_shows_markup_as_it_was_written(made: Callable[[], Document]) -> None:
    shown = skeleton(made, markup)
    known = skeleton(made, plain)
    assert sum(text.count(MARKUP) for text in shown.texts) > 20
    assert any(text.strip() == f"{MARKUP}{known_title(known)}" for text in shown.texts)


def known_title(known: Skeleton) -> str:
    return known.texts[1].strip().removeprefix("plain")


@pytest.mark.parametrize("made", DOCUMENTS)
def test_no_attribute_of_the_page_runs_or_asks_for_anything(made: Callable[[], Document]) -> None:
    for name, value in skeleton(made, markup).attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in ("href", "src", "action"):
            assert value.startswith("#"), (name, value)


@pages(*POISONS)
def test_the_data_of_the_page_are_those_of_the_document(
    made: Callable[[], Document], poison: Poison
) -> None:
    given = json.loads(skeleton(made, poison).data)
    known = json.loads(skeleton(made, plain).data)
    assert shape(given["runs"]) == shape(known["runs"])
    assert len(given["sources"]["strings"]) == len(known["sources"]["strings"])


def shape(value: Value) -> Value:
    """How data are put together, without the numbers that stand for texts."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


@pytest.mark.parametrize("made", DOCUMENTS)
@pytest.mark.parametrize("poison", POISONS)
def test_a_mail_is_narrow_and_of_printable_lines(
    made: Callable[[], Document], poison: Poison
) -> None:
    for line in text_of(mail, made, poison).splitlines():
        assert line == "" or line.isprintable()
        assert len(line) <= 80 or REPLAY.match(line), line[:200]


def xml_skeleton(text: str) -> Counter[tuple[str, tuple[str, ...]]]:
    return Counter((node.tag, tuple(node.keys())) for node in ET.fromstring(text).iter())


@pytest.mark.parametrize("made", DOCUMENTS)
@pytest.mark.parametrize("poison", POISONS)
def test_junit_has_the_elements_of_plain_names(
    made: Callable[[], Document], poison: Poison
) -> None:
    given = text_of(junit, made, poison)
    assert xml_skeleton(given) == xml_skeleton(text_of(junit, made, plain))
    if poison is markup:
        assert any(
            MARKUP in value for node in ET.fromstring(given).iter() for value in strings(node)
        )


def strings(node: ET.Element) -> Iterator[str]:
    yield from node.attrib.values()
    yield node.text or ""


@pytest.mark.parametrize("form", [sarif, perfetto])
@pytest.mark.parametrize("made", DOCUMENTS)
@pytest.mark.parametrize("poison", [markup, controls, long])
def test_json_forms_have_the_shape_of_plain_names(
    form: Callable[[Document], str], made: Callable[[], Document], poison: Poison
) -> None:
    given = json.loads(text_of(form, made, poison))
    known = json.loads(text_of(form, made, plain))
    assert shape(named(given)) == shape(named(known))
    if poison is controls:
        for text in texts_of(given):
            text.encode("utf-8")


def named(value: Value) -> Value:
    """Objects whose keys are names from outside, with keys that are not."""
    if isinstance(value, dict):
        keys = [key if re.fullmatch(r"[\w.$ ]{1,40}", key) else "?" for key in value]
        known = all(not key.startswith("plain") for key in keys) and "?" not in keys
        pairs = value.items() if known else enumerate(value.values())
        return {str(key): named(each) for key, each in pairs}
    return [named(each) for each in value] if isinstance(value, list) else value


def texts_of(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from texts_of(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_of(each)


@pytest.mark.parametrize("poison", POISONS)
def test_trace_dat_of_hostile_names_is_read_back(poison: Poison, tmp_path: Path) -> None:
    program = os.environ.get("LOCKWRIGHT_TRACE_CMD") or shutil.which("trace-cmd")
    if not program:
        pytest.skip("no trace-cmd here: install it, or set LOCKWRIGHT_TRACE_CMD")
    run = document(checked, poison).all_runs()[0]
    path = tmp_path / "trace.dat"
    path.write_bytes(tracedat(run))
    done = subprocess.run(
        [program, "report", str(path)], capture_output=True, text=True, check=True, errors="strict"
    )
    known = tracedat(document(checked, plain).all_runs()[0])
    path.write_bytes(known)
    plain_done = subprocess.run(
        [program, "report", str(path)], capture_output=True, text=True, check=True
    )
    lines_read, lines_known = done.stdout.splitlines(), plain_done.stdout.splitlines()
    # what is longer than an event can be takes several
    assert len(lines_read) == len(lines_known) or (poison is long and len(lines_read) > 100)
    assert done.stderr == plain_done.stderr
    assert UNPRINTABLE.findall(done.stdout) == []


def graph(poison: Poison) -> LockGraph:
    made = document(checked, poison).graph
    assert made is not None
    return made


@pytest.mark.parametrize("poison", POISONS)
def test_a_drawing_has_the_elements_of_plain_names(poison: Poison) -> None:
    text = graph_svg(graph(poison), Marks(graph(poison)))
    known = graph_svg(graph(plain), Marks(graph(plain)))
    assert UNPRINTABLE.findall(text) == []
    assert set(xml_skeleton(text)) <= set(xml_skeleton(known))
    assert "<script" not in text


@pytest.mark.parametrize("poison", POISONS)
def test_graphviz_takes_the_names(poison: Poison) -> None:
    program = os.environ.get("LOCKWRIGHT_DOT") or shutil.which("dot")
    if not program:
        pytest.skip("no Graphviz here: install it, or set LOCKWRIGHT_DOT to its dot")
    text = graph_dot(graph(poison), Marks(graph(poison)))
    assert UNPRINTABLE.findall(text) == []
    done = subprocess.run(
        [program, "-Tplain"], input=text, capture_output=True, text=True, check=True
    )
    drawn = Counter(line.split(" ", 1)[0] for line in done.stdout.splitlines())
    assert done.stderr == ""
    assert drawn["edge"] == len(graph(poison).edges)
    assert drawn["node"] >= len({name for ends in graph(poison).edges for name in ends})


@pytest.mark.parametrize("poison", POISONS)
def test_a_graph_comes_back_from_json_and_graphml(poison: Poison) -> None:
    made = graph(poison)
    data = json.loads(json.dumps(graph_as_json(made)))
    assert graph_as_json(graph_from_json(data)) == graph_as_json(made)
    text = graph_graphml(made, Marks(made))
    text.encode("utf-8")
    back = graph_from_graphml(text)
    assert (len(back), len(back.edges)) == (len(made), len(made.edges))
    if poison is not controls:
        assert list(back.edges) == list(made.edges)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("made", DOCUMENTS)
def test_results_come_back_from_their_json(made: Callable[[], Document], poison: Poison) -> None:
    for result in document(made, poison).results:
        text = result.to_text()
        text.encode("utf-8")
        assert Result.from_json(json.loads(text)).to_text() == text


def test_the_poisons_are_poison() -> None:
    assert UNPRINTABLE.search(CONTROLS)
    assert len(LINES.splitlines()) == 3
    assert len(LONG) == 5_000
    assert Skeleton(f"<p>{MARKUP}</p>").elements != Skeleton("<p>x</p>").elements
