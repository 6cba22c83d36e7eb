"""The page in a browser: it opens, it answers, and it is for everybody."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from lockwright.core.result import Result
from lockwright.report.document import Document
from lockwright.report.page import page
from tests.browser.conftest import Opened
from tests.report import documents
from tests.report.test_page import full

WIDE = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")


@cache
def text(which: str) -> str:
    """The page of a document of `documents`, or of one with all sections."""
    return page(full() if which == "full" else getattr(documents, which)())


@cache
def many() -> str:
    """A page of six findings of two kinds in two designs."""
    made = documents.document()
    first = made.results[0].findings
    results = []
    for at in range(3):
        copies = [type(each).from_json(each.as_json()) for each in first]
        for each in copies:
            each.signature += str(at)
            each.message += f" number{at}"
        results.append(Result(f"d{at % 2}:case{at}", "", {}, "dpor", made.results[0].verdict))
        results[-1].findings = copies
        results[-1].executions = (20, 3, 100)[at]
    results.append(made.results[1])
    return page(Document("Many", results=results))


FOCUS_SEEN = """(() => {
  const { activeElement } = document;
  return [activeElement, activeElement.parentElement].some((each) => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  });
})()"""
"""Is there a line around what has the focus, or around the box that it fills?"""


def open_findings(shown: Page) -> list[str]:
    """The findings that are unfolded."""
    return [each.get_attribute("id") or "" for each in shown.locator("details.finding[open]").all()]


@pytest.mark.parametrize("size", [WIDE, TELEPHONE], ids=["wide", "telephone"])
def test_everybody_can_use_it_in_light_and_dark(opened: Opened, size: dict[str, int]) -> None:
    shown = opened(text("full"), viewport=size, reduced_motion="reduce")
    pictures = []
    for scheme in ("light", "dark"):
        shown.emulate_media(color_scheme=scheme)
        found = [
            (each["id"], each["nodes"][0]["html"])
            for each in Axe().run(shown).response["violations"]
            if each["impact"] in SERIOUS
        ]
        assert found == []
        pictures.append(shown.screenshot())
    assert pictures[0] != pictures[1]
    assert shown.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_a_page_of_hostile_names_is_laid_out_like_any(opened: Opened) -> None:
    shown = opened(text("hostile"), viewport=WIDE)
    assert shown.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]
    shown.set_viewport_size(TELEPHONE)  # type: ignore[arg-type]  # a width and a height
    assert shown.evaluate("document.documentElement.scrollWidth") <= TELEPHONE["width"]
    assert "<script>alert('x')</script>" in shown.locator("h1").inner_text()


def test_the_switch_of_colours_goes_round(opened: Opened) -> None:
    shown = opened(text("document"), color_scheme="light")
    switch = shown.locator("[data-theme-switch]")
    colours = []
    for name in ("system", "light", "dark", "system"):
        expect(switch).to_have_text(f"Colours: {name}")
        colours.append(shown.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        switch.click()
    light, same, dark, again = colours
    assert light == same == again != dark


def test_without_scripts_all_text_is_there(opened: Opened) -> None:
    shown = opened(text("full"), java_script_enabled=False)
    made = full()
    expect(shown.locator(".js-only:visible")).to_have_count(0)
    for found in made.found():
        finding = shown.locator(f"#{found.anchor}")
        if finding.get_attribute("open") is None:
            finding.locator("> summary").click()
        expect(finding.locator(".splat")).to_contain_text(found.finding.kind)
        expect(finding.locator(".as-text pre")).to_contain_text("mutex_lock(A)")
        expect(finding.locator(".command code").first).to_contain_text("lockwright replay 'lw1~")
        assert finding.locator(".as-text pre").is_visible()


def test_on_paper_everything_is_unfolded_and_afterwards_as_it_was(opened: Opened) -> None:
    shown = opened(text("full"))
    before = open_findings(shown)
    assert "finding-2" not in before
    shown.emulate_media(media="print")
    shown.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("main details:not([open]):not(.timeline *)").count() == 0
    controls = "body > nav, footer, .filter, button:not(.sort)"
    expect(shown.locator(controls).locator("visible=true")).to_have_count(0)
    assert shown.locator("#finding-2 .splat").is_visible()
    shown.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert open_findings(shown) == before


def test_a_headline_without_an_end_is_cut_and_whole_inside(opened: Opened) -> None:
    made = full()
    result = next(each for each in made.results if each.findings)
    message = "a_name_without_an_end " * 250
    first, *others = result.findings
    result.findings = [replace(first, message=message, signature="long"), *others]
    shown = opened(page(made), viewport=TELEPHONE)
    finding = shown.locator("details.finding", has_text=message.strip()).first
    title = finding.locator("> summary h3")
    for _ in range(2):
        lines = title.evaluate(
            "each => each.clientHeight / parseFloat(getComputedStyle(each).lineHeight)"
        )
        assert 3.5 < lines < 4.5
        finding.locator("> summary").click()
    if finding.get_attribute("open") is None:
        finding.locator("> summary").click()
    expect(finding.locator(".headline")).to_contain_text(message.strip())
    expect(finding.locator(".headline")).to_be_visible()


def test_a_reality_has_the_same_tone_in_findings_and_in_the_list_of_words(opened: Opened) -> None:
    shown = opened(text("full"))
    told = {
        (each.inner_text(), each.get_attribute("class"))
        for each in shown.locator("#words .badge, .finding .parts .badge").all()
        if each.inner_text() in ("confirmed", "open", "refuted")
    }
    assert told
    assert len({word for word, _ in told}) == len(told)


def test_a_link_unfolds_what_it_leads_to(opened: Opened) -> None:
    shown = opened(text("document"))
    assert open_findings(shown) == ["finding-1"]
    shown.locator(".verdicts a[href='#finding-2']").click()
    assert open_findings(shown) == ["finding-1", "finding-2"]
    assert shown.url.endswith("#finding-2")
    expect(shown.locator("#finding-2 h3")).to_be_in_viewport()
    shown.locator("#finding-2 > summary").click()
    shown.locator(".verdicts a[href='#finding-2']").click()
    assert open_findings(shown) == ["finding-1", "finding-2"]


def test_verdicts_are_filtered_by_words_and_by_verdict(opened: Opened) -> None:
    shown = opened(many())
    rows = shown.locator("#verdicts tbody tr[data-row]:visible")
    expect(rows).to_have_count(4)
    field = shown.get_by_label("Filter scenarios")
    field.fill("CASE2 d0")
    expect(rows).to_have_count(1)
    expect(shown.locator("#verdicts output")).to_have_text("1 of 4 shown")
    expect(shown.locator("details.group:visible")).to_have_count(1)
    field.press("Escape")
    expect(rows).to_have_count(4)
    shown.locator("[data-filter-choice=verdict]").select_option("verified")
    expect(rows).to_have_count(1)
    expect(rows.locator(".name")).to_have_text("one")


def test_findings_are_filtered_by_any_text_in_them_and_by_kind(opened: Opened) -> None:
    shown = opened(many())
    findings = shown.locator("details.finding:visible")
    expect(findings).to_have_count(6)
    shown.get_by_label("Filter findings").fill("d1:case1")
    expect(findings).to_have_count(2)
    shown.locator("[data-filter-choice=kind]").select_option("deadlock")
    expect(findings).to_have_count(1)
    shown.get_by_label("Filter findings").fill("nothing at all")
    expect(findings).to_have_count(0)
    expect(shown.locator("#findings output").first).to_have_text("0 of 6 shown")


def test_a_table_is_sorted_by_numbers_up_down_and_as_it_was(opened: Opened) -> None:
    shown = opened(many())
    table = shown.locator("#design-1 table")
    head = table.get_by_role("button", name="executions")

    def order() -> list[str]:
        return table.locator("tbody .name").all_inner_texts()

    assert order() == ["case0", "case2"]
    head.click()
    assert order() == ["case0", "case2"]
    expect(table.locator("th[aria-sort=ascending]")).to_have_count(1)
    head.click()
    assert order() == ["case2", "case0"]
    head.click()
    assert order() == ["case0", "case2"]
    expect(table.locator("th[aria-sort]")).to_have_count(0)


def test_keys_walk_from_finding_to_finding(opened: Opened) -> None:
    shown = opened(many())
    keyboard = shown.keyboard

    def where() -> str | None:
        found: str | None = shown.evaluate("document.activeElement.closest('.finding')?.id ?? null")
        return found

    for key, place in (
        ("n", "finding-1"),
        ("n", "finding-2"),
        ("n", "finding-3"),
        ("p", "finding-2"),
    ):
        keyboard.press(key)
        assert where() == place
    expect(shown.locator("#finding-2 > summary")).to_be_in_viewport()
    assert "finding-3" in open_findings(shown)
    keyboard.press("g")
    keyboard.press("g")
    assert shown.evaluate("scrollY") == 0
    keyboard.press("g")
    keyboard.press("f")
    expect(shown.locator("#findings-title")).to_be_in_viewport()
    keyboard.press("/")
    expect(shown.get_by_label("Filter findings")).to_be_focused()
    keyboard.type("n")
    expect(shown.get_by_label("Filter findings")).to_have_value("n")


def test_the_keys_are_told_and_can_be_switched_off(opened: Opened) -> None:
    shown = opened(many())
    shown.keyboard.press("?")
    dialog = shown.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Single keys").uncheck()
    shown.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    shown.keyboard.press("?")
    expect(dialog).to_be_hidden()
    shown.get_by_role("button", name="Keys").click()
    expect(dialog).to_be_visible()


def test_the_tabulator_reaches_everything_and_the_focus_is_seen(opened: Opened) -> None:
    shown = opened(text("document"))
    shown.keyboard.press("Tab")
    skip = shown.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    seen = set()
    for _ in range(400):
        seen.add(shown.evaluate("document.activeElement.tagName"))
        assert shown.evaluate(FOCUS_SEEN), shown.evaluate("document.activeElement.outerHTML")
        shown.keyboard.press("Tab")
        if shown.evaluate("document.activeElement === document.body"):
            break
    else:
        pytest.fail("the focus never leaves the page")
    assert {"A", "BUTTON", "INPUT", "SELECT", "SUMMARY", "PRE"} <= seen


def test_a_command_is_copied(opened: Opened) -> None:
    shown = opened(text("document"), permissions=["clipboard-read", "clipboard-write"])
    command = shown.locator("#finding-1 .command").first
    command.get_by_role("button").click()
    expect(command.get_by_role("button")).to_have_text("Copied")
    copied = shown.evaluate("navigator.clipboard.readText()")
    assert copied == command.locator("code").inner_text()


def test_a_drawing_is_made_when_its_finding_is_opened_and_not_before(opened: Opened) -> None:
    shown = opened(text("document"))
    first, second = (shown.locator(f"#finding-{at} .timeline") for at in (1, 2))
    expect(first).to_have_attribute("data-drawn", "yes")
    assert second.get_attribute("data-drawn") is None
    assert second.inner_html() == ""
    shown.locator("#finding-2 > summary").click()
    expect(second).to_have_attribute("data-drawn", "yes")
    expect(shown.locator("#finding-2 .as-text")).not_to_have_attribute("open", "")
