"""The files of a command line, from end to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from lockwright.core.errors import ModelError, UsageError
from lockwright.kernel.storebuffer import SC
from lockwright.options import Options
from lockwright.program.concurrent import MADE, attempt_numbered
from lockwright.program.document import Document, read_file
from lockwright.program.program import Program, scenario_name
from lockwright.program.selftest import SelfTest, read_selftest
from lockwright.program.tasks import read_tasks
from lockwright.program.text import interleaving, report
from lockwright.program.threads import read_threads
from lockwright.program.verdict import BY_OPERATION, FAULTS, explained, judge, session_of
from lockwright.report.findings import broken_text
from lockwright.scenario import MEMORY
from lockwright.token import Token, parse_token

VERSION = 1
UNJUDGED = ModelError.exit_status
STOPPED = 3
READERS: dict[str, Callable[[Document], Program | SelfTest | str]] = {
    "tasks": read_tasks,
    "threads": read_threads,
    "steps": read_selftest,
}


def read_program(document: Document) -> Program | SelfTest | str:
    """The program of a document, or the reason why it is not supported.  Raises UsageError."""
    return READERS[document.form](document)


def run_program_files(
    paths: Sequence[Path],
    *,
    fmt: str = "text",
    options: Options = BY_OPERATION,
    memory: str | None = None,
) -> tuple[str, int]:
    """Run all programs of all files; the report and the exit status.  `memory` is the memory model
    of all of them, whatever their files say.

    All files are read before the first program runs.  Raises UsageError for a fault in any of
    them.  A program that cannot be judged does not keep the others from being run.
    """
    documents = [document for path in paths for document in read_file(path)]
    programs = [_on(read_program(document), memory) for document in documents]
    entries = [
        judge(program, document, options)
        for program, document in zip(programs, documents, strict=True)
    ]
    status = STOPPED if any(entry.stopped for entry in entries) else 0
    status = 1 if any(entry.broken for entry in entries) else status
    status = UNJUDGED if any(entry.failed for entry in entries) else status
    if fmt == "json":
        data = {"version": VERSION, "programs": [entry.data for entry in entries]}
        return json.dumps(data, indent=1), status
    return report(entries), status


def _on(program: Program | SelfTest | str, memory: str | None) -> Program | SelfTest | str:
    return program.on(memory) if memory is not None and isinstance(program, Program) else program


def replay_program(paths: Sequence[Path], text: str, *, fmt: str = "text") -> tuple[str, int]:
    """Run one execution of one program of these files again, along a token's schedule.

    Exit status 1 if a rule is broken in it.  Raises UsageError if the token does not fit.
    """
    token = parse_token(text)
    program = _replayed([each for path in paths for each in read_file(path)], token)
    session = session_of(program)
    try:
        record, findings = session.run_once(token.schedule)
    except FAULTS as error:
        raise explained(program, session, error) from error
    if record.misfit:
        raise UsageError(record.misfit)
    findings = [finding for finding in findings if program.is_judged(finding.kind)]
    status = 1 if findings else 0
    if fmt == "json":
        data = {
            "version": VERSION,
            "name": program.name,
            "events": [event.as_json() for event in record.events],
            "findings": [finding.as_json() for finding in findings],
        }
        return json.dumps(data, indent=1), status
    parts = [program.name, interleaving(record.events)]
    parts += [broken_text(finding) for finding in findings]
    parts += [] if findings else ["no rule is broken in this execution"]
    return "\n\n".join(parts), status


def _replayed(documents: Sequence[Document], token: Token) -> Program:
    """The program that a token is of.  Raises UsageError."""
    named: list[Document] = []
    numbers: dict[str, int] = {}
    for document in documents:
        name = scenario_name(document)
        made, _, digits = token.scenario.rpartition(MADE)
        if token.scenario == name:
            named.append(document)
        elif made == name and document.form == "steps" and digits.isdecimal():
            named.append(document)
            numbers[name] = int(digits)
    if not named:
        known = ", ".join(scenario_name(each) for each in documents)
        raise UsageError(f"the token is of {token.scenario}\nexpected: one of {known}")
    fitting = [each for each in named if each.digest == token.version]
    if not fitting:
        raise UsageError(
            f"token of another version of {token.scenario}: it was made with {token.version}, "
            f"the program here is {named[0].digest}; run it again"
        )
    program = read_program(fitting[0])
    number = numbers.get(scenario_name(fitting[0]), 0)
    if isinstance(program, SelfTest) and number:
        program = attempt_numbered(program, number) or program
    program = _on(program, dict(token.parameters).get(MEMORY, SC))
    if not isinstance(program, Program):
        raise UsageError(f"{fitting[0].place}: it has no schedules")
    return program
