"""Names that a stranger chose, in the page: they run nothing, add nothing, and break no layout."""

from __future__ import annotations

from functools import cache

import pytest
from playwright.sync_api import Page, expect

from lockwright.report.document import Document
from lockwright.report.page import page
from tests.browser.conftest import Opened
from tests.report.poisoned import (
    LONG,
    MARKUP,
    Poison,
    controls,
    long,
    markup,
    plain,
    poisoned_document,
)
from tests.report.strangers import checked

PHONE = {"width": 390, "height": 800}
ELEMENTS = """() => [...document.querySelectorAll('*')].map(each => each.localName)
  .filter(name => !['span', 'text', 'tspan', 'path', 'line', 'rect', 'g'].includes(name))
  .reduce((counts, name) => ({ ...counts, [name]: (counts[name] ?? 0) + 1 }), {})"""


@cache
def html(poison: Poison) -> str:
    return page(poisoned_document(document(), poison))


@cache
def document() -> Document:
    return checked()


def unfolded(opened: Opened, poison: Poison) -> Page:
    """The page with all that can be unfolded open, and so with all timelines drawn."""
    shown = opened(html(poison), viewport=PHONE)
    shown.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    expect(shown.locator(".finding[data-run]:not(:has(.tl))")).to_have_count(0)
    return shown


@pytest.mark.parametrize("poison", [markup, pytest.param(controls, marks=pytest.mark.slow)])
def test_hostile_names_are_nothing_but_names(opened: Opened, poison: Poison) -> None:
    shown = unfolded(opened, poison)
    assert shown.evaluate(ELEMENTS) == unfolded(opened, plain).evaluate(ELEMENTS)
    assert shown.locator("[onerror], img, main script, iframe, object").count() == 0
    if poison is markup:
        text = shown.locator("body").inner_text()
        assert text.count(MARKUP) > 20
        assert text.count("\nplain") == 0


@pytest.mark.slow
def test_names_without_an_end_do_not_make_the_page_wider(opened: Opened) -> None:
    shown = unfolded(opened, long)
    wide = shown.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    assert LONG in shown.title()
