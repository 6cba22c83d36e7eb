"""docs/reports.md: its commands say what stands below them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shown import follow

PAGE = Path(__file__).parent.parent.parent / "docs" / "reports.md"


@pytest.mark.slow
def test_the_page_leads_where_it_says(tmp_path: Path) -> None:
    assert follow(PAGE, tmp_path, 1000) == 10
    made = ("bank.html", "bank.xml", "bank.json", "bank.sarif", "deadlock.dat")
    assert all((tmp_path / "bank" / name).stat().st_size > 500 for name in made)
