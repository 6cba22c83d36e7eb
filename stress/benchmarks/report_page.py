"""`python -m stress.benchmarks.report_page`: how large a report's page is, and how fast it answers.

The document has real findings, each several times under other names, and a lock graph of made-up
classes: two hundred findings of about forty steps, and five hundred classes with three orders each,
if nothing else is asked for.  The page is opened from the disk in a Chromium
(`$LOCKWRIGHT_CHROMIUM`, or `chromium`), and what a person does with it is timed: from the event to
the second frame after it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import perf_counter

from playwright.sync_api import Page, sync_playwright

from lockwright.commands.reporting import sources_of, timelines
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.result import Result
from lockwright.report.document import Document
from lockwright.report.lockgraph import LockGraph
from lockwright.report.lockgraph.graph import Way
from lockwright.report.page import page
from lockwright.session import Options, explore
from stress.corpus.entry import project

FINDINGS, CLASSES = 200, 500
ORDERS_A_CLASS, LEVELS = 3, 12
SCENARIOS = (
    "eventfs/v3:open_vs_remove",
    "eventfs/linux_6_12:remount_vs_remove_cold",
    "eventfs/linux_6_8:mkdir_locked_down",
    "eventfs/linux_6_8:list_vs_remove_cold",
    "eventfs/linux_6_6:write_open_vs_remove",
)
"""They break rules of every kind, within a few executions, in 30 to 60 steps."""
SUBSYSTEMS = 23
NAMES = re.compile(r"\b(kprobes|kp\d|cat|ls|rmdir|bash|trace-cmd)\b")
"""Names of things and tasks, which are others in each copy."""
SIZE_MAX = 8_000_000
SECOND_MS = 1_000


def large_document(findings: int = FINDINGS, classes: int = CLASSES) -> Document:
    """The document: a result for each of the findings' scenarios in each copy."""
    document = Document("A large report", "Real findings under other names, and a made-up graph.")
    left, copy = findings, 0
    while left > 0:
        for result in _explored():
            shown = [_renamed(each, copy, result.scenario) for each in result.findings[:left]]
            left -= len(shown)
            name = f"copy{copy}/{result.scenario}"
            document.results.append(
                replace(result, scenario=name, findings=shown, lock_graph=[], coverage=None)
            )
        copy += 1
    document.graph = large_graph(classes)
    document.sources = dict(sources_of(timelines(document)))
    return document


@cache
def _explored() -> tuple[Result, ...]:
    scenarios = project().scenarios
    return tuple(explore(scenarios[name], Options(version="cafe")) for name in SCENARIOS)


def _renamed(finding: Finding, copy: int, scenario: str) -> Finding:
    """The finding as it would be of another design, where things and tasks have other names."""
    text = NAMES.sub(rf"\g<1>_{copy}", json.dumps(finding.as_json()))
    made = Finding.from_json(json.loads(text))
    return replace(made, signature=f"{made.signature} ({scenario} {copy})")


def large_graph(classes: int) -> LockGraph:
    """As many classes in levels, as a kernel has them: each is taken with some of the levels above
    held, and here and there one the other way round, so that there are cycles."""
    graph = LockGraph()
    names = [f"&subsystem_{nth % SUBSYSTEMS}->lock_{nth}" for nth in range(classes)]
    for nth, name in enumerate(names):
        graph.add_class(name, "+.+." if nth % 3 else "-.+.", (4, 4) if nth % 3 else (2, 2))
    for nth in range(classes):
        for at, taken in enumerate(_after(nth, classes)):
            kind = ("EN", "EN", "SN", "ER", "EN", "SR")[(nth + taken) % 6]
            frames = tuple(
                f"subsystem_{(nth + at) % SUBSYSTEMS}_op_{at}+0x1/0x9" for at in range(8)
            )
            way = Way(kind, f"made-up:{nth % 9}", frames)
            graph.add_edge(names[nth], names[taken], way)
            if at == 0 and nth % 97 == 0:
                graph.add_edge(names[taken], names[nth], way)
    return graph


def _after(nth: int, classes: int) -> Iterator[int]:
    level, width = nth % LEVELS, classes // LEVELS
    if level == LEVELS - 1:
        return
    for each in range(ORDERS_A_CLASS + (level < 3)):
        below = min(level + 1 + (nth + each) % 3, LEVELS - 1)
        yield (nth * 7 + each * 31) % width * LEVELS + below


