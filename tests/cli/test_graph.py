"""`lockwright graph` as a process: sources of every kind, pictures, cycles, paths, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.process import Done, environment, lockwright_in

SPLATS = Path(__file__).parent.parent / "data" / "splats"
EVENTFS = "001_circular_6.5.0-rc1-test_x86.txt"
LOCKDEP = """\
all lock classes:
c0425a3c FD:    3 BD:    1 ....: top
 -> [c0425a3d] middle#2

c0425a3d FD:    2 BD:    2 ....: middle#2
 -> [c0425a3e] bottom

c0425a3e FD:    1 BD:    3 ....: bottom

"""


def graph(directory: Path, *arguments: str, **more: str) -> Done:
    """Run the command."""
    return lockwright_in(directory, "graph", *arguments, **more)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with a dump and a real report."""
    (tmp_path / "lockdep.txt").write_text(LOCKDEP, encoding="utf-8")
    text = (SPLATS / EVENTFS).read_text(encoding="utf-8")
    (tmp_path / "dmesg.txt").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_report_shows_its_cycle_and_its_call_chains(files: Path) -> None:
    done = graph(files, "dmesg.txt")
    assert done.status == 1
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[0] == "lock graph: 2 lock classes, 2 orders, from 1 source"
    assert "&sb->s_type->i_mutex_key#5 {++++}-{3:3}" in lines
    assert "cycle 1: a strong cycle of 2 lock classes, as a kernel reported (dmesg.txt:1)" in lines
    assert "      eventfs_root_lookup+0x42/0x120" in lines
    assert lines[-1] == "cycles: 1 strong"


def test_a_dump_without_a_cycle_lists_the_orders(files: Path) -> None:
    done = graph(files, "lockdep.txt")
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "lock graph: 3 lock classes, 2 orders, from 1 source\n\n"
        "top {....}\n  -> middle#2  ??\nmiddle#2 {....}\n  -> bottom  ??\nbottom {....}\n\n"
        "no cycle\n"
    )


