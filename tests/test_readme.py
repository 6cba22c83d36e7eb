"""README.md: each command in it gives what stands below it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.shown import BLOCK, Shown, check, run, shown_in

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [(match["language"], match["body"]) for match in BLOCK.finditer(TEXT)]
PROJECT = ("invariants", "model", "stress", "tests", "pyproject.toml")
TO_RELEASE = "    await {0}.mutex.unlock()\n    await {1}.mutex.unlock()\n"
SEEN_ANYWHERE = re.compile(r"lw1~\S+(?=')")


def shown() -> list[Shown]:
    """All commands with their output, in the order of the README."""
    found: list[Shown] = []
    for language, body in BLOCKS:
        if language == "" and body.startswith("$ "):
            found += shown_in(body)
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
    if any(said in command for said in ("demo/", "use.py", "pytest")):
        return "demo"
    return "tour" if " tour/" in command else "checkout"


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
            test = next(body for _, body in BLOCKS if "assert_verified" in body)
            (here["demo"] / "tests" / "test_readme.py").write_text(
                f"from stress.scenarios import buggy\n\n\n{test}", encoding="utf-8"
            )
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
