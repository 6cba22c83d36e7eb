"""The README's pictures."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lockwright.core.errors import UsageError
from reports import pictures
from stress.corpus.entry import ROOT

SHOWN = re.compile(r"!\[[^]]{20,}\]\((docs/pictures/[^)]+)\)")
PNG = b"\x89PNG"
CHROMIUM = os.environ.get(pictures.CHROMIUM) or shutil.which("chromium")


def test_the_readme_shows_both_pictures_and_says_what_is_on_them() -> None:
    shown = SHOWN.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown == ["docs/pictures/timeline.png", "docs/pictures/lock-graph.png"]
    for name in shown:
        assert (ROOT / name).read_bytes().startswith(PNG)


def test_without_a_browser_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pictures.CHROMIUM, raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match="no Chromium here"):
        pictures.opened("", dark=False).__enter__()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_they_can_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES", tmp_path)
    done = CliRunner().invoke(pictures.main, catch_exceptions=False)
    assert done.output == "made: lock-graph.png, timeline.png\n"
    assert all(path.read_bytes().startswith(PNG) for path in tmp_path.iterdir())