def test_standard_input_is_a_source_too(files: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lockwright", "graph", "-", "lockdep.txt", "--cycles"],
        cwd=files,
        env=environment(),
        input=(files / "dmesg.txt").read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert b"as a kernel reported (standard input:1)" in b" ".join(done.stdout.split())
    assert b"from 2 sources" in done.stdout
    assert b"-> bottom" not in done.stdout


def test_a_scenario_is_explored_for_its_graph(demo: Path) -> None:
    done = graph(demo, "demo/abba:two", "--cycles")
    assert done.status == 1
    assert "  A -> B  EN  demo/abba:two" in done.out
    assert "cycles: 1 strong" in done.out
    assert "A {+.+.}-{3:3}\n  -> B  EN\n" in graph(demo, "demo/abba:two").out
    assert graph(demo, "fine/mutex:two").status == 0


def test_a_scenario_that_is_not_explored_to_the_end_is_named(demo: Path) -> None:
    done = graph(demo, "demo/abba:two", "--executions", "1")
    assert "demo/abba:two: not explored to the end" in done.err


@pytest.mark.parametrize("strategy", ["results", "graph"])
def test_results_and_graphs_as_json_are_sources(demo: Path, tmp_path: Path, strategy: str) -> None:
    file = tmp_path / "kept.json"
    if strategy == "results":
        done = lockwright_in(demo, "check", "demo/abba", "--format", "json", "-o", str(file))
    else:
        done = graph(demo, "demo/abba", "-o", str(file))
    assert done.status == 1
    again = graph(tmp_path, "kept.json", "--cycles")
    assert again.status == 1
    assert "  A -> B  EN  demo/abba:two" in again.out
    assert "cycle 1: a strong cycle of 2 lock classes: confirmed" in again.out
    assert "  replay: lockwright replay 'lw1~demo/abba:two~" in again.out


def test_a_campaign_is_a_source_with_what_its_findings_say(demo: Path) -> None:
    plan = '[campaign]\nname = "c"\n\n[[explore]]\nscenarios = ["demo/abba:two"]\n'
    (demo / "c.plan.toml").write_text(plan, encoding="utf-8")
    ran = lockwright_in(demo, "campaign", "run", "c.plan.toml", "-j", "1")
    assert ran.status == 1, ran.err
    done = graph(demo, "c.campaign", "--cycles")
    assert (done.status, done.err) == (1, "")
    assert "cycle 1: a strong cycle of 2 lock classes: confirmed" in done.out
    assert "  confirmed in demo/abba:two dpor: " in done.out


def test_it_is_written_in_several_forms_at_once(files: Path) -> None:
    assert graph(files, "dmesg.txt", "-o", "out.svg", "-o", "out.dot").status == 1
    assert (files / "out.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (files / "out.dot").read_text(encoding="utf-8").startswith("digraph")


@pytest.mark.parametrize("given", [("kept.json",), ("--compare", "kept.json", "lockdep.txt")])
@pytest.mark.parametrize("name", ["kept.json", "./kept.json", "link.json"])
def test_what_is_read_is_not_overwritten(files: Path, given: tuple[str, ...], name: str) -> None:
    graph(files, "dmesg.txt", "-o", "kept.json")
    before = (files / "kept.json").read_bytes()
    (files / "link.json").symlink_to("kept.json")
    done = graph(files, *given, "-o", name)
    assert (done.status, done.out) == (2, "")
    assert "would be overwritten: name another file" in done.err
    assert (files / "kept.json").read_bytes() == before


@pytest.mark.parametrize("suffix", [".svg", ".dot", ".graphml", ".json", ".html"])
def test_the_graph_is_written_in_the_form_that_the_name_asks_for(files: Path, suffix: str) -> None:
    done = graph(files, "dmesg.txt", "lockdep.txt", "-o", f"out{suffix}")
    assert done.status == 1
    assert "top {....}" not in done.out
    text = (files / f"out{suffix}").read_text(encoding="utf-8")
    if suffix in (".svg", ".graphml"):
        ET.fromstring(text)
    if suffix in (".graphml", ".json"):
        again = graph(files, f"out{suffix}", "--format", "json")
        first = graph(files, "dmesg.txt", "lockdep.txt", "--format", "json")
        assert json.loads(again.out)["graph"] == json.loads(first.out)["graph"]
        assert (again.status, first.status) == (1, 1)


def test_the_same_sources_give_the_same_bytes(files: Path) -> None:
    names = [str(path) for path in sorted(SPLATS.glob("*circular*.txt"))[:12]]
    kept = []
    for seed in ("1", "2"):
        done = graph(files, *names, "-o", "out.svg", PYTHONHASHSEED=seed)
        kept.append((done.out, done.err, (files / "out.svg").read_bytes()))
    assert kept[0] == kept[1]


def test_json_has_graph_cycles_and_paths(files: Path) -> None:
    done = graph(files, "lockdep.txt", "--path", "top", "bottom", "--format", "json")
    data = json.loads(done.out)
    assert data["version"] == 1
    assert data["cycles"] == data["problems"] == data["notes"] == []
    assert data["paths"] == [
        {
            "classes": ["top", "middle#2", "bottom"],
            "kinds": ["??", "??"],
            "strength": "possible",
            "weak_at": [],
        }
    ]


def test_a_path_is_shown_and_its_absence_said(files: Path) -> None:
    done = graph(files, "lockdep.txt", "--path", "top", "bottom")
    assert done.status == 0
    assert "shortest path from top to bottom: 2 orders, possible\n  top -> middle#2  ??" in done.out
    assert "cycle" not in done.out.replace("such a cycle", "")
    assert (
        "no path from bottom to top" in graph(files, "lockdep.txt", "--path", "bottom", "top").out
    )


def test_only_what_is_near_is_shown(files: Path) -> None:
    done = graph(files, "lockdep.txt", "--around", "bottom")
    assert "2 lock classes, 1 order," in done.out
    assert "3 lock classes" in graph(files, "lockdep.txt", "--around", "bottom", "--depth", "2").out


def test_numbers_in_names_are_folded_on_demand_and_warned_of_else(files: Path) -> None:
    plain = graph(files, "lockdep.txt", "dmesg.txt")
    assert "numbers in names (#N) differ from one boot to another" in plain.out
    folded = graph(files, "lockdep.txt", "dmesg.txt", "--fold-numbers")
    assert "  -> middle  ??" in folded.out
    assert "numbers in names (#N) are left out" in " ".join(folded.out.split())


def test_problems_of_a_dump_are_told_with_its_name_and_line(files: Path) -> None:
    (files / "lockdep.txt").write_text(LOCKDEP.replace(" -> [", " -> [x", 1), encoding="utf-8")
    done = graph(files, "lockdep.txt")
    assert done.status == 0
    said = "lockdep.txt: line 3: not understood in lockdep: '-> [xc0425a3d] middle#2'"
    assert done.err == f"lockwright: {said}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing.txt",), "there is no file 'nothing.txt', and no project here"),
        (("lockdep.txt", "empty.txt"), "empty.txt: nothing that can be used: expected kernel"),
        (("noise.bin",), "noise.bin: nothing that can be used"),
        (("bad.json",), "bad.json: malformed JSON"),
        (("directory",), "cannot read directory: Is a directory"),
        (("lockdep.txt", "-o", "x.png"), "cannot write 'x.png': its name must end in .svg, .html"),
        (("lockdep.txt", "-o", "no/x.svg"), "there is no directory no"),
        (("lockdep.txt", "--path", "top", "botom"), "no lock class 'botom' in this graph; did you"),
        (("lockdep.txt", "--around", "x"), "no lock class 'x' in this graph"),
        (("lockdep.txt", "--compare", "dmesg.txt", "dmesg.txt"), "SOURCE is one too many"),
        (("--compare", "dmesg.txt", "nothing.txt"), "there is no file 'nothing.txt'"),
        (
            ("--compare", "dmesg.txt", "dmesg.txt", "-o", "x.graphml"),
            "must end in .svg, .html, .dot",
        ),
        (("--compare", "dmesg.txt", "dmesg.txt", "--around", "x"), "no lock class 'x'"),
        (("lockdep.txt", "--depth", "-1"), "Invalid value for '--depth'"),
        ((), "Missing argument 'SOURCE...'"),
    ],
)
def test_bad_input_is_one_message_and_status_2(
    files: Path, arguments: tuple[str, ...], said: str
) -> None:
    (files / "empty.txt").write_text("", encoding="utf-8")
    (files / "noise.bin").write_bytes(bytes(range(256)) * 9)
    (files / "bad.json").write_text('{"graph": ', encoding="utf-8")
    (files / "directory").mkdir()
    done = graph(files, *arguments)
    assert done.status == 2
    assert done.out == ""
    assert done.err.startswith("lockwright: ")
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_hostile_name_cannot_command_the_terminal(files: Path) -> None:
    text = LOCKDEP.replace("bottom", "bo\x1b]0;own\x07ttom")
    (files / "lockdep.txt").write_text(text, encoding="utf-8")
    done = graph(files, "lockdep.txt")
    assert "\x1b" not in done.out
    assert "bo\\x1b]0;own\\x07ttom" in done.out


