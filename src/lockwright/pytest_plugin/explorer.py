"""The fixture `explore`: one test's way to explorations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote

from lockwright.calls import Calls, is_program
from lockwright.commands.crash import crash_text
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.location import Value
from lockwright.core.promise import Goal
from lockwright.core.result import Result
from lockwright.fault_sites import check_fails
from lockwright.pytest_plugin.asked import Asked, Layer, asked, of_profile
from lockwright.pytest_plugin.gathered import Exploration, exploration
from lockwright.pytest_plugin.once import result_of, run_once
from lockwright.pytest_plugin.subjects import Place, Subject, Subjects
from lockwright.scenario import Check, Outcome, Scenario
from lockwright.scope import Scope, ScopeSession, scope
from lockwright.session import Session
from lockwright.testing import profiles
from lockwright.testing.explored import Elsewhere, Explored, Replayed
from lockwright.testing.failure import REPLAY, Failure
from lockwright.token import Token, parse_token


@dataclass(slots=True)
class Run:
    """What all tests of a run share: where scenarios are found, what the command line says, and
    what was explored since the last report of a test.

    `token` is the one schedule that is replayed, None if all is explored; `force` takes it from
    another model, too.  `matched` tells that this test came to its scenario, `elsewhere` to which
    others it came.  `keeping` tells that somebody wants the results.
    """

    subjects: Subjects
    command_line: Layer
    token: Token | None = None
    force: bool = False
    keeping: bool = False
    explorations: list[Exploration] = field(default_factory=list)
    matched: bool = False
    replayed: list[Replayed] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def take(self) -> list[Exploration]:
        """What was explored since this was asked before."""
        taken, self.explorations = self.explorations, []
        return taken


class Explore:
    """`explore(scenario, **options)` explores, and gives what came of it.

    The scenario may be a `Scenario`, the name of one in the project, or a function that builds a
    world.  Options are those of the marker `interleavings`; the call's come first, then the
    markers', the nearest first, then the command line's, then the profile's.
    """

    def __init__(self, run: Run, nodeid: str, place: Place, markers: Sequence[Layer]) -> None:
        self._run = run
        self._nodeid = nodeid
        self._place = place
        self._markers = tuple(markers)
        self._count = 0

    def __repr__(self) -> str:
        return "<explore>"

    def __call__(
        self,
        scenario: Subject,
        *,
        outcome: Outcome | None = None,
        at_end: Iterable[Check] | None = None,
        sometimes: Iterable[Goal] | None = None,
        **options: Value,
    ) -> Explored:
        """Explore a scenario.

        `outcome` tells the final state of a world as a text, `at_end` gives promises and
        `sometimes` goals instead of the scenario's own.
        Raises UsageError for what cannot be explored, Failure if the model raises an exception.
        """
        __tracebackhide__ = True
        how = self._asked(options)
        chosen = self._run.subjects.scenario(scenario, self._place).with_parameters(how.parameters)
        if outcome is not None:
            chosen = replace(chosen, outcome=outcome)
        if at_end is not None:
            chosen = replace(chosen, at_end=tuple(at_end))
        if sometimes is not None:
            chosen = replace(chosen, sometimes=tuple(sometimes))
        if self._run.token is not None:
            return self._along_token(chosen, how, self._run.token)
        return self._explored(chosen, how)

    def scope(
        self, calls: Calls | str, *, tasks: int, operations: int, **options: Value
    ) -> Explored:
        """Explore every program of a design's calls with at most so many tasks, of at most so many
        calls each.

        `calls` is the vocabulary, or the name of a design whose vocabulary the project has.  The
        option executions bounds each program, seconds bounds all of them together.
        """
        __tracebackhide__ = True
        how = self._asked(options)
        if isinstance(calls, str):
            calls = self._run.subjects.vocabulary(calls)
        if self._run.token is not None:
            return self._program_of_token(calls, how, self._run.token)
        first = calls.scenario(next(scope(calls, tasks=tasks, operations=operations)))
        bounded = replace(how.options, version=self._run.subjects.version(first))
        session = ScopeSession(
            Scope(calls, tasks, operations), bounded, how.parameters, on_failure=crash_text
        )
        done = session.explore()
        command = self._command(first)
        if done.errors:
            raise Failure(_command_in(done.errors[0].error, command))
        result = result_of(done)
        self._keep(result, command, done.as_json())
        said = () if done.complete else (f"{done.covered}.", *how.stopped(done.executions))
        return Explored(result, command, said)

    def replay(
        self, token: str, *, scenario: Subject | None = None, force: bool = False
    ) -> Replayed:
        """One execution along a token's schedule.

        The scenario is the project's of the token's name, if none is given.  Raises UsageError for
        a token that does not fit, and for one of another version of the model unless `force`.
        """
        __tracebackhide__ = True
        wanted = parse_token(token)
        subject = wanted.scenario if scenario is None else scenario
        chosen = self._run.subjects.scenario(subject, self._place)
        if chosen.name != wanted.scenario:
            raise UsageError(f"the token is of {wanted.scenario}, not of {chosen.name}")
        chosen = chosen.with_parameters(dict(wanted.parameters))
        return self._replayed(chosen, self._asked({}), wanted, force=force)

    def _asked(self, options: Mapping[str, Value]) -> Asked:
        profile = of_profile(profiles.current())
        layers = (Layer("explore()", options), *self._markers, self._run.command_line, profile)
        return asked(layers)

    def _explored(self, scenario: Scenario, how: Asked) -> Explored:
        __tracebackhide__ = True
        check_fails(scenario)
        options = replace(how.options, version=self._run.subjects.version(scenario))
        session = Session(scenario, options)
        try:
            result = session.explore()
        except LockwrightError:
            raise
        except (Exception, SystemExit) as error:
            raise self._crashed(session, error) from error
        command = self._command(scenario)
        self._keep(result, command)
        said = () if result.complete else how.stopped(result.executions)
        return Explored(result, command, said)

    def _along_token(self, scenario: Scenario, how: Asked, token: Token) -> Explored:
        """The execution of the token, if it is one of this scenario."""
        __tracebackhide__ = True
        given = {(name, str(value).lower()) for name, value in scenario.given.items()}
        wanted = {(name, value.lower()) for name, value in token.parameters}
        if scenario.name != token.scenario or given != wanted:
            self._run.elsewhere.append(scenario.name)
            return Elsewhere(Result(scenario.name, scenario.title, {}, "replay"))
        self._run.matched = True
        replayed = self._replayed(scenario, how, token, force=self._run.force)
        self._run.replayed.append(replayed)
        return replayed

    def _program_of_token(self, calls: Calls, how: Asked, token: Token) -> Explored:
        """The execution of the token, if it is one of a program of these calls."""
        __tracebackhide__ = True
        design, _, case = token.scenario.partition(":")
        if design != calls.design or not is_program(case):
            self._run.elsewhere.append(f"programs of {calls.design}")
            return Elsewhere(Result(calls.design, "", {}, "replay"))
        return self._along_token(calls.scenario(case).with_parameters(how.parameters), how, token)

    def _replayed(self, scenario: Scenario, how: Asked, token: Token, *, force: bool) -> Replayed:
        __tracebackhide__ = True
        version = self._run.subjects.version(scenario)
        if token.version != version and not force:
            raise UsageError(
                f"token of another model version: it was made with {token.version or 'none'}, the "
                f"model here is {version}; explore again, or try force=True, as "
                "--lockwright-force does"
            )
        session = Session(
            scenario, replace(how.options, strategy="replay", version=version, jobs=1)
        )
        try:
            result, events = run_once(session, token)
        except LockwrightError:
            raise
        except (Exception, SystemExit) as error:
            raise self._crashed(session, error) from error
        command = self._command(scenario)
        self._keep(result, command)
        return Replayed(result, command, events=events)

    def _crashed(self, session: Session, error: BaseException) -> Failure:
        """The failure of a model that raised an exception."""
        return Failure(_command_in(crash_text(session, error), self._command(session.scenario)))

    def _command(self, scenario: Scenario) -> str:
        """What replays a token of this scenario: this test, where the project does not have it."""
        if self._run.subjects.replays(scenario):
            return REPLAY
        return f"pytest {quote(self._nodeid)} --lockwright-replay"

    def _keep(self, result: Result, command: str, whole: Mapping[str, Value] | None = None) -> None:
        """Keep it for the report; `whole` is its JSON where it is more than one exploration."""
        self._count += 1
        if self._run.keeping:
            kept = exploration(self._nodeid, self._count, result, command)
            if whole is not None:
                kept["result"] = json.dumps(whole, indent=1, sort_keys=True)
            self._run.explorations.append(kept)


def _command_in(text: str, command: str) -> str:
    """The same text, with another command before its token."""
    return text.replace(f"{REPLAY} '", f"{command} '")
