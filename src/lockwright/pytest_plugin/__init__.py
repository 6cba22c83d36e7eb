"""The pytest plugin: what every run loads, which is little; all else is loaded when it is used.

The fixture `explore` (`explorer.py`), the marker `interleavings` (`asked.py`), how a failure is
shown (`told.py`), `--lockwright-replay` (`running.py`), `--lockwright-report` (`gathered.py`) and
the plans of campaigns as tests (`plans.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lockwright.pytest_plugin.explorer import Explore
    from lockwright.pytest_plugin.plans import PlanFile
    from lockwright.pytest_plugin.trio_explorer import ExploreTrio

RUNNING = "lockwright.pytest_plugin.running"
FAILING = "lockwright.testing.failure"
CHOICE = "lockwright.testing.choice"
DEFAULT = "dev"
PROFILES = (DEFAULT, "ci", "thorough")
"""As in `testing/choice.py`, which only a run that chooses one has to load."""
_BEFORE = pytest.StashKey[str]()
_MARKER = (
    "interleavings(*, strategy, executions, seconds, granularity, seed, rules, depth, bound, mix, "
    "attempts, jobs, coverage, memory, parameters): how the fixture explore explores in this test."
)
_PLAN_MARKER = "lockwright_plan: a test that comes of a campaign's plan."
PLANS = "*.plan.toml"
"""The plans of campaigns that are tests, if the ini option says nothing."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `pytest --help` has of ours."""
    group = parser.getgroup("lockwright", "exploring interleavings (lockwright)")
    group.addoption(
        "--lockwright-profile",
        choices=PROFILES,
        metavar="PROFILE",
        help="how much explorations and concurrent machines may cost: "
        f"{', '.join(PROFILES)} (default: the ini option, else {DEFAULT})",
    )
    group.addoption(
        "--lockwright-seed", type=int, metavar="N", help="seed of random strategies (default: 0)"
    )
    group.addoption(
        "--lockwright-replay",
        metavar="TOKEN",
        help="explore only this one schedule, in the tests that explore its scenario",
    )
    group.addoption(
        "--lockwright-force",
        action="store_true",
        help="with --lockwright-replay: take a token of another version of the model",
    )
    group.addoption(
        "--lockwright-report",
        metavar="DIR",
        help="write each exploration's result, and each finding, to files in this directory",
    )
    parser.addini("lockwright_profile", "the profile, where --lockwright-profile gives none")
    parser.addini(
        "lockwright_project",
        "directory of the project, from this file on, whose scenarios have names (default: .)",
        default=".",
    )
    parser.addini(
        "lockwright_plans",
        f"patterns of the campaigns' plans that are tests (default: {PLANS})",
        type="args",
        default=[PLANS],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; load the rest only for a run that asks for it."""
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _PLAN_MARKER)
    name = config.getoption("lockwright_profile") or config.getini("lockwright_profile")
    if name and name not in PROFILES:
        raise pytest.UsageError(f"lockwright_profile = {name}: expected {', '.join(PROFILES)}")
    if name or CHOICE in sys.modules:
        from lockwright.testing.choice import choose  # noqa: PLC0415  # not in every run

        config.stash[_BEFORE] = choose(name or DEFAULT)
    token, directory = _asked(config)
    if token is not None or directory is not None:
        from lockwright.pytest_plugin import running  # noqa: PLC0415  # not in every run

        running.configure(config, token, directory)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The process goes by the profile of before, as where pytest runs inside pytest."""
    if _BEFORE in config.stash:
        from lockwright.testing.choice import choose  # noqa: PLC0415  # not in every run

        choose(config.stash[_BEFORE])


def _asked(config: pytest.Config) -> tuple[str | None, str | None]:
    return config.getoption("lockwright_replay"), config.getoption("lockwright_report")


def pytest_report_header(config: pytest.Config) -> str | None:
    """One line, in a run that was given one of the options."""
    token, directory = _asked(config)
    seed = config.getoption("lockwright_seed")
    profile = config.getoption("lockwright_profile")
    given = {"profile": profile, "seed": seed, "replay": token, "report": directory}
    said = [f"{name} {value}" for name, value in given.items() if value is not None]
    return f"lockwright: {', '.join(said)}" if said else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PlanFile | None:
    """A campaign's plan is a file of tests, if its name says so or somebody asks for it by name."""
    named = file_path.suffix == ".toml" and parent.session.isinitpath(file_path)
    if not named and not any(map(file_path.match, parent.config.getini("lockwright_plans"))):
        return None
    from lockwright.pytest_plugin.plans import PlanFile  # noqa: PLC0415  # not in every run

    return PlanFile.from_parent(parent, path=file_path)


@pytest.fixture
def explore(request: pytest.FixtureRequest) -> Explore:
    """Explore the interleavings of a scenario: explore(scenario).assert_verified()."""
    from lockwright.pytest_plugin.running import explorer  # noqa: PLC0415  # not in every run

    return explorer(request)


@pytest.fixture
def explore_trio(request: pytest.FixtureRequest) -> ExploreTrio:
    """Explore a trio program: explore_trio(main, strategy="every").assert_verified()."""
    from lockwright.pytest_plugin.trio_explorer import explorer  # noqa: PLC0415  # needs trio

    return explorer(request)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show a failure of ours as it is meant to be read; take along what was explored."""
    report = yield
    if RUNNING in sys.modules or (call.excinfo is not None and FAILING in sys.modules):
        from lockwright.pytest_plugin import running  # noqa: PLC0415  # not in every run

        running.reported(item, call, report)
    return report


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say which findings made tests fail, with their tokens, and where the report is."""
    if RUNNING in sys.modules or {"failed", "error"} & set(terminalreporter.stats):
        from lockwright.pytest_plugin import summary  # noqa: PLC0415  # not in every run

        summary.summarize(terminalreporter, config)
