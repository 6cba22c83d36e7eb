"""A model with one fault in it, loaded beside the one without.

The packages of the project's own wing (model, invariants, stress) are set aside, and imported
anew with one module's source changed; leaving the context brings back what was there.  The engine
stays as it is.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).parent.parent.parent
WING = ("model", "invariants", "stress")


def path_of(module: str) -> Path:
    """The file of a module of the wing."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def edited(module: str, old: str, new: str) -> ast.Module:
    """The module's tree with one piece of its text replaced.

    Raises AssertionError unless the text is there exactly once: a mutant that has lost its place
    shows nothing.
    """
    text = path_of(module).read_text(encoding="utf-8")
    count = text.count(old)
    assert count == 1, f"{module} has the text of this mutant {count} times:\n{old}"
    return ast.parse(text.replace(old, new))


@contextmanager
def replaced(module: str, tree: ast.Module) -> Iterator[None]:
    """Within the context the wing is another one, whose `module` is compiled from `tree`."""
    aside = {name: sys.modules.pop(name) for name in _wing()}
    finder = _Finder(module, tree)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _wing():
            del sys.modules[name]
        sys.modules.update(aside)


def _wing() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] in WING]


class _Finder(MetaPathFinder):
    def __init__(self, module: str, tree: ast.Module) -> None:
        self.module = module
        self.tree = tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of the one module; others are found as ever."""
        if fullname != self.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None, f"there is no {fullname}"
        assert spec.origin is not None, f"{fullname} has no source"
        spec.loader = _Loader(fullname, spec.origin, self.tree)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, tree: ast.Module) -> None:
        super().__init__(fullname, path)
        self.tree = tree

    def get_code(self, fullname: str) -> CodeType:
        """The changed source, compiled; no cached file is read or written."""
        code: CodeType = compile(self.tree, self.path, "exec")
        return code
