"""`lockwright campaign` with input that cannot be used: one clear line, status 2, nothing lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from lockwright.campaign.item import Item
from lockwright.campaign.record import Head
from lockwright.campaign.store import Store
from lockwright.cli import run
from lockwright.options import Options
from tests.cli.process import SCENARIOS, environment, lockwright_in, make_project

PLAN = """
[campaign]
name = "fine"

[[explore]]
scenarios = ["fine/mutex:two"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with a plan; this process is there, and has never seen another project."""
    project = make_project(tmp_path / "project", scenarios=SCENARIOS)
    (project / "fine.plan.toml").write_text(PLAN, encoding="utf-8")
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "path", [*sys.path])
    others = forgotten()
    yield project
    forgotten()
    sys.modules.update(others)


def forgotten() -> dict[str, ModuleType]:
    """Forget the modules of whatever project was loaded; returns them."""
    names = [name for name in sys.modules if name.partition(".")[0] == "stress"]
    return {name: sys.modules.pop(name) for name in names}


@pytest.fixture
def store(here: Path) -> Path:
    """The store of a campaign that has not begun to explore."""
    item = Item(0, "fine/mutex:two", (), Options())
    Store.create(Path("there.campaign"), Head("fine", PLAN, "0", "0", "none"), [item]).close()
    return here / "there.campaign"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a command says that is refused, in one line; nothing else is there afterwards."""
    before = {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()}
    assert run(["campaign", *arguments]) == 2
    caught = capsys.readouterr()
    assert caught.out == ""
    message, end, rest = caught.err.partition("\n")
    assert (end, rest) == ("\n", ""), caught.err
    after = {path.name: path.read_bytes() for path in Path.cwd().iterdir() if path.is_file()}
    made = {name for name in after if before.get(name) != after[name]}
    assert {name for name in made if not name.endswith((".lock", "-wal", "-shm"))} == set()
    return message.removeprefix("lockwright: ")


def test_a_plan_that_cannot_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "run", "none.toml") == (
        "cannot read the plan none.toml: No such file or directory"
    )
    assert refused(capsys, "run", "stress") == "cannot read the plan stress: Is a directory"
    Path("binary.toml").write_bytes(b"\xff\xfe")
    assert (
        refused(capsys, "run", "binary.toml") == "cannot read the plan binary.toml: it is no text"
    )


def test_a_plan_with_faults_names_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_text(f"{PLAN}\nstrategys = ['pct']\n", encoding="utf-8")
    said = refused(capsys, "run", "bad.toml")
    assert said.startswith("bad.toml: explore[0].strategys: ")
    assert "strategies" in said


def test_a_plan_of_scenarios_that_are_not_there(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.toml").write_text(PLAN.replace("fine/mutex:two", "fine/mutex:tow"), encoding="utf-8")
    done = lockwright_in(here, "campaign", "run", "bad.toml")
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert "plan fine: explore[0].scenarios[0]" in done.err
    assert "fine/mutex:tow" in done.err
    assert not Path("bad.campaign").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "there.campaign"),
        ("export", "there.campaign"),
        ("minimise", "there.campaign"),
        ("resume", "there.campaign"),
        ("compare", "other.campaign", "there.campaign"),
        ("compare", "other.campaign", "other.campaign"),  # nor one that has nothing to do with it
        ("run", "fine.plan.toml"),
    ],
)
def test_a_store_is_not_overwritten_by_what_is_said(
    store: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    shutil.copy(store, "other.campaign")
    said = refused(capsys, *arguments, "-o", "./there.campaign")
    assert said == "there.campaign would be overwritten: name another file for the output"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "-o", "there.json"),
        ("check", "--checkpoint", "there.json"),
        ("graph", "there.json", "-o", "there.json"),
        ("graph", "nothing.txt", "-o", "there.json"),
        ("splat", "nothing.txt", "--graph", "there.json"),
        ("program", "nothing.json", "-o", "there.json"),
    ],
)
def test_nor_is_one_that_any_other_command_is_to_write(
    store: Path, arguments: tuple[str, ...]
) -> None:
    store.rename("there.json")
    before = Path("there.json").read_bytes()
    assert run(list(arguments)) == 2
    assert Path("there.json").read_bytes() == before


