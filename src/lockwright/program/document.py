"""A file's text, cut into the programs that it holds.

A file holds one program, or a list of them under one of `LISTS`.  Which of the forms a program
has is told by the key that holds its steps.  What is wrong is a UsageError that names the file,
the program, and as soon as there are any, the task and the step.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import isinf
from pathlib import Path
from typing import Any, NoReturn

from lockwright.core.errors import UsageError
from lockwright.kernel.storebuffer import MEMORY, SC

LISTS = ("programs", "cases", "tests")
FORMS = ("tasks", "threads", "steps")
NAMES = ("name", "id")
KEYS = {
    "tasks": ("tasks", "vars", "expect", "memory"),
    "threads": (
        *("threads", "start", "locks", "classes", "work", "irq", "deadlock", "lockdep", "memory"),
    ),
    "steps": ("steps", "locks", "expected", "report_kind", "report_step"),
}
"""The keys that mean something in each form."""
WHAT = {"tasks": "variables and locks", "threads": "kernel locks", "steps": "a self-test"}
DIGITS_MAX = 1000
WHOLE = f"whole numbers of at most {DIGITS_MAX} digits"
SHOWN_MAX = 80


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the input something stands, for messages.  `step` counts from 0."""

    file: str
    program: str = ""
    task: str = ""
    step: int = -1
    text: object = None

    def __str__(self) -> str:
        parts = [self.file]
        if self.program:
            parts.append(f"program {self.program}")
        if self.task:
            parts.append(f"task {self.task}")
        if self.step >= 0:
            parts.append(f"step {self.step} {shown(self.text)}")
        return ": ".join(parts)

    def at(self, task: str, step: int = -1, text: object = None) -> Place:
        """A task of this program, or one of its steps."""
        return replace(self, task=task, step=step, text=text)

    def fault(self, problem: str, expected: str) -> NoReturn:
        """Raise the error that names this place."""
        raise UsageError(f"{self}: {problem}\nexpected: {expected}")


@dataclass(frozen=True, slots=True)
class Document:
    """One program as it stands in its file.

    `form` is one of FORMS; `digest` is a digest of the program's text, in canonical JSON.
    """

    place: Place
    name: str
    form: str
    data: dict[str, Any]
    digest: str


def read_file(path: Path) -> list[Document]:
    """All programs of a file.  Raises UsageError for one that cannot be read."""
    place = Place(str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot read it: {error.strerror}") from None
    except UnicodeDecodeError as error:
        place.fault(f"it is not UTF-8 text: {error.reason} at byte {error.start}", "JSON in UTF-8")
    return read_text(text, place)


def read_text(text: str, place: Place) -> list[Document]:
    """All programs of a text; `place` names it."""
    data = _parse(text, place)
    if not isinstance(data, dict):
        place.fault(
            f"it holds {kind_of(data)}", f"an object: one program, or a list in {_one_of(LISTS)}"
        )
    found = [key for key in LISTS if key in data]
    if not found:
        return [_document(data, place, Path(place.file).stem, LISTS)]
    if len(found) > 1:
        place.fault(f"it has {' and '.join(found)}", f"one of {_one_of(LISTS)}")
    entries = data[found[0]]
    if not isinstance(entries, list) or not entries:
        place.fault(f"its {found[0]} is {kind_of(entries)}", "a list of programs, not empty")
    documents = []
    for number, entry in enumerate(entries):
        where = replace(place, program=f"number {number}")
        if not isinstance(entry, dict):
            where.fault(f"it is {kind_of(entry)}", "an object")
        if not any(key in entry for key in NAMES):
            where.fault("it has no name", f"a text in {_one_of(NAMES)}")
        documents.append(_document(entry, where, ""))
    return documents


def _document(
    data: dict[str, Any], place: Place, default: str, others: Sequence[str] = ()
) -> Document:
    """A program; `others` are keys that could stand here instead of a program's."""
    name = default
    for key in reversed(NAMES):
        if key in data:
            name = label_of(data[key], place, key)
    place = replace(place, program=name)
    forms = [key for key in FORMS if key in data]
    if not forms:
        _no_form(data, place, others)
    if len(forms) > 1:
        place.fault(
            f"it has {' and '.join(forms)}", f"a program, with exactly one of {_one_of(FORMS)}"
        )
    try:
        canonical = json.dumps(data, sort_keys=True)
    except RecursionError:
        place.fault("it is nested too deeply", "lists of steps")
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
    return Document(place, name, forms[0], data, digest)


def _no_form(data: dict[str, Any], place: Place, others: Sequence[str]) -> NoReturn:
    """Refuse an object that holds no steps of any form."""
    for key in data:
        if close := get_close_matches(key, FORMS, n=1, cutoff=0.75):
            place.fault(f"unknown key {shown(key)}", f"did you mean {close[0]}?")
    forms = ", ".join(f'"{form}" ({WHAT[form]})' for form in FORMS)
    lists = f"; or a list of programs in {_one_of(others)}" if others else ""
    place.fault(f"it has none of the keys {_one_of(FORMS)}", f"exactly one of them: {forms}{lists}")


def _parse(text: str, place: Place) -> object:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            place.fault(f"an object has the key {shown(twice)} twice", "each key once")
        return found

    def constant(name: str) -> NoReturn:
        place.fault(f"it holds {name}, which is not JSON", WHOLE)

    def whole(literal: str) -> int:
        digits = len(literal.removeprefix("-"))
        if digits > DIGITS_MAX:
            line = text.count("\n", 0, text.find(literal)) + 1
            place.fault(f"it holds a number of {digits} digits at line {line}", WHOLE)
        return int(literal)

    def decimal(literal: str) -> float:
        if isinf(value := float(literal)):
            place.fault(f"it holds {cut(literal)}, which is too large", WHOLE)
        return value

    try:
        return json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=constant,
            parse_int=whole,
            parse_float=decimal,
        )
    except json.JSONDecodeError as error:
        place.fault(
            f"malformed JSON at line {error.lineno}, column {error.colno}: {error.msg}",
            "a JSON object",
        )
    except RecursionError:
        place.fault("it is nested too deeply", "lists of steps")


