"""The README's pictures of the page: an interleaving being stepped through, and a lock graph.

`python -m reports.pictures` explores two scenarios, makes their pages, and photographs them in a
Chromium (of the path, or the one that LOCKWRIGHT_CHROMIUM names) into `docs/pictures/`.  It takes
the extra `browser`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lockwright.commands.reporting import document_of
from lockwright.commands.sources import Gathered
from lockwright.core.errors import UsageError
from lockwright.options import RULES
from lockwright.report.page import page
from lockwright.session import Options, Session
from reports.running import run
from stress.corpus.entry import ROOT, project

if TYPE_CHECKING:
    from playwright.sync_api import Page

PICTURES = ROOT / "docs" / "pictures"
CHROMIUM = "LOCKWRIGHT_CHROMIUM"
TIMELINE = "eventfs/linux_6_12:list_vs_remove_cold"
GRAPH = "eventfs/v3:open_lookup_remove_queued"
BACK = 4
"""The picture shows the interleaving so many steps before its end."""


def timeline(shown: Page) -> None:
    """A finding's interleaving, a few steps before its end."""
    body = shown.locator("#finding-1 .tl-body")
    body.focus()
    body.press("End")
    for _ in range(BACK):
        body.press("k")
    shown.locator("#finding-1 .tl").screenshot(path=PICTURES / "timeline.png")


def graph(shown: Page) -> None:
    """A lock graph with a cycle that happens."""
    shown.locator("#lock-graph").screenshot(path=PICTURES / "lock-graph.png")


def html_of(scenario: str, rules: tuple[str, ...]) -> str:
    """The page of one scenario."""
    found = project()
    options = Options(rules=rules, version=found.version)
    result = Session(found.scenarios[scenario], options).explore()
    return page(document_of(Gathered([result])))


@contextmanager
def opened(html: str, *, dark: bool) -> Iterator[Page]:
    """A page in a browser.  Raises UsageError if there is none."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415  # of an extra
    except ImportError:
        raise UsageError("pictures take the package playwright: pip install '.[browser]'") from None
    path = os.environ.get(CHROMIUM) or shutil.which("chromium")
    if not path:
        raise UsageError(f"no Chromium here: install it, or set {CHROMIUM} to one")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        file = Path(scratch) / "page.html"
        file.write_text(html, encoding="utf-8")
        shown = browser.new_page(
            viewport={"width": 1280, "height": 900},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        shown.goto(file.as_uri())
        yield shown
        browser.close()


@click.command()
def main() -> None:
    """Make the pictures anew."""
    PICTURES.mkdir(exist_ok=True)
    with opened(html_of(TIMELINE, ("deadlock",)), dark=False) as shown:
        timeline(shown)
    with opened(html_of(GRAPH, RULES), dark=True) as shown:
        graph(shown)
    click.echo(f"made: {', '.join(sorted(path.name for path in PICTURES.iterdir()))}")


if __name__ == "__main__":
    run(main)
