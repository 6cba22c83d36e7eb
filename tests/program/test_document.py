"""What is wrong with a file is told with its name, its program, its task and its step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lockwright.core.errors import UsageError
from lockwright.program.command import run_program_files
from lockwright.program.document import Place, read_file, read_text
from tests.program.files import DATA, run, written

LOCKS = {"tasks": {"t": [["lock", "m"], ["unlock", "m"]]}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "malformed JSON at line 1, column 1: Expecting value"),
        ('{"tasks": ', "malformed JSON at line 1, column 11"),
        ('{"tasks": {"t": [["lock", "m"]]', "malformed JSON at line 1, column 32"),
        ("[]", "it holds an empty list"),
        ("3", "it holds 3"),
        ("null", "it holds null"),
        (
            "{}",
            'program program: it has none of the keys "tasks" or "threads" or "steps"\nexpected: ',
        ),
        ('{"programs": [{"name": "a"}]}', "program a: it has none of the keys"),
        ('{"taskss": {}}', 'unknown key "taskss"\nexpected: did you mean tasks?'),
        ('{"programs": []}', "its programs is an empty list"),
        ('{"programs": {}}', "its programs is an empty object"),
        ('{"programs": [], "cases": []}', "it has programs and cases"),
        ('{"programs": [3]}', "program number 0: it is 3"),
        ('{"programs": [{"tasks": {}}]}', "program number 0: it has no name"),
        ('{"programs": [{"name": "", "tasks": {}}]}', 'program number 0: its name is ""'),
        ('{"programs": [{"name": "a\\nb", "tasks": {}}]}', 'its name is "a\\nb"'),
        ('{"tasks": {"t": [["write", "x", NaN]]}}', "it holds NaN, which is not JSON"),
        ('{"tasks": {"t": [["write", "x", -Infinity]]}}', "it holds -Infinity"),
        ('{"tasks": {}, "tasks": {}}', 'an object has the key "tasks" twice'),
        ('{"tasks": {}, "threads": {}}', "it has tasks and threads"),
        ("[" * 100_000, "it is nested too deeply"),
        (
            '{"vars":\n{"x": -' + "9" * 5000 + "}}",
            "a number of 5000 digits at line 2\nexpected: whole numbers of at most 1000 digits",
        ),
        ('{"vars": {"x": 1e999}}', "it holds 1e999, which is too large\nexpected: whole numbers"),
    ],
)
def test_what_is_no_program_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=re.escape(problem)) as error:
        run_program_files([path], fmt="json")
    assert str(error.value).startswith(f"{path}: ")
    assert "\nexpected: " in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent.json: cannot read it: No such file"):
        read_file(tmp_path / "absent.json")
    with pytest.raises(UsageError, match="cannot read it: Is a directory"):
        read_file(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes(b'{"title": "\xe9"}')
    with pytest.raises(UsageError, match=r"it is not UTF-8 text: .* at byte 11"):
        read_file(path)


def test_every_fault_is_found_before_the_first_program_runs(tmp_path: Path) -> None:
    programs = [{"name": "good", **LOCKS}, {"name": "bad", "tasks": {"t": [["lokc", "m"]]}}]
    with pytest.raises(UsageError, match=r'program bad: task t: step 0 \["lokc", "m"\]'):
        run(tmp_path, {"programs": programs})


@pytest.mark.parametrize("key", ["task", "var", "expct", "vas"])
def test_a_key_that_looks_misspelt_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match=f'unknown key "{key}"\nexpected: did you mean'):
        run(tmp_path, {**LOCKS, key: {}})


@pytest.mark.parametrize(
    ("program", "key", "form"),
    [
        (LOCKS, "locks", '"threads" or "steps"'),
        (LOCKS, "start", '"threads"'),
        (LOCKS, "classes", '"threads"'),
        (LOCKS, "work", '"threads"'),
        (LOCKS, "irq", '"threads"'),
        (LOCKS, "lockdep", '"threads"'),
        ({"threads": LOCKS["tasks"]}, "vars", '"tasks"'),
        ({"threads": LOCKS["tasks"]}, "expect", '"tasks"'),
        ({"steps": [["unlock", "a", None, None]]}, "start", '"threads"'),
    ],
)
def test_a_key_of_another_form_is_refused(
    tmp_path: Path, program: dict[str, object], key: str, form: str
) -> None:
    own = next(iter(program))
    problem = (
        f'the key "{key}" belongs to programs with {form}, and this one has "{own}"\n'
        f"expected: beside remarks, the keys {own}, "
    )
    with pytest.raises(UsageError, match=re.escape(problem)):
        run(tmp_path, {**program, key: {}})


def test_other_keys_are_remarks(tmp_path: Path) -> None:
    assert len(run(tmp_path, {**LOCKS, "seen_in": "a talk"})) == 1


def test_a_lone_program_is_called_what_its_file_is_called(tmp_path: Path) -> None:
    assert run(tmp_path, LOCKS)[0]["name"] == "program"


def test_the_digest_is_that_of_the_program_not_of_its_spelling() -> None:
    place = Place("f.json")
    (one,) = read_text('{"tasks": {"t": []}, "vars": {"x": 1}}', place)
    (same,) = read_text('{"vars":{"x":1},\n"tasks":{"t":[]}}', place)
    (other,) = read_text('{"tasks": {"t": []}, "vars": {"x": 2}}', place)
    assert one.digest == same.digest != other.digest


@pytest.mark.parametrize(
    ("name", "form", "count"),
    [
        ("dpor_programs", "tasks", 51),
        ("lock_cycles", "threads", 18),
        ("locking_selftests", "steps", 266),
    ],
)
def test_all_recorded_programs_are_read(name: str, form: str, count: int) -> None:
    documents = read_file(DATA / f"{name}.json")
    assert [document.form for document in documents] == [form] * count