WATCH = """() => {
  const seen = window.seen = { changes: 0 };
  const watcher = new MutationObserver(list => {
    for (const each of list) {
      seen.changes += each.type === "childList"
        ? [...each.addedNodes, ...each.removedNodes].reduce(
            (sum, node) => sum + 1 + (node.querySelectorAll?.("*").length ?? 0), 0)
        : 1;
    }
  });
  watcher.observe(document, {
    subtree: true, childList: true, attributes: true, characterData: true });
}"""
"""Counts the elements that come or go, and the attributes and texts that change."""
TIMED = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const typed = (field, text) => {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const before = window.seen?.changes, began = performance.now();
  (ACTION)();
  await frame();
  await frame();
  const took = performance.now() - began;
  await new Promise(done => setTimeout(done, SETTLED));
  return [took, window.seen?.changes - before];
}"""
SETTLED_MS = 300
"""Filters wait for the end of the typing; by then they have done their work."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a person does: in words, and as JavaScript."""

    said: str
    script: str


FINDING = "document.querySelectorAll('.finding')[Math.floor(FINDINGS / 2)]"
ACTIONS = (
    Action("open a finding", f"() => {FINDING}.querySelector('summary').click()"),
    Action("step", f"() => {FINDING}.querySelector('[aria-label=\"Previous step\"]').click()"),
    Action(
        "filter the findings",
        "() => typed(document.querySelector('#findings [data-filter-text]'), 'write_open')",
    ),
    Action(
        "filter the lock graph",
        "() => typed(document.querySelector('[data-lg-text]'), 'subsystem_7')",
    ),
    Action(
        "choose a class",
        "() => document.querySelector('.lg-picture [data-class]').dispatchEvent("
        "new MouseEvent('click', { bubbles: true }))",
    ),
    Action(
        "filter the verdicts",
        "() => typed(document.querySelector('#verdicts [data-filter-text]'), 'copy0')",
    ),
)


def measured(shown: Page, action: Action, findings: int) -> tuple[float, int]:
    """How many milliseconds it takes until the page has answered, and how much of it changed in
    all (if `WATCH` was run)."""
    script = TIMED.replace("ACTION", action.script).replace("FINDINGS", str(findings))
    took, changes = shown.evaluate(script.replace("SETTLED", str(SETTLED_MS)))
    return took, changes


def chromium() -> str:
    """The browser.  Raises UsageError without one."""
    path = os.environ.get("LOCKWRIGHT_CHROMIUM") or shutil.which("chromium")
    if not path:
        raise UsageError("no Chromium here: install it, or set LOCKWRIGHT_CHROMIUM to one")
    return path


def main(arguments: list[str] | None = None) -> int:
    """Make the page, open it, and say what it takes.  Exit status 1 if something is over."""
    parser = argparse.ArgumentParser(prog="python -m stress.benchmarks.report_page")
    parser.add_argument("--findings", type=int, default=FINDINGS, metavar="N")
    parser.add_argument("--classes", type=int, default=CLASSES, metavar="N")
    options = parser.parse_args(arguments)
    document = large_document(options.findings, options.classes)
    began = perf_counter()
    html = page(document)
    size = len(html.encode())
    _say("made", f"{perf_counter() - began:.1f} s", "")
    _say("size", f"{size:,} bytes", "at most 8 MB")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        try:
            slowest = _timed(path, options.findings)
        except UsageError as error:
            sys.stderr.write(f"lockwright: {error}\n")
            return error.exit_status
    return 1 if size > SIZE_MAX or slowest > SECOND_MS else 0


def _timed(path: Path, findings: int) -> float:
    """Open the page and do everything; the milliseconds of the slowest."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        shown = running.new_context(offline=True).new_page()
        shown.goto(path.as_uri())
        opened = shown.evaluate(
            "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        every = shown.evaluate("document.querySelectorAll('*').length")
        _say("open", f"{opened:.0f} ms", f"{every:,} elements")
        shown.evaluate(WATCH)
        slowest = float(opened)
        for action in ACTIONS:
            took, changes = measured(shown, action, findings)
            _say(action.said, f"{took:.0f} ms", f"{changes:,} changes")
            slowest = max(slowest, took)
        running.close()
    return slowest


def _say(*columns: str) -> None:
    sys.stdout.write(f"{columns[0]:24}{columns[1]:>18}  {columns[2]}\n")


if __name__ == "__main__":
    sys.exit(main())
