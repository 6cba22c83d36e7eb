"""The project in the current directory: its scenarios and calls, and the version of its model.

`[tool.lockwright]` of its pyproject.toml says `scenarios = ["stress.scenarios"]`: modules, or
packages whose modules are all imported, in sorted order.  Each module attribute that is a
`Scenario` or a `Calls` is registered.  `sources` names the directories whose .py files make the
version.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from lockwright.calls import Calls, is_program
from lockwright.compose import compose, is_composition
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.report.place import place_of
from lockwright.scenario import Scenario

ENGINE = Path(__file__).parent
ENGINE_SOURCES = ("core", "kernel")
CONFIG = "pyproject.toml"
NAMES_SHOWN_MAX = 12
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Project:
    """Scenarios by name and calls by design, in order of registration, and the digest of the
    model's sources."""

    scenarios: dict[str, Scenario]
    version: str
    calls: dict[str, Calls] = field(default_factory=dict)

    @property
    def designs(self) -> list[str]:
        """The designs, in order of first sight."""
        return list(dict.fromkeys(scenario.design for scenario in self.scenarios.values()))

    def select(self, targets: Sequence[str]) -> list[Scenario]:
        """The scenarios that `design:case`, `design` or a glob pattern name; all for no target.

        A name of no scenario may be that of a composition (`compose.py`) or of a program
        (`calls.py`).
        Raises UsageError for a target that names none.
        """
        if not targets and not self.scenarios:
            designs = ", ".join(self.calls)
            raise UsageError(f"this project has no scenario; it has calls: --scope of {designs}")
        if not targets:
            return list(self.scenarios.values())
        found: dict[str, Scenario] = {}
        for target in targets:
            matching = [s for s in self.scenarios.values() if _matches(s, target)]
            if not matching and (made := self._made(target)) is not None:
                matching = [made]
            if not matching:
                raise UsageError(f"no scenario or design {target!r}; {self._there_is(target)}")
            found.update((scenario.name, scenario) for scenario in matching)
        return list(found.values())

    def scenario(self, name: str) -> Scenario:
        """The scenario, composition or program of exactly this name.  Raises UsageError for
        none."""
        found = self.scenarios.get(name) or self._made(name)
        if found is None:
            raise UsageError(f"no scenario {name!r}; {self._there_is(name)}")
        return found

    def vocabulary(self, design: str) -> Calls:
        """The calls of a design.  Raises UsageError if it has none."""
        if design not in self.calls:
            known = ", ".join(self.calls) or "none"
            raise UsageError(f"{design!r} does not say its calls; those that do: {known}")
        return self.calls[design]

    def _made(self, name: str) -> Scenario | None:
        """What a name says that no scenario was registered under; None if it says nothing."""
        design, _, case = name.partition(":")
        if is_program(case):
            return self.vocabulary(design).scenario(case)
        return compose(name, self.scenarios) if is_composition(name) else None

    def _there_is(self, name: str) -> str:
        names = list(self.scenarios)
        close = get_close_matches(name, [*names, *self.designs], n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        shown = names if len(names) <= NAMES_SHOWN_MAX else self.designs
        return f"{hint}there {'is' if len(shown) == 1 else 'are'}: {', '.join(shown)}"


def load_project(root: Path) -> Project:
    """Import the scenarios of the project at `root`.  Raises UsageError that says what is wrong."""
    table = _table(root / CONFIG)
    names = _strings(table, "scenarios")
    if str(root) not in sys.path[:1]:
        sys.path.insert(0, str(root))
    scenarios: dict[str, Scenario] = {}
    calls: dict[str, Calls] = {}
    places: dict[str, str] = {}
    for name in names:
        for module in _modules(name, root):
            _register(module, scenarios, places)
            _register_calls(module, calls)
    if not scenarios and not calls:
        raise UsageError(f"this project has no scenario: {', '.join(names)} define none")
    return Project(scenarios, version_of(root, _sources(root, table)), calls)


def version_here(root: Path) -> str:
    """The version of the model of the project at `root`, of which nothing is imported.  Raises
    UsageError if there is no project."""
    return version_of(root, _sources(root, _table(root / CONFIG)))


def _sources(root: Path, table: dict[str, object]) -> list[str]:
    """What makes the version: directories and modules.  Raises UsageError for one that lacks."""
    if "sources" not in table:
        names = _strings(table, "scenarios")
        return [*(name.partition(".")[0] for name in names), "model", "invariants"]
    sources = _strings(table, "sources")
    for source in sources:
        if not (root / source).exists():
            raise UsageError(f"{CONFIG}: [tool.lockwright] sources: there is no {source!r}")
    return sources


def version_of(root: Path, sources: Sequence[str]) -> str:
    """A digest over the paths and contents of the model's sources and of the simulated kernel."""
    digest = hashlib.sha256()
    files = [
        (f"{name}/{path}", file) for name in ENGINE_SOURCES for path, file in _python(ENGINE / name)
    ]
    for source in sorted(set(sources)):
        module = root / f"{source}.py"
        if module.is_file():
            files.append((module.name, module))
        files.extend((f"{source}/{path}", file) for path, file in _python(root / source))
    for path, file in files:
        content = file.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:8]


