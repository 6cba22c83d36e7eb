"""docs/campaigns.md: its plan is a plan, and its commands say what stands below them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shown import follow

PAGE = Path(__file__).parent.parent.parent / "docs" / "campaigns.md"


QUICK = 3
"""So many of its commands run always: to the list of the plan's items."""


def test_the_tour_begins_as_it_says(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path, QUICK) > QUICK


@pytest.mark.slow
def test_the_tour_leads_where_it_says(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path, 1000) > 10


@pytest.mark.slow
def test_the_page_about_many_machines_says_what_happens_on_one(tmp_path: Path) -> None:
    assert follow(PAGE.with_name("campaigns_dask.md"), tmp_path, 1000) == 3
