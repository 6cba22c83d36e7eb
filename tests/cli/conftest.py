"""One project for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.process import BROKEN_MODELS, SCENARIOS, make_project


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a deadlock, a false alarm, and a scenario without a fault."""
    return make_project(tmp_path_factory.mktemp("demo") / "project", scenarios=SCENARIOS)


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose models cannot be judged."""
    made = tmp_path_factory.mktemp("bad") / "project"
    return make_project(made, broken=BROKEN_MODELS, scenarios=SCENARIOS)
