"""Projects: `list`, `new`, `program`, and what is said of a project that is not one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lockwright
from lockwright.commands.listing import ABOUT
from lockwright.project import version_of
from lockwright.session import RULES
from tests.cli.process import PYPROJECT, SCENARIOS, lockwright_in, make_project


def test_the_version_is_printed(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path, "--version")
    assert (done.status, done.out) == (0, f"lockwright, version {lockwright.__version__}\n")


def test_help_names_every_command(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path, "--help")
    assert done.status == 0
    for command in ("list", "check", "replay", "program", "report", "new"):
        assert f"\n  {command} " in done.out


def test_an_unknown_command_is_refused(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path, "chekc")
    assert (done.status, done.out) == (2, "")
    assert "No such command 'chekc'" in done.err


def test_list_shows_designs_scenarios_and_rules(demo: Path) -> None:
    done = lockwright_in(demo, "list")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(
        "demo/abba\n"
        "  --param gate=false rounds=1\n"
        "  demo/abba:two  Two mutexes in two orders.\n"
        "  demo/abba:gated  The same under a third mutex.\n"
        "      --param gate=true\n"
    )
    assert "\nrules\n  deadlock  nobody can go on" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_list_of_a_target_shows_only_that(demo: Path) -> None:
    done = lockwright_in(demo, "list", "demo/abba:two")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(
        "demo/abba\n"
        "  demo/abba:two  Two mutexes in two orders.\n"
        "      --param gate=false rounds=1\n"
        "\nrules\n"
    )


def test_list_of_an_unknown_target_is_refused(demo: Path) -> None:
    done = lockwright_in(demo, "list", "demo/abbo")
    assert (done.status, done.out) == (2, "")
    assert "no scenario or design 'demo/abbo'; did you mean demo/abba" in done.err


def test_list_gives_json(demo: Path) -> None:
    done = lockwright_in(demo, "list", "--format", "json")
    assert (done.status, done.err) == (0, "")
    data = json.loads(done.out)
    assert data["version"] == 1
    assert data["designs"] == ["demo/abba", "fine/mutex"]
    assert data["scenarios"][1] == {
        "name": "demo/abba:gated",
        "design": "demo/abba",
        "title": "The same under a third mutex.",
        "parameters": {"gate": True, "rounds": 1},
    }
    assert data["rules"] == list(RULES)


def test_every_rule_is_described() -> None:
    assert set(ABOUT) == set(RULES)


@pytest.mark.parametrize(
    ("pyproject", "module", "message"),
    [
        ("[project]\n", "", "pyproject.toml has no [tool.lockwright] table: expected, say, "),
        ("[tool.lockwright\n", "", "pyproject.toml cannot be read: Expected ']'"),
        (
            "[tool.lockwright]\nscenarios = 'stress'\n",
            "",
            "pyproject.toml: [tool.lockwright] scenarios must be a list of names, not 'stress'\n",
        ),
        (
            "[tool.lockwright]\nscenarios = ['stres']\n",
            "",
            "cannot import stres: ModuleNotFoundError: No module named 'stres'\n",
        ),
        (
            f"{PYPROJECT}sources = ['modell']\n",
            SCENARIOS,
            "pyproject.toml: [tool.lockwright] sources: there is no 'modell'\n",
        ),
        (PYPROJECT, "", "this project has no scenario: stress define none\n"),
        (
            PYPROJECT,
            "x = 1\ny = nothing\n",
            (
                "cannot import stress.bad: NameError: name 'nothing' is not defined "
                "(stress/bad.py, line 2)\n"
            ),
        ),
        (
            PYPROJECT,
            "def f(:\n",
            "cannot import stress.bad: SyntaxError: invalid syntax (stress/bad.py, line 1)\n",
        ),
        (PYPROJECT, "raise SystemExit(0)\n", "cannot import stress.bad: SystemExit: 0 (stress/"),
        (
            PYPROJECT,
            "from lockwright.scenario import scenario\nscenario('noname')\n",
            (
                "cannot import stress.bad: 'noname' is not a scenario name: expected DESIGN:CASE, "
                "say mine/abba:two (stress/bad.py, line 2)\n"
            ),
        ),
        (
            PYPROJECT,
            f"{SCENARIOS}\none = two\nimport dataclasses\nother = dataclasses.replace(two)\n",
            (
                "two scenarios are called demo/abba:two: both in stress.bad, made of one function "
                "(stress/bad.py, line 7)\n"
            ),
        ),
        (
            PYPROJECT,
            (
                "from lockwright.scenario import scenario\n"
                "@scenario('mine/a:b')\ndef one(world): ...\n"
                "@scenario('mine/a:b')\ndef two(world): ...\n"
            ),
            (
                "two scenarios are called mine/a:b: one in stress/bad.py, line 2, one in "
                "stress/bad.py, line 4\n"
            ),
        ),
    ],
)
def test_a_project_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, pyproject: str, module: str, message: str
) -> None:
    project = make_project(tmp_path / "project", pyproject, bad=module)
    done = lockwright_in(project, "list")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"lockwright: {message}")
    assert done.err.count("\n") == 1


def test_no_project_is_refused(tmp_path: Path) -> None:
    for arguments in (["list"], ["check"]):
        done = lockwright_in(tmp_path, *arguments)
        assert (done.status, done.out) == (2, "")
        assert done.err == (
            "lockwright: no project here: pyproject.toml is missing; `lockwright new DIR` makes a "
            "project\n"
        )


def test_the_version_changes_with_the_model_and_not_with_its_place(tmp_path: Path) -> None:
    here = make_project(tmp_path / "here", scenarios=SCENARIOS)
    there = make_project(tmp_path / "there", scenarios=SCENARIOS)
    (there / "notes.py").write_text("no source", encoding="utf-8")
    known = version_of(here, ["stress"])
    assert len(known) == 8
    assert known == version_of(there, ["stress", "stress", "model"])
    (there / "stress" / "more.py").write_text("", encoding="utf-8")
    assert known != version_of(there, ["stress"])


def test_a_new_project_runs_at_once(tmp_path: Path) -> None:
    done = lockwright_in(tmp_path, "new", "demo")
    assert (done.status, done.err) == (0, "")
    assert done.out == "made a project in demo\nnext: cd demo && lockwright check\n"
    demo = tmp_path / "demo"
    assert {path.name for path in demo.iterdir() if path.is_dir()} == {
        "model", "invariants", "stress", "reports", "tests",
    }  # fmt: skip
    check = lockwright_in(demo, "check")
    assert check.status == 1
    assert "WARNING: possible circular locking dependency detected" in check.out
    assert "confirmed: it happens: 2 tasks wait for ever" in check.out
    assert lockwright_in(demo, "check", "demo/transfer:fixed").status == 0
    assert lockwright_in(demo, "list").status == 0


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    done = lockwright_in(tmp_path, "new", ".")
    assert (done.status, done.out) == (2, "")
    assert done.err == "lockwright: cannot make a project in .: it is not empty\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    done = lockwright_in(tmp_path, "new", "mine.txt")
    assert (done.status, done.err) == (
        2,
        "lockwright: cannot make a project in mine.txt: it is a file\n",
    )


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    assert lockwright_in(tmp_path, "new", ".").status == 0
    assert (tmp_path / "pyproject.toml").is_file()


def test_a_program_file_that_is_missing_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("lockwright.program.command")
    done = lockwright_in(tmp_path, "program", "gone.json")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: ")
    assert "gone.json" in done.err
    assert done.err.count("\n") == 1
