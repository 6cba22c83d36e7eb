"""README.md: each command in it gives what stands below it.

`...` stands for any text within a line, and alone for any number of lines.  What a command says on
standard error is looked at where the README shows it: lines that begin with `lockwright: `.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = [(match["language"], match["body"]) for match in BLOCK.finditer(TEXT)]
PROJECT = ("invariants", "model", "stress", "tests", "pyproject.toml")
TO_RELEASE = "    await {0}.mutex.unlock()\n    await {1}.mutex.unlock()\n"
SEEN_ANYWHERE = re.compile(r"lw1~\S+(?=')")
TIMEOUT_S = 100
DROPPED = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")


@dataclass(frozen=True)
class Shown:
    """A command, and what the README says that it prints."""

    command: str
    said: str


def shown() -> list[Shown]:
    """All commands with their output, in the order of the README."""
    found = []
    for language, body in BLOCKS:
        if language == "" and body.startswith("$ "):
            for part in body.removeprefix("$ ").split("\n$ "):
                command, _, said = part.partition("\n")
                found.append(Shown(command, said.rstrip("\n")))
    return found


def python(beginning: str) -> str:
    """The Python of all blocks from the one that begins so, up to the next section that is not
    of the same file."""
    start = TEXT.index(f"```python\n{beginning}")
    end = TEXT.index("### The shortest schedule")
    return "\n\n".join(
        match["body"]
        for match in BLOCK.finditer(TEXT)
        if match["language"] == "python" and start <= match.start() < end
    )


def run(command: str, where: Path) -> tuple[list[str], list[str]]:
    """The lines that a command prints: on standard output, and our own remarks."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=where,
        env={**{key: os.environ[key] for key in os.environ if key not in DROPPED}, "PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    remarks = done.stderr.removeprefix("lockwright: ").split("\nlockwright: ")
    return done.stdout.splitlines(), [f"lockwright: {' '.join(said.split())}" for said in remarks]


def says(lines: list[str], said: str) -> bool:
    """Are these the lines, apart from what `...` stands for?"""
    pattern = "".join(
        r"(?:[^\n]*\n)*?"
        if line.strip() == "..."
        else re.escape(line).replace(r"\.\.\.", "[^\n]*") + r"\n"
        for line in said.splitlines()
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def places(tmp_path: Path) -> dict[str, Path]:
    """The projects that the README's commands are for."""
    here = {name: tmp_path / name for name in ("checkout", "tour", "new")}
    for place in here.values():
        place.mkdir()
    for name in PROJECT:
        (here["checkout"] / name).symlink_to(ROOT / name)
    toml = next(body for language, body in BLOCKS if language == "toml")
    (here["tour"] / "pyproject.toml").write_text(toml, encoding="utf-8")
    tour = python("from collections.abc import Iterator")
    (here["tour"] / "tour.py").write_text(tour, encoding="utf-8")
    here["demo"] = here["new"] / "demo"
    return here


def place_for(command: str) -> str:
    """The project that a command is for."""
    if "lockwright new" in command:
        return "new"
    if "demo/" in command or "use.py" in command:
        return "demo"
    return "tour" if " tour/" in command else "checkout"


def check(example: Shown, where: Path) -> str:
    """Run it and compare; gives all that it printed."""
    lines, remarks = run(example.command, where)
    wanted = example.said
    while wanted.startswith("lockwright: "):
        remark, _, wanted = wanted.partition("\n")
        pattern = re.escape(remark).replace(r"\.\.\.", ".*") + r"( step \d.*)?"
        assert any(re.fullmatch(pattern, each) for each in remarks), (remark, remarks)
    if wanted or not example.said:
        got = "\n".join(lines)
        assert says(lines, wanted), f"$ {example.command}\nexpected:\n{wanted}\ngot:\n{got}"
    return "\n".join(lines)


def replays(example: Shown) -> bool:
    return example.command.startswith("lockwright replay")


def release_in_the_other_order(demo: Path) -> None:
    """The change of the model that the README speaks of."""
    model = demo / "model" / "transfer.py"
    text = model.read_text(encoding="utf-8")
    changed = text.replace(
        TO_RELEASE.format("second", "first"), TO_RELEASE.format("first", "second")
    )
    assert changed != text
    model.write_text(changed, encoding="utf-8")


def test_the_readme_shows_commands_of_every_project() -> None:
    assert {place_for(example.command) for example in shown()} == {
        "checkout",
        "tour",
        "new",
        "demo",
    }
    assert sum(replays(example) for example in shown()) == 3


@pytest.mark.parametrize("place", [pytest.param("checkout", marks=pytest.mark.slow), "tour"])
def test_a_command_says_what_stands_below_it(tmp_path: Path, place: str) -> None:
    where = places(tmp_path)[place]
    for example in shown():
        if place_for(example.command) == place:
            check(example, where)


def test_the_lock_order_report_is_the_one_that_is_printed() -> None:
    report = next(body for _, body in BLOCKS if body.startswith("====="))
    lines, _ = run("lockwright check eventfs/v3:stat_then_open", ROOT)
    assert report in "\n".join(lines)


def test_the_commands_about_a_new_project_say_what_stands_below_them(tmp_path: Path) -> None:
    here = places(tmp_path)
    tokens: list[str] = []
    for example in shown():
        place = place_for(example.command)
        if place == "new":
            tokens = SEEN_ANYWHERE.findall(check(example, here["new"]))
            use = next(body for _, body in BLOCKS if "import Options, explore" in body)
            (here["demo"] / "use.py").write_text(use, encoding="utf-8")
        elif replays(example):
            if example == next(filter(replays, shown())):
                release_in_the_other_order(here["demo"])
            check(Shown(with_token(example.command, tokens), example.said), here["demo"])
        elif place == "demo":
            check(example, here["demo"])


def with_token(command: str, tokens: list[str]) -> str:
    """The command with the token that its abridged one is short for."""
    (short,) = SEEN_ANYWHERE.findall(command)
    pattern = re.escape(short).replace(r"\.\.\.", ".*")
    (token,) = {each for each in tokens if re.fullmatch(pattern, each)}
    return command.replace(short, token)


@pytest.mark.parametrize(
    ("said", "fits"), [("a\n...\nd", True), ("a\nb...2\n...", True), ("a\nd", False), ("...", True)]
)
def test_the_comparison_knows_what_may_be_left_out(said: str, fits: bool) -> None:
    assert says(["a", "b 1 2", "c", "d"], said) is fits
