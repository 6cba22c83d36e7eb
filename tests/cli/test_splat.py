"""`lockwright splat`: words, tables, programs, JSON, graphs, bad input, and mutated reports."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockwright.cli import run
from lockwright.commands.graph_forms import FORMS
from tests.cli.process import Done, environment, lockwright_in
from tests.report.golden_files import assert_golden

SPLATS = Path(__file__).parent.parent / "data" / "splats"
EVENTFS = "001_circular_6.5.0-rc1-test_x86.txt"
GOLDEN = {
    "circular": "001",
    "circular_of_nine": "038",
    "circular_with_reclaim": "090",
    "circular_with_work": "135",
    "circular_cut": "112",
    "recursive": "139",
    "recursive_of_two_locks": "140",
    "inconsistent": "086",
    "inconsistent_nmi": "065",
    "irq_order": "068",
    "irq_inversion": "152",
    "irq_inversion_backwards": "153",
    "wait_context": "197",
    "bad_unlock": "169",
    "held_freed": "178",
    "still_held": "063",
    "user_return": "050",
    "nested_not_taken": "082",
    "rcu": "187",
    "sleeping": "215",
    "sched_atomic": "079",
    "workqueue_leak": "118",
    "dept": "235",
}
KEYS = {
    *("kind", "comm", "pid", "kernel", "new_lock", "held_lock", "released", "chain", "held"),
    *("held_count", "lines", "complete", "missing"),
    *("file", "title", "words", "locks", "edges", "usage", "program", "exploration", "problems"),
}


def splat(directory: Path, *arguments: str, **more: str) -> Done:
    """Run the command as a process."""
    return lockwright_in(directory, "splat", *arguments, **more)


def file_of(start: str) -> str:
    """The name of a real report, by how it begins."""
    (path,) = SPLATS.glob(f"{start}*.txt")
    return path.name


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with two real reports."""
    shutil.copy(SPLATS / EVENTFS, tmp_path / "dmesg.txt")
    shutil.copy(SPLATS / file_of("140"), tmp_path / "two.txt")
    return tmp_path


