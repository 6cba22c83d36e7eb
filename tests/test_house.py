"""What holds for the repository as a whole: its shape, its version, its README."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import lockwright

ROOT = Path(__file__).parent.parent
CODE = ("src", "model", "stress", "invariants", "reports")

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
POSITIONAL_PARAMETERS_MAX = 5

# Joined here, so that this file does not hold what it forbids.
MACHINE_PATH = re.compile("/(" + "|".join(("work", "farm", "root", "home")) + ")/[A-Za-z.]")

# What `import lockwright` may load of ours.  A test plugin does it in every run.
LIGHT_PACKAGES = frozenset({"core", "kernel", "scenario"})
HEAVY_MODULES = frozenset(
    {"asyncio", "click", "hypothesis", "multiprocessing", "networkx", "pytest", "rich"}
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def project() -> dict[str, object]:
    """The table [project] of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, object] = tomllib.loads(text)["project"]
    return table


def house_files() -> list[Path]:
    """The files that git has or would take; in an unpacked sdist, all that no tool made."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        paths = [ROOT / name for name in names.stdout.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not made_by_a_tool(path.relative_to(ROOT))]
    return sorted(path for path in paths if path.is_file())


def made_by_a_tool(path: Path) -> bool:
    tops = {".venv", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build", "dist"}
    return path.parts[0] in tops or any(
        part == "__pycache__" or part.endswith(".egg-info") for part in path.parts
    )


def code_modules() -> list[tuple[str, str]]:
    """Name and text of each module of ours, tests left out."""
    modules = [
        (path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in house_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in CODE
    ]
    assert modules, "no module found: these tests would hold over nothing"
    return modules


def code_functions() -> Iterator[tuple[str, FunctionNode]]:
    """Place and tree of each function of ours."""
    for name, text in code_modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, FunctionNode):
                yield f"{name}:{node.lineno} {node.name}", node


def lines_of(function: FunctionNode) -> int:
    """The lines of a function, from `def` on, its docstring counted as one line."""
    assert function.end_lineno is not None
    docstring = ast.get_docstring(function, clean=False) or ""
    return function.end_lineno - function.lineno + 1 - docstring.count("\n")


def positional_parameters_of(function: FunctionNode) -> int:
    """How many arguments may be given by position, the receiver left out."""
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def readme_commands() -> list[str]:
    """The two one-line commands of the README: run the main job, run the tests."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("python3 -m venv")]
    assert len(commands) == 2
    return commands


def modules_loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads for one statement."""
    program = f"""
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout))


def test_the_package_and_the_project_have_one_version() -> None:
    assert lockwright.__version__ == project()["version"]


def test_no_module_is_too_long() -> None:
    lengths = [(name, text.count("\n")) for name, text in code_modules()]
    assert [(name, n) for name, n in lengths if n > MODULE_LINES_MAX] == []


def test_no_function_is_too_long() -> None:
    lengths = [(place, lines_of(function)) for place, function in code_functions()]
    assert [(place, n) for place, n in lengths if n > FUNCTION_LINES_MAX] == []


def test_no_function_has_too_many_positional_parameters() -> None:
    counts = [(place, positional_parameters_of(function)) for place, function in code_functions()]
    assert [(place, n) for place, n in counts if n > POSITIONAL_PARAMETERS_MAX] == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    offenders = []
    for path in house_files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith("tests/data/"):
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        offenders += [f"{name}:{i}" for i, line in enumerate(lines, 1) if MACHINE_PATH.search(line)]
    assert offenders == []


def test_the_machine_path_pattern_sees_one() -> None:
    assert MACHINE_PATH.search("open('/" + "home/somebody')")
    assert not MACHINE_PATH.search("fs/tracefs/event_inode.c")


def test_ci_runs_the_commands_of_the_readme_and_ends_with_the_tests() -> None:
    ci_lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    main_job, tests = readme_commands()
    assert main_job in ci_lines
    assert tests == ci_lines[-1]


def test_the_readme_says_why_each_runtime_dependency_is_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Runtime dependencies\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^- `([\w-]+)` \w", section, flags=re.MULTILINE)
    dependencies = project()["dependencies"]
    assert isinstance(dependencies, list)
    assert explained == [re.split("[<>=~!]", requirement)[0] for requirement in dependencies]


def test_importing_lockwright_loads_nothing_heavy() -> None:
    loaded = modules_loaded_by("import lockwright")
    assert loaded & HEAVY_MODULES == set()
    ours = {name.split(".")[1] for name in loaded if name.startswith("lockwright.")}
    assert ours <= LIGHT_PACKAGES
