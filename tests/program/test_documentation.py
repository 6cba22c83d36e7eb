"""PROGRAMS.md: its examples give what stands there, and it leaves no operation out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockwright.program import selftest, tasks, threadops
from lockwright.program.command import run_program_files
from lockwright.program.document import KEYS
from tests.program.files import one

TEXT = (Path(__file__).parents[2] / "PROGRAMS.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(
    r"```json\n(?P<program>.*?)```\n\n"
    r"```text\n\$ lockwright program (?P<file>\S+)\n(?P<said>.*?)```",
    re.DOTALL,
)
BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)
EXAMPLES = [match.groupdict() for match in EXAMPLE.finditer(TEXT)]


def test_every_json_block_is_an_example_with_its_output_or_says_what_it_expects(
    tmp_path: Path,
) -> None:
    assert len(EXAMPLES) == 3
    others = [text for text in BLOCK.findall(TEXT) if text not in [e["program"] for e in EXAMPLES]]
    assert len(others) == 1
    for text in others:
        entry = one(tmp_path, text)
        assert (entry["expected"], entry["lockdep"]["reality"]) == ("ok", "confirmed")


@pytest.mark.parametrize("example", EXAMPLES, ids=[each["file"] for each in EXAMPLES])
def test_an_example_says_what_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: dict[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path(example["file"])
    path.write_text(example["program"], encoding="utf-8")
    text, status = run_program_files([path])
    assert text + "\n" == example["said"]
    assert status == {"lost.json": 0, "abba.json": 1, "late.json": 0}[example["file"]]


@pytest.mark.parametrize(
    ("form", "ops"), [("tasks", tasks.OPS), ("threads", threadops.OPS), ("steps", selftest.OPS)]
)
def test_every_operation_and_key_of_a_form_stands_in_its_section(
    form: str, ops: dict[str, object] | tuple[str, ...]
) -> None:
    section = TEXT.split(f"\n## The form with `{form}`")[1].split("\n## ")[0]
    assert [op for op in ops if f'`["{op}"' not in section] == []
    if form == "threads":
        assert [kind for kind in threadops.KINDS if f"`{kind}`" not in section] == []
    assert [key for key in KEYS[form] if f"`{key}`" not in section] == []
    if form == "steps":
        assert [kind for kind in selftest.WAIT_TYPES if f"`{kind}`" not in section] == []
    else:
        said = set(re.findall(r'`\["(\w+)"', section))
        assert said <= {*ops, "label", "+"}
