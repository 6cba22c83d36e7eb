"""One pytest run that explores: what its tests share, and what it says at its end."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.pytest_plugin.asked import Layer
from lockwright.pytest_plugin.attributes import EXPLORED, GATHERING, REPLAYED, REPLAYING
from lockwright.pytest_plugin.explorer import Explore, Run
from lockwright.pytest_plugin.gathered import Exploration, Report, exploration
from lockwright.pytest_plugin.subjects import Place, Subjects
from lockwright.pytest_plugin.told import each_of, tell
from lockwright.report.findings import events_text
from lockwright.testing.choice import replay_only
from lockwright.testing.explored import Replayed
from lockwright.testing.failure import Failure
from lockwright.token import parse_token

MARKER = "interleavings"
BROKEN = 1_000_000
"""The number of what the first machine of a test broke, above those of what `explore` explored."""
FIXTURES = {"explore", "explore_trio"}
KEY = pytest.StashKey[Run]()


def run_of(config: pytest.Config) -> Run:
    """What the tests of this run share."""
    run = config.stash.get(KEY, None)
    if run is None:
        run = config.stash[KEY] = _made(config)
    return run


def _made(config: pytest.Config) -> Run:
    seed, token = config.getoption("lockwright_seed"), config.getoption("lockwright_replay")
    below = config.getini("lockwright_project")
    given = {} if seed is None else {"seed": seed}
    return Run(
        Subjects((config.inipath or config.rootpath / "-").parent / below),
        Layer("--lockwright-seed", given),
        None if token is None else parse_token(token),
        force=config.getoption("lockwright_force"),
        keeping=config.getoption("lockwright_report") is not None,
    )


def explorer(request: pytest.FixtureRequest) -> Explore:
    """The fixture of one test.  Raises UsageError for a marker that is none."""
    node = request.node
    layers = []
    for at, marker in node.iter_markers_with_node(MARKER):
        where = f"{MARKER}() of {at.nodeid or 'the session'}"
        if marker.args:
            raise UsageError(
                f"{where}: options are given by name, as in {MARKER}(strategy='pct', seed=7)"
            )
        layers.append(Layer(where, marker.kwargs))
    place = Place(Path(str(node.path)).stem, node.name)
    return Explore(run_of(request.config), node.nodeid, place, layers)


def configure(config: pytest.Config, token: str | None, directory: str | None) -> None:
    """Make ready for what was asked for on the command line.  Raises pytest's UsageError."""
    try:
        if token is not None:
            config.pluginmanager.register(Replaying(config), REPLAYING)
        if directory is not None and not hasattr(config, "workerinput"):
            where = config.invocation_params.dir / directory
            config.pluginmanager.register(Gathering(where), GATHERING)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def reported(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Show a failure as it is meant to be, and let the report carry what was explored."""
    broken = []
    if call.excinfo is not None:
        tell(item, call, report)
        if item.config.getoption("lockwright_report") is not None:
            broken = _broken(item, call.excinfo.value)
    run = item.config.stash.get(KEY, None)
    explorations = [*(run.take() if run is not None else ()), *broken]
    if explorations:
        setattr(report, EXPLORED, explorations)
    if run is None:
        return
    if run.matched and report.when == "call":
        setattr(report, REPLAYED, [_replayed_text(each) for each in run.replayed])


def _broken(item: pytest.Item, error: BaseException) -> list[Exploration]:
    """What concurrent machines broke: that is in the report, too, by numbers of its own."""
    return [
        exploration(item.nodeid, BROKEN + nth, each.result, command)
        for nth, each in enumerate(each_of(error))
        if isinstance(each, Failure) and each.result is not None
        if (command := getattr(each, "replay", ""))
    ]


def _replayed_text(replayed: Replayed) -> str:
    result = replayed.result
    said = [result.scenario, "", events_text(replayed.events), ""]
    if not result.findings:
        said.append("no rule is broken in this execution")
        said.append("(an exploration judges lock order over many, this was one)")
    said += result.assumptions
    return "\n".join(said).rstrip()


class Replaying:
    """Only the tests that explore are run, and of these only the schedule of the token."""

    def __init__(self, config: pytest.Config) -> None:
        token = run_of(config).token
        assert token is not None
        self.run = run_of(config)
        self.scenario = token.scenario
        self.found = False
        self.before = replay_only(str(token))

    def pytest_unconfigure(self) -> None:
        """Machines run as always, where pytest runs inside pytest."""
        replay_only(self.before)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Deselect all tests that do not explore."""
        chosen = [
            item
            for item in items
            if FIXTURES & set(getattr(item, "fixturenames", ())) or _machine(item) is not None
        ]
        if len(chosen) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
            items[:] = chosen

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Each test begins with nothing replayed."""
        self.run.matched, self.run.replayed, self.run.elsewhere = False, [], []
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Skip a test that never came to the token's scenario, whatever it asked of the others."""
        if (machine := _machine(item)) is not None:
            self.run.elsewhere.append(machine.calls.design)
            self.run.matched = self.scenario.startswith(f"{machine.calls.design}:")
        try:
            yield
        except Exception:
            if self.run.matched:
                raise
        if not self.run.matched:
            names = ", ".join(dict.fromkeys(self.run.elsewhere)) or "nothing"
            pytest.skip(f"the token is of {self.scenario}; this test explores {names}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Was it found, by whatever worker?"""
        self.found = self.found or hasattr(report, REPLAYED)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A token that nobody replayed is no success."""
        if not self.found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def _machine(item: pytest.Item) -> Value:
    """The concurrent machine that a test is made of, None if it is none."""
    return getattr(getattr(item, "cls", None), "lockwright_machine", None)


class Gathering:
    """Takes in what all tests have explored, and writes the report at the end."""

    def __init__(self, directory: Path) -> None:
        self.report = Report(directory)
        self.said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test has explored something."""
        self.report.add(getattr(report, EXPLORED, ()))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report; one that cannot be written is said at the end."""
        try:
            self.said = self.report.write()
        except UsageError as error:
            self.said = f"no report: {error}"
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
