"""The page as text: whole by itself, valid, the same each time, and nothing in it but what it is.

`tests/browser/test_page.py` opens it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import Path

import pytest
from justhtml import Element, JustHTML

from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.document import BAD, Cell, Document, Failure, Run, Table
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.sources import add_result
from lockwright.report.page import page
from lockwright.report.page.assets import assets
from lockwright.report.page.sections import view_of
from lockwright.report.shown import shown, shown_data
from tests.report import documents

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src" / "lockwright" / "report" / "page"
MAKERS = (documents.document, documents.campaign, documents.hostile)


def full() -> Document:
    """A document with something in each section."""
    made = documents.document()
    made.lead, made.stale = "What was asked.", "the model has changed since"
    made.graph = LockGraph()
    for result in made.results:
        add_result(made.graph, result.scenario, result.lock_graph)
    made.tables = [
        Table(
            "bugs",
            "Bugs",
            "Each bug.",
            ("bug", "found"),
            ((Cell("b1"), Cell("yes", BAD, "finding-1")), (Cell("b2"), Cell("no"))),
        )
    ]
    finding = made.results[0].findings[0]
    made.runs = [Run("a replay", "demo/abba:two", finding.events, finding.timeline, finding.token)]
    return made


def parsed(text: str) -> JustHTML:
    """The page as a browser reads it; a page that is not valid fails here."""
    tree = JustHTML(text, collect_errors=True, sanitize=False)
    assert [(each.code, each.line, each.column) for each in tree.errors] == []
    return tree


def elements(tree: JustHTML) -> Iterator[Element]:
    """All elements of a page."""
    found = tree.query("*")
    assert len(found) > 20
    for each in found:
        assert isinstance(each, Element)
        yield each


def text_of(tree: JustHTML) -> str:
    """What the page says, its scripts and styles left out."""
    said = []
    for each in elements(tree):
        if each.name not in ("script", "style", "title"):
            said += [str(child.data) for child in each.children if child.name == "#text"]
    return "".join(said)


def without_others_code(text: str) -> str:
    """The page without the libraries that it carries, their licences and the names of XML."""
    own = assets()
    for carried in (*own.styles[:1], *own.scripts):
        text = text.replace(carried, "")
    text = re.sub(r'<pre [^>]*aria-label="Licence of .*?</pre>', "", text, flags=re.DOTALL)
    return text.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("made", [*MAKERS, full])
def test_a_page_is_valid_and_its_links_lead_somewhere(made: Callable[[], Document]) -> None:
    tree = parsed(page(made()))
    ids = Counter(str(each.attrs["id"]) for each in elements(tree) if "id" in each.attrs)
    assert [name for name, count in ids.items() if count > 1] == []
    for each in elements(tree):
        for name in ("href", "aria-labelledby", "aria-describedby", "for", "data-filter"):
            if name in each.attrs:
                assert str(each.attrs[name]).removeprefix("#") in ids


def test_a_page_that_is_not_valid_is_seen() -> None:
    with pytest.raises(AssertionError, match="unexpected"):
        parsed(page(Document("x")).replace("</main>", "</span></main>"))


@pytest.mark.parametrize("made", [*MAKERS, full])
def test_a_page_needs_nothing_but_itself(made: Callable[[], Document]) -> None:
    text = page(made())
    assert "http" not in without_others_code(text).replace("http-equiv", "")
    tree = parsed(text)
    for each in elements(tree):
        assert not {"src", "srcset", "data", "action", "poster"} & set(each.attrs)
        assert each.name not in ("link", "base", "iframe", "object", "img", "form")
        assert str(each.attrs.get("href", "#")).startswith("#")
    assert re.findall(r"url\((?!\"data:|#)", text) == []
    assert "sourceMappingURL" not in text
    assert "@import" not in text


@pytest.mark.parametrize("made", [documents.document, full])
def test_the_policy_allows_these_scripts_and_styles_and_no_others(
    made: Callable[[], Document],
) -> None:
    tree = parsed(page(made()))
    (policy,) = (
        str(each.attrs["content"])
        for each in elements(tree)
        if each.attrs.get("http-equiv") == "Content-Security-Policy"
    )
    for kind in ("script", "style"):
        texts = [
            "".join(str(child.data) for child in each.children)
            for each in elements(tree)
            if each.name == kind and each.attrs.get("type") != "application/json"
        ]
        assert texts
        (allowed,) = re.findall(rf"{kind}-src ([^;]*)", policy)
        digests = [hashlib.sha256(text.encode()).digest() for text in texts]
        wanted = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert allowed.split() == wanted
    assert "default-src 'none'" in policy
    for each in elements(tree):
        assert [name for name in each.attrs if name == "style" or name.startswith("on")] == []


def test_the_same_document_is_the_same_page_in_another_process() -> None:
    program = (
        "from tests.report import documents; from lockwright.report.page import page;"
        "from hashlib import sha256;"
        "print(sha256(page(documents.document()).encode()).hexdigest())"
    )
    here = hashlib.sha256(page(documents.document()).encode()).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == here


def test_everything_that_was_judged_is_there() -> None:
    made = full()
    tree = parsed(page(made))
    said = text_of(tree)
    for result in made.results:
        assert result.scenario.partition(":")[2] in said
        for sentence in result.assumptions if not result.findings else ():
            assert sentence in said
    for failure in made.failures:
        assert failure.error in said
    for found in made.found():
        (details,) = tree.query(f"#{found.anchor}")
        own = details.to_text(separator="", strip=False)
        assert found.finding.message in own
        assert f"lockwright replay '{found.finding.token}'" in own
        assert all(scenario in own for scenario in found.scenarios)
        assert found.finding.text.strip("\n") in own
    for word in ("What was asked.", "the model has changed since", "b1", "a replay", "P -> Q -> P"):
        assert word in said


def test_a_section_with_nothing_to_say_is_left_out() -> None:
    tree = parsed(page(Document("Nothing")))
    assert [each.name for each in tree.query("main > section, nav li")] == []
    (heading,) = tree.query("h1")
    assert heading.to_text() == "Nothing"
    every = [
        str(each.attrs["id"])
        for each in elements(parsed(page(full())))
        if each.name == "section" and "id" in each.attrs
    ]
    assert every == [
        "verdicts",
        "failures",
        "bugs",
        "findings",
        "runs",
        "predictions",
        "lock-graph",
        "assumptions",
        "words",
    ]


def test_headings_do_not_leave_out_a_level() -> None:
    levels = [
        int(each.name[1])
        for each in elements(parsed(page(full())))
        if re.fullmatch("h[1-6]", each.name)
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(level <= before + 1 for before, level in pairwise(levels))


def test_hostile_names_are_text() -> None:
    tame = documents.hostile()
    text = page(tame)
    tree = parsed(text)
    plain = page(documents.document())
    names = Counter(each.name for each in elements(tree))
    assert names["script"] == Counter(each.name for each in elements(parsed(plain)))["script"]
    said = text_of(tree)
    assert "<script>alert('x')</script>&\\x1b[31m\\x00\\u2028]]>\\ud800nnn" in said
    own = without_others_code(text)
    assert [char for char in own if not char.isprintable() and char not in "\n\t"] == []


def test_the_data_of_a_page_is_what_was_put_in_but_for_what_does_not_print() -> None:
    made = documents.hostile()
    tree = parsed(page(made))
    (script,) = tree.query("#lockwright-data")
    data = json.loads("".join(str(child.data) for child in script.children or ()))
    assert set(data) >= {"runs", "graph"}
    assert len(data["runs"]) == len(made.all_runs())


def test_what_does_not_print_is_spelt_out() -> None:
    assert shown("a\x00\x1b\u202e\ud800\r\n\tä→") == "a\\x00\\x1b\\u202e\\ud800\\r\n\tä→"
    assert shown_data({"\x00": ["\x07", 1, None, True, ("\x7f",)]}) == {
        "\\x00": ["\\x07", 1, None, True, ["\\x7f"]]
    }


def test_the_summary_counts_scenarios_that_break_a_rule() -> None:
    view = view_of(documents.document())
    assert view.summary == "1 of 4 scenarios breaks a rule: 2 findings in 104 executions."
    assert [cell.text for cell in view.tally] == [
        "1 breaks a rule",
        "1 could not be judged",
        "1 verified",
        "1 not explored to the end",
    ]
    assert [(part.tone, part.start, part.length) for part in view.parts] == [
        ("bad", 0, 2),
        ("unsure", 2, 1),
        ("good", 3, 1),
    ]


def test_the_summary_of_what_is_green_is_no_more_than_that() -> None:
    done = Result("d:one", "", {}, "dpor", Verdict.VERIFIED, complete=True, executions=2)
    left = Result("d:two", "", {}, "dpor", Verdict.STOPPED, executions=3)
    whole = view_of(Document("x", results=[done, done])).summary
    assert whole == "No rule is broken in 2 scenarios, all explored to the end: 4 executions."
    assert view_of(Document("x", results=[done, left])).summary == (
        "No rule is broken, but 1 of 2 scenarios is not verified: 5 executions."
    )
    unjudged = Document("x", results=[done], failures=[Failure("d:three", "why")])
    assert "1 of 2 scenarios is not verified" in view_of(unjudged).summary


def test_the_matrix_counts_scenarios_by_design_and_rule() -> None:
    one = Finding("deadlock", "m", "s1", 0, "one")
    two = Finding("deadlock", "m", "s2", 0, "one")
    race = Finding("data race", "m", "s3", 0, "one")
    results = [
        Result("a:x", "", {}, "dpor", Verdict.VIOLATED, findings=[one]),
        Result("a:y", "", {}, "dpor", Verdict.VIOLATED, findings=[one, two]),
        Result("b:x", "", {}, "dpor", Verdict.VIOLATED, findings=[race, two]),
        Result("c:x", "", {}, "dpor", Verdict.VERIFIED, complete=True),
    ]
    matrix = view_of(Document("x", results=results)).matrix
    assert matrix is not None
    assert matrix.kinds == ("data race", "deadlock")
    assert [(group.name, [(c.text, c.link) for c in cells]) for group, cells in matrix.rows] == [
        ("a", [("", ""), ("2", "finding-1")]),
        ("b", [("1", "finding-3"), ("1", "finding-2")]),
        ("c", [("", ""), ("", "")]),
    ]
    assert view_of(Document("x", results=results[:2])).matrix is None


def test_a_campaign_shows_its_items_and_what_is_not_as_expected() -> None:
    made = documents.campaign()
    said = text_of(parsed(page(made)))
    assert view_of(made).summary.startswith("2 of 7 items break a rule")
    for word in (
        "not as expected: expected 6, got 5",
        "as expected",
        "ValueError: no",
        "going on",
        "a piece (1-10) was given up after 2 tries: it died",
        "5 of 7 items done, 1 failed, 1 going on",
    ):
        assert word in said


def test_many_scenarios_of_several_designs_are_folded_and_few_are_not() -> None:
    def results(count: int) -> list[Result]:
        return [Result(f"d{at % 2}:s{at}", "", {}, "dpor") for at in range(count)]

    def groups_open(count: int) -> list[bool]:
        tree = parsed(page(Document("x", results=results(count))))
        return ["open" in (each.attrs or {}) for each in tree.query("details.group")]

    assert groups_open(40) == [True, True]
    assert groups_open(42) == [False, False]


def test_the_libraries_are_as_released_and_their_licences_are_in_the_page() -> None:
    vendor = PAGE / "vendor"
    listed = tomllib.loads((vendor / "VERSIONS.toml").read_text(encoding="utf-8"))["library"]
    known = {"VERSIONS.toml"}
    said = text_of(parsed(page(Document("x"))))
    for library in listed:
        known |= {library["licence_file"], *library["files"]}
        for name, digest in library["files"].items():
            assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
        assert f"{library['name']} {library['version']} ({library['licence']})" in said
        notice = (vendor / library["licence_file"]).read_text(encoding="utf-8").strip("\n")
        assert notice in said
        assert library["licence"] in ("MIT", "Apache-2.0")
    assert {each.name for each in vendor.iterdir()} == known


def test_no_script_or_style_can_end_its_element() -> None:
    own = assets()
    for text in (*own.styles, own.head, *own.scripts):
        assert text.strip()
        assert "\r" not in text
        assert re.search(r"</(script|style)|<!--", text, re.IGNORECASE) is None


def test_the_wheel_takes_every_file_of_the_page() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["lockwright"]
    for folder in ("static", "templates", "vendor"):
        paths = [path for path in (PAGE / folder).rglob("*") if path.is_file()]
        assert paths
        for path in paths:
            name = path.relative_to(ROOT / "src" / "lockwright").as_posix()
            assert any(fnmatchcase(name, pattern) for pattern in patterns), name


def test_a_finding_without_an_interleaving_has_no_timeline_and_the_others_keep_theirs() -> None:
    made = documents.document()
    first, second = made.results[0].findings
    first.events = ()
    tree = parsed(page(made))
    places = [str((each.attrs or {})["data-run"]) for each in tree.query(".timeline")]
    assert places == ["0"]
    (drawn,) = tree.query("#finding-2 .timeline")
    assert tree.query("#finding-1 .timeline, #finding-1 .as-text") == []
    assert drawn.attrs == tree.query(".timeline")[0].attrs
    assert made.all_runs()[0].finding is second


def test_what_only_some_assume_is_apart() -> None:
    def green(name: str, *assumptions: str) -> Result:
        return Result(name, "", {}, "dpor", assumptions=list(assumptions), complete=True)

    view = view_of(Document("x", results=[green("d:one", "all", "one"), green("d:two", "all")]))
    assert view.assumptions == ("all",)
    assert view.assumed_by_some == ("one (d:one)",)
    assert view.unfinished == ()
    said = text_of(parsed(page(Document("x", results=[green("d:one", "all")]))))
    assert "Where nothing broke, this was assumed:" in said
    assert "each for some of them" not in said
