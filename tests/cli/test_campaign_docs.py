"""docs/campaigns.md: its plan is a plan, and its commands say what stands below them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shown import BLOCK, check, shown_in

PAGE = Path(__file__).parent.parent.parent / "docs" / "campaigns.md"


QUICK = 3
"""So many of its commands run always: to the list of the plan's items."""


def follow(where: Path, most: int, page: Path = PAGE) -> int:
    """Do what the page says, up to so many commands; returns how many there were."""
    commands = 0
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        language, body = match["language"], match["body"]
        if language == "toml":
            name = body.partition("\n")[0].removeprefix("# ")
            (where / name).write_text(body, encoding="utf-8")
        for example in shown_in(body) if language == "console" else ():
            commands += 1
            if example.command.startswith("cd "):
                where /= example.command.removeprefix("cd ")
            elif commands <= most:
                check(example, where)
    return commands


def test_the_tour_begins_as_it_says(tmp_path: Path) -> None:
    assert follow(tmp_path, QUICK) > QUICK


@pytest.mark.slow
def test_the_tour_leads_where_it_says(tmp_path: Path) -> None:
    assert follow(tmp_path, 1000) > 10


@pytest.mark.slow
def test_the_page_about_many_machines_says_what_happens_on_one(tmp_path: Path) -> None:
    assert follow(tmp_path, 1000, PAGE.with_name("campaigns_dask.md")) == 3
