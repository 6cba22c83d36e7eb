"""What others read: the template's tests and the page of the documentation run as they stand."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import lockwright

ROOT = Path(__file__).parents[3]
TEMPLATE = Path(lockwright.__file__).parent / "templates" / "new"


def test_the_tests_of_a_new_project_pass(pytester: pytest.Pytester) -> None:
    shutil.copytree(TEMPLATE, pytester.path, dirs_exist_ok=True)
    # in a process of its own, as here is another package `stress`
    pytester.runpytest_subprocess("-W", "error", "-p", "no:xdist").assert_outcomes(passed=2)


def test_the_tests_of_a_new_project_see_the_bug(pytester: pytest.Pytester) -> None:
    shutil.copytree(TEMPLATE, pytester.path, dirs_exist_ok=True)
    model = pytester.path / "model" / "transfer.py"
    text = model.read_text(encoding="utf-8")
    assert "if sorted_locks and" in text
    model.write_text(text.replace("if sorted_locks and", "if False and"), encoding="utf-8")
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1, failed=1)


def test_the_tests_of_the_page_pass(pytester: pytest.Pytester) -> None:
    text = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    pytester.makepyfile(test_bank="\n\n".join(blocks))
    pytester.runpytest("-W", "error").assert_outcomes(passed=5)
