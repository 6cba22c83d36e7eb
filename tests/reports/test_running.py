"""The reports end in one message where something cannot be read or written."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from lockwright.core.errors import UsageError
from reports.running import run, spread, table_in, written


def ending(error: BaseException | None) -> click.Command:
    @click.command()
    def command() -> None:
        if error is not None:
            raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (None, 0, ""),
        (FileNotFoundError(2, "No such file or directory", "a.json"), 2, "a.json: No such file"),
        (UsageError("a verdict is missing"), 2, "lockwright: a verdict is missing"),
        (ValueError("not a number"), 2, "lockwright: not a number"),
        (click.UsageError("no such option"), 2, "no such option"),
        (click.Abort(), 130, ""),
    ],
)
def test_each_end_has_its_status_and_its_message(
    error: BaseException | None,
    status: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["report"])
    with pytest.raises(SystemExit, match=rf"^{status or ''}$"):
        run(ending(error))
    assert said in capsys.readouterr().err


def test_a_status_of_the_command_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["report"])
    with pytest.raises(SystemExit, match="1"):
        run(ending(SystemExit(1)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_spread_comes_back_in_order(jobs: int) -> None:
    assert list(spread(abs, [-3, -1, -2, 0], jobs)) == [3, 1, 2, 0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is no JSON"), ("[]", "expected an object"), ('{"a": 1}', "expected an object")],
)
def test_a_baseline_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "verdicts.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        table_in(path)


def test_what_is_written_has_its_directory_made(tmp_path: Path) -> None:
    path = tmp_path / "out" / "table.md"
    written(path, "new\n")
    assert path.read_text(encoding="utf-8") == "new\n"


def test_what_cannot_be_written_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.md"
    path.mkdir()
    with pytest.raises(UsageError, match=r"table\.md"):
        written(path, "new\n")
    assert path.is_dir()