def test_starting_the_command_line_does_not_load_networkx(files: Path) -> None:
    program = "import sys, lockwright.cli; print('networkx' in sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_two_graphs_are_compared(files: Path) -> None:
    (files / "new.txt").write_text(LOCKDEP.replace("bottom", "floor"), encoding="utf-8")
    done = graph(files, "--compare", "lockdep.txt", "new.txt")
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "old: 3 lock classes, 2 orders, from 1 source\n"
        "new: 3 lock classes, 2 orders, from 1 source\n\n"
        "classes: 1 gone, 1 new\n  - bottom\n  + floor\n\n"
        "orders: 1 gone, 1 new, 0 of other kinds\n"
        "  - middle#2 -> bottom  ??\n  + middle#2 -> floor  ??\n"
    )
    assert graph(files, "--compare", "lockdep.txt", "lockdep.txt").out.endswith("nothing differs\n")


def test_the_new_graph_alone_decides_the_exit_status(files: Path) -> None:
    fixed = graph(files, "--compare", "dmesg.txt", "lockdep.txt", "--cycles")
    assert fixed.status == 0
    assert "gone cycle 1: a strong cycle of 2 lock classes" in fixed.out
    assert "classes:" not in fixed.out
    broken = graph(files, "--compare", "lockdep.txt", "dmesg.txt", "--format", "json")
    assert broken.status == 1
    data = json.loads(broken.out)
    assert (len(data["cycles"]["new"]), data["cycles"]["gone"]) == (1, [])
    assert data["problems"] == data["notes"] == []


def test_more_sources_of_both_graphs_are_named_with_the_option_again(files: Path) -> None:
    pairs = ("--compare", "lockdep.txt", "lockdep.txt", "--compare", "lockdep.txt", "dmesg.txt")
    done = graph(files, *pairs)
    assert done.status == 1
    assert "new: 5 lock classes, 4 orders, from 2 sources" in done.out
    near = graph(files, *pairs, "--around", "middle#2")
    assert "new: 3 lock classes, 2 orders" in near.out


@pytest.mark.parametrize("suffix", [".svg", ".dot", ".json", ".html"])
def test_a_comparison_is_written_in_the_form_that_the_name_asks_for(
    files: Path, suffix: str
) -> None:
    done = graph(files, "--compare", "dmesg.txt", "lockdep.txt", "-o", f"out{suffix}")
    assert done.status == 0
    assert "orders:" not in done.out
    text = (files / f"out{suffix}").read_text(encoding="utf-8")
    if suffix == ".svg":
        ET.fromstring(text)
    elif suffix == ".json":
        assert json.loads(text)["format"] == "lock graph comparison"
    assert "middle#2" in text
    assert "eventfs_rwsem" in text