def _python(directory: Path) -> list[tuple[str, Path]]:
    """The .py files below a directory with their paths in it, sorted."""
    files = [(file.relative_to(directory).as_posix(), file) for file in directory.rglob("*.py")]
    return sorted((path, file) for path, file in files if file.is_file())


def _table(config: Path) -> dict[str, object]:
    if not config.is_file():
        raise UsageError(
            f"no project here: {config.name} is missing; `lockwright new DIR` makes a project"
        )
    try:
        data = tomllib.loads(config.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{config.name} cannot be read: {error}") from None
    tool = data.get("tool")
    table = tool.get("lockwright") if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        raise UsageError(
            f"{config.name} has no [tool.lockwright] table: expected, say, "
            '[tool.lockwright] with scenarios = ["stress.scenarios"]'
        )
    return table


def _strings(table: dict[str, object], key: str) -> list[str]:
    value = table.get(key)
    if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
        return value
    raise UsageError(f"{CONFIG}: [tool.lockwright] {key} must be a list of names, not {value!r}")


def _modules(name: str, root: Path) -> Iterator[ModuleType]:
    """A module, and if it is a package all modules in it, in sorted order."""
    module = _import(name, root)
    yield module
    for info in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=_name_of):
        if info.name != "__main__":
            yield from _modules(f"{name}.{info.name}", root)


def _name_of(info: pkgutil.ModuleInfo) -> str:
    return info.name


def _import(name: str, root: Path) -> ModuleType:
    importer: Callable[[str], ModuleType] = importlib.import_module
    try:
        return importer(name)
    except KeyboardInterrupt:
        raise
    except (Exception, SystemExit) as error:
        said = str(error) if isinstance(error, LockwrightError) else shown_error(error)
        raise UsageError(f"cannot import {name}: {said}{place_of_error(error, root)}") from None


def shown_error(error: BaseException) -> str:
    """An exception in one line."""
    message = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def place_of_error(error: BaseException, root: Path) -> str:
    """Where in the project's files an import went wrong: ` (stress/scenarios.py, line 3)`."""
    if isinstance(error, SyntaxError) and error.filename:
        places = [(error.filename, error.lineno)]
    else:
        places = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    for name, line in reversed(places):
        path = Path(name)
        if path.is_relative_to(root) and not path.is_relative_to(ENGINE):
            return f" ({path.relative_to(root).as_posix()}, line {line})"
    return ""


def _listed(module: ModuleType, kind: type[_T]) -> Iterator[_T]:
    """What is of this kind among a module's names, and in its lists and tuples, in order."""
    for value in vars(module).values():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, kind):
                yield item


def _register_calls(module: ModuleType, calls: dict[str, Calls]) -> None:
    for value in _listed(module, Calls):
        if calls.setdefault(value.design, value) is not value:
            raise UsageError(f"{value.design} says its calls twice, again in {module.__name__}")


def _register(module: ModuleType, scenarios: dict[str, Scenario], places: dict[str, str]) -> None:
    for value in _listed(module, Scenario):
        known, place = scenarios.setdefault(value.name, value), place_of(value.source)
        if known is not value:
            raise UsageError(
                f"two scenarios are called {value.name}: "
                f"{_both((places[value.name], place_of(known.source)), (module.__name__, place))}"
            )
        places.setdefault(value.name, module.__name__)


def _both(one: tuple[str, str], other: tuple[str, str]) -> str:
    """Two (module, place), told apart by what differs: variants stand in one place."""
    if one[1] != other[1]:
        return f"one in {one[1] or one[0]}, one in {other[1] or other[0]}"
    if one[0] != other[0]:
        return f"one in {one[0]}, one in {other[0]}"
    return f"both in {one[0]}" + (f", made of one function ({one[1]})" if one[1] else "")


def _matches(scenario: Scenario, target: str) -> bool:
    return target in (scenario.name, scenario.design) or fnmatchcase(scenario.name, target)