@pytest.mark.parametrize("name", GOLDEN)
def test_the_text_of_a_real_report(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(SPLATS)
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(["splat", file_of(GOLDEN[name]), "--seconds", "60"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    assert_golden(f"splat_{name}.txt", out)


def test_reports_of_several_files_are_told_in_their_order(files: Path) -> None:
    done = splat(files, "two.txt", "dmesg.txt", "--no-explore")
    assert (done.status, done.err) == (0, "")
    heads = [line for line in done.out.splitlines() if line.startswith("== ")]
    assert heads == [
        "== two.txt:1: possible recursive locking",
        "== two.txt:57: sleeping function called from invalid context",
        "== dmesg.txt:1: possible circular locking dependency",
    ]
    assert done.out.endswith("\n3 reports: 1 recursive, 1 sleeping, 1 circular\n")
    assert "as a program of 3 threads, not explored." in " ".join(done.out.split())
    assert "\x1b" not in done.out


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_is_read(arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockwright", "splat", *arguments],
        cwd=SPLATS,
        env=environment(),
        input=(SPLATS / EVENTFS).read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.startswith(b"== standard input:1: possible circular locking dependency\n")


def test_json_is_a_list_with_the_promised_keys(files: Path) -> None:
    done = splat(files, "dmesg.txt", "two.txt", "--format", "json")
    assert (done.status, done.err) == (0, "")
    data = json.loads(done.out)
    assert [each["kind"] for each in data] == ["circular", "recursive", "sleeping"]
    assert all(set(each) == KEYS for each in data)
    first = data[0]
    assert (first["comm"], first["pid"], first["kernel"]) == ("trace-cmd", 840, "6.5.0-rc1-test+")
    assert (first["new_lock"], first["held_lock"]) == (
        "&sb->s_type->i_mutex_key#5",
        "eventfs_rwsem/1",
    )
    assert first["chain"] == [[1, "eventfs_rwsem/1"], [0, "&sb->s_type->i_mutex_key#5"]]
    assert first["held"] == ["eventfs_rwsem/1"]
    assert first["complete"] is True
    assert first["missing"] == first["problems"] == []
    assert first["edges"][0] == {
        "held": "&sb->s_type->i_mutex_key#5",
        "taken": "eventfs_rwsem/1",
        "kind": "?N",
        "at": "eventfs_root_lookup()",
    }
    assert first["exploration"]["verdict"] == "deadlock"
    assert first["exploration"]["reason"] is None
    assert data[2]["program"] is None
    assert "by itself" in data[2]["exploration"]["reason"]


def test_the_json_is_a_source_of_graphs(files: Path) -> None:
    assert splat(files, "dmesg.txt", "--format", "json", "-o", "reports.json").status == 0
    done = lockwright_in(files, "graph", "reports.json", "--cycles")
    assert done.status == 1
    assert "cycles: 1 strong" in done.out


def test_the_programs_that_are_written_run_and_replay(files: Path) -> None:
    done = splat(files, "dmesg.txt", "two.txt", "--program", "p.json")
    assert done.status == 0
    data = json.loads((files / "p.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in data["programs"]] == ["circular-1", "recursive-2"]
    ran = lockwright_in(files, "program", "p.json")
    assert ran.status == 1
    assert "circular-1   violated" in ran.out
    assert "possible circular locking dependency (confirmed)" in ran.out
    replays = [line for line in done.out.splitlines() if line.startswith("replay: ")]
    assert len(replays) == 2
    token = replays[0].rpartition(" ")[2].strip("'")
    again = lockwright_in(files, "program", "p.json", "--replay", token)
    assert again.status == 1
    assert "deadlock: 3 tasks wait for ever" in again.out


@pytest.mark.parametrize("suffix", sorted(FORMS))
def test_the_graph_of_all_reports_is_written(files: Path, suffix: str) -> None:
    done = splat(files, "dmesg.txt", "two.txt", "--graph", f"g{suffix}", "--no-explore")
    assert done.status == 0
    text = (files / f"g{suffix}").read_text(encoding="utf-8")
    assert "eventfs_rwsem/1" in text
    assert "group-&gt;lock" in text or "group->lock" in text
    if suffix in (".svg", ".graphml"):
        ET.fromstring(text)


def test_a_file_with_no_report_is_an_error_and_nothing_is_written(files: Path) -> None:
    (files / "mail.txt").write_text("Hello,\nthe machine hangs.\n", encoding="utf-8")
    done = splat(files, "dmesg.txt", "mail.txt", "-o", "out.txt", "--program", "p.json")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lockwright: no lock report found in mail.txt\nexpected: the text")
    assert not (files / "out.txt").exists()
    assert not (files / "p.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.txt",), "cannot read gone.txt: No such file or directory"),
        ((".",), "cannot read .: Is a directory"),
        (("dmesg.txt", "--graph", "g.png"), "cannot write 'g.png': its name must end in .svg"),
        (("dmesg.txt", "--program", "no/p.json"), "cannot write no/p.json: there is no directory"),
        (("dmesg.txt", "--executions", "0"), "0 is not in the range x>=1"),
        (("dmesg.txt", "--seconds", "nan"), "nan is no length of time"),
    ],
)
def test_bad_input_gets_one_message(files: Path, arguments: tuple[str, ...], said: str) -> None:
    done = splat(files, *arguments)
    assert done.status == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) == 1


def test_no_program_to_write_is_an_error_after_the_text(files: Path) -> None:
    shutil.copy(SPLATS / file_of("169"), files / "unlock.txt")
    done = splat(files, "unlock.txt", "--program", "p.json")
    assert done.status == 2
    assert "bad unlock balance" in done.out
    assert "no report gives a program" in done.err
    assert not (files / "p.json").exists()


def test_a_damaged_report_is_read_and_says_what_it_lacks(files: Path) -> None:
    lines = (files / "dmesg.txt").read_text(encoding="utf-8").splitlines()
    (files / "cut.txt").write_text("\n".join(lines[:20]), encoding="utf-8")
    done = splat(files, "cut.txt")
    assert done.status == 0
    assert "Missing or damaged\n" in done.out
    assert "No program is made of this report" in done.out
    assert done.out.endswith("1 report: 1 circular; 1 of them not complete\n")


def test_a_narrow_terminal_gets_narrow_text(files: Path) -> None:
    done = splat(files, "dmesg.txt", COLUMNS="50")
    assert max(map(len, done.out.splitlines())) <= 50
    wide = splat(files, "dmesg.txt", COLUMNS="200")
    assert max(map(len, wide.out.splitlines())) <= 80


def test_the_same_reports_give_the_same_bytes() -> None:
    names = [path.name for path in sorted(SPLATS.glob("1[0-4]*.txt"))]
    first, second = (
        splat(SPLATS, *names, "--executions", "2000", "--seconds", "60", PYTHONHASHSEED=seed).out
        for seed in ("1", "2")
    )
    assert first == second
    assert "reports: " in first


LINES = [path.read_text(encoding="utf-8").splitlines() for path in sorted(SPLATS.glob("*.txt"))]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real report with lines lost, doubled, moved, cut, or of another report."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    lines = list(draw(st.sampled_from(LINES)))
    for _ in range(draw(st.integers(1, 12))):
        at = chance.randrange(len(lines)) if lines else 0
        how = chance.randrange(6)
        if how == 0:
            del lines[at : at + chance.randrange(1, 8)]
        elif how == 1:
            lines[at:at] = lines[at : at + 3]
        elif how == 2 and lines:
            cut = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:cut] + chance.choice(["", "\x00", "(){}", "#7", "\ufffd"])
        elif how == 3:
            other = chance.choice(LINES)
            start = chance.randrange(len(other))
            lines[at:at] = other[start : start + chance.randrange(1, 20)]
        elif how == 4:
            del lines[at:]
        elif lines:
            other_at = chance.randrange(len(lines))
            lines[at], lines[other_at] = lines[other_at], lines[at]
    return "\n".join(lines)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=mutated(), fmt=st.sampled_from(["text", "json"]))
def test_whatever_is_done_to_a_report_there_is_no_traceback_and_an_end(
    text: str, fmt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mutated.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    begin = time.process_time()
    status = run(["splat", str(path), "--format", fmt, "--executions", "200", "--seconds", "1"])
    out, err = capsys.readouterr()
    assert status in (0, 2), err
    assert "Traceback" not in err
    assert (status == 0) == bool(out)
    assert status == 0 or "no lock report found" in err
    if status == 0 and fmt == "json":
        assert all(set(each) == KEYS for each in json.loads(out))
    elif status == 0:
        assert max(map(len, out.splitlines())) <= 80
    assert time.process_time() - begin < 15
