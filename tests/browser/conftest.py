"""A page in a real browser: Debian's Chromium, from the disk, with no network.

Without a Chromium these tests are skipped, unless LOCKWRIGHT_CHROMIUM names one: then they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    sync_playwright,
)

ASKED = "LOCKWRIGHT_CHROMIUM"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL = frozenset({"file", "data", "blob", "about"})
"""Where a page may get something from."""
WAIT_MS = 10_000

Opened = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    path = os.environ.get(ASKED) or shutil.which("chromium")
    if not path:
        pytest.skip(f"no Chromium here: install it, or set {ASKED} to one")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """`opened(html)` opens a page from the disk; named arguments are those of a browser context.

    At the end of the test nothing may have gone wrong in any of its pages, and none of them may
    have asked for anything that is not in it.
    """
    wrong: list[str] = []
    contexts: list[BrowserContext] = []

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(f"console: {message.text}")

    def asked(request: Request) -> None:
        if urlsplit(request.url).scheme not in LOCAL:
            wrong.append(f"asked for {request.url}")

    def open_page(html: str, **named: object) -> Page:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(offline=True, **named)  # type: ignore[arg-type]  # as given
        contexts.append(context)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("console", said)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("request", asked)
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
