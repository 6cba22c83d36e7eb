"""What a run has explored, as one report in a directory: the same bytes whatever the workers.

DIR/index.json       each exploration with its test, verdict and findings, by test
DIR/NAME.json        its Result
DIR/NAME-1.txt       its first finding: report, interleaving, replay line
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from zlib import crc32

from lockwright.commands.files import replace_file, try_file
from lockwright.core.errors import UsageError
from lockwright.core.result import Result
from lockwright.report.columns import counted
from lockwright.report.findings import headline
from lockwright.testing.failure import finding_failure

Exploration = dict[str, str | int | list[dict[str, str]]]
"""One exploration in types that go from process to process: test, nth, scenario, verdict,
result (its text) and findings, each with kind, message, token and text."""

VERSION = 1
INDEX = "index.json"
NAME_MAX = 80
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def exploration(nodeid: str, nth: int, result: Result, replay: str) -> Exploration:
    """What there is to keep of the nth exploration of a test."""
    return {
        "test": nodeid,
        "nth": nth,
        "scenario": result.scenario,
        "verdict": result.verdict.value,
        "result": result.to_text(),
        "findings": [
            {
                "kind": finding.kind,
                "message": headline(finding),
                "token": finding.token,
                "text": finding_failure(finding, replay=replay),
            }
            for finding in result.findings
        ],
    }


class Report:
    """The report of a run in a directory.

    Raises UsageError when it is made, if nothing can be written there.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.known: dict[tuple[str, int], Exploration] = {}
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write a report in {directory}: {error.strerror}") from None
        try_file(directory / INDEX)

    def add(self, explorations: Iterable[Exploration]) -> None:
        """Take in what a test has explored; of one that ran again, the last."""
        for each in explorations:
            nth = each["nth"]
            assert isinstance(nth, int)
            self.known[str(each["test"]), nth] = each

    def write(self) -> str:
        """Write all files, the index last, and remove those of an earlier report that are none of
        this one's; a sentence about it.  Raises UsageError."""
        earlier = self._listed()
        explorations = [self.known[key] for key in sorted(self.known)]
        entries, written = [], set()
        for each in explorations:
            entry = self._write(each)
            entries.append(entry)
            written |= _files(entry)
        index = {"version": VERSION, "explorations": entries}
        replace_file(self.directory / INDEX, f"{json.dumps(index, indent=1, sort_keys=True)}\n")
        for name in sorted(earlier - written):
            (self.directory / name).unlink(missing_ok=True)
        findings = sum(len(_findings(each)) for each in explorations)
        done = f"{counted(len(entries), 'exploration')}, {counted(findings, 'finding')}"
        return f"{done}: {self.directory / INDEX}"

    def _write(self, each: Exploration) -> dict[str, object]:
        """The files of one exploration; its entry in the index."""
        name = _name_of(str(each["test"]), each["nth"])
        replace_file(self.directory / f"{name}.json", f"{each['result']}\n")
        findings = []
        for at, finding in enumerate(_findings(each), 1):
            file = f"{name}-{at}.txt"
            replace_file(self.directory / file, f"{finding['text']}\n")
            findings.append({**finding, "text": file})
        return {
            "test": each["test"],
            "scenario": each["scenario"],
            "verdict": each["verdict"],
            "result": f"{name}.json",
            "findings": findings,
        }

    def _listed(self) -> set[str]:
        """The files of the report that is there already."""
        try:
            index = json.loads((self.directory / INDEX).read_text(encoding="utf-8"))
            entries = index["explorations"]
            return {name for entry in entries for name in _files(entry) if _PLAIN.match(name)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return set()


def _files(entry: dict[str, object]) -> set[str]:
    findings = entry["findings"]
    assert isinstance(findings, list)
    return {str(entry["result"]), *(str(finding["text"]) for finding in findings)}


def _findings(each: Exploration) -> Sequence[dict[str, str]]:
    findings = each["findings"]
    assert isinstance(findings, list)
    return findings


def _name_of(nodeid: str, nth: object) -> str:
    """A file's name: what can be read of the test's, and what tells it from all others."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", nodeid).strip("-.")[-NAME_MAX:].strip("-.")
    return f"{readable}-{nth}-{crc32(nodeid.encode()):08x}"
