"""Somebody's project, whose tests pytest runs in here."""

from __future__ import annotations

import pytest

# pytest inside pytest forgets what it has imported: what was there before stays
import lockwright.pytest_plugin.running
import lockwright.pytest_plugin.summary  # noqa: F401  # for the same reason
from tests.testing.pytest.sample import CALLS, PYPROJECT, SCENARIOS, TESTS


@pytest.fixture(autouse=True)
def no_other_plugin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Hypothesis loads at the end of each run takes longer than the run."""
    if "pytester" in request.fixturenames:
        request.getfixturevalue("pytester")  # which removes the variable
        monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:cacheprovider")


@pytest.fixture
def theirs(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with two scenarios, a vocabulary, and tests: one of them fails."""
    pytester.makefile(".toml", pyproject=PYPROJECT)
    pytester.makepyfile(shelf=SCENARIOS, table=CALLS, test_shelf=TESTS)
    return pytester
