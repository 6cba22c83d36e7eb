"""docs/: the pages build, their Python runs, and their commands say what stands below them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.shown import BLOCK, Shown, check, follow, says, shown_in

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(page.name for page in DOCS.glob("*.md"))
FILE = re.compile(r"# (?P<path>[\w/]+\.py)(?:: (?P<function>\w+|at the end))?\n")
"""The first line of a block of Python that belongs into a file, at its end, or replaces a function
there."""


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [(match["language"], match["body"]) for match in BLOCK.finditer(text)]


@pytest.fixture
def patient() -> Iterator[None]:
    """Hypothesis takes no offence at a machine that is busy."""
    settings.register_profile("before", settings.default)
    settings.register_profile("docs", suppress_health_check=[HealthCheck.too_slow], deadline=None)
    settings.load_profile("docs")
    yield
    settings.load_profile("before")


def test_there_are_pages() -> None:
    assert {"index.md", "tutorial.md"} <= set(PAGES)


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-d", str(tmp_path / "trees")]
    built = [*command, str(DOCS), str(tmp_path / "html")]
    done = subprocess.run(built, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "html" / "tutorial.html").stat().st_size > 10_000


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("page", [page for page in PAGES if page != "tutorial.md"])
def test_the_python_of_a_page_runs_from_top_to_bottom(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = [body for language, body in blocks(page) if language == "python"]
    name = f"docs_{page.removesuffix('.md')}"
    file = tmp_path / f"{name}.py"
    file.write_text("\n\n".join(code), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    __import__(name)
    del sys.modules[name]


def write(project: Path, body: str) -> bool:
    """Put a block where it belongs; False if it belongs nowhere."""
    where = FILE.match(body)
    if where is None:
        return False
    file, name = project / where["path"], where["function"]
    if name is None:
        file.write_text(body, encoding="utf-8")
        return True
    text = file.read_text(encoding="utf-8")
    code = body.partition("\n")[2]
    if name == "at the end":
        file.write_text(f"{text}\n\n{code}", encoding="utf-8")
        return True
    changed, count = re.subn(
        rf"^async def {name}\(.*?(?=^\S|\Z)",
        lambda _: f"{code}\n\n",
        text,
        flags=re.DOTALL | re.MULTILINE,
    )
    assert count == 1, f"{file} has one function {name}"
    file.write_text(changed, encoding="utf-8")
    return True


def configure(project: Path, body: str) -> None:
    """A line of pyproject.toml instead of the one that says the same."""
    file = project / "pyproject.toml"
    key, _, _ = body.partition(" = ")
    changed, count = re.subn(
        rf"^{key} = .*\n", body, file.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert count == 1, f"{file} has one line {key}"
    file.write_text(changed, encoding="utf-8")


def test_the_tutorial_leads_where_it_says(tmp_path: Path) -> None:
    where, commands = tmp_path, 0
    for language, body in blocks("tutorial.md"):
        if language == "python":
            assert write(where, body), body
        elif language == "toml":
            configure(where, body)
        for example in shown_in(body) if language == "console" else ():
            if example.command.startswith("cd "):
                where /= example.command.removeprefix("cd ")
                continue
            check(example, where)
            commands += 1
    assert commands > 3


@pytest.mark.parametrize(
    "most", [1, pytest.param(100, marks=pytest.mark.slow)], ids=["the first", "all"]
)
def test_the_page_of_the_remote_watches_shows_what_its_commands_say(most: int) -> None:
    assert follow(DOCS / "remote_fsnotify.md", DOCS.parent, most) == 10


@pytest.mark.parametrize(
    ("said", "fits"), [("a\n...\nd", True), ("a\nb...2\n...", True), ("a\nd", False), ("...", True)]
)
def test_the_comparison_knows_what_may_be_left_out(said: str, fits: bool) -> None:
    assert says(["a", "b 1 2", "c", "d"], said) is fits


def test_a_block_of_commands_has_each_with_what_it_says() -> None:
    assert list(shown_in("$ a b\nc\nd\n$ e\n")) == [Shown("a b", "c\nd"), Shown("e", "")]