def test_a_plan_is_not_overwritten_either(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ((), ("--dry-run",)):
        said = refused(capsys, "run", "fine.plan.toml", *more, "-o", "fine.plan.toml")
        assert said.startswith("fine.plan.toml would be overwritten")
    assert refused(capsys, "run", "fine.plan.toml", "-o", "fine.campaign").startswith(
        "fine.campaign would be overwritten"
    )


def test_a_store_that_is_there_is_not_begun_anew(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = store.read_bytes()
    assert refused(capsys, "run", "fine.plan.toml", "--store", "there.campaign") == (
        "there.campaign is there already: go on with `lockwright campaign resume there.campaign`, "
        "or name another one with --store"
    )
    Path("fine.campaign").write_text("mine", encoding="utf-8")
    assert "fine.campaign is there already" in refused(capsys, "run", "fine.plan.toml")
    assert store.read_bytes() == before
    assert Path("fine.campaign").read_text(encoding="utf-8") == "mine"


COMMANDS = (
    ("status", "there.campaign"),
    ("resume", "there.campaign"),
    ("export", "there.campaign", "-o", "-"),
    ("compare", "there.campaign", "there.campaign"),
    ("minimise", "there.campaign"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_store_that_is_missing_or_none(
    here: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert refused(capsys, *command).startswith("there is no there.campaign")
    Path("there.campaign").write_bytes(b"")
    assert "there.campaign" in refused(capsys, *command)
    Path("there.campaign").write_text("not a database at all, by far" * 100, encoding="utf-8")
    assert "there.campaign is no store of a campaign" in refused(capsys, *command)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_store_of_a_newer_version(
    store: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    said = refused(capsys, *command)
    assert "there.campaign" in said
    assert "newer" in said


def test_a_store_that_is_damaged(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray(store.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    store.write_bytes(data)
    said = refused(capsys, "resume", "there.campaign")
    assert said.startswith("there.campaign is damaged")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may write everything"
)
def test_a_store_that_is_read_only(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.chmod(0o400)
    assert "read-only" in refused(capsys, "resume", "there.campaign")


def test_a_store_that_another_process_writes(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(store, write=True):
        code = (
            "import sys; from lockwright.cli import run; "
            "sys.exit(run(['campaign', 'resume', 'there.campaign']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there.campaign" in done.stderr


def test_a_store_of_another_model_is_not_gone_on_with(store: Path) -> None:
    done = lockwright_in(store.parent, "campaign", "resume", "there.campaign")
    assert done.status == 2
    assert "the campaign is of another version of the model" in done.err


REFUSING = """
import sys
from lockwright.campaign.workers import LocalEngine
from lockwright.core.errors import UsageError
from lockwright.cli import run

async def serve(self, todo, done):
    raise UsageError("no process can be started here")

LocalEngine.serve = serve
sys.exit(run(["campaign", "run", "fine.plan.toml", "--quiet"]))
"""
WITHOUT_DASK = """
import sys
sys.modules["distributed"] = None
from lockwright.cli import run
sys.exit(run(["campaign", "run", "fine.plan.toml", "--engine", "dask"]))
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [(REFUSING, "no process can be started here"), (WITHOUT_DASK, "lockwright[dask]")],
    ids=["refusing", "without dask"],
)
def test_an_engine_that_cannot_begin_leaves_no_store(here: Path, code: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert said in done.stderr
    assert sorted(path.name for path in here.iterdir() if "campaign" in path.name) == []


@pytest.mark.slow
def test_a_dask_cluster_that_is_not_there_leaves_no_store(here: Path) -> None:
    engine = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    done = lockwright_in(here, "campaign", "run", "fine.plan.toml", *engine, "--quiet")
    assert (done.status, done.out) == (2, "")
    assert "tcp://127.0.0.1:9" in done.err
    assert sorted(path.name for path in here.iterdir() if "campaign" in path.name) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--engine", "slurm"), "'slurm' is not one of 'local', 'dask'"),
        (("--scheduler", "tcp://host:8786"), "--scheduler is for --engine dask"),
        (("--seconds", "-1"), "-1.0 is not in the range x>0"),
        (("--seconds", "nan"), "nan is no length of time"),
        (("--jobs", "0"), "'0' is no number of processes: expected 1 or more, or auto"),
        (("--format", "xml"), "'xml' is not one of 'text', 'json'"),
        (("--store", ""), "cannot write the store: the name of the file is empty"),
        (("-o", "none/answers.txt"), "cannot write none/answers.txt: there is no directory none"),
        (("--store", "none/s"), "there is no directory none"),
    ],
)
def test_options_that_cannot_be(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in refused(capsys, "run", "fine.plan.toml", *arguments)


def test_an_export_that_cannot_be_written(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("export", "there.campaign")
    assert "Missing option '-o'" in refused(capsys, *arguments)
    assert refused(capsys, *arguments, "-o", "none/a.jsonl") == (
        "cannot write none/a.jsonl: there is no directory none"
    )
    assert refused(capsys, *arguments, "-o", "stress") == "cannot write stress: it is a directory"
    parquet = (*arguments, "--format", "parquet")
    assert "fine.plan.toml" in refused(capsys, *parquet, "-o", "fine.plan.toml")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install 'lockwright[parquet]'" in refused(capsys, *parquet, "-o", "tables")


def test_a_command_without_a_store_says_what_it_wants(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(capsys, "status") == "Missing argument 'STORE'"
    assert "cannot open the store: the name of the file is empty" in refused(capsys, "status", "")
    assert "No such command 'stop'" in refused(capsys, "stop")
