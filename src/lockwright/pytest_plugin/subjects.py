"""What a test explores: a scenario, the name of one, or a function that builds a world."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from lockwright.calls import Calls, is_program
from lockwright.compose import is_composition
from lockwright.core.errors import UsageError
from lockwright.project import CONFIG, Project, load_project, version_of
from lockwright.scenario import Scenario

Subject = Scenario | str | Callable[..., None]
SAFE = "/_.-<>[]{}@+=%"
"""What a part of a scenario's name keeps; all else is percent-encoded."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test stands: its module's name without folders, and its own, parameters and all."""

    module: str
    test: str


class Subjects:
    """Finds what tests explore; one for a whole run, as a project is loaded once.

    `root` is the directory of the project, which may be none.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def project(self) -> Project | None:
        """The project, None if there is none.  Raises UsageError for one that is broken."""
        return load_project(self.root) if _has_project(self.root) else None

    def named(self, name: str) -> Scenario:
        """The scenario that the project has under this name.  Raises UsageError for none."""
        if self.project is None:
            return load_project(self.root).scenario(name)  # which says why there is none
        return self.project.scenario(name)

    def vocabulary(self, design: str) -> Calls:
        """The calls of a design of the project.  Raises UsageError for none."""
        if self.project is None:
            return load_project(self.root).vocabulary(design)  # which says why there is none
        return self.project.vocabulary(design)

    def scenario(self, subject: Subject, place: Place) -> Scenario:
        """What a test has given as the thing to explore.  Raises UsageError."""
        if isinstance(subject, Scenario):
            return subject
        if isinstance(subject, str):
            return self.named(subject)
        if not callable(subject):
            raise UsageError(
                "explore() takes a scenario, the name of one, or a function that builds a world, "
                f"not {_short(subject)}"
            )
        title = (inspect.getdoc(subject) or "").partition("\n")[0]
        return Scenario(_name_of(subject, place), subject, title)

    def replays(self, scenario: Scenario) -> bool:
        """Does `lockwright replay` find this scenario under its name?"""
        project = self.project
        if project is None:
            return False
        known = project.scenarios.get(scenario.name)
        if known is None and (is_program(scenario.case) or is_composition(scenario.name)):
            try:
                known = project.scenario(scenario.name)
            except UsageError:
                return False
            return known.at_end == scenario.at_end and known.sometimes == scenario.sometimes
        return known is not None and (known.build, known.at_end, known.sometimes) == (
            scenario.build,
            scenario.at_end,
            scenario.sometimes,
        )

    def version(self, scenario: Scenario) -> str:
        """The digest that tokens carry: of the model's sources, and, where the project does not
        have the scenario, of the file that it stands in."""
        model = version_of(self.root, []) if self.project is None else self.project.version
        if self.replays(scenario):
            return model
        try:
            source = inspect.getsourcefile(_unwrapped(scenario.source))
            content = Path(source or "").read_bytes()
        except (TypeError, OSError):
            content = b""
        return sha256(model.encode() + b"\0" + content.replace(b"\r\n", b"\n")).hexdigest()[:8]


def _has_project(root: Path) -> bool:
    try:
        data = tomllib.loads((root / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return True  # loading it says what is wrong
    tool = data.get("tool")
    return isinstance(tool, dict) and "lockwright" in tool


def _name_of(function: Callable[..., None], place: Place) -> str:
    """MODULE:FUNCTION; one that is made in a test has the test's name before its own, as another
    test may have one of the same name."""
    inner = _unwrapped(function)
    name = getattr(inner, "__qualname__", type(inner).__name__)
    own = name.rpartition(".<locals>.")[2].replace("<lambda>", "lambda")
    lasting = inner is function and own == name  # one of a module, as it stands there
    case = name if lasting else f"{place.test}.{own}"
    return f"{_quoted(place.module)}:{_quoted(case)}"


def _unwrapped(function: Callable[..., object]) -> Callable[..., object]:
    """The function whose first arguments, or named ones, were given before."""
    while isinstance(function, partial):
        function = function.func
    return function


def _quoted(text: str) -> str:
    return quote(text, safe=SAFE).replace("~", "%7E")


def _short(subject: object) -> str:
    text = repr(subject)
    return text if len(text) <= 60 else f"{text[:57]}..."
