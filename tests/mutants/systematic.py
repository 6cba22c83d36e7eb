"""Every small fault of a kind, made one after the other: an `await` left out, an `if` negated.

    python -m tests.mutants.systematic model.eventfs.latest eventfs/latest

prints those that no scenario of the design shows.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
from collections.abc import Iterator
from typing import NamedTuple

from stress.scenarios.designs import DESIGNS
from tests.mutants.hunting import hunt, known
from tests.mutants.loading import path_of


class Fault(NamedTuple):
    """One fault: the function, what was done there, to what text, and the module with it."""

    function: str
    what: str
    text: str
    line: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """What tells it from others, whatever the lines before it."""
        return f"{self.function}: {self.what} {self.text}"


def faults(module: str) -> Iterator[Fault]:
    """All faults of a module, in order of their lines."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        kind = ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(function, kind) and function.name != "__init__":
            for node in _own(function):
                yield from _faults_at(tree, function.name, node)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, without those of the functions in it."""
    for child in ast.iter_child_nodes(function):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from _own(child)


def _faults_at(tree: ast.Module, function: str, node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Await):
        if "WarnOn" in ast.unparse(node):
            return  # it only tells, and where nothing is wrong there is nothing to tell
        yield _fault(tree, function, "without", node, ast.Pass())
    elif isinstance(node, ast.Assign) and not isinstance(node.value, ast.Await):
        if any(isinstance(target, ast.Attribute) for target in node.targets):
            yield _fault(tree, function, "without", node, ast.Pass())
    elif isinstance(node, ast.AugAssign):
        yield _fault(tree, function, "without", node, ast.Pass())
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        yield _fault(tree, function, "not", node.test, ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            others = [other for other in node.values if other is not value]
            yield _fault(
                tree,
                function,
                f"without {ast.unparse(value)} in",
                node,
                others[0] if len(others) == 1 else ast.BoolOp(node.op, others),
            )
    elif isinstance(node, ast.Continue | ast.Break):
        yield _fault(tree, function, "without", node, ast.Pass())


def _fault(tree: ast.Module, function: str, what: str, node: ast.AST, new: ast.AST) -> Fault:
    memo: dict[int, ast.AST] = {id(node): ast.copy_location(new, node)}
    changed = ast.fix_missing_locations(copy.deepcopy(tree, memo))
    text = ast.unparse(node).partition("\n")[0]
    return Fault(function, what, text, getattr(node, "lineno", 0), changed)


CHEAP = (
    "life_of_an_event",
    "life_over_again",
    "missing_then_made",
    "busy_alone",
    "triggers_alone",
    "ids_alone",
    "clear_alone",
    "system_alone",
    "stale_file",
    "stale_directory",
    "errors_alone",
    "open_twice",
    "attributes_alone",
    "remount_alone",
    "small_buffers",
    "numbers_alone",
    "hidden_alone",
    "instance_alone",
    "instance_busy",
    "instance_stale",
    "instance_owner",
    "named_like_a_file",
    "lookup_without_memory",
    "create_without_memory",
    "chmod_without_memory",
    "instance_without_memory",
    "system_without_memory",
    "upper_files_alone",
    "kinds_alone",
    "number_clash",
)
"""Cases of one execution, or a few."""
RACES = (
    "list_above_vs_remove",
    "list_above_vs_remove_cached",
    "list_inside_vs_remove",
    "list_above_vs_create",
    "list_above_vs_two_removals",
    "lookup_vs_remove",
    "chmod_vs_remove",
    "chmod_vs_chmod",
    "chmod_vs_lookup",
    "stat_vs_recreate",
    "enable_vs_remove",
    "rmdir_vs_lookup",
    "rmdir_vs_read",
    "rmdir_vs_list",
    "rmdir_vs_reclaim",
    "remount_vs_remove_cold",
    "remount_vs_chown",
    "read_open_vs_remove",
    "list_open_vs_remove",
    "list_vs_remove_tree",
    "create_vs_remove_parent",
    "mkdir_vs_lockdown",
    "create_vs_stat",
    "lookup_vs_lookup",
)
"""Cases of several tasks, the small ones first."""


def reached(design: str, module: str, function: str) -> bool:
    """Does the design run this function of a module, or has it an own one in its place?"""
    kind = DESIGNS[design].kind_of()
    assert isinstance(kind, type), f"{design} is a class"
    having = [base for base in kind.__mro__ if function in vars(base)]
    if all(base.__module__ != module for base in having):
        return True  # no method of its classes
    for base in having:
        if base.__module__ == module:
            return True
        if f"super().{function}(" not in inspect.getsource(vars(base)[function]):
            return False
    return False


def survivors(module: str, design: str) -> Iterator[tuple[Fault, str]]:
    """Each fault in what the design runs of a module, and where a case shows it; "" if none."""
    names = tuple(f"{design}:{case}" for case in (*CHEAP, *RACES))
    for name in names:
        known(name)
    for fault in faults(module):
        if reached(design, module, fault.function):
            shown = hunt(module, fault.tree, names)
            yield fault, f"{shown.scenario}: {shown.kind}: {shown.message}" if shown else ""


def main(module: str, design: str) -> None:
    """Print what survives, and on standard error what does not."""
    for fault, shown in survivors(module, design):
        line = f"{module}:{fault.line}: {fault.name}"
        sys.stderr.write(f"{line}\n    {shown[:150] or 'SURVIVES'}\n")
        if not shown:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