# What all forms read in the same way


def check_keys(document: Document, remarks: Iterable[str]) -> None:
    """Refuse a key of another form, and one that looks misspelt; others are remarks."""
    form, place = document.form, document.place
    known = [*KEYS[form], *remarks]
    for key in document.data:
        if key in known:
            continue
        theirs = [other for other in FORMS if key in KEYS[other]]
        if theirs:
            place.fault(
                f"the key {shown(key)} belongs to programs with {_one_of(theirs)}, and this one "
                f"has {shown(form)}",
                f"beside remarks, the keys {', '.join(KEYS[form])}",
            )
        close = get_close_matches(key, known, n=1, cutoff=0.75)
        if close:
            place.fault(f"unknown key {shown(key)}", f"did you mean {close[0]}?")


def label_of(value: object, place: Place, what: str) -> str:
    """A name of anything: text that can be printed on one line."""
    if not isinstance(value, str) or not value or not value.isprintable():
        place.fault(f"its {what} is {shown(value)}", "a text of printable characters, not empty")
    return value


def number_of(value: object, place: Place, what: str) -> int:
    """A whole number."""
    if isinstance(value, bool) or not isinstance(value, int):
        place.fault(f"{what} is {shown(value)}", "a whole number")
    return value


def memory_of(document: Document) -> str:
    """The memory model that a program names; sequential consistency if it names none."""
    model = document.data.get("memory", SC)
    if model not in MEMORY:
        document.place.fault(f"its memory is {shown(model)}", _one_of(MEMORY))
    return str(model)


def table_of(document: Document, key: str) -> dict[str, Any]:
    """An object whose keys are names; empty if it is not there."""
    value = document.data.get(key, {})
    if not isinstance(value, dict):
        document.place.fault(f"its {key} is {kind_of(value)}", "an object with names as keys")
    for name in value:
        label_of(name, document.place, f"name in {key}")
    return value


def steps_of(document: Document, task: str, steps: object) -> list[tuple[Place, list[Any]]]:
    """The steps of a task with their places: lists that begin with an operation's name."""
    place = document.place.at(task)
    if not isinstance(steps, list):
        place.fault(f"it is {kind_of(steps)}", "a list of steps")
    if not steps:
        place.fault("it has no steps", "at least one step")
    found = []
    for number, step in enumerate(steps):
        where = document.place.at(task, number, step)
        if not isinstance(step, list) or not step or not isinstance(step[0], str):
            where.fault(f"it is {kind_of(step)}", "a step: a list that begins with an operation")
        found.append((where, step))
    return found


def unknown(
    place: Place, what: str, name: object, known: Iterable[str], remedy: str = ""
) -> NoReturn:
    """Refuse a name that is not defined, with the nearest one that is, or how to define it."""
    if not isinstance(name, str):
        names = ", ".join(sorted(known))
        place.fault(
            f"the {what.rstrip(':')} is {shown(name)}",
            f"a text in quotes{': one of' if names else ''} {names}".rstrip(),
        )
    place.fault(f"unknown {what} {shown(name)}", one_of(name, known, remedy))


def one_of(name: str, known: Iterable[str], remedy: str = "") -> str:
    """What is expected where an unknown name stands; `remedy` says how to define it."""
    names = sorted(known)
    if not names:
        return remedy or "none"
    listed = f"one of {', '.join(names)}"
    if close := get_close_matches(name, names, n=1):
        return f"{listed}; did you mean {close[0]}?"
    return f"{listed}; or {remedy}" if remedy else listed


def declared(table: str, name: object, value: object) -> str:
    """How something is declared, for a message."""
    return f'a declaration of it, "{table}": {{{shown(name)}: {json.dumps(value)}}}'


def items(count: int) -> str:
    """How long a step is that has not the length of its operation."""
    return f"it has {count} item{'s' * (count != 1)}"


def shown(value: object) -> str:
    """A value of the input as JSON, cut to a readable length."""
    try:
        return cut(json.dumps(value))
    except RecursionError:
        return "[...]"


def cut(text: str) -> str:
    """A text of the input, cut to a readable length."""
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def kind_of(value: object) -> str:
    """What sort of JSON value it is, with the value where that is short."""
    if isinstance(value, Mapping):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return shown(value)


def _one_of(names: Iterable[str]) -> str:
    return " or ".join(f'"{name}"' for name in names)
